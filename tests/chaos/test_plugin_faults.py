"""Faults of real plug-ins in real processes: each is classified and retried or held, and everything else is finished."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.ledger import open_ledger
from farm.ledger.models import AttemptRow
from farm.planning.patchfiles import build_patch
from schemas.errors import FarmError
from schemas.job import RenderJob
from schemas.patch import AssetRef, Patch, PluginSettings
from schemas.patchfile import PatchFile
from schemas.states import EventKind
from tests.support.databases import new_ledger_url
from tests.support.ledgers import assert_counters_are_true, rows
from tests.support.midi import Event, note, program, song
from tests.support.plugin_faults import COUNTS, ENGINE, HANGS_IN_LOAD, LEAKS, NO_LICENCE, SILENT, SOUND, faulty
from tests.support.stages import Stage
from workers.engines.patchprobe import probe_patches
from workers.slot import Slot

PIANO, OTHER = "mda-piano", "mda-epiano"
URIS = {PIANO: "http://drobilla.net/plugins/mda/Piano", OTHER: "http://drobilla.net/plugins/mda/EPiano"}
#: Clocks for real engines, still short enough to wait for.
CLOCKS: dict[str, Any] = {
    "engine_load_s": 20.0, "engine_render_s": 20.0, "engine_silence_s": 2.0, "engine_growth_mb": 500.0,
    "engine_memory_mb": 2000.0,
}  # fmt: skip
#: Notes of a stem, one every second: long enough to be met in the middle of its render.
NOTES = 24


@pytest.fixture(scope="module")
def patches() -> dict[str, Patch]:
    """The plug-ins as they are on this machine."""
    try:
        return probe_patches({name: _file(name) for name in URIS})
    except FarmError as error:
        pytest.skip(str(error))


def _file(name: str, **settings: Any) -> PatchFile:
    values = {"plugin": URIS[name], "format": "lv2", "leaves": "none" if name == PIANO else "instance", **settings}
    return build_patch({"name": name, "engine": "dawdreamer", "settings": values}, where=name)


class PlugInStage(Stage):
    """A stage whose stems are played by plug-ins; a fault is the name of a patch."""

    patches: dict[str, Patch]

    def _patch(self, fault: tuple[str, int] | str) -> Patch:
        assert isinstance(fault, str)
        return self.patches[fault]

    def _job(self, played: Patch, name: str) -> RenderJob:
        first = 48 + sum(name.encode()) % 12
        events: list[Event] = [program(0, 0)]
        for number in range(NOTES):
            events += note(number * 960, 600, first + number * 5 % 12)
        return RenderJob(midi_sha256=self.store.put_midi(song(events)), patch=played, channels=2)


@pytest.fixture
def stage(tmp_path: Path, patches: dict[str, Patch]) -> Iterator[PlugInStage]:
    url = new_ledger_url("sqlite", tmp_path)
    ledger = open_ledger(url, patience_s=5.0)
    stage = PlugInStage(ledger, url, tmp_path)
    stage.patches = dict(patches)
    yield stage
    stage.close()
    ledger.close()


def slot_of(stage: Stage, **settings: Any) -> Slot:
    return stage.slot(engines=("fluidsynth", "dawdreamer"), **{**CLOCKS, **settings})


def work(slot: Slot) -> None:
    """Render until there is nothing to do."""
    while slot.render_batch():
        pass


def strike(slot: Slot, number: int, *, renders: int = 1) -> threading.Thread:
    """Send a signal to the plug-in's process in the middle of a render, once it has done so many."""

    def act() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            child = slot._engine._process._child  # noqa: SLF001  there is no other way to see what it is doing
            if child is not None and child.renders > renders and child._progress.loaded and child._busy:  # noqa: SLF001
                os.kill(child.process.pid, number)
                return
            time.sleep(0.0005)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def tries(stage: Stage) -> Counter[tuple[str, str | None]]:
    listed = rows(stage.ledger, AttemptRow.outcome, AttemptRow.reason, AttemptRow.stem_id)
    return Counter((row.outcome, row.reason) for row in listed if row.stem_id is not None)


@pytest.mark.parametrize(
    ("number", "cause", "reason"),
    [
        (signal.SIGKILL, "killed", "engine_killed"),
        (signal.SIGSEGV, "crash", "engine_crash"),
        (signal.SIGSTOP, "no_progress", "no_progress"),
    ],
)
def test_a_plug_in_that_is_struck_in_mid_batch_costs_one_try(
    stage: PlugInStage, number: signal.Signals, cause: str, reason: str
) -> None:
    submission = stage.submit(*[[PIANO, OTHER, PIANO]] * 2)
    slot = slot_of(stage)
    thread = strike(slot, number)
    work(slot)
    thread.join()
    assert stage.states(submission) == {"done": 6}
    assert tries(stage) == {("failed", reason): 1, ("done", None): 6}
    (event,) = [event for event in stage.events(EventKind.RECYCLED) if event.detail.startswith(cause)]
    assert (event.submission_id, event.load_key) == (submission, stage.patches[PIANO].load_key)
    assert_counters_are_true(stage.ledger)


def faulty_slot(stage: PlugInStage, monkeypatch: pytest.MonkeyPatch, *faults: str, **settings: Any) -> Slot:
    """Return a slot with the engine that misbehaves, and let the stage have a patch for each of its faults."""
    monkeypatch.setenv(COUNTS, str(stage.counts))
    stage.patches |= {fault: faulty(stage.patches[PIANO], fault) for fault in faults}
    return stage.slot(engines=("fluidsynth", ENGINE), **{**CLOCKS, **settings})


@pytest.mark.parametrize(
    ("fault", "cause", "reason", "settings"),
    [
        (SILENT, "verdict", "all_zero", {}),
        (HANGS_IN_LOAD, "load_timeout", "load_timeout", {"engine_load_s": 3.0}),
    ],
)
def test_a_plug_in_that_fails_once_is_tried_on_a_fresh_process(
    stage: PlugInStage, monkeypatch: pytest.MonkeyPatch, fault: str, cause: str, reason: str, settings: dict[str, Any]
) -> None:
    slot = faulty_slot(stage, monkeypatch, fault, SOUND, **settings)
    submission = stage.submit([SOUND, fault, SOUND, fault])
    work(slot)
    assert stage.states(submission) == {"done": 4}
    assert tries(stage) == {("failed", reason): 1, ("done", None): 4}
    assert Counter(stage.causes())[cause] == 1
    assert set(stage.causes()) <= {cause, "retry"}


def test_a_plug_in_that_finds_no_licence_waits_and_nobody_is_blamed(
    stage: PlugInStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = faulty_slot(stage, monkeypatch, NO_LICENCE, SOUND)
    submission = stage.submit([SOUND, NO_LICENCE])
    work(slot)
    assert stage.states(submission) == {"done": 1, "ready": 1}
    (event,) = stage.events(EventKind.LICENCE)
    assert "a dialog asks for a licence" in event.detail
    assert stage.ledger.holds() == []


def test_a_plug_in_that_grows_is_replaced_and_its_stems_are_good(
    stage: PlugInStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = faulty_slot(stage, monkeypatch, LEAKS, engine_growth_mb=60.0)
    submission = stage.submit([LEAKS] * 2)
    work(slot)
    assert stage.states(submission) == {"done": 2}
    assert stage.causes() == ["growth"] * 2


def test_a_plug_in_that_wants_a_process_for_every_stem_gets_it(stage: PlugInStage) -> None:
    (stage.patches["apart"],) = probe_patches({PIANO: _file(PIANO, leaves="process")}).values()
    submission = stage.submit(["apart"] * 3)
    work(slot_of(stage))
    assert stage.states(submission) == {"done": 3}
    assert stage.causes() == ["leaves"] * 3
    assert [row.cold for row in rows(stage.ledger, AttemptRow.cold, outcome="done") if row.cold is not None] == [
        True
    ] * 3


def _broken(patch: Patch, what: str, folder: Path) -> Patch:
    """Return a patch that no engine can load, for one reason or another."""
    settings = patch.settings
    assert isinstance(settings, PluginSettings)
    if what == "preset":
        changed = settings.model_copy(update={"preset": "/nowhere/warm.ttl", "preset_sha256": "0" * 64})
        return patch.model_copy(update={"settings": changed, "title": what})
    if what == "parameter":
        return patch.model_copy(
            update={"settings": settings.model_copy(update={"parameters": {"Muffling": 0.5}}), "title": what}
        )
    if what == "hash":
        return patch.model_copy(update={"asset": patch.asset.model_copy(update={"sha256": "0" * 64}), "title": what})
    if what == "gone":
        changed = settings.model_copy(update={"plugin": "http://example.org/no-such-plugin"})
        return patch.model_copy(update={"settings": changed, "title": what})
    binary = folder / "Other-vst.so"  # a program, for a machine that nobody here has
    binary.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xf3\x00" + bytes(100))
    asset = AssetRef(
        name="Other", sha256=hashlib.sha256(binary.read_bytes()).hexdigest(), size_bytes=120, path=str(binary)
    )
    changed = PluginSettings(plugin=str(binary), format="vst2")
    return patch.model_copy(update={"settings": changed, "asset": asset, "title": what})


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("preset", "has no preset warm.ttl"),
        ("parameter", "has no parameter `Muffling`. Did you mean `Muffling Filter`?"),
        ("hash", "SHA-256"),
        ("gone", "no-such-plugin"),
        ("machine", "riscv64"),
    ],
)
def test_what_cannot_be_loaded_is_named_and_costs_no_process(
    stage: PlugInStage, tmp_path: Path, what: str, words: str
) -> None:
    stage.patches["bad"] = _broken(stage.patches[PIANO], what, tmp_path)
    submission = stage.submit(["bad", PIANO], on_failed_stem="drop_stem")
    work(slot_of(stage))
    assert stage.states(submission) == {"done": 1, "dropped": 1}
    (failure,) = stage.ledger.failures(submission)
    assert failure.reason == "missing_asset"
    assert words in failure.detail
    assert stage.causes() in ([], ["retry"])
