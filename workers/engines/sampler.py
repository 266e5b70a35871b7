"""Recordings as an engine: a file kept warm, brought to the tempo of the song and to the pitch of the key that is struck.

A loop fills the time for which its key is down, again and again from its beginning, and fades out where it is let go; a shot
sounds once. Onsets are exact to the frame.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import AssetError, EngineError
from schemas.job import RenderJob
from schemas.patch import AssetRef, Patch, SampleSettings
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.audio.recordings import at_rate, read_recording
from workers.audio.stretch import load_stretcher, stretched, stretched_loop
from workers.engines.base import BlockSink, Engine
from workers.engines.controls import Performance, perform, volume_gain
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap

Stereo = NDArray[np.float32]

#: Version of how recordings are played; raised when a change of the farm changes their sound.
RECIPE: Final = 1
#: How long a recording takes to fade out where it is cut off, seconds.
FADE_S: Final = 0.005
#: Notes that follow one another so closely are one sound: a loop that begins again.
_NEXT_S: Final = 0.002
#: A stem is as long as a multiple of so many frames, as FluidSynth's are.
_GRID_FRAMES: Final = 64
_CHUNK_FRAMES: Final = 32768
#: Stretched recordings that are kept: a song has one, or a few in several keys.
_KEPT_AT_MOST: Final = 8


class _Take(NamedTuple):
    """A recording as one note plays it."""

    start: int  #: frame of the stem
    frames: int  #: for which it sounds
    audio: Stereo  #: the recording, in tempo and in pitch; it begins again where it ends
    fade: int  #: frames at its end in which it fades out
    gain: float

    @property
    def end(self) -> int:
        return self.start + self.frames

    def between(self, start: int, stop: int) -> Stereo:
        """Return what sounds in a stretch of the stem."""
        places = np.arange(start - self.start, stop - self.start)
        sound: Stereo = self.audio[places % len(self.audio)] * np.float32(self.gain)
        if self.fade and stop > self.end - self.fade:
            left = np.clip((self.frames - 1 - places) / self.fade, 0.0, 1.0).astype(np.float32)
            sound *= left[:, None]
        return sound


class SamplerEngine(Engine):
    """Plays MIDI with a recording.

    Args:
        library: not used; Rubber Band comes with pedalboard.

    Raises:
        MissingDependencyError: pedalboard is not installed.
    """

    name = "sampler"

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._pedalboard = load_stretcher()
        self._recording: Stereo = np.zeros((0, 2), np.float32)
        self._recorded_hz = 0
        self._settings: SampleSettings | None = None
        self._stretched: dict[tuple[int, int, int], Stereo] = {}

    @property
    def version(self) -> str:
        """Version of the farm's own part, and of pedalboard with the Rubber Band in it."""
        return f"{RECIPE} (pedalboard {self._pedalboard.__version__})"

    @property
    def library(self) -> str:
        """Path of pedalboard."""
        return str(Path(self._pedalboard.__file__).parent)

    def close(self) -> None:
        """Free the recording."""
        self._load_key = None
        self._settings = None
        self._recording = np.zeros((0, 2), np.float32)
        self._stretched.clear()

    def _load(self, patch: Patch) -> None:
        self.close()
        self._settings = _settings(patch)
        self._recording, self._recorded_hz = read_recording(locate_recording(patch.asset))

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        settings = _settings(job.patch)
        played = perform(midi, settings)
        quarter_s = _quarter_s(midi)
        takes = self._takes(played, settings, job.rate_hz, quarter_s)
        release = round(played.release_s * job.rate_hz)
        end = -(-release // _GRID_FRAMES) * _GRID_FRAMES
        sink.expect(end)
        _play(takes, played, end, sink, job)
        patch = job.patch
        heard = [note.audible_s for note in played.notes if note.audible_s < math.inf]
        return EngineReport(
            preset_name=patch.asset.name,
            preset_bank=patch.bank,
            preset_program=patch.program,
            notes=len(played.notes),
            muted_notes=played.muted,
            first_audible_note_s=min(heard, default=None),
            last_release_s=played.release_s,
            voices_max=_most_at_once(takes),
        )

    def _takes(self, played: Performance, settings: SampleSettings, rate_hz: int, quarter_s: float) -> list[_Take]:
        """Return what every note plays, in order."""
        starts = {round(note.start_s / _NEXT_S) for note in played.notes}
        takes = []
        for note in played.notes:
            start, end = round(note.start_s * rate_hz), round(note.end_s * rate_hz)
            audio = self._audio(note.key - settings.base_key, settings, rate_hz, quarter_s)
            is_cut = settings.recording == "loop" or len(audio) > end - start
            frames = end - start if is_cut else len(audio)
            goes_on = round(note.end_s / _NEXT_S) in starts
            fade = min(frames, round(FADE_S * rate_hz)) if is_cut and not goes_on else 0
            takes.append(_Take(start, frames, audio, fade, float(volume_gain(np.array(float(note.velocity))))))
        return takes

    def _audio(self, semitones: int, settings: SampleSettings, rate_hz: int, quarter_s: float) -> Stereo:
        """Return the recording at the rate of the job, in tempo and in pitch."""
        frames = 0 if settings.quarters is None else round(settings.quarters * quarter_s * rate_hz)
        key = (rate_hz, semitones, frames)
        if key not in self._stretched:
            while len(self._stretched) >= _KEPT_AT_MOST:
                self._stretched.pop(next(iter(self._stretched)))
            source = at_rate(self._recording, self._recorded_hz, rate_hz)
            stretch = stretched_loop if frames else stretched
            self._stretched[key] = stretch(
                source, rate_hz, frames=frames or len(source), semitones=semitones, is_drums=settings.drums
            )
        return self._stretched[key]


def locate_recording(asset: AssetRef) -> Path:
    """Return where this host has a recording; its content decides.

    Raises:
        AssetError: it is not there, or it is another one.
    """
    path = Path(asset.path)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AssetError(
            f"this worker has no recording {asset.name} at {asset.path}: {error.strerror}",
            hint="Keep the library's folder where every worker sees it under the same path",
        ) from error
    if found != asset.sha256:
        raise AssetError(
            f"the recording {asset.name} at {asset.path} is not the one of the library: its SHA-256 begins with {found[:12]}",
            hint="Build the library anew with `farm samples build`, and submit the plan again",
        )
    return path


def _settings(patch: Patch) -> SampleSettings:
    if not isinstance(patch.settings, SampleSettings):
        raise EngineError(f"{patch.name} is no recording", cause=FailureReason.MISSING_ASSET)
    return patch.settings


def _quarter_s(midi: bytes) -> float:
    """Return how long a quarter note lasts where the stem begins, seconds."""
    read = read_midi(midi)
    ticks = read.ticks_per_quarter
    if ticks is None:  # a file in frames has no quarters: those of 120 a minute
        return 0.5
    return float(TempoMap.from_midi(read).seconds(ticks))


def _play(takes: list[_Take], played: Performance, end: int, sink: BlockSink, job: RenderJob) -> None:
    """Add everything up and hand it on; where nothing sounds, as silence."""
    frame = 0
    while frame < end:
        sounding = [take for take in takes if take.start < end and take.end > frame]
        if not sounding:
            sink.silence(end - frame)
            return
        first = min(take.start for take in sounding)
        if first > frame:
            sink.silence(min(first, end) - frame)
            frame = first
            continue
        stop = min(end, frame + _CHUNK_FRAMES)
        sink.write(_mixed(sounding, played, frame, stop, job))
        frame = stop


def _mixed(takes: list[_Take], played: Performance, start: int, stop: int, job: RenderJob) -> NDArray[np.float32]:
    mixed = np.zeros((stop - start, 2), np.float32)
    for take in takes:
        since, until = max(take.start, start), min(take.end, stop)
        if since < until:
            mixed[since - start : until - start] += take.between(since, until)
    played.apply_gains(mixed, start, job.rate_hz)
    return mixed if job.channels == 2 else (mixed[:, :1] + mixed[:, 1:]) * np.float32(0.5)


def _most_at_once(takes: list[_Take]) -> int:
    changes = sorted([(take.start, 1) for take in takes] + [(take.end, -1) for take in takes])
    sounding, most = 0, 0
    for _, change in changes:
        sounding += change
        most = max(most, sounding)
    return most
