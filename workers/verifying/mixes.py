"""Roles and other mixes: gains and pans are those that the plan has or draws, and every mix is the sum of its stems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import ANNOTATION
from schemas.roles import OWN_MIX, MixedStem, MixRole, OtherMix, Stand, StemKind, effects_of, pan_law, stand_of
from schemas.samples import mixed_as
from schemas.words import counted
from workers.audio.files import Block
from workers.verifying.report import Code
from workers.verifying.sums import FLOAT_SUM_TOLERANCE, difference
from workers.verifying.track import TrackCheck

#: Gains that are written down add up to this, dB.
GAIN_TOLERANCE_DB: Final = 0.01
#: Factors are rounded to 0.000001 and applied in 32 bits; those near 0 are compared absolutely.
_FACTOR_TOLERANCE: Final = 5e-6
#: Two float32 roundings and one of the sum, relative to what is added up.
_FLOAT_ROUNDING: Final = 2.0**-22
#: Factors have ten significant digits.
_FACTOR_DIGITS: Final = 1e-9
#: A resampling filter of the highest quality makes no error more than four times as large.
_RESAMPLING: Final = 4.0


class Promised(NamedTuple):
    """What is written down of a file of another mix."""

    peak_dbfs: float | None
    loudness_lufs: float | None
    ceiling_db: float
    true_peak_dbtp: float | None = None
    is_mix: bool = False


def promised_files(song: SongAnnotation) -> dict[str, Promised]:
    """Return what is written down of every file of the song's other mixes."""
    found = {}
    for mix in song.mixes:
        found[mix.audio] = Promised(mix.peak_dbfs, mix.loudness_lufs, mix.ceiling_db, mix.true_peak_dbtp, True)
        for stem in mix.stems:
            if stem.audio is not None:
                found[stem.audio] = Promised(stem.peak_dbfs, stem.loudness_lufs, mix.ceiling_db)
    return found


def check_roles(track: TrackCheck, song: SongAnnotation) -> None:
    """Check what is written down of roles and other mixes, without audio."""
    plan = track.plan.mix
    for stem in song.stems:
        if stem.is_played and track.plan.output.is_rendered:
            _check_stand(track, song, stem, stem, plan.roles, OWN_MIX)
            _check_effects(track, song, stem)
    wanted, found = [other.name for other in plan.others], [mix.name for mix in song.mixes]
    if wanted != found:
        message = f"the other mixes are {', '.join(found) or 'none'}, and the plan wants {', '.join(wanted) or 'none'}"
        track.add(ANNOTATION, Code.MIX_WRONG, message)
        return
    stems = {stem.name: stem for stem in song.stems if stem.audio is not None}
    for other, mix in zip(plan.others, song.mixes, strict=True):
        if [stem.name for stem in mix.stems] != list(stems):
            track.add(ANNOTATION, Code.MIX_WRONG, f"the mix {mix.name} has other stems than the song")
            continue
        whole = plan.of(other)
        if (mix.stem_lufs, mix.ceiling_db) != (whole.stem_lufs, whole.ceiling_db):
            track.add(ANNOTATION, Code.MIX_WRONG, f"the mix {mix.name} has another loudness or ceiling than the plan")
        for mixed in mix.stems:
            _check_stand(track, song, stems[mixed.name], mixed, other.roles, mix.name)
            _check_relative(track, song, stems[mixed.name], mixed, mix)
            if (mixed.audio is not None) is not other.stems:
                track.add(
                    ANNOTATION, Code.MIX_WRONG, f"the plan says otherwise whether {mix.name} has stems of its own"
                )


def _check_stand(
    track: TrackCheck,
    song: SongAnnotation,
    stem: StemAnnotation,
    said: StemAnnotation | MixedStem,
    roles: Sequence[MixRole],
    mix: str,
) -> None:
    """Gain and pan are what the first role that fits has, or draws; the balance is that of the pan."""
    kind = _kind_of(song, stem)
    source = song.provenance
    wanted = stand_of(roles, kind, seed=source.seed, song_hash=source.song_sha256, stem=stem.name, mix=mix)
    found = Stand(said.role_gain_db, said.pan)
    if found != wanted:
        message = f"{stem.name}: {_words(found)} in {mix}, and its role says {_words(wanted)}"
        track.add(ANNOTATION, Code.ROLE_WRONG, message)
    elif not _is_balance(said.balance, said.pan):
        track.add(ANNOTATION, Code.ROLE_WRONG, f"{stem.name}: {said.balance} is no balance for a pan of {said.pan:g}")


def _check_effects(track: TrackCheck, song: SongAnnotation, stem: StemAnnotation) -> None:
    """The effects are those of the first role that fits and of the room, with what is drawn for them."""
    mix, source, compose = track.plan.mix, song.provenance, track.plan.compose
    genre = "" if song.composed is None else "+".join(song.composed.genres)
    chain = effects_of(
        mix.roles, mix.room, _kind_of(song, stem), seed=source.seed, song_hash=source.song_sha256, stem=stem.name,
        factors={} if compose is None else compose.effect_factors(genre),
    )  # fmt: skip
    wanted = [] if stem.loudness_lufs is None else [chosen.applied for chosen in chain]
    if [effect.model_copy(update={"processor": ""}) for effect in stem.effects] != wanted:
        said, plan = ([effect.effect for effect in effects] for effects in (stem.effects, wanted))
        message = (
            f"{stem.name}: went through {said or 'nothing'}, and the plan says {plan or 'nothing'}, or in another way"
        )
        track.add(ANNOTATION, Code.ROLE_WRONG, message)


def _kind_of(song: SongAnnotation, stem: StemAnnotation) -> StemKind:
    gain_db = 0.0 if stem.sample is None else stem.sample.gain_db
    kind = StemKind(stem.inst_class, stem.group, stem.program, stem.is_drum, gain_db=gain_db)
    if song.composed is None:
        return kind
    roles = {layer.name: layer.role for layer in song.composed.layers}
    return kind._replace(layer=mixed_as(stem.track_name, stem.sample), layer_role=roles.get(stem.track_name, ""))


def _is_balance(balance: tuple[float, float] | None, pan: float) -> bool:
    if balance is None or pan == 0.0:
        return balance is None and pan == 0.0
    left, right = pan_law(pan)
    turned = abs(balance[0] * right - balance[1] * left)
    return turned <= _FACTOR_TOLERANCE and balance[0] <= left + 1e-9 and balance[1] <= right + 1e-9


def _check_relative(
    track: TrackCheck, song: SongAnnotation, stem: StemAnnotation, mixed: MixedStem, mix: OtherMix
) -> None:
    """The factors from the published stem are those of the two gains and the two balances."""
    ratio = 10.0 ** ((mixed.gain_db - stem.gain_db) / 20.0)
    mine, other = stem.balance or (1.0, 1.0), mixed.balance or (1.0, 1.0)
    sides = range(track.plan.output.channels)
    expected = [None if mine[side] == 0.0 else ratio * other[side] / mine[side] for side in sides]
    if song.mix.limiter is not None and song.mix.limiter.stretches:  # no factor is the same all the time
        expected = [None for _ in sides]
    if song.channels < len(sides):  # both sides in one have a factor where it is the same for both, to its last digit
        is_same = stem.pan == mixed.pan and (stem.pan == 0.0 or mixed.relative != [None])
        expected = expected[:1] if is_same else [None]
    if not _all_near(mixed.relative, expected):
        message = (
            f"{stem.name} in {mix.name}: {mixed.relative} times the published stem, and gains and pans say {expected}"
        )
        track.add(ANNOTATION, Code.GAIN_WRONG, message)


def _all_near(said: Sequence[float | None], expected: Sequence[float | None]) -> bool:
    if len(said) != len(expected):
        return False
    return all(
        one is None and other is None if one is None or other is None else abs(one - other) <= 1e-5 * abs(other) + 1e-9
        for one, other in zip(said, expected, strict=True)
    )


def _words(stand: Stand) -> str:
    return f"{stand.gain_db:+g} dB and pan {stand.pan:+g}"


class MixSums:
    """Compares every other mix with what it is the sum of, block by block.

    Where its own stems are published, it is their exact sum. Where not, it is compared with the published stems times
    their factors. Each of these was rounded by up to half a step, which the factor magnifies, and so was each stem of
    the mix before it was added: |sum(factor * stem) - mix| <= sum(0.5 * (1 + factor)) steps over all stems, and three
    times as much with dither. Of floats, it is 2^-22 of the sum of the magnitudes. A conversion that loses something passes
    what was missed through its filter and rounds again.
    """

    def __init__(self, track: TrackCheck, song: SongAnnotation) -> None:
        self._song = song
        each = track.roundings(song)
        #: What every rounding came to in full scale, the last one as it is.
        self._roundings = sum(error * _RESAMPLING ** (len(each) - 1 - at) for at, error in enumerate(each))
        self._filters = _RESAMPLING ** (len(each) - 1)
        self._has_floats, self._scale = 0.0 in each, _scale(track.form.bits)
        self._published = {stem.name: str(stem.audio) for stem in song.stems if stem.audio is not None}
        self._wrong: dict[str, int] = {}
        self._first: dict[str, int] = {}

    def push(self, start: int, blocks: Mapping[str, Block | None]) -> None:
        """Take the next block of every file, None where it broke off, which begins at frame `start`."""
        for mix in self._song.mixes:
            found = blocks.get(mix.audio)
            if found is None:
                continue  # a finding of its own
            for wrong in self._wrong_frames(mix, found, blocks):
                self._first.setdefault(mix.audio, start + int(wrong[0]))
                self._wrong[mix.audio] = self._wrong.get(mix.audio, 0) + len(wrong)

    def tell(self, track: TrackCheck) -> None:
        """Note what is wrong, after the last block."""
        for file, frames in self._wrong.items():
            where = f"from {self._first[file] / self._song.rate_hz:.3f} s on"
            track.add(file, Code.NOT_THE_SUM, f"in {counted(frames, 'frame')} it is not the sum of its stems, {where}")

    def _wrong_frames(
        self, mix: OtherMix, found: Block, blocks: Mapping[str, Block | None]
    ) -> Iterator[NDArray[np.intp]]:
        """Yield the frames in which the mix is not what it is made of, if there are any."""
        own = {stem.audio: blocks.get(stem.audio) for stem in mix.stems if stem.audio is not None}
        if own:
            there = {file: block for file, block in own.items() if block is not None}
            if len(there) == len(mix.stems):
                missed = difference({**there, mix.audio: found}, mix.audio)
                tolerance: Any = FLOAT_SUM_TOLERANCE if missed.dtype == np.float64 else 0
                yield from _beyond(np.abs(missed), tolerance)
        else:
            stems = {stem.name: blocks.get(self._published[stem.name]) for stem in mix.stems}
            if all(block is not None for block in stems.values()):
                yield from self._derived(
                    mix, found, {name: block for name, block in stems.items() if block is not None}
                )

    def _derived(self, mix: OtherMix, found: Block, stems: Mapping[str, Block]) -> Iterator[NDArray[np.intp]]:
        for channel in range(found.shape[1]):
            factors = {stem.name: stem.relative[channel] for stem in mix.stems}
            if any(factor is None for factor in factors.values()):
                continue  # a side that the song's own mix has nothing of cannot tell
            known = {name: factor for name, factor in factors.items() if factor is not None}
            total = np.zeros(len(found))
            magnitude = np.zeros(len(found))
            for name, factor in known.items():
                scaled = stems[name][:, channel] * factor
                total += scaled
                magnitude += np.abs(scaled)
            bound = self._bound(list(known.values()), magnitude)
            yield from _beyond(np.abs(total - found[:, channel])[:, None], bound[:, None])

    def _bound(self, factors: Sequence[float], magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far a mix may be from its stems' sum, in the steps of its integers (of floats: 1.0 is full scale)."""
        rounded = self._roundings * self._scale * sum(1.0 + factor for factor in factors) + 1e-9 * self._scale
        relative = _FACTOR_DIGITS + (_FLOAT_ROUNDING if self._has_floats else 0.0)
        # A filter spreads the errors of loud samples to their quiet neighbours.
        loudest = magnitude.max(initial=0.0) if self._filters > 1.0 else magnitude
        return np.broadcast_to(rounded + relative * self._filters * loudest, magnitude.shape)


def _scale(bits: int) -> float:
    return 1.0 if bits == 32 else 2.0 ** (bits - 1)


def _beyond(missed: NDArray[Any], bound: Any) -> Iterator[NDArray[np.intp]]:
    wrong = np.flatnonzero((missed > bound).any(axis=1))
    if len(wrong):
        yield wrong
