"""`farm run` with stems from several engines in one song: planned, rendered, labelled and verified like any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from benchmarks.derive import transposed
from benchmarks.songs import cut, originals
from farm.ledger import open_ledger
from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.base import canonical_json
from schemas.dataset import DatasetRecord
from schemas.errors import OutputError
from schemas.song import SongSpec
from schemas.states import LimitScope
from tests.support.datasets import reseal
from tests.support.farms import DEMO, farm_json, published
from tests.support.ledgers import song_facts
from tests.support.listening import tones
from tests.support.midi import Event, bend, name, note, program, song, tempo
from tests.support.plugins import needs_dawdreamer, needs_debians_plugins
from tests.support.soundfont import sine, write_soundfont
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi, write_midi
from workers.publishing.recognise import recognise
from workers.specimens.soundfont import Preset, Zone
from workers.verifying import Code, verify_dataset

pytestmark = needs_dawdreamer

KEYS = (60, 64, 67, 72)
DRUMS = (36, 38)
#: An octave below its key, as its patch file says; nothing in it hears a pitch wheel.
SINE = """
declare license "CC0-1.0";
import("stdfaust.lib");
freq = hslider("freq", 440, 20, 20000, 0.01);
gain = hslider("gain", 0.5, 0, 1, 0.01);
gate = button("gate");
process = os.osc(freq / 2) * gain * 0.5 * en.adsr(0.002, 0.01, 1, 0.02, gate) <: _, _;
"""
PATCH = """
name: {name}
engine: faust
description: a sine an octave below its key
settings: {{source: sine.dsp, tail_s: 0.5, {settings}}}
octave_offset: -1
{more}
"""
MAP = """
name: engines
groups:
  - name: Flutes
    programs: [73]
    patches: [{name: Font}]
  - name: Synths
    programs: [80]
    rules: {shift: 12}
    patches: [{name: Own sine, patch: patches/sine.yaml}]
  - name: Drums
    programs: [128]
    patches: [{name: Kit, patch: patches/kit.yaml, octave_offset: 0, licence: own}]
"""
PLAN = """
source: midi
filters: {min_duration_s: 1}
engine: {soundfont: plain.sf2}
output: {channels: 1, rate_hz: 22050}
instruments: {map: map.yaml}
"""


def line(title: str, number: int, keys: tuple[int, ...], channel: int) -> list[Event]:
    """Return a track of single notes with silence between them."""
    notes = [event for place, key in enumerate(keys) for event in note(100 + place * 700, 320, key, channel=channel)]
    return [name(0, title), program(0, number, channel), *notes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with its map, its patch files and one song."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "midi").mkdir()
    (folder / "patches").mkdir()
    write_soundfont(folder / "plain.sf2", [Preset("Flute", 73, (Zone(sine(), loop_start=0),))])
    (folder / "patches" / "sine.dsp").write_text(SINE)
    written = PATCH.format(name="own-sine", settings="plays: [sustain]", more="instances: {max: 1}")
    (folder / "patches" / "sine.yaml").write_text(written)
    kit = PATCH.format(name="own-kit", settings="plays: [], drums: true, drum_map: {36: 69, 38: 71}", more="")
    (folder / "patches" / "kit.yaml").write_text(kit)
    synth = line("synth", 80, KEYS, 1)
    bends = [bend(1520, 12288, 1), bend(2180, 8192, 1)]  # of the third note
    tracks = [
        line("flute", 73, KEYS, 0),
        [*synth[:2], *sorted([*synth[2:], *bends], key=lambda event: event[0])],
        line("drums", 0, DRUMS, 9),
    ]
    (folder / "midi" / "song.mid").write_bytes(song([tempo(0, 120)], *tracks))
    (folder / "map.yaml").write_text(MAP)
    (folder / "plan.yaml").write_text(PLAN)
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> Any:
    return farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", 1)


@pytest.fixture
def track(report: Any, folder: Path) -> Path:
    assert report["songs"] == {"published": 1, "failed": 0, "accepted": 1}, report
    return folder / "out" / "Track00001"


def annotation_of(track: Path) -> SongAnnotation:
    return SongAnnotation.model_validate_json((track / "annotation.json").read_bytes())


def stems_of(track: Path) -> dict[str, StemAnnotation]:
    return {stem.track_name: stem for stem in annotation_of(track).stems}


def heard(track: Path, stem: StemAnnotation) -> list[int]:
    assert stem.audio is not None
    audio, rate_hz = soundfile.read(track / stem.audio, always_2d=True)
    found = tones(audio, rate_hz)
    assert [tone.onset_s for tone in found] == pytest.approx(stem.notes.onset_s, abs=0.007)
    return [tone.key for tone in found]


def keys_of(midi: Path) -> list[int]:
    keys: list[int] = read_notes(read_midi(midi.read_bytes())).pitch.tolist()
    return keys


def test_stems_of_several_engines_sound_as_their_labels_say(track: Path) -> None:
    stems = stems_of(track)
    assert heard(track, stems["flute"]) == stems["flute"].notes.pitch == list(KEYS)
    assert heard(track, stems["synth"]) == stems["synth"].notes.pitch == list(KEYS), "an octave up, and one down again"
    assert keys_of(track / "MIDI_played" / f"{stems['synth'].name}.mid") == [key + 12 for key in KEYS]


def test_drums_sound_at_the_keys_of_the_kit_and_are_labelled_as_general_midi_has_them(track: Path) -> None:
    drums = stems_of(track)["drums"]
    assert heard(track, drums) == [57, 59]
    assert drums.notes.pitch == list(DRUMS)
    assert keys_of(track / drums.midi) == list(DRUMS)
    assert drums.midi_played is not None
    assert keys_of(track / drums.midi_played) == [69, 71]


def test_bends_that_nothing_plays_are_in_no_label_and_are_told(track: Path, report: Any) -> None:
    synth = stems_of(track)["synth"]
    assert synth.findings == ["bends_ignored"]
    assert synth.notes.bent == [False] * 4
    assert report["warnings"]["bends_ignored"] == 1


def test_every_stem_says_who_played_it(track: Path) -> None:
    stems = stems_of(track)
    synth, flute = stems["synth"], stems["flute"]
    assert (synth.engine, synth.patch, synth.plugin, synth.licence) == ("faust", "own-sine", "sine", "CC0-1.0")
    assert (synth.group, synth.choice, synth.octave_offset, synth.preset_program) == ("Synths", "Own sine", -1, None)
    assert len(synth.plugin_sha256) == 64
    assert (synth.soundfont, synth.soundfont_sha256) == ("", "")
    assert (flute.engine, flute.soundfont, flute.plugin, flute.preset_program) == ("fluidsynth", "plain", "", 73)
    assert stems["drums"].licence == "own"
    metadata = yaml.safe_load((track / "metadata.yaml").read_text())
    assert {item["plugin_name"] for item in metadata["stems"].values()} == {"own-sine", "own-kit", "plain:000:073"}


def test_song_and_dataset_list_every_engine_and_what_each_patch_stood_for(track: Path, folder: Path) -> None:
    provenance = annotation_of(track).provenance
    synth = stems_of(track)["synth"]
    assert set(provenance.engines) == {"fluidsynth", "faust"}
    assert set(provenance.patches) == {"own-sine", "own-kit"}
    use = provenance.patches["own-sine"]
    assert (use.engine, use.engine_version, use.plugin, use.sha256, use.licence) == (
        "faust", synth.engine_version, "sine", synth.plugin_sha256, "CC0-1.0",
    )  # fmt: skip
    record = DatasetRecord.model_validate_json((folder / "out" / "dataset.json").read_bytes())
    assert (record.engines, record.patches) == (provenance.engines, provenance.patches)
    texts = [folder / "out" / file for file in published(folder / "out") if file.endswith((".json", ".yaml", ".jsonl"))]
    assert [path.name for path in texts if str(folder) in path.read_text()] == [], "and no path of this machine"


def test_stems_are_found_by_engine_plug_in_and_licence(track: Path) -> None:
    def names(query: str) -> list[str]:
        return [row["name"] for row in farm_json("find", track.parent, query, "--fields", "name")]

    assert names("engine=faust and licence=own") == ["drums"]
    assert names("plugin=sine") == ["synth", "drums"]
    assert names("engine=fluidsynth") == ["flute"]


def test_the_instances_that_a_licence_allows_are_a_limit_from_the_start(track: Path) -> None:
    ledger = open_ledger(f"sqlite:///{track.parent / '.farm' / 'ledger.sqlite'}")
    assert [(limit.name, limit.max, limit.scope) for limit in ledger.limits()] == [("sine", 1, LimitScope.INSTANCE)]


def test_the_dataset_verifies(track: Path) -> None:
    assert verify_dataset(track.parent, processes=1).findings == []


@pytest.mark.parametrize(
    ("stem", "change", "found"),
    [
        ("synth", {"plugin_sha256": "0" * 64}, {Code.PATCH_DIFFERS, Code.ANNOTATION_DIFFERS}),
        ("synth", {"patch": "another"}, {Code.PATCH_DIFFERS, Code.METADATA_DIFFERS}),
        ("synth", {"octave_offset": 0}, {Code.PATCH_DIFFERS, Code.NOTES_DIFFER}),
        ("drums", {"choice": "Other", "group": "Flutes"}, {Code.PATCH_DIFFERS, Code.NOTES_DIFFER}),
    ],
    ids=["hash", "patch", "octave", "choice"],
)
def test_a_stem_that_is_not_as_the_map_says_is_found(
    track: Path, tmp_path: Path, stem: str, change: dict[str, Any], found: set[Code]
) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(track.parent, forged, ignore=shutil.ignore_patterns(".farm"))
    annotation = annotation_of(track)
    stems = [item.model_copy(update=change) if item.track_name == stem else item for item in annotation.stems]
    changed = annotation.model_copy(update={"stems": stems})
    (forged / "Track00001" / "annotation.json").write_text(canonical_json(changed) + "\n")
    reseal(forged, DatasetRecord.model_validate_json((forged / "dataset.json").read_bytes()).plan)
    assert {finding.code for finding in verify_dataset(forged, processes=1).findings} == found


def test_labels_that_the_audio_does_not_have_are_found_in_stems_of_other_engines_too(
    track: Path, tmp_path: Path
) -> None:
    """The audio of the synth is put 0.2 s late; its labels agree with each other, and not with what is heard."""
    moved = tmp_path / "moved"
    shutil.copytree(track.parent, moved, ignore=shutil.ignore_patterns(".farm"))
    file = moved / "Track00001" / str(stems_of(track)["synth"].audio)
    audio, rate_hz = soundfile.read(file, dtype="int32", always_2d=True)
    shift = rate_hz // 5
    audio[shift:], audio[:shift] = audio[:-shift].copy(), 0
    soundfile.write(file, audio, rate_hz, subtype="PCM_24")
    reseal(moved, DatasetRecord.model_validate_json((moved / "dataset.json").read_bytes()).plan)
    codes = {finding.code for finding in verify_dataset(moved, processes=1).findings}
    assert {Code.SOUND_WITHOUT_NOTE, Code.NOTE_WITHOUT_SOUND} <= codes


def test_a_source_that_is_not_there_ends_the_submission_with_the_patch_and_what_to_do(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "gone.yaml").write_text(PLAN.replace("map.yaml", "gone-map.yaml"))
    (folder / "gone-map.yaml").write_text(MAP.replace("patches/sine.yaml", "patches/gone.yaml"))
    text = PATCH.format(name="gone", settings="plays: []", more="").replace("sine.dsp", "gone.dsp")
    (folder / "patches" / "gone.yaml").write_text(text)
    said = farm_json("run", folder / "gone.yaml", "--out", tmp_path / "out", "--slots", 1, exit_code=3)
    assert "instrument map engines: patch gone: there is no Faust source gone.dsp" in said["error"]
    assert "Put it beside its patch file" in said["error"]
    assert json.dumps(said["songs"]) == '{"published": 0, "failed": 0, "accepted": 0}'


@needs_debians_plugins
def test_six_songs_from_the_farms_mixed_map_verify(tmp_path: Path) -> None:
    """Ten seconds each of the demo songs and of two in another key; every engine class plays some of their stems."""
    (tmp_path / "midi").mkdir()
    songs = {title: cut(original, 10.0, 10.0) for title, original in originals(DEMO).items()}
    songs |= {f"{title} higher": transposed(songs[title], 2) for title in ("saints", "korobeiniki")}
    for title, made in songs.items():
        (tmp_path / "midi" / f"{title}.mid").write_bytes(write_midi(made))
    (tmp_path / "plan.yaml").write_text(
        "source: midi\nseed: 4\ninstruments: {map: mixed}\noutput: {rate_hz: 16000, channels: 1}\n"
    )
    out = tmp_path / "out"
    report = farm_json("run", tmp_path / "plan.yaml", "--out", out, "--slots", 2)
    assert report["songs"] == {"published": 6, "failed": 0, "accepted": 6}, report
    assert verify_dataset(out, processes=2).findings == []
    tracks = sorted(out.glob("Track*"))
    played = [stem for track in tracks for stem in annotation_of(track).stems]
    assert {stem.engine for stem in played if stem.audio} == {"fluidsynth", "faust", "dawdreamer"}
    assert all(stem.licence for stem in played)
    plugins = [{stem.patch for stem in annotation_of(track).stems if stem.engine == "dawdreamer"} for track in tracks]
    assert max(map(len, plugins)) >= 2, "and some song has two plug-ins"


def test_a_published_song_is_known_again_as_long_as_its_patches_are_the_same(track: Path) -> None:
    submission = open_ledger(f"sqlite:///{track.parent / '.farm' / 'ledger.sqlite'}").submission(1)
    facts, annotation = submission.engine_facts, annotation_of(track)
    assert facts is not None
    made_from = annotation.provenance
    spec = SongSpec(
        song_hash=made_from.song_sha256, track=1, name=track.name, source=made_from.source, facts=song_facts("x")
    )
    record = recognise(track, spec, submission.plan, facts)
    assert record is not None
    assert record.stems == 3
    other = facts.patches["own-sine"].model_copy(update={"engine_version": "another"})
    changed = facts.model_copy(update={"patches": {**facts.patches, "own-sine": other}})
    with pytest.raises(OutputError, match="is published with another patches than"):
        recognise(track, spec, submission.plan, changed)
