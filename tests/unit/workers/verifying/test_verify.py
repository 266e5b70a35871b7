"""A good dataset is damaged in one way after another; the verification finds that damage and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.dataset import DATASET, MANIFEST
from schemas.errors import DatasetError
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.damage import TRACK, edit_annotation, edit_audio, found
from tests.support.datasets import (
    PLAN,
    RATE_HZ,
    make_dataset,
    read_records,
    reseal,
    song_midi,
    synthesise,
    write_records,
)
from workers.audio.files import Block
from workers.midi.split import split_song
from workers.verifying import Code, verify_dataset

# ------------------------------------------------------------------ the dataset as it should be


@pytest.mark.parametrize(
    "output",
    [
        OutputPlan(rate_hz=16000, channels=2, bits=16),
        OutputPlan(rate_hz=16000, channels=1, format="wav", bits=32, jams=True),
        OutputPlan(rate_hz=44100, channels=1),
    ],
    ids=["flac16", "float", "44100"],
)
def test_a_dataset_is_found_to_be_as_it_claims(tmp_path: Path, output: OutputPlan) -> None:
    dataset = make_dataset(tmp_path, plan=PLAN.model_copy(update={"output": output}))
    report = verify_dataset(dataset, processes=1)
    assert report.findings == []
    assert (report.ok, report.tracks) == (True, 1)


def test_true_peaks_are_held_against_the_ceiling_where_the_plan_says_so(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"mix": MixPlan(peak="true")})
    assert verify_dataset(make_dataset(tmp_path, plan=plan), processes=1).ok


@pytest.mark.parametrize("dropped", ["S00", "S01", "S03"])
def test_a_song_that_went_on_without_a_stem_is_as_it_claims(tmp_path: Path, dropped: str) -> None:
    def give_up(stems: dict[str, Any]) -> dict[str, Any]:
        return {name: audio for name, audio in stems.items() if name != dropped}

    dataset = make_dataset(tmp_path, spoil=give_up)
    assert not (dataset / TRACK / "stems" / f"{dropped}.flac").exists()
    assert (dataset / TRACK / "MIDI" / f"{dropped}.mid").exists()
    assert verify_dataset(dataset).findings == []


def test_several_processes_find_what_one_finds_and_report_progress(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, tracks=2)
    (dataset / "Track00002" / "all_src.mid").unlink()
    seen: list[tuple[int, int]] = []
    report = verify_dataset(dataset, processes=2, progress=lambda done, tracks: seen.append((done, tracks)))
    assert report == verify_dataset(dataset, processes=1)
    assert [finding.track for finding in report.findings] == ["Track00002"]
    assert seen == [(1, 2), (2, 2)]


# ------------------------------------------------------------------ files


def test_a_missing_file_is_found(dataset: Path) -> None:
    (dataset / TRACK / "stems" / "S01.flac").unlink()
    assert found(verify_dataset(dataset)) == {("stems/S01.flac", Code.FILE_MISSING)}


def test_a_file_too_many_is_found(dataset: Path) -> None:
    (dataset / TRACK / "stems" / "S09.flac").write_bytes(b"x")
    assert found(verify_dataset(dataset)) == {("stems/S09.flac", Code.FILE_EXTRA)}


def test_a_file_of_another_size_is_found(dataset: Path) -> None:
    with (dataset / TRACK / "all_src.mid").open("ab") as file:
        file.write(b"x")
    assert found(verify_dataset(dataset)) == {("all_src.mid", Code.FILE_SIZE)}


def test_one_changed_byte_is_found(dataset: Path) -> None:
    path = dataset / TRACK / "all_src.mid"
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    assert found(verify_dataset(dataset)) == {("all_src.mid", Code.FILE_HASH)}


@pytest.mark.parametrize("fast", [False, True])
def test_a_missing_track_is_found(dataset: Path, fast: bool) -> None:
    shutil.rmtree(dataset / TRACK)
    report = verify_dataset(dataset, fast=fast)
    assert [(finding.track, finding.code) for finding in report.findings] == [(TRACK, Code.TRACK_MISSING)]


def test_a_track_too_many_is_found(dataset: Path) -> None:
    shutil.copytree(dataset / TRACK, dataset / "Track00002")
    report = verify_dataset(dataset)
    assert [(finding.track, finding.code) for finding in report.findings] == [("Track00002", Code.TRACK_EXTRA)]


def test_folders_that_are_no_tracks_are_left_alone(dataset: Path) -> None:
    (dataset / ".farm" / "store").mkdir(parents=True)
    (dataset / "splits").mkdir()
    (dataset / "README.md").write_text("card")
    assert verify_dataset(dataset).ok


def test_a_broken_line_of_the_manifest_is_found(dataset: Path) -> None:
    with (dataset / MANIFEST).open("a") as file:
        file.write('{"track": \n')
    assert found(verify_dataset(dataset)) == {(MANIFEST, Code.MANIFEST_INVALID)}


def test_totals_that_do_not_add_up_are_found(dataset: Path) -> None:
    document = json.loads((dataset / DATASET).read_text())
    document["tracks"] = 5
    (dataset / DATASET).write_text(json.dumps(document))
    assert found(verify_dataset(dataset)) == {(DATASET, Code.TOTALS_WRONG)}


# ------------------------------------------------------------------ audio


def test_a_file_that_is_no_audio_is_found(dataset: Path) -> None:
    (dataset / TRACK / "mix.flac").write_bytes(b"no audio")
    reseal(dataset)
    assert found(verify_dataset(dataset)) == {("mix.flac", Code.AUDIO_UNREADABLE)}


def test_a_file_that_breaks_off_is_found(dataset: Path) -> None:
    path = dataset / TRACK / "stems" / "S00.flac"
    path.write_bytes(path.read_bytes()[:-3000])
    reseal(dataset)
    assert found(verify_dataset(dataset)) == {("stems/S00.flac", Code.AUDIO_UNREADABLE)}


def test_audio_of_another_rate_is_found(dataset: Path) -> None:
    edit_audio(dataset, "stems/S00.flac", lambda audio: audio, rate_hz=22050)
    reseal(dataset)
    assert found(verify_dataset(dataset)) == {("stems/S00.flac", Code.AUDIO_FORM)}


def test_audio_of_another_length_is_found(dataset: Path) -> None:
    edit_audio(dataset, "stems/S00.flac", lambda audio: audio[:-64])
    reseal(dataset)
    assert found(verify_dataset(dataset)) == {("stems/S00.flac", Code.AUDIO_FORM)}


def test_a_mix_that_is_off_by_one_step_in_one_frame_is_found(dataset: Path) -> None:
    def nudge(audio: Block) -> Block:
        audio[30_000] += 1
        return audio

    edit_audio(dataset, "mix.flac", nudge)
    reseal(dataset)
    report = verify_dataset(dataset)
    assert found(report) == {("mix.flac", Code.NOT_THE_SUM)}
    assert "in 1 frame it is not" in report.findings[0].message
    assert "from 1.875 s on" in report.findings[0].message


def test_a_stem_of_another_level_is_found(dataset: Path) -> None:
    edit_audio(dataset, "stems/S01.flac", lambda audio: audio // 2)
    reseal(dataset)
    assert found(verify_dataset(dataset)) == {
        ("stems/S01.flac", Code.LOUDNESS_WRONG),
        ("stems/S01.flac", Code.PEAK_WRONG),
        ("mix.flac", Code.NOT_THE_SUM),
    }


def test_a_loudness_that_is_not_that_of_the_file_is_found(dataset: Path) -> None:
    def claim(song: Any) -> None:
        song["mix"]["loudness_lufs"] += 0.2

    edit_annotation(dataset, claim)
    assert found(verify_dataset(dataset)) == {("mix.flac", Code.LOUDNESS_WRONG)}


@pytest.mark.parametrize("key", ["peak_dbfs", "true_peak_dbtp"])
def test_a_peak_that_is_not_that_of_the_file_is_found(tmp_path: Path, key: str) -> None:
    plan = PLAN.model_copy(update={"mix": MixPlan(peak="true")})
    dataset = make_dataset(tmp_path, plan=plan)

    def claim(song: Any) -> None:
        song["mix"][key] -= 0.1

    edit_annotation(dataset, claim, plan=plan)
    assert found(verify_dataset(dataset)) == {("mix.flac", Code.PEAK_WRONG)}


def test_a_mix_over_the_ceiling_of_the_plan_is_found(dataset: Path) -> None:
    records = read_records(dataset)
    write_records(dataset, records, PLAN.model_copy(update={"mix": MixPlan(ceiling_db=-2.0)}))
    assert ("mix.flac", Code.OVER_CEILING) in found(verify_dataset(dataset))


@pytest.mark.parametrize("shift_s", [-0.1, 0.1])
def test_active_regions_that_are_not_those_of_the_sound_are_found(dataset: Path, shift_s: float) -> None:
    def shift(song: Any) -> None:
        stem = song["stems"][0]
        stem["active_regions"] = [[start + shift_s, end + shift_s] for start, end in stem["active_regions"][:-1]]

    edit_annotation(dataset, shift)
    assert found(verify_dataset(dataset)) == {("stems/S00.flac", Code.REGIONS_WRONG)}


def test_fast_leaves_the_audio_alone(dataset: Path) -> None:
    (dataset / TRACK / "mix.flac").write_bytes(b"no audio")
    reseal(dataset)
    assert verify_dataset(dataset, fast=True).ok


# ------------------------------------------------------------------ audio against MIDI: faults of an engine


def _swapped(stems: dict[str, Any]) -> dict[str, Any]:
    return {**stems, "S00": stems["S01"], "S01": stems["S00"]}


def _late(stems: dict[str, Any]) -> dict[str, Any]:
    silence = np.zeros((RATE_HZ // 10, 1), dtype=np.float32)
    return {**stems, "S00": np.concatenate([silence, stems["S00"]])}


def _early(stems: dict[str, Any]) -> dict[str, Any]:
    return {**stems, "S00": stems["S00"][RATE_HZ // 10 :]}


def _a_second_missing(stems: dict[str, Any]) -> dict[str, Any]:
    lead = stems["S00"].copy()
    lead[2 * RATE_HZ : 3 * RATE_HZ] = 0.0
    return {**stems, "S00": lead}


SILENT, UNMARKED = Code.NOTE_WITHOUT_SOUND, Code.SOUND_WITHOUT_NOTE


@pytest.mark.parametrize(
    ("spoil", "stems", "codes"),
    [
        (_swapped, {"S00", "S01"}, {SILENT, UNMARKED}),
        (_late, {"S00"}, {SILENT, UNMARKED}),
        (_early, {"S00"}, {SILENT, UNMARKED}),
        (_a_second_missing, {"S00"}, {SILENT, UNMARKED}),
    ],
    ids=["swapped", "late", "early", "missing second"],
)
def test_sound_that_is_not_that_of_the_notes_is_found(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], dict[str, Any]], stems: set[str], codes: set[Code]
) -> None:
    """Files, sums, levels and labels all agree here: only the sound itself betrays the engine."""
    report = verify_dataset(make_dataset(tmp_path, spoil=spoil))
    assert {finding.file for finding in report.findings} == {f"stems/{stem}.flac" for stem in stems}
    assert {finding.code for finding in report.findings} <= codes
    assert report.findings


@pytest.mark.parametrize("semitones", [-2, 1, 6])
def test_a_stem_of_another_pitch_is_found(tmp_path: Path, semitones: int) -> None:
    split, midis = split_song(song_midi(transpose=semitones))
    chords = synthesise(midis["S02"], split.parts[2])
    report = verify_dataset(make_dataset(tmp_path, spoil=lambda stems: {**stems, "S02": chords}))
    assert found(report) == {("stems/S02.flac", Code.PITCH_WRONG)}
    assert f"{semitones:+d} semitones" in report.findings[0].message


# ------------------------------------------------------------------ whereabouts


def test_a_finding_names_the_track_with_the_folder_of_its_split(dataset: Path) -> None:
    (dataset / "train").mkdir()
    (dataset / TRACK).rename(dataset / "train" / TRACK)
    moved = [record.model_copy(update={"split": "train"}) for record in read_records(dataset)]
    write_records(dataset, moved)
    (dataset / "train" / TRACK / "stems" / "S00.flac").unlink()
    findings = verify_dataset(dataset, fast=True).findings
    missing = next(finding for finding in findings if finding.code is Code.FILE_MISSING)
    assert (missing.track, missing.file) == (f"train/{TRACK}", "stems/S00.flac")


# ------------------------------------------------------------------ not a dataset


def test_a_folder_that_is_no_dataset_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no finished dataset"):
        verify_dataset(tmp_path)


def test_a_damaged_record_of_the_dataset_is_an_error(dataset: Path) -> None:
    (dataset / DATASET).write_text("{}")
    with pytest.raises(DatasetError, match="damaged or of another version"):
        verify_dataset(dataset)
