"""Which engine classes a host serves is found out by trying, and what is missing is said by name."""

from __future__ import annotations

import pytest

from farm.scheduling import classes
from farm.scheduling.classes import Tried, judged, named, served_engines, try_engines
from schemas.errors import MissingDependencyError, PlanError


def _trying(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    def found(engines: tuple[str, ...], *, longest_s: float) -> list[Tried]:
        assert longest_s > 0
        return [
            Tried(e, versions.get(e, ""), "lib", "" if e in versions else "is not there", "Install it") for e in engines
        ]

    monkeypatch.setattr(classes, "try_engines", found)


def test_fluidsynth_is_tried_in_a_process_of_its_own_and_works_here() -> None:
    (tried,) = try_engines(["fluidsynth"])
    assert tried.works
    assert tried.version[0].isdigit()
    assert tried.library


def test_an_engine_that_does_not_start_in_time_does_not_work() -> None:
    (tried,) = try_engines(["fluidsynth"], longest_s=0.001)
    assert not tried.works
    assert "did not start within 0.001 s" in tried.message


@pytest.mark.parametrize(
    ("said", "complaints", "code", "message"),
    [
        ("", ["Segmentation fault"], -11, "its process ended with signal 11: Segmentation fault"),
        ("", [], 1, "its process ended with exit code 1"),
        ('{"engine": "x", "message": "no libGL", "hint": "apt install libgl1"}', [], 1, "no libGL"),
    ],
)
def test_what_an_engine_died_of_is_told(said: str, complaints: list[str], code: int, message: str) -> None:
    tried = judged("x", said, complaints, code)
    assert (tried.works, tried.message) == (False, message)
    assert tried.hint


def test_a_host_serves_all_that_works_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _trying(monkeypatch, fluidsynth="2.5.7", faust="0.9.0")
    assert served_engines(None) == ("fluidsynth", "faust")


def test_what_is_asked_for_must_work(monkeypatch: pytest.MonkeyPatch) -> None:
    _trying(monkeypatch, fluidsynth="2.5.7")
    assert served_engines("fluidsynth") == ("fluidsynth",)
    with pytest.raises(MissingDependencyError, match="dawdreamer does not work on this host: is not there") as error:
        served_engines("fluidsynth, dawdreamer")
    assert error.value.hint == "Install it"


def test_a_host_on_which_nothing_works_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    _trying(monkeypatch)
    with pytest.raises(MissingDependencyError, match="fluidsynth does not work"):
        served_engines(None)


def test_names_are_checked_and_stand_in_the_order_of_the_farm() -> None:
    assert named(" dawdreamer,fluidsynth,") == ("fluidsynth", "dawdreamer")
    for wrong, words in (("fluid", "no engine class 'fluid'"), ("", "no engine class is named")):
        with pytest.raises(PlanError, match=words) as error:
            named(wrong)
        assert "fluidsynth, faust, dawdreamer" in error.value.hint
