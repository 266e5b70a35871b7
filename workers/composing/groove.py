"""How a score is played: swing on every layer, hands that are not machines, and louder and softer sections."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from schemas.score import Bar, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.meters import beats_of, is_compound

#: Velocities differ by so much from note to note (standard deviation).
_TOUCH: Final = 4.0
#: A note is at least so long after all: a thirty-second.
_LEAST: Final = 105


def groove(notes: list[ScoreNote], song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes as they are played, in order of time; each stays in its section, and no key is struck while it is down."""
    stream = song.draws.stream("hands", layer)
    jitter = song.ticks_of_ms(song.genre.humanise_ms)
    starts = [bar.start for bar in song.bars]
    played = []
    for note in sorted(notes):
        section = _section_at(song, note.start)
        moved = max(-jitter, min(jitter, stream.normal(0.0, jitter / 2)))
        start = round(_swung(note.start, song, starts) + moved)
        end = round(_swung(note.end, song, starts))
        start = max(section.start, min(start, section.end - _LEAST))
        velocity = _velocity(
            note.velocity * song.genre.dynamics.get(section.name, 1.0) + stream.normal(0.0, _TOUCH), song
        )
        played.append(ScoreNote(start, max(start + _LEAST, min(end, section.end)), note.key, velocity))
    return _let_go(sorted(played))


def _velocity(value: float, song: SongContext) -> int:
    """Return a velocity in the genre's range: what players mean by 40 to 120 is spread over it."""
    low, high = song.genre.velocity
    return max(1, min(127, round(low + (min(max(value, 40.0), 120.0) - 40.0) / 80.0 * (high - low))))


def _section_at(song: SongContext, tick: int) -> Section:
    return song.sections[bisect_right([section.start for section in song.sections], tick) - 1]


def _swung(tick: int, song: SongContext, starts: list[int]) -> float:
    """Return where a time of the straight grid lies when its beat swings: its middle moves, and all between with it."""
    if tick >= song.end:
        return tick
    bar = song.bars[bisect_right(starts, tick) - 1]
    if is_compound(bar.meter):
        return tick
    return _in_beat(tick, bar, song.swing)


def _in_beat(tick: int, bar: Bar, swing: float) -> float:
    offset = tick - bar.start
    beat = next(beat for beat in reversed(beats_of(bar.meter)) if beat.start <= offset)
    place = (offset - beat.start) / beat.ticks
    warped = place * 2 * swing if place < 0.5 else swing + (place - 0.5) * 2 * (1 - swing)
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
