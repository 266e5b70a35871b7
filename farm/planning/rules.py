"""The rules by which a plan rejects a song on its facts alone; each has a name of its own."""

from __future__ import annotations

from collections.abc import Iterator

from farm.planning.band import Broken, broken_band_rules
from farm.planning.bands import band_of
from schemas.gm import DRUM_PROGRAM
from schemas.plan import DatasetPlan
from schemas.song import PartFacts, SongFacts
from schemas.states import RejectReason
from schemas.words import counted


class Rules:
    """The rules of one plan, for many songs.

    Raises:
        PlanError: the plan names a band that does not exist.
    """

    def __init__(self, plan: DatasetPlan) -> None:
        self._filters = plan.filters
        self._instruments = plan.instruments
        self._mapped = plan.instruments.loaded is not None
        self._band = band_of(plan.filters.band)
        self._playable: dict[tuple[int, int | None, int | None], bool] = {}

    def broken(self, song: SongFacts) -> Broken | None:
        """Return the plainest rule that a song breaks, with a word on how; None if it keeps them all."""
        return next(self.all_broken(song), None)

    def all_broken(self, song: SongFacts) -> Iterator[Broken]:
        """Yield every rule that a song breaks, the plainest first."""
        yield from self._size(song)
        if not self._instruments.separate_drums:
            kits = sum(part.is_drum for part in song.parts)
            if kits > 1:
                yield RejectReason.SEVERAL_DRUMS, f"{kits} drum parts, and the plan does not separate drums"
        yield from broken_band_rules(self._band, song.parts, self.has_patch)
        if song.parts and not any(map(self.has_patch, song.parts)):
            yield RejectReason.NO_PATCH, "the instrument map has no patch for any part of it"

    def has_patch(self, part: PartFacts) -> bool:
        """Whether the plan's instrument map can play a part, from its lowest key to its highest; see `fits`."""
        if not self._mapped:
            return True
        program = DRUM_PROGRAM if part.is_drum else part.program
        key = (program, part.low_key, part.high_key)
        if key not in self._playable:
            known = part.low_key is not None and part.high_key is not None
            keys = range(part.low_key or 0, (part.high_key or 0) + 1) if known else ()
            self._playable[key] = bool(self._instruments.choices(program, keys))
        return self._playable[key]

    def _size(self, song: SongFacts) -> Iterator[Broken]:
        filters, parts = self._filters, len(song.parts)
        if song.notes == 0:
            yield RejectReason.NO_NOTES, "it has no notes"
        if song.duration_s < filters.min_duration_s:
            yield RejectReason.TOO_SHORT, f"{song.duration_s:.1f} s, at least {filters.min_duration_s:g} s are wanted"
        if song.duration_s > filters.max_duration_s:
            yield RejectReason.TOO_LONG, f"{song.duration_s:.1f} s, at most {filters.max_duration_s:g} s are wanted"
        if parts < filters.min_parts:
            yield RejectReason.TOO_FEW_PARTS, f"{counted(parts, 'part')}, at least {filters.min_parts} are wanted"
        if parts > filters.max_parts:
            yield RejectReason.TOO_MANY_PARTS, f"{counted(parts, 'part')}, at most {filters.max_parts} are wanted"
        if song.notes < filters.min_notes:
            yield RejectReason.TOO_FEW_NOTES, f"{counted(song.notes, 'note')}, at least {filters.min_notes} are wanted"
        yield from self._pace(song)

    def _pace(self, song: SongFacts) -> Iterator[Broken]:
        """Yield what is wrong with density, rests and tempo: signs of files that are no music, or no whole song."""
        filters = self._filters
        density = song.notes / song.duration_s if song.duration_s > 0 else 0.0
        if density < filters.min_notes_per_s:
            yield RejectReason.TOO_SPARSE, f"{density:.2f} notes/s, at least {filters.min_notes_per_s:g} are wanted"
        if filters.max_notes_per_s is not None and density > filters.max_notes_per_s:
            yield RejectReason.TOO_DENSE, f"{density:.2f} notes/s, at most {filters.max_notes_per_s:g} are wanted"
        if filters.max_rest_s is not None and song.longest_rest_s > filters.max_rest_s:
            yield (
                RejectReason.LONG_REST,
                f"nobody plays for {song.longest_rest_s:.1f} s, at most {filters.max_rest_s:g} s are wanted",
            )
        if filters.tempo_bpm is not None and song.tempo_bpm is not None:
            (low, high), (slowest, fastest) = filters.tempo_bpm, song.tempo_bpm
            if slowest < low or fastest > high:
                found = f"{slowest:.1f}" if slowest == fastest else f"{slowest:.1f} to {fastest:.1f}"
                yield RejectReason.ODD_TEMPO, f"{found} beats a minute, {low:g} to {high:g} are wanted"
