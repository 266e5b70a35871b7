"""Bands as they are written: the farm's own, files, and those inside a plan; mistakes say where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.bands import band_names, band_of, load_band
from farm.planning.plans import build_plan, load_plan
from schemas.band import Band
from schemas.errors import PlanError
from schemas.plan import DatasetPlan


@pytest.mark.parametrize("name", band_names())
def test_every_band_of_the_farm_can_be_read_and_is_called_as_its_file(name: str) -> None:
    band = load_band(name)
    assert band.name == name
    assert band.members


def test_the_farm_has_slakhs_rock_band_with_its_fifty_notes() -> None:
    assert [(member.inst_class, member.count, member.min_notes) for member in load_band("rock_band").members] == [
        ("Piano", 1, 50), ("Guitar", 1, 50), ("Bass", 1, 50), ("Drums", 1, 50),
    ]  # fmt: skip


def test_a_misspelt_band_names_the_nearest() -> None:
    with pytest.raises(
        PlanError, match=r"there is no band `rockband`\. Did you mean `rock_band`\? A file ends in \.yaml$"
    ):
        load_band("rockband")


def test_a_plan_holds_its_band_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "duo.yaml").write_text("members: [Piano, {inst_class: Bass, min_notes: 9}]\n", encoding="utf-8")
    path = tmp_path / "plan.yaml"
    path.write_text("source: midi\nfilters:\n  band: duo.yaml\n", encoding="utf-8")
    plan = load_plan(path)
    (tmp_path / "duo.yaml").unlink()
    band = DatasetPlan.model_validate_json(plan.model_dump_json()).filters.band
    assert isinstance(band, Band)
    assert (band.name, [member.min_notes for member in band.members]) == ("duo", [1, 9])


def test_a_band_by_name_and_the_same_written_out_are_one_plan() -> None:
    named = build_plan({"source": "midi", "filters": {"band": "rock_band"}})
    written = build_plan({"source": "midi", "filters": {"band": load_band("rock_band").model_dump()}})
    assert named.plan_hash == written.plan_hash
    assert named.plan_hash != build_plan({"source": "midi"}).plan_hash


def test_a_list_of_classes_and_details_is_a_band() -> None:
    plan = build_plan({"source": "midi", "filters": {"band": ["Piano", {"inst_class": "Guitar", "count": 2}]}})
    assert [member.count for member in band_of(plan.filters.band).members] == [1, 2]


def test_a_list_of_classes_stays_a_list_with_the_farms_spelling() -> None:
    plan = build_plan({"source": "midi", "filters": {"band": ["piano", "Bass"]}})
    assert plan.filters.band == ["Piano", "Bass"]


def test_a_plan_of_the_first_release_keeps_its_hash() -> None:
    values = {
        "source": "b", "seed": 7, "limit": 3, "filters": {"band": ["Piano", "Bass"], "min_notes": 9},
        "output": {"format": "wav", "bits": 32}, "mix": {"peak": "true"},
    }  # fmt: skip
    assert build_plan({"source": "a"}).plan_hash == "26e973b991554238a81898b0f96a9b66258dc4e0c1cb1759c45fdc2e4fa69eb2"
    assert build_plan(values).plan_hash == "aa8a32ae48187d8e0a4f25292e641f1c07b39f143fb99fef21a5ccc8e4a4b8b9"
    assert build_plan(values, {"duplicates.notes": "keep"}).plan_hash != build_plan(values).plan_hash


def test_an_old_plan_with_a_class_that_does_not_exist_is_read_and_cannot_be_planned() -> None:
    plan = DatasetPlan.model_validate_json('{"source": "midi", "filters": {"band": ["Kazoo"]}}')
    with pytest.raises(PlanError, match="no instrument class 'Kazoo'"):
        band_of(plan.filters.band)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("members: [Gitarre]", "band.yaml: `members.0.*did you mean 'Guitar'"),
        ("members: [{inst_class: Bass, min_note: 5}]", "`members.0.min_note`: there is no such key"),
        ("members: [", "is not YAML"),
        ("just words", "band.yaml"),
    ],
)
def test_a_band_that_cannot_be_read_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "band.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=message):
        load_band(str(path))


def test_a_band_that_is_not_there_is_an_error_of_the_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"cannot read the band .*none\.yaml"):
        load_band("none.yaml", tmp_path)


def test_a_misspelt_class_in_a_plan_names_the_key_and_the_nearest() -> None:
    with pytest.raises(PlanError, match=r"`filters\.band.*Guitra.*did you mean 'Guitar'"):
        build_plan({"source": "midi", "filters": {"band": ["Guitra"]}})
