"""Defects of slakh-generation that a plan of its set-up must not bring along; docs/slakh.md lists them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from farm.planning.draw import draw_stems
from farm.planning.plans import load_plan
from farm.planning.select import select_songs
from farm.planning.slakh.setup import Options
from farm.planning.slakh.write import import_slakh
from farm.planning.sources import find_source
from schemas.gm import CLASSES, DRUM_PROGRAM, PROGRAM_NAMES, program_class
from schemas.patch import DRUM_BANK, Patch
from schemas.plan import DatasetPlan
from schemas.song import Part, PartFacts, SongFacts, SplitResult
from schemas.states import RejectReason
from tests.support.ledgers import engine_facts, song_facts, split_result
from tests.support.slakh import LAX, STRICT, Groups, write_setup


def _plan(folder: Path, defs: Groups | None = None, *, play_unmapped: bool = False, **changes: Any) -> DatasetPlan:
    import_slakh(write_setup(folder, defs=defs, **changes), folder / "plan", Options(play_unmapped=play_unmapped))
    return load_plan(folder / "plan" / "plan.yaml")


def _song(*programs: int, kits: int = 1) -> SongFacts:
    parts = [
        PartFacts(program=program, is_drum=False, inst_class=program_class(program, is_drum=False), notes=60)
        for program in programs
    ]
    drums = PartFacts(program=0, is_drum=True, inst_class="Drums", notes=60)
    return song_facts(programs).model_copy(update={"parts": parts + [drums] * kits})


def test_a_song_whose_parts_are_all_of_different_classes_is_taken(tmp_path: Path) -> None:
    quartet = _song(0, 25, 33)
    assert len(quartet.classes) == len(quartet.parts)
    selection = select_songs(_plan(tmp_path), [(1, "a.mid", quartet)])
    assert [song.file_id for song in selection.chosen] == [1]


@pytest.mark.parametrize("separate", [False, True])
def test_several_drum_parts_are_rejected_by_name_or_taken(tmp_path: Path, separate: bool) -> None:
    selection = select_songs(_plan(tmp_path, separate_drums=separate), [(1, "a.mid", _song(0, 25, 33, kits=2))])
    assert [song.file_id for song in selection.chosen] == ([1] if separate else [])
    assert [file.reason for file in selection.rejected] == ([] if separate else [RejectReason.SEVERAL_DRUMS])


def test_a_class_that_has_no_patch_does_not_fill_its_place_in_the_band(tmp_path: Path) -> None:
    silent = {name: {**found, "defs": []} if name == "Bass" else found for name, found in LAX.items()}
    selection = select_songs(_plan(tmp_path, silent), [(1, "a.mid", _song(0, 25, 33))])
    assert [file.reason for file in selection.rejected] == [RejectReason.BAND_NO_PATCH]


def test_the_order_of_groups_does_not_decide_who_plays_a_program(tmp_path: Path) -> None:
    reverse = dict(reversed(STRICT.items()))
    maps = [_plan(tmp_path / name, defs).instruments.loaded for name, defs in (("a", STRICT), ("b", reverse))]
    owners = [
        {program: owner.name for program in range(DRUM_PROGRAM + 1) if made and (owner := made.group_of(program))}
        for made in maps
    ]
    assert owners[0] == owners[1]
    assert owners[0][0] == "Acoustic Piano"


def _drawn(plan: DatasetPlan, *parts: Part) -> list[Patch]:
    stems = draw_stems(plan, engine_facts(), SplitResult(parts=list(parts), duration_s=60.0), "0" * 64)
    return [stem.job.patch for stem in stems]


def _part(number: int, program: int, *, is_drum: bool = False) -> Part:
    changes = {"name": f"S{number:02d}", "program": program, "is_drum": is_drum, "bank": DRUM_BANK if is_drum else 0}
    return split_result("x", parts=1).parts[0].model_copy(update=changes)


def test_every_program_is_played_by_itself_however_coarse_the_groups_are(tmp_path: Path) -> None:
    plan = _plan(tmp_path, play_unmapped=True)
    patches = _drawn(plan, *(_part(program, program) for program in range(100)))
    assert [(patch.bank, patch.program) for patch in patches] == [(0, program) for program in range(100)]
    named = {PROGRAM_NAMES[patch.program]: patch.group for patch in patches}
    assert {name: named[name] for name in ("Harmonica", "Accordion", "Harpsichord", "Dulcimer")} == {
        "Harmonica": "Organ", "Accordion": "Organ", "Harpsichord": "Piano", "Dulcimer": "Chromatic Percussion",
    }  # fmt: skip


def test_drum_parts_of_different_kits_are_played_by_different_kits(tmp_path: Path) -> None:
    plan = _plan(tmp_path, separate_drums=True)
    patches = _drawn(plan, _part(0, 0, is_drum=True), _part(1, 25, is_drum=True), _part(2, 0, is_drum=True))
    assert [(patch.bank, patch.program) for patch in patches] == [(DRUM_BANK, 0), (DRUM_BANK, 25), (DRUM_BANK, 0)]
    assert patches[0].choice == patches[2].choice


def test_no_two_classes_differ_in_capitals_or_an_s_alone() -> None:
    assert len({name.lower().rstrip("s") for name in CLASSES}) == len(CLASSES)


def test_a_listed_file_may_be_called_anything(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    listed = tmp_path / "list.txt"
    listed.write_text("midi/a.mid\nmidi/b.MID.bak\nmidi/c\n")
    assert find_source(listed).paths == ["a.mid", "b.MID.bak", "c"]
