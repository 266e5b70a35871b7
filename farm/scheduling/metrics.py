"""Numbers for Prometheus, served by the scheduler: the whole farm as the ledger and the broker know it.

One thread looks every few seconds; a scrape only prints what the last look found, so that neither many scrapers nor a
database that is away make anybody wait. Counters count from the scheduler's start, as Prometheus expects of counters.
Two schedulers show the same farm: take `max by (...)` of a number, never its sum.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from farm.ledger import Ledger
from farm.ledger.gauges import Gauges, HostGauge, PatchGauge, RenderSum, Since
from farm.ledger.stages import STAGES
from farm.scheduling.reconciler import TickReport
from schemas.errors import FarmError, ServiceError
from schemas.patch import ENGINES
from schemas.states import EventKind, RecycleCause, SlotState, SongState, StemState, SubmissionState

_log = logging.getLogger(__name__)

#: Time between two looks; Prometheus scrapes every 15 s by default, so each scrape finds new numbers.
LOOK_S = 5.0
#: Without an answer for this long the ledger is shown as down: a look waits while the database restarts.
_STALE_S = 4 * LOOK_S
#: Values of labels, in the order of their names.
_Labels = TypeVar("_Labels", bound=tuple[str, ...])
#: Labels of everything that is told by patch: what it loads, and its load key as `farm patches` prints it.
_PATCH = ("engine", "patch", "load_key")


class Monitor:
    """Looks at ledger and broker, keeps the counters, and shows both to Prometheus.

    Args:
        ledger: the open ledger.
        depths: returns the messages that wait in each queue; ServiceError when the broker does not answer.
    """

    def __init__(self, ledger: Ledger, depths: Callable[[], Mapping[str, int]]) -> None:
        self._ledger = ledger
        self._depths = depths
        self._since: Since | None = None
        self._picture = _Picture()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self.registry = CollectorRegistry()
        self.registry.register(self._picture)
        ProcessCollector(registry=self.registry)
        self._make_counters()

    def _make_counters(self) -> None:
        def counter(name: str, text: str, labels: Iterable[str] = ()) -> Counter:
            return Counter(name, text, list(labels), registry=self.registry)

        self._tries = counter("farm_tries", "Tries of stems and tasks that ended", ("kind", "outcome", "reason"))
        self._stems = counter("farm_patch_stems", "Stems committed", _PATCH)
        self._cached = counter("farm_patch_cached_stems", "Stems that were in the store already", _PATCH)
        self._audio = counter("farm_patch_audio_seconds", "Seconds of audio rendered", _PATCH)
        self._render = counter("farm_patch_render_seconds", "Seconds that slots rendered", _PATCH)
        self._cold = counter("farm_cold_loads", "Times that a slot loaded the patch anew", _PATCH)
        self._load = counter("farm_load_seconds", "Seconds that slots loaded", _PATCH)
        self._events = counter("farm_events", "Events of the ledger", ("kind",))
        self._recycles = counter("farm_engine_recycles", "Engine processes replaced by fresh ones", ("cause",))
        # Shown as 0 before the first, so that the first one counts.
        for kind in ("stem", "task"):
            for outcome in ("done", "failed"):
                self._tries.labels(kind, outcome, "")
        for event in EventKind:
            self._events.labels(event.value)
        for cause in RecycleCause:
            self._recycles.labels(cause.value)
        self._fenced = counter("farm_fenced_commits", "Results refused: the work belonged to another slot by then")
        self._freed = counter("farm_freed", "What was taken from slots that were given up", ("what",))
        self._admitted = counter("farm_songs_admitted", "Songs opened")
        self._failed_ticks = counter("farm_scheduler_tick_failures", "Looks of the scheduler that ended in an error")
        self._ticks = Histogram(
            "farm_scheduler_tick_seconds", "Time of a look of the scheduler", registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
        )  # fmt: skip

    # ------------------------------------------------------------ what the scheduler tells

    def tick(self, report: TickReport, seconds: float) -> None:
        """Count a look of the scheduler that took `seconds`."""
        self._picture.leading = report.leader
        self._ticks.observe(seconds)
        self._admitted.inc(report.admitted)
        for what in ("slots", "stems", "tasks"):
            self._freed.labels(what).inc(getattr(report.expired, what))

    def tick_failed(self) -> None:
        """Count a look of the scheduler that ended in an error."""
        self._failed_ticks.inc()

    # ------------------------------------------------------------ what the ledger and the broker tell

    def look(self) -> None:
        """Look once at ledger and broker; what does not answer is shown as down, with its last numbers."""
        try:
            gauges, self._since = self._ledger.gauges(self._since)
        except FarmError as error:
            _log.warning("no numbers from the ledger: %s", error)
            self._picture.seen_at = None
        else:
            self._count(gauges)
            self._picture.show(gauges)
        try:
            self._picture.queues = dict(self._depths())
            self._picture.broker_up = True
        except ServiceError as error:
            _log.warning("no numbers from the broker: %s", error)
            self._picture.broker_up = False

    def _count(self, gauges: Gauges) -> None:
        # A patch shows its zeros as soon as it is known, before its first stem: an increase needs something to begin at.
        for patch in gauges.patches:
            self._count_renders(_labels(patch), gauges.rendered.get(patch.load_key, RenderSum()))
        for (kind, outcome, reason), count in gauges.tries.items():
            self._tries.labels(kind, outcome, reason).inc(count)
        for (kind, cause), count in gauges.events.items():
            self._events.labels(kind).inc(count)
            if kind == EventKind.RECYCLED:
                self._recycles.labels(cause).inc(count)
            if kind == EventKind.FENCED:
                # "3 of 16 rendered stems came too late", or one report of something else.
                self._fenced.inc(count * int(cause) if cause.isdecimal() else count)

    def _count_renders(self, labels: tuple[str, ...], total: RenderSum) -> None:
        self._stems.labels(*labels).inc(total.stems)
        self._cached.labels(*labels).inc(total.cached)
        self._audio.labels(*labels).inc(total.audio_s)
        self._render.labels(*labels).inc(total.render_s)
        self._cold.labels(*labels).inc(total.cold_loads)
        self._load.labels(*labels).inc(total.load_s)

    # ------------------------------------------------------------ serving

    def start(self, address: str, port: int, *, every_s: float = LOOK_S) -> None:
        """Look every `every_s` from now on and serve http://address:port/metrics; a port that is taken is only logged."""
        try:
            self._server, _ = start_http_server(port, addr=address, registry=self.registry)
        except OSError as error:
            _log.error("metrics are not served at %s:%d: %s; set FARM_METRICS_PORT", address, port, error)
            return
        _log.info("metrics at http://%s:%d/metrics", address, port)
        self._thread = threading.Thread(target=self._run, args=(every_s,), name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve and look no more."""
        if self._thread is None:
            return
        self._done.set()
        self._server.shutdown()
        self._server.server_close()

    def _run(self, every_s: float) -> None:
        while not self._done.is_set():
            began = time.monotonic()
            self.look()
            self._done.wait(max(0.1, every_s - (time.monotonic() - began)))


class _Picture(Collector):
    """What the last look found, as Prometheus wants it."""

    def __init__(self) -> None:
        self.gauges: Gauges | None = None
        self.queues: dict[str, int] = {}
        self.seen_at: float | None = None  #: when the ledger last answered, by this machine's monotonic clock
        self.broker_up = self.leading = False

    def show(self, gauges: Gauges) -> None:
        self.gauges = gauges
        self.seen_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        ledger_up = self.seen_at is not None and time.monotonic() - self.seen_at < _STALE_S
        yield _one("farm_ledger_up", "1 when the ledger answers", float(ledger_up))
        yield _one("farm_broker_up", "1 when the broker answers", float(self.broker_up))
        yield _one("farm_scheduler_leading", "1 when this scheduler is the one that acts", float(self.leading))
        queues = {(name,): depth for name, depth in self.queues.items()}
        yield _family("farm_queue_depth", "Messages that wait in a queue of the broker", ("queue",), queues)
        gauges = self.gauges
        if gauges is None:
            return
        yield _one("farm_ledger_time_seconds", "The database's clock at the last look", gauges.at)
        yield from _work(gauges)
        yield from _places(gauges)
        yield from _patches(gauges)


def _work(gauges: Gauges) -> Iterator[Metric]:
    tally = gauges.tally
    submissions = _filled(gauges.submissions, SubmissionState)
    yield _family("farm_submissions", "Submissions", ("state",), submissions)
    yield _family("farm_songs", "Songs", ("state",), _filled(tally["song"], SongState))
    yield _family("farm_stems", "Stems", ("state",), _filled(tally["stem"], StemState))
    for name, text, subject in (
        ("farm_stem_failures", "Failed and dropped stems", "stem_failure"),
        ("farm_song_failures", "Failed songs", "failure"),
        ("farm_rejected_files", "Files of sources that became no song", "reject"),
        ("farm_rejected_tries", "Tries at composed songs that were thrown away", "try"),
        ("farm_stem_warnings", "Warnings of verdicts", "finding"),
    ):
        reasons = {(reason,): amount for reason, amount in tally[subject].items()}
        yield _family(name, text, ("reason",), reasons)
    yield from _stages(tally.get("stage", {}))
    yield _family("farm_tasks", "Song tasks that wait or run", ("kind", "state"), gauges.tasks)


def _stages(counted: Mapping[str, float]) -> Iterator[Metric]:
    """What each stage did and cost, in every submission that the ledger has."""
    for name, text, part in (
        ("farm_stage_done", "Files scanned, stems rendered, songs of other stages", "done"),
        ("farm_stage_failed_tries", "Tries of a stage that failed or were lost", "failed"),
        ("farm_stage_wall_seconds", "Time in which slots were at a stage", "wall_s"),
        ("farm_stage_cpu_seconds", "Processor time of a stage", "cpu_s"),
    ):
        yield _family(name, text, ("stage",), {(stage,): counted.get(f"{stage}.{part}", 0.0) for stage in STAGES})


def _places(gauges: Gauges) -> Iterator[Metric]:
    live = [state.value for state in SlotState if state is not SlotState.GONE]
    places = sorted({(host, engine) for host, engine, _ in gauges.slots})
    slots = {(*place, state): gauges.slots.get((*place, state), 0) for place in places for state in live}
    yield _family("farm_slots", "Live slots, by the engine that they drive", ("host", "engine", "state"), slots)
    silence = {(host,): seconds for host, seconds in gauges.silence_s.items()}
    yield _family("farm_slot_silence_seconds", "Time since the host's quietest slot wrote", ("host",), silence)
    yield from _hosts(gauges)
    serving: dict[tuple[str, ...], float] = {(engine,): 0 for engine in ENGINES}
    serving |= {(engine,): count for engine, count in gauges.serving.items()}
    text = "Live slots that serve an engine class; one counts for every class that it serves"
    yield _family("farm_serving_slots", text, ("engine",), serving)
    ready: dict[tuple[str, ...], float] = {(engine,): 0 for engine in ENGINES}
    for patch in gauges.patches:
        ready[patch.engine,] = ready.get((patch.engine,), 0) + patch.ready - patch.held
    yield _family("farm_ready_stems", "Stems that wait for a slot", ("engine",), ready)


def _hosts(gauges: Gauges) -> Iterator[Metric]:
    def family(name: str, text: str, value: Callable[[HostGauge], float | None]) -> Metric:
        found = {(host.host,): value(host) for host in gauges.hosts}
        return _family(name, text, ("host",), {key: number for key, number in found.items() if number is not None})

    yield family("farm_disk_free_bytes", "Room where the host writes", lambda host: host.free_disk_bytes)
    yield family("farm_host_draining", "1 when a person took the host out", lambda host: host.draining)
    yield family("farm_host_sick", "1 when the host's failures took it out", lambda host: host.sick)
    yield family("farm_host_blocked_patches", "Patches that the host gets no work of", lambda host: host.blocked)


def _patches(gauges: Gauges) -> Iterator[Metric]:
    def family(name: str, text: str, value: Callable[[PatchGauge], float | None]) -> Metric:
        found = {_labels(patch): value(patch) for patch in gauges.patches}
        return _family(name, text, _PATCH, {key: number for key, number in found.items() if number is not None})

    yield family("farm_backlog_stems", "Stems that wait for a slot", lambda patch: patch.ready - patch.held)
    yield family("farm_backlog_seconds", "Expected render time of what waits", _backlog_s)
    yield family("farm_held_stems", "Stems that wait until a person releases their patch", lambda patch: patch.held)
    yield family("farm_patch_load_time_seconds", "Time to load the patch, smoothed", lambda patch: patch.load_s)
    text = "Render time over the audio's, smoothed: 0.01 renders a hundred seconds in one"
    yield family("farm_patch_real_time_factor", text, lambda patch: patch.rtf)
    quarantined: dict[tuple[str, ...], float] = {_labels(patch): patch.quarantined for patch in gauges.patches}
    quarantined |= {(held.engine, held.name, held.load_key): 1 for held in gauges.held}
    yield _family("farm_patch_quarantined", "1 when the patch is held", _PATCH, quarantined)
    yield family("farm_patch_waits_for_licence", "1 when it found no licence", lambda patch: patch.waits)


def _backlog_s(patch: PatchGauge) -> float:
    return patch.est_s * patch.pace * (1 - patch.held / patch.ready) if patch.ready else 0.0


def _filled(counts: Mapping[str, float], states: Iterable[str]) -> dict[tuple[str, ...], float]:
    """Every state has a number, so that graphs begin at 0."""
    return {(str(state),): counts.get(str(state), 0) for state in states}


def _labels(patch: PatchGauge) -> tuple[str, ...]:
    return patch.engine, patch.label, patch.load_key


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _family(name: str, text: str, labels: Iterable[str], values: Mapping[_Labels, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    for key, value in values.items():
        family.add_metric(list(key), float(value))
    return family
