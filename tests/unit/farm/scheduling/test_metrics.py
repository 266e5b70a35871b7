"""The numbers for Prometheus: what is counted, what is shown while a part is away, and who may read them."""

from __future__ import annotations

import socket
import urllib.request
from collections import Counter
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from farm.config import Settings
from farm.ledger.gauges import Gauges, HeldGauge, HostGauge, PatchGauge, RenderSum, Since
from farm.ledger.records import Expired
from farm.scheduling.metrics import Monitor
from farm.scheduling.reconciler import TickReport
from schemas.errors import FarmError, LedgerError, ServiceError
from tests.support.deploying import free_port

PATCH = {"engine": "fluidsynth", "patch": "Toy", "load_key": "k"}


def gauges(at: float = 100.0, **values: Any) -> Gauges:
    empty = ("file", "song", "stem", "task", "reject", "failure", "stem_failure", "finding", "work", "audio", "try")
    patch = PatchGauge("k", "fluidsynth", "Toy", 3, 6.0, 0.5, 2.0, 0.01, quarantined=True, waits=False)
    host = HostGauge("here", draining=False, sick=True, free_disk_bytes=5, blocked=1)
    base: dict[str, Any] = {
        "at": at, "submissions": {"active": 1}, "tally": {name: {} for name in empty}, "tasks": {("mix", "ready"): 2},
        "slots": {("here", "fluidsynth", "busy"): 2}, "silence_s": {"here": 3.0}, "hosts": [host], "patches": [patch],
    }  # fmt: skip
    return Gauges(**{**base, **values})


class FakeLedger:
    """Answers with what it is given, one look after the other."""

    def __init__(self, *looks: Gauges | FarmError) -> None:
        self._looks = list(looks)

    def gauges(self, since: Since | None) -> tuple[Gauges, Since]:
        found = self._looks.pop(0)
        if isinstance(found, FarmError):
            raise found
        return found, since or Since()


def monitor(*looks: Gauges | FarmError, queues: dict[str, int] | FarmError | None = None) -> Monitor:
    def depths() -> dict[str, int]:
        if isinstance(queues, FarmError):
            raise queues
        return queues or {}

    return Monitor(FakeLedger(*looks), depths)  # type: ignore[arg-type]


def value(watch: Monitor, name: str, **labels: str) -> float | None:
    return watch.registry.get_sample_value(name, labels)


def test_renders_are_counted_by_patch_and_every_look_adds() -> None:
    new = RenderSum(stems=4, cached=1, audio_s=30.0, render_s=0.5, cold_loads=1, load_s=2.0)
    watch = monitor(gauges(rendered={"k": new}), gauges(rendered={"k": new}))
    watch.look()
    watch.look()
    assert value(watch, "farm_patch_stems_total", **PATCH) == 8
    assert value(watch, "farm_patch_cached_stems_total", **PATCH) == 2
    assert value(watch, "farm_patch_audio_seconds_total", **PATCH) == 60
    assert value(watch, "farm_patch_render_seconds_total", **PATCH) == 1
    assert value(watch, "farm_cold_loads_total", **PATCH) == 2
    assert value(watch, "farm_load_seconds_total", **PATCH) == 4


def test_what_waits_is_told_by_patch_engine_and_queue() -> None:
    watch = monitor(gauges(), queues={"songs": 7})
    watch.look()
    assert value(watch, "farm_backlog_stems", **PATCH) == 3
    assert value(watch, "farm_backlog_seconds", **PATCH) == 12.0, "expected time at the measured pace"
    assert value(watch, "farm_ready_stems", engine="fluidsynth") == 3
    assert value(watch, "farm_queue_depth", queue="songs") == 7
    assert value(watch, "farm_tasks", kind="mix", state="ready") == 2


def test_what_each_stage_did_and_cost_is_shown_and_begins_at_zero() -> None:
    tally = {"stage": {"mix.done": 7.0, "mix.failed": 1.0, "mix.wall_s": 3.5, "mix.cpu_s": 3.0}}
    watch = monitor(gauges(tally={**gauges().tally, **tally}))
    watch.look()
    assert value(watch, "farm_stage_done", stage="mix") == 7
    assert value(watch, "farm_stage_failed_tries", stage="mix") == 1
    assert value(watch, "farm_stage_wall_seconds", stage="mix") == 3.5
    assert value(watch, "farm_stage_cpu_seconds", stage="mix") == 3.0
    assert value(watch, "farm_stage_done", stage="publish") == 0


def test_patches_and_hosts_that_are_held_show_themselves() -> None:
    watch = monitor(gauges())
    watch.look()
    assert value(watch, "farm_patch_quarantined", **PATCH) == 1
    assert value(watch, "farm_patch_waits_for_licence", **PATCH) == 0
    assert value(watch, "farm_patch_real_time_factor", **PATCH) == 0.01
    assert value(watch, "farm_host_sick", host="here") == 1
    assert value(watch, "farm_host_blocked_patches", host="here") == 1
    assert value(watch, "farm_disk_free_bytes", host="here") == 5
    assert value(watch, "farm_slots", host="here", engine="fluidsynth", state="idle") == 0
    assert value(watch, "farm_slots", host="here", engine="fluidsynth", state="busy") == 2


def test_a_patch_that_is_held_for_itself_is_told_by_its_name_and_its_stems_do_not_wait_for_a_slot() -> None:
    soundfont = PatchGauge("k", "fluidsynth", "Toy", 4, 8.0, 0.5, 2.0, 0.01, quarantined=False, waits=False, held=1)
    watch = monitor(gauges(patches=[soundfont], held=[HeldGauge("k", "fluidsynth", "Toy:000:055")]))
    watch.look()
    assert value(watch, "farm_patch_quarantined", **PATCH) == 0
    assert value(watch, "farm_patch_quarantined", **{**PATCH, "patch": "Toy:000:055"}) == 1
    assert value(watch, "farm_held_stems", **PATCH) == 1
    assert value(watch, "farm_backlog_stems", **PATCH) == 3
    assert value(watch, "farm_backlog_seconds", **PATCH) == 12.0
    assert value(watch, "farm_ready_stems", engine="fluidsynth") == 3


def test_what_was_never_measured_is_left_out() -> None:
    patch = PatchGauge("k", "fluidsynth", "Toy", 0, 0.0, 1.0, 1.0, None, quarantined=False, waits=False)
    host = HostGauge("here", draining=False, sick=False, free_disk_bytes=None, blocked=0)
    watch = monitor(gauges(patches=[patch], hosts=[host]))
    watch.look()
    assert value(watch, "farm_patch_real_time_factor", **PATCH) is None
    assert value(watch, "farm_disk_free_bytes", host="here") is None


def test_events_are_counted_by_kind_recycles_by_cause_and_fenced_commits() -> None:
    seen = Counter({("recycled", "growth"): 2, ("fenced", "3"): 2, ("fenced", "a"): 1, ("slot gone", "slot"): 1})
    watch = monitor(gauges(events=seen))
    assert value(watch, "farm_engine_recycles_total", cause="crash") == 0, "0 before the first, so that it counts"
    watch.look()
    assert value(watch, "farm_engine_recycles_total", cause="growth") == 2
    assert value(watch, "farm_fenced_commits_total") == 7, "three stems twice, and one report"
    assert value(watch, "farm_events_total", kind="slot gone") == 1


def test_stems_are_told_by_state_and_failures_by_reason() -> None:
    tally = {**gauges().tally, "stem": {"done": 5.0}, "stem_failure": {"all_zero": 2.0}, "reject": {"duplicate": 1.0}}
    tally["try"] = {"low_audio_score": 4.0}
    watch = monitor(gauges(tally=tally))
    watch.look()
    assert value(watch, "farm_stems", state="done") == 5
    assert value(watch, "farm_rejected_tries", reason="low_audio_score") == 4
    assert value(watch, "farm_stems", state="leased") == 0
    assert value(watch, "farm_stem_failures", reason="all_zero") == 2
    assert value(watch, "farm_rejected_files", reason="duplicate") == 1


def test_a_ledger_that_is_away_shows_its_last_numbers_and_that_it_is_down() -> None:
    watch = monitor(gauges(), LedgerError("away"), gauges())
    assert value(watch, "farm_ledger_up") == 0
    watch.look()
    assert value(watch, "farm_ledger_up") == 1
    watch.look()
    assert value(watch, "farm_ledger_up") == 0
    assert value(watch, "farm_backlog_stems", **PATCH) == 3
    watch.look()
    assert value(watch, "farm_ledger_up") == 1


def test_a_broker_that_is_away_is_shown_as_down_and_hides_nothing_else() -> None:
    watch = monitor(gauges(), queues=ServiceError("away"))
    watch.look()
    assert value(watch, "farm_broker_up") == 0
    assert value(watch, "farm_ledger_up") == 1


def test_looks_of_the_scheduler_are_counted() -> None:
    watch = monitor()
    watch.tick(TickReport(expired=Expired(1, 8, 2), admitted=3), 0.02)
    watch.tick(TickReport(leader=False), 0.01)
    watch.tick_failed()
    assert value(watch, "farm_scheduler_tick_seconds_count") == 2
    assert value(watch, "farm_scheduler_tick_failures_total") == 1
    assert value(watch, "farm_freed_total", what="stems") == 8
    assert value(watch, "farm_songs_admitted_total") == 3
    assert value(watch, "farm_scheduler_leading") == 0


def test_they_are_served_as_text_that_prometheus_reads() -> None:
    watch, port = monitor(*[gauges()] * 100), free_port()
    watch.start("127.0.0.1", port, every_s=0.05)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as reply:
            names = {family.name for family in text_string_to_metric_families(reply.read().decode())}
    finally:
        watch.stop()
    assert {"farm_ledger_up", "farm_cold_loads", "farm_scheduler_tick_seconds"} <= names


def test_a_port_that_is_taken_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        watch = monitor()
        watch.start("127.0.0.1", port)
        watch.stop()
    assert f"metrics are not served at 127.0.0.1:{port}" in caplog.text


def test_by_default_only_this_machine_may_read_them() -> None:
    assert Settings().metrics_address == "127.0.0.1"


def test_a_patch_shows_zeros_before_its_first_stem() -> None:
    watch = monitor(gauges())
    watch.look()
    assert value(watch, "farm_cold_loads_total", **PATCH) == 0
    assert value(watch, "farm_tries_total", kind="stem", outcome="failed", reason="") == 0
