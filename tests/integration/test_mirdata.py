"""mirdata's own loader for Slakh opens a dataset of the farm as it opens Slakh."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from farm.dataset.mirdata import mirdata_indexes, write_index
from schemas.errors import NoDatasetError
from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset, read_annotation, song_midi
from tests.support.farms import farm, farm_json

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mirdata.datasets import slakh

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, channels=2)})
    return make_dataset(tmp_path_factory.mktemp("slakh"), tracks=2, plan=plan)


def open_with(index: Path, version: str, home: Path) -> Any:
    """Return mirdata's dataset object over an index of the farm."""
    dataset = slakh.Dataset(data_home=str(home), version=version)
    dataset.index_path = str(index)
    return dataset


@pytest.fixture(scope="module")
def loader(folder: Path) -> Any:
    """mirdata's dataset object over the farm's index in the form of BabySlakh's."""
    indexes, why_no_other = mirdata_indexes(folder)
    assert [index.version for index in indexes] == ["baby"]
    assert "train, validation, test, omitted" in why_no_other
    return open_with(write_index(indexes[0], folder.parent), "baby", folder.parent)


def test_mirdata_finds_every_file_unchanged(loader: Any) -> None:
    missing, invalid = loader.validate(verbose=False)
    assert not any(missing[kind] for kind in missing)
    assert not any(invalid[kind] for kind in invalid)


def test_songs_have_their_mix_and_facts(loader: Any, folder: Path) -> None:
    songs = loader.load_multitracks()
    assert sorted(songs) == ["Track00001", "Track00002"]
    song, annotation = songs["Track00001"], read_annotation(folder)
    audio, rate_hz = song.audio
    assert (audio.shape, rate_hz) == ((2, annotation.frames), 16000)
    assert (song.uuid, song.normalized) == ("some_song", True)
    assert song.overall_gain == pytest.approx(10 ** (annotation.mix.common_gain_db / 20))
    assert len(song.notes.pitches) == sum(len(stem.notes.pitch) for stem in annotation.stems if not stem.is_drum)


def test_stems_have_their_audio_notes_and_facts(loader: Any, folder: Path) -> None:
    annotation = read_annotation(folder)
    for stem in annotation.stems:
        track = loader.track(f"Track00001-{stem.name}")
        assert track.audio[0].shape == (2, annotation.frames)
        assert (track.instrument, track.is_drum) == (stem.inst_class, stem.is_drum)
        assert (track.plugin_name, track.midi_program_name) == (stem.patch, stem.program_name)
        assert track.integrated_loudness == stem.loudness_lufs
        assert track.mixing_group == {"S01": "bass", "S03": "drums"}.get(stem.name)
        if not stem.is_drum:
            np.testing.assert_allclose(np.sort(track.notes.intervals[:, 0]), stem.notes.onset_s, atol=1e-3)
            assert len(track.notes.pitches) == len(stem.notes.pitch)


def test_the_stems_that_mirdata_loads_sum_to_the_mix_that_it_loads(loader: Any) -> None:
    song = loader.multitrack("Track00002")
    total = song.get_target(song.track_ids, average=False)
    np.testing.assert_allclose(total, song.audio[0], atol=1e-6)


def test_submixes_by_group_can_be_made(loader: Any) -> None:
    submixes, groups = loader.multitrack("Track00001").get_submix_by_group(["bass", "drums", "guitar"])
    assert groups["bass"] == ["Track00001-S01"]
    assert groups["drums"] == ["Track00001-S03"]
    assert submixes["guitar"] is None


# ---------------------------------------------------------------- whole runs, and the command


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for number in range(4):
        (folder / f"song{number}.mid").write_bytes(song_midi(transpose=number))
    return folder


@pytest.fixture(scope="module")
def redux(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A dataset in splits, and what `farm index mirdata` said of it."""
    folder = tmp_path_factory.mktemp("redux")
    plan = {
        "source": str(source),
        "filters": {"band": ["Bass", "Drums"]},
        "splits": {"ratios": {"train": 0.5, "validation": 0.25, "test": 0.25}, "by": "song"},
        "output": {"rate_hz": 16000, "channels": 1, "bits": 16},
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    farm_json("run", folder / "plan.yaml", "--out", folder / "mine", "--slots", 2)
    return folder / "mine", farm_json("index", "mirdata", folder / "mine", "--out", folder / "indexes")


def test_a_dataset_in_splits_is_read_as_slakh2100_redux(redux: tuple[Path, Any]) -> None:
    folder, said = redux
    paths = {index["version"]: Path(index["path"]) for index in said["indexes"]}
    assert sorted(path.name for path in paths.values()) == ["slakh_index_2100-redux.json", "slakh_index_baby.json"]
    dataset = open_with(paths["2100-redux"], "2100-redux", Path(said["data_home"]))
    missing, invalid = dataset.validate(verbose=False)
    assert not any([*missing.values(), *invalid.values()])
    songs = dataset.load_multitracks()
    places = {path.name: path.parent.name for path in folder.glob("*/Track*")}
    assert {name: song.split for name, song in songs.items()} == places
    assert set(places.values()) == {"train", "validation", "test"}
    song = songs["Track00001"]
    assert song.audio[1] == 16000
    assert {track.split for track in song.tracks.values()} == {song.split}
    assert song.tracks["Track00001-S01"].mixing_group == "bass"


def test_the_other_index_of_it_is_read_as_babyslakh(redux: tuple[Path, Any]) -> None:
    _, said = redux
    path = next(Path(index["path"]) for index in said["indexes"] if index["version"] == "baby")
    dataset = open_with(path, "baby", Path(said["data_home"]))
    assert len(dataset.load_multitracks()) == 4
    assert {song.split for song in dataset.load_multitracks().values()} == {None}
    assert not any(dataset.validate(verbose=False)[1].values())


def test_a_changed_file_is_found_by_mirdata(redux: tuple[Path, Any], tmp_path: Path) -> None:
    folder, said = redux
    home = tmp_path / "home"
    shutil.copytree(folder, home / folder.name)
    mix = next((home / folder.name).glob("train/*/mix.flac"))
    mix.write_bytes(mix.read_bytes() + b"x")
    path = next(Path(index["path"]) for index in said["indexes"] if index["version"] == "2100-redux")
    _, invalid = open_with(path, "2100-redux", home).validate(verbose=False)
    assert list(invalid["multitracks"]) == [mix.parent.name]


def test_a_stem_that_was_given_up_has_no_audio_for_mirdata_either(tmp_path: Path) -> None:
    def give_up(stems: dict[str, Any]) -> dict[str, Any]:
        return {name: audio for name, audio in stems.items() if name != "S01"}

    folder = make_dataset(tmp_path, spoil=give_up)
    dataset = open_with(write_index(mirdata_indexes(folder)[0][0], tmp_path), "baby", tmp_path)
    assert dataset.track("Track00001-S01").audio_path is None
    assert not any([*dataset.validate(verbose=False)[0].values()])
    submixes, groups = dataset.multitrack("Track00001").get_submix_by_group(["bass", "drums"])
    assert (submixes["bass"], groups["bass"]) == (None, [])


def test_an_unfinished_dataset_and_an_unknown_reader_are_refused(tmp_path: Path) -> None:
    done = farm("index", "mirdata", tmp_path)
    assert (done.returncode, "is no dataset" in done.stderr) == (NoDatasetError.exit_code, True)
    done = farm("index", "nussl", tmp_path)
    assert (done.returncode, "One of: mirdata" in done.stderr) == (2, True)
