"""The check that a composed song must pass: what fails is written anew, and every try is kept as data."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.errors import RefusedError
from schemas.quality import Flaw, Rejection, SymbolicScore
from schemas.score import Score
from schemas.song import ScanResult
from schemas.states import RejectReason
from tests.support.composing import plan
from workers.composing import song as songs
from workers.composing.song import Composed, composed
from workers.scoring.symbolic import check_score
from workers.tasks import scan

Check = Callable[[Score, object], SymbolicScore]


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(songs, "_kept", {})


def _failing(tries: int) -> Check:
    """Return a check that finds a flaw in so many songs, and none in the next."""
    left = [tries]

    def check(score: Score, scale: object) -> SymbolicScore:
        left[0] -= 1
        found = check_score(score, scale)  # type: ignore[arg-type]
        return found.model_copy(update={"flaws": [Flaw.STUCK_MELODY], "score": 0.0}) if left[0] >= 0 else found

    return check


def test_a_song_without_a_flaw_is_the_first_try() -> None:
    song = composed(plan(length_s=12), 0)
    assert (song.attempt, song.rejected, song.check.flaws) == (0, [], [])


def test_a_flaw_costs_a_try_and_the_next_is_another_song(monkeypatch: pytest.MonkeyPatch) -> None:
    first = composed(plan(length_s=12), 0)
    monkeypatch.setattr(songs, "_kept", {})
    monkeypatch.setattr(songs, "check_score", _failing(2))
    third = composed(plan(length_s=12), 0)
    assert third.attempt == 2
    assert [(item.attempt, item.flaws, item.score) for item in third.rejected] == [
        (0, [Flaw.STUCK_MELODY], 0.0), (1, [Flaw.STUCK_MELODY], 0.0)
    ]  # fmt: skip
    assert third.midi != first.midi


def test_tries_of_one_song_change_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    other = composed(plan(length_s=12), 1).midi
    monkeypatch.setattr(songs, "_kept", {})
    monkeypatch.setattr(songs, "check_score", _failing(1))
    composed(plan(length_s=12), 0)
    assert composed(plan(length_s=12), 1).midi == other


def test_a_score_below_what_the_plan_asks_for_is_rejected_with_its_score() -> None:
    free = composed(plan(length_s=12), 0)
    asked = plan(length_s=12, min_score=min(1.0, free.check.score + 0.001), tries=40)
    better = composed(asked, 0)
    assert better.check.score > free.check.score
    assert better.rejected[0].score == free.check.score
    assert better.rejected[0].flaws == [Flaw.LOW_SCORE]


def _played(song: Composed) -> Rejection:
    """Return the rejection of a song whose mix scored too low."""
    return Rejection(attempt=song.attempt, flaws=[Flaw.LOW_AUDIO_SCORE], score=0.1, symbolic=song.check)


def test_after_a_rejected_mix_comes_the_next_try_with_all_before_it_and_wherever_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = plan(length_s=12, tries=4)
    first = composed(asked, 0)
    second = composed(asked, 0, [_played(first)])
    third = composed(asked, 0, [_played(first), _played(second)])
    assert len({first.midi, second.midi, third.midi}) == 3
    assert [item.attempt for item in third.rejected] == [0, 1]
    monkeypatch.setattr(songs, "_kept", {})
    assert composed(asked, 0, third.rejected) == third
    assert composed(asked, 0) == first
    monkeypatch.setattr(songs, "_kept", {})
    monkeypatch.setattr(songs, "check_score", _failing(9))
    with pytest.raises(RefusedError) as caught:
        composed(asked, 0, third.rejected)
    assert [item.flaws for item in caught.value.rejected] == [
        *[[Flaw.LOW_AUDIO_SCORE]] * 2, *[[Flaw.STUCK_MELODY]] * 2
    ]  # fmt: skip


def test_a_song_that_is_never_good_enough_is_refused_by_name_with_every_try() -> None:
    asked = plan(length_s=12, min_score=1.0, tries=3)
    with pytest.raises(RefusedError, match=r"song 0 was composed 3 times") as caught:
        composed(asked, 0)
    assert caught.value.message.count("low_score") == 3
    found: ScanResult = scan.scan_composed(asked, 7, "000000.mid")
    assert (found.file_id, found.reason, found.facts) == (7, RejectReason.LOW_SCORE, None)
    assert found.detail == caught.value.message
