"""Another patch for stems whose own has failed: which stems change, to what, and when there is none."""

from __future__ import annotations

from typing import Any

from farm.ledger.drawn import DrawnStem, PlayedStem
from farm.planning.draw import draw_stems, redraw_stems
from schemas.plan import DatasetPlan
from schemas.song import Part, SplitResult
from schemas.states import FailureReason
from tests.support.ledgers import engine_facts, plan, sha, split_result

FIVE: dict[str, Any] = {
    "programs": [0, 1],
    "patches": [{"name": name, "program": number} for number, name in enumerate("ABCDE", start=40)],
}


def mapped(*groups: dict[str, Any], **switches: Any) -> DatasetPlan:
    listed = [{"name": f"G{number}", **group} for number, group in enumerate(groups)]
    return plan(
        instruments={"map": {"name": "m", "groups": listed}, "tries": 16, **switches}, on_failed_stem="other_patch"
    )


def part(name: str, program: int, *keys: int) -> Part:
    mask = f"{sum(1 << key for key in keys):x}" if keys else ""
    values = {"name": name, "program": program, "keys": mask, "midi_sha256": sha(name)}
    return split_result("x", parts=1).parts[0].model_copy(update=values)


class Song:
    """A song whose stems are played; some of them fail."""

    def __init__(self, wanted: DatasetPlan, *parts: Part, song: object = "song") -> None:
        self.plan, self.hash = wanted, sha(song)
        self.split = SplitResult(parts=list(parts), duration_s=1.0)
        self.stems = {stem.part.name: stem for stem in draw_stems(wanted, engine_facts(), self.split, self.hash)}

    def choices(self) -> dict[str, str]:
        return {name: stem.job.patch.choice for name, stem in self.stems.items()}

    def fail(self, *names: str) -> list[DrawnStem]:
        """Let stems fail, and play the song with what is drawn then."""
        reasons = dict.fromkeys(names, FailureReason.ALL_ZERO)
        played = [
            PlayedStem(name, stem.job, reasons.get(name), "", name not in names, stem.instead_of)
            for name, stem in self.stems.items()
        ]
        changed = redraw_stems(self.plan, engine_facts(), self.split, self.hash, played)
        self.stems |= {stem.part.name: stem for stem in changed}
        return changed


def test_a_stem_gets_every_patch_of_its_group_once_and_then_none() -> None:
    song = Song(mapped(FIVE), part("S00", 0))
    seen = [song.choices()["S00"]]
    for number in range(1, 5):
        (changed,) = song.fail("S00")
        assert [spent.choice for spent in changed.instead_of] == seen
        assert (changed.instead_of[-1].reason, changed.instead_of[-1].stem) == (FailureReason.ALL_ZERO, "S00")
        seen.append(song.choices()["S00"])
        assert len(set(seen)) == number + 1
    assert song.fail("S00") == []


def test_there_are_no_more_tries_than_the_plan_allows() -> None:
    song = Song(mapped(FIVE, tries=2), part("S00", 0))
    assert [len(song.fail("S00")) for _ in range(3)] == [1, 1, 0]


def test_the_next_patch_depends_on_seed_and_song_alone_and_weights_count() -> None:
    songs = range(300)

    def second(wanted: DatasetPlan) -> list[str]:
        made = [Song(wanted, part("S00", 0), song=song) for song in songs]
        return [song.fail("S00")[0].job.patch.choice for song in made]

    assert second(mapped(FIVE)) == second(mapped(FIVE))
    assert second(mapped(FIVE)) != second(mapped(FIVE).model_copy(update={"seed": 1}))
    heavy = mapped({"programs": [0], "patches": [{"name": "X"}, {"name": "Y", "program": 1}, *FIVE["patches"]]})
    groups = heavy.model_dump()
    groups["instruments"]["map"]["groups"][0]["patches"][1]["weight"] = 1000
    found = second(DatasetPlan.model_validate(groups))
    assert found.count("Y") < 10, "the likely one was nearly always the first, and is not tried again"


def test_stems_that_share_a_patch_change_together_and_the_others_stay() -> None:
    song = Song(mapped(FIVE), part("S00", 0), part("S01", 1), part("S02", 0), part("S03", 0))
    before = song.choices()
    changed = song.fail("S02")
    assert [stem.part.name for stem in changed] == ["S00", "S02", "S03"]
    after = song.choices()
    assert len({after[name] for name in ("S00", "S02", "S03")}) == 1
    assert after["S00"] != before["S00"]
    assert after["S01"] == before["S01"]
    assert {stem.instead_of[0].stem for stem in changed} == {"S02"}
    spent = {stem.part.name: stem.instead_of[0].spec_hash is not None for stem in changed}
    assert spent == {"S00": True, "S02": False, "S03": True}, "what was rendered is known, so that it can go"


def test_a_stem_changes_alone_where_each_part_is_drawn_for_alone() -> None:
    song = Song(mapped(FIVE, same_program_same_patch=False), *(part(f"S0{number}", 0) for number in range(4)))
    assert [stem.part.name for stem in song.fail("S01", "S03")] == ["S01", "S03"]


def test_the_other_patch_has_the_keys_of_all_that_share_it() -> None:
    low, high = {"name": "low", "program": 1, "key_range": [0, 59]}, {"name": "wide", "program": 2}
    other = {"name": "other", "program": 3, "key_range": [30, 90]}
    wanted = mapped({"programs": [0], "patches": [low, high, other]})
    for number in range(10):
        song = Song(wanted, part("S00", 0, 40), part("S01", 0, 80), song=number)
        first = set(song.choices().values())
        assert set(song.choices().values()) | {stem.job.patch.choice for stem in song.fail("S00")} == {"wide", "other"}
        assert first != set(song.choices().values())
        assert song.fail("S01") == []


def test_parts_that_no_patch_can_play_together_change_each_for_itself() -> None:
    ranges = {"A": [0, 59], "B": [0, 59], "C": [60, 127], "D": [60, 127]}
    patches = [{"name": n, "program": i, "key_range": r} for i, (n, r) in enumerate(ranges.items())]
    song = Song(mapped({"programs": [0], "patches": patches}), part("S00", 0, 40), part("S01", 0, 80))
    before = song.choices()
    assert [stem.part.name for stem in song.fail("S01")] == ["S01"]
    assert {before["S01"], song.choices()["S01"]} == {"C", "D"}
    assert song.choices()["S00"] == before["S00"]


def test_the_same_preset_under_another_name_is_no_other_patch() -> None:
    twins = {"programs": [5], "patches": [{"name": "by number", "program": 5}, {"name": "its own"}]}
    assert Song(mapped(twins), part("S00", 5)).fail("S00") == []


def test_a_patch_that_another_program_has_is_the_last_resort_where_they_are_to_differ() -> None:
    for number in range(20):
        wanted = mapped({**FIVE, "patches": FIVE["patches"][:3]}, distinct_patches=True)
        song = Song(wanted, part("S00", 0), part("S01", 1), song=number)
        song.fail("S00")
        assert len(set(song.choices().values())) == 2
        assert len(song.fail("S00")) == 1, "the third is the other program's: better that than none"
        assert len(set(song.choices().values())) == 1


def test_one_failed_stem_without_another_patch_is_enough_for_none_to_change() -> None:
    lonely = {"programs": [2], "patches": [{"name": "only"}]}
    song = Song(mapped(FIVE, lonely), part("S00", 0), part("S01", 2))
    assert song.fail("S00", "S01") == []
