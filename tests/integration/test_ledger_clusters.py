"""Clusters in the ledger: there before a song is split, the same after a crash, and facts of older farms read anew."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence

from farm.ledger import Ledger
from farm.planning.select import select_songs
from schemas.song import ScanResult
from schemas.states import SubmissionState, TaskKind
from tests.support.ledgers import Worker, assert_counters_are_true, reconciler, run_to_end, submit

#: Turns of files whose names begin with these letters.
TURNS = {"a": range(1000, 1050), "b": range(2000, 2050), "e": range(0, 100, 2), "l": range(1, 101, 2), "w": range(100)}


class Listener(Worker):
    """A slot whose scans hear the same tune in files that begin with the same letter."""

    def scan(self, file_id: int, path: str) -> ScanResult:
        result = super().scan(file_id, path)
        if result.facts is None:
            return result
        sketch = base64.b64encode(array("I", TURNS[path[0]]).tobytes()).decode()
        return result.model_copy(update={"facts": result.facts.model_copy(update={"sketch": sketch})})


class OldListener(Worker):
    """A slot of an older farm, whose scans know neither fingerprints nor sketches."""

    def scan(self, file_id: int, path: str) -> ScanResult:
        result = super().scan(file_id, path)
        if result.facts is None:
            return result
        return result.model_copy(update={"facts": result.facts.model_copy(update={"fingerprint": ""})})


def _scan(worker: Worker) -> None:
    while worker.step(TaskKind.PROBE) or worker.step(TaskKind.SCAN):
        pass


def _clusters(ledger: Ledger, number: int) -> dict[str, str]:
    return {song.source: song.cluster for song in ledger.songs(number)}


def _same(clusters: dict[str, str], files: Sequence[str]) -> bool:
    return len({clusters[path] for path in files}) == 1


def test_versions_know_their_cluster_before_they_are_split(ledger: Ledger) -> None:
    number = submit(ledger, ["a1.mid", "a2.mid", "b1.mid"])
    worker, chief = Listener(ledger), reconciler(ledger)
    _scan(worker)
    chief.tick()
    clusters = _clusters(ledger, number)
    assert _same(clusters, ["a1.mid", "a2.mid"])
    assert len(set(clusters.values())) == 2
    chief.tick()
    task = worker.claim(TaskKind.SPLIT)
    assert task is not None
    song = ledger.song_for(task).song
    assert song.cluster == clusters[song.source] != ""


def test_what_a_half_written_plan_has_rejected_still_joins_what_it_has_not(ledger: Ledger) -> None:
    """Two pieces of a song have only the whole of it in common, which is rejected; then the planner dies."""
    number = submit(
        ledger, ["early.mid", "late.mid", "whole.mid", "b.mid"], filters={"min_duration_s": 5, "min_parts": 1}
    )
    _scan(Listener(ledger, seconds={"whole.mid": 1.0}))
    selection = select_songs(ledger.submission(number).plan, ledger.scanned_files(number))
    next(ledger.plan_by_steps(number, selection.chosen, selection.rejected))
    assert ledger.status(number).rejected == {"too_short": 1}
    assert reconciler(ledger).tick().planned == [number]
    clusters = _clusters(ledger, number)
    assert _same(clusters, ["early.mid", "late.mid"])
    assert clusters["b.mid"] != clusters["early.mid"]
    assert ledger.status(number).rejected == {"too_short": 1}
    assert_counters_are_true(ledger)


def test_files_that_an_older_farm_read_are_read_once_more_and_no_more(ledger: Ledger) -> None:
    number = submit(ledger, ["a1.mid", "a2.mid", "b1.mid", "bad.mid"])
    old, new = OldListener(ledger, bad=["bad.mid"]), Listener(ledger, pid=2, bad=["bad.mid"])
    chief = reconciler(ledger)
    _scan(old)
    assert chief.tick().planned == []
    status = ledger.status(number)
    assert (status.state, status.files_scanned) == (SubmissionState.SCANNING, 1)
    assert_counters_are_true(ledger)
    _scan(new)
    assert chief.tick().planned == [number]
    status = ledger.status(number)
    assert (status.files_scanned, status.files_total, status.rejected) == (4, 4, {"unreadable": 1})
    clusters = _clusters(ledger, number)
    assert _same(clusters, ["a1.mid", "a2.mid"])
    run_to_end(ledger, new, number, chief)
    assert ledger.submission(number).state is SubmissionState.DONE
    assert_counters_are_true(ledger)
