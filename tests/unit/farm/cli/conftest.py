"""A real ledger that the command line finds, and ways to call a command and read its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from farm.cli.app import run_app
from farm.ledger import Ledger, Outcome, open_ledger
from schemas.states import FailureReason, SubmissionState
from tests.support.ledgers import Worker, run_to_end


class Answer(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


Call = Callable[..., Answer]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    monkeypatch.setenv("FARM_LEDGER_URL", url)
    opened = open_ledger(url)
    yield opened
    opened.close()


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = run_app([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run


def lose_stem(worker: Worker, detail: str = "the engine ended with signal 11") -> str:
    """Let the engine die of a ready stem until the ledger gives the stem up; returns its name, Track00001/S03."""
    name = None
    for _ in range(20):
        lease = next(lease for lease in worker.lease(limit=1) if name in (None, f"{lease.song_name}/{lease.stem_name}"))
        name = f"{lease.song_name}/{lease.stem_name}"
        decision = worker.ledger.fail_stem(worker.slot, lease, FailureReason.ENGINE_CRASH, detail, infra=False)
        if decision.outcome in (Outcome.FAILED, Outcome.DROPPED):
            return name
    raise AssertionError("the stem was never given up")


def finish(ledger: Ledger, worker: Worker, number: int) -> SubmissionState:
    """Do all work that is left, and let the submission end."""
    run_to_end(ledger, worker, number)
    return ledger.submission(number).state
