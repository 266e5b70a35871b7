"""`farm run` with an instrument map of its own soundfonts: what is published is what is heard, by pitch and onset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.base import canonical_json
from schemas.dataset import DatasetRecord
from tests.support.datasets import reseal
from tests.support.farms import DEMO, farm, farm_json, published
from tests.support.listening import tones
from tests.support.midi import Event, name, note, program, song, tempo
from tests.support.plugins import needs_dawdreamer
from tests.support.soundfont import sine, write_soundfont
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.specimens.soundfont import Preset, Zone
from workers.verifying import Code, verify_dataset

BASS = (28, 26, 40, 33, 43, 88)
LEAD = (60, 64, 67, 72)
DRUMS = (28, 36, 35, 38)
GRID_S = 64 / 44100

MAP = """
name: three
groups:
  - name: Bass
    inst_class: Synth Lead
    programs: [33]
    rules: {fold: [35, 79], shift: 12}
    patches: [{name: Deep bass, soundfont: fonts/deep.sf2, program: 4, octave_offset: -1, licence: CC0-1.0}]
  - name: Leads
    programs: [72, 73]
    patches:
      - {name: Plain, weight: 2}
      - {name: Too low, weight: 1000, key_range: [0, 59]}
  - name: Drums
    programs: [128]
    rules: {moves: {28: 36, 35: 36}}
    patches: [{name: Kit}]
"""
PLAN = """
source: midi
filters: {min_duration_s: 1}
engine: {soundfont: fonts/plain.sf2}
output: {channels: 1}
instruments: {map: map.yaml}
"""


def line(title: str, number: int, keys: tuple[int, ...], channel: int) -> list[Event]:
    """Return a track of single notes with silence between them."""
    notes = [event for place, key in enumerate(keys) for event in note(100 + place * 700, 320, key, channel=channel)]
    return [name(0, title), program(0, number, channel), *notes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with its map, its two soundfonts, whose presets are all sines, and one song."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "fonts").mkdir()
    (folder / "midi").mkdir()
    tuned, lower = Zone(sine(), loop_start=0), Zone(sine(), root=69 + 12, loop_start=0)
    presets = [Preset("Bass", 33, (tuned,)), Preset("Flute", 73, (tuned,)), Preset("Kit", 0, (tuned,), bank=128)]
    write_soundfont(folder / "fonts" / "plain.sf2", presets)
    write_soundfont(folder / "fonts" / "deep.sf2", [Preset("Deep", 4, (lower,))])
    tracks = [
        line("bass", 33, BASS, 0),
        line("lead", 73, LEAD, 1),
        line("choir", 52, LEAD, 2),
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
    assert report["songs"]["published"] == 1
    return folder / "out" / "Track00001"


def stems_of(track: Path) -> dict[str, StemAnnotation]:
    """Return the stems of a track by the names of the song's tracks."""
    annotation = SongAnnotation.model_validate_json((track / "annotation.json").read_bytes())
    return {stem.track_name: stem for stem in annotation.stems}


def keys_of(midi: Path) -> list[int]:
    keys: list[int] = read_notes(read_midi(midi.read_bytes())).pitch.tolist()
    return keys


def check_by_ear(track: Path, stem: StemAnnotation, expected: tuple[int, ...]) -> None:
    """The recording, the published MIDI and the annotation all have these keys, at the same times."""
    assert stem.audio is not None
    audio, rate_hz = soundfile.read(track / stem.audio, always_2d=True)
    found = tones(audio, rate_hz)
    notes = read_notes(read_midi((track / stem.midi).read_bytes()))
    assert tuple(tone.key for tone in found) == tuple(notes.pitch.tolist()) == tuple(stem.notes.pitch) == expected
    assert [tone.onset_s for tone in found] == pytest.approx(notes.onset_s.tolist(), abs=2 * GRID_S)
    assert stem.notes.onset_s == pytest.approx(notes.onset_s.tolist(), abs=1e-6)


def test_what_is_published_is_what_is_heard(track: Path) -> None:
    stems = stems_of(track)
    # Slakh's bass: folded, an octave up, on a patch that sounds an octave below what it is sent.
    check_by_ear(track, stems["bass"], (40, 38, 40, 45, 43, 76))
    check_by_ear(track, stems["lead"], LEAD)
    check_by_ear(track, stems["drums"], (36, 36, 36, 38))


def test_what_was_played_is_published_where_it_is_not_what_sounds(track: Path) -> None:
    stems = stems_of(track)
    bass = stems["bass"].midi_played
    assert bass == f"MIDI_played/{stems['bass'].name}.mid"
    assert keys_of(track / bass) == [52, 50, 52, 57, 55, 88]
    assert sorted(path.name for path in (track / "MIDI_played").iterdir()) == [Path(bass).name]
    assert [stems[name].midi_played for name in ("lead", "choir", "drums")] == [None, None, None]


def test_the_song_itself_stays_as_it_was_found(track: Path, folder: Path) -> None:
    assert (track / "all_src.mid").read_bytes() == (folder / "midi" / "song.mid").read_bytes()


def test_the_annotation_names_the_patch_its_soundfont_and_its_licence(track: Path) -> None:
    stems = stems_of(track)
    bass, lead = stems["bass"], stems["lead"]
    assert (bass.group, bass.choice, bass.preset, bass.patch) == ("Bass", "Deep bass", "Deep", "deep:000:004")
    assert (bass.soundfont, bass.licence, bass.inst_class, bass.program) == ("deep", "CC0-1.0", "Synth Lead", 33)
    assert (lead.choice, lead.soundfont, lead.licence, lead.inst_class) == ("Plain", "plain", "unknown", "Pipe")


def test_a_part_that_no_patch_plays_has_no_audio_and_says_why(track: Path, report: Any) -> None:
    choir = stems_of(track)["choir"]
    assert (choir.audio, choir.findings, choir.patch, choir.silent) == (None, ["no_patch"], "", True)
    assert not any(choir.notes.sounding)
    assert keys_of(track / choir.midi) == list(LEAD)
    assert report["warnings"]["no_patch"] == 1


def test_the_dataset_verifies_and_holds_the_map_without_a_path_of_this_machine(track: Path, folder: Path) -> None:
    done = farm("verify", folder / "out", "--json")
    assert done.returncode == 0, done.stdout
    out = track.parent
    record = DatasetRecord.model_validate_json((out / "dataset.json").read_bytes())
    assert record.plan.instruments.loaded is not None
    assert record.plan.instruments.loaded.soundfonts == ["deep.sf2"]
    assert list(record.soundfonts) == ["deep"]
    texts = [out / file for file in published(out) if file.endswith((".json", ".yaml", ".jsonl"))]
    assert [path.name for path in texts if str(folder) in path.read_text()] == []


def test_rules_can_be_switched_off_and_the_labels_know_it(report: Any, folder: Path, tmp_path: Path) -> None:
    del report
    plan = folder / "without.yaml"
    plan.write_text(PLAN.replace("map: map.yaml", "map: map.yaml, rules: false"))
    farm_json("run", plan, "--out", tmp_path / "out", "--slots", 1)
    track = tmp_path / "out" / "Track00001"
    stems = stems_of(track)
    check_by_ear(track, stems["bass"], tuple(key - 12 for key in BASS))
    check_by_ear(track, stems["drums"], DRUMS)
    assert verify_dataset(tmp_path / "out", processes=1).ok


def forge(dataset: Path, to: Path, change: dict[str, Any], *, stem: str = "bass") -> Path:
    """Copy a dataset, change one stem of its annotation, and seal it again as a forger would."""
    shutil.copytree(dataset, to, ignore=shutil.ignore_patterns(".farm"))
    file = to / "Track00001" / "annotation.json"
    annotation = SongAnnotation.model_validate_json(file.read_bytes())
    stems = [item.model_copy(update=change) if item.track_name == stem else item for item in annotation.stems]
    file.write_text(canonical_json(annotation.model_copy(update={"stems": stems})) + "\n")
    return to


def codes(dataset: Path) -> set[Code]:
    plan = DatasetRecord.model_validate_json((dataset / "dataset.json").read_bytes()).plan
    reseal(dataset, plan)
    return {finding.code for finding in verify_dataset(dataset, processes=1).findings}


def test_labels_an_octave_off_are_found_even_where_all_files_agree_on_them(track: Path, tmp_path: Path) -> None:
    bass = stems_of(track)["bass"]
    notes = bass.notes.model_copy(update={"pitch": [pitch + 12 for pitch in bass.notes.pitch]})
    forged = forge(track.parent, tmp_path / "forged", {"notes": notes})
    copied = forged / "Track00001"
    assert bass.midi_played is not None
    shutil.copy(copied / bass.midi_played, copied / bass.midi)  # what was sent, in place of what sounds
    assert codes(forged) == {Code.NOTES_DIFFER}


@pytest.mark.parametrize(
    ("change", "stem", "found"),
    [
        ({"rules": None}, "bass", {Code.PATCH_DIFFERS, Code.NOTES_DIFFER}),
        ({"octave_offset": 0}, "bass", {Code.PATCH_DIFFERS, Code.NOTES_DIFFER}),
        ({"choice": "Another"}, "lead", {Code.PATCH_DIFFERS}),
        ({"group": "Drums"}, "lead", {Code.PATCH_DIFFERS}),
        ({"patch": "x"}, "choir", {Code.PATCH_DIFFERS, Code.METADATA_DIFFERS}),
    ],
    ids=["rules", "octave", "choice", "group", "no patch"],
)
def test_a_stem_that_is_not_as_the_map_says_is_found(
    track: Path, tmp_path: Path, change: dict[str, Any], stem: str, found: set[Code]
) -> None:
    assert codes(forge(track.parent, tmp_path / "forged", change, stem=stem)) == found


def test_played_midi_that_is_gone_or_changed_is_found(track: Path, tmp_path: Path) -> None:
    bass = stems_of(track)["bass"]
    assert bass.midi_played is not None
    forged = forge(track.parent, tmp_path / "changed", {})
    shutil.copy(forged / "Track00001" / bass.midi, forged / "Track00001" / bass.midi_played)
    assert codes(forged) == {Code.NOTES_DIFFER}
    forged = forge(track.parent, tmp_path / "gone", {"midi_played": None})
    assert codes(forged) == {Code.NOTES_DIFFER}


@pytest.mark.parametrize("own", ["gm-strict", "gm-lax", "gm-factory", pytest.param("gm-faust", marks=needs_dawdreamer)])
def test_the_farms_own_maps_make_datasets_that_verify(own: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    source = DEMO / "korobeiniki.mid"
    plan.write_text(f"source: {source}\ninstruments: {{map: {own}}}\noutput: {{rate_hz: 16000, channels: 1}}\n")
    farm_json("run", plan, "--out", tmp_path / "out", "--slots", 1)
    assert verify_dataset(tmp_path / "out", processes=1).findings == []
    stems = stems_of(tmp_path / "out" / "Track00001").values()
    assert all(stem.audio and stem.choice and stem.licence for stem in stems)
    if own == "gm-faust":
        assert {(stem.engine, stem.licence) for stem in stems} == {("faust", "MIT")}
    if own == "gm-factory":
        assert {(stem.soundfont, stem.licence) for stem in stems} == {("TimGM6mb", "GPL-2.0-only")}


def test_a_soundfont_of_the_map_that_is_missing_stops_the_run_at_once(folder: Path, tmp_path: Path) -> None:
    plan = folder / "broken.yaml"
    plan.write_text(PLAN.replace("map.yaml", "broken-map.yaml"))
    (folder / "broken-map.yaml").write_text(MAP.replace("deep.sf2", "gone.sf2"))
    done = farm("run", plan, "--out", tmp_path / "out", "--slots", 1, "--json")
    assert done.returncode == 2
    record = json.loads(done.stdout)
    assert record["reason"] == "missing_asset"
    assert "gone.sf2" in record["error"]
    assert "instrument map three" in record["hint"]
    assert not (tmp_path / "out").exists()


def test_a_map_that_changed_does_not_go_on_in_the_same_folder(track: Path, folder: Path) -> None:
    plan = folder / "changed.yaml"
    plan.write_text(PLAN.replace("map.yaml", "changed-map.yaml"))
    (folder / "changed-map.yaml").write_text(MAP.replace("weight: 2", "weight: 3"))
    done = farm("run", plan, "--out", track.parent, "--json")
    assert done.returncode == 2
    assert "instruments.map" in json.loads(done.stdout)["error"]
