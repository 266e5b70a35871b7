"""`farm patches` with real plug-ins: found, loaded, played, checked and written down; and those that misbehave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from farm.cli.app import run_app
from farm.planning.patchfiles import FOLDER, load_patch
from schemas.patch import PluginSettings
from tests.support.badplugins import build_bad_plugins
from tests.support.plugins import needs_dawdreamer, needs_debians_plugins
from workers.patches.scanning import read_scans, scans_file

NEKOBI = "http://distrho.sf.net/plugins/Nekobi"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and a host that knows nothing yet."""
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls `farm patches ... --json`; returns its exit code and what it answered."""

    def call(*words: object) -> tuple[int, Any]:
        capsys.readouterr()
        code = run_app(["patches", *map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def changed(name: str, **settings: Any) -> Path:
    """Write a copy of one of the farm's own patch files, with other settings."""
    values = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    path = Path(f"{name}-changed.yaml")
    path.write_text(yaml.safe_dump({**values, "settings": {**values["settings"], **settings}}), encoding="utf-8")
    return path


@needs_dawdreamer
@needs_debians_plugins
def test_a_scan_lists_what_crashes_leaves_hangs_or_is_nothing_and_goes_on(
    ask: Any, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VST_PATH", str(build_bad_plugins(here / "vst")))
    code, found = ask("scan", "bad-c", "bad-e", "bad-m", "Nekobi", "MaBitcrush")
    assert code == 0
    code, hung = ask("scan", "bad-hang", "--timeout", 3)
    assert code == 0
    found += hung
    by_name = {(record["format"], record["name"]): record for record in found}
    vst2 = {name: record["found"] for (format_, name), record in by_name.items() if format_ == "vst2"}
    assert vst2 == {
        "bad-crash": "crashed", "bad-exit": "crashed", "bad-hang": "hung", "bad-empty": "refused",
        "bad-machine": "wrong_machine", "Nekobi-vst": "works", "MaBitcrush-vst": "effect",
    }  # fmt: skip
    assert "SIGSEGV" in by_name["vst2", "bad-crash"]["why"]
    assert "exit code 3" in by_name["vst2", "bad-exit"]["why"]
    assert "no dongle" in by_name["vst2", "bad-exit"]["why"]
    works = by_name["lv2", "Nekobi"]
    assert (works["found"], works["vendor"]) == ("works", "Sean Bolton, falkTX")
    facts = works["facts"]
    assert (facts["inputs"], facts["outputs"], facts["parameters"], facts["latency_frames"]) == (0, 1, 8, 0)
    assert facts["load_s"] > 0
    # What is known is read, not loaded again.
    kept = json.loads(scans_file().read_text())
    for record in kept["plugins"].values():
        record["why"] = "as it was kept"
    scans_file().write_text(json.dumps(kept))
    _, again = ask("scan", "bad-")
    assert {record["why"] for record in again} == {"as it was kept"}
    assert len(again) == 5


@needs_dawdreamer
@needs_debians_plugins
def test_a_patch_that_crashed_in_the_scan_cannot_be_played_here(
    ask: Any, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VST_PATH", str(build_bad_plugins(here / "vst")))
    folder = here / "mine"
    folder.mkdir()
    for name in ("bad-crash", "absent", "amsynth_vst"):
        settings = {"plugin": name, "format": "vst2"}
        patch = {"name": name.replace("_", "-"), "engine": "dawdreamer", "settings": settings}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(patch))
    (folder / "wrong.yaml").write_text("name: wrong\nengine: organ\n")
    ask("scan", "bad-crash")
    assert len(read_scans()) == 1
    code, found = ask("list", folder)
    assert code == 0
    reasons = {row["name"]: (row["playable"], row["reason"]) for row in found}
    assert reasons == {
        "absent": (False, "missing_asset"), "amsynth-vst": (True, ""), "bad-crash": (False, "crashed"),
        "wrong": (False, "bad_plan"),
    }  # fmt: skip
    assert run_app(["patches", "list", str(folder)]) == 0
    assert "3 patch files, 1 can be played here; 1 cannot be read" in capsys.readouterr().out


@needs_dawdreamer
@needs_debians_plugins
def test_the_farms_own_patch_files_are_listed_and_shown(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = ask("list")
    assert code == 0
    assert {"mda-piano", "nekobi", "amsynth", "drum-kit"} <= {row["name"] for row in found}
    assert [row["why"] for row in found if not row["playable"]] == []
    _, shown = ask("show", "nekobi")
    (listed,) = (row for row in found if row["name"] == "nekobi")
    assert shown["load_key"] == listed["load_key"]
    assert shown["patch"]["asset"] == listed["patch"]["asset"]
    assert run_app(["patches", "show", "nekobi"]) == 0
    assert listed["patch"]["asset"]["sha256"] in capsys.readouterr().out


@needs_dawdreamer
@needs_debians_plugins
def test_an_audition_writes_what_is_heard_and_seen(ask: Any, here: Path) -> None:
    code, found = ask("audition", "nekobi", "--out", here / "heard")
    assert code == 0
    assert {path.name for path in (here / "heard").iterdir()} == {
        "scale.flac", "chord.flac", "phrase.flac", "spectrogram.png",
    }  # fmt: skip
    for piece in found["pieces"]:
        audio, rate_hz = soundfile.read(piece["file"])
        assert (rate_hz, len(audio) / rate_hz) == (44100, pytest.approx(piece["seconds"]))
        assert abs(audio).max() == pytest.approx(10 ** (piece["peak_dbfs"] / 20), rel=0.01)
        assert piece["rms_dbfs"] < piece["peak_dbfs"] < 0
    assert (here / "heard" / "spectrogram.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert found["keys"] == list(range(24, 73))
    assert (found["latency_frames"], found["notes"], found["turned_down_db"]) == (0, [], 0.0)
    assert 0 <= found["onset_s"] < 0.001
    assert found["speed"] > 1


@needs_dawdreamer
@needs_debians_plugins
def test_a_patch_is_checked_against_what_its_file_declares(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = ask("check", "nekobi")
    assert (code, found["ok"], [one for one in found["findings"] if not one["ok"]]) == (0, True, [])
    # This piano keeps its volume, so that with it a warm instance is not what it was.
    code, found = ask("check", changed("mda-piano", plays=["sustain", "volume"]))
    assert (code, found["ok"]) == (1, False)
    broken = [one["law"] for one in found["findings"] if not one["ok"]]
    assert broken == ["nothing is left of another stem (A-B-A)"]
    _, found = ask("check", changed("mda-piano", tail_s=0.05))
    broken = [one["law"] for one in found["findings"] if not one["ok"]]
    assert {"its length is that of its notes and its tail", "silence where the MIDI is silent"} <= set(broken)
    assert "warm equals cold" not in broken
    assert run_app(["patches", "check", "nekobi"]) == 0
    assert "it keeps to all of it" in capsys.readouterr().out


@needs_dawdreamer
@needs_debians_plugins
def test_a_new_patch_file_has_what_was_measured_and_keeps_to_it(ask: Any, here: Path) -> None:
    code, made = ask("new", "my-bass", "--plugin", NEKOBI, "--set", "cutoff=0.6", "--for", 38)
    assert code == 0
    file = load_patch(str(here / "my-bass.yaml"))
    assert made["file"] == file.model_dump(mode="json")
    settings = file.settings
    assert isinstance(settings, PluginSettings)
    assert (settings.plugin, settings.format, settings.parameters) == (NEKOBI, "lv2", {"cutoff": 0.6})
    assert (settings.repeat_db, settings.drums, settings.noisy) == (None, False, False)
    assert settings.onset_s == 0.0
    assert 0.1 <= settings.tail_s <= 0.5
    assert (file.programs, file.licence) == ([38], "GPL-2.0-or-later")
    _, shown = ask("show", "nekobi")
    assert file.sha256 == shown["patch"]["asset"]["sha256"]
    assert file.key_range is not None
    assert file.key_range[0] <= 30
    assert file.key_range[1] >= 70
    assert ask("check", "my-bass.yaml")[0] == 0
    before = (here / "my-bass.yaml").read_text()
    assert ask("new", "my-bass", "--plugin", NEKOBI)[1]["reason"] == "bad_output"
    assert (here / "my-bass.yaml").read_text() == before


@needs_dawdreamer
@needs_debians_plugins
@pytest.mark.parametrize(
    ("words", "reason", "told"),
    [
        (["new", "Bad Name", "--plugin", NEKOBI], "bad_plan", "small letters"),
        (["new", "x", "--plugin", NEKOBI, "--set", "cutoff=6"], "bad_plan", "0 to 1"),
        (["new", "x", "--plugin", NEKOBI, "--set", "cutof=0.6"], "engine_failed", "Cutoff"),
        (["new", "x", "--plugin", NEKOBI, "--preset", "gone.ttl"], "bad_plan", "gone.ttl"),
        (["new", "x", "--plugin", "no-such-synth"], "missing_asset", "farm patches scan"),
        (["audition", "no-such-patch"], "bad_plan", "no patch file"),
        (["check", "TimGM6mb:0:200"], "bad_plan", "program 200"),
        (["check", "no-such-font:0:0"], "missing_asset", "no-such-font"),
        (["scan", "--format", "dx"], "bad_plan", "lv2, vst2, vst3, au"),
        (["list", "no-such-folder"], "bad_plan", "no-such-folder"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    ask: Any, here: Path, words: list[str], reason: str, told: str
) -> None:
    code, answer = ask(*words)
    assert (code in (2, 3), answer["reason"]) == (True, reason)
    assert told in answer["error"] + answer["hint"]
    assert not (here / "x.yaml").exists()


def test_a_soundfonts_preset_is_auditioned_without_any_plugin(ask: Any, here: Path) -> None:
    code, found = ask("audition", "TimGM6mb:0:33")
    assert code == 0
    assert found["patch"] == "TimGM6mb:000:033"
    assert (here / "audition" / "TimGM6mb-0-33" / "phrase.flac").is_file()


def test_a_process_that_ends_without_a_word_is_an_error(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.cli.patchworker.PATCH_TOOLS", "workers.no_such_module")
    code, answer = ask("show", "drum-kit")
    assert (code, answer["reason"]) == (3, "service")
    assert "no_such_module" in answer["error"]
    assert "farm doctor" in answer["hint"]
