"""The engine process under real kills, stops, floods and lies: every failure has its cause and costs one job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from schemas.errors import EngineError
from schemas.states import FailureReason as F
from schemas.states import RecycleCause as C
from tests.support.desk import MIDI, ROOT, Desk, gone, wait_for, when_running
from tests.support.engines import Misbehaving, Studio, Tape
from tests.support.soundfont import SINE, write_soundfont
from workers.audio.stemfile import StemReader, verify_stem


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


# ---------------------------------------------------------------- what it does


def test_it_renders_what_the_engine_renders_here(desk: Desk, tmp_path: Path) -> None:
    studio = Studio(write_soundfont(tmp_path / "test.sf2"))
    job, tape = studio.job(MIDI, SINE), Tape()
    report = studio.engine.render(job, MIDI, tape)
    process = desk.process("fluidsynth")
    outcome = process.render(job, desk.midi, desk.part)
    verify_stem(desk.part, outcome.data_hash)
    reader = StemReader(desk.part)
    out = tape.audio.copy()
    reader.read(0, reader.frames, out)
    assert reader.frames == len(tape.audio) == outcome.measured.frames
    assert out.tobytes() == tape.audio.tobytes()
    assert outcome.report == report
    assert process.warm_key == job.patch.load_key


def test_the_first_job_is_cold_and_the_next_is_warm(desk: Desk) -> None:
    process = desk.process()
    assert (process.pid, process.warm_key) == (None, None)
    first = desk.render(process, Misbehaving.PLAYS)
    pid = process.pid
    second = desk.render(process, Misbehaving.PLAYS)
    assert process.pid == pid
    assert (first.cost.cold, second.cost.cold) == (True, False)
    assert first.cost.load_s > second.cost.load_s
    assert second.cost.render_s > 0
    assert second.cost.rss_mb > 1
    assert first.data_hash == second.data_hash


def test_the_slot_never_loads_an_engine_itself(desk: Desk) -> None:
    code = (
        "import sys; from workers.engines.client import EngineProcess; EngineProcess();"
        "print([name for name in sys.modules if name.startswith('workers.engines.fluid')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_what_an_engine_prints_does_not_get_between_the_lines(desk: Desk) -> None:
    process = desk.process()
    outcome = desk.render(process, Misbehaving.PRINTS)
    assert outcome.report.notes == 1
    assert desk.render(process, Misbehaving.PLAYS).data_hash == outcome.data_hash


def test_it_is_replaced_after_its_number_of_renders(desk: Desk) -> None:
    process = desk.process(renders=2)
    desk.render(process, Misbehaving.PLAYS)
    first = process.pid
    desk.render(process, Misbehaving.PLAYS)
    assert first is not None
    assert (process.pid, process.warm_key) == (None, None)
    assert gone(first)
    assert desk.render(process, Misbehaving.PLAYS).cost.cold
    assert process.pid not in (None, first)
    assert [(seen.cause, seen.detail, seen.renders, seen.pid) for seen in desk.recycled] == [
        (C.RENDERS, "2 renders", 2, first)
    ]
    assert desk.recycled[0].load_key == desk.job(Misbehaving.PLAYS).patch.load_key


def test_it_is_replaced_when_it_has_grown(desk: Desk) -> None:
    process = desk.process(growth_mb=50)
    desk.render(process, Misbehaving.PLAYS)
    assert desk.causes == []
    desk.render(process, Misbehaving.LEAKS)
    assert (process.pid, desk.causes) == (None, [C.GROWTH])


def test_it_is_replaced_on_demand(desk: Desk) -> None:
    process = desk.process()
    desk.render(process, Misbehaving.PLAYS)
    pid = process.pid
    process.recycle(C.VERDICT, "all_zero")
    assert pid is not None
    assert gone(pid)
    assert desk.render(process, Misbehaving.PLAYS).cost.cold
    process.close()
    assert desk.causes == [C.VERDICT]


def test_a_process_that_has_rendered_nothing_is_fresh_already(desk: Desk) -> None:
    process = desk.process()
    process.freshen("nothing to do")
    process.start()
    pid = process.pid
    process.freshen("nothing to do")
    assert process.pid == pid
    desk.render(process, Misbehaving.PLAYS)
    process.freshen("Track00001/S00 failed before")
    assert process.pid is None
    assert [(seen.cause, seen.detail) for seen in desk.recycled] == [(C.RETRY, "Track00001/S00 failed before")]


def test_an_engine_process_knows_no_password_of_the_farm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_LEDGER_URL", "postgresql://farm:secret@database/farm")
    monkeypatch.setenv("FARM_BROKER_URL", "redis://:secret@broker")
    process = desk.process()
    process.start()
    environment = psutil.Process(process.pid).environ()
    assert [name for name, value in environment.items() if "secret" in value] == []
    assert environment["OMP_NUM_THREADS"] == "1"


# ---------------------------------------------------------------- how it fails


def test_a_crash_costs_one_job(desk: Desk) -> None:
    process = desk.process()
    before = desk.render(process, Misbehaving.PLAYS)
    error = desk.fails(process, Misbehaving.CRASHES)
    assert error.cause == F.ENGINE_CRASH
    assert "SIGSEGV" in error.message
    assert desk.causes == [C.CRASH]
    assert "SIGSEGV" in desk.recycled[0].detail
    assert desk.render(process, Misbehaving.PLAYS).data_hash == before.data_hash


def test_a_kill_in_mid_render_costs_one_job_that_is_not_to_blame(desk: Desk) -> None:
    process = desk.process()
    thread = when_running(process, desk.part, lambda pid: os.kill(pid, signal.SIGKILL))
    error = desk.fails(process, Misbehaving.HANGS)
    thread.join()
    assert error.cause == F.ENGINE_KILLED
    assert "SIGKILL" in error.message
    assert desk.causes == [C.KILLED]
    assert desk.render(process, Misbehaving.PLAYS).report.notes == 1


def test_a_kill_between_two_jobs_costs_none(desk: Desk) -> None:
    process = desk.process()
    desk.render(process, Misbehaving.PLAYS)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: process.pid is not None and gone(process.pid))
    assert desk.render(process, Misbehaving.PLAYS).cost.cold
    assert [seen.cause for seen in desk.recycled] == [C.FOUND_DEAD]
    assert "SIGKILL" in desk.recycled[0].detail


def test_last_words_are_passed_on(desk: Desk) -> None:
    error = desk.fails(desk.process(), Misbehaving.TALKS_AND_DIES)
    assert error.cause == F.ENGINE_CRASH
    assert "exit code 3: the bow has snapped" in error.message


def test_a_process_that_closes_its_pipe_and_goes_on_is_ended_and_to_blame(desk: Desk) -> None:
    process = desk.process()
    error = desk.fails(process, Misbehaving.HANGS_UP)
    assert error.cause == F.ENGINE_CRASH
    assert "went on" in error.message
    assert process.pid is None


def test_what_an_engine_has_started_holds_nobody_up(desk: Desk) -> None:
    error = desk.fails(desk.process(), Misbehaving.LEAVES_A_CHILD)
    assert error.cause == F.ENGINE_CRASH
    assert "exit code 4" in error.message


def test_a_process_that_stands_still_is_ended(desk: Desk) -> None:
    process = desk.process(no_progress_s=1.0)
    thread = when_running(process, desk.part, lambda pid: os.kill(pid, signal.SIGSTOP))
    assert desk.fails(process, Misbehaving.HANGS).cause == F.NO_PROGRESS
    thread.join()
    assert desk.causes == [C.NO_PROGRESS]
    assert process.pid is None


@pytest.mark.parametrize("way", [Misbehaving.HANGS, Misbehaving.SPINS], ids=["asleep", "at work"])
def test_a_render_that_goes_on_and_on_is_ended(desk: Desk, way: int) -> None:
    process = desk.process(render_floor_s=1.0, expected_speed=1000, patience=2.0)
    desk.render(process, Misbehaving.PLAYS)
    assert desk.fails(process, way).cause == F.RENDER_TIMEOUT
    assert desk.causes == [C.RENDER_TIMEOUT]
    assert process.pid is None


def test_an_endless_loop_that_says_nothing_is_ended(desk: Desk) -> None:
    process = desk.process(no_progress_s=1.0)
    assert desk.fails(process, Misbehaving.SPINS_SILENTLY).cause == F.NO_PROGRESS
    assert desk.causes == [C.NO_PROGRESS]
    assert process.pid is None


def test_a_render_that_gets_little_of_the_processor_is_not_late(desk: Desk) -> None:
    process = desk.process(render_floor_s=1.0, expected_speed=1000, patience=100.0)
    desk.render(process, Misbehaving.PLAYS)
    pid = process.pid
    assert pid is not None
    ended = threading.Event()
    starving = threading.Thread(target=_starve, args=(pid, ended))
    starving.start()
    began_s = time.monotonic()
    try:
        desk.render(process, Misbehaving.TOILS)
    finally:
        took_s = time.monotonic() - began_s
        ended.set()
        starving.join()
    assert took_s > 1.0, "by the clock of the wall it was"
    assert desk.causes == []


def _starve(pid: int, ended: threading.Event) -> None:
    """Let a process have a fifth of the processor."""
    while not ended.wait(0.04):
        os.kill(pid, signal.SIGSTOP)
        ended.wait(0.16)
        os.kill(pid, signal.SIGCONT)


def test_a_load_that_does_not_end_is_ended(desk: Desk) -> None:
    process = desk.process(load_s=1.5)
    assert desk.fails(process, Misbehaving.HANGS_IN_LOAD).cause == F.LOAD_TIMEOUT
    assert desk.causes == [C.LOAD_TIMEOUT]
    assert process.pid is None


def test_a_process_that_takes_too_much_memory_is_ended(desk: Desk) -> None:
    process = desk.process(memory_mb=250)
    error = desk.fails(process, Misbehaving.EATS_MEMORY)
    assert error.cause == F.OUT_OF_MEMORY
    assert desk.causes == [C.OUT_OF_MEMORY]
    assert process.pid is None


def test_sound_that_comes_faster_than_any_engine_plays_is_refused(desk: Desk) -> None:
    process = desk.process(max_speed=1.0)
    assert desk.fails(process, Misbehaving.PLAYS).cause == F.TOO_FAST
    assert desk.causes == [C.TOO_FAST]
    assert process.pid is None


def test_an_engine_that_says_no_is_quoted_and_replaced(desk: Desk) -> None:
    process = desk.process()
    error = desk.fails(process, Misbehaving.RAISES)
    assert (error.cause, error.message) == (F.ENGINE_FAILED, "the strings are broken")
    assert process.pid is None


def test_an_unknown_engine_is_named(desk: Desk) -> None:
    assert "no engine 'flute'" in desk.fails(desk.process("flute"), 0).message


@pytest.mark.parametrize("damage", ["cut", "other", "inside"])
def test_a_soundfont_that_is_not_what_it_was_is_a_missing_asset(desk: Desk, tmp_path: Path, damage: str) -> None:
    path = write_soundfont(tmp_path / "test.sf2")
    good = path.read_bytes()
    studio = Studio(path)
    if damage == "inside":
        path.write_bytes(good.replace(b"phdr", b"xxxx"))
        studio = Studio(path)
    else:
        path.write_bytes(good[:-100] if damage == "cut" else good[:-1] + b"\1")
    process = desk.process("fluidsynth")
    with pytest.raises(EngineError) as caught:
        process.render(studio.job(MIDI, SINE), desk.midi, desk.part)
    assert caught.value.cause == F.MISSING_ASSET
    pid = process.pid
    path.write_bytes(good)
    assert process.render(Studio(path).job(MIDI, SINE), desk.midi, desk.part).report.notes == 1
    assert process.pid == pid


@pytest.mark.parametrize("data", [b"", b"MThd", MIDI + b"\0"])
def test_midi_that_is_not_what_its_hash_says_is_damage_of_the_store(desk: Desk, data: bytes) -> None:
    process = desk.process()
    desk.midi.write_bytes(data)
    assert desk.fails(process, Misbehaving.PLAYS).cause == F.STORE_DAMAGED
    desk.midi.unlink()
    assert desk.fails(process, Misbehaving.PLAYS).cause == F.STORE_DAMAGED
    desk.midi.write_bytes(MIDI)
    pid = process.pid
    desk.render(process, Misbehaving.PLAYS)
    assert process.pid == pid


def test_a_file_that_is_no_midi_is_unreadable(desk: Desk, tmp_path: Path) -> None:
    desk.midi.write_bytes(b"no")
    studio = Studio(write_soundfont(tmp_path / "test.sf2"))
    with pytest.raises(EngineError) as caught:
        desk.process("fluidsynth").render(studio.job(b"no", SINE), desk.midi, desk.part)
    assert caught.value.cause == F.UNREADABLE


def test_a_full_disk_has_its_name_and_harms_no_process(desk: Desk) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is there only on Linux")
    process = desk.process()
    with pytest.raises(EngineError) as caught:
        process.render(desk.job(Misbehaving.PLAYS), desk.midi, full)
    assert caught.value.cause == F.DISK_FULL
    pid = process.pid
    assert desk.render(process, Misbehaving.PLAYS).report.notes == 1
    assert process.pid == pid


def test_a_folder_that_is_gone_is_damage_of_the_store(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        desk.process().render(desk.job(Misbehaving.PLAYS), desk.midi, tmp_path / "none" / "a.part")
    assert caught.value.cause == F.STORE_DAMAGED
