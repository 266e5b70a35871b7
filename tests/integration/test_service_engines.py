"""Two workers of different engine classes: what one cannot do waits in the open for the other, and is the same bytes."""

from __future__ import annotations

import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from farm.ledger import open_ledger
from farm.scheduling.broker import Broker
from schemas.states import EventKind, SubmissionState
from tests.support.farms import farm_json, kill_tree, published, start, wait_until
from tests.support.midi import name, note, program, song
from tests.support.plugins import needs_dawdreamer
from tests.support.soundfont import sine, write_soundfont
from workers.specimens.soundfont import Preset, Zone

pytestmark = needs_dawdreamer

MAP = """
name: two
groups:
  - {name: Font, programs: [0], patches: [{name: Font}]}
  - {name: Bass, programs: [38], patches: [{name: Bass, patch: synth-bass}]}
"""
PLAN = """
source: midi
filters: {min_duration_s: 1}
engine: {soundfont: plain.sf2}
output: {channels: 1, rate_hz: 22050, format: wav, bits: 16}
instruments: {map: map.yaml}
"""


def end(part: subprocess.Popen[bytes]) -> None:
    """Kill a part of the farm, unless it has ended."""
    if part.poll() is None:
        kill_tree(part, signal.SIGKILL)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "midi").mkdir()
    write_soundfont(tmp_path / "plain.sf2", [Preset("Tone", 0, (Zone(sine(), loop_start=0),))])
    parts = [
        [name(0, word), program(0, number, channel=channel), *note(0, 2400, 48 + 7 * channel, channel=channel)]
        for channel, (word, number) in enumerate((("tone", 0), ("bass", 38)))
    ]
    (tmp_path / "midi" / "song.mid").write_bytes(song(*parts))
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path / "plan.yaml"


@pytest.mark.slow
def test_work_that_no_worker_serves_is_told_and_done_as_soon_as_one_comes(plan: Path, tmp_path: Path) -> None:
    ledger_url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        env = {
            "FARM_LEDGER_URL": ledger_url, "FARM_BROKER_URL": broker.url, "FARM_HOME": str(tmp_path / "home"),
            "FARM_HEARTBEAT_S": "0.5", "FARM_SLOT_TIMEOUT_S": "2", "FARM_TICK_S": "0.2", "FARM_QUIET_S": "3",
        }  # fmt: skip

        def worker(engines: str) -> None:
            part = start("worker", "--slots", 1, "--engines", engines, log=tmp_path / f"{engines}.log", env=env)
            stack.callback(end, part)

        scheduler = start("scheduler", log=tmp_path / "scheduler.log", env=env)
        stack.callback(end, scheduler)
        worker("fluidsynth")
        number = farm_json("submit", plan, "--out", tmp_path / "out", env=env)["submission"]
        ledger = open_ledger(ledger_url)
        wait_until(lambda: bool(ledger.events(kind=EventKind.UNSERVED)), what="the alarm")
        status = farm_json("status", number, env=env)
        assert (status["unserved"], status["stems_done"]) == ({"faust": 1}, 1)
        assert {tuple(slot["engines"]) for slot in farm_json("workers", env=env)["slots"]} == {("fluidsynth",)}
        worker("faust")
        wait_until(lambda: ledger.status(number).state is SubmissionState.DONE, what="the submission's end")
        assert ledger.status(number).unserved == {}
        (told,) = ledger.events(kind=EventKind.UNSERVED)
        assert told.detail == "faust: 1 stems wait, and no live slot serves it"
        assert ledger.events(kind=EventKind.RECYCLED) == [], "no engine had to change"
        assert "stems wait for an engine that no live slot serves" in (tmp_path / "scheduler.log").read_text()
        ledger.close()
    farm_json("run", plan, "--out", tmp_path / "local", "--slots", 1)
    assert published(tmp_path / "out") == published(tmp_path / "local")
