"""A whole run with what is easily passed over: a part that nobody can hear, and a map with a false octave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.farms import farm, farm_json
from tests.support.midi import Event, control, name, note, program, song, tempo
from tests.support.soundfont import HELD, SINE, write_soundfont

#: The patch of the lead is said to sound an octave above its keys, and does not.
MAP = f"""
name: wrong
groups:
  - {{name: Lead, programs: [{SINE}], patches: [{{name: one, octave_offset: 1}}]}}
  - {{name: Pad, programs: [{HELD}], patches: [{{name: two}}]}}
"""
KEYS = (48, 50, 52, 53, 55, 57, 59, 60, 62, 64)


def line(title: str, number: int, channel: int, *, velocity: int, volume: int) -> list[Event]:
    notes = [
        event
        for place, key in enumerate(KEYS)
        for event in note(place * 1200, 480, key, velocity=velocity, channel=channel)
    ]
    return [name(0, title), program(0, number, channel), control(0, 7, volume, channel=channel), *notes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honesty")
    (folder / "midi").mkdir()
    parts = [line("lead", SINE, 0, velocity=90, volume=100), line("faint", HELD, 1, velocity=1, volume=52)]
    (folder / "midi" / "a.mid").write_bytes(song([tempo(0, 120)], *parts))
    write_soundfont(folder / "test.sf2")
    (folder / "map.yaml").write_text(MAP)
    (folder / "plan.yaml").write_text(
        "source: midi\nengine: {soundfont: test.sf2}\ninstruments: {map: map.yaml}\n"
        "filters: {min_duration_s: 1}\noutput: {rate_hz: 16000, channels: 1}\n"
    )
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> Any:
    return farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", 1)


def test_a_part_that_nobody_can_hear_is_a_warning_and_fails_no_song(report: Any, folder: Path) -> None:
    assert report["songs"] == {"published": 1, "failed": 0, "accepted": 1}
    assert report["warnings"] == {"inaudible": 1}
    stems = json.loads((folder / "out" / "Track00001" / "annotation.json").read_bytes())["stems"]
    faint = next(stem for stem in stems if stem["track_name"] == "faint")
    assert (faint["silent"], faint["findings"]) == (True, ["inaudible"])
    assert faint["peak_dbfs"] is None or faint["peak_dbfs"] < -100
    assert faint["quality"]["verdict"] == "warn"
    assert faint["audio"] is not None


def test_a_false_octave_in_a_map_is_found(report: Any, folder: Path) -> None:
    checked = farm_json("verify", folder / "out", exit_code=1)
    assert [(finding["code"], finding["track"]) for finding in checked["findings"]] == [("octave_wrong", "Track00001")]
    assert "an octave below its notes" in checked["findings"][0]["message"]


def test_what_each_stage_cost_is_told_by_the_run_and_of_its_folder(report: Any, folder: Path) -> None:
    done = {cost["stage"]: cost["done"] for cost in report["stages"]}
    assert done == {"scan": 1, "split": 1, "render": 2, "mix": 1, "annotate": 1, "publish": 1}
    assert all(cost["wall_s"] > 0 for cost in report["stages"])
    assert farm_json("status", folder / "out")["stages"] == report["stages"]
    text = farm("status", folder / "out").stdout
    assert "time of all slots by stage" in text
    assert "2 stems" in text
    refused = farm("status", folder / "out", "--watch")
    assert (refused.returncode, "--watch goes with the number" in refused.stderr) == (2, True)
