"""Patches that crash, go mute or cannot be loaded, with real engine processes: the song is played by others to its end."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.ledger import Ledger, TaskRef, open_ledger
from farm.ledger.models import PatchRow, StemRow
from farm.scheduling.reconciler import Reconciler
from schemas.patch import EngineFacts
from schemas.song import Part, SplitResult
from schemas.states import EventKind, SubmissionState, TaskKind
from tests.support.broken import ALWAYS, ENGINE, MUTE, patch
from tests.support.databases import new_ledger_url
from tests.support.ledgers import Worker, assert_counters_are_true, plan, reconciler, rows
from tests.support.midi import name as track_name
from tests.support.midi import note, song
from tests.support.stages import CLOCKS
from workers.config import WorkerSettings
from workers.slot import Slot
from workers.store import open_store


class _Hand(Worker):
    """Does the tasks of songs of two parts of one program, whose patches are those of the broken engine."""

    def __init__(self, ledger: Ledger, folder: Path, fonts: list[str]) -> None:
        super().__init__(ledger, pid=0, parts=2)
        self._store = open_store(str(folder / "store"))
        self._fonts = {font: patch(font, folder, _times(font)).asset for font in fonts}

    def do(self, task: TaskRef) -> bool:
        if task.kind is TaskKind.PROBE:
            sound = self._fonts["none"]
            facts = EngineFacts(engine=ENGINE, version="1", library="none", soundfont=sound, soundfonts=self._fonts)
            return self.ledger.complete_probe(task, facts)
        if task.kind is TaskKind.SPLIT:
            return self.ledger.complete_split(task, self._split(self.ledger.song_for(task).song.song_hash))
        return super().do(task)

    def _split(self, song_hash: str) -> SplitResult:
        parts = []
        for index in range(2):
            pitch = 40 + int(hashlib.sha256(f"{song_hash}{index}".encode()).hexdigest(), 16) % 48
            midi = self._store.put_midi(song([track_name(0, "part"), *note(0, 960, pitch)]))
            parts.append(
                Part(
                    name=f"S{index:02d}", track=index, track_name="part", channel=index, bank=0, program=0, is_drum=False,
                    notes=1, end_s=1.0, midi_sha256=midi,
                )
            )  # fmt: skip
        return SplitResult(parts=parts, duration_s=1.0)


def _times(font: str) -> int:
    return MUTE if font == "mute_preset" else ALWAYS


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[tuple[Ledger, str]]:
    url = new_ledger_url("sqlite", tmp_path)
    opened = open_ledger(url, patience_s=5.0)
    yield opened, url
    opened.close()


def _map(*fonts: str) -> dict[str, Any]:
    """Return a map whose patches are drawn in this order, all but certainly."""
    patches = [
        {"name": font, "soundfont": font, "program": _times(font), "weight": 1e6 / 1000**rank}
        for rank, font in enumerate(fonts)
    ]
    return {"name": "m", "groups": [{"name": "G", "programs": [0, 24], "patches": patches}]}


def _run(ledger: tuple[Ledger, str], folder: Path, fonts: list[str], *, songs: int = 1, attended: bool = False) -> int:
    """Play songs to their end, or until there is nothing to do; returns the submission."""
    book, url = ledger
    wanted = plan(on_failed_stem="other_patch", instruments={"map": _map(*fonts)})
    number = book.create_submission(
        wanted, source_root="midi", out_dir=str(folder / "out"), store_root=str(folder / "store")
    )
    book.add_files(number, [f"{index}.mid" for index in range(songs)])
    book.seal(number)
    hand, chief = _Hand(book, folder, fonts), reconciler(book, attended=attended)
    values = {"ledger_url": url, "home": folder / "home", "host": "here", "heartbeat_s": 0.3, **CLOCKS}
    with Slot(book, WorkerSettings(**values), engines=[ENGINE]) as slot:
        _work(slot, hand, chief)
    return number


def _work(slot: Slot, hand: Worker, chief: Reconciler) -> None:
    idle = 0
    while idle < 3:
        chief.tick()
        done = [slot.render_batch() > 0, *(hand.step(kind) for kind in TaskKind)]
        idle = 0 if any(done) else idle + 1


def _played_by(ledger: Ledger) -> Counter[str]:
    names = {row.id: row.name.partition(":")[0] for row in rows(ledger, PatchRow.id, PatchRow.name)}
    return Counter(names[row.patch_id] for row in rows(ledger, StemRow.patch_id))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("segfault", "engine_crash"),
        ("segfault_in_load", "engine_crash"),
        ("mute_preset", "all_zero"),
        ("nan", "not_finite"),
    ],
)
def test_a_patch_that_always_fails_gives_way_to_one_that_does_not(
    ledger: tuple[Ledger, str], tmp_path: Path, fault: str, reason: str
) -> None:
    number = _run(ledger, tmp_path, [fault, "none"])
    book, _ = ledger
    assert book.submission(number).state is SubmissionState.DONE
    assert _played_by(book) == {"none": 2}
    (event,) = book.events(number, kind=EventKind.REPLACED)
    assert event.detail.startswith(f"Track00001: S00, S01: G: none in place of {fault}: ")
    history = [row.replaced for row in rows(book, StemRow.replaced)]
    assert all(f'"reason":"{reason}"' in text or '"reason":"quarantined"' in text for text in history)
    assert book.status(number).warnings == {"other_patch": 2}
    assert_counters_are_true(book)


def test_the_third_patch_plays_what_two_could_not(ledger: tuple[Ledger, str], tmp_path: Path) -> None:
    number = _run(ledger, tmp_path, ["raises", "nan", "none"])
    book, _ = ledger
    assert book.submission(number).state is SubmissionState.DONE
    assert _played_by(book) == {"none": 2}
    assert len(book.events(number, kind=EventKind.REPLACED)) == 2
    assert_counters_are_true(book)


def test_with_all_patches_broken_the_song_fails_and_it_ends(ledger: tuple[Ledger, str], tmp_path: Path) -> None:
    number = _run(ledger, tmp_path, ["raises", "nan", "silent", "none"])
    book, _ = ledger
    assert book.submission(number).state is SubmissionState.FAILED
    assert _played_by(book) == {"silent": 2}, "two others were tried, as the plan says, and no more"
    assert book.status(number).songs == {"failed": 1}
    assert_counters_are_true(book)


def test_many_songs_on_a_broken_soundfont_are_played_by_another(ledger: tuple[Ledger, str], tmp_path: Path) -> None:
    number = _run(ledger, tmp_path, ["fatal_font", "none"], songs=6)
    book, _ = ledger
    assert book.submission(number).state is SubmissionState.DONE
    assert _played_by(book) == {"none": 12}
    (hold,) = book.holds()
    assert hold.label.startswith("fatal_font"), "the farm has learnt it, and engines are not killed for each stem"
    tried = len(book.events(number, kind=EventKind.RECYCLED, limit=100))
    assert tried < 12
    assert_counters_are_true(book)


def test_where_a_person_is_there_stems_of_a_held_soundfont_wait_for_their_word(
    ledger: tuple[Ledger, str], tmp_path: Path
) -> None:
    number = _run(ledger, tmp_path, ["fatal_font", "none"], songs=6, attended=True)
    book, _ = ledger
    assert book.submission(number).state is SubmissionState.ACTIVE
    held = book.status(number).stems_held
    assert held > 0
    assert book.status(number).stems.get("ready") == held
    assert_counters_are_true(book)
