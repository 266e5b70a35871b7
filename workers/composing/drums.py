"""The drummers: a pattern for each section, a fill at its end, and a crash where the next one begins.

The first drum layer of a song plays the kit; others, such as congas, play only what the genre writes for them.
"""

from __future__ import annotations

from typing import Final

from schemas.score import Bar, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.draws import Stream
from workers.composing.kits import on_kit
from workers.composing.meters import Beat, beats_of
from workers.composing.patterns import Pattern, fits, parse_pattern

_KICK: Final = 36
_SNARE: Final = 38
_HAT: Final = 42
_CRASH: Final = 49
_MARACAS: Final = 70
#: From the highest tom to the lowest.
_TOMS: Final = (50, 47, 45, 43)
_CRASH_VELOCITY: Final = 104
_PLAIN: Final = 92
#: Share of the ghost notes that fall out of a varied bar.
_DROPPED: Final = 0.12
#: How often a section that comes again has another pattern, times the genre's variation.
_ANOTHER: Final = 0.5


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a drum layer; every hit lasts until its place in the bar ends."""
    return [note for section in song.sections_of(layer) for note in _section(song, section, layer)]


def _section(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    bars = song.bars_of(section)
    beat, roll = _patterns(song, section, layer, bars[0])
    notes: list[ScoreNote] = []
    for number, bar in enumerate(bars):
        is_fill = number == len(bars) - 1 and len(bars) > 1
        varied = song.draws.stream("drum variation", layer, section.name, *song.variant(section, number))
        pattern = roll if is_fill else beat
        notes += _played(pattern, bar, varied, drop=_DROPPED if number % 2 and not is_fill else 0.0)
    if layer == song.first_of("beat") and _crashes(song, section):
        first = bars[0]
        notes.append(ScoreNote(first.start, first.start + first.ticks // 2, _CRASH, _CRASH_VELOCITY))
    if section.end == song.end and notes:  # the last stroke rings to the end of the song
        last = max(note.start for note in notes)
        notes = [note._replace(end=song.end) if note.start == last else note for note in notes]
    kit = song.program_of(layer)
    return sorted(_without_repeats([note._replace(key=on_kit(note.key, kit)) for note in notes]))


def _patterns(song: SongContext, section: Section, layer: str, bar: Bar) -> tuple[Pattern, Pattern]:
    """Return what a section is played with, and what its last bar is."""
    stream = song.draws.stream("drums", layer, section.name)
    again = song.draws.stream("drums again", layer, section.name, section.occurrence)
    if section.occurrence > 1 and again.chance(_ANOTHER * song.genre.variation):
        stream = again
    beat, roll = (_drawn(song, layer, name, bar, stream) for name in (section.name, f"{section.name}_roll"))
    if layer != song.first_of("beat"):
        beat = beat or _shaken(bar)
        return beat, roll or beat
    beat = beat or _plain(bar)
    if roll is None:
        roll = _ending(bar) if section.end == song.end else _fill(beat, bar)
    return beat, roll


def _drawn(song: SongContext, layer: str, name: str, bar: Bar, stream: Stream) -> Pattern | None:
    """Draw a pattern of a section that goes with its meter, the layer's own first; None where there is none."""
    numerator, denominator = bar.meter
    table = song.genre.patterns.get(f"{numerator}/{denominator}", {})
    lines = table.get(f"{layer}/{name}", [])
    if not lines and layer == song.first_of("beat"):
        lines = table.get(name, [])
    possible = [pattern for pattern in map(parse_pattern, lines) if fits(pattern, bar.ticks, numerator)]
    return stream.pick(possible) if possible else None


def _plain(bar: Bar) -> Pattern:
    """Return the simplest beat of a meter: the kick on one, the snare half-way, the hi-hat on every beat."""
    beats = beats_of(bar.meter)
    middle = beats[len(beats) // 2].start
    drums = {beat.start: [_HAT] for beat in beats}
    drums[0].append(_KICK)
    drums[middle].append(_SNARE)
    return _every(_slot(beats), bar, drums)


def _shaken(bar: Bar) -> Pattern:
    """Return maracas on every place of a bar, as percussion plays them where nothing is written for it."""
    slot = _slot(beats_of(bar.meter))
    return _every(slot, bar, {start: [_MARACAS] for start in range(0, bar.ticks, slot)})


def _slot(beats: tuple[Beat, ...]) -> int:
    """Return the longest time that divides every beat: half a beat, or a third where beats divide by three."""
    lengths = {beat.ticks for beat in beats}
    return min(lengths) // 2 if len(lengths) > 1 or min(lengths) % 3 or min(lengths) % 2 == 0 else min(lengths) // 3


def _fill(beat: Pattern, bar: Bar) -> Pattern:
    """Return the first half of a beat, and then snare and toms to the end of the bar."""
    half = next(start for start in (one.start for one in beats_of(bar.meter)) if 2 * start >= bar.ticks)
    slot = bar.ticks // beat.slots
    drums = {number * slot: [hit.key for hit in beat.hits if hit.slot == number] for number in range(half // slot)}
    step = _slot(beats_of(bar.meter)) // 2
    places = range(half, bar.ticks, step)
    for count, start in enumerate(places):
        drums[start] = [_SNARE if count < 2 else _TOMS[min(count * len(_TOMS) // len(places), len(_TOMS) - 1)]]
    return _every(step, bar, drums)


def _ending(bar: Bar) -> Pattern:
    """Return kick and crash on one, and nothing after them."""
    return _every(bar.ticks, bar, {0: [_KICK, _CRASH]})


def _every(slot: int, bar: Bar, drums: dict[int, list[int]]) -> Pattern:
    entries = ("+".join(map(str, drums.get(start, []))) or "0" for start in range(0, bar.ticks, slot))
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
