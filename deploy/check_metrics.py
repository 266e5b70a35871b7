"""Check rules and dashboard against what the scheduler really serves: every expression parses, every name exists."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import make_dashboard
import yaml
from checking import AbsentError

from farm.ledger import Ledger
from farm.ledger.gauges import Gauges, HeldGauge, HostGauge, PatchGauge, RenderSum, Since
from farm.ledger.tx import Subject
from farm.scheduling.metrics import Monitor
from farm.scheduling.reconciler import TickReport

DEPLOY: Final = Path(__file__).resolve().parent
#: Metrics of others: Prometheus itself and Flower.
OF_OTHERS: Final = frozenset({"up", "flower_worker_online"})


class _OneOfEverything:
    """A ledger that has seen everything once, so that every series shows itself."""

    def gauges(self, since: Since | None) -> tuple[Gauges, Since]:
        gauges = Gauges(
            at=0.0,
            submissions={},
            tally={subject.value: {"x": 1.0} for subject in Subject},
            tasks={("mix", "ready"): 1},
            slots={("host", "fluidsynth", "idle"): 1},
            silence_s={"host": 0.0},
            hosts=[HostGauge("host", draining=False, sick=False, free_disk_bytes=1, blocked=0)],
            patches=[PatchGauge("key", "fluidsynth", "label", 1, 1.0, 1.0, 1.0, 1.0, quarantined=False, waits=False)],
            held=[HeldGauge("key", "fluidsynth", "label:000:000")],
            rendered={"key": RenderSum(stems=1)},
            tries=Counter({("stem", "failed", "x"): 1}),
        )
        return gauges, since or Since()


def served() -> dict[str, set[str]]:
    """Return the names of all series that the scheduler can serve, with their labels."""
    monitor = Monitor(cast("Ledger", _OneOfEverything()), lambda: {"songs": 0})
    monitor.tick(TickReport(), 0.0)
    monitor.look()
    samples = (sample for family in monitor.registry.collect() for sample in family.samples)
    return {sample.name: set(sample.labels) for sample in samples}


def expressions() -> list[str]:
    """Parse every expression of rules and dashboard, and look up every metric and label that it names."""
    if importlib.util.find_spec("promql_parser") is None:
        raise AbsentError("promql-parser is not installed; `make lint` installs it")
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    known = {**served(), **{rule["record"]: set[str]() for rule in rules if "record" in rule}}
    problems = [problem for rule in rules for problem in _rule_problems(rule)]
    named = [(rule.get("record") or rule.get("alert"), rule["expr"]) for rule in rules]
    named += [(panel["title"], target["expr"]) for panel in _panels() for target in panel.get("targets", [])]
    named += [("annotation", mark["expr"]) for mark in _dashboard()["annotations"]["list"]]
    return problems + [f"{title}: {problem}" for title, expression in named for problem in _problems(expression, known)]


def _rule_problems(rule: dict[str, Any]) -> Iterator[str]:
    name = rule.get("alert") or rule.get("record") or "a rule"
    if ("alert" in rule) == ("record" in rule):
        yield f"{name}: a rule is either a record or an alert"
    allowed = {"alert", "record", "expr", "for", "labels", "annotations"}
    yield from (f"{name}: unknown key {key}" for key in sorted(set(rule) - allowed))
    if "alert" in rule and not rule.get("annotations", {}).get("description"):
        yield f"{name}: an alert says what to do, in its description"


def _problems(expression: str, known: dict[str, set[str]]) -> Iterator[str]:
    import promql_parser as promql

    try:
        tree = promql.parse(expression)
    except ValueError as error:
        yield f"{expression}: {error}"
        return
    selectors: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql.MatrixSelector):
            selectors.append(node.vector_selector)
        elif isinstance(node, promql.VectorSelector):
            selectors.append(node)

    promql.walk(tree, visit)
    for selector in selectors:
        if selector.name in OF_OTHERS:
            continue
        if selector.name not in known:
            yield f"{selector.name} is not served"
            continue
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", str(selector).partition("{")[2]):
            if label not in known[selector.name]:
                yield f"{selector.name} has no label {label}"


def dashboard() -> list[str]:
    """Compare the dashboard with what its script writes, and look at what the script cannot know."""
    if _dashboard() != make_dashboard.dashboard():
        return ["deploy/grafana/dashboards/farm.json is not what its script writes: python deploy/make_dashboard.py"]
    folder = DEPLOY / "grafana" / "provisioning" / "datasources"
    sources = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    uids = {source["uid"] for source in sources}
    panels = _panels()
    problems = [
        f"{panel['title']}: no such data source"
        for panel in panels
        if panel["type"] != "row" and panel["datasource"]["uid"] not in uids
    ]
    if len({panel["id"] for panel in panels}) != len(panels):
        problems.append("two panels have one id")
    places = [(panel["title"], panel["gridPos"]) for panel in panels]
    problems += [f"{one} covers {other}" for (one, a), (other, b) in itertools.combinations(places, 2) if _meet(a, b)]
    return problems + [f"{title} leaves the grid" for title, place in places if place["x"] + place["w"] > 24]


def _meet(a: dict[str, int], b: dict[str, int]) -> bool:
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def _dashboard() -> dict[str, Any]:
    model: dict[str, Any] = json.loads(make_dashboard.TARGET.read_text(encoding="utf-8"))
    return model


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = _dashboard()["panels"]
    return panels
