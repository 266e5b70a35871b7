"""What a request to make everything again, and one to mix the whole song, ask of the workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from farm.ledger import StemLease, TaskRef
from schemas.errors import EngineError
from schemas.mixplan import MixPlan
from schemas.plan import DatasetPlan
from schemas.states import FailureReason, TaskKind
from tests.support.engines import job_for
from tests.support.ledgers import sha
from tests.support.stems import stored
from workers.config import WorkerSettings
from workers.rendering import Bad, Rendered, render_stem
from workers.store import open_store
from workers.tasks import mix


class Broken:
    """Stands for an engine process: it notes that it was asked, and fails."""

    def __init__(self) -> None:
        self.jobs: list[object] = []

    def render(self, job: object, *_: object) -> None:
        self.jobs.append(job)
        raise EngineError("asked", cause=FailureReason.ENGINE_FAILED)


@pytest.fixture
def lease(tmp_path: Path) -> StemLease:
    """A stem that the store has already."""
    engine: Any = SimpleNamespace(name="fluidsynth", version="2")
    font: Any = {"name": "Toy", "sha256": sha("font"), "size_bytes": 1, "path": "toy.sf2"}
    job = job_for(engine, font, b"midi")
    store = open_store(str(tmp_path / "store"))
    store.put_midi(b"midi")
    stored(store, job.spec_hash)
    return StemLease(
        stem_id=1, epoch=1, submission_id=1, song_id=1, song_name="Track00001", stem_name="S00", job=job,
        store_root=str(tmp_path / "store"), tries=0, losses=0, other_hashes=frozenset(),
    )  # fmt: skip


def test_a_stem_that_the_store_has_is_taken_from_there(lease: StemLease) -> None:
    engine: Any = Broken()
    found = render_stem(engine, lease)
    assert isinstance(found, Rendered)
    assert (found.commit.cost.cached, engine.jobs) == (True, [])


def test_made_again_it_is_rendered_all_the_same(lease: StemLease) -> None:
    engine: Any = Broken()
    assert isinstance(render_stem(engine, replace(lease, again=True)), Bad)
    assert engine.jobs == [lease.job]


@pytest.mark.parametrize(
    ("whole", "stems", "detail"),
    [
        (None, ["S00"], "the whole song could not be rendered, and its mix is made of that"),
        ("MIX", [], "every stem was dropped"),
    ],
)
def test_a_mix_of_the_whole_song_fails_by_name_where_something_of_it_is_lacking(
    whole: str | None, stems: list[str], detail: str
) -> None:
    failed: list[tuple[FailureReason, str]] = []
    plan = DatasetPlan(source="x", mix=MixPlan(made_of="song"))
    work = SimpleNamespace(plan=plan, whole=whole, stems=stems, renders=[], store_root="store")
    ledger: Any = SimpleNamespace(
        song_for=lambda _: work, fail_task=lambda _, reason, detail, infra: failed.append((reason, detail))
    )
    task = TaskRef(task_id=1, kind=TaskKind.MIX, epoch=1, submission_id=1, song_id=1, tries=0)
    mix.run(ledger, task, WorkerSettings())
    assert failed == [(FailureReason.STEM_FAILED, detail)]
