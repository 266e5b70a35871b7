"""What a host has: by its packages at no cost, and by trying."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from workers.config import WorkerSettings
from workers.engines import ENGINES, here


def test_fluidsynth_is_always_there_and_the_others_come_with_a_package() -> None:
    found = here.installed()
    assert found[0] == "fluidsynth"
    assert set(found) == {name for name in ENGINES if name == "fluidsynth" or find_spec("dawdreamer") is not None}


def test_without_the_package_a_class_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "find_spec", lambda name: None)
    assert here.installed() == ("fluidsynth",)


def test_a_look_at_what_is_installed_imports_nothing_of_it() -> None:
    code = "import sys; from workers.engines.here import installed; installed(); sys.exit('dawdreamer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_process_tries_one_class_and_answers_with_one_object() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workers.engines.here", "fluidsynth"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout).keys() == {"engine", "version", "library"}


def test_what_is_missing_is_said_with_a_hint() -> None:
    found = here.attempt("fluidsynth", "/nowhere/libfluidsynth.so")
    assert "version" not in found
    assert "/nowhere/libfluidsynth.so" in found["message"]
    assert found["hint"]


def test_the_settings_name_the_classes_of_a_slot() -> None:
    assert WorkerSettings(engines=" faust, dawdreamer,").engine_classes == ("faust", "dawdreamer")
    assert WorkerSettings().engine_classes == ()
