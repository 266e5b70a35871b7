"""What every player of a song knows: the grid, the sections, the chords, and where its own draws come from."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from schemas.genre import Genre, LayerSpec
from schemas.score import PPQ, Bar, Chord, Section
from workers.composing.draws import Draws
from workers.composing.meters import beats_of
from workers.composing.theory import Key


@dataclass(frozen=True)
class SongContext:
    """A song before its players have played."""

    genre: Genre
    draws: Draws
    key: Key
    tempo_bpm: float
    swing: float
    bars: list[Bar]
    sections: list[Section]
    layers: dict[str, LayerSpec]  #: of the layers that play in this song, by name
    chords: list[Chord] = field(default_factory=list)

    @property
    def end(self) -> int:
        """End of the last bar, ticks."""
        last = self.bars[-1]
        return last.start + last.ticks

    def bars_of(self, section: Section) -> list[Bar]:
        """Return the bars of a section."""
        return [bar for bar in self.bars if section.start <= bar.start < section.end]

    def sections_of(self, layer: str) -> list[Section]:
        """Return the sections in which a layer plays."""
        return [section for section in self.sections if layer in section.layers]

    def chord_at(self, tick: int) -> Chord:
        """Return the chord that sounds at a time."""
        return self.chords[max(0, bisect_right(self.chords, tick, key=_start) - 1)]

    def chords_in(self, bar: Bar) -> list[Chord]:
        """Return the chords that sound in a bar, of which the first may have begun before it."""
        first = max(0, bisect_right(self.chords, bar.start, key=_start) - 1)
        return self.chords[first : bisect_left(self.chords, bar.end, key=_start)]

    def is_last(self, bar: Bar) -> bool:
        """Whether the song ends with a bar: all who play in it hold its chord."""
        return bar.end == self.end

    def chords_of(self, section: Section) -> list[Chord]:
        """Return the chords of a section; none reaches beyond it."""
        return [chord for chord in self.chords if section.start <= chord.start < section.end]

    def beats_of(self, bar: Bar) -> list[tuple[int, int]]:
        """Return start and length of the beats of a bar, ticks from the song's start."""
        return [(bar.start + beat.start, beat.ticks) for beat in beats_of(bar.meter)]

    def beats_in(self, bar: Bar) -> list[tuple[int, int]]:
        """Return start and end of the beats of a bar."""
        return [(start, start + ticks) for start, ticks in self.beats_of(bar)]

    def variant(self, section: Section, bar: int) -> tuple[object, ...]:
        """Return what a player adds to the purpose of a bar's draws, so that repeats are alike but for variations.

        Bars four apart are drawn alike; the bars of a later occurrence are drawn anew as often as the genre says.
        """
        if section.occurrence == 1:
            return (bar % 4,)
        chance = self.draws.stream("variation", section.name, section.occurrence, bar)
        return (bar % 4, section.occurrence) if chance.chance(self.genre.variation) else (bar % 4,)

    def first_of(self, role: str) -> str | None:
        """Return the layer that leads those of a role; None where the song has none."""
        return next((name for name, spec in self.layers.items() if spec.role == role), None)

    def program_of(self, layer: str) -> int:
        """Draw a layer's program; all drums of a song share a channel, hence the kit of its first drum layer."""
        owner = (self.first_of("beat") if self.layers[layer].role == "beat" else None) or layer
        return self.draws.stream("program", owner).choice(self.layers[owner].programs)

    def ticks_of_ms(self, milliseconds: float) -> float:
        """Return how many ticks a time lasts."""
        return milliseconds / 60_000 * self.tempo_bpm * PPQ


def _start(chord: Chord) -> int:
    return chord.start
