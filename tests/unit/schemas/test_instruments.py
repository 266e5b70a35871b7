"""Instrument maps: rules, claims, and what they change in the hashes of plans and stems."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.errors import PlanError
from schemas.instruments import InstrumentGroup, InstrumentMap, InstrumentPlan, PatchChoice
from schemas.job import RenderJob
from schemas.patch import AssetRef, Patch
from schemas.plan import DatasetPlan
from schemas.rules import MidiRules

BASS = MidiRules(fold=(35, 79), shift=12)


def test_rules_go_in_the_order_fold_shift_moves() -> None:
    assert [BASS.key(key) for key in (23, 28, 34, 35, 79, 80, 127)] == [47, 52, 58, 47, 91, 80, 91]
    assert MidiRules(fold=(60, 71), shift=1, moves={72: 20}).key(83) == 20
    assert MidiRules(moves={28: 36}, shift=8).key(20) == 36


def test_rules_that_are_switched_off_change_nothing() -> None:
    off = MidiRules(fold=(35, 79), shift=12, moves={60: 61}, enabled=False)
    assert [off.key(key) for key in range(128)] == list(range(128))
    assert not off.changes
    assert BASS.changes


def test_equal_rules_are_one_key_of_a_dictionary() -> None:
    rules = [MidiRules(moves={1: 2, 3: 4}), MidiRules(moves={3: 4, 1: 2})]
    assert len(set(rules)) == 1


@pytest.mark.parametrize("fold", [(60, 70), (60, 50)])
def test_a_fold_that_some_keys_cannot_enter_is_refused(fold: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="whole octave"):
        MidiRules(fold=fold)


def group(name: str, *programs: int, patches: int = 1, **values: object) -> dict[str, object]:
    return {"name": name, "programs": programs, "patches": [{"name": f"P{n}"} for n in range(patches)], **values}


def test_a_program_that_two_groups_claim_is_an_error_that_names_them() -> None:
    with pytest.raises(ValidationError, match=r"claimed twice: 0 by Piano and Keys, 4 by Piano and Keys"):
        InstrumentMap.model_validate({"name": "m", "groups": [group("Piano", 0, 1, 4), group("Keys", 4, 0)]})


def test_programs_without_a_patch_are_unmapped_whether_claimed_or_not() -> None:
    made = InstrumentMap.model_validate(
        {"name": "m", "groups": [group("All", *range(127)), group("Effects", 127, patches=0)]}
    )
    assert made.unmapped == [127, 128]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (group("Piano", 0, 0), "0 twice among its programs"),
        (group("Piano", 129), "less than or equal to 128"),
        ({**group("Piano", 0), "patches": [{"name": "A"}, {"name": "A"}]}, "A twice among its patches"),
        ({**group("Piano", 0), "patches": [{"name": "A", "weight": 0}]}, "greater than 0"),
        ({**group("Piano", 0), "patches": [{"name": "A", "key_range": [60, 20]}]}, "lowest key"),
        (group("Piano", 0, inst_class="Pianos of all sorts"), "no instrument class"),
    ],
)
def test_a_group_that_cannot_be_meant_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        InstrumentGroup.model_validate(values)


def test_misspelt_classes_of_slakh_are_mended() -> None:
    assert InstrumentGroup.model_validate(group("Bassoon", 70, inst_class="Reeds")).inst_class == "Reed"


def test_a_key_range_counts_after_the_rules() -> None:
    patch = PatchChoice(name="Bass", key_range=(40, 60))
    assert not patch.fits([28, 40])
    assert patch.fits([28, 40], MidiRules(shift=12))
    assert not patch.fits([28, 60], MidiRules(shift=12))


def test_a_patchs_own_rules_replace_those_of_its_group() -> None:
    own = PatchChoice(name="own", rules=MidiRules(shift=1))
    none = PatchChoice(name="none", rules=MidiRules())
    made = InstrumentGroup(name="Bass", programs=[33], patches=[own, none, PatchChoice(name="group")], rules=BASS)
    assert [made.rules_of(patch) for patch in made.patches] == [MidiRules(shift=1), None, BASS]
    assert InstrumentPlan(rules=False).rules_of(made, made.patches[2]) is None


def test_a_plan_whose_map_was_never_read_says_so() -> None:
    with pytest.raises(PlanError, match="gm-lax was never read"):
        _ = InstrumentPlan(map="gm-lax").loaded


ASSET = AssetRef(name="T", sha256="a" * 64, size_bytes=1, path="x")


def spec_hash(**values: object) -> str:
    patch = Patch.model_validate(
        {"engine": "fluidsynth", "engine_version": "2.5.7", "asset": ASSET, "bank": 0, "program": 3, **values}
    )
    return RenderJob(midi_sha256="b" * 64, patch=patch).spec_hash


def test_hashes_of_plans_and_stems_without_a_map_are_those_of_the_first_release() -> None:
    assert DatasetPlan(source="x").plan_hash == "26e973b991554238a81898b0f96a9b66258dc4e0c1cb1759c45fdc2e4fa69eb2"
    assert spec_hash() == "5086b014f1ec5b363a5803fc5977c529a2469cafea03e075d042a33098bab896"


def test_only_the_rules_of_a_patch_change_the_audio() -> None:
    assert spec_hash(group="Piano", choice="Grand", octave_offset=-1) == spec_hash()
    hashes = {spec_hash(), *(spec_hash(rules=rules) for rules in (BASS, MidiRules(shift=12), MidiRules(moves={1: 2})))}
    assert len(hashes) == 4


def mapped(soundfont: str, weight: float = 1) -> DatasetPlan:
    patch = {"name": "P", "soundfont": soundfont, "weight": weight}
    groups = [{"name": "All", "programs": [0], "patches": [patch]}]
    return DatasetPlan.model_validate({"source": "x", "instruments": {"map": {"name": "m", "groups": groups}}})


def test_a_plans_hash_knows_what_its_map_says_and_not_where_its_soundfonts_lie() -> None:
    base = mapped("/a/one.sf2").plan_hash
    assert base == mapped("/b/c/one.sf2").plan_hash
    assert (
        len(
            {base, DatasetPlan(source="x").plan_hash, mapped("/a/two.sf2").plan_hash, mapped("/a/one.sf2", 2).plan_hash}
        )
        == 4
    )
    read_again = DatasetPlan.model_validate_json(mapped("/a/one.sf2").model_dump_json())
    assert read_again == mapped("/a/one.sf2")
