"""The farm's own genres, and how plans name genres: read, merged, complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.genrefill import complete, defaults
from farm.planning.genres import genre_names, genre_of, load_genre, with_genres
from farm.planning.plans import build_plan, load_plan
from schemas.errors import PlanError
from schemas.genre import CHORD_TYPES, METERS, SECTIONS, Genre, progression_modes
from schemas.plan import DatasetPlan
from schemas.score import PPQ

NINE = ["blues", "classical", "electronic", "hip-hop", "jazz", "latin", "pop", "reggae", "rock"]
#: Fields that only some genres have a use for.
OPTIONAL = {"chord_filter"}

every_genre = pytest.mark.parametrize("name", genre_names())


def _divides(meter: str, line: str) -> bool:
    numerator, denominator = map(int, meter.split("/"))
    entries = len(line.split(","))
    return entries % numerator == 0 and (PPQ * 4 * numerator // denominator) % entries == 0


def test_the_farm_has_nine_genres() -> None:
    assert genre_names() == NINE


@every_genre
def test_a_genre_says_every_field(name: str) -> None:
    genre = load_genre(name)
    assert genre.name == name
    assert set(Genre.model_fields) - genre.model_fields_set - OPTIONAL == set()
    assert all(getattr(genre, field) not in ({}, []) for field in genre.model_fields_set)


@every_genre
def test_a_genre_has_drums_for_every_section_and_its_end_in_each_of_its_meters(name: str) -> None:
    genre = load_genre(name)
    assert set(genre.patterns) == {meter for meter, weight in genre.meters.items() if weight > 0}
    for meter, table in genre.patterns.items():
        assert {name for name in table if "/" not in name} == {
            section + end for section in SECTIONS for end in ("", "_roll")
        }
        assert [line for lines in table.values() for line in lines if not _divides(meter, line)] == []


@every_genre
def test_rhythms_of_a_genre_fit_its_meters_and_every_meter_has_some(name: str) -> None:
    genre = load_genre(name)
    for spec in genre.layers.values():
        words = [rhythm.split(" ") for rhythm in spec.rhythms]
        assert all(meter in genre.meters and _divides(meter, ",".join(strikes)) for meter, strikes in words)
        if words and spec.role == "bassline":
            assert {meter for meter, _ in words} == set(genre.meters)


@every_genre
def test_chains_of_a_genre_lead_on_from_every_symbol(name: str) -> None:
    genre = load_genre(name)
    for matrix in (genre.chord_matrix, genre.minor_chord_matrix, genre.melody_matrix):
        assert matrix is not None
        assert matrix.symbols - set(matrix.transitions) == set()
    tonic = {"I", "I7", "i", "i7"}
    assert genre.chord_matrix
    assert genre.minor_chord_matrix
    assert tonic & genre.chord_matrix.symbols
    assert tonic & genre.minor_chord_matrix.symbols


@every_genre
def test_weights_of_a_genre_are_shares_and_its_filter_lets_its_types_through(name: str) -> None:
    genre = load_genre(name)
    for field in ("tempos", "swings", "meters", "keys", "chord_types", "inversions", "harmonic_rhythm", "structures"):
        assert sum(getattr(genre, field).values()) == pytest.approx(1.0), field
    assert genre.chord_filter is None or set(genre.chord_types) <= set(genre.chord_filter)


@every_genre
def test_progressions_of_a_genre_are_of_one_mode_and_both_modes_have_some_in_each_section(name: str) -> None:
    for lines in load_genre(name).progressions.values():
        modes = [progression_modes(line) for line in lines]
        assert all(len(of) == 1 for of in modes)
        assert {mode for of in modes for mode in of} == {"major", "minor"}


def test_defaults_have_24_keys_seven_meters_and_enough_of_everything() -> None:
    base = defaults()
    assert len(base.keys) == 24
    assert set(base.meters) == set(base.patterns) == set(METERS)
    assert len(base.structures) >= 23
    assert sum(len(lines) for lines in base.progressions.values()) >= 200
    assert len(base.tempos) == 11
    assert set(base.layers) == {"beat", "melody", "harmony", "bassline"}
    assert set(base.chord_types) <= set(CHORD_TYPES)
    for meter, table in base.patterns.items():
        assert [line for lines in table.values() for line in lines if not _divides(meter, line)] == []


@every_genre
def test_a_complete_genre_stays_as_it_is(name: str) -> None:
    whole = complete(load_genre(name))
    assert complete(Genre.model_validate_json(whole.model_dump_json())) == whole


def test_what_a_genre_does_not_say_the_defaults_say() -> None:
    whole = complete(Genre(name="bare", tempo_bpm=(100, 110), layers={"lead": {"role": "melody"}}))  # type: ignore[dict-item]
    base = defaults()
    assert whole.tempo_bpm == (100.0, 110.0)
    assert whole.tempos == {}, "buckets belong to the range that is said"
    assert whole.keys == base.keys
    assert whole.structures == base.structures
    assert list(whole.layers) == ["lead"]
    assert whole.layers["lead"].programs == base.layers["melody"].programs
    assert whole.section_bars["verse"] == base.section_bars["verse"]


def test_a_section_that_the_defaults_do_not_know_is_made_like_a_verse() -> None:
    whole = complete(Genre(name="parts", structures={"solo-head": 1}, meters={"3/4": 1}))
    base = defaults()
    assert whole.section_bars == {"head": base.section_bars["verse"], "solo": base.section_bars["verse"]}
    assert whole.patterns == {
        "3/4": {
            f"{name}{end}": base.patterns["3/4"][f"verse{end}"] for name in ("solo", "head") for end in ("", "_roll")
        }
    }


def test_progressions_are_filled_only_for_modes_that_lack_them() -> None:
    whole = complete(
        Genre(name="two", keys={"C": 1, "Am": 1}, structures={"verse-chorus": 1}, progressions={"verse": ["I,V"]})
    )
    assert [line for line in whole.progressions["verse"] if progression_modes(line) == {"major"}] == ["I,V"]
    assert [line for line in whole.progressions["chorus"] if progression_modes(line) == {"major"}] == ["I,V"]
    assert [line for line in whole.progressions["verse"] if progression_modes(line) == {"minor"}]


def test_a_filter_that_leaves_nothing_to_draw_is_named() -> None:
    with pytest.raises(PlanError, match="narrow: `chord_filter` leaves nothing to draw: of sus2 none has a weight"):
        complete(Genre(name="narrow", chord_filter=["sus2"], chord_types={"maj": 1}))


def test_a_misspelt_genre_names_the_nearest() -> None:
    with pytest.raises(PlanError, match=r"there is no genre `jaz`\. Did you mean `jazz`\?"):
        load_genre("jaz")
    with pytest.raises(PlanError, match=r"there is no genre at .*gone"):
        load_genre("./gone")


def test_a_plan_holds_its_genres_whatever_becomes_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "genre.yaml").write_text("tempo_bpm: [100, 101]\n", encoding="utf-8")
    path = tmp_path / "plan.yaml"
    path.write_text("compose: {genres: [mine, jazz], together: false, count: 3}\n", encoding="utf-8")
    plan = load_plan(path)
    (tmp_path / "mine" / "genre.yaml").unlink()
    asked = DatasetPlan.model_validate_json(plan.model_dump_json()).compose
    assert asked is not None
    assert [genre.name for genre in asked.genres if isinstance(genre, Genre)] == ["mine", "jazz"]
    assert isinstance(asked.genres[0], Genre)
    assert asked.genres[0].tempo_bpm == (100.0, 101.0)
    assert asked.genres[1] == complete(load_genre("jazz"))


def test_genres_together_are_one_and_the_plan_is_the_same_read_again() -> None:
    plan = build_plan({"compose": {"genres": ["jazz", "latin"], "count": 2}})
    assert plan.compose is not None
    (genre,) = plan.compose.genres
    assert isinstance(genre, Genre)
    assert genre.name == "jazz+latin"
    assert genre == genre_of([load_genre("jazz"), load_genre("latin")])
    assert build_plan(plan.model_dump(mode="json")).plan_hash == plan.plan_hash


def test_without_a_genre_songs_are_of_the_defaults() -> None:
    plan = build_plan({"compose": {"count": 1}})
    assert plan.compose is not None
    assert plan.compose.genres == [complete(defaults())]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"genres": ["jazz", "jazz"]}, "`compose.genres` names jazz twice"),
        ({"genres": ["reggae", "electronic"]}, r"no tempo in common \(reggae 60 to 100, electronic 110 to 160\)"),
        ({"genres": [{"name": "mine", "tempo": 90}]}, "`compose.genres.0`: `tempo`: there is no such key"),
        ({"genres": "jazz"}, "compose.genres"),
        ({"genres": [7]}, "compose.genres"),
    ],
)
def test_a_plan_with_genres_that_cannot_be_says_so(asked: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build_plan({"compose": asked})


def test_a_plan_without_composed_songs_is_left_alone() -> None:
    assert with_genres({"source": "midi"}, None, where="here") == {"source": "midi"}
