"""Real slots, real plug-ins, Faust and a soundfont in one dataset: loads are few, limits hold, and bytes are one slot's."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Literal

import pytest

from farm.ledger import Ledger, open_ledger
from farm.ledger.models import AttemptRow, StemRow
from farm.planning.patchfiles import load_patch
from schemas.errors import FarmError
from schemas.patch import PluginSettings
from schemas.patchfile import InstanceLimit, PatchFile
from schemas.states import LimitScope
from tests.support.farms import farm_json, published
from tests.support.ledgers import rows
from tests.support.midi import name, note, program, song
from tests.support.soundfont import sine, write_soundfont
from workers.engines.patchprobe import probe_patches
from workers.specimens.soundfont import Preset, Zone

#: Plug-ins, and what each stem leaves behind in them.
PLUGINS: dict[str, Literal["none", "instance"]] = {"Piano": "none", "EPiano": "instance", "DX10": "instance"}
FAUST = ("synth-bass", "marimba")
SONGS, SLOTS = 4, 2
LIMITED = "EPiano"

MAP = """
name: engines
groups:
  - {name: Font, programs: [0], patches: [{name: Font}]}
  - {name: Piano, programs: [1], patches: [{name: Piano, patch: Piano.yaml}]}
  - {name: EPiano, programs: [2], patches: [{name: EPiano, patch: EPiano.yaml}]}
  - {name: FM, programs: [3], patches: [{name: FM, patch: DX10.yaml}]}
  - {name: Bass, programs: [4], patches: [{name: Bass, patch: synth-bass}]}
  - {name: Mallets, programs: [5], patches: [{name: Mallets, patch: marimba}]}
"""
PLAN = """
source: midi
filters: {min_duration_s: 1}
engine: {soundfont: plain.sf2}
output: {channels: 1, rate_hz: 22050, format: wav, bits: 16}
instruments: {map: map.yaml}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with its map, and short songs of six parts, each for another patch."""
    folder = tmp_path_factory.mktemp("engines")
    for plugin, leaves in PLUGINS.items():
        file = PatchFile(
            name=f"own-{plugin.lower()}", engine="dawdreamer", instances=InstanceLimit(max=1) if plugin == LIMITED else None,
            settings=PluginSettings(plugin=f"http://drobilla.net/plugins/mda/{plugin}", format="lv2", leaves=leaves),
        )  # fmt: skip
        (folder / f"{plugin}.yaml").write_text(file.model_dump_json(exclude_none=True))
    try:
        words = [*(str(folder / f"{plugin}.yaml") for plugin in PLUGINS), *FAUST]
        probe_patches({word: load_patch(word) for word in words})
    except FarmError as error:
        pytest.skip(str(error))
    (folder / "midi").mkdir()
    write_soundfont(folder / "plain.sf2", [Preset("Tone", 0, (Zone(sine(), loop_start=0),))])
    for number in range(SONGS):
        tracks = [
            [name(0, f"part {part}"), program(0, part, channel=part)]
            + [event for step in range(4) for event in note(480 * step, 400, 48 + number + 3 * part, channel=part)]
            for part in range(6)
        ]
        (folder / "midi" / f"{number}.mid").write_bytes(song(*tracks))
    (folder / "map.yaml").write_text(MAP)
    (folder / "plan.yaml").write_text(PLAN)
    return folder


@pytest.fixture(scope="module")
def out(folder: Path) -> Path:
    report = farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", SLOTS)
    assert report["songs"] == {"published": SONGS, "failed": 0, "accepted": SONGS}, report
    return folder / "out"


@pytest.fixture(scope="module")
def ledger(out: Path) -> Ledger:
    return open_ledger(f"sqlite:///{out / '.farm' / 'ledger.sqlite'}")


def _tries(ledger: Ledger) -> list[Any]:
    columns = (AttemptRow.stem_id, AttemptRow.slot_id, AttemptRow.load_key, AttemptRow.cold, AttemptRow.outcome)
    return [row for row in rows(ledger, *columns, AttemptRow.began_at, AttemptRow.ended_at) if row.stem_id is not None]


def test_every_part_is_played_by_the_engine_of_its_patch(ledger: Ledger) -> None:
    assert Counter(row.engine for row in rows(ledger, StemRow.id, StemRow.engine)) == {
        "fluidsynth": SONGS, "dawdreamer": 3 * SONGS, "faust": 2 * SONGS,
    }  # fmt: skip
    assert {row.outcome for row in _tries(ledger)} == {"done"}


def test_each_patch_is_loaded_hardly_more_often_than_there_are_slots_that_served_it(ledger: Ledger) -> None:
    slots, loads = defaultdict(set), Counter[str]()
    for row in _tries(ledger):
        slots[row.load_key].add(row.slot_id)
        loads[row.load_key] += bool(row.cold)
    assert len(loads) == 1 + len(PLUGINS) + len(FAUST)
    served = sum(map(len, slots.values()))
    assert loads.total() <= 1.5 * served, (loads, slots)
    assert {key: loads[key] for key in loads if loads[key] > max(2, 1.5 * len(slots[key]))} == {}


def test_a_plug_in_of_one_licence_is_never_held_by_two_slots(ledger: Ledger) -> None:
    (limit,) = ledger.limits()
    assert (limit.max, limit.scope) == (1, LimitScope.INSTANCE)
    labels = {report.load_key: report.label for report in ledger.patches(ledger.submissions()[-1].id)}
    mine = [row for row in _tries(ledger) if labels[row.load_key] == limit.name]
    assert len(mine) == SONGS
    for one in mine:
        for other in mine:
            apart = one.ended_at <= other.began_at or other.ended_at <= one.began_at
            assert one.slot_id == other.slot_id or apart, "two slots rendered it at a time"


def test_the_bytes_are_those_of_one_slot(out: Path, folder: Path) -> None:
    report = farm_json("run", folder / "plan.yaml", "--out", folder / "alone", "--slots", 1)
    assert report["songs"]["failed"] == 0
    assert published(out) == published(folder / "alone")
