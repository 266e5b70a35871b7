"""What a render measured, and the verdict on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import FarmModel
from schemas.states import FailureReason, VerdictStatus


class EngineReport(FarmModel):
    """What the engine itself knows of one render."""

    preset_name: str  #: name of the preset that really sounded, as the soundfont spells it
    preset_bank: int  #: differs from the patch where the soundfont lacks the preset and another stood in
    preset_program: int
    notes: int
    #: Notes for which the patch started no voice: (seconds, MIDI pitch).
    silent_notes: list[tuple[float, int]] = []
    #: Notes whose velocity, volume or expression is zero, so that silence is right.
    muted_notes: int = 0
    ignored_bends: int = 0  #: notes that are bent in the MIDI and sound unbent, since the patch plays no bends
    first_audible_note_s: float | None = None  #: when the first note that started a voice and is not muted can be heard
    last_release_s: float = 0.0  #: when the last note is released, pedals counted
    voices_max: int = 0
    tail_cut: bool = False  #: voices still sounded when `tail_max_s` had passed


class StemMeasurement(FarmModel):
    """What was measured in a stem's audio while it was written, at the level the engine gave (before any gain)."""

    frames: Annotated[int, Field(ge=0)]
    rate_hz: int
    channels: int
    peak: float  #: largest absolute sample, 1.0 is full scale
    rms: float  #: root mean square over the whole stem, all channels
    loudness_lufs: float | None  #: integrated, ITU-R BS.1770-4, silence following; None when no block passes -70 LUFS
    dc: list[float]  #: mean per channel
    nonfinite: int  #: samples that are NaN or infinite
    flat_run_frames: int  #: longest run of equal non-zero samples at the peak (a sign of clipping)
    first_sound_s: float | None  #: first frame above the sound floor, -100 dBFS
    last_sound_s: float | None  #: end of the last hop of 512 frames that is
    tail_peak: float  #: largest absolute sample of the last 50 ms
    flatness: float | None  #: median spectral flatness of loud windows, 0 tone .. 1 white noise
    #: Seconds (start, end) in which the short-time peak stays within 60 dB of the stem's peak.
    active_regions: list[tuple[float, float]]


class Verdict(FarmModel):
    """The judgement on one stem: the status, and the named findings behind it."""

    status: VerdictStatus
    findings: list[FailureReason] = []
    detail: str = ""


class StemResult(FarmModel):
    """A rendered stem: where its audio is in the store and everything known of it. Kept as the store's sidecar."""

    spec_hash: str
    data_hash: str  #: hash of the stem's data file, which is its name in the store
    engine: EngineReport
    measured: StemMeasurement
    verdict: Verdict


class RenderCost(FarmModel):
    """What a try cost; kept in the ledger, never in the dataset."""

    render_s: float
    load_s: float = 0.0
    cpu_s: float = 0.0  #: processor time of the engine, load and render; counted by stage, and of no try alone
    cold: bool = False
    rss_mb: float = 0.0
    cached: bool = False
