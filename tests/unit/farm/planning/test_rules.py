"""The rules of a plan that depend on its instrument map and its drums."""

from __future__ import annotations

from typing import Any

import pytest

from farm.planning.plans import build_plan
from farm.planning.select import select_songs
from schemas.errors import PlanError
from schemas.song import PartFacts, SongFacts
from schemas.states import RejectReason as R
from tests.support.ledgers import song_facts

MAP = {
    "name": "two",
    "groups": [
        {"name": "keys", "programs": [0], "patches": [{"name": "grand", "key_range": [30, 90]}]},
        {"name": "low", "programs": [33], "patches": [{"name": "upright"}]},
        {"name": "mute", "programs": [40], "patches": []},
    ],
}


def _part(
    program: int, inst_class: str, low: int | None = 40, high: int | None = 80, *, drum: bool = False
) -> PartFacts:
    return PartFacts(
        program=program, is_drum=drum, inst_class=inst_class, notes=99, active_s=9.0, low_key=low, high_key=high
    )


def _fate(song: SongFacts, **values: Any) -> tuple[R, str] | None:
    base = {"source": "midi", "filters": {"min_duration_s": 0, "min_parts": 1}}
    plan = build_plan(base, values)
    rejected = select_songs(plan, [(1, "a.mid", song)]).rejected
    return (rejected[0].reason, rejected[0].detail) if rejected else None


def _song(*parts: PartFacts) -> SongFacts:
    return song_facts("song").model_copy(update={"parts": list(parts)})


@pytest.mark.parametrize(
    ("part", "playable"),
    [
        (_part(0, "Piano"), True),
        (_part(0, "Piano", 30, 90), True),
        (_part(0, "Piano", 29, 90), False),
        (_part(0, "Piano", 30, 91), False),
        (_part(0, "Piano", None, None), True),
        (_part(40, "Strings"), False),
        (_part(41, "Strings"), False),
        (_part(33, "Drums", drum=True), False),
    ],
)
def test_a_part_counts_for_the_band_if_a_patch_of_the_map_can_play_all_its_keys(
    part: PartFacts, playable: bool
) -> None:
    song = _song(_part(33, "Bass"), part)
    fate = _fate(song, **{"filters.band": [part.inst_class], "instruments.map": MAP})
    assert (fate is None) == playable
    assert fate is None or fate[0] is R.BAND_NO_PATCH
    assert _fate(song, **{"filters.band": [part.inst_class]}) is None


def test_a_song_of_which_no_part_has_a_patch_is_rejected_by_name() -> None:
    assert _fate(_song(_part(40, "Strings"), _part(41, "Strings")), **{"instruments.map": MAP}) == (
        R.NO_PATCH, "the instrument map has no patch for any part of it",
    )  # fmt: skip
    assert _fate(_song(_part(40, "Strings"), _part(33, "Bass")), **{"instruments.map": MAP}) is None


def test_several_drum_parts_are_rejected_where_drums_are_not_separated() -> None:
    drums = [_part(number, "Drums", drum=True) for number in (0, 8)]
    assert _fate(_song(*drums), **{"instruments.separate_drums": False}) == (
        R.SEVERAL_DRUMS, "2 drum parts, and the plan does not separate drums",
    )  # fmt: skip
    assert _fate(_song(*drums)) is None
    assert _fate(_song(drums[0]), **{"instruments.separate_drums": False}) is None


@pytest.mark.parametrize(
    ("facts", "filters", "fate"),
    [
        ({"notes": 100, "duration_s": 50.0}, {}, None),
        ({"notes": 100, "duration_s": 50.0}, {"filters.min_notes_per_s": 2.0}, None),
        (
            {"notes": 99, "duration_s": 50.0},
            {"filters.min_notes_per_s": 2.0},
            (R.TOO_SPARSE, "1.98 notes/s, at least 2 are wanted"),
        ),
        ({"notes": 100, "duration_s": 50.0}, {"filters.max_notes_per_s": 2.0}, None),
        (
            {"notes": 101, "duration_s": 50.0},
            {"filters.max_notes_per_s": 2.0},
            (R.TOO_DENSE, "2.02 notes/s, at most 2 are wanted"),
        ),
        ({"longest_rest_s": 10.0}, {"filters.max_rest_s": 10.0}, None),
        (
            {"longest_rest_s": 10.1},
            {"filters.max_rest_s": 10.0},
            (R.LONG_REST, "nobody plays for 10.1 s, at most 10 s are wanted"),
        ),
        ({"tempo_bpm": (60.0, 240.0)}, {"filters.tempo_bpm": [60, 240]}, None),
        ({"tempo_bpm": None}, {"filters.tempo_bpm": [60, 240]}, None),
        (
            {"tempo_bpm": (59.9, 100.0)},
            {"filters.tempo_bpm": [60, 240]},
            (R.ODD_TEMPO, "59.9 to 100.0 beats a minute, 60 to 240 are wanted"),
        ),
        (
            {"tempo_bpm": (241.0, 241.0)},
            {"filters.tempo_bpm": [60, 240]},
            (R.ODD_TEMPO, "241.0 beats a minute, 60 to 240 are wanted"),
        ),
    ],
)
def test_density_rests_and_tempo(facts: dict[str, Any], filters: dict[str, Any], fate: tuple[R, str] | None) -> None:
    assert _fate(song_facts("song").model_copy(update=facts), **filters) == fate


@pytest.mark.parametrize(
    "filters",
    [
        {"filters.min_notes_per_s": 3, "filters.max_notes_per_s": 2},
        {"filters.tempo_bpm": [200, 100]},
    ],
)
def test_limits_the_wrong_way_round_are_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="must not exceed"):
        build_plan({"source": "midi"}, filters)
