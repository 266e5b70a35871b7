"""The doctor's checks: each names what it found, and the command that mends it where something is wrong."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path

import pytest

from farm import doctor
from farm.config import Settings
from farm.doctor import Check
from farm.scheduling.broker import Broker

FACTS = {
    "engine": "fluidsynth",
    "version": "2.5.7",
    "library": "libfluidsynth.so.3",
    "soundfont": {
        "name": "TimGM6mb",
        "sha256": "0" * 64,
        "size_bytes": 5_994_284,
        "licence": "GPL-2.0-only",
        "path": "t.sf2",
    },
}


def _answering(stdout: str, *, stderr: str = "", code: int = 0) -> doctor.Run:
    return lambda command: subprocess.CompletedProcess(command, code, stdout, stderr)


def _refuse(command: list[str]) -> subprocess.CompletedProcess[str]:
    raise subprocess.TimeoutExpired(command, 1)


def test_this_machine_is_examined_without_leaving_anything_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checks = doctor.examine(Settings(ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite"))
    assert [check for check in checks if not check.ok and check.name in ("FluidSynth", "soundfont", "libFLAC")] == []
    assert len({check.name for check in checks}) == len(checks)
    assert list(tmp_path.iterdir()) == []


def test_a_fix_is_shown_only_where_something_is_wrong() -> None:
    assert doctor.judge("x", True, "a\n b", "mend").fix == ""
    assert doctor.judge("x", False, "a\n b", "mend") == Check("x", False, "a b", "mend")


@pytest.mark.parametrize(("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((4, 0), True)])
def test_python_must_be_3_11_or_newer(version: tuple[int, int], ok: bool) -> None:
    check = doctor.python_check(version)
    assert check.ok is ok
    assert bool(check.fix) is not ok


def test_what_the_probe_finds_is_shown() -> None:
    synthesiser, font = doctor.engine_checks(_answering(json.dumps(FACTS)))
    assert synthesiser == Check("FluidSynth", True, "2.5.7: libfluidsynth.so.3")
    assert font.ok
    assert "TimGM6mb, 6.0 MB, licence GPL-2.0-only" in font.found


@pytest.mark.parametrize(("reason", "name"), [("missing_asset", "soundfont"), ("missing_dependency", "FluidSynth")])
def test_what_the_probe_misses_comes_with_its_hint(reason: str, name: str) -> None:
    problem = json.dumps({"reason": reason, "message": "none was found", "hint": "apt install it"})
    assert doctor.engine_checks(_answering(problem, code=2)) == [Check(name, False, "none was found", "apt install it")]


def test_a_probe_that_crashes_or_hangs_is_a_failed_check() -> None:
    crashed = doctor.engine_checks(_answering("", stderr="Traceback\nImportError: no numpy", code=1))
    hung = doctor.engine_checks(_refuse)
    assert not crashed[0].ok
    assert "ImportError: no numpy" in crashed[0].found
    assert not hung[0].ok
    assert "timed out" in hung[0].found


def test_a_missing_flac_library_is_a_failed_check() -> None:
    assert doctor.flac_check(_answering("1.5.0\n")) == Check("libFLAC", True, "1.5.0")
    lost = doctor.flac_check(_answering("", stderr="x\nMissingDependencyError: no libFLAC", code=1))
    assert (lost.ok, lost.found) == (False, "MissingDependencyError: no libFLAC")
    assert not doctor.flac_check(_refuse).ok


def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    assert doctor.writable_check(tmp_path).ok
    lost = doctor.writable_check(tmp_path / "absent")
    assert not lost.ok
    assert "TMPDIR" in lost.fix


def test_little_room_is_found() -> None:
    assert doctor.disk_check(Path("x"), 50_000_000_000).ok
    assert not doctor.disk_check(Path("x"), 1_000_000_000).ok


@pytest.mark.parametrize(("limit", "ok"), [(256, False), (1024, True), (resource.RLIM_INFINITY, True)])
def test_a_low_limit_of_open_files_is_found(limit: int, ok: bool) -> None:
    assert doctor.files_check(limit).ok is ok


def test_a_missing_postgres_driver_is_found() -> None:
    def absent(name: str) -> object:
        raise ImportError(f"no {name}")

    assert doctor.driver_check(absent) == Check("Postgres driver", False, "no psycopg", "pip install 'psycopg[binary]'")


def test_services_that_are_not_named_are_not_missed() -> None:
    assert doctor.broker_check(None).ok
    assert doctor.ledger_check(None).ok


def test_a_broker_is_reached_and_its_password_is_not_shown() -> None:
    check = doctor.broker_check("redis://:secret@localhost:1/0")
    assert not check.ok
    assert "secret" not in check.found + check.fix


@pytest.mark.services
def test_a_broker_that_runs_is_reached(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker") as broker:
        assert doctor.broker_check(broker.url).ok
    assert not doctor.broker_check(broker.url).ok


def test_a_ledger_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    assert doctor.ledger_check(f"sqlite:///{tmp_path}/new.sqlite").ok
    assert not doctor.ledger_check(f"sqlite:///{tmp_path}/absent/new.sqlite").ok
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_ledger_is_found(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("not a database" * 100, encoding="utf-8")
    check = doctor.ledger_check(f"sqlite:///{tmp_path}/text.sqlite")
    assert not check.ok
    assert check.fix


def test_a_ledger_address_that_is_none_is_found() -> None:
    assert not doctor.ledger_check("mysql://host/farm").ok


def test_a_database_that_does_not_answer_is_found_without_its_password() -> None:
    check = doctor.ledger_check("postgresql://farm:secret@127.0.0.1:1/farm")
    assert not check.ok
    assert "secret" not in check.found + check.fix


PLUGINS = {"dawdreamer": "0.9.0", "hint": "", "libgl": "libGL.so.1", "formats": {"lv2": 51, "au": 0}, "scanned": 3,
           "found": {"works": 2, "wrong_machine": 1}}  # fmt: skip


def _overview(**changes: object) -> doctor.Run:
    return _answering(json.dumps({"event": "done", "result": {**PLUGINS, **changes}}))


def test_plugins_are_counted_with_what_became_of_them() -> None:
    library, plugins = doctor.plugin_checks(_overview(), None)
    assert library == Check("libGL", True, "libGL.so.1")
    assert plugins == Check("plug-ins", True, "51 lv2; when scanned: 2 works, 1 wrong machine")
    assert "farm patches scan" in doctor.plugin_checks(_overview(found={}), None)[1].found


@pytest.mark.parametrize(
    "changes", [{"dawdreamer": "", "hint": "pip install it"}, {"libgl": ""}, {"formats": {"lv2": 0}}]
)
def test_what_plugins_lack_is_a_fault_only_where_their_engine_is_asked_for(changes: dict[str, object]) -> None:
    assert all(check.ok for check in doctor.plugin_checks(_overview(**changes), "fluidsynth,faust"))
    told = [check for check in doctor.plugin_checks(_overview(**changes), "fluidsynth,dawdreamer") if not check.ok]
    assert [("install" in check.fix, "install" in check.found) for check in told] == [(True, True)]


def test_plugins_that_cannot_be_counted_are_no_fault_of_a_host_that_serves_none() -> None:
    assert doctor.plugin_checks(_answering("", stderr="Traceback", code=1), None)[0].ok
    assert not doctor.plugin_checks(_answering("", stderr="Traceback", code=1), "dawdreamer")[0].ok
