"""A converted dataset: the same samples where nothing is lost, exact sums where something is, and true metadata."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from schemas.convert import ConvertOrder, MixOrigin, NoteCode, ReworkReport
from schemas.dataset import DATASET, MANIFEST, DatasetRecord
from schemas.errors import DatasetError, OutputError, PlanError
from schemas.layouts import LayoutName
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset, read_annotation, read_records
from tests.support.farms import published as files_of
from workers.audio.files import open_writer, read_audio, read_info
from workers.reworking.blocks import blocks_in
from workers.reworking.run import convert_dataset
from workers.verifying import Code, verify_dataset

TRACK = "Track00001"


def convert(source: Path, target: Path | None, **wanted: Any) -> ReworkReport:
    order = ConvertOrder(source=str(source), target=None if target is None else str(target), **wanted)
    return convert_dataset(order, lambda done, tracks: None)


def stems_of(track: Path) -> list[Path]:
    return sorted((track / "stems").iterdir())


def sum_of(paths: list[Path]) -> np.ndarray[Any, Any]:
    total: np.ndarray[Any, Any] = np.sum([read_audio(path).astype(np.float64) for path in paths], axis=0)
    return total


def findings(dataset: Path) -> list[str]:
    return [str(finding) for finding in verify_dataset(dataset, processes=1).findings]


def test_to_wav_and_back_every_audio_file_has_its_old_bytes(published: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "wav", format="wav")
    convert(tmp_path / "wav", tmp_path / "flac", format="flac")
    before, after = files_of(published), files_of(tmp_path / "flac")
    audio = [path for path in before if path.endswith(".flac")]
    assert len(audio) == 5
    assert {path: after[path] for path in audio} == {path: before[path] for path in audio}
    for path in audio:
        samples = read_audio(tmp_path / "wav" / Path(path).with_suffix(".wav"))
        np.testing.assert_array_equal(samples, read_audio(published / path))
    assert findings(tmp_path / "wav") == findings(tmp_path / "flac") == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"rate_hz": 16000},
        {"rate_hz": 32000, "format": "wav", "bits": 32},
        {"mono": True},
        {"bits": 16},
        {"rate_hz": 16000, "mono": True, "bits": 16, "format": "wav"},
    ],
    ids=str,
)
def test_the_result_verifies_and_its_stems_sum_to_its_mix(
    published: Path, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    report = convert(published, tmp_path / "out", **wanted)
    assert (report.reworked, report.failed, report.verifiable) == (1, [], True)
    assert findings(tmp_path / "out") == []
    form = DatasetRecord.model_validate_json((tmp_path / "out" / DATASET).read_bytes()).form
    mix = tmp_path / "out" / TRACK / f"mix.{form.format}"
    info = read_info(mix)
    assert (info.rate_hz, info.channels, info.bits) == (form.rate_hz, form.channels, form.bits)
    total = sum_of(stems_of(tmp_path / "out" / TRACK))
    np.testing.assert_array_equal(total.astype(np.float32) if form.bits == 32 else total, read_audio(mix))


def test_the_sum_of_converted_stems_is_the_converted_mix_to_half_a_step_for_each(
    published: Path, tmp_path: Path
) -> None:
    """The mix is made anew as their sum; converted by itself it would differ by what rounding leaves, and no more."""
    convert(published, tmp_path / "out", rate_hz=16000, mono=True)
    track, song = tmp_path / "out" / TRACK, read_annotation(tmp_path / "out")
    gain_db = song.conversions[0].gain_db
    alone = np.concatenate(list(blocks_in(published / TRACK / "mix.flac", form_of(tmp_path / "out"), gain_db=gain_db)))
    difference = np.abs(read_audio(track / "mix.flac") - alone).max()
    assert 0 < difference <= 0.5 * (len(stems_of(track)) + 1)


def form_of(dataset: Path) -> Any:
    return DatasetRecord.model_validate_json((dataset / DATASET).read_bytes()).form


def test_labels_and_records_say_what_the_audio_is_now(published: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "out", rate_hz=16000, mono=True)
    before, after = read_annotation(published), read_annotation(tmp_path / "out")
    assert (after.rate_hz, after.channels) == (16000, 1)
    assert after.frames == -(-before.frames * 16000 // 22050)
    assert after.duration_s == round(after.frames / 16000, 6) >= before.duration_s
    assert [stem.notes.pitch for stem in after.stems] == [stem.notes.pitch for stem in before.stems]
    assert [conversion.mix for conversion in after.conversions] == [MixOrigin.SUM]
    metadata = yaml.safe_load((tmp_path / "out" / TRACK / "metadata.yaml").read_text())
    own = metadata["stemfarm"]
    assert (own["rate_hz"], own["channels"], own["frames"], own["bits"]) == (16000, 1, after.frames, 24)
    assert own["conversions"][0]["rate_hz"] == 16000
    assert metadata["overall_gain"] == pytest.approx(10 ** (after.mix.common_gain_db / 20), abs=1e-8)
    record = read_records(tmp_path / "out")[0]
    assert (record.duration_s, record.stem_audio_s) == (after.duration_s, round(4 * after.duration_s, 6))
    plan = DatasetRecord.model_validate_json((tmp_path / "out" / DATASET).read_bytes()).plan
    assert plan.output.rate_hz == 22050, "what it was made from stays what it was"


@pytest.mark.parametrize("layout", ["slakh", "musicgen"])
def test_a_song_that_would_pass_the_ceiling_is_lowered_and_says_so(tmp_path: Path, layout: LayoutName) -> None:
    plan = PLAN.model_copy(
        update={
            "output": OutputPlan(rate_hz=22050, channels=1, layout=layout),
            "mix": MixPlan(stem_lufs=-6.0, ceiling_db=-3.0),
        }
    )
    dataset = make_dataset(tmp_path / "loud", plan=plan)
    report = convert(dataset, tmp_path / "out", rate_hz=48000)
    assert [note.code for note in report.notes] == [NoteCode.GAIN_LOWERED]
    before, after = read_annotation(dataset), read_annotation(tmp_path / "out")
    gain_db = after.conversions[0].gain_db
    assert gain_db < 0
    assert after.mix.common_gain_db == pytest.approx(before.mix.common_gain_db + gain_db)
    assert [stem.gain_db for stem in after.stems] == pytest.approx([stem.gain_db + gain_db for stem in before.stems])
    assert after.mix.peak_dbfs is not None
    assert -3.1 < after.mix.peak_dbfs <= -3.0
    assert findings(tmp_path / "out") == []


def test_true_peaks_stay_under_the_ceiling_where_the_plan_bounds_them(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, channels=1), "mix": MixPlan(peak="true")})
    dataset = make_dataset(tmp_path / "true", plan=plan)
    convert(dataset, tmp_path / "out", rate_hz=22050, bits=16)
    after = read_annotation(tmp_path / "out")
    assert after.mix.true_peak_dbtp is not None
    assert after.mix.true_peak_dbtp <= -1.0 + 1e-4
    assert findings(tmp_path / "out") == []


def test_a_mix_of_the_whole_song_is_converted_by_itself_and_still_verifies(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=22050, channels=1), "mix": MixPlan(made_of="song")})
    dataset = make_dataset(tmp_path / "whole", plan=plan)
    report = convert(dataset, tmp_path / "out", rate_hz=16000)
    assert [note.code for note in report.notes if note.code != NoteCode.GAIN_LOWERED] == [NoteCode.MIX_ALONE]
    assert read_annotation(tmp_path / "out").conversions[0].mix is MixOrigin.ALONE
    assert findings(tmp_path / "out") == []


def test_any_number_of_jobs_gives_the_same_bytes(pair: Path, tmp_path: Path) -> None:
    convert(pair, tmp_path / "one", rate_hz=22050, jobs=1)
    convert(pair, tmp_path / "two", rate_hz=22050, jobs=2)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_in_place_gives_the_bytes_of_a_copy(published: Path, dataset: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "copy", bits=16, format="wav")
    report = convert(dataset, None, bits=16, format="wav")
    assert report.reworked == 1
    assert files_of(dataset) == files_of(tmp_path / "copy")
    assert not (dataset / ".farm").exists()


def test_ordered_again_nothing_is_done(published: Path, dataset: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "copy", mono=True)
    convert(dataset, None, mono=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("Track*/**/*")}
    assert convert(published, tmp_path / "copy", mono=True).reworked == 0
    assert convert(dataset, None, mono=True).reworked == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("Track*/**/*")} == before


def test_tracks_in_splits_stay_in_them(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "a", plan=PLAN)
    lines = (dataset / MANIFEST).read_text().replace('"split":null', '"split":"train"')
    (dataset / MANIFEST).write_text(lines)
    shutil.copytree(dataset / TRACK, dataset / "train" / TRACK)
    shutil.rmtree(dataset / TRACK)
    convert(dataset, tmp_path / "out", format="wav")
    assert (tmp_path / "out" / "train" / TRACK / "mix.wav").is_file()
    assert read_records(tmp_path / "out")[0].folder == f"train/{TRACK}"


def test_tracks_of_slakh_are_converted_too(release: Path, tmp_path: Path) -> None:
    report = convert(release, tmp_path / "out", format="wav", rate_hz=16000)
    assert (report.tracks, report.reworked, report.verifiable) == (3, 3, False)
    assert [note.code for note in report.notes] == [NoteCode.NOT_VERIFIABLE]
    track = tmp_path / "out" / "train" / TRACK
    assert sorted(path.name for path in track.iterdir()) == ["MIDI", "all_src.mid", "metadata.yaml", "mix.wav", "stems"]
    assert [path.name for path in stems_of(track)] == ["S00.wav", "S01.wav", "S03.wav", "S04.wav"]
    assert read_info(track / "mix.wav") == (16000, 16000, 1, 16)
    np.testing.assert_array_equal(sum_of(stems_of(track)), read_audio(track / "mix.wav"))
    for file in ("all_src.mid", "MIDI/S03.mid"):
        assert (track / file).read_bytes() == (release / "train" / TRACK / file).read_bytes()
    before, after = (
        yaml.safe_load((root / "train" / TRACK / "metadata.yaml").read_text()) for root in (release, tmp_path / "out")
    )
    assert after.pop("stemfarm")["conversions"][0]["rate_hz"] == 16000
    assert after == before, "what Slakh says stays; nothing was lowered"
    assert (tmp_path / "out" / "LICENSE").read_text() == "CC BY 4.0\n"
    assert not (tmp_path / "out" / ".farm").exists()


def test_another_format_leaves_every_sample_of_slakh_and_every_word(release: Path, tmp_path: Path) -> None:
    convert(release, tmp_path / "out", format="wav")
    for path in release.rglob("*.flac"):
        there = (tmp_path / "out" / path.relative_to(release)).with_suffix(".wav")
        np.testing.assert_array_equal(read_audio(there), read_audio(path))
    for path in release.rglob("metadata.yaml"):
        assert (tmp_path / "out" / path.relative_to(release)).read_bytes() == path.read_bytes()


def test_a_mix_of_slakh_that_is_no_sum_is_told_and_converted_by_itself(release: Path, tmp_path: Path) -> None:
    (release / "train" / TRACK / "stems" / "S03.flac").unlink()
    report = convert(release, tmp_path / "out", rate_hz=16000)
    told = [note.track for note in report.notes if note.code == NoteCode.MIX_ALONE]
    assert told == [f"train/{TRACK}"]


def test_submixes_that_others_made_are_converted_along(release: Path, tmp_path: Path) -> None:
    folder = release / "train" / TRACK
    (folder / "band").mkdir()
    shutil.copy(folder / "stems" / "S00.flac", folder / "band" / "piano.flac")
    convert(release, tmp_path / "out", rate_hz=16000, format="wav")
    there = tmp_path / "out" / "train" / TRACK
    np.testing.assert_array_equal(read_audio(there / "band" / "piano.wav"), read_audio(there / "stems" / "S00.wav"))


def test_a_damaged_file_fails_its_song_alone_and_the_rest_goes_on(pair: Path, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(pair, tmp_path / "dataset"))
    stem = dataset / TRACK / "stems" / "S01.flac"
    whole = stem.read_bytes()
    stem.write_bytes(whole[:-100] + bytes(100))
    report = convert(dataset, tmp_path / "out", bits=16)
    assert [(note.track, note.code) for note in report.failed] == [(TRACK, "bad_dataset")]
    assert "not what the manifest says" in report.failed[0].message
    assert not (tmp_path / "out" / DATASET).exists(), "it does not call itself finished"
    stem.write_bytes(whole)
    assert convert(dataset, tmp_path / "out", bits=16).reworked == 1
    assert findings(tmp_path / "out") == []


def test_files_of_unequal_form_are_named(release: Path, tmp_path: Path) -> None:
    stem = release / "test" / "Track01876" / "stems" / "S01.flac"
    with open_writer(stem, file_format="flac", bits=16, rate_hz=16000, channels=1, frames=5) as writer:
        writer.silence(5)
        writer.close()
    report = convert(release, tmp_path / "out", format="wav")
    assert [note.track for note in report.failed] == ["test/Track01876"]
    assert "S01.flac" in report.failed[0].message


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({}, PlanError, "no new form"),
        ({"format": "flac", "bits": 32}, PlanError, "no FLAC of floats"),
    ],
)
def test_orders_that_make_no_sense_are_refused(
    published: Path, tmp_path: Path, wanted: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        convert(published, tmp_path / "out", **wanted)


def test_folders_that_cannot_be_meant_are_refused(published: Path, tmp_path: Path) -> None:
    to_wav = partial(convert, format="wav")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "run" / ".farm").mkdir(parents=True)
    (tmp_path / "run" / ".farm" / "plan.json").touch()
    for source, target, error, words in (
        (published, published / "inside", PlanError, "lie in each other"),
        (published, tmp_path / "full", OutputError, "not empty"),
        (tmp_path / "full", tmp_path / "out", DatasetError, "no tracks"),
        (tmp_path / "gone", tmp_path / "out", DatasetError, "no folder"),
        (tmp_path / "run", tmp_path / "out", DatasetError, "not finished"),
    ):
        with pytest.raises(error, match=words):
            to_wav(source, target)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_the_verifier_still_finds_a_lie_in_what_was_converted(published: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "out", rate_hz=16000)
    top = tmp_path / "out" / DATASET
    top.write_text(top.read_text().replace('"rate_hz": 16000', '"rate_hz": 22050'))
    codes = {finding.code for finding in verify_dataset(tmp_path / "out", processes=1).findings}
    assert Code.AUDIO_FORM in codes


def test_an_index_for_mirdata_goes_when_its_files_are_converted_in_place(published: Path, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(published, tmp_path / "dataset"))
    index = dataset / "slakh_index_baby.json"
    index.write_text("{}")
    notes = convert(dataset, None, mono=True, bits=16).notes
    assert not index.exists()
    assert "farm index mirdata" in next(note.message for note in notes if note.code == NoteCode.INDEX_REMOVED)
    index.write_text("{}")
    assert convert(dataset, None, mono=True, bits=16).notes == [], "it has this form already, and the index may stay"
    assert index.exists()
