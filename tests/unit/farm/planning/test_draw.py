"""The drawing of patches: the job of a stem has every constant of its audio."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from farm.planning.draw import draw_stems, expected_s
from schemas.errors import LedgerError
from schemas.patch import DRUM_BANK, AssetRef, FluidSettings, Patch
from schemas.plan import DatasetPlan
from schemas.rules import MidiRules
from schemas.song import Part, SplitResult
from tests.support.ledgers import engine_facts, plan, sha, split_result


def test_every_part_gets_the_plans_engine_at_its_own_program() -> None:
    split = split_result("x", parts=3)
    wanted = plan(output={"rate_hz": 48000, "channels": 1}, tail_max_s=5, engine={"settings": {"gain": 0.7}})
    stems = draw_stems(wanted, engine_facts(), split)
    assert [stem.part for stem in stems] == split.parts
    for stem in stems:
        job = stem.job
        assert (job.midi_sha256, job.rate_hz, job.channels, job.tail_max_s) == (stem.part.midi_sha256, 48000, 1, 5)
        assert (job.patch.bank, job.patch.program, job.patch.settings) == (
            0,
            stem.part.program,
            FluidSettings(gain=0.7),
        )
        assert (job.patch.engine_version, job.patch.asset) == ("2.5.7", engine_facts().soundfont)


def test_drums_play_from_the_drum_bank_whatever_their_own() -> None:
    part = (
        split_result("x", parts=1).parts[0].model_copy(update={"is_drum": True, "bank": 7, "program": 25, "channel": 9})
    )
    stem = draw_stems(plan(), engine_facts(), SplitResult(parts=[part], duration_s=1.0))[0]
    assert (stem.job.patch.bank, stem.job.patch.program, stem.job.patch.is_drum) == (DRUM_BANK, 25, True)


def test_the_draw_depends_on_nothing_but_its_arguments() -> None:
    assert draw_stems(plan(), engine_facts(), split_result("x")) == draw_stems(
        plan(), engine_facts(), split_result("x")
    )


def test_longer_and_denser_parts_and_higher_rates_are_expected_to_take_longer() -> None:
    part = split_result("x", parts=1).parts[0]
    base = expected_s(part, 44100)
    assert base > 0
    assert expected_s(part.model_copy(update={"end_s": part.end_s * 2}), 44100) > base
    assert expected_s(part.model_copy(update={"notes": part.notes * 2}), 44100) > base
    assert expected_s(part, 88200) == pytest.approx(2 * base)


# ---------------------------------------------------------------- draws from an instrument map


def part(name: str, program: int, *keys: int, drums: bool = False) -> Part:
    base = split_result("x", parts=1).parts[0]
    mask = f"{sum(1 << key for key in set(keys)):x}" if keys else ""
    values = {"name": name, "program": program, "is_drum": drums, "bank": 128 if drums else 0, "keys": mask}
    return base.model_copy(update=values)


def mapped(*groups: dict[str, Any], **switches: Any) -> DatasetPlan:
    listed = [{"name": f"G{number}", **group} for number, group in enumerate(groups)]
    return plan(instruments={"map": {"name": "m", "groups": listed}, **switches})


def patches(wanted: DatasetPlan, *parts: Part, song: object = "song") -> dict[str, Patch]:
    split = SplitResult(parts=list(parts), duration_s=1.0)
    return {stem.part.name: stem.job.patch for stem in draw_stems(wanted, engine_facts(), split, sha(song))}


def choices(wanted: DatasetPlan, *parts: Part, song: object = "song") -> list[str]:
    return [patch.choice for patch in patches(wanted, *parts, song=song).values()]


def named(*names: str, **values: Any) -> list[dict[str, Any]]:
    return [{"name": name, **values} for name in names]


PIANO: dict[str, Any] = {"programs": [0, 1], "patches": named("A", "B", "C", "D")}


def test_a_patch_is_drawn_in_proportion_to_its_weight() -> None:
    wanted = mapped({"programs": [0], "patches": [{"name": "rare"}, {"name": "often", "weight": 3}]})
    counts = Counter(choices(wanted, part("S00", 0), song=number)[0] for number in range(2000))
    assert counts["often"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_the_draw_depends_on_seed_song_and_program_and_on_nothing_else() -> None:
    songs = range(40)

    def drawn(program: int = 0, seed: int = 0, patches: list[dict[str, Any]] = PIANO["patches"]) -> list[str]:
        wanted = mapped({"programs": [0, 1], "patches": patches}).model_copy(update={"seed": seed})
        return [choices(wanted, part("S03", program), song=song)[0] for song in songs]

    assert len(set(drawn())) == 4
    assert drawn() == drawn(patches=PIANO["patches"][::-1]), "the order in which the map lists them is not one"
    assert drawn() != drawn(seed=1)
    assert drawn() != drawn(program=1)


def test_parts_of_one_program_share_their_patch_unless_the_plan_says_otherwise() -> None:
    parts = [part(f"S{number:02d}", 0) for number in range(12)]
    assert all(len(set(choices(mapped(PIANO), *parts, song=song))) == 1 for song in range(10))
    apart = mapped(PIANO, same_program_same_patch=False)
    assert len(set(choices(apart, *parts))) == 4
    assert choices(apart, *parts) == choices(apart, *parts)


def test_programs_of_a_song_share_no_patch_where_the_plan_wants_it_and_the_group_has_others() -> None:
    listed = [{"name": name, "program": number} for number, name in enumerate("ABC")]
    group = {"programs": [0, 1, 2, 3], "patches": listed}
    parts = [part(f"S{number:02d}", number) for number in range(3)]
    songs = range(30)
    assert any(len(set(choices(mapped(group), *parts, song=song))) < 3 for song in songs)
    apart = mapped(group, distinct_patches=True)
    assert all(len(set(choices(apart, *parts, song=song))) == 3 for song in songs)
    assert all(len(choices(apart, *parts, part("S03", 3), song=song)) == 4 for song in songs), "and then they do"
    twice = choices(apart, parts[0], parts[0].model_copy(update={"name": "S01"}))
    assert twice[0] == twice[1], "parts of one program still have one patch"


def test_drum_parts_share_a_patch_where_their_kits_are_the_same() -> None:
    drums = {"programs": [128], "patches": named("A", "B", "C", "D")}
    parts = [part("S00", 0, drums=True), part("S01", 0, drums=True), part("S02", 40, drums=True)]
    drawn = [choices(mapped(drums), *parts, song=song) for song in range(30)]
    assert all(first == second for first, second, _ in drawn)
    assert any(first != other for first, _, other in drawn)


def test_a_patch_whose_key_range_a_part_leaves_is_not_drawn() -> None:
    low, high = {"name": "low", "key_range": [20, 59]}, {"name": "high", "key_range": [60, 90]}
    wanted = mapped({"programs": [0], "patches": [low, high]})
    for song in range(10):
        assert choices(wanted, part("S00", 0, 40, 59), song=song) == ["low"]
        assert choices(wanted, part("S00", 0, 60, 90), song=song) == ["high"]
        # No patch can play both parts of the program: each gets one that plays it.
        assert choices(wanted, part("S00", 0, 40), part("S01", 0, 70), song=song) == ["low", "high"]
    assert choices(wanted, part("S00", 0, 40, 70)) == [], "and a part that none can play gets no stem"


def test_parts_that_share_a_patch_draw_one_that_can_play_them_all() -> None:
    narrow, wide = {"name": "narrow", "key_range": [60, 72], "weight": 1000}, {"name": "wide"}
    wanted = mapped({"programs": [0], "patches": [narrow, wide]})
    assert choices(wanted, part("S00", 0, 60), part("S01", 0, 100)) == ["wide", "wide"]
    assert choices(wanted, part("S00", 0, 60), part("S01", 0, 70)) == ["narrow", "narrow"]


def test_a_key_range_holds_for_the_keys_that_are_played() -> None:
    bass = {"programs": [33], "patches": [{"name": "P", "key_range": [40, 60]}], "rules": {"shift": 12}}
    assert choices(mapped(bass), part("S00", 33, 28)) == ["P"]
    assert choices(mapped(bass, rules=False), part("S00", 33, 28)) == []


def test_a_part_whose_program_has_no_patch_gets_no_stem() -> None:
    wanted = mapped({"programs": [0], "patches": named("P")}, {"programs": [5], "patches": []})
    assert list(patches(wanted, part("S00", 0), part("S01", 5), part("S02", 9))) == ["S00"]


def test_rules_and_octaves_of_the_choice_are_in_the_job_and_the_plan_switches_the_rules() -> None:
    patch = {"name": "P", "octave_offset": -1}
    bass = {"programs": [33], "patches": [patch], "rules": {"shift": 12, "fold": [35, 79]}}
    made = patches(mapped(bass), part("S00", 33))["S00"]
    assert (made.group, made.choice, made.octave_offset) == ("G0", "P", -1)
    assert made.rules == MidiRules(shift=12, fold=(35, 79))
    assert patches(mapped(bass, rules=False), part("S00", 33))["S00"].rules is None


@pytest.mark.parametrize(
    ("choice", "drums", "expected"),
    [
        ({}, False, (7, 24)),
        ({"program": 26}, False, (0, 26)),
        ({"bank": 8}, False, (8, 24)),
        ({"bank": 8, "program": 26}, False, (8, 26)),
        ({}, True, (DRUM_BANK, 24)),
        ({"program": 16}, True, (DRUM_BANK, 16)),
    ],
)
def test_bank_and_program_are_the_choices_or_the_parts_own(
    choice: dict[str, int], drums: bool, expected: tuple[int, int]
) -> None:
    wanted = mapped({"programs": [24, 128], "patches": [{"name": "P", **choice}]})
    own = part("S00", 24, drums=drums).model_copy(update={"bank": DRUM_BANK if drums else 7})
    patch = patches(wanted, own)["S00"]
    assert (patch.bank, patch.program) == expected


def test_a_choice_may_have_a_soundfont_and_a_licence_of_its_own() -> None:
    other = AssetRef(name="Other", sha256=sha("other"), size_bytes=2, licence="unknown", path="other.sf2")
    facts = engine_facts().model_copy(update={"soundfonts": {"Other": other}})
    groups = [
        {"programs": [0], "patches": [{"name": "P", "soundfont": "Other", "licence": "CC0-1.0"}]},
        {"programs": [1], "patches": [{"name": "P"}]},
    ]
    split = SplitResult(parts=[part("S00", 0), part("S01", 1)], duration_s=1.0)
    first, second = (stem.job.patch for stem in draw_stems(mapped(*groups), facts, split, sha("x")))
    assert (first.asset.sha256, first.asset.licence) == (other.sha256, "CC0-1.0")
    assert second.asset == facts.soundfont
    assert first.load_key != second.load_key
    with pytest.raises(LedgerError, match="Other of the patch P was never probed"):
        draw_stems(mapped(*groups), engine_facts(), split, sha("x"))
