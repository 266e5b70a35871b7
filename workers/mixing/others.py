"""Other mixes of a song: other gains and places of the same raw stems, written in the same pass as its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from schemas.mixplan import MixPlan
from schemas.plan import DatasetPlan, OutputPlan
from schemas.roles import (
    OWN_MIX,
    MixedStem,
    MixRole,
    OtherMix,
    Stand,
    StemKind,
    other_mix_audio,
    other_stem_audio,
    stand_of,
)
from workers.mixing.deciding import Gains, certain_peak, decide_gains
from workers.mixing.gains import decibels
from workers.mixing.pan import Factor, Sides, placed
from workers.mixing.sides import measure_sides
from workers.mixing.stems import StemInput, loudness_in_place, peaks_of
from workers.mixing.write import OtherFigures, OtherFiles

#: Significant digits of a factor between two mixes: so fine that only the rounding of the files counts.
_RELATIVE_DIGITS: Final = 10


class OtherOrder(NamedTuple):
    """What is wanted of another mix."""

    name: str
    plan: MixPlan  #: as if it were the only one
    stands: Mapping[str, Stand]  #: by stem; the others stay as they are
    stems: bool = False  #: publish its stems


def stands_of(
    roles: Sequence[MixRole], kinds: Mapping[str, StemKind], *, seed: int, song_hash: str, mix: str = OWN_MIX
) -> dict[str, Stand]:
    """Return gain and pan of every stem in a mix, by name; nothing where all stay as they are."""
    if not roles and not any(kind.gain_db for kind in kinds.values()):
        return {}
    return {
        stem: stand_of(roles, kind, seed=seed, song_hash=song_hash, stem=stem, mix=mix) for stem, kind in kinds.items()
    }


def orders_of(plan: DatasetPlan, kinds: Mapping[str, StemKind], song_hash: str) -> list[OtherOrder]:
    """Return the other mixes that a plan wants of a song, whose stems `kinds` tells by name."""
    return [
        OtherOrder(
            other.name,
            plan.mix.of(other),
            stands_of(other.roles, kinds, seed=plan.seed, song_hash=song_hash, mix=other.name),
            other.stems,
        )
        for other in plan.mix.others
    ]


class Decided(NamedTuple):
    """Another mix before it is written."""

    order: OtherOrder
    stems: list[StemInput]  #: in their places
    gains: Gains

    @property
    def factors(self) -> list[Factor]:
        """What every stem is multiplied with."""
        return [stem.factor(gain_db) for stem, gain_db in zip(self.stems, self.gains.total_db, strict=True)]


def in_places(stems: Sequence[StemInput], stands: Mapping[str, Stand], sides: dict[str, Sides]) -> list[StemInput]:
    """Return the stems in the places of a mix; the sides of those that are moved are measured once and kept in `sides`."""
    found = []
    for stem in stems:
        stand = stands.get(stem.name, Stand())
        if stand.pan != 0.0 and stem.name not in sides:
            sides[stem.name] = measure_sides(stem.reader)
        found.append(stem._replace(place=placed(*stand, sides.get(stem.name))))
    return found


def decide_others(
    orders: Sequence[OtherOrder],
    stems: Sequence[StemInput],
    loudness_lufs: Sequence[float | None],
    output: OutputPlan,
    *,
    frames: int,
    sides: dict[str, Sides],
) -> list[Decided]:
    """Decide the gains of every other mix, each for itself."""
    decided = []
    for order in orders:
        there = in_places(stems, order.stands, sides)
        decided.append(Decided(order, there, decide_gains(there, loudness_lufs, order.plan, output, frames=frames)))
    return decided


def other_files(mixes: Sequence[Decided], output: OutputPlan) -> list[OtherFiles]:
    """Return what is to be written of other mixes."""
    return [
        OtherFiles(
            factors=mix.factors,
            path=other_mix_audio(mix.order.name, output.format),
            stem_paths=[_stem_path(mix, stem.name, output) for stem in mix.stems],
            true_peak_floor=certain_peak(mix.gains.mix_peak, output, len(mix.stems))
            if mix.order.plan.peak == "true"
            else None,
        )
        for mix in mixes
    ]


def other_records(
    mixes: Sequence[Decided],
    figures: Sequence[OtherFigures],
    published: Sequence[Factor] | None,
    output: OutputPlan,
    frames: int,
) -> list[OtherMix]:
    """Return what is known of the other mixes.

    Args:
        mixes: as they were decided.
        figures: what was measured of each, and of its stems.
        published: what every stem of the song's own mix was multiplied with; None where a limiter made that another
            factor from moment to moment.
        output: form of the files.
        frames: of the song.
    """
    return [_record(mix, found, published, output, frames) for mix, found in zip(mixes, figures, strict=True)]


def _record(
    mix: Decided, measured: OtherFigures, published: Sequence[Factor] | None, output: OutputPlan, frames: int
) -> OtherMix:
    plan, figures = mix.order.plan, measured.mix
    peaks = peaks_of(mix.stems, mix.gains.total_db, output, measured.stem_peaks)
    own_factors = [None] * len(mix.stems) if published is None else published
    stems = [
        MixedStem(
            name=stem.name,
            audio=_stem_path(mix, stem.name, output),
            gain_db=gain_db,
            role_gain_db=stem.place.gain_db,
            pan=stem.place.pan,
            balance=None if stem.place.sides is None else stem.place.balance,
            relative=relative_factors(own, factor, output.channels),
            loudness_lufs=loudness_in_place(stem, frames, gain_db),
            peak_dbfs=decibels(peak),
        )
        for stem, gain_db, factor, own, peak in zip(
            mix.stems, mix.gains.total_db, mix.factors, own_factors, peaks, strict=True
        )
    ]
    return OtherMix(
        name=mix.order.name,
        audio=other_mix_audio(mix.order.name, output.format),
        stem_lufs=plan.stem_lufs,
        ceiling_db=plan.ceiling_db,
        common_gain_db=mix.gains.common_db,
        peak_dbfs=decibels(figures.peak),
        true_peak_dbtp=None if figures.true_peak is None else decibels(figures.true_peak),
        loudness_lufs=figures.loudness_lufs,
        stems=stems,
    )


def relative_factors(own: Factor | None, other: Factor, channels: int) -> list[float | None]:
    """Return the factor of every channel from one published stem to the same in another mix.

    It is None from nothing, and where there is no one factor of the published stem.
    """
    if own is None:
        return [None] * channels
    pairs = zip(np.broadcast_to(own, channels).tolist(), np.broadcast_to(other, channels).tolist(), strict=True)
    return [None if before == 0.0 else float(f"{after / before:.{_RELATIVE_DIGITS}g}") for before, after in pairs]


def _stem_path(mix: Decided, stem: str, output: OutputPlan) -> str | None:
    return other_stem_audio(mix.order.name, stem, output.format) if mix.order.stems else None
