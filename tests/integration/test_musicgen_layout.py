"""The layout musicgen: names, folders, and a sample.json that says what is true."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from farm.dataset.catalogue import read_catalogue
from farm.dataset.places import where_they_lie
from farm.dataset.records import read_manifest
from farm.dataset.splits import resplit, undo
from farm.dataset.stats import count
from farm.planning.plans import build_plan
from schemas.annotation import SongAnnotation
from schemas.errors import PlanError
from schemas.layouts import song_name
from schemas.musicgen import sample_of
from tests.support.farms import farm, farm_json, published
from workers.verifying.dataset import verify_dataset

#: Keys of musicgen's own sample.json.
KEYS = {
    "seed", "musicgen_version", "fluidsynth_version", "key", "mode", "tempo_bpm", "time_signature", "swing", "mix", "stems",
    "midi", "time_signatures_per_part", "measures_per_part", "duration_seconds", "song_arrangement", "chord_progression",
    "active_layers", "soundfonts", "fx_params", "beat_times", "downbeat_times", "musicality_score", "genre", "split",
    "pre_roll_offset_seconds",
}  # fmt: skip
PLAN = """
seed: 3
compose: {genres: [jazz, pop], first: 41, count: 2, length_s: 8}
filters: {min_duration_s: 0}
mix: {preset: composed-dry}
splits: {ratios: {train: 1, test: 1}}
output: {layout: musicgen, shard_width: 3, rate_hz: 16000, bits: 16}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("musicgen")
    (home / "plan.yaml").write_text(PLAN)
    farm_json("run", home / "plan.yaml", "--out", home / "out")
    return home / "out"


def song(made: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = made / "000" / "000041"
    return json.loads((folder / "sample.json").read_bytes()), json.loads((folder / "annotation.json").read_bytes())


def test_songs_are_called_by_their_numbers_in_shards_by_their_first_digits(made: Path) -> None:
    assert [path.parent.relative_to(made).as_posix() for path in sorted(made.rglob("sample.json"))] == [
        "000/000041",
        "000/000042",
    ]
    lines = [json.loads(line) for line in (made / "manifest.jsonl").read_text().splitlines()]
    assert [(line["track"], line["shard"]) for line in lines] == [("000041", "000"), ("000042", "000")]


def test_sample_json_has_musicgens_keys_and_says_what_the_annotation_says(made: Path) -> None:
    sample, annotation = song(made)
    assert sample.keys() >= KEYS
    composed = annotation["composed"]
    assert (sample["key"], sample["tempo_bpm"], sample["genre"]) == (
        composed["key"],
        composed["tempo_bpm"],
        ["jazz", "pop"],
    )
    assert sample["sample_index"] == 41
    meters = Counter(f"{bar['numerator']}/{bar['denominator']}" for bar in composed["bars"])
    assert meters[sample["time_signature"]] == max(meters.values())
    assert sample["beat_times"] == [beat["time_s"] for beat in annotation["beats"]]
    assert len(sample["downbeat_times"]) >= sum(
        len([bar for bar in composed["bars"] if bar["section"] == index]) for index in range(len(composed["sections"]))
    )
    assert [slot["part"] for slot in sample["song_arrangement"]] == [
        section["name"] for section in composed["sections"]
    ]
    for name, bars in sample["measures_per_part"].items():
        index = next(at for at, section in enumerate(composed["sections"]) if section["name"] == name)
        assert bars == sum(bar["section"] == index for bar in composed["bars"])
    assert sum(map(len, sample["chord_progression"].values())) <= len(composed["chords"])
    for part, layers in sample["active_layers"].items():
        playing = {layer for section in composed["sections"] if section["name"] == part for layer in section["layers"]}
        assert {layer for layer, plays in layers.items() if plays} == playing


def test_its_paths_are_in_the_songs_folder_and_are_there(made: Path) -> None:
    sample, annotation = song(made)
    layers = {stem["track_name"] for stem in annotation["stems"]}
    assert set(sample["stems"]) == set(sample["midi"]) == layers
    for path in [sample["mix"], *sample["stems"].values(), *sample["midi"].values()]:
        assert (made / "000" / "000041" / path).is_file()
    assert not any("/" in font for font in sample["soundfonts"].values())


def test_the_dataset_is_as_it_claims_and_a_word_that_is_changed_is_found(made: Path, tmp_path: Path) -> None:
    assert farm("verify", made).returncode == 0
    other = Path(shutil.copytree(made, tmp_path / "other"))
    path = other / "000" / "000041" / "sample.json"
    path.write_text(path.read_text().replace('"swing": 0', '"swing": 1'))
    said = farm("verify", other, "--fast")
    assert said.returncode != 0
    assert "swing: not what the annotation says" in said.stdout


def test_commands_find_its_songs_and_keep_sample_json_true(made: Path, tmp_path: Path) -> None:
    found = farm("find", made, "class=Bass", "--fields", "track,audio")
    assert "000/000041/stems/S" in found.stdout
    farm_json("convert", made, tmp_path / "wav", "--format", "wav")
    assert farm("verify", tmp_path / "wav").returncode == 0
    sample = json.loads((tmp_path / "wav" / "000" / "000041" / "sample.json").read_bytes())
    assert sample["mix"] == "mix.wav"


def test_paths_are_the_same_when_they_are_asked_for_again(made: Path) -> None:
    shelf, first = read_catalogue(made)
    _, again = read_catalogue(made)  # what was kept of the first time
    assert first == again
    songs = [(entry.song["number"], entry.song["genre"]) for entry in again]
    assert songs == [(41, ["jazz", "pop"]), (42, ["jazz", "pop"])]
    melodies = [stem for entry in again for stem in entry.stems if stem["layer"] == "melody"]
    assert [stem["role"] for stem in melodies] == ["melody"] * 2
    paths = [str(stem[key]) for entry in again for stem in entry.stems for key in ("midi", "audio")]
    assert all((made / path).is_file() for path in [*paths, *(str(entry.song["mix"]) for entry in again)])
    found = count(shelf, again)
    assert (found.genres, found.layers["melody"]) == ({"jazz": 2, "pop": 2}, 2)
    assert found.soundfonts == {str(melodies[0]["soundfont"]): found.stems}


def test_in_shards_a_split_is_a_word_and_moves_no_folder(made: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(made, tmp_path / "out"))
    planned, first = splits_of(out), read_manifest(out)
    assert set(planned.values()) <= {"train", "test"}
    assert resplit(out, {"000041": "dev", "000042": "dev"}).tracks == {"dev": 2}
    assert splits_of(out) == {"000041": "dev", "000042": "dev"}
    assert verify_dataset(out, fast=True, processes=1).findings == []
    assert where_they_lie(out, first) == read_manifest(out), "as a run writes it that goes on"
    undo(out)
    assert splits_of(out) == planned
    assert published(out) == published(made)


def splits_of(out: Path) -> dict[str, str]:
    """Return what each song, where it lies, and its line of the manifest say of its split, which must be the same."""
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    said = {
        line["track"]: json.loads((out / "000" / line["track"] / "sample.json").read_text())["split"] for line in lines
    }
    assert said == {line["track"]: line["split"] for line in lines}
    return said


def test_a_song_that_was_found_has_all_keys_too(made: Path) -> None:
    annotation = SongAnnotation.model_validate(song(made)[1] | {"composed": None})
    sample = sample_of(annotation, split="train")
    assert sample.keys() >= KEYS
    assert (sample["split"], sample["genre"], sample["chord_progression"]) == ("train", None, {})
    assert set(sample["stems"]) == {stem.name for stem in annotation.stems}


def test_names_go_by_the_layout() -> None:
    assert (song_name("slakh", 42), song_name("musicgen", 43), song_name("musicgen", 10_000_000)) == (
        "Track00042", "000042", "9999999",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"output": {"shard_width": 3}}, "names in the layout musicgen alone"),
        ({"output": {"layout": "flat"}}, "'slakh' or 'musicgen'"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build_plan({"source": "songs", **values})


def test_a_plan_without_shards_keeps_its_hash() -> None:
    plain = build_plan({"source": "songs"})
    assert build_plan({"source": "songs", "output": {"shard_width": 0}}).plan_hash == plain.plan_hash
