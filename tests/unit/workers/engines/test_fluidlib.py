"""The binding of libfluidsynth: where it looks, what it says when there is none, and a silent log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import MissingDependencyError
from workers.engines import fluidlib
from workers.engines.fluidlib import FluidLibrary, bundled_libraries, load_library


def test_it_finds_a_library_of_version_2_or_later() -> None:
    library = load_library()
    assert int(library.version.split(".")[0]) >= 2
    assert load_library() is library


def test_the_wheel_brings_a_library_along() -> None:
    bundled = bundled_libraries()
    assert bundled
    assert load_library(bundled[0]).path == bundled[0]


def test_pygame_is_not_imported_for_it() -> None:
    code = (
        "import sys; from workers.engines.fluidlib import bundled_libraries, load_library;"
        "load_library(bundled_libraries()[0]); print('pygame' in sys.modules)"
    )
    root = Path(fluidlib.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"


def test_a_configured_path_is_the_only_one_tried(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match=r"none\.so") as caught:
        load_library(str(tmp_path / "none.so"))
    assert "pip install pygame-ce" in caught.value.hint


def test_the_pinned_library_of_the_wheel_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fluidlib, "_loaded", {})
    assert load_library().path in bundled_libraries()


def test_the_system_is_tried_where_there_is_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    somewhere = bundled_libraries()[0]
    monkeypatch.setattr(fluidlib, "_SYSTEM_NAMES", ("libnothere.so", somewhere))
    monkeypatch.setattr(fluidlib, "bundled_libraries", list)
    monkeypatch.setattr(fluidlib, "_loaded", {})
    assert load_library().path == somewhere


def test_a_machine_without_any_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fluidlib, "_SYSTEM_NAMES", ("libnothere.so",))
    monkeypatch.setattr(fluidlib, "find_spec", lambda name: None)
    monkeypatch.setattr(fluidlib, "find_library", lambda name: None)
    monkeypatch.setattr(fluidlib, "_loaded", {})
    with pytest.raises(MissingDependencyError, match="libfluidsynth 2 was not found"):
        load_library()


def test_another_library_of_that_name_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    somewhere = bundled_libraries()[0]
    other = "libc.so.6" if sys.platform == "linux" else "libSystem.dylib"
    monkeypatch.setattr(fluidlib, "_SYSTEM_NAMES", (other, somewhere))
    monkeypatch.setattr(fluidlib, "bundled_libraries", list)
    monkeypatch.setattr(fluidlib, "_loaded", {})
    assert load_library().path == somewhere


def test_errors_are_kept_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    library = load_library()
    settings = library.new_fluid_settings()
    synth = library.new_fluid_synth(settings)
    library.last_error()
    library.fluid_synth_sfload(synth, str(tmp_path / "none.sf2").encode(), 0)
    assert "none.sf2" in library.last_error()
    assert library.last_error() == ""
    library.delete_fluid_synth(synth)
    library.delete_fluid_settings(settings)
    assert capfd.readouterr() == ("", "")


def test_a_function_that_is_not_bound_is_named() -> None:
    library: FluidLibrary = load_library()
    with pytest.raises(AttributeError, match="fluid_player_play"):
        _ = library.fluid_player_play
