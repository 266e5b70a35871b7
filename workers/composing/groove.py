"""How a score is played: swing on every layer, hands that are not machines, and louder and softer sections."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from schemas.score import PPQ, Bar, ScoreNote
from workers.composing.context import SongContext
from workers.composing.meters import beats_of, is_compound

#: Velocities differ by so much from note to note (standard deviation).
_TOUCH: Final = 4.0
#: A note is at least so long after all: a thirty-second.
_LEAST: Final = PPQ // 8
#: What is added to the velocity of the first note of a bar, and of what falls between the beats, but for drums: their
#: patterns say it.
_DOWNBEAT: Final = 5.0
_BETWEEN: Final = -4.0


class _Grid:
    """Bars and sections, ready to be asked for many times."""

    def __init__(self, song: SongContext) -> None:
        self._song = song
        self._end = song.end
        self._bars = [bar.start for bar in song.bars]
        self._sections = [section.start for section in song.sections]

    def section(self, tick: int) -> int:
        """Return which section a time is in."""
        return bisect_right(self._sections, tick) - 1

    def swung(self, tick: int) -> float:
        """Return where a time of the straight grid lies when its beat swings: its middle moves, and all between with it."""
        if tick >= self._end:
            return tick
        bar = self._song.bars[bisect_right(self._bars, tick) - 1]
        return tick if is_compound(bar.meter) else _in_beat(tick, bar, self._song.swing)

    def accent(self, tick: int) -> float:
        """Return what is added to the velocity at a time of the straight grid."""
        bar = self._song.bars[bisect_right(self._bars, tick) - 1]
        if tick == bar.start:
            return _DOWNBEAT
        return 0.0 if any(bar.start + beat.start == tick for beat in beats_of(bar.meter)) else _BETWEEN


def groove(notes: list[ScoreNote], song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes as they are played, by time; each stays in its section, and no key is struck while it is down."""
    stream, grid = song.draws.stream("hands", layer), _Grid(song)
    jitter = song.ticks_of_ms(song.genre.humanise_ms)
    is_drum = song.layers[layer].role == "beat"
    loudness = [song.genre.dynamics.get(section.name, 1.0) for section in song.sections]
    played = []
    for note in sorted(notes):
        number = grid.section(note.start)
        section = song.sections[number]
        moved = max(-jitter, min(jitter, stream.normal(0.0, jitter / 2)))
        start = round(grid.swung(note.start) + moved)
        start = max(section.start, min(start, section.end - _LEAST))
        end = max(start + _LEAST, min(round(grid.swung(note.end)), section.end))
        velocity = note.velocity * loudness[number] + stream.normal(0.0, _TOUCH)
        velocity += 0.0 if is_drum else grid.accent(note.start)
        played.append(ScoreNote(start, end, note.key, _velocity(velocity, song)))
    return _let_go(sorted(played))


def _velocity(value: float, song: SongContext) -> int:
    """Return a velocity in the genre's range: what players mean by 40 to 120 is spread over it."""
    low, high = song.genre.velocity
    return max(1, min(127, round(low + (min(max(value, 40.0), 120.0) - 40.0) / 80.0 * (high - low))))


def _in_beat(tick: int, bar: Bar, swing: float) -> float:
    """Swing the halves of a beat; what divides it by three stands where it is: it swings as it is written."""
    offset = tick - bar.start
    beat = next(beat for beat in reversed(beats_of(bar.meter)) if beat.start <= offset)
    place = offset - beat.start
    if place * 8 % beat.ticks:
        return tick
    share = place / beat.ticks
    warped = share * 2 * swing if share < 0.5 else swing + (share - 0.5) * 2 * (1 - swing)
    return bar.start + beat.start + warped * beat.ticks


def _let_go(notes: list[ScoreNote]) -> list[ScoreNote]:
    """Release a key before it is struck again; of two strikes at one time the first stays."""
    kept: list[ScoreNote] = []
    down: dict[int, int] = {}
    for note in notes:
        before = down.get(note.key)
        if before is not None and kept[before].end > note.start:
            if kept[before].start + 1 >= note.start:
                continue
            kept[before] = kept[before]._replace(end=note.start)
        down[note.key] = len(kept)
        kept.append(note)
    return kept
