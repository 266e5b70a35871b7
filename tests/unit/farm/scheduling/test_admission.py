"""The admission window, as a table and laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.scheduling.admission import songs_to_admit


@pytest.mark.parametrize(
    ("open_songs", "planned", "slots", "window", "admitted"),
    [
        (0, 1000, 0, 40, 40),
        (0, 1000, 1, 40, 40),
        (0, 1000, 10, 40, 400),
        (0, 7, 10, 40, 7),
        (300, 1000, 10, 40, 100),
        (301, 1000, 10, 40, 0),
        (400, 1000, 10, 40, 0),
        (900, 1000, 10, 40, 0),
        (0, 0, 10, 40, 0),
        (0, 5, 1, 1, 1),
        (1, 5, 1, 1, 0),
    ],
)
def test_songs_are_admitted_up_to_the_window_in_groups(
    open_songs: int, planned: int, slots: int, window: int, admitted: int
) -> None:
    found = songs_to_admit(open_songs=open_songs, planned_songs=planned, live_slots=slots, window_per_slot=window)
    assert found == admitted


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 100), st.integers(1, 60))
def test_the_window_is_never_passed_and_a_farm_never_runs_dry(
    open_songs: int, planned: int, slots: int, window: int
) -> None:
    admitted = songs_to_admit(open_songs=open_songs, planned_songs=planned, live_slots=slots, window_per_slot=window)
    assert 0 <= admitted <= planned
    assert admitted == 0 or open_songs + admitted <= window * max(1, slots)
    if open_songs == 0 and planned:
        assert admitted > 0
