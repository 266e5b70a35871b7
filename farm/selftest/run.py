"""A trial from its songs to its verdicts: a private farm makes datasets, disturbed or not, and all is checked afterwards."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from farm.ledger import Ledger, open_ledger
from farm.scheduling.broker import Broker
from farm.scheduling.postgres import Postgres
from farm.selftest import checks
from farm.selftest.checks import Verdict
from farm.selftest.clock import TrialClock
from farm.selftest.disk import TrialDisk
from farm.selftest.hook import sitecustomize
from farm.selftest.inflict import Hit, Villain
from farm.selftest.parts import Parts, farm_command
from farm.selftest.schedule import Fault, FaultKind, faults
from schemas.errors import ServiceError
from schemas.states import SUBMISSION_ENDS
from schemas.tasks import SPECIMENS

#: Parts of a song.
PARTS: Final = 8
#: Most stems in a batch of these workers.
BATCH: Final = 8
_SLOTS: Final = 2
#: What the trial's farm is told: it gives up sooner than one in earnest, so that the trial does not take long.
_PATIENCE: Final = {
    "FARM_HEARTBEAT_S": "1", "FARM_SLOT_TIMEOUT_S": "10", "FARM_TICK_S": "0.2", "FARM_QUIET_S": "3",
    "FARM_BATCH": str(BATCH), "FARM_ENGINE_SILENCE_S": "4", "FARM_ENGINE_RENDER_S": "8", "FARM_ENGINE_LOAD_S": "12",
    "FARM_METRICS_PORT": "0",
}  # fmt: skip
_LOOK_S: Final = 0.2
#: A database of a trial need not survive the machine, but must keep every commit when its server crashes.
_SETTINGS: Final = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
_PLAN: Final = """source: {source}
seed: {seed}
engine: {{soundfont: {soundfont}}}
filters: {{min_duration_s: 0, min_parts: 1}}
output: {{rate_hz: 16000, channels: 1, bits: 16}}
tail_max_s: 2
keep_store: {keep}
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Args:
        folder: an empty one.
        stems: at least so many.
        seed: of songs and faults.
        minutes: after which it is given up.
        postgres: whether the ledger is in a private PostgreSQL server, else in a file.
        chaos: whether the farm is disturbed.
    """

    folder: Path
    stems: int
    seed: int
    minutes: float
    postgres: bool
    chaos: bool

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets; with chaos two at once, one of which keeps its store so that its files can be hashed."""
        return ["kept", "swept"] if self.chaos else ["swept"]

    @property
    def songs(self) -> int:
        """Songs of each dataset."""
        return math.ceil(self.stems / PARTS / len(self.datasets))

    @property
    def all_stems(self) -> int:
        """Stems of all datasets."""
        return self.songs * PARTS * len(self.datasets)


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a trial is."""

    phase: str
    stems: int
    of: int
    faults: int = 0
    of_faults: int = 0
    last: str = ""  #: the last fault


@dataclass
class Report:
    """What came of a trial."""

    trial: Trial
    schedule: list[Fault] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    means: dict[str, str] = field(default_factory=dict)
    disturbed_s: float = 0.0
    undisturbed_s: float = 0.0
    starts: int = 0
    events: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return bool(self.verdicts) and all(verdict.ok for verdict in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines; the same seed has the same `schedule`."""
        return {
            "ok": self.ok, "seed": self.trial.seed, "stems": self.trial.all_stems, "chaos": self.trial.chaos,
            "ledger": "postgres" if self.trial.postgres else "sqlite", "means": self.means,
            "disturbed_s": round(self.disturbed_s, 1), "undisturbed_s": round(self.undisturbed_s, 1),
            "process_starts": self.starts, "events": self.events,
            "schedule": [[fault.at, fault.kind.value, round(fault.chance, 6)] for fault in self.schedule],
            "hits": [[hit.at_s, hit.fault.kind.value, hit.whom, hit.slots] for hit in self.hits],
            "checks": [{"name": one.name, "ok": one.ok, "detail": one.detail} for one in self.verdicts],
        }  # fmt: skip


def run_trial(trial: Trial, show: Callable[[Seen], None]) -> Report:
    """Do a trial.

    Raises:
        MissingDependencyError: there is no broker or database to be had here.
        ServiceError: it does not come to its end in time, or a part of it cannot be started.
    """
    report = Report(trial)
    show(Seen("making songs", 0, trial.all_stems))
    plans = _make_songs(trial)
    with ExitStack() as stack:
        disk = stack.enter_context(TrialDisk(trial.folder))
        outs = [disk.folder / name for name in trial.datasets]
        environment = _serve(trial, report, disk, plans, outs, stack, show)
        with closing(open_ledger(environment["FARM_LEDGER_URL"])) as ledger:
            _judge(trial, report, ledger, environment, outs, plans, disk.folder / "undisturbed", show)
    return report


def _make_songs(trial: Trial) -> list[Path]:
    plans = []
    font = trial.folder / "specimens.sf2"
    for number, name in enumerate(trial.datasets):
        songs = trial.folder / "songs" / name
        seed = 2 * trial.seed + number
        words = ["--songs", str(trial.songs), "--parts", str(PARTS), "--seed", str(seed), "--soundfont", str(font)]
        command = [sys.executable, "-P", "-m", SPECIMENS, str(songs), *words]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            said = made.stderr.strip()[-500:]
            raise ServiceError(f"the songs of the trial could not be made: {said}", hint="Run `farm doctor`")
        plans.append(trial.folder / f"{name}.yaml")
        keep = "true" if name == "kept" else "false"
        plans[-1].write_text(_PLAN.format(source=songs, seed=trial.seed, soundfont=font, keep=keep), encoding="utf-8")
    return plans


# ---------------------------------------------------------------- the disturbed run


def _serve(
    trial: Trial, report: Report, disk: TrialDisk, plans: list[Path], outs: list[Path], stack: ExitStack,
    show: Callable[[Seen], None],
) -> dict[str, str]:  # fmt: skip
    """Run the farm to the end of the submissions; returns the environment of its commands, whose ledger goes on."""
    began = time.monotonic()
    database = stack.enter_context(Postgres(_SETTINGS)) if trial.postgres else None
    url = f"sqlite:///{trial.folder / 'ledger.sqlite'}" if database is None else database.url(database.create())
    clock = TrialClock(trial.folder)
    report.means = {"disk": disk.how, "clock": clock.how} if trial.chaos else {}
    with ExitStack() as inner:
        ledger = inner.enter_context(closing(open_ledger(url)))
        broker = inner.enter_context(Broker(trial.folder / "broker"))
        environment = _environment(trial, url, broker.url)
        for plan, out in zip(plans, outs, strict=True):
            _farm(environment, "submit", str(plan), "--out", str(out))
        parts = inner.enter_context(_parts(trial, environment, disk, clock))
        villain = Villain(parts, broker, database, disk, clock, ledger)
        without = () if trial.postgres else (FaultKind.DATABASE_CRASHED,)
        report.schedule = faults(trial.seed, trial.all_stems, without) if trial.chaos else []
        _watch(trial, report, ledger, villain, show)
        report.starts = parts.starts
    report.disturbed_s = time.monotonic() - began
    return environment


def _environment(trial: Trial, ledger_url: str, broker_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FARM_")}
    own = {"FARM_LEDGER_URL": ledger_url, "FARM_BROKER_URL": broker_url, "FARM_HOME": str(trial.folder / "home")}
    return {**kept, **_PATIENCE, **own}


def _parts(trial: Trial, environment: Mapping[str, str], disk: TrialDisk, clock: TrialClock) -> Parts:
    hosts = ["render-1", "render-2"] if trial.chaos else ["render-1"]
    commands = {"scheduler": farm_command("scheduler")}
    environments: dict[str, dict[str, str]] = {"scheduler": dict(environment)}
    hook = os.pathsep.join(filter(None, [str(Path(sitecustomize.__file__).parent), os.environ.get("PYTHONPATH", "")]))
    for host in hosts:
        commands[host] = farm_command("worker", "--slots", str(_SLOTS))
        environments[host] = {**environment, "FARM_HOST": host}
        if trial.chaos:
            environments[host] |= {"PYTHONPATH": hook, **disk.environment}
    if trial.chaos:
        environments[hosts[-1]] |= clock.environment
    return Parts(commands, environments, trial.folder / "logs")


def _watch(trial: Trial, report: Report, ledger: Ledger, villain: Villain, show: Callable[[Seen], None]) -> None:
    """Look on until all submissions have ended, and do what the schedule says."""
    due = list(report.schedule)
    deadline = time.monotonic() + 60 * trial.minutes
    numbers = [submission.id for submission in ledger.submissions()]
    while True:
        villain.parts.tend()
        statuses = [ledger.status(number) for number in numbers]
        stems = sum(status.stems_done for status in statuses)
        if due and stems >= due[0].at:
            report.hits.append(villain.do(due.pop(0)))
        done, last = len(report.hits), report.hits[-1].fault.kind.value if report.hits else ""
        show(Seen("rendering", stems, trial.all_stems, done, len(report.schedule), last))
        if all(status.state in SUBMISSION_ENDS for status in statuses):
            return
        if time.monotonic() > deadline:
            states = ", ".join(f"{status.name}: {status.state.value} {status.stems}" for status in statuses)
            raise ServiceError(
                f"the trial did not end within {trial.minutes:g} minutes ({states})",
                hint=f"See {trial.folder / 'logs'}; give it more time with --minutes",
            )
        time.sleep(_LOOK_S)


# ---------------------------------------------------------------- afterwards


def _judge(
    trial: Trial, report: Report, ledger: Ledger, environment: Mapping[str, str], outs: list[Path], plans: list[Path],
    undisturbed: Path, show: Callable[[Seen], None],
) -> None:  # fmt: skip
    numbers = [submission.id for submission in ledger.submissions()]
    everything = trial.all_stems
    report.events = dict(sorted(Counter(event.kind for event in ledger.events(limit=100_000)).items()))
    show(Seen("checking", everything, everything))
    verdicts = report.verdicts
    verdicts.append(checks.all_done(ledger, numbers))
    verdicts.append(checks.committed_once(ledger, numbers, everything))
    verdicts.append(checks.counters_true(ledger))
    verdicts.append(checks.files_sound(environment))
    if trial.chaos:
        hit = sum(one.slots for one in report.hits)
        verdicts.append(checks.few_again(checks.again(ledger, numbers), hit, BATCH))
        unhit = len(report.schedule) - len(report.hits)
        verdicts.append(Verdict("every fault of the schedule was done", not unhit, f"{len(report.hits)} faults"))
        show(Seen("making the same undisturbed", everything, everything))
        references = [undisturbed / name for name in trial.datasets]
        began = time.monotonic()
        for plan, reference in zip(plans, references, strict=True):
            _farm(environment, "run", str(plan), "--out", str(reference), "--slots", str(_SLOTS))
        report.undisturbed_s = time.monotonic() - began
        verdicts.append(checks.same_bytes(outs, references))
    else:
        verdicts.extend(checks.verified(out) for out in outs)
    show(Seen("purging", everything, everything))
    verdicts.append(checks.nothing_left(environment, numbers, outs))
    verdicts.append(checks.counters_true(ledger))


def _farm(environment: Mapping[str, str], *words: str) -> None:
    """Run a command of the farm.

    Raises:
        ServiceError: it failed.
    """
    done = subprocess.run(
        farm_command(*words, "--json"), capture_output=True, text=True, check=False, env=dict(environment)
    )
    if done.returncode:
        said = _said(done.stdout) or done.stderr.strip()[-500:]
        raise ServiceError(f"`farm {words[0]}` failed in the trial: {said}", hint="Run `farm doctor`")


def _said(text: str) -> str:
    try:
        return str(json.loads(text).get("error", ""))
    except ValueError:
        return ""
