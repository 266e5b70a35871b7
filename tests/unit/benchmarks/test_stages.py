"""The timers of the benchmarks: where they are set, what they count, and that the figures survive any end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from benchmarks import stages
from benchmarks.breakdown import Stage, account, check_hooks, read
from benchmarks.farmrun import ROOT, BenchError
from benchmarks.stages import HOOKS, OTHER, STAGES, STARTUP, VARIABLE, Book, HookError, find, set_hooks


def _spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def _module(**functions: object) -> types.ModuleType:
    module = types.ModuleType("workers.tasks.scan")
    vars(module).update(functions)
    return module


def test_every_hook_finds_a_function_of_the_farm() -> None:
    check_hooks()


def test_a_hook_that_finds_nothing_is_an_error_that_names_it() -> None:
    with pytest.raises(HookError, match=r"workers\.tasks\.scan has no Gone\.write or gone"):
        find(_module(run=_spin), "Gone.write|gone")


def test_the_first_alternative_that_is_there_is_hooked() -> None:
    class Writer:
        def close(self) -> None:
            pass

    assert find(_module(Writer=Writer), "Writer.write|Writer.close") == [(Writer, "close")]


def test_a_star_stands_for_public_functions_and_not_for_generators_properties_or_private_ones() -> None:
    class Meter:
        def write(self) -> None:
            pass

        def chunks(self) -> object:
            yield 1

        @property
        def frames(self) -> int:
            return 0

        def _inner(self) -> None:
            pass

    assert [name for _, name in find(_module(Meter=Meter), "Meter.*")] == ["write"]


def test_a_hooked_module_has_its_functions_wrapped(tmp_path: Path) -> None:
    module = _module(run=lambda: 7)
    book = Book(tmp_path, started=True)
    assert set_hooks(module, book) == 1
    assert module.run() == 7
    assert read(tmp_path)["scan"].calls == 1


def test_time_counts_for_the_innermost_stage_alone(tmp_path: Path) -> None:
    book = Book(tmp_path, started=True)
    encode = book.timed(lambda: _spin(0.05), "encode")

    def work() -> None:
        _spin(0.005)
        encode()

    book.timed(work, "mix")()
    figures = read(tmp_path)
    assert 0.005 <= figures["mix"].cpu_s < figures["encode"].cpu_s
    assert figures["encode"].cpu_s >= 0.05
    assert (figures["mix"].calls, figures["mix"].inner, figures["encode"].calls) == (1, 1, 1)


def test_a_stage_inside_itself_is_entered_once(tmp_path: Path) -> None:
    book = Book(tmp_path, started=True)
    inner = book.timed(lambda: None, "store")
    book.timed(inner, "store")()
    assert read(tmp_path)["store"].calls == 1


def test_a_stage_is_left_by_an_error(tmp_path: Path) -> None:
    book = Book(tmp_path, started=True)
    with pytest.raises(ZeroDivisionError):
        book.timed(lambda: 1 / 0, "mix")()
    book.timed(lambda: None, "encode")()
    figures = read(tmp_path)
    assert figures["mix"].inner == 0
    assert figures[OTHER].inner == 2


def test_what_precedes_the_first_border_is_start_up_and_what_follows_is_not(tmp_path: Path) -> None:
    book = Book(tmp_path)
    nothing = book.timed(lambda: None, "scan")
    nothing()
    start_up = read(tmp_path)[STARTUP].cpu_s
    _spin(0.01)
    nothing()
    figures = read(tmp_path)
    assert figures[STARTUP].cpu_s == start_up > 0
    assert figures[OTHER].cpu_s >= 0.01


def test_threads_are_added_up(tmp_path: Path) -> None:
    book = Book(tmp_path, started=True)
    spin = book.timed(lambda: _spin(0.01), "loudness")
    threads = [threading.Thread(target=spin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figures = read(tmp_path)["loudness"]
    assert figures.calls == 3
    assert figures.cpu_s >= 0.03


_CHILD = """
import os
from workers.audio.flac_frames import renumber
from workers.verdict import judge
try:
    judge()
except TypeError:
    pass
os.fork() or os._exit(0)
try:
    judge()
except TypeError:
    pass
os.kill(os.getpid(), 9)
"""


def test_a_process_is_timed_from_outside_and_its_figures_survive_a_fork_and_a_kill(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT / "benchmarks" / "hook"), str(ROOT)])
    env = {**os.environ, VARIABLE: str(tmp_path), "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-P", "-c", _CHILD], check=False, env=env, capture_output=True, timeout=240)
    assert done.returncode == -9, done.stderr
    figures = read(tmp_path)
    assert figures["levels"].calls == 2
    assert figures[STARTUP].cpu_s > 0
    assert len(list(tmp_path.glob("*.stages"))) == 2


def test_without_the_variable_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = list(sys.meta_path)
    stages.install()
    assert sys.meta_path == before


def test_a_run_without_figures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="sitecustomize"):
        read(tmp_path)


def _figures(**cpu_s: float) -> dict[str, Stage]:
    figures = {name: Stage() for name in STAGES}
    for name, seconds in cpu_s.items():
        figures[name] = Stage(cpu_s=seconds, wall_s=seconds, calls=1000, inner=0)
    return figures


def test_the_rows_add_up_to_cores_times_wall() -> None:
    breakdown = account(_figures(synth=10.0, mix=4.0), wall_s=10.0, cpu_s=15.0, idle_s=3.0, core_count=2, border_s=1e-3)
    assert sum(breakdown.rows.values()) == pytest.approx(breakdown.whole_s) == pytest.approx(20.0)
    assert breakdown.rows["idle"] == pytest.approx(3.0)
    assert breakdown.rows["other programs"] == pytest.approx(2.0)
    assert set(HOOKS) < set(breakdown.rows)


def test_what_the_timers_cost_is_taken_off_both_sides_of_a_border() -> None:
    figures = _figures(encode=2.0)
    figures["mix"] = Stage(cpu_s=3.0, wall_s=3.0, calls=0, inner=1000)
    breakdown = account(figures, wall_s=3.0, cpu_s=5.0, idle_s=1.0, core_count=2, border_s=1e-3)
    assert breakdown.rows["encode"] == pytest.approx(1.5)
    assert breakdown.rows["mix"] == pytest.approx(2.5)
    assert breakdown.rows["instrument"] == pytest.approx(1.0)
    assert breakdown.rows["other"] == pytest.approx(0.0)


def test_stages_that_used_more_than_their_processes_are_an_error() -> None:
    with pytest.raises(BenchError, match="not waited for"):
        account(_figures(synth=10.0), wall_s=10.0, cpu_s=5.0, idle_s=0.0, core_count=2, border_s=0.0)
