"""Records of a published dataset: one line of `manifest.jsonl` per song, one `dataset.json` on top."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from schemas.assets import Credit
from schemas.base import FarmModel
from schemas.convert import AudioForm, ConvertedForm
from schemas.effects import AppliedEffect
from schemas.layouts import SAMPLE
from schemas.limiter import Limiter
from schemas.patch import PatchUse
from schemas.plan import DatasetPlan
from schemas.roles import OtherMix
from schemas.splits import OMITTED, folder_of
from schemas.submix import Submix
from schemas.whole import WholeMix

MANIFEST = "manifest.jsonl"
DATASET = "dataset.json"
#: Indexes for mirdata that lie in a dataset: they hold the path and MD5 of every file.
MIRDATA_INDEXES = "slakh_index_*.json"
#: Folder of the farm's own files inside a dataset: ledger, store, staging, logs.
FARM_FOLDER = ".farm"
#: Folder of the records of how tracks were moved between splits.
RESPLIT = f"{FARM_FOLDER}/resplit"
#: Folder of the records of which tracks were moved out for their scores.
FILTER = f"{FARM_FOLDER}/filter"


#: The song's annotation; the same name in every layout, since it says where all other files are.
ANNOTATION = "annotation.json"


class TrackPaths(FarmModel):
    """Where a layout puts the files of a song, relative to the track's folder, `/` between the parts."""

    mix: str
    stem: str  #: with `{stem}` for the stem's name
    midi: str  #: with `{stem}`
    midi_played: str  #: with `{stem}`
    source_midi: str
    all_stems: str  #: the music of all stems that have audio, in one file
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

    def played_midi(self, stem: str) -> str:
        """Return the path of the MIDI file that a stem's instrument was sent, where it is another."""
        return self.midi_played.format(stem=stem)


#: What `plugin_name` says in Slakh's metadata of a stem that no patch plays.
NO_PLUGIN = "None"

#: Paths of Slakh2100.
SLAKH_PATHS = TrackPaths(
    mix="mix",
    stem="stems/{stem}",
    midi="MIDI/{stem}.mid",
    midi_played="MIDI_played/{stem}.mid",
    source_midi="all_src.mid",
    all_stems="all_stems.mid",
    jams="annotation.jams",
    sign="metadata.yaml",
)


#: Paths of the layout musicgen: only the file that is written last is another.
MUSICGEN_PATHS = SLAKH_PATHS.model_copy(update={"sign": SAMPLE})
#: Files that say what a song is and was mixed to, and that whoever changes the song writes anew.
PAPERS = (ANNOTATION, SLAKH_PATHS.sign, SLAKH_PATHS.jams, SAMPLE)


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
    role_gain_db: float = 0.0  #: of the stem's role in the mix, a part of `gain_db`
    pan: float = 0.0
    balance: tuple[float, float] | None = None  #: what left and right were multiplied with for the pan
    effects: list[AppliedEffect] = []  #: that it went through before anything else, in order
    #: Where the stem sounds after effects and pan, seconds; None where it is as it was played.
    active_regions: list[tuple[float, float]] | None = None


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
    submixes: list[Submix] = []
    mixes: list[OtherMix] = []
    files: list[FileRecord]
    whole: WholeMix | None = None  #: where the mix is a render of the whole song and not the sum of the stems
    limiter: Limiter | None = None  #: where the mix was brought to a loudness


class TrackRecord(FarmModel):
    """One published song, as a line of the manifest."""

    #: The split that it is in, and in whose folder it lies unless it lies in a shard; None where it is in none.
    split: str | None = None
    #: The shard whose folder it lies in; the key is only there where the dataset has shards.
    shard: str = ""
    #: Shared by all versions of one song; empty in datasets of an older farm.
    cluster: str = ""

    track: str
    song_sha256: str
    source: str
    duration_s: float
    stems: int
    notes: int
    stem_audio_s: float
    #: `pass` or `warn`, and stems by finding, as the annotation's quality says; empty in datasets of an older farm.
    verdict: str = ""
    findings: dict[str, int] = {}
    score: float | None = None  #: of the mix; the key is only there where it was scored
    files: list[FileRecord]

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.score is None:
            del values["score"]
        if not self.shard:
            del values["shard"]
        return values

    @property
    def folder(self) -> str:
        """Folder of the track, relative to the dataset's."""
        return folder_of(self.track, self.shard or self.split)


class SplitsRecord(FarmModel):
    """Which splits a dataset has, and whether they can be trusted."""

    #: Name of each split -> tracks in it, by name; the empty name counts tracks in none.
    tracks: dict[str, int]
    #: No song has versions in two splits; what is omitted does not count.
    leak_free: bool

    @classmethod
    def of(cls, tracks: Iterable[TrackRecord]) -> SplitsRecord | None:
        """Count the splits of `tracks`; None where none of them is in any."""
        places = [(track.split or "", track.cluster or track.song_sha256) for track in tracks]
        counts = Counter(split for split, _ in places)
        if set(counts) <= {""}:
            return None
        clusters = Counter(cluster for split, cluster in set(places) if split != OMITTED)
        return cls(tracks=dict(sorted(counts.items())), leak_free=all(count == 1 for count in clusters.values()))


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
    soundfonts: dict[str, str] = {}  #: SHA-256 of every soundfont that the plan's instrument map or pools name, by name
    credits: list[Credit] = []  #: whose work is in it: what its NOTICE says; empty in datasets of an older farm
    engines: dict[str, str] = {}  #: version of every engine that may have played a stem, by name
    patches: dict[str, PatchUse] = {}  #: what the patch files that the map names stood for, by name
    tracks: int
    failed: int
    rejected: list[RejectedRecord]
    splits: SplitsRecord | None = None  #: None where the dataset has none
    conversions: list[ConvertedForm] = []  #: forms that the audio was given after it was published, in order
    duration_s: float
    stem_audio_s: float

    @property
    def text(self) -> str:
        """What is written of it: keys are sorted but for those of the plan, where the order of a genre's layers means something."""
        values = self.model_dump(mode="json")
        plan = values.pop("plan")
        in_order = json.loads(json.dumps(values, sort_keys=True))
        whole = {key: plan if key == "plan" else in_order[key] for key in sorted([*values, "plan"])}
        return json.dumps(whole, indent=1) + "\n"

    @property
    def form(self) -> AudioForm:
        """The form that the audio has now."""
        return self.conversions[-1].form if self.conversions else self.plan.output.form
