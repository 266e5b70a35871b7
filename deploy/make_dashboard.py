"""Write the Grafana dashboard: `python deploy/make_dashboard.py` after a change here.

Panels are placed from left to right and from top to bottom; every number is the largest over the schedulers, since each
of them shows the same farm.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).resolve().parent / "grafana" / "dashboards" / "farm.json"
#: The data source that deploy/grafana/provisioning sets up.
SOURCE: Final = {"type": "prometheus", "uid": "farm-prometheus"}
#: Grafana's grid is 24 columns wide.
COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its title, the queries as legend -> expression, and how it looks."""

    title: str
    queries: dict[str, str]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    stacked: bool = False
    text: str = ""
    bad: float | None = None  #: from here on the number is red
    good: float | None = None  #: from here on the number is green, below red
    names: dict[str, str] = field(default_factory=dict)  #: number -> word


#: The labels by which two schedulers differ.
_SAME = "max without (instance, job)"
_LOADING = f"sum({_SAME} (rate(farm_load_seconds_total[15m])))"
_RENDERING = f"sum({_SAME} (rate(farm_patch_render_seconds_total[15m])))"
_YES_NO = {"0": "down", "1": "up"}

ROWS: Final[dict[str, list[Panel]]] = {
    "Now": [
        Panel("Ledger", {"": "max(farm_ledger_up)"}, "stat", width=3, height=4, good=1, names=_YES_NO),
        Panel("Broker", {"": "max(farm_broker_up)"}, "stat", width=3, height=4, good=1, names=_YES_NO),
        Panel("Live slots", {"": f"sum({_SAME} (farm_slots))"}, "stat", width=3, height=4, good=1),
        Panel("Stems that wait", {"": f"sum({_SAME} (farm_ready_stems))"}, "stat", width=3, height=4),
        Panel("Stems per minute", {"": "farm:stems_done:rate5m * 60"}, "stat", width=3, height=4),
        Panel("Audio per second", {"": "farm:audio_seconds:rate5m"}, "stat", "s", width=3, height=4),
        Panel("Failed tries", {"": "farm:failed_tries:ratio10m"}, "stat", "percentunit", 3, 4, bad=0.1),
        Panel("Songs published", {"": 'max(farm_songs{state="done"})'}, "stat", width=3, height=4),
    ],
    "Work": [
        Panel("Stems by state", {"{{state}}": f"{_SAME} (farm_stems)"}, stacked=True),
        Panel("Songs by state", {"{{state}}": f"{_SAME} (farm_songs)"}, stacked=True),
        Panel("Queues of the broker", {"{{queue}}": f"{_SAME} (farm_queue_depth)"}, width=8),
        Panel("Song tasks", {"{{kind}} {{state}}": f"{_SAME} (farm_tasks)"}, width=8, stacked=True),
        Panel(
            "Audio rendered in a second", {"all": "farm:audio_seconds:rate5m"}, unit="s", width=8,
            text="Seconds of audio that the whole farm renders in a second.",
        ),
    ],
    "Patches": [
        Panel(
            "Bottleneck: work that waits, by patch", {"{{patch}} {{load_key}}": f"topk(10, {_SAME} (farm_backlog_seconds))"},
            unit="s", stacked=True, text="Expected render time of the stems that wait, for the ten largest.",
        ),
        Panel(
            "Real-time factor, the ten slowest",
            {"{{patch}} {{load_key}}": f"topk(10, {_SAME} (farm_patch_real_time_factor))"},
            text="Render time over the audio's: 0.01 renders a hundred seconds of audio in one.",
        ),
        Panel(
            "Cold loads per hour",
            {"{{patch}} {{load_key}}": f"topk(10, {_SAME} (rate(farm_cold_loads_total[15m]))) * 3600"}, width=8,
        ),
        Panel(
            "Share of the slots' time spent loading",
            {"loading": f"{_LOADING} / ({_LOADING} + {_RENDERING})"},
            unit="percentunit", width=8,
        ),
        Panel(
            "Held patches",
            {
                "{{patch}} {{load_key}} quarantined": f"{_SAME} (farm_patch_quarantined) > 0",
                "{{patch}} {{load_key}} stems held": f"{_SAME} (farm_held_stems) > 0",
                "{{patch}} {{load_key}} waits for a licence": f"{_SAME} (farm_patch_waits_for_licence) > 0",
            },
            "table", width=8,
        ),
    ],
    "Hosts": [
        Panel("Slots by host", {"{{host}} {{state}}": f"sum by (host, state) ({_SAME} (farm_slots))"}, stacked=True),
        Panel("Free disk", {"{{host}}": f"{_SAME} (farm_disk_free_bytes)"}, unit="bytes"),
        Panel(
            "Silence of the quietest slot", {"{{host}}": f"{_SAME} (farm_slot_silence_seconds)"}, unit="s", width=8,
            text="Slots write every 4 seconds; after 20 seconds of silence their work goes to others.",
        ),
        Panel(
            "Hosts without work",
            {
                "{{host}} drained": f"{_SAME} (farm_host_draining) > 0",
                "{{host}} sick": f"{_SAME} (farm_host_sick) > 0",
                "{{host}} blocked from a patch": f"{_SAME} (farm_host_blocked_patches) > 0",
            },
            "table", width=8,
        ),
        Panel("Celery workers that Flower sees", {"{{worker}}": "flower_worker_online"}, width=8, stacked=True),
    ],
    "What went wrong": [
        Panel("Engines recycled per hour", {"{{cause}}": f"{_SAME} (increase(farm_engine_recycles_total[1h]))"}),
        Panel(
            "Failed tries per hour",
            {"{{kind}} {{reason}}": f'{_SAME} (increase(farm_tries_total{{outcome="failed"}}[1h]))'},
        ),
        Panel(
            "Fenced commits and freed work per hour",
            {
                "fenced commits": f"{_SAME} (increase(farm_fenced_commits_total[1h]))",
                "freed {{what}}": "sum by (what) (increase(farm_freed_total[1h]))",
            },
            width=8,
        ),
        Panel(
            "Failed for good, by reason",
            {
                "stem {{reason}}": f"{_SAME} (farm_stem_failures)",
                "song {{reason}}": f"{_SAME} (farm_song_failures)",
                "file {{reason}}": f"{_SAME} (farm_rejected_files)",
            },
            "bargauge", width=8,
        ),
        Panel(
            "The scheduler's looks",
            {
                "half": "histogram_quantile(0.5, sum by (le) (rate(farm_scheduler_tick_seconds_bucket[5m])))",
                "99 of 100": "histogram_quantile(0.99, sum by (le) (rate(farm_scheduler_tick_seconds_bucket[5m])))",
            },
            unit="s", width=8,
        ),
    ],
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana's JSON model."""
    return {
        "uid": "stemfarm",
        "title": "Stemfarm",
        "tags": ["stemfarm"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "templating": {"list": []},
        "annotations": {"list": [_events()]},
        "panels": _panels(),
    }


def _events() -> dict[str, Any]:
    """Mark what a person should know in every picture."""
    return {
        "name": "Events",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": f'{_SAME} (increase(farm_events_total{{kind=~"quarantined|sick|slot gone|disk full"}}[1m])) > 0',
        "titleFormat": "{{kind}}",
    }


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    top = 0
    for name, row in ROWS.items():
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": name,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            }
        )
        top += 1
        left = tallest = 0
        for panel in row:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            panels.append(_panel(panel, len(panels) + 1, place))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return panels


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(panel, index, *query) for index, query in enumerate(panel.queries.items())],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(panel: Panel, index: int, legend: str, expression: str) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    return {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "expr": expression,
        "legendFormat": legend or "__auto",
        "instant": instant,
        "range": not instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad is not None:
        steps.append({"color": "red", "value": panel.bad})
    if panel.good is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.good}]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.names:
        words = {number: {"text": word, "index": index} for index, (number, word) in enumerate(panel.names.items())}
        defaults["mappings"] = [{"type": "value", "options": words}]
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        defaults["custom"] = {"stacking": stacking, "fillOpacity": 25 if panel.stacked else 5, "lineWidth": 1}
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if panel.kind == "table":
        return {"showHeader": True}
    reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {"reduceOptions": reduce, "orientation": "auto" if panel.kind == "stat" else "horizontal"}


def main() -> int:
    """Write the dashboard to the path that is given, or to its place in the tree."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(json.dumps(dashboard(), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
