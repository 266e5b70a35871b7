"""Records of a published dataset: one line of `manifest.jsonl` per song, one `dataset.json` on top."""

from __future__ import annotations

from schemas.base import FarmModel
from schemas.plan import DatasetPlan

MANIFEST = "manifest.jsonl"
DATASET = "dataset.json"
#: Folder of the farm's own files inside a dataset: ledger, store, staging, logs.
FARM_FOLDER = ".farm"


#: The song's annotation; the same name in every layout, since it says where all other files are.
ANNOTATION = "annotation.json"


class TrackPaths(FarmModel):
    """Where a layout puts the files of a song, relative to the track's folder, `/` between the parts."""

    mix: str
    stem: str  #: with `{stem}` for the stem's name
    midi: str  #: with `{stem}`
    source_midi: str
    jams: str
    sign: str  #: written last: a folder that holds it is complete

    def stem_audio(self, stem: str, file_format: str) -> str:
        """Return the path of a stem's audio."""
        return f"{self.stem.format(stem=stem)}.{file_format}"

    def mix_audio(self, file_format: str) -> str:
        """Return the path of the mix."""
        return f"{self.mix}.{file_format}"

    def stem_midi(self, stem: str) -> str:
        """Return the path of a stem's MIDI file."""
        return self.midi.format(stem=stem)


#: Paths of Slakh2100.
SLAKH_PATHS = TrackPaths(
    mix="mix",
    stem="stems/{stem}",
    midi="MIDI/{stem}.mid",
    source_midi="all_src.mid",
    jams="annotation.jams",
    sign="metadata.yaml",
)


class FileRecord(FarmModel):
    path: str  #: relative to the track's folder
    size_bytes: int
    sha256: str


class StemRecord(FarmModel):
    """Mixing facts of one stem."""

    name: str
    audio: str | None
    silent: bool
    gain_db: float
    loudness_lufs: float | None
    published_loudness_lufs: float | None
    peak_dbfs: float | None


class MixResult(FarmModel):
    """What the mix stage decided and wrote."""

    frames: int
    rate_hz: int
    channels: int
    stems: list[StemRecord]
    common_gain_db: float
    peak_dbfs: float | None
    true_peak_dbtp: float | None
    loudness_lufs: float | None
    files: list[FileRecord]


class TrackRecord(FarmModel):
    """One published song, as a line of the manifest."""

    track: str
    song_sha256: str
    source: str
    duration_s: float
    stems: int
    notes: int
    stem_audio_s: float
    files: list[FileRecord]


class RejectedRecord(FarmModel):
    """One file of the source that is not in the dataset, with its reason."""

    source: str
    reason: str
    detail: str = ""


class DatasetRecord(FarmModel):
    """The top of a dataset: the plan it was made from, and its sums. Written last."""

    schema_version: int = 1
    name: str
    plan: DatasetPlan
    plan_sha256: str
    farm_version: str
    engine: str
    engine_version: str
    soundfont: str
    soundfont_sha256: str
    soundfont_licence: str
    tracks: int
    failed: int
    rejected: list[RejectedRecord]
    duration_s: float
    stem_audio_s: float
