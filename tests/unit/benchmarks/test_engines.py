"""The figures of the engines: what is kept loaded is loaded once, and what is saved is counted from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.engines import Figures, Stem, measure, run, written
from schemas.errors import EngineError
from tests.support import broken
from tests.support.midi import note, program, song


def _stems(folder: Path, count: int) -> list[Stem]:
    return [written(folder, song([program(0, 0), *note(0, 480, 60 + key)]), False) for key in range(count)]


def test_a_patch_is_loaded_once_where_it_is_kept_and_for_every_stem_where_not(tmp_path: Path) -> None:
    patch, stems = broken.patch("slow_load", tmp_path), _stems(tmp_path, 2)
    loads = [[one.cost.cold for one in run(patch, stems, tmp_path, together=many).outcomes] for many in (2, 1)]
    assert loads == [[True, False], [True, True]]


def test_the_figures_of_a_patch_are_those_of_its_renders(tmp_path: Path) -> None:
    found = measure(broken.patch("slow_load", tmp_path), _stems(tmp_path, 2), tmp_path)
    assert (found.stems, found.audio_s) == (2, 4.0)
    assert found.load_s >= broken.SLOW_LOAD_S
    assert found.real_time_factor > 0
    assert found.memory_mb > 1


def test_what_is_saved_is_a_share_of_the_time_without() -> None:
    line = Figures("faust", "pad", 4, 100.0, 0.5, 0.02, kept_s=3.0, reloaded_s=4.0, memory_mb=200.0)
    assert line.saved == 0.25
    assert line.times_real_time == 50.0


def test_a_patch_that_cannot_be_played_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="strings are broken"):
        measure(broken.patch("raises", tmp_path), _stems(tmp_path, 1), tmp_path)
