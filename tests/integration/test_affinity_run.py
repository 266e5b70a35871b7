"""Real slots, real FluidSynth, twelve patches that are slow to load: each is loaded once or twice, whoever renders."""

from __future__ import annotations

import importlib.util
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from farm.dataset.finish import write_dataset
from farm.ledger import DrawnStem, Ledger, open_ledger
from farm.ledger.models import AttemptRow, StemRow
from farm.planning import draw as drawing
from farm.planning.plans import build_plan
from farm.scheduling import reconciler as reconciler_module
from farm.scheduling.eta import forecast
from farm.scheduling.reconciler import Reconciler
from schemas.base import draw
from schemas.patch import EngineFacts, FluidSettings
from schemas.plan import DatasetPlan
from schemas.song import SplitResult
from schemas.states import SUBMISSION_ENDS, SubmissionState
from tests.support.farms import published
from tests.support.ledgers import rows
from tests.support.midi import name, note, program, song
from tests.support.slow_engine import LOAD_S, start_slot

PATCHES, SONGS, PARTS = 12, 9, 8


def _twelve_patches(
    plan: DatasetPlan, facts: EngineFacts, split: SplitResult, song_hash: str, places: Mapping[str, int] | None
) -> list[DrawnStem]:
    """Draw one of twelve settings of the soundfont for every stem: each is loaded for itself."""
    drawn = []
    for stem in drawing.draw_stems(plan, facts, split, song_hash, places):
        number = int(draw("patch", stem.job.midi_sha256) * PATCHES)
        settings = FluidSettings(gain=0.4 + number / 100)
        patch = stem.job.patch.model_copy(update={"settings": settings})
        drawn.append(DrawnStem(stem.part, stem.job.model_copy(update={"patch": patch}), stem.est_s))
    return drawn


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine short songs of eight parts."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(SONGS):
        tracks = [
            [name(0, f"part {part}"), program(0, 8 * part % 112, channel=part)]
            + [event for step in range(4) for event in note(480 * step, 400, 48 + number + 2 * part, channel=part)]
            for part in range(PARTS)
        ]
        (folder / f"{number:02d}.mid").write_bytes(song(*tracks))
    return folder


@contextmanager
def _slots(module: str, count: int, url: str, log: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    slots = [start_slot(module, url, log) for _ in range(count)]
    try:
        yield slots
    finally:
        for slot in slots:
            slot.terminate()
        for slot in slots:
            slot.wait(240)


def _run(source: Path, folder: Path, module: str, count: int) -> tuple[Ledger, int]:
    """Make a dataset with `count` slots of a module; returns the ledger and the submission."""
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    font = importlib.util.find_spec("pretty_midi")
    assert font is not None
    assert font.origin is not None
    soundfont = Path(font.origin).with_name("TimGM6mb.sf2")
    plan = build_plan(
        {"source": str(source), "filters": {"min_duration_s": 0.5}, "engine": {"soundfont": str(soundfont)}}
    )
    ledger = open_ledger(url)
    number = ledger.create_submission(
        plan, source_root=str(source), out_dir=str(folder / "out"), store_root=str(folder / "out" / ".farm" / "store")
    )
    ledger.add_files(number, sorted(path.name for path in source.iterdir()))
    ledger.seal(number)
    chief = Reconciler(ledger, finish=partial(write_dataset, ledger))
    with _slots(module, count, url, folder / "log") as slots:
        deadline = time.monotonic() + 130
        while ledger.submission(number).state not in SUBMISSION_ENDS:
            assert time.monotonic() < deadline, f"{ledger.status(number)} {(folder / 'log').read_text()}"
            assert all(slot.poll() is None for slot in slots), (folder / "log").read_text()
            chief.tick()
            time.sleep(0.05)
    assert ledger.submission(number).state is SubmissionState.DONE, ledger.failures(number)
    return ledger, number


@pytest.mark.slow
def test_twelve_slow_patches_are_loaded_about_once_each_and_the_bytes_are_those_of_any_other_order(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler_module, "draw_stems", _twelve_patches)
    (tmp_path / "slow").mkdir()
    (tmp_path / "plain").mkdir()
    ledger, number = _run(source, tmp_path / "slow", "tests.support.slow_engine", 2)
    stems = rows(ledger, StemRow.id, StemRow.load_key)
    tries = [row for row in rows(ledger, AttemptRow.stem_id, AttemptRow.cold, AttemptRow.load_s) if row.stem_id]
    keys = {row.id: row.load_key for row in stems}
    loads = Counter(keys[row.stem_id] for row in tries if row.cold)
    assert len(stems) == len(tries) == SONGS * PARTS
    assert set(loads) == set(keys.values())
    assert len(loads) == PATCHES
    assert loads.total() <= 2 * PATCHES, "one after the other, two slots would have loaded about 66 times"
    assert all(row.load_s >= LOAD_S for row in tries if row.cold)
    eta = forecast(ledger.stem_times(number))
    assert (eta.p50_s, eta.stems_left, eta.bottleneck) == (0.0, 0, None)
    _run(source, tmp_path / "plain", "workers.local", 1)
    assert published(tmp_path / "slow" / "out") == published(tmp_path / "plain" / "out")
