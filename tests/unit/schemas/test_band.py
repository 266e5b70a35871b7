"""The words of a band: what may be written, what is meant, and what is refused and why."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.band import Band, BandMember, Instruments, class_name
from schemas.gm import CLASSES
from schemas.song import PartFacts


def _part(program: int, inst_class: str, *, is_drum: bool = False) -> PartFacts:
    return PartFacts(program=program, is_drum=is_drum, inst_class=inst_class, notes=1)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_known_whatever_its_capitals(name: str) -> None:
    assert class_name(f" {name.upper()} ") == name


@pytest.mark.parametrize(
    ("text", "meant"), [("Ensemble", "Strings (continued)"), ("Reeds", "Reed"), ("lead", "Synth Lead")]
)
def test_other_spellings_of_a_class_are_read(text: str, meant: str) -> None:
    assert class_name(text) == meant


def test_a_misspelt_class_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="no instrument class 'Guitra'; did you mean 'Guitar'"):
        class_name("Guitra")


def test_a_bare_list_asks_for_one_of_each_class_and_repeats_mean_nothing() -> None:
    band = Band.model_validate(["Guitar", "bass", "GUITAR"])
    assert [(member.inst_class, member.count, member.max_count) for member in band.members] == [
        ("Guitar", 1, None), ("Bass", 1, None),
    ]  # fmt: skip
    assert band.allow_others
    assert not band.exclude


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({}, "name one of inst_class, programs and any_of"),
        ({"inst_class": "Guitar", "programs": [3]}, "name one of inst_class, programs and any_of"),
        ({"inst_class": "Guitar", "count": 3, "max_count": 2}, "max_count must not be below count"),
        ({"inst_class": "Gitarre"}, "did you mean 'Guitar'"),
        ({"programs": [129]}, "less than or equal to 128"),
        ({"any_of": [{}]}, "name either an inst_class or programs"),
        ({"inst_class": "Guitar", "min_note": 5}, "not permitted"),
    ],
)
def test_a_member_that_says_nothing_or_contradicts_itself_is_refused(member: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Band(members=[BandMember.model_validate(member)])


def test_a_program_of_128_is_any_drum_kit_and_no_melodic_part() -> None:
    drums = Instruments(programs=[128])
    assert drums.takes(_part(8, "Drums", is_drum=True))
    assert not drums.takes(_part(8, "Chromatic Percussion"))
    assert not Instruments(programs=[8]).takes(_part(8, "Drums", is_drum=True))


def test_a_place_for_any_of_several_takes_each_of_them_and_no_other() -> None:
    keys = BandMember.model_validate({"any_of": ["Organ", {"programs": [4, 5]}]})
    assert keys.words == "Organ or program 4, 5"
    assert keys.takes(_part(16, "Organ"))
    assert keys.takes(_part(5, "Piano"))
    assert not keys.takes(_part(0, "Piano"))
