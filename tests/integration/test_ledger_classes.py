"""Slots that serve several engine classes, on both databases: who gets what, who counts where, and what nobody serves."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import update

from farm.ledger import DrawnStem, Ledger, SlotRef, StemLease
from farm.ledger.models import SlotRow, TaskRow
from farm.ledger.tasks import PROBE_QUIET_S
from farm.planning import draw as drawing
from farm.scheduling import reconciler as reconciler_module
from farm.scheduling.eta import forecast
from farm.scheduling.service import Alarm
from schemas.instruments import InstrumentGroup, InstrumentMap, PatchChoice
from schemas.patch import AssetRef, EngineFacts, FaustSettings, Patch, PluginSettings
from schemas.patchfile import PatchFile
from schemas.plan import DatasetPlan
from schemas.song import SplitResult
from schemas.states import EventKind, FailureReason, LimitScope, TaskKind
from tests.support.ledgers import (
    ENGINE,
    Worker,
    assert_counters_are_true,
    change,
    commit_of,
    load_at_once,
    rendering,
    rows,
    sha,
    silence,
    submit,
)

ALL = ("fluidsynth", "faust", "dawdreamer")


def _asset(name: str) -> AssetRef:
    return AssetRef(name=name, sha256=sha(name), size_bytes=1, licence="CC0-1.0", path=name)


PLUGIN = Patch(
    engine="dawdreamer", engine_version="0.9.0", asset=_asset("mda Piano"), title="mda-piano",
    settings=PluginSettings(plugin="http://example.org/piano", format="lv2"),
)  # fmt: skip
FAUST = Patch(
    engine="faust", engine_version="0.9.0", asset=_asset("pluck.dsp"), title="pluck",
    settings=FaustSettings(source="pluck.dsp"),
)  # fmt: skip


OTHER_FAUST = FAUST.model_copy(update={"asset": _asset("pad.dsp"), "title": "pad"})
OTHER_FONT = Patch(engine="fluidsynth", engine_version="2.5.7", asset=_asset("Other"))


def _play_by_turns(monkeypatch: pytest.MonkeyPatch, *patches: Patch | None) -> None:
    """Have the parts of a song played by patches in turn; None leaves what was drawn."""

    def draw_stems(
        plan: DatasetPlan,
        facts: EngineFacts,
        split: SplitResult,
        song_hash: str,
        places: Mapping[str, int] | None = None,
    ) -> list[DrawnStem]:
        drawn = []
        for number, stem in enumerate(drawing.draw_stems(plan, facts, split, song_hash, places)):
            patch = patches[number % len(patches)] or stem.job.patch
            drawn.append(DrawnStem(stem.part, stem.job.model_copy(update={"patch": patch}), stem.est_s))
        return drawn

    monkeypatch.setattr(reconciler_module, "draw_stems", draw_stems)


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have parts played by a soundfont, a plug-in and Faust in turn."""
    _play_by_turns(monkeypatch, None, PLUGIN, FAUST)


def _slot(ledger: Ledger, *engines: str, host: str = "here", pid: int = 2) -> SlotRef:
    return ledger.register_slot(host, pid, engines)


def _lease(
    ledger: Ledger, slot: SlotRef, *engines: str, warm_key: str | None = None, limit: int = 16
) -> list[StemLease]:
    return ledger.lease_stems(slot, engine=engines, warm_key=warm_key, limit=limit)


def _finish(ledger: Ledger, slot: SlotRef, leases: list[StemLease]) -> None:
    assert ledger.commit_stems(slot, [commit_of(lease) for lease in leases]) == [True] * len(leases)


@pytest.mark.usefixtures("mixed")
def test_one_slot_that_serves_all_classes_renders_everything_a_class_at_a_time(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=4, parts=3)
    ledger.retire_slot(worker.slot)
    slot, warm, played = _slot(ledger, *ALL), None, []
    while leases := _lease(ledger, slot, *ALL, warm_key=warm):
        warm = leases[0].job.patch.load_key
        played.append(leases[0].job.patch.engine)
        assert {lease.job.patch.load_key for lease in leases} == {warm}
        assert [(report.engine, report.engines) for report in ledger.workers()] == [(played[-1], ALL)]
        _finish(ledger, slot, leases)
    assert ledger.status(number).stems == {"done": 12}
    assert set(played) == set(ALL)
    assert [engine for engine, before in zip(played[1:], played, strict=False) if engine != before] == [
        engine for engine in dict.fromkeys(played) if engine != played[0]
    ], "what is warm is finished before the engine changes"
    assert_counters_are_true(ledger)


@pytest.mark.usefixtures("mixed")
def test_a_slot_gets_nothing_of_a_class_that_it_does_not_ask_for(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=2, parts=3)
    ledger.retire_slot(worker.slot)
    slot = _slot(ledger, "faust")
    leases = _lease(ledger, slot, "faust")
    assert {lease.job.patch.engine for lease in leases} == {"faust"}
    _finish(ledger, slot, leases)
    while more := _lease(ledger, slot, "faust"):
        _finish(ledger, slot, more)
    assert ledger.ready_by_engine() == {"fluidsynth": 2, "dawdreamer": 2}


@pytest.mark.parametrize("mine", ["fluidsynth", "faust"])
def test_what_the_warm_engine_can_play_comes_before_a_change_of_the_engine(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, mine: str
) -> None:
    """Of patches that are cold alike, and about as much work, that one is taken that needs no other process."""
    _play_by_turns(monkeypatch, None, FAUST, OTHER_FONT, OTHER_FAUST)
    _, worker = rendering(ledger, songs=2, parts=4)
    ledger.retire_slot(worker.slot)
    load_at_once(ledger)
    slot, warm = _slot(ledger, *ALL), None
    while not warm or (leases := _lease(ledger, slot, mine, warm_key=warm)):
        leases = leases if warm else _lease(ledger, slot, mine)
        if warm not in (None, leases[0].job.patch.load_key):
            ledger.give_back(slot, [lease.stem_id for lease in leases], "only the first patch is wanted")
            break
        warm = leases[0].job.patch.load_key
        _finish(ledger, slot, leases)
    assert _lease(ledger, slot, *ALL, warm_key=warm)[0].job.patch.engine == mine


def test_live_slots_count_for_every_class_that_they_serve_and_once_in_all(ledger: Ledger) -> None:
    both = _slot(ledger, "fluidsynth", "faust", host="a")
    _slot(ledger, "fluidsynth", host="a", pid=3)
    _slot(ledger, "dawdreamer", host="b", pid=4)
    assert ledger.live_slots() == 3
    assert [ledger.live_slots(engine) for engine in ALL] == [2, 1, 1]
    assert ledger.slots_by_engine() == {"fluidsynth": {"a": 2}, "faust": {"a": 1}, "dawdreamer": {"b": 1}}
    gauges, _ = ledger.gauges()
    assert gauges.serving == {"fluidsynth": 2, "faust": 1, "dawdreamer": 1}
    assert sum(gauges.slots.values()) == 3, "by the engine that it drives a slot is counted once"
    ledger.retire_slot(both)
    assert [ledger.live_slots(engine) for engine in ALL] == [1, 0, 1]


def test_a_class_whose_name_is_part_of_anothers_is_another(ledger: Ledger) -> None:
    ledger.register_slot("here", 1, ["tests.broken:Engine", "faust2"])
    assert [ledger.live_slots(name) for name in ("faust", "faust2", "tests_broken:Engine", "Engine")] == [0, 1, 0, 0]


@pytest.mark.usefixtures("mixed")
def test_only_a_host_that_serves_the_class_is_company(ledger: Ledger) -> None:
    """A stem that failed on one host waits for another only where that could render it."""
    _, worker = rendering(ledger, songs=1, parts=3)
    ledger.retire_slot(worker.slot)
    slot = _slot(ledger, *ALL, host="here")
    _slot(ledger, "fluidsynth", host="there", pid=3)

    def fails(engine: str) -> list[str]:
        outcomes = []
        while leases := _lease(ledger, slot, engine, limit=1):
            decided = ledger.fail_stem(slot, leases[0], FailureReason.ALL_ZERO, "silence", infra=False)
            outcomes.append(decided.outcome.value)
        return outcomes

    assert fails("faust") == ["retry", "failed"], "nobody else could do it"
    assert ledger.status(1).stems.get("leased", 0) == 0


@pytest.mark.usefixtures("mixed")
def test_with_company_of_the_same_class_the_third_try_is_another_hosts(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=1, parts=3)
    ledger.retire_slot(worker.slot)
    here, there = _slot(ledger, *ALL, host="here"), _slot(ledger, "faust", host="there", pid=3)
    for _ in range(2):
        (lease,) = _lease(ledger, here, "faust", limit=1)
        ledger.fail_stem(here, lease, FailureReason.ALL_ZERO, "silence", infra=False)
    assert _lease(ledger, here, "faust", limit=1) == []
    (lease,) = _lease(ledger, there, "faust", limit=1)
    _finish(ledger, there, [lease])


@pytest.mark.usefixtures("mixed")
def test_work_that_nobody_serves_is_told_by_status_events_and_forecast(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2, parts=3)
    assert worker.slot.engine == ENGINE
    assert ledger.status(number).unserved == {"dawdreamer": 2, "faust": 2}
    assert ledger.unserved() == {"dawdreamer": 2, "faust": 2}
    assert "no slot with" in forecast(ledger.stem_times(number)).unknown
    alarm = Alarm(ledger, patience_s=20.0)
    alarm.look(100.0)
    alarm.look(119.0)
    assert ledger.events(kind=EventKind.UNSERVED) == [], "workers come and go"
    alarm.look(120.0)
    alarm.look(130.0)
    assert [event.detail.partition(":")[0] for event in ledger.events(kind=EventKind.UNSERVED)] == [
        "dawdreamer",
        "faust",
    ]
    helper = _slot(ledger, "faust")
    alarm.look(131.0)
    assert ledger.status(number).unserved == {"dawdreamer": 2}
    assert [event.detail.partition(":")[0] for event in ledger.events(kind=EventKind.SERVED)] == ["faust"]
    silence(ledger, helper, 100.0)
    ledger.expire_slots(60.0)
    assert ledger.unserved() == {"dawdreamer": 2, "faust": 2}
    ledger.pause(number)
    assert ledger.unserved() == {}, "a paused submission waits for a person, not for a slot"


@pytest.mark.usefixtures("mixed")
def test_a_forecast_counts_a_slot_of_three_classes_once(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2, parts=3)
    ledger.retire_slot(worker.slot)
    slot = _slot(ledger, *ALL)
    times = ledger.stem_times(number)
    assert (times.slots, times.live_slots) == (dict.fromkeys(ALL, 1), 1)
    _finish(ledger, slot, _lease(ledger, slot, *ALL))
    assert forecast(ledger.stem_times(number)).slots == 1


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize("scope", [LimitScope.INSTANCE, LimitScope.HOST])
def test_a_plug_in_counts_as_loaded_until_its_slot_says_that_it_is_not(ledger: Ledger, scope: LimitScope) -> None:
    _, worker = rendering(ledger, songs=4, parts=3)
    ledger.retire_slot(worker.slot)
    ledger.set_limit("mda Piano", 1, scope)
    one, two = _slot(ledger, *ALL, host="a"), _slot(ledger, *ALL, host="b", pid=3)
    held = _lease(ledger, one, "dawdreamer", limit=1)
    _finish(ledger, one, held)
    assert _lease(ledger, two, "dawdreamer") == []
    # It turns to another engine: until that has begun the plug-in's process is still there.
    other = _lease(ledger, one, "faust", warm_key=PLUGIN.load_key, limit=1)
    assert other
    assert _lease(ledger, two, "dawdreamer") == []
    assert [limit.taken for limit in ledger.limits()] == [1]
    assert ledger.heartbeat(one, PLUGIN.load_key)
    assert _lease(ledger, two, "dawdreamer") == []
    assert ledger.heartbeat(one, None), "the process has ended"
    assert _lease(ledger, two, "dawdreamer", limit=1)
    assert _lease(ledger, one, "dawdreamer", warm_key=FAUST.load_key) == []


def test_an_older_farms_slots_serve_what_they_were_registered_for(ledger: Ledger) -> None:
    slot = ledger.register_slot("here", 1, ENGINE)
    (row,) = rows(ledger, SlotRow.engines, SlotRow.engine)
    assert (row.engines.split(), row.engine, slot.engine) == ([ENGINE], ENGINE, ENGINE)


@pytest.mark.usefixtures("mixed")
def test_the_workers_of_one_class_finish_a_mixed_submission_together(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2, parts=3)
    slots = {engine: _slot(ledger, engine, pid=10 + index) for index, engine in enumerate(ALL)}
    for engine, slot in slots.items():
        while leases := _lease(ledger, slot, engine):
            assert {lease.job.patch.engine for lease in leases} == {engine}
            _finish(ledger, slot, leases)
    assert isinstance(worker, Worker)
    worker.work()
    assert {song.state.value for song in ledger.songs(number)} == {"done"}


def _with_a_plug_in(ledger: Ledger) -> int:
    """Seal a submission whose map names a plug-in, so that its probe is ready."""
    file = PatchFile(
        name="mda-piano", engine="dawdreamer", settings=PluginSettings(plugin="http://example.org/piano", format="lv2")
    )
    choice = PatchChoice(name="Piano", patch=file)
    made = InstrumentMap(name="mine", groups=[InstrumentGroup(name="Pianos", programs=[0], patches=[choice])])
    return submit(ledger, ["a.mid"], instruments={"map": made.model_dump(mode="json", exclude_none=True)})


def test_a_probe_of_plug_ins_goes_to_a_slot_that_serves_them_where_there_is_one(ledger: Ledger) -> None:
    _with_a_plug_in(ledger)
    plain, able = _slot(ledger, "fluidsynth"), _slot(ledger, "fluidsynth", "dawdreamer", host="there", pid=3)
    assert ledger.claim_task(plain, kinds=[TaskKind.PROBE]) is None
    task = ledger.claim_task(able, kinds=[TaskKind.PROBE])
    assert task is not None
    assert task.kind is TaskKind.PROBE


def test_where_nobody_serves_them_any_slot_says_what_is_missing(ledger: Ledger) -> None:
    _with_a_plug_in(ledger)
    plain = _slot(ledger, "fluidsynth")
    assert ledger.claim_task(plain, kinds=[TaskKind.PROBE]) is not None


def test_a_probe_that_came_to_the_wrong_slot_is_soon_announced_again(ledger: Ledger) -> None:
    _with_a_plug_in(ledger)
    (probe,) = [task for task in ledger.tasks_to_announce(quiet_s=30.0) if task[1] is TaskKind.PROBE]
    assert ledger.tasks_to_announce(quiet_s=30.0) == []
    change(ledger, update(TaskRow).values(announced_at=TaskRow.announced_at - PROBE_QUIET_S - 1))
    assert ledger.tasks_to_announce(quiet_s=30.0) == [probe], "only the probe: all else waits its 30 s"
