"""Crops: aligned, true to the files, drawn by hash, and mixed anew where that is wanted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DatasetError, FarmError, PlanError
from tests.support.datasets import read_annotation
from workers.audio.files import read_audio
from workers.loading.crops import CropLibrary, CropSettings

BASS_AND_DRUMS = {"bass": range(32, 40), "drums": (128,)}
STEMS = {"bass": ["S01"], "drums": ["S03"], "other": ["S00", "S02"]}


def library(dataset: Path, **values: Any) -> CropLibrary:
    return CropLibrary(dataset, CropSettings(**{"seconds": 1.0, "sources": BASS_AND_DRUMS, **values}))


def published(dataset: Path, song: str, stem: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return read_audio(dataset / song / "stems" / f"{stem}.flac").T.astype(np.float64) / 2.0**15


def test_a_crop_is_what_the_files_hold_and_its_sources_begin_together(dataset: Path) -> None:
    crops = library(dataset)
    for number in range(12):
        crop = crops.crop(number)
        assert crop.sources.shape == (3, 1, 16000)
        assert crop.sources.dtype == np.float32
        ((song, start),) = set(crop.places.values())
        for row, source in zip(crop.sources, crops.settings.names, strict=True):
            wanted = sum(published(dataset, song, stem) for stem in STEMS[source])
            wanted = np.asarray(wanted)[:, start : start + 16000]
            np.testing.assert_allclose(row[:, : wanted.shape[1]], wanted, atol=1e-6)
            assert not row[:, wanted.shape[1] :].any(), "behind the end of a song is silence"


def test_all_sources_of_an_unmixed_crop_sum_to_the_published_mix(dataset: Path) -> None:
    crop = library(dataset).crop(3)
    ((song, start),) = set(crop.places.values())
    mix = read_audio(dataset / song / "mix.flac").T[:, start : start + 16000] / 2.0**15
    np.testing.assert_allclose(crop.mix[:, : mix.shape[1]], mix, atol=1e-5)


def test_the_same_seed_epoch_and_number_give_the_same_crop_in_any_order(dataset: Path) -> None:
    one, two = library(dataset, remix=0.5, gain_db=(-6, 6)), library(dataset, remix=0.5, gain_db=(-6, 6))
    first = [one.crop(number).sources for number in range(8)]
    second = [two.crop(number).sources for number in reversed(range(8))][::-1]
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("other", [{"number": 1}, {"epoch": 1}, {"seed": 1}])
def test_another_number_epoch_or_seed_gives_another_crop(dataset: Path, other: dict[str, int]) -> None:
    first = library(dataset).crop(0)
    second = library(dataset, seed=other.get("seed", 0)).crop(other.get("number", 0), other.get("epoch", 0))
    assert not np.array_equal(first.sources, second.sources)


def test_a_remix_takes_its_sources_from_songs_and_places_of_their_own(dataset: Path) -> None:
    crops = library(dataset, remix=1.0)
    places = [crops.crop(number).places for number in range(30)]
    assert any(len({song for song, _ in crop.values()}) == 2 for crop in places)
    assert sum(len({start for _, start in crop.values()}) > 1 for crop in places) > 20
    crop = crops.crop(5)
    for row, source in zip(crop.sources, crops.settings.names, strict=True):
        song, start = crop.places[source]
        wanted = np.asarray(sum(published(dataset, song, stem) for stem in STEMS[source]))[:, start : start + 16000]
        np.testing.assert_allclose(row[:, : wanted.shape[1]], wanted, atol=1e-6)


def test_remix_is_a_probability(dataset: Path) -> None:
    crops = library(dataset, remix=0.3)
    alike = sum(len(set(crops.crop(number).places.values())) == 1 for number in range(60))
    assert 8 < alike < 40, "0.7 to the third power of 60 are 21 crops that are left as they are"


def test_gains_are_drawn_for_every_source_within_their_range(dataset: Path) -> None:
    plain, louder = library(dataset), library(dataset, gain_db=(-6.0, 6.0))
    ratios = []
    for number in range(10):
        one, two = plain.crop(number).sources, louder.crop(number).sources
        sounding = np.abs(one).max(axis=(1, 2)) > 0
        ratios += (np.abs(two).max(axis=(1, 2))[sounding] / np.abs(one).max(axis=(1, 2))[sounding]).tolist()
    gains_db = 20 * np.log10(ratios)
    assert gains_db.min() >= -6.001
    assert gains_db.max() <= 6.001
    assert np.ptp(gains_db) > 6.0


def test_a_source_sounds_in_every_crop(dataset: Path) -> None:
    crops = library(dataset, seconds=0.4)
    assert all(np.abs(crops.crop(number).sources).max() > 0 for number in range(40))


def test_a_crop_longer_than_the_song_is_padded(dataset: Path) -> None:
    crop = library(dataset, seconds=60.0).crop(0)
    frames = read_annotation(dataset).frames
    assert crop.sources.shape[-1] == 60 * 16000
    assert not crop.sources[:, :, frames + 64 :].any()


def test_without_a_rest_other_stems_are_left_out(dataset: Path) -> None:
    crops = library(dataset, rest=None)
    assert crops.settings.names == ["bass", "drums"]
    assert crops.crop(0).sources.shape[0] == 2


def test_a_source_that_no_song_has_is_silent(dataset: Path) -> None:
    crops = library(dataset, sources={"guitar": range(24, 32), **BASS_AND_DRUMS}, remix=1.0)
    assert not any(crops.crop(number).sources[0].any() for number in range(5))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seconds": 0.0}, "seconds"),
        ({"remix": 1.5}, "remix"),
        ({"gain_db": (3, -3)}, "gain_db"),
        ({"sources": {"a": [1], "b": [1, 2]}}, "a program is in two of them"),
        ({"rest": "bass"}, "there is a source bass already"),
        ({"sources": {}, "rest": None}, "there is none"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        CropSettings(**{"seconds": 1.0, "sources": BASS_AND_DRUMS, **values})


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no finished dataset"):
        library(tmp_path)


def test_a_split_without_songs_and_sources_without_stems_are_refused(dataset: Path) -> None:
    with pytest.raises(DatasetError, match=r"is in the split train\. It has no splits: `farm resplit"):
        library(dataset, split="train")
    with pytest.raises(DatasetError, match="no song of"):
        library(dataset, sources={"choir": [52]}, rest=None)


def test_a_lost_file_is_an_error_that_names_it(dataset: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "dataset"))
    crops = library(folder)
    for track in folder.glob("Track*"):
        (track / "stems" / "S03.flac").unlink()
    with pytest.raises(FarmError, match=r"S03\.flac"):
        crops.crop(0)


def test_only_songs_of_the_split_are_used(dataset: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "dataset"))
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    for line, split in zip(lines, ("train", "test"), strict=True):
        (folder / split).mkdir()
        (folder / line["track"]).rename(folder / split / line["track"])
        line["split"] = split
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [song.name for song in library(folder, split="test").songs] == ["Track00002"]
    assert len(library(folder).songs) == 2
