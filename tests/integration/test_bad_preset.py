"""A soundfont of which one preset is mute, real FluidSynth, a real slot: the preset is held and the rest is played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from farm.dataset.finish import write_dataset
from farm.ledger import Ledger, open_ledger
from farm.ledger.models import PatchRow, StemRow
from farm.planning.plans import build_plan
from farm.scheduling.reconciler import Reconciler
from schemas.states import EventKind, StemState, SubmissionState
from tests.support.ledgers import assert_counters_are_true, rows
from tests.support.midi import name, note, program, song
from tests.support.soundfont import HELD, MUTE, ONE_SHOT, SINE, write_soundfont
from workers.config import WorkerSettings
from workers.slot import Slot

SONGS, SOUND = 7, (SINE, ONE_SHOT, HELD)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite", patience_s=5.0)
    yield opened
    opened.close()


def _source(folder: Path) -> Path:
    """Write songs of four parts, one of them on the preset that is mute."""
    folder.mkdir()
    for number in range(SONGS):
        tracks = [
            [name(0, f"part {part}"), program(0, preset, channel=part)]
            + [event for step in range(3) for event in note(480 * step, 400, 48 + number + 5 * part, channel=part)]
            for part, preset in enumerate((*SOUND, MUTE))
        ]
        (folder / f"{number}.mid").write_bytes(song(*tracks))
    return folder


def _submit(ledger: Ledger, folder: Path) -> int:
    source, font = _source(folder / "source"), write_soundfont(folder / "test.sf2")
    plan = build_plan(
        {
            "source": str(source), "filters": {"min_duration_s": 0.5}, "engine": {"soundfont": str(font)},
            "on_failed_stem": "drop_stem",
        }
    )  # fmt: skip
    number = ledger.create_submission(
        plan, source_root=str(source), out_dir=str(folder / "out"), store_root=str(folder / "store")
    )
    ledger.add_files(number, sorted(path.name for path in source.iterdir()))
    ledger.seal(number)
    return number


def _work(slot: Slot, chief: Reconciler) -> None:
    """Work until there is nothing to do."""
    idle = 0
    while idle < 3:
        chief.tick()
        idle = 0 if slot.run_task() or slot.render_batch() else idle + 1


def _stems(ledger: Ledger) -> Counter[tuple[str, StemState]]:
    names = {row.id: row.name for row in rows(ledger, PatchRow.id, PatchRow.name)}
    return Counter((names[row.patch_id], row.state) for row in rows(ledger, StemRow.patch_id, StemRow.state))


def test_a_mute_preset_is_held_and_the_others_of_its_soundfont_are_played(ledger: Ledger, tmp_path: Path) -> None:
    number = _submit(ledger, tmp_path)
    settings = WorkerSettings(ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}", home=tmp_path / "home", host="here")
    chief = partial(Reconciler, ledger, finish=partial(write_dataset, ledger))
    mute = f"test:000:{MUTE:03d}"
    with Slot(ledger, settings, engines=("fluidsynth",)) as slot:
        _work(slot, chief(attended=True))
        (hold,) = ledger.holds()
        assert (hold.patch, hold.reason.partition(":")[0]) == (mute, "3 of its last 5 stems are bad; the last")
        found = _stems(ledger)
        assert {found[f"test:000:{preset:03d}", StemState.DONE] for preset in SOUND} == {SONGS}
        assert found[mute, StemState.READY] == hold.ready == ledger.status(number).stems_held == SONGS, (
            "three were tried once"
        )
        assert found[mute, StemState.DONE] == 0
        assert ledger.submission(number).state is SubmissionState.ACTIVE, "it waits for a person"
        (event,) = ledger.events(number, kind=EventKind.QUARANTINED)
        assert mute in event.detail
        _work(slot, chief(attended=False))
    assert ledger.submission(number).state is SubmissionState.DONE, "with nobody there its songs do without"
    assert ledger.status(number).stem_failures == {"quarantined": SONGS}
    assert_counters_are_true(ledger)
