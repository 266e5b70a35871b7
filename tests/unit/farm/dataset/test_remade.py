"""Which songs are made anew, what cannot be compared and why, and what a comparison finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from farm.dataset.remade import (
    chosen,
    compared_files,
    differences,
    first_difference,
    how_many,
    reworked,
    unlike_engines,
    unlike_plan,
    unlike_song,
)  # fmt: skip
from farm.planning.plans import build_plan
from schemas.annotation import SongAnnotation
from schemas.convert import ConvertedForm
from schemas.dataset import DatasetRecord, FileRecord, TrackRecord
from schemas.errors import PlanError
from schemas.submix import Submix, SubmixGroup
from tests.support.datasets import FACTS, PLAN, make_dataset, read_annotation, read_records


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def song(dataset: Path) -> SongAnnotation:
    return read_annotation(dataset)


@pytest.fixture(scope="module")
def record(dataset: Path) -> DatasetRecord:
    read = DatasetRecord.model_validate_json((dataset / "dataset.json").read_bytes())
    return read.model_copy(update={"engines": FACTS.engines})


def track(number: int, **values: Any) -> TrackRecord:
    digest = f"{number:064x}"
    facts: dict[str, Any] = {
        "track": f"Track{number:05d}", "song_sha256": digest, "source": f"{number}.mid", "duration_s": 1, "stems": 1,
        "notes": 1, "stem_audio_s": 1, "files": [],
    }  # fmt: skip
    return TrackRecord(**{**facts, **values})


@pytest.mark.parametrize(
    ("asked", "songs", "count"),
    [
        ("1%", 100, 1), ("1%", 101, 2), ("1%", 3, 1), ("0.5%", 1000, 5), ("100%", 7, 7), ("0%", 7, 0), ("0", 7, 0),
        ("3", 7, 3), (" 9 ", 7, 7), ("1%", 0, 0),
    ],
)  # fmt: skip
def test_a_share_is_rounded_up_and_no_more_songs_are_made_than_there_are(asked: str, songs: int, count: int) -> None:
    assert how_many(asked, songs) == count


@pytest.mark.parametrize("asked", ["", "some", "-1", "101%", "5 %%", "1.5"])
def test_what_is_neither_share_nor_number_is_refused(asked: str) -> None:
    with pytest.raises(PlanError, match="neither a share of the songs nor a number"):
        how_many(asked, 10)


def test_the_choice_depends_on_plan_and_songs_and_neither_on_order_nor_on_files(record: DatasetRecord) -> None:
    songs = [track(number) for number in range(1, 201)]
    taken = chosen(record, songs, 10)
    assert [item.track for item in taken] == sorted(item.track for item in taken)
    changed = [track(n, files=[FileRecord(path="mix.flac", size_bytes=n, sha256="a" * 64)]) for n in range(200, 0, -1)]
    assert [item.track for item in chosen(record, changed, 10)] == [item.track for item in taken]
    assert {item.track for item in chosen(record, songs, 5)} < {item.track for item in taken}
    other = record.model_copy(update={"plan_sha256": "0" * 64})
    assert [item.track for item in chosen(other, songs, 10)] != [item.track for item in taken]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"farm_version": "0.9"}, "farm_differs"),
        ({"plan_sha256": "0" * 64}, "plan_differs"),
        ({"conversions": [ConvertedForm(format="wav", bits=16, rate_hz=16000, channels=1)]}, "converted"),
    ],
)
def test_a_dataset_that_cannot_be_compared_says_why(
    record: DatasetRecord, changes: dict[str, Any], reason: str | None
) -> None:
    unlike = unlike_plan(record.model_copy(update=changes), farm_version="0")
    assert (None if unlike is None else unlike.reason) == reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"instruments": {"map": "gm-lax", "balance": True}}, "balanced"),
        ({"splits": {"songs": {"Track00001": "test"}}}, "placed_by_track"),
    ],
)
def test_a_plan_whose_songs_depend_on_one_another_says_so(
    record: DatasetRecord, values: dict[str, Any], reason: str
) -> None:
    plan = build_plan({"source": "songs", **values})
    unlike = unlike_plan(record.model_copy(update={"plan": plan, "plan_sha256": plan.plan_hash}), farm_version="0")
    assert unlike is not None
    assert unlike.reason == reason


def test_other_engines_soundfonts_and_patches_are_told_apart(record: DatasetRecord) -> None:
    assert unlike_engines(record, FACTS) is None
    newer = unlike_engines(record, FACTS.model_copy(update={"version": "9"}))
    assert newer is not None
    assert (newer.reason, newer.message) == (
        "engine_differs", "it was played by fluidsynth 2.5.7, and here is fluidsynth 9",
    )  # fmt: skip
    font = FACTS.soundfont.model_copy(update={"sha256": "e" * 64})
    other = unlike_engines(record, FACTS.model_copy(update={"soundfont": font}))
    assert other is not None
    assert other.reason == "soundfont_differs"
    mapped = unlike_engines(record.model_copy(update={"soundfonts": {"Violin": "d" * 64}}), FACTS)
    assert mapped is not None
    assert mapped.message == "the soundfont Violin is missing here, or another one (SHA-256)"


def test_a_song_with_a_failed_stem_or_an_engine_that_never_repeats_is_not_compared(song: SongAnnotation) -> None:
    assert unlike_song(song) is None

    def changed(**values: Any) -> str:
        stems = [song.stems[0].model_copy(update=values), *song.stems[1:]]
        unlike = unlike_song(song.model_copy(update={"stems": stems}))
        return "" if unlike is None else unlike.reason

    assert changed(findings=["dropped"]) == "stem_failed"
    assert changed(repeat_db=-40.0) == "not_exact"


def test_of_a_song_that_was_submixed_later_labels_and_submixes_are_not_compared(song: SongAnnotation) -> None:
    paths = ["annotation.json", "metadata.yaml", "mix.flac", "stems/S00.flac"]
    files = [FileRecord(path=path, size_bytes=1, sha256="a" * 64) for path in paths]
    group = SubmixGroup(name="all", audio="submixes/band/all.flac", stems=["S00"], peak_dbfs=None, loudness_lufs=None)
    later = song.model_copy(update={"submixes": [Submix(recipe="band", key="inst_class", groups=[group])]})
    more = FileRecord(path="submixes/band/all.flac", size_bytes=1, sha256="a" * 64)
    assert reworked(song, PLAN) is None
    assert compared_files(track(1, files=files), track(1, files=files), song, PLAN) == paths
    unlike = reworked(later, PLAN)
    assert unlike is not None
    assert unlike.reason == "reworked"
    assert compared_files(track(1, files=[*files, more]), track(1, files=files), later, PLAN) == paths[2:]


def test_the_first_difference_of_sound_is_a_byte(tmp_path: Path) -> None:
    one, other = tmp_path / "a.flac", tmp_path / "b.flac"
    data = bytes(range(256)) * 8192  # two blocks
    one.write_bytes(data)
    other.write_bytes(data)
    assert first_difference(one, other) is None
    other.write_bytes(data[:1_500_000] + b"x" + data[1_500_001:])
    assert first_difference(one, other) == "from byte 1,500,000 on it is not what is made anew"
    other.write_bytes(data[:-10])
    assert first_difference(one, other) == (
        "from byte 2,097,142 on it is not what is made anew (of 2,097,152, and 2,097,142 made anew)"
    )


@pytest.mark.parametrize(
    ("name", "one", "other", "said"),
    [
        ("annotation.json", '{"a":[1,{"b":2}],"track":"1"}', '{"a":[1,{"b":3}],"track":"2"}', "a.1.b is 2, and 3"),
        ("annotation.json", '{"a":1,"track":"Track00007"}', '{"a":1,"track":"Track00001"}', None),
        ("metadata.yaml", "stemfarm:\n  track: T7\n  x: 1\n", "stemfarm:\n  track: T1\n  x: 2\n", "stemfarm.x is 1, and 2"),
        ("metadata.yaml", "stemfarm:\n  track: T7\n", "stemfarm:\n  track: T1\n", None),
        ("sample.json", '{\n  "split": "train",\n  "k": 1\n}', '{\n  "split": null,\n  "k": 1\n}', None),
        ("annotation.json", '{"a": 1}', '{"a":1}', "from byte 5 on"),
        ("annotation.json", '{"a":', '{"a":1}', "from byte 5 on"),
    ],
)  # fmt: skip
def test_the_first_difference_of_a_label_is_its_key_and_a_songs_place_is_none(
    tmp_path: Path, name: str, one: str, other: str, said: str | None
) -> None:
    for folder, text in (("said", one), ("made", other)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    found = first_difference(tmp_path / "said" / name, tmp_path / "made" / name)
    assert (found is None) if said is None else (found is not None and found.startswith(said))


def test_files_of_one_side_alone_are_differences_unless_the_manifest_knew_them(tmp_path: Path) -> None:
    for folder, names in (("said", ["a", "old"]), ("made", ["a", "new", "lost"])):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(name)
    known = track(1, files=[FileRecord(path=path, size_bytes=1, sha256="a" * 64) for path in ("a", "old", "lost")])
    found = list(differences(tmp_path / "said", tmp_path / "made", known, ["a", "lost", "new", "old"]))
    assert [(item.track, item.file, item.message) for item in found] == [
        ("Track00001", "new", "made anew, the song has it, and the dataset does not"),
        ("Track00001", "old", "made anew, the song has no such file"),
    ]


def test_a_song_as_it_lies_there_is_the_same_as_itself(dataset: Path) -> None:
    (known,) = read_records(dataset)
    folder = dataset / known.folder
    assert list(differences(folder, folder, known, [file.path for file in known.files])) == []
    assert json.loads((folder / "annotation.json").read_bytes())["provenance"]["assets"] == {"f" * 64: "soundfont Test"}
