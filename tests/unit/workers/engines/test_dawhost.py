"""Signs of life of a plug-in that renders: as long as it works, and no longer."""

from __future__ import annotations

import threading
import time

import pytest

from workers.engines import dawhost


def test_signs_are_given_while_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dawhost, "_SIGN_EVERY_S", 0.01)
    monkeypatch.setattr(dawhost, "_WORKED_S", 0.005)
    given = threading.Event()
    with dawhost.signs(given.set):
        until_s = time.process_time() + 5.0
        while not given.is_set() and time.process_time() < until_s:
            pass
    assert given.is_set()


def test_no_sign_is_given_while_it_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dawhost, "_SIGN_EVERY_S", 0.01)
    monkeypatch.setattr(time, "process_time", lambda: 1.0)
    given = threading.Event()
    with dawhost.signs(given.set):
        time.sleep(0.2)
    assert not given.is_set()


def test_no_sign_comes_behind_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    with dawhost.signs(lambda: None):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
