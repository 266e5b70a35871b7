"""The second pass of a mix: apply gains, round, encode, and add up exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.dataset import FileRecord, TrackPaths
from schemas.plan import OutputPlan
from workers.audio.dither import Dither
from workers.audio.files import AudioWriter, disk_errors, open_writer
from workers.audio.floats import FloatFile
from workers.audio.meter import LoudnessMeter
from workers.audio.truepeak import TruePeakMeter
from workers.mixing.dithered import DitheredLane
from workers.mixing.lanes import Heard, Sounding, StemLane
from workers.mixing.limited import Hearing, hearing_of
from workers.mixing.limiter import GainCurve
from workers.mixing.pan import Factor
from workers.mixing.stems import SLAB_FRAMES, StemInput


class MixFigures(NamedTuple):
    """What was measured of the mix while it was written; levels are linear, 1.0 is full scale."""

    peak: float
    true_peak: float | None  #: None where the plan does not ask for it
    loudness_lufs: float | None
    difference_db: float | None = None  #: to the sum of the stems, see `schemas.whole.WholeMix`


class Group(NamedTuple):
    """A file that is the sum of some of the stems."""

    path: str  #: in the track's folder
    members: list[int]  #: which stems, counted from 0, in rising order


class OtherFiles(NamedTuple):
    """Another mix of the same stems."""

    factors: Sequence[Factor]  #: of every stem
    path: str  #: in the track's folder
    stem_paths: Sequence[str | None]  #: of every stem as this mix has it; None where that is not wanted
    true_peak_floor: float | None


class OtherFigures(NamedTuple):
    """What was measured of another mix while it was written."""

    mix: MixFigures
    stem_peaks: list[float]  #: of every stem as it is in this mix; empty without dither


class Written(NamedTuple):
    """What was written and measured."""

    files: list[FileRecord]
    mix: MixFigures
    groups: list[MixFigures]
    others: list[OtherFigures]
    stems: list[Heard | None]  #: of every stem, where it went through a limiter
    stem_peaks: list[float]  #: of every stem as it is published; empty without dither, where they are known before


def write_files(
    stems: Sequence[StemInput],
    gains: Sequence[Factor],
    output: OutputPlan,
    folder: Path,
    *,
    paths: TrackPaths,
    frames: int,
    true_peak_floor: float | None,
    threads: int = 1,
    whole: tuple[StemInput, np.float32] | None = None,
    groups: Sequence[Group] = (),
    others: Sequence[OtherFiles] = (),
    curve: GainCurve | None = None,
    power: NDArray[np.float64] | None = None,
    copy: Path | None = None,
    key: tuple[int, str] = (0, ""),
) -> Written:
    """Write every stem, the mix, the groups and the other mixes; return their records, and what was measured.

    The bytes are the same with any number of `threads`, which share the stems: rounding, encoding and hashing are C.
    `gains` are linear; `true_peak_floor` is a level that the mix is known to reach, which saves work; None leaves the
    true peak unmeasured. `whole` is a render of the whole song and its gain: it becomes the mix, and not the stems' sum.
    Other mixes are the exact sum of the stems as they have them, whether these are published or not. What `output.parts`
    leaves out is measured all the same. `curve` is that of a limiter, which multiplies the stems of the song's own mix; `power`
    is that of this mix before the limiter, K-weighted, of every hop, where it was measured already. `copy` is a file that takes
    the samples of the mix as float32, for who looks at them next.
    Dither is drawn for each stem from `key` (seed, song) and its name, and is the same in all mixes.
    """
    of_stems = [paths.stem_audio(stem.name, output.format) for stem in stems] if output.has_stems else []
    of_mix = [paths.mix_audio(output.format)] if output.has_mix else []
    relative = [*of_stems, *of_mix, *(group.path for group in groups)]
    with ExitStack() as stack:
        writers = [stack.enter_context(_open(folder / path, output, frames)) for path in relative]
        by_path: dict[str, AudioWriter] = dict(zip(relative, writers, strict=True))
        lane = partial(_lane, output=output, key=key)
        lanes = [
            lane(stem, gain, by_path[path] if path else None, curve=curve)
            for stem, gain, path in zip(stems, gains, of_stems or [""] * len(stems), strict=True)
        ]
        hearing = hearing_of(output.rate_hz, output.channels, curve, power)
        mix = _MixLane(
            by_path[of_mix[0]] if of_mix else None,
            output,
            true_peak_floor=true_peak_floor,
            hearing=hearing,
            copy=None if copy is None else stack.enter_context(FloatFile(copy, output.channels)),
        )
        sums = [_MixLane(by_path[group.path], output, true_peak_floor=None) for group in groups]
        opened = partial(_opened, stack, folder, output, frames)
        beside = [_OtherMix(stems, other, output, opened, lane) for other in others]
        other = None if whole is None else _WholeLane(lane(whole[0], whole[1], None), output)
        each = stack.enter_context(ThreadPoolExecutor(threads)).map if threads > 1 else map
        for start in range(0, frames, SLAB_FRAMES):
            length = min(SLAB_FRAMES, frames - start)
            published = list(each(methodcaller("publish", start=start, length=length), lanes))
            sounding = [run for runs in published for run in runs]
            mix.add(length, sounding if other is None else other.instead_of(sounding, start=start, length=length))
            for group, total in zip(groups, sums, strict=True):
                total.add(length, [run for index in group.members for run in published[index]])
            for another in beside:
                another.add(each, start=start, length=length)
        for another in beside:
            relative += another.paths
            writers += another.writers
        written = list(each(AudioWriter.close, writers))
    records = [
        FileRecord(path=path, size_bytes=w.size_bytes, sha256=w.sha256)
        for path, w in zip(relative, written, strict=True)
    ]
    figures = mix.figures()
    if other is not None:
        figures = figures._replace(difference_db=other.difference_db)
    return Written(
        records,
        figures,
        [total.figures() for total in sums],
        [another.figures() for another in beside],
        [lane.heard(frames) if isinstance(lane, StemLane) else None for lane in lanes],
        _measured_peaks(lanes),
    )


def _open(path: Path, output: OutputPlan, frames: int) -> AudioWriter:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return open_writer(
        path,
        file_format=output.format,
        bits=output.bits,
        rate_hz=output.rate_hz,
        channels=output.channels,
        frames=frames,
    )


def _opened(stack: ExitStack, folder: Path, output: OutputPlan, frames: int, path: str) -> AudioWriter:
    return stack.enter_context(_open(folder / path, output, frames))


_Lane = StemLane | DitheredLane


def _lane(
    stem: StemInput,
    factor: Factor,
    writer: AudioWriter | None,
    *,
    output: OutputPlan,
    key: tuple[int, str],
    curve: GainCurve | None = None,
) -> _Lane:
    if output.dither:
        return DitheredLane(stem.reader, factor, writer, output.bits, Dither(*key, stem.name))
    return StemLane(stem.reader, factor, writer, output.bits, curve)


def _measured_peaks(lanes: Iterable[_Lane]) -> list[float]:
    return [lane.peak for lane in lanes if isinstance(lane, DitheredLane)]


class _OtherMix:
    """Another mix on its way: its own stems, written where they are wanted, and their sum."""

    def __init__(
        self,
        stems: Sequence[StemInput],
        files: OtherFiles,
        output: OutputPlan,
        opened: Callable[[str], AudioWriter],
        lane: Callable[..., _Lane],
    ) -> None:
        self.paths = [*(path for path in files.stem_paths if path is not None), files.path]
        self.writers = [opened(path) for path in self.paths]
        by_path = dict(zip(self.paths, self.writers, strict=True))
        self._lanes = [
            lane(stem, factor, None if path is None else by_path[path])
            for stem, factor, path in zip(stems, files.factors, files.stem_paths, strict=True)
        ]
        self.mix = _MixLane(by_path[files.path], output, true_peak_floor=files.true_peak_floor)

    def add(self, each: Callable[..., Iterable[Sounding]], *, start: int, length: int) -> None:
        """Write frames [start, start + length)."""
        published = each(methodcaller("publish", start=start, length=length), self._lanes)
        self.mix.add(length, [run for runs in published for run in runs])

    def figures(self) -> OtherFigures:
        """Return what was measured."""
        return OtherFigures(self.mix.figures(), _measured_peaks(self._lanes))


class _WholeLane:
    """A render of the whole song on its way into the mix, in place of the stems, and how far their sum is from it."""

    def __init__(self, lane: _Lane, output: OutputPlan) -> None:
        self._lane = lane
        shape = (SLAB_FRAMES, output.channels)
        self._mix, self._difference = np.empty(shape), np.empty(shape)
        self._power = self._missed = 0.0

    def instead_of(self, stems: Sounding, *, start: int, length: int) -> Sounding:
        """Return what sounds of the whole song in [start, start + length); `stems` is what sounds of the stems there."""
        runs = self._lane.publish(start, length)
        mix, difference = self._mix[:length], self._difference[:length]
        mix[:] = 0.0
        for offset, samples in runs:
            mix[offset : offset + len(samples)] = samples
        np.copyto(difference, mix)
        for offset, samples in stems:
            place = difference[offset : offset + len(samples)]
            np.subtract(place, samples, out=place)
        self._power += float(np.vdot(mix, mix))
        self._missed += float(np.vdot(difference, difference))
        return runs

    @property
    def difference_db(self) -> float | None:
        """Power of mix less stems, relative to that of the mix, dB."""
        if not self._power or not self._missed:
            return None
        return round(10.0 * math.log10(self._missed / self._power), 4)


class _MixLane:
    """The sum of all stems on its way into the published mix, and its meters."""

    def __init__(
        self,
        writer: AudioWriter | None,
        output: OutputPlan,
        *,
        true_peak_floor: float | None,
        hearing: Hearing | None = None,
        copy: FloatFile | None = None,
    ) -> None:
        self._writer = writer
        self._copy = copy
        self._bits = output.bits
        self._scale = np.float32(1.0 if output.bits == 32 else 2.0 ** (1 - output.bits))
        shape = (SLAB_FRAMES, output.channels)
        self._sum = np.empty(shape, dtype=np.float64 if output.bits == 32 else np.int32)
        self._level = np.empty(shape, dtype=np.float32)
        self._peak = 0.0
        self._true_peak: TruePeakMeter | None = None
        if true_peak_floor is not None:
            self._true_peak = TruePeakMeter(output.channels, floor=true_peak_floor)
        self._loudness = hearing or LoudnessMeter(output.rate_hz, output.channels)

    def add(self, length: int, runs: Sounding) -> None:
        """Add up and write the next `length` frames; integers may wrap on the way, the sum is exact."""
        total = self._sum[:length]
        total[:] = 0
        for offset, samples in runs:
            place = total[offset : offset + len(samples)]
            np.add(place, samples, out=place)
        position = 0
        for start, stop in _covered(runs):
            self._pass(start - position)
            self._write(total[start:stop])
            position = stop
        self._pass(length - position)

    def _pass(self, frames: int) -> None:
        """Write silence."""
        if frames:
            if self._writer is not None:
                self._writer.silence(frames)
            if self._copy is not None:
                self._copy.silence(frames)
            self._loudness.silence(frames)
            if self._true_peak is not None:
                self._true_peak.silence()

    def figures(self) -> MixFigures:
        """Return what was measured."""
        true_peak = None
        if self._true_peak is not None:
            self._true_peak.silence()
            true_peak = max(self._peak, self._true_peak.peak) if self._peak else 0.0
        loudness = self._loudness.integrated()
        return MixFigures(self._peak, true_peak, None if loudness is None else round(loudness, 4))

    def _write(self, total: NDArray[Any]) -> None:
        """Write a block; its level is float32 of at most 24 significant bits, hence exact for integers."""
        level = self._level[: len(total)]
        np.copyto(level, total, casting="unsafe")
        if self._writer is not None:
            self._writer.write(level if self._bits == 32 else total)
        if self._bits < 32:
            np.multiply(level, self._scale, out=level)
        self._peak = max(self._peak, float(level.max()), -float(level.min()))
        if self._copy is not None:
            self._copy.write(level)
        self._loudness.write(level)
        if self._true_peak is not None:
            self._true_peak.push(level)


def _covered(runs: Sounding) -> list[tuple[int, int]]:
    """Return the stretches in which at least one run sounds, in rising order and apart from each other."""
    covered: list[tuple[int, int]] = []
    for start, stop in sorted((offset, offset + len(samples)) for offset, samples in runs):
        if covered and start <= covered[-1][1]:
            covered[-1] = covered[-1][0], max(covered[-1][1], stop)
        else:
            covered.append((start, stop))
    return covered
