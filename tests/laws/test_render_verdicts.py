"""Every verdict that FluidSynth can cause, caused by a soundfont or by MIDI, and rendered, measured and judged for real.

It cannot cause the others: its float output never clips, and its samples are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.patch import DRUM_BANK
from schemas.result import Verdict
from schemas.states import FailureReason as F
from schemas.states import VerdictStatus as V
from tests.support.engines import Studio
from tests.support.midi import control, note, song
from tests.support.soundfont import (
    DC,
    ENDLESS,
    HELD,
    MUTE,
    NARROW,
    NARROW_KEYS,
    NOISE,
    ONE_SHOT,
    SINE,
    SLOW,
    write_soundfont,
)
from workers.audio.recorder import Recorder
from workers.midi.levels import loudest_db
from workers.verdict import judge

SECOND = 960
A4 = song(note(480, 2 * SECOND, 69))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(write_soundfont(tmp_path_factory.mktemp("font") / "test.sf2"))
    yield studio
    studio.engine.close()


def verdict(
    studio: Studio, folder: Path, midi: bytes, program: int, bank: int = 0, **changes: Any
) -> tuple[Verdict, str]:
    """Render, record, measure and judge a stem; return the verdict and the hash of its audio."""
    others = changes.pop("others", ())
    job = studio.job(midi, program, bank, **changes)
    with Recorder(folder / "a.stem", rate_hz=job.rate_hz, channels=job.channels) as recorder:
        report = studio.engine.render(job, midi, recorder)
        recording = recorder.finish()
    judged = judge(
        report, recording.measured, job, data_hash=recording.data_hash, other_hashes=others, loudest_db=loudest_db(midi)
    )
    return judged, recording.data_hash


@pytest.mark.parametrize(
    ("midi", "program", "changes", "status", "findings"),
    [
        (A4, SINE, {}, V.PASS, []),
        (A4, HELD, {}, V.PASS, []),
        (song(note(0, 100, 69)), ONE_SHOT, {}, V.PASS, []),
        (song(note(0, SECOND, 40, channel=9)), 0, {"bank": DRUM_BANK}, V.PASS, []),
        (song(note(0, SECOND, 40, channel=9)), 33, {"bank": DRUM_BANK}, V.WARN, [F.PRESET_SUBSTITUTED]),
        (A4, MUTE, {}, V.RETRY, [F.ALL_ZERO]),
        (song(note(0, SECOND, NARROW_KEYS[1] + 1)), NARROW, {}, V.QUARANTINE, [F.ALL_ZERO, F.SILENT_NOTES]),
        (song([*note(0, SECOND, 65), *note(SECOND, 99, 20)]), NARROW, {}, V.WARN, [F.SILENT_NOTES]),
        (song([control(0, 7, 0), *note(0, SECOND, 69)]), SINE, {}, V.WARN, [F.SILENT_BY_MIDI]),
        (song([control(0, 11, 0), *note(0, SECOND, 69)]), SINE, {}, V.WARN, [F.SILENT_BY_MIDI]),
        (song([control(0, 11, 0), *note(0, SECOND, 69), control(480, 11, 99)]), SINE, {}, V.PASS, []),
        (song([control(0, 7, 52), *note(0, SECOND, 69, velocity=1)]), SINE, {}, V.WARN, [F.INAUDIBLE]),
        (song([control(0, 7, 52), *note(0, SECOND, 69, velocity=20)]), SINE, {}, V.PASS, []),
        (A4, ENDLESS, {}, V.RETRY, [F.ENDLESS_NOTE]),
        (A4, ENDLESS, {"tail_max_s": 2.0}, V.WARN, [F.TRUNCATED_TAIL]),
        (A4, HELD, {"tail_max_s": 0.1}, V.WARN, [F.TRUNCATED_TAIL]),
        (song(note(480, 4 * SECOND, 69)), SLOW, {}, V.WARN, [F.ONSET_LAG]),
        (A4, DC, {}, V.WARN, [F.DC_OFFSET]),
        (A4, NOISE, {}, V.WARN, [F.NOISE]),
    ],
)
def test_each_cause_has_its_verdict(
    studio: Studio, tmp_path: Path, midi: bytes, program: int, changes: dict[str, Any], status: V, findings: list[F]
) -> None:
    judged, _ = verdict(studio, tmp_path, midi, program, **changes)
    assert (judged.status, judged.findings) == (status, findings)


@pytest.mark.parametrize("program", [SINE, HELD, NOISE])
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_verdicts_do_not_hang_on_the_rate(studio: Studio, tmp_path: Path, program: int, rate_hz: int) -> None:
    expected, _ = verdict(studio, tmp_path, A4, program)
    judged, _ = verdict(studio, tmp_path, A4, program, rate_hz=rate_hz)
    assert (judged.status, judged.findings) == (expected.status, expected.findings)


def test_a_part_that_sounds_like_another_one_is_pointed_out(studio: Studio, tmp_path: Path) -> None:
    _, first = verdict(studio, tmp_path, A4, SINE)
    judged, second = verdict(
        studio, tmp_path, song([control(0, 20, 5), *note(480, 2 * SECOND, 69)]), SINE, others={first}
    )
    assert first == second
    assert (judged.status, judged.findings) == (V.WARN, [F.SAME_AUDIO])
