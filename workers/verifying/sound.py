"""Published audio: form, exact sum, loudness, peaks and active regions; all files of a track are read side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.errors import DatasetError
from workers.audio.files import Block, read_blocks, read_info
from workers.audio.levels import SOUND_FLOOR
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import HOP_FRAMES
from workers.audio.truepeak import TruePeakMeter
from workers.verifying.mixes import MixSums, Promised, promised_files
from workers.verifying.report import Code
from workers.verifying.submixes import GroupSums, groups_by_file
from workers.verifying.sums import SumCheck
from workers.verifying.track import TrackCheck

#: Frames of one entry of an envelope: the grid on which the engine starts notes.
GRID_FRAMES: Final = 64
#: Frames that are read at once; a multiple of hop and grid.
_BLOCK_FRAMES: Final = 1 << 16

LOUDNESS_TOLERANCE_LU: Final = 0.1
PEAK_TOLERANCE_DB: Final = 0.01
TRUE_PEAK_TOLERANCE_DB: Final = 0.05
#: The stem's loudness is gated at -70 LUFS; this near to it a stem may be called silent or not.
_SILENT_LUFS: Final = -69.5
#: Active regions reach down to 60 dB under the peak; levels this near to that may lie in one or not.
_REGION_DB: Final = 60.0
_REGION_TOLERANCE_DB: Final = 3.0


@dataclass
class FileSound:
    """What one file sounded like. Levels are linear, 1.0 is full scale."""

    step: float  #: distance of two levels of its integers; 0 for floats
    rounding: float = 0.0  #: how far its samples may be off: half a step, and one more with dither
    peak: float = 0.0
    true_peak: float = 0.0
    loudness_lufs: float | None = None
    envelope: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))  #: peaks of `GRID_FRAMES`


def check_audio(track: TrackCheck, song: SongAnnotation) -> dict[str, FileSound]:
    """Check every audio file of a track; return what each readable stem sounded like, by the stem's name."""
    stems = {stem.audio: stem for stem in song.stems if stem.audio is not None}
    groups, others = groups_by_file(song), promised_files(song)
    every = [file for file in (*stems, song.mix.audio, *groups, *others) if file is not None]
    files = [file for file in every if track.has(file) and _check_form(track, song, file)]
    summed = song.mix.audio is not None and len(stems) > 0
    complete = summed and len([file for file in files if file not in groups and file not in others]) == len(stems) + 1
    sounds = _read_side_by_side(track, song, files, complete=complete)
    ceiling_db = track.plan.mix.ceiling_db
    for file, sound in sounds.items():
        if file in groups:
            _check_levels(track, file, sound, groups[file].peak_dbfs, groups[file].loudness_lufs, ceiling_db=None)
        elif file in others:
            said = others[file]
            _check_levels(track, file, sound, said.peak_dbfs, said.loudness_lufs, ceiling_db=said.ceiling_db)
            _check_true_peak(track, file, said.true_peak_dbtp, sound)
        elif file in stems:
            stem = stems[file]
            _check_levels(track, file, sound, stem.peak_dbfs, stem.published_loudness_lufs, ceiling_db=ceiling_db)
            _check_regions(track, song, stem, sound)
        else:
            _check_levels(track, file, sound, song.mix.peak_dbfs, song.mix.loudness_lufs, ceiling_db=ceiling_db)
            _check_true_peak(track, file, song.mix.true_peak_dbtp, sound)
    return {stems[file].name: sound for file, sound in sounds.items() if file in stems}


def _check_form(track: TrackCheck, song: SongAnnotation, file: str) -> bool:
    try:
        info = read_info(track.folder / file)
    except DatasetError as error:
        track.add(file, Code.AUDIO_UNREADABLE, error.message)
        return False
    expected = (song.frames, track.form.rate_hz, track.form.channels, track.form.bits)
    for what, found, promised in zip(("frames", "Hz", "channels", "bits"), info, expected, strict=True):
        if found != promised:
            track.add(file, Code.AUDIO_FORM, f"{found} {what}, and {promised} were promised")
    return tuple(info) == expected


def _read_side_by_side(
    track: TrackCheck, song: SongAnnotation, files: list[str], *, complete: bool
) -> dict[str, FileSound]:
    """Read all files block by block; check the sum where all are there and whole."""
    others = promised_files(song)
    own = Promised(None, None, track.plan.mix.ceiling_db)
    rounding = max(track.roundings(song))
    gauges = {file: _Gauge(track, _floor(song, file, others.get(file, own)), rounding) for file in files}
    blocks = {file: _blocks(track, file) for file in files}
    sums, groups, mixes, apart = SumCheck(song), GroupSums(song), MixSums(track, song), {*groups_by_file(song), *others}
    for start in range(0, song.frames, _BLOCK_FRAMES):
        now = {file: next(reader, None) for file, reader in blocks.items()}
        broken = {file for file, block in now.items() if block is None}
        complete = complete and broken <= apart
        for file in broken:
            del gauges[file], blocks[file]
        for file, block in now.items():
            if block is not None:
                gauges[file].push(block)
        if complete:
            sums.push(start, {file: block for file, block in now.items() if block is not None and file not in apart})
        groups.push(start, now)
        mixes.push(start, now)
    if complete or song.mix.is_sum:
        sums.tell(track)
    groups.tell(track)
    mixes.tell(track)
    return {file: gauge.finish() for file, gauge in gauges.items()}


def _floor(song: SongAnnotation, file: str, promised: Promised) -> float:
    """Return the level below which true peaks of a file need no look: of stems, their ceiling."""
    return 0.0 if file == song.mix.audio or promised.is_mix else 10.0 ** (promised.ceiling_db / 20.0)


def _blocks(track: TrackCheck, file: str) -> Iterator[Block]:
    """Yield the blocks of a file; a finding ends it where it cannot be read."""
    try:
        yield from read_blocks(track.folder / file, _BLOCK_FRAMES)
    except DatasetError as error:
        track.add(file, Code.AUDIO_UNREADABLE, error.message)


class _Gauge:
    """Measures one file while it is read."""

    def __init__(self, track: TrackCheck, floor: float, rounding: float) -> None:
        form = track.form
        self._rounding = rounding
        self._step = 0.0 if form.bits == 32 else 2.0 ** (1 - form.bits)
        self._loudness = LoudnessMeter(form.rate_hz, form.channels)
        self._true_peak: TruePeakMeter | None = None
        if track.plan.mix.peak == "true":
            self._true_peak = TruePeakMeter(form.channels, floor=floor)
        self._envelope: list[NDArray[np.float32]] = []

    def push(self, block: Block) -> None:
        level = block.astype(np.float32, copy=False)
        if self._step:
            level = level * np.float32(self._step)
        frames = -(-len(level) // GRID_FRAMES) * GRID_FRAMES
        magnitude = np.zeros((frames, level.shape[1]), dtype=np.float32)
        np.abs(level, out=magnitude[: len(level)])
        peaks = magnitude.reshape(frames // GRID_FRAMES, -1).max(axis=1)
        self._envelope.append(peaks)
        if peaks.any():
            self._loudness.write(level)
            if self._true_peak is not None:
                self._true_peak.push(level)
        else:
            self._loudness.silence(len(level))
            if self._true_peak is not None:
                self._true_peak.silence()

    def finish(self) -> FileSound:
        envelope = np.concatenate([np.zeros(0, np.float32), *self._envelope])
        true_peak = 0.0
        if self._true_peak is not None:
            self._true_peak.silence()
            true_peak = self._true_peak.peak
        peak = float(envelope.max(initial=0.0))
        return FileSound(self._step, self._rounding, peak, true_peak, self._loudness.integrated(), envelope)


def _check_levels(
    track: TrackCheck,
    file: str,
    sound: FileSound,
    peak_dbfs: float | None,
    loudness_lufs: float | None,
    *,
    ceiling_db: float | None,
) -> None:
    found_db = _decibels(sound.peak)
    if (found_db is None) != (peak_dbfs is None) or (
        found_db is not None and peak_dbfs is not None and abs(found_db - peak_dbfs) > PEAK_TOLERANCE_DB
    ):
        track.add(file, Code.PEAK_WRONG, f"its peak is {_text(found_db)} dBFS, and {_text(peak_dbfs)} is written down")
    highest_db = _decibels(max(sound.peak, sound.true_peak) if track.plan.mix.peak == "true" else sound.peak)
    if ceiling_db is not None and highest_db is not None and highest_db > ceiling_db + 1e-4:
        track.add(file, Code.OVER_CEILING, f"its peak of {highest_db:.3f} dB is over the ceiling of {ceiling_db} dB")
    found_lufs = sound.loudness_lufs
    if found_lufs is None or loudness_lufs is None:
        wrong = max(found_lufs or -np.inf, loudness_lufs or -np.inf) > _SILENT_LUFS
    else:
        wrong = abs(found_lufs - loudness_lufs) > LOUDNESS_TOLERANCE_LU
    if wrong:
        message = f"its loudness is {_text(found_lufs)} LUFS, and {_text(loudness_lufs)} is written down"
        track.add(file, Code.LOUDNESS_WRONG, message)


def _check_true_peak(track: TrackCheck, file: str, said_db: float | None, sound: FileSound) -> None:
    found_db = _decibels(max(sound.peak, sound.true_peak))
    if said_db is not None and (found_db is None or abs(found_db - said_db) > TRUE_PEAK_TOLERANCE_DB):
        message = f"its true peak is {_text(found_db)} dBTP, and {said_db:.3f} is written down"
        track.add(file, Code.PEAK_WRONG, message)


def _check_regions(track: TrackCheck, song: SongAnnotation, stem: StemAnnotation, sound: FileSound) -> None:
    """Every hop in an active region sounds, every other is quiet; levels near the limit may be either."""
    peaks = np.maximum.reduceat(sound.envelope, np.arange(0, len(sound.envelope), HOP_FRAMES // GRID_FRAMES))
    hop_s = HOP_FRAMES / song.rate_hz
    claimed = np.zeros(len(peaks), dtype=bool)
    for start_s, end_s in stem.active_regions:
        claimed[round(start_s / hop_s) : -int(-(end_s - 1e-5) // hop_s)] = True
    floor = SOUND_FLOOR * 10.0 ** (stem.gain_db / 20.0)
    slack = 0.5 * sound.step + sound.rounding
    quiet = sound.peak * 10.0 ** (-(_REGION_DB + _REGION_TOLERANCE_DB) / 20.0) - slack
    loud = max(sound.peak * 10.0 ** (-(_REGION_DB - _REGION_TOLERANCE_DB) / 20.0), 1.5 * floor) + slack
    for wrong, what in ((claimed & (peaks < quiet), "no sound inside"), (~claimed & (peaks > loud), "sound outside")):
        if wrong.any():
            first_s, seconds = float(np.argmax(wrong)) * hop_s, float(wrong.sum()) * hop_s
            message = f"{seconds:.3f} s with {what} the active regions, the first at {first_s:.3f} s"
            track.add(str(stem.audio), Code.REGIONS_WRONG, message)


def _decibels(level: float) -> float | None:
    return None if level <= 0.0 else 20.0 * float(np.log10(level))


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
