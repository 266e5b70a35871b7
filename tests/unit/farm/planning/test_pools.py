"""Pools of soundfonts: read from words, narrowed by genres, drawn from so that one change is one change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from farm.planning.draw import draw_stems, redraw_stems
from farm.planning.plans import build_plan, load_plan
from farm.planning.pools import drawn_from
from schemas.compose import ComposePlan
from schemas.errors import AssetError, PlanError
from schemas.patch import AssetRef, EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.pools import SoundfontChoice
from schemas.song import Part, SplitResult
from tests.support.assets import own_registry
from tests.support.ledgers import engine_facts, sha
from tests.support.soundfont import write_soundfont

SONGS = [sha(f"song {number}") for number in range(400)]


def choice(name: str, **more: Any) -> SoundfontChoice:
    return SoundfontChoice.model_validate({"name": name, "soundfont": f"{name}.sf2", **more})


def winners(pool: list[SoundfontChoice], key: str = "melody") -> list[str]:
    found = [drawn_from(pool, 1, song, [key]) for song in SONGS]
    return [font.name for font in found if font is not None]


# ---------------------------------------------------------------- the draw


def test_a_soundfont_more_takes_only_what_it_wins() -> None:
    small = winners([choice("A"), choice("B"), choice("C")])
    large = winners([choice("D"), choice("C"), choice("B"), choice("A")])
    changed = [new for old, new in zip(small, large, strict=True) if old != new]
    assert set(changed) == {"D"}
    assert 60 < len(changed) < 140, "about a quarter"


def test_one_less_gives_away_only_what_it_had() -> None:
    whole, less = winners([choice("A"), choice("B"), choice("C")]), winners([choice("A"), choice("B")])
    assert all(new == old for old, new in zip(whole, less, strict=True) if old != "C")


def test_weights_are_shares_and_layers_are_drawn_apart() -> None:
    counts = Counter(winners([choice("A", weight=3), choice("B")]))
    assert 260 < counts["A"] < 340
    pool = [choice("A"), choice("B")]
    both = Counter(zip(winners(pool, "melody"), winners(pool, "harmony"), strict=True))
    assert len(both) == 4
    assert min(both.values()) > 60


def test_an_empty_pool_draws_nothing() -> None:
    assert drawn_from([], 1, SONGS[0], ["melody"]) is None


# ---------------------------------------------------------------- words


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with two pianos that are here, one that is not, and a kit."""
    folder = tmp_path / "assets"
    monkeypatch.setenv("FARM_ASSETS", str(folder))
    fonts: list[dict[str, Any]] = [
        {"name": "Grand", "files": ["g.sf2"], "tags": ["piano"], "licence": "MIT", "path": str(tmp_path / "g.sf2")},
        {"name": "Upright", "files": ["u.sf2"], "tags": ["piano", "old"], "licence": "GPL-2.0-only", "program": 0,
         "path": str(tmp_path / "u.sf2")},
        {"name": "Gone", "files": ["x.sf2"], "tags": ["piano", "lost"], "licence": "MIT"},
        {"name": "Brushes", "files": ["b.sf2"], "tags": ["brushes"], "layers": ["beat"], "path": str(tmp_path / "b.sf2")},
    ]  # fmt: skip
    own_registry(folder, soundfonts=fonts)
    for name in ("g", "u", "b"):
        write_soundfont(tmp_path / f"{name}.sf2")
    return folder


def read(pools: Any, folder: Path | None = None, **more: Any) -> ComposePlan:
    values = {"compose": {"genres": ["jazz"], "soundfonts": pools}, **more}
    made = build_plan(values, where="plan.yaml", folder=folder).compose
    assert made is not None
    return made


def named(plan: ComposePlan, layer: str) -> list[str]:
    pool = plan.pool(layer, "jazz")
    return [] if pool is None else [font.name for font in pool]


def test_words_are_names_tags_paths_and_patches(assets: Path, tmp_path: Path) -> None:
    written = {"name": "Own", "soundfont": "fonts/own.sf2", "program": 3, "weight": 2}
    pool = ["grand", "fonts/a.sf2", "old", written, "Grand"]
    made = read({"melody": pool, "bassline": ["piano"]}, folder=tmp_path)
    assert named(made, "melody") == ["Grand", "a", "Upright", "Own"]
    assert named(made, "bassline") == ["Grand", "Upright"], "a tag stands for what is installed"
    assert made.pool("harmony", "jazz") is None
    fonts = {font.name: font for font in made.pool("melody", "jazz") or []}
    assert fonts["a"].soundfont == str(tmp_path / "fonts" / "a.sf2")
    assert (fonts["Own"].soundfont, fonts["Own"].program) == (str(tmp_path / "fonts" / "own.sf2"), 3)
    assert (fonts["Upright"].soundfont, fonts["Upright"].program) == ("Upright", 0)
    assert made.soundfont_words == sorted(["Grand", "Upright", fonts["a"].soundfont, fonts["Own"].soundfont])


def test_the_pool_of_every_layer_goes_by_roles_and_the_tags_of_the_genre(assets: Path) -> None:
    made = read({"*": ["Grand", "Upright", "Brushes", "TimGM6mb"], "bassline": ["Upright"]})
    assert named(made, "beat") == ["Brushes"], "jazz asks for brushes"
    assert named(made, "harmony") == ["Grand", "Upright"], "jazz asks for pianos"
    assert named(made, "melody") == ["Grand", "Upright", "TimGM6mb"], "nothing has a tag: all that are for melodies"
    assert named(made, "bassline") == ["Upright"]


def test_a_genre_whose_tags_change_plays_on_other_soundfonts(assets: Path) -> None:
    made = read({"*": ["Grand", "Upright", "TimGM6mb"]})
    genre = made.genres[0]
    assert not isinstance(genre, str)
    layer = genre.layers["melody"].model_copy(update={"tags": ["old"]})
    other = genre.model_copy(update={"layers": {**genre.layers, "melody": layer}})
    assert named(made.model_copy(update={"genres": [other]}), "melody") == ["Upright"]


def test_a_forbidden_licence_leaves_a_tag(assets: Path) -> None:
    assert named(read({"melody": ["piano"]}, licences={"deny": ["GPL-*"]}), "melody") == ["Grand"]
    with pytest.raises(PlanError, match=r"forbids every soundfont with the tag old: Upright \(GPL-2.0-only\)"):
        read({"melody": ["old"]}, licences={"deny": ["GPL-*"]})


@pytest.mark.parametrize(
    ("pools", "words", "hint"),
    [
        ({"melodie": ["Grand"]}, "no genre of the plan has a layer melodie", "Did you mean `melody`?"),
        ({"melody": ["pianos"]}, "there is no soundfont and no tag pianos", "Did you mean `piano`?"),
        ({"melody": [{"soundfont": "Grand"}]}, "`name`", "at least `name`"),
        ({"melody": [{"name": "A", "soundfont": "Grand", "colour": 1}]}, "`colour`: unknown key", "at least"),
        ({"melody": [3]}, r"compose\.soundfonts\.melody\.0` is 3", "Write the name"),
        ({"melody": []}, "the pool of melody is empty", ""),
        ({"melody": "Grand"}, r"compose\.soundfonts\.melody", ""),
    ],
)  # fmt: skip
def test_words_that_mean_nothing_are_named(assets: Path, pools: Any, words: str, hint: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        read(pools)
    assert hint in caught.value.hint
    assert "plan.yaml" in caught.value.message


def test_a_tag_of_which_nothing_is_here_says_what_to_fetch(assets: Path) -> None:
    with pytest.raises(AssetError, match="no soundfont with the tag lost is installed here; known are Gone") as caught:
        read({"melody": ["lost"]})
    assert caught.value.hint == "`farm assets fetch Gone`"


def test_paths_are_relative_to_the_plan_and_do_not_make_another(assets: Path, tmp_path: Path) -> None:
    hashes = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "plan.yaml"
        path.write_text("compose: {genres: [pop], soundfonts: {melody: [a.sf2]}}\n", encoding="utf-8")
        plan = load_plan(path)
        assert plan.soundfont_words == [str(tmp_path / name / "a.sf2")]
        hashes.add(plan.plan_hash)
    assert len(hashes) == 1
    other = build_plan({"compose": {"genres": ["pop"], "soundfonts": {"melody": ["b.sf2"]}}}, folder=tmp_path)
    assert other.plan_hash not in hashes


def test_a_whole_song_is_not_played_on_pools(assets: Path) -> None:
    with pytest.raises(PlanError, match="leave the pools out"):
        read({"melody": ["Grand"]}, mix={"made_of": "song"})


# ---------------------------------------------------------------- songs


def font(name: str) -> AssetRef:
    return AssetRef(name=name, sha256=sha(name), size_bytes=1, licence="CC0-1.0", path=f"{name}.sf2")


FACTS: EngineFacts = engine_facts().model_copy(
    update={"soundfonts": {f"{name}.sf2": font(name) for name in ("A", "B", "C", "D")}}
)


def part(name: str, layer: str, program: int, *, is_drum: bool = False) -> Part:
    return Part(
        name=name, track=1, track_name=layer, channel=0, bank=128 if is_drum else 0, program=program, is_drum=is_drum,
        notes=3, end_s=1.0, midi_sha256=sha(name), keys=f"{1 << 40 | 1 << 60:x}",
    )  # fmt: skip


SPLIT = SplitResult(
    parts=[
        part("S00", "beat", 8, is_drum=True),
        part("S01", "melody", 5),
        part("S02", "harmony", 5),
        part("S03", "bassline", 33),
    ],
    duration_s=1.0,
    genre="pop",
)


def plan(pools: dict[str, list[SoundfontChoice]], **more: Any) -> DatasetPlan:
    return build_plan({"compose": {"genres": ["pop"], "soundfonts": pools}, **more})


def patches(made: DatasetPlan, song: str = SONGS[0]) -> dict[str, Patch]:
    return {stem.part.track_name: stem.job.patch for stem in draw_stems(made, FACTS, SPLIT, song)}


def test_layers_with_a_pool_are_played_from_it_and_others_as_ever() -> None:
    found = patches(plan({"beat": [choice("A")], "melody": [choice("B", program=7)], "harmony": [choice("C", bank=3)]}))
    assert {layer: patch.asset.name for layer, patch in found.items()} == {
        "beat": "A", "melody": "B", "harmony": "C", "bassline": FACTS.soundfont.name,
    }  # fmt: skip
    assert {layer: (patch.bank, patch.program) for layer, patch in found.items()} == {
        "beat": (128, 8), "melody": (0, 7), "harmony": (3, 5), "bassline": (0, 33),
    }  # fmt: skip
    assert (found["melody"].group, found["melody"].choice, found["bassline"].choice) == ("melody", "B", "")


def test_a_change_of_one_pool_changes_only_its_layer() -> None:
    pool = [choice("A"), choice("B")]
    one = plan({"melody": pool, "harmony": pool})
    two = plan({"melody": [choice("C"), choice("D")], "harmony": pool})
    for song in SONGS[:20]:
        old, new = patches(one, song), patches(two, song)
        assert {layer for layer in old if old[layer] != new[layer]} == {"melody"}


def test_layers_of_one_program_are_drawn_apart() -> None:
    made = plan({"melody": [choice("A"), choice("B")], "harmony": [choice("A"), choice("B")]})
    pairs = {
        (found["melody"].choice, found["harmony"].choice) for found in (patches(made, song) for song in SONGS[:40])
    }
    assert len(pairs) == 4


def test_a_soundfont_without_the_keys_is_not_drawn() -> None:
    made = plan(
        {"melody": [choice("A", key_range=[50, 90]), choice("B")], "harmony": [choice("C", key_range=[50, 90])]}
    )
    assert {patches(made, song)["melody"].choice for song in SONGS[:20]} == {"B"}
    assert "harmony" not in patches(made), "nothing of its pool has its keys"


def test_a_pool_stands_above_the_instrument_map() -> None:
    groups = [{"name": "All", "programs": [5, 33], "patches": [{"name": "Mapped", "program": 1}]}]
    made = plan({"melody": [choice("A")]}, instruments={"map": {"name": "m", "groups": groups}})
    found = patches(made)
    assert {layer: patch.choice for layer, patch in found.items()} == {
        "melody": "A", "harmony": "Mapped", "bassline": "Mapped",
    }  # fmt: skip


def test_rules_and_octaves_of_a_choice_are_played() -> None:
    made = plan({"melody": [choice("A", octave_offset=1, rules={"shift": -12})]})
    melody = patches(made)["melody"]
    assert melody.octave_offset == 1
    assert melody.rules is not None
    assert (
        patches(made.model_copy(update={"instruments": made.instruments.model_copy(update={"rules": False})}))[
            "melody"
        ].rules
        is None
    )


def test_a_soundfont_that_fails_is_replaced_from_its_pool() -> None:
    from farm.ledger.drawn import PlayedStem
    from schemas.states import FailureReason

    made = plan({"melody": [choice("A"), choice("B")]}, on_failed_stem="other_patch")
    stems = draw_stems(made, FACTS, SPLIT, SONGS[0])
    played = [
        PlayedStem(
            name=stem.part.name, job=stem.job, rendered=stem.part.name != "S01",
            failed=FailureReason.ENGINE_CRASH if stem.part.name == "S01" else None, detail="", replaced=(),
        )
        for stem in stems
    ]  # fmt: skip
    again = redraw_stems(made, FACTS, SPLIT, SONGS[0], played)
    first = next(stem.job.patch.choice for stem in stems if stem.part.name == "S01")
    assert [(stem.part.name, stem.job.patch.choice) for stem in again] == [("S01", {"A": "B", "B": "A"}[first])]
