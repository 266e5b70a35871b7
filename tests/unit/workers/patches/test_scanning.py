"""What becomes of a plug-in in a scan, by what its process says and how it ends; and what is kept of it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import MissingDependencyError
from workers.engines.plugins import PluginFile
from workers.patches import scanning
from workers.patches.scanning import Found, judge_answer, read_scans, scan

FACTS = {"inputs": 0, "outputs": 2, "parameters": 3, "values": {}, "latency_frames": 0, "load_s": 0.1, "sounds": True,
         "silence": "", "memory_mb": 100.0}  # fmt: skip


def plugin(is_instrument: bool | None = None, binary: Path = Path("x.so")) -> PluginFile:
    return PluginFile("vst2", str(binary), binary, "X", "unknown", is_instrument)


def said(**changes: Any) -> bytes:
    return json.dumps({**FACTS, **changes}).encode()


@pytest.mark.parametrize(
    ("is_instrument", "changes", "found"),
    [
        (True, {}, Found.WORKS),
        (None, {}, Found.WORKS),
        (None, {"inputs": 2}, Found.WORKS),
        (True, {"sounds": False, "silence": "it stays silent"}, Found.SILENT),
        (None, {"sounds": False, "silence": "it stays silent"}, Found.SILENT),
        (None, {"inputs": 2, "sounds": False}, Found.EFFECT),
        (False, {"sounds": None, "inputs": 2}, Found.EFFECT),
    ],
)
def test_a_plugin_that_answers_is_what_it_sounds_like(
    is_instrument: bool | None, changes: dict[str, Any], found: Found
) -> None:
    record = judge_answer(plugin(is_instrument), said(**changes), b"", 0)
    assert record["found"] == found
    assert record["why"] == (changes["silence"] if found is Found.SILENT else "")
    assert "silence" not in record["facts"]


@pytest.mark.parametrize(
    ("code", "words"), [(-11, "SIGSEGV: no display"), (-6, "SIGABRT: no display"), (1, "exit code 1: no display")]
)
def test_a_plugin_that_takes_its_process_with_it_has_crashed(code: int, words: str) -> None:
    record = judge_answer(plugin(), b"", b"Attempting to load VST: x.so\nno\n display\n", code)
    assert (record["found"], record["why"]) == (Found.CRASHED, f"its process ended with {words}")


def test_a_plugin_that_would_not_load_says_why() -> None:
    record = judge_answer(plugin(), json.dumps({"failed": "no libGL", "hint": "install it"}).encode(), b"", 0)
    assert (record["found"], record["why"]) == (Found.REFUSED, "no libGL")


def test_without_a_host_for_plugins_a_scan_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(scanning, "version", missing)
    with pytest.raises(MissingDependencyError, match="DawDreamer") as error:
        scan()
    assert "pip install" in error.value.hint
    assert read_scans() == {}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A host with two plug-ins, and the names of those that were loaded."""
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(scanning, "host_version", lambda: "0.9.0")
    for name in ("one.so", "two.so"):
        (tmp_path / name).write_bytes(b"x")
    loaded: list[str] = []

    def record_of(found: PluginFile, _: float) -> dict[str, Any]:
        loaded.append(found.name)
        return {"format": found.format, "plugin": found.plugin, "binary": str(found.binary), "name": found.name,
                "found": "works", "why": "", "facts": {}}  # fmt: skip

    def installed(format_: str) -> list[PluginFile]:
        return [
            PluginFile("vst2", str(path), path, path.stem, "unknown", None)
            for path in sorted(tmp_path.glob("*.so"))
            if format_ == "vst2"
        ]

    monkeypatch.setattr(scanning, "record_of", record_of)
    monkeypatch.setattr(scanning, "installed_plugins", installed)
    return loaded


def test_a_plugin_is_loaded_once_until_it_changes_or_somebody_asks(host: list[str], tmp_path: Path) -> None:
    assert [record["name"] for record in scan()] == ["one", "two"]
    assert [record["name"] for record in scan()] == ["one", "two"]
    assert sorted(host) == ["one", "two"]
    (tmp_path / "two.so").write_bytes(b"newer")
    scan()
    assert sorted(host) == ["one", "two", "two"]
    scan(again=True)
    assert sorted(host) == ["one", "one", "two", "two", "two"]


def test_words_choose_plugins_and_keep_what_is_known_of_others(host: list[str]) -> None:
    scan()
    assert [record["name"] for record in scan(["TWO"], again=True)] == ["two"]
    assert sorted(host) == ["one", "two", "two"]
    assert len(read_scans()) == 2


def test_what_was_removed_is_forgotten(host: list[str], tmp_path: Path) -> None:
    scan()
    (tmp_path / "one.so").unlink()
    assert [record["name"] for record in scan()] == ["two"]
    scan(again=True)
    assert len(read_scans()) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"recipe": [0, "0.1"], "plugins": {"a": {}}}', "{"])
def test_what_cannot_be_read_or_is_of_another_version_was_never_found(host: list[str], text: str) -> None:
    scan()
    scanning.scans_file().write_text(text)
    assert read_scans() == {}
    scan()
    assert sorted(host) == ["one", "one", "two", "two"]
