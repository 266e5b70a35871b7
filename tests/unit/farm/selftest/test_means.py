"""What a trial does to its workers, and how it judges, each by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farm.selftest import checks
from farm.selftest.clock import TrialClock
from farm.selftest.hook import sitecustomize
from farm.selftest.inflict import _picked
from farm.selftest.parts import Parts
from tests.support.farms import wait_until

HOOK = str(Path(sitecustomize.__file__).parent)


def hooked(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": HOOK, **environment}
    return subprocess.run([sys.executable, "-P", "-c", program], env=env, capture_output=True, text=True, check=False)


def test_the_hook_shifts_the_calendar_while_the_process_runs_and_nothing_else(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+3600")
    program = (
        "import time, pathlib; first = time.monotonic(); a = time.time(); "
        f"pathlib.Path({str(clock)!r}).write_text('-60'); print(a, time.time(), time.monotonic() - first)"
    )
    before, after, passed = map(float, hooked(program, **{sitecustomize.CLOCK: str(clock)}).stdout.split())
    assert before == pytest.approx(time.time() + 3600, abs=60)
    assert after == pytest.approx(time.time() - 60, abs=60)
    assert 0 <= passed < 60


def test_the_hook_refuses_new_files_in_the_folder_as_long_as_the_marker_is_there(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    marker = tmp_path / "marker"
    environment = {sitecustomize.QUOTA: str(marker), sitecustomize.QUOTA_FOLDER: str(tmp_path / "disk")}
    write = f"import pathlib; pathlib.Path({str(tmp_path / 'disk' / 'a')!r}).open('wb', buffering=0).write(b'x')"
    assert hooked(write, **environment).returncode == 0
    marker.touch()
    refused = hooked(write, **environment)
    assert "Disk quota exceeded" in refused.stderr
    assert hooked(f"print(open({str(tmp_path / 'disk' / 'a')!r}).read())", **environment).stdout == "x\n"
    assert hooked(f"open({str(tmp_path / 'b')!r}, 'w')", **environment).returncode == 0
    marker.unlink()
    assert hooked(write, **environment).returncode == 0


def test_the_clock_of_a_host_jumps_while_its_process_runs(tmp_path: Path) -> None:
    clock = TrialClock(tmp_path)
    clock.jump(7200.0)
    environment = {"PYTHONPATH": HOOK, **clock.environment}
    program = "import time; print(time.time()); input(); print(time.time(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-P", "-u", "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        first = float(process.stdout.readline())
        clock.jump(-7200.0)
        process.stdin.write("\n")
        process.stdin.flush()
        second = float(process.stdout.readline())
    assert first == pytest.approx(time.time() + 7200, abs=60)
    assert second == pytest.approx(time.time() - 7200, abs=60)


def test_a_part_that_ends_is_started_again_and_ends_with_the_trial(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with Parts({"scheduler": command}, {"scheduler": dict(os.environ)}, tmp_path) as parts:
        assert parts.workers == []
        parts.kill("scheduler")

        def again() -> bool:
            parts.tend()
            return parts.starts == 2

        wait_until(again, what="the part to be started again")
        pid = parts._processes["scheduler"].pid  # noqa: SLF001
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("detail", "stems"),
    [
        ("3 of 16 rendered stems came too late: they belonged to others by then", 3),
        ("Track00001/S03 failed too late: it belonged to others by then", 1),
        ("a report on mix task 7 came too late: it belonged to others by then", 0),
    ],
)
def test_refused_results_are_counted_by_stems(detail: str, stems: int) -> None:
    assert checks._fenced(detail) == stems  # noqa: SLF001


def test_tries_are_bounded_by_what_was_hit() -> None:
    assert checks.few_again({"slot_lost": 15, "fenced": 1}, 2, 8).ok
    assert not checks.few_again({"slot_lost": 16, "fenced": 1}, 2, 8).ok
    assert checks.few_again({}, 0, 8).ok


def test_a_dataset_that_differs_in_one_byte_is_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".farm").mkdir(parents=True)
        (tmp_path / name / "a").write_text("same")
        (tmp_path / name / ".farm" / "ledger").write_text(name)
    assert checks.same_bytes([tmp_path / "one"], [tmp_path / "two"]).ok
    (tmp_path / "two" / "a").write_text("sane")
    verdict = checks.same_bytes([tmp_path / "one"], [tmp_path / "two"])
    assert (verdict.ok, verdict.detail) == (False, "1 differ: a")
    assert not checks.same_bytes([tmp_path / "three"], [tmp_path / "three"]).ok, "nothing is no dataset"


def test_a_victim_is_picked_by_chance_alone() -> None:
    assert [_picked("abcd", chance) for chance in (0.0, 0.26, 0.999)] == ["a", "b", "d"]
    assert _picked([], 0.5) is None
