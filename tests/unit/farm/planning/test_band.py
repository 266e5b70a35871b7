"""The band test: every rule rejects by a name of its own, and a song that keeps them all is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.planning.band import broken_band_rules
from farm.planning.bands import load_band
from farm.planning.select import select_songs
from schemas.band import Band
from schemas.gm import program_class
from schemas.song import PartFacts
from schemas.states import RejectReason as R
from tests.support.ledgers import plan, song_facts

PIANO, GUITAR, BASS, VIOLIN, TRUMPET, FX = 0, 25, 33, 40, 56, 120
DRUMS = 128


def part(program: int, notes: int = 60, active_s: float = 30.0) -> PartFacts:
    is_drum = program == DRUMS
    number = 0 if is_drum else program
    return PartFacts(
        program=number, is_drum=is_drum, inst_class=program_class(number, is_drum=is_drum), notes=notes,
        active_s=active_s, low_key=40, high_key=60,
    )  # fmt: skip


QUARTET = [part(PIANO), part(GUITAR), part(BASS), part(DRUMS)]


def broken(band: dict[str, Any], parts: Sequence[PartFacts]) -> tuple[R, str] | None:
    return next(broken_band_rules(Band.model_validate({"name": "the band", **band}), parts), None)


@pytest.mark.parametrize(
    ("band", "parts", "reason", "detail"),
    [
        ({"members": ["Brass", "Organ", "Bass"]}, QUARTET, R.BAND_NOT_MET, "it has no Brass, Organ"),
        ({"members": [{"programs": [24]}]}, QUARTET, R.BAND_NOT_MET, "it has no program 24"),
        ({"members": [{"any_of": ["Brass", "Reed"]}]}, QUARTET, R.BAND_NOT_MET, "it has no Brass or Reed"),
        (
            {"members": [{"inst_class": "Guitar", "count": 2}]}, QUARTET,
            R.BAND_TOO_FEW, "1 × Guitar, at least 2 are wanted",
        ),
        (
            {"members": [{"inst_class": "Drums", "max_count": 1}]}, [*QUARTET, part(DRUMS, notes=1)],
            R.BAND_TOO_MANY, "2 × Drums, at most 1 are wanted",
        ),
        (
            {"members": [{"inst_class": "Bass", "min_notes": 50}]}, [part(BASS, notes=49), part(BASS, notes=3)],
            R.BAND_TOO_FEW_NOTES, "0 × Bass with at least 50 notes, 1 are wanted; the next has 49",
        ),
        (
            {"members": [{"inst_class": "Bass", "min_active_s": 20}]}, [part(BASS, active_s=19.94)],
            R.BAND_TOO_LITTLE_PLAYED, "0 × Bass that sound for at least 20 s, 1 are wanted; the next sounds for 19.9 s",
        ),
        ({"exclude": ["Sound Effects"]}, [*QUARTET, part(FX)], R.BAND_EXCLUDED, "it has Sound Effects, which the band excludes"),
        (
            {"members": ["Piano", "Bass", "Drums"], "allow_others": False}, QUARTET,
            R.BAND_OTHERS, "it has Guitar, and the band takes no others",
        ),
        (
            {"members": [{"any_of": ["Piano", "Guitar"]}, {"any_of": ["Guitar"]}, "Piano"]}, QUARTET,
            R.BAND_TOO_FEW, "its parts cannot take all places of the band at once",
        ),
    ],
)  # fmt: skip
def test_every_rule_rejects_by_its_own_name(
    band: dict[str, Any], parts: list[PartFacts], reason: R, detail: str
) -> None:
    assert broken(band, parts) == (reason, detail)


@pytest.mark.parametrize(
    ("band", "parts"),
    [
        (
            {"members": [{"inst_class": "Bass", "min_notes": 60, "min_active_s": 30.0, "count": 1, "max_count": 1}]},
            QUARTET,
        ),
        ({"members": [{"inst_class": "Guitar", "count": 2}]}, [*QUARTET, part(GUITAR, notes=1)]),
        ({"members": [{"inst_class": "Guitar", "min_notes": 50}]}, [part(GUITAR, notes=3), part(GUITAR, notes=50)]),
        ({"members": [{"any_of": ["Brass", "Guitar"]}]}, QUARTET),
        ({"members": ["Piano", "Guitar", "Bass", "Drums"], "allow_others": False}, QUARTET),
        ({"members": [{"inst_class": "Organ", "count": 0}], "allow_others": True}, QUARTET),
        ({"exclude": [{"programs": [24]}]}, QUARTET),
        ({}, []),
    ],
)
def test_a_song_that_just_keeps_a_rule_is_taken(band: dict[str, Any], parts: list[PartFacts]) -> None:
    assert broken(band, parts) is None


def test_a_place_that_may_stay_empty_still_bounds_how_many_there_are() -> None:
    optional = {"members": [{"inst_class": "Drums", "count": 0, "max_count": 1}]}
    assert broken(optional, []) is None
    assert broken(optional, [part(DRUMS)]) is None
    assert broken(optional, [part(DRUMS), part(DRUMS)]) == (R.BAND_TOO_MANY, "2 × Drums, at most 1 are wanted")


def test_places_that_overlap_are_shared_out_so_that_all_are_taken() -> None:
    # The first place would take the only part that the second can have, were it filled first come first served.
    band = {"members": [{"any_of": ["Piano", "Guitar"]}, {"inst_class": "Piano"}]}
    assert broken(band, [part(PIANO), part(GUITAR)]) is None
    assert broken(band, [part(GUITAR), part(PIANO)]) is None
    assert broken(band, [part(PIANO), part(BASS)]) is not None


def test_a_part_without_a_patch_takes_no_place_unless_the_band_says_so() -> None:
    def no_bass(found: PartFacts) -> bool:
        return found.inst_class != "Bass"

    strict = Band.model_validate({"members": ["Bass", "Piano"]})
    assert next(broken_band_rules(strict, QUARTET, no_bass)) == (
        R.BAND_NO_PATCH, "0 × Bass that a patch can play, 1 are wanted",
    )  # fmt: skip
    lax = strict.model_copy(update={"need_patch": False})
    assert list(broken_band_rules(lax, QUARTET, no_bass)) == []


def test_a_plain_quartet_of_four_classes_is_a_rock_band() -> None:
    """Slakh's own test drops a song whose instruments are all of different classes; here it is taken."""
    quartet = song_facts("quartet").model_copy(update={"parts": QUARTET})
    for band in (["Piano", "Guitar", "Bass", "Drums"], load_band("rock_band")):
        selection = select_songs(plan(filters={"band": band}), [(1, "quartet.mid", quartet)])
        assert [song.file_id for song in selection.chosen] == [1], selection.rejected


def test_a_song_of_one_class_alone_is_no_rock_band() -> None:
    """Slakh's own test lets songs through whose instruments are all of one class."""
    pianos = song_facts("pianos").model_copy(update={"parts": [part(PIANO), part(1), part(2)]})
    selection = select_songs(plan(filters={"band": ["Piano", "Guitar", "Bass", "Drums"]}), [(1, "pianos.mid", pianos)])
    assert [(file.reason, file.detail) for file in selection.rejected] == [
        (R.BAND_NOT_MET, "it has no Bass, Drums, Guitar")
    ]


@pytest.mark.parametrize(("notes", "taken"), [(49, False), (50, True)])
def test_a_rock_band_plays_fifty_notes_each(notes: int, taken: bool) -> None:
    parts = [part(PIANO), part(GUITAR), part(BASS, notes=notes), part(DRUMS)]
    found = next(broken_band_rules(load_band("rock_band"), parts), None)
    assert (found is None) == taken
    assert found is None or found[0] is R.BAND_TOO_FEW_NOTES


@given(
    st.lists(st.sampled_from([PIANO, GUITAR, BASS, VIOLIN, TRUMPET, DRUMS]), max_size=8),
    st.lists(st.sampled_from(["Piano", "Guitar", "Bass", "Strings", "Brass", "Drums"]), max_size=5),
)
def test_a_plain_list_is_a_subset_test(programs: list[int], classes: list[str]) -> None:
    parts = [part(program) for program in programs]
    found = next(broken_band_rules(Band.model_validate(classes), parts), None)
    assert (found is None) == (set(classes) <= {item.inst_class for item in parts})
