"""The drummer: a pattern for each section, a fill at its end, and a crash where the next one begins."""

from __future__ import annotations

from typing import Final

from schemas.score import Bar, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.draws import Stream
from workers.composing.meters import beats_of
from workers.composing.patterns import Pattern, fits, parse_pattern

_KICK: Final = 36
_SNARE: Final = 38
_HAT: Final = 42
_CRASH: Final = 49
_CRASH_VELOCITY: Final = 104
_PLAIN: Final = 92
#: Share of the plain hits that fall out of a varied bar.
_DROPPED: Final = 0.12


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a drum layer; every hit lasts until its place in the bar ends."""
    return [note for section in song.sections_of(layer) for note in _section(song, section, layer)]


def _section(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    bars = song.bars_of(section)
    stream = song.draws.stream("drums", layer, section.name)
    beat, roll = (_drawn(song, layer, name, bars[0], stream) for name in (section.name, f"{section.name}_roll"))
    notes: list[ScoreNote] = []
    for number, bar in enumerate(bars):
        is_fill = roll is not None and number == len(bars) - 1 and len(bars) > 1
        pattern = roll if is_fill and roll is not None else beat or _plain(bar)
        varied = song.draws.stream("drum variation", layer, section.name, *song.variant(section, number))
        notes += _played(pattern, bar, varied, drop=_DROPPED if number % 2 and not is_fill else 0.0)
    if _crashes(song, section):
        first = bars[0]
        notes.append(ScoreNote(first.start, first.start + first.ticks // 2, _CRASH, _CRASH_VELOCITY))
    return sorted(_without_repeats(notes))


def _drawn(song: SongContext, layer: str, name: str, bar: Bar, stream: Stream) -> Pattern | None:
    """Draw a pattern of a section that goes with its meter, the layer's own first; None where there is none."""
    numerator, denominator = bar.meter
    table = song.genre.patterns.get(f"{numerator}/{denominator}", {})
    lines = table.get(f"{layer}/{name}") or table.get(name, [])
    possible = [pattern for pattern in map(parse_pattern, lines) if fits(pattern, bar.ticks, numerator)]
    return stream.pick(possible) if possible else None


def _plain(bar: Bar) -> Pattern:
    """Return the simplest beat of a meter: the kick on one, the snare half-way, the hi-hat on every beat."""
    beats = beats_of(bar.meter)
    slot = min(beat.ticks for beat in beats) if len({beat.ticks for beat in beats}) == 1 else beats[0].ticks // 2
    middle = beats[len(beats) // 2].start
    entries = []
    for start in range(0, bar.ticks, slot):
        on_beat = any(beat.start == start for beat in beats)
        drums = [_KICK] if start == 0 else [_SNARE] if start == middle else []
        entries.append("+".join(map(str, [*drums, *([_HAT] if on_beat else [])])) or "0")
    return parse_pattern(", ".join(entries))


def _played(pattern: Pattern, bar: Bar, stream: Stream, *, drop: float) -> list[ScoreNote]:
    slot = bar.ticks // pattern.slots
    notes = []
    for hit in pattern.hits:
        is_dropped = stream.chance(drop) and hit.velocity < _PLAIN
        if not is_dropped:
            start = bar.start + hit.slot * slot
            notes.append(ScoreNote(start, start + slot, hit.key, hit.velocity))
    return notes


def _crashes(song: SongContext, section: Section) -> bool:
    """Whether a section begins with a crash: as often as the genre is loud there, and never at the song's start."""
    if section.start == 0:
        return False
    return song.draws.stream("crash", section.name, section.occurrence).chance(
        song.genre.dynamics.get(section.name, 0.8) - 0.3
    )


def _without_repeats(notes: list[ScoreNote]) -> list[ScoreNote]:
    """Keep the loudest of hits of one drum at one time."""
    loudest: dict[tuple[int, int], ScoreNote] = {}
    for note in notes:
        place = (note.start, note.key)
        if place not in loudest or loudest[place].velocity < note.velocity:
            loudest[place] = note
    return list(loudest.values())
