"""The admission window, as tables and laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.scheduling.admission import Demand, admissions, songs_to_admit


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


@pytest.mark.parametrize(
    ("demands", "granted"),
    [
        ([], {}),
        ([Demand(1, 0, 0)], {}),
        ([Demand(1, 0, 1000)], {1: 80}),
        # One window for all, the oldest first; what it leaves goes to the next.
        ([Demand(1, 0, 50), Demand(2, 0, 1000)], {1: 50, 2: 30}),
        ([Demand(1, 0, 1000), Demand(2, 0, 1000)], {1: 80}),
        ([Demand(1, 70, 10), Demand(2, 0, 10)], {}),
        # The urgent one first, and what is open of others takes no room from it.
        ([Demand(1, 80, 1000), Demand(2, 0, 1000, priority=1)], {2: 80}),
        ([Demand(1, 80, 1000), Demand(2, 80, 1000, priority=1)], {}),
        ([Demand(1, 0, 1000), Demand(2, 0, 20, priority=1)], {2: 20, 1: 60}),
        ([Demand(1, 10, 1000), Demand(2, 0, 20, priority=-1)], {1: 70}),
    ],
)
def test_submissions_share_the_window_by_priority_and_age(demands: list[Demand], granted: dict[int, int]) -> None:
    assert admissions(demands, live_slots=2, window_per_slot=40) == granted


_DEMANDS = st.lists(
    st.builds(
        Demand,
        submission_id=st.integers(1, 99),
        open_songs=st.integers(0, 200),
        planned_songs=st.integers(0, 300),
        priority=st.integers(-2, 2),
    ),
    max_size=6,
    unique_by=lambda demand: demand.submission_id,
)


@given(_DEMANDS, st.integers(0, 10))
def test_the_most_urgent_work_is_never_kept_waiting_by_less_urgent(demands: list[Demand], slots: int) -> None:
    granted = admissions(demands, live_slots=slots)
    for demand in demands:
        assert 0 <= granted.get(demand.submission_id, 0) <= demand.planned_songs
    urgent = max((demand.priority for demand in demands if demand.planned_songs), default=0)
    rivals = [demand for demand in demands if demand.priority >= urgent]
    if not any(demand.open_songs for demand in rivals) and any(demand.planned_songs for demand in rivals):
        assert any(granted.get(demand.submission_id) for demand in rivals)
