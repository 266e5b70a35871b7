"""What the farm's own decisions achieve with many patches, in virtual time: a small edition of `benchmarks.simulate`."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.simulate import ALL, HALVES, QUEUE, Setting, main, simulate, window_name
from benchmarks.simulation import Outcome
from farm.scheduling.admission import WINDOW_PER_SLOT

SETTING = Setting(patches=60, stems=36_000, slots=12)
WINDOW = window_name(WINDOW_PER_SLOT)


@pytest.fixture(scope="module", params=[1, 2])
def runs(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    """The outcomes of all policies over one dataset."""
    return simulate(SETTING, request.param)


def test_every_policy_renders_every_stem_and_finishes_every_song(runs: dict[str, Outcome]) -> None:
    songs = {len(outcome.finished_s) for outcome in runs.values()}
    assert len(songs) == 1
    assert songs.pop() > 3000
    for outcome in runs.values():
        assert outcome.finished_s == sorted(outcome.finished_s)
        assert outcome.finished_s[-1] == outcome.makespan_s
        spent_s = outcome.render_s + outcome.load_s
        assert spent_s <= outcome.slots * outcome.makespan_s


def test_patch_by_patch_hardly_any_time_is_lost_where_a_queue_loses_most(runs: dict[str, Outcome]) -> None:
    assert runs[ALL].efficiency >= 0.95
    assert runs[ALL].loads_per_patch <= 3.0
    assert runs[QUEUE].efficiency < 0.5
    assert runs[QUEUE].loads_per_patch > 100 * runs[ALL].loads_per_patch


def test_with_the_window_songs_are_finished_all_along(runs: dict[str, Outcome]) -> None:
    assert runs[WINDOW].done_at(0.5) >= 0.40
    assert runs[ALL].done_at(0.5) < 0.05
    assert runs[WINDOW].efficiency >= 0.93
    assert runs[WINDOW].most_waiting < runs[ALL].most_waiting / 4


def test_in_two_halves_loads_are_few_and_songs_are_finished_all_along(runs: dict[str, Outcome]) -> None:
    assert runs[HALVES].efficiency >= 0.95
    assert runs[HALVES].loads_per_patch <= 3.0
    assert runs[HALVES].done_at(0.5) >= 0.40


def test_batches_are_large_until_the_end(runs: dict[str, Outcome]) -> None:
    assert runs[ALL].leases < SETTING.stems / SETTING.batch * 1.5


def test_forecasts_of_the_end_are_right_within_their_margin(runs: dict[str, Outcome]) -> None:
    outcome = runs[WINDOW]
    end_s = outcome.makespan_s
    assert len(outcome.forecasts) > 30
    assert statistics.fmean(abs(when + p50_s - end_s) / end_s for when, p50_s, _ in outcome.forecasts) < 0.05
    assert statistics.fmean(when + p90_s >= end_s for when, _, p90_s in outcome.forecasts) >= 0.85


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--patches", "5", "--stems", "400", "--slots", "2", "--windows", "5", "10"]) == 0
    printed = capsys.readouterr().out
    for words in ("5 patches", "400 stems", QUEUE, ALL, HALVES, window_name(5), window_name(10), "done at half-time"):
        assert words in printed
