"""The quality of stems and songs: figures that a person can filter by, true to what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.result import EngineReport, StemMeasurement, StemResult, Verdict
from schemas.states import FailureReason, VerdictStatus
from tests.support.damage import TRACK, edit_annotation, found
from tests.support.datasets import make_dataset, read_annotation, read_records
from workers.annotating.quality import stem_quality
from workers.verifying import Code, verify_dataset


def result(findings: list[FailureReason] | None = None, **changes: Any) -> StemResult:
    """Return a result; `changes` go to the measurement, or to the engine's report, whichever has such a field."""
    engine: dict[str, Any] = {
        "preset_name": "p", "preset_bank": 0, "preset_program": 0, "notes": 8, "first_audible_note_s": 1.0,
    }  # fmt: skip
    measured: dict[str, Any] = {
        "frames": 44100, "rate_hz": 44100, "channels": 2, "peak": 0.5, "rms": 0.05, "loudness_lufs": -20.0,
        "dc": [0.001, -0.002], "nonfinite": 0, "flat_run_frames": 2, "first_sound_s": 1.25, "last_sound_s": 3.5,
        "tail_peak": 0.0005, "flatness": 0.123456, "active_regions": [],
    }  # fmt: skip
    for key, value in changes.items():
        (measured if key in StemMeasurement.model_fields else engine)[key] = value
    return StemResult(
        spec_hash="a",
        data_hash="b",
        engine=EngineReport(**engine),
        measured=StemMeasurement(**measured),
        verdict=Verdict(status=VerdictStatus.WARN if findings else VerdictStatus.PASS, findings=findings or []),
    )


def test_the_figures_are_those_of_engine_and_measurement() -> None:
    quality = stem_quality(result())
    assert quality.verdict == "pass"
    assert (quality.sounding_share, quality.onset_lag_s, quality.flat_run_frames) == (1.0, 0.25, 2)
    assert quality.peak_dbfs == pytest.approx(-6.0206, abs=1e-4)
    assert quality.rms_dbfs == pytest.approx(-26.0206, abs=1e-4)
    assert quality.tail_db == pytest.approx(-60.0, abs=1e-4)
    assert (quality.flatness, quality.dc_share, quality.tail_cut) == (0.1235, 0.04, False)


def test_notes_without_a_sample_and_muted_ones_do_not_sound() -> None:
    quality = stem_quality(
        result([FailureReason.SILENT_NOTES], silent_notes=[(1.0, 3)] * 2, muted_notes=1, tail_cut=True)
    )
    assert (quality.verdict, quality.sounding_share, quality.tail_cut) == ("warn", 0.625, True)


def test_silence_has_no_levels() -> None:
    silent = {"peak": 0.0, "rms": 0.0, "tail_peak": 0.0, "first_sound_s": None, "flatness": None, "dc": [0.0, 0.0]}
    quality = stem_quality(result([FailureReason.INAUDIBLE], **silent))
    assert (quality.peak_dbfs, quality.rms_dbfs, quality.tail_db, quality.onset_lag_s, quality.dc_share) == (None,) * 5


def test_manifest_annotation_and_metadata_say_the_same_and_are_held_to_it(tmp_path: Path) -> None:
    dataset = make_dataset(
        tmp_path, spoil=lambda stems: {name: audio for name, audio in stems.items() if name != "S01"}
    )
    song = read_annotation(dataset)
    assert song.quality is not None
    assert (song.quality.verdict, song.quality.findings) == ("warn", {"dropped": 1})
    notes = {stem.name: len(stem.notes.pitch) for stem in song.stems}
    assert song.quality.sounding_share == pytest.approx(1 - notes["S01"] / sum(notes.values()), abs=1e-4)
    assert {stem.name: stem.quality is not None for stem in song.stems} == {name: name != "S01" for name in notes}
    record = read_records(dataset)[0]
    assert (record.verdict, record.findings) == ("warn", {"dropped": 1})
    block = yaml.safe_load((dataset / TRACK / "metadata.yaml").read_text())["stemfarm"]["quality"]
    assert block == json.loads(json.dumps(song.quality_block()))
    assert sorted(block["stems"]) == ["S00", "S02", "S03"]
    assert verify_dataset(dataset, processes=1).ok

    def praise(annotation: Any) -> None:
        annotation["quality"]["verdict"] = "pass"

    edit_annotation(dataset, praise)
    assert {code for _, code in found(verify_dataset(dataset, fast=True))} == {
        Code.ANNOTATION_DIFFERS, Code.METADATA_DIFFERS,
    }  # fmt: skip


def test_an_annotation_without_quality_stays_without(tmp_path: Path) -> None:
    song = read_annotation(make_dataset(tmp_path))
    old = song.model_copy(
        update={"quality": None, "stems": [stem.model_copy(update={"quality": None}) for stem in song.stems]}
    )
    written = json.loads(old.model_dump_json())
    assert "quality" not in written
    assert all("quality" not in stem for stem in written["stems"])
    assert type(song).model_validate(written) == old
    assert old.quality_block() is None
