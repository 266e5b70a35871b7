"""From a Slakh set-up to a dataset: import, run over pieces of real songs, verify, and mirdata's loader of Slakh reads it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.songs import piece
from tests.support.corpus import songs
from tests.support.farms import farm, farm_json
from tests.support.slakh import LAX, group, write_setup
from workers.midi.smf import read_midi, write_midi

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mirdata.datasets import slakh

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

#: Two that are a rock band, one of them with five parts of five classes; one without a guitar; one with three drum parts.
TAKEN = ("aicha", "mr_blue_sky")
LEFT = {"what_a_fool_believes.mid": "band_not_met", "girls_just_want_to_have_fun.mid": "several_drums"}
#: In the list, one of the two stands without `.mid`; what is no MIDI and what is not there are listed as well.
LISTED = ["midi/aicha.mid", "midi/mr_blue_sky", *(f"midi/{name}" for name in LEFT), "", "midi/aicha.mid",
          "midi/notes.txt", "midi/gone.mid"]  # fmt: skip
#: Seconds of each song.
LENGTH_S = 10.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set-up that contradicts itself as Slakh's own does: the definitions count from 0, the config says from 1."""
    folder = tmp_path_factory.mktemp("slakh")
    found = {path.name: path for path in songs()}
    defs = {**LAX, "Strings": group("Strings", list(range(40, 48)))}
    write_setup(
        folder, defs=defs, zero_based_midi=True, instrument_classes_file="classes_1.json", midi_file_list="list.txt"
    )
    (folder / "list.txt").write_text("\n".join(LISTED))
    (folder / "midi" / "notes.txt").write_text("no music")
    for name in (*(f"{name}.mid" for name in TAKEN), *LEFT):
        target = folder / "midi" / (name if f"midi/{name}" in LISTED else name.removesuffix(".mid"))
        target.write_bytes(write_midi(piece(read_midi(found[name].read_bytes()), LENGTH_S)))
    return folder


@pytest.fixture(scope="module")
def dataset(root: Path) -> Path:
    imported = farm_json("import", "slakh", root / "config.json", "--out", root / "plan")
    assert imported["command"] == f"farm run {root}/plan/plan.yaml --out {root}/made"
    report = farm_json(*imported["command"].split()[1:], "--slots", 2)
    assert report["songs"] == {"published": 2, "failed": 0, "accepted": 2}
    return root / "made"


def test_the_dataset_of_an_imported_plan_verifies(dataset: Path) -> None:
    done = farm("verify", dataset, "--json")
    assert done.returncode == 0, done.stdout


def test_songs_are_chosen_by_the_band_and_every_other_file_of_the_list_has_its_reason(dataset: Path) -> None:
    listed = {item["name"]: item["reason"] for item in farm_json("failures", dataset)}
    assert listed == {**LEFT, "notes.txt": "unreadable", "gone.mid": "not_found"}
    chosen = {yaml.safe_load(path.read_text())["UUID"] for path in dataset.glob("Track*/metadata.yaml")}
    assert chosen == set(TAKEN)


def test_a_song_whose_file_does_not_end_in_mid_is_a_song_like_others(dataset: Path, root: Path) -> None:
    source = (root / "midi" / "mr_blue_sky").read_bytes()
    assert source in [path.read_bytes() for path in dataset.glob("Track*/all_src.mid")]


def _stems(dataset: Path) -> dict[tuple[str, str], dict[str, Any]]:
    metadata = {path: yaml.safe_load(path.read_text()) for path in sorted(dataset.glob("Track*/metadata.yaml"))}
    return {
        (values["UUID"], name): {**stem, "wav": path.parent / "stems" / f"{name}.wav"}
        for path, values in metadata.items()
        for name, stem in values["stems"].items()
    }


def test_each_stem_names_slakhs_patch_and_plays_its_own_program(dataset: Path) -> None:
    listed = {f"{item.rsplit('/', 1)[-1]} (stand-in)" for found in LAX.values() for item in found["defs"]}
    songs = [json.loads(path.read_text()) for path in dataset.glob("Track*/annotation.json")]
    played = [stem for song in songs for stem in song["stems"] if stem["audio"] is not None]
    assert {stem["choice"] for stem in played} <= listed
    assert len({stem["choice"] for stem in played}) > 4
    assert all(stem["preset_program"] == stem["program"] for stem in played if not stem["is_drum"])


def test_classes_are_right_though_config_and_table_are_one_off(dataset: Path) -> None:
    classes = {
        (stem["program_num"], stem["inst_class"])
        for (song, _), stem in _stems(dataset).items()
        if song == "mr_blue_sky"
    }
    assert classes == {(0, "Piano"), (33, "Bass"), (128, "Drums"), (48, "Strings (continued)"), (29, "Guitar")}


def test_a_program_without_a_patch_has_no_audio_and_its_flags_say_so(dataset: Path) -> None:
    stems = _stems(dataset)
    pizzicato = [stem for stem in stems.values() if stem["program_num"] == 45]
    assert [stem["audio_rendered"] for stem in pizzicato] == [False]
    for stem in stems.values():
        assert stem["wav"].exists() == stem["audio_rendered"]


def test_mirdata_reads_it(dataset: Path) -> None:
    index = farm_json("index", "mirdata", dataset)
    baby = next(item for item in index["indexes"] if item["version"] == "baby")
    loader = slakh.Dataset(data_home=index["data_home"], version="baby")
    loader.index_path = baby["path"]
    missing, invalid = loader.validate(verbose=False)
    assert not any(missing[kind] or invalid[kind] for kind in ("tracks", "multitracks"))
    loaded = loader.load_multitracks()
    assert {song.uuid for song in loaded.values()} == set(TAKEN)
    for song in loaded.values():
        audio, rate_hz = song.audio
        assert (audio.ndim, rate_hz) == (1, 44100)
        assert len(song.notes.pitches) > 50
        drums = [track for track in song.tracks.values() if track.is_drum]
        assert {track.mixing_group for track in drums} == {"drums"}


def test_importing_and_running_again_does_nothing(root: Path, dataset: Path) -> None:
    again = farm_json("import", "slakh", root / "config.json", "--out", root / "plan")
    report = farm_json(*again["command"].split()[1:])
    assert report["did_anything"] is False
    assert json.loads((dataset / "dataset.json").read_text())["tracks"] == 2
