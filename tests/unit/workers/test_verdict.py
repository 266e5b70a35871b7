"""The verdict as a table: what was reported and measured -> status and first finding."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.job import RenderJob
from schemas.patch import AssetRef, FaustSettings, Patch
from schemas.result import EngineReport, StemMeasurement
from schemas.states import FailureReason as F
from schemas.states import VerdictStatus as V
from workers.verdict import judge


def job(program: int = 0, bank: int = 0) -> RenderJob:
    asset = AssetRef(name="a", sha256="0" * 64, size_bytes=1, path="a.sf2")
    patch = Patch(engine="fluidsynth", engine_version="2", asset=asset, bank=bank, program=program)
    return RenderJob(midi_sha256="1" * 64, patch=patch)


def report(**changes: Any) -> EngineReport:
    values = {
        "preset_name": "p",
        "preset_bank": 0,
        "preset_program": 0,
        "notes": 4,
        "first_audible_note_s": 1.0,
        "last_release_s": 3.0,
    }
    return EngineReport(**{**values, **changes})


def measured(**changes: Any) -> StemMeasurement:
    values = {
        "frames": 44100 * 4, "rate_hz": 44100, "channels": 2, "peak": 0.5, "rms": 0.1, "loudness_lufs": -20.0,
        "dc": [0.0, 0.0], "nonfinite": 0, "flat_run_frames": 1, "first_sound_s": 1.0, "last_sound_s": 3.5, "tail_peak": 0.0,
        "flatness": 0.01, "active_regions": [(1.0, 3.5)],
    }  # fmt: skip
    return StemMeasurement(**{**values, **changes})


SILENT = {"peak": 0.0, "rms": 0.0, "loudness_lufs": None, "first_sound_s": None, "last_sound_s": None, "flatness": None}


@pytest.mark.parametrize(
    ("reported", "heard", "status", "findings"),
    [
        ({}, {}, V.PASS, []),
        ({}, SILENT, V.RETRY, [F.ALL_ZERO]),
        ({"muted_notes": 3}, SILENT, V.RETRY, [F.ALL_ZERO]),
        ({"muted_notes": 4}, SILENT, V.WARN, [F.SILENT_BY_MIDI]),
        ({}, {"nonfinite": 1, "peak": 0.0}, V.RETRY, [F.NOT_FINITE]),
        ({}, {"frames": 44100 * 2}, V.RETRY, [F.WRONG_LENGTH]),
        ({}, {"first_sound_s": 1.6}, V.WARN, [F.ONSET_LAG]),
        ({}, {"first_sound_s": 1.4}, V.PASS, []),
        ({}, {"first_sound_s": 0.5}, V.RETRY, [F.ONSET_LAG]),
        ({"muted_notes": 1}, {"first_sound_s": 0.5}, V.PASS, []),
        ({"silent_notes": [(1.0, 127)]}, {}, V.WARN, [F.SILENT_NOTES]),
        (
            {"first_audible_note_s": None, "silent_notes": [(1.0, 9)] * 4},
            SILENT,
            V.QUARANTINE,
            [F.ALL_ZERO, F.SILENT_NOTES],
        ),
        ({"preset_program": 3}, {}, V.WARN, [F.PRESET_SUBSTITUTED]),
        ({}, {"frames": 44100 * 40}, V.RETRY, [F.WRONG_LENGTH]),
        ({"tail_cut": True}, {"tail_peak": 0.4}, V.RETRY, [F.ENDLESS_NOTE]),
        ({"tail_cut": True}, {"tail_peak": 0.4, "first_sound_s": 2.0}, V.RETRY, [F.ENDLESS_NOTE, F.ONSET_LAG]),
        ({"tail_cut": True}, {"tail_peak": 0.004}, V.WARN, [F.TRUNCATED_TAIL]),
        ({"tail_cut": True}, {"tail_peak": 0.0001}, V.PASS, []),
        ({}, {"tail_peak": 0.4}, V.PASS, []),
        ({}, {"flat_run_frames": 8}, V.WARN, [F.CLIPPED]),
        ({}, {"dc": [0.06, 0.0]}, V.WARN, [F.DC_OFFSET]),
        ({}, {"dc": [0.04, -0.04]}, V.PASS, []),
        ({}, {"flatness": 0.81}, V.WARN, [F.NOISE]),
        ({}, {"flatness": 0.67}, V.PASS, []),
    ],
)
def test_each_fault_has_its_name_and_weight(
    reported: dict[str, Any], heard: dict[str, Any], status: V, findings: list[F]
) -> None:
    verdict = judge(report(**reported), measured(**heard), job())
    assert (verdict.status, verdict.findings) == (status, findings)
    assert bool(verdict.detail) is bool(findings)


@pytest.mark.parametrize(
    ("loudest_db", "heard", "muted", "status", "findings"),
    [
        (-99.7, SILENT, 0, V.WARN, [F.INAUDIBLE]),
        (-77.0, SILENT, 0, V.WARN, [F.INAUDIBLE]),
        (-76.9, SILENT, 0, V.RETRY, [F.ALL_ZERO]),
        (0.0, SILENT, 0, V.RETRY, [F.ALL_ZERO]),
        (None, SILENT, 0, V.RETRY, [F.ALL_ZERO]),
        (-99.7, {}, 0, V.PASS, []),
        (-99.7, SILENT, 4, V.WARN, [F.SILENT_BY_MIDI]),
    ],
)
def test_silence_is_right_where_the_midi_asks_for_less_than_an_instrument_can_sound(
    loudest_db: float | None, heard: dict[str, Any], muted: int, status: V, findings: list[F]
) -> None:
    verdict = judge(report(muted_notes=muted), measured(**heard), job(), loudest_db=loudest_db)
    assert (verdict.status, verdict.findings) == (status, findings)


def test_a_patch_without_samples_is_not_blamed_for_notes_that_nobody_can_hear() -> None:
    lacking = report(first_audible_note_s=None, silent_notes=[(1.0, 9)] * 4)
    assert judge(lacking, measured(**SILENT), job(), loudest_db=-90.0).findings == [F.INAUDIBLE]


@pytest.mark.parametrize(("program", "bank", "findings"), [(0, 0, [F.NOISE]), (122, 0, []), (97, 0, []), (0, 128, [])])
def test_noise_is_right_for_drums_and_sound_effects(program: int, bank: int, findings: list[F]) -> None:
    played = report(preset_program=program, preset_bank=bank)
    assert judge(played, measured(flatness=0.81), job(program, bank)).findings == findings


def test_a_tail_that_the_plan_wants_short_is_no_endless_note() -> None:
    short = job().model_copy(update={"tail_max_s": 2.0})
    assert judge(report(tail_cut=True), measured(tail_peak=0.4), short).findings == [F.TRUNCATED_TAIL]


def test_audio_that_another_part_has_too_is_pointed_out_unless_both_are_silent() -> None:
    same = judge(report(), measured(), job(), other_hashes={"a" * 64}, data_hash="a" * 64)
    assert (same.status, same.findings) == (V.WARN, [F.SAME_AUDIO])
    assert judge(report(), measured(), job(), other_hashes={"b" * 64}, data_hash="a" * 64).status is V.PASS
    silent = judge(report(muted_notes=4), measured(**SILENT), job(), other_hashes={"a" * 64}, data_hash="a" * 64)
    assert silent.findings == [F.SILENT_BY_MIDI]


def played_by(**settings: Any) -> RenderJob:
    """Return a job for an instrument that is no preset of a soundfont."""
    sound = FaustSettings(source="a.dsp", **settings)
    patch = job().patch.model_copy(update={"engine": "faust", "settings": sound, "title": "mine"})
    return job().model_copy(update={"patch": patch})


def test_an_attack_that_the_patch_file_calls_slow_is_no_lag() -> None:
    late = measured(first_sound_s=2.2)
    assert judge(report(), late, played_by()).findings == [F.ONSET_LAG]
    assert judge(report(), late, played_by(onset_s=1.0)).findings == []
    assert judge(report(), measured(first_sound_s=2.6), played_by(onset_s=1.0)).findings == [F.ONSET_LAG]
    early = judge(report(), measured(first_sound_s=0.5), played_by(onset_s=1.0))
    assert (early.status, early.findings) == (V.RETRY, [F.ONSET_LAG]), "sound before its note is of no patch"


def test_noise_is_right_where_the_patch_file_says_so_or_for_a_kit_and_whatever_the_program() -> None:
    noise = measured(flatness=0.81)
    assert judge(report(), noise, played_by()).findings == [F.NOISE]
    assert judge(report(), noise, played_by(noisy=True)).findings == []
    assert judge(report(), noise, played_by(drums=True)).findings == []


def test_bends_that_were_not_played_are_a_warning_that_names_the_patch() -> None:
    verdict = judge(report(ignored_bends=2), measured(), played_by(plays=()))
    assert (verdict.status, verdict.findings) == (V.WARN, [F.BENDS_IGNORED])
    assert verdict.detail == "2 of 4 notes are bent, and mine plays no bends"
