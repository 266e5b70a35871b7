"""The tables of moves, and the check that refuses what they do not have."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from farm.ledger.moves import check_move
from schemas.errors import LedgerError
from schemas.states import (
    SONG_ENDS,
    SONG_MOVES,
    STEM_ENDS,
    STEM_MOVES,
    SUBMISSION_ENDS,
    SUBMISSION_MOVES,
    TASK_MOVES,
    SongState,
    StemState,
    SubmissionState,
    TaskState,
)

TABLES: list[tuple[type[StrEnum], Mapping[Any, Any]]] = [
    (SubmissionState, SUBMISSION_MOVES),
    (SongState, SONG_MOVES),
    (StemState, STEM_MOVES),
    (TaskState, TASK_MOVES),
]


@pytest.mark.parametrize(("states", "moves"), TABLES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_state_has_its_moves(states: type[StrEnum], moves: Mapping[Any, Any]) -> None:
    assert set(moves) == set(states)


@pytest.mark.parametrize(("states", "moves"), TABLES, ids=lambda value: getattr(value, "__name__", ""))
def test_what_the_table_has_passes_and_all_else_is_refused(states: type[StrEnum], moves: Mapping[Any, Any]) -> None:
    for old in states:
        for new in states:
            if new in moves[old]:
                check_move(moves, old, new, "it")
            else:
                with pytest.raises(LedgerError, match=f"it cannot go from {old.value} to {new.value}"):
                    check_move(moves, old, new, "it")


def test_ends_are_left_only_when_a_person_asks() -> None:
    assert {state: SUBMISSION_MOVES[state] for state in SUBMISSION_ENDS} == {
        SubmissionState.DONE: frozenset(),
        SubmissionState.FAILED: {SubmissionState.SCANNING, SubmissionState.ACTIVE},
        SubmissionState.CANCELLED: {SubmissionState.ACTIVE},
    }
    assert {state: SONG_MOVES[state] for state in SONG_ENDS} == {
        SongState.DONE: frozenset(),
        SongState.FAILED: {SongState.PLANNED, SongState.RENDERING},
        SongState.CANCELLED: {SongState.PLANNED},
    }
    assert {state: STEM_MOVES[state] for state in STEM_ENDS - {StemState.DONE}} == {
        StemState.DROPPED: {StemState.READY},
        StemState.FAILED: {StemState.READY, StemState.DROPPED},
        StemState.CANCELLED: {StemState.READY, StemState.DROPPED},
    }


def test_a_pause_and_a_cancellation_pass_through_a_state_of_their_own() -> None:
    for state in (SubmissionState.SCANNING, SubmissionState.ACTIVE):
        assert SubmissionState.PAUSING in SUBMISSION_MOVES[state]
        assert not {SubmissionState.PAUSED, SubmissionState.CANCELLED} & SUBMISSION_MOVES[state]
    assert SUBMISSION_MOVES[SubmissionState.CANCELLING] == {SubmissionState.CANCELLED}
