"""The process that looks after a store: what it is asked, what it answers, what it leaves alone."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.base import FarmModel
from schemas.compose import COMPOSED, path_of
from schemas.errors import StoreError
from schemas.upkeep import CheckOrder, NamedSong, NamedStem, PurgeOrder
from tests.support.composing import plan
from tests.support.midi import note, song
from tests.support.stems import stored
from workers.composing.song import composed
from workers.fsck.__main__ import serve
from workers.fsck.mend import mend_midi
from workers.midi.split import split_song
from workers.store import FolderStore, Kind, open_store
from workers.store.base import key_of

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    found = open_store(str(root))
    assert isinstance(found, FolderStore)
    return found


def ask(*lines: FarmModel) -> list[dict[str, Any]]:
    answers = io.StringIO()
    serve(io.StringIO("".join(line.model_dump_json() + "\n" for line in lines)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def faults(answers: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    return [(item["finding"]["fault"], item["finding"]["mended"]) for item in answers if "finding" in item]


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 90_000, time.time() - 90_000))
    return path


def test_a_sound_store_has_nothing_to_tell(root: Path, store: FolderStore) -> None:
    known = stored(store, ONE)
    store.put_midi(b"MThd")
    answers = ask(CheckOrder(store=str(root)), NamedStem(spec=ONE, data=known.data_hash))
    assert faults(answers) == []
    size = store.size_bytes(Kind.STEMS, known.data_hash)
    assert answers[-1] == {"checked": {"stems": 1, "midi": 1, "read": 2, "read_bytes": size + 4}}


def test_what_is_half_written_for_a_day_is_litter_and_what_is_fresh_is_work(root: Path) -> None:
    stale, fresh = old(root / "tmp" / f"{ONE}.1.2.part"), root / "tmp" / f"{TWO}.1.2.part"
    fresh.write_bytes(b"half")
    assert faults(ask(CheckOrder(store=str(root)))) == [("old_part", False)]
    assert faults(ask(CheckOrder(store=str(root), repair=True))) == [("old_part", True)]
    assert (stale.exists(), fresh.exists()) == (False, True)


def test_midi_that_no_song_needs_is_removed_when_it_is_damaged(root: Path, store: FolderStore) -> None:
    name = store.put_midi(b"MThd")
    (root / key_of(Kind.MIDI, name)).write_bytes(b"MThx")
    assert faults(ask(CheckOrder(store=str(root)))) == [("damaged_midi", False)]
    assert faults(ask(CheckOrder(store=str(root), repair=True))) == [("damaged_midi", True)]
    assert list(store.names(Kind.MIDI)) == []


def test_midi_whose_song_is_gone_stays_broken_and_says_why(root: Path, store: FolderStore, tmp_path: Path) -> None:
    answers = ask(
        CheckOrder(store=str(root), repair=True), NamedSong(song=ONE, source=str(tmp_path / "gone.mid"), midi=[TWO])
    )
    assert faults(answers) == [("lost_midi", False), ("lost_midi", False)]
    details = [item["finding"]["detail"] for item in answers if "finding" in item]
    assert all("gone.mid is not that file any more" in detail for detail in details)


def test_midi_is_mended_from_the_source_where_the_store_lost_the_song_too(store: FolderStore, tmp_path: Path) -> None:
    data = song(note(0, 480, 60), note(0, 480, 40, channel=1))
    source = tmp_path / "a.mid"
    source.write_bytes(data)
    names = [store.put_midi(midi) for midi in split_song(data)[1].values()]
    own = store.put_midi(data)
    for name in (own, names[0]):
        store.remove(Kind.MIDI, name)
    assert mend_midi(store, own, source, names) == sorted(names)
    assert store.has(Kind.MIDI, names[0])
    store.remove(Kind.MIDI, own)
    source.write_bytes(data + b"\0")
    with pytest.raises(StoreError, match=r"a\.mid is not that file any more"):
        mend_midi(store, own, source, names)


def test_midi_of_a_composed_song_is_mended_by_composing_it_again(root: Path, store: FolderStore) -> None:
    asked = plan(length_s=8)
    data = composed(asked, 3).midi
    names = [store.put_midi(midi) for midi in split_song(data)[1].values()]
    own = store.put_midi(data)
    for name in (own, names[0]):
        store.remove(Kind.MIDI, name)
    named = NamedSong(song=own, source=f"{COMPOSED}/{path_of(3)}", midi=names)
    assert {mended for _, mended in faults(ask(CheckOrder(store=str(root), repair=True), named))} == {False}
    told = ask(CheckOrder(store=str(root), repair=True), named.model_copy(update={"plan": asked}))
    assert {mended for _, mended in faults(told)} == {True}
    assert all(store.has(Kind.MIDI, name) for name in (own, *names))


def test_a_purge_takes_what_is_named_and_its_parts(root: Path, store: FolderStore, tmp_path: Path) -> None:
    mine, other = stored(store, ONE), stored(store, TWO, level=0.25)
    midi = store.put_midi(b"MThd")
    parts = [root / "tmp" / f"{name}.1.2.part" for name in (ONE, TWO)]
    for part in parts:
        part.write_bytes(b"half")
    staged = tmp_path / "staging" / "Track00001" / "mix.flac"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(bytes(7))
    lines = (NamedStem(spec=ONE), NamedSong(midi=[midi]))
    order = PurgeOrder(store=str(root), folders=[str(tmp_path / "staging")], dry_run=True)
    told = ask(order, *lines)
    assert (store.has(Kind.SPECS, ONE), staged.exists(), parts[0].exists()) == (True, True, True)
    done = ask(order.model_copy(update={"dry_run": False}), *lines)
    assert done == told
    assert {kind: count["files"] for kind, count in done[0]["purged"].items()} == {
        "audio": 1, "sidecars": 1, "midi": 1, "parts": 1, "folders": 1,
    }  # fmt: skip
    assert list(store.names(Kind.SPECS)) == [TWO]
    assert list(store.names(Kind.STEMS)) == [other.data_hash] != [mine.data_hash]
    assert [part.exists() for part in parts] == [False, True]
    assert not staged.exists()


def test_a_whole_store_goes_with_its_folders(root: Path, store: FolderStore) -> None:
    stored(store, ONE)
    store.put_midi(b"MThd")
    old(root / "tmp" / "x.part")
    ask(PurgeOrder(store=str(root), everything=True))
    assert not root.exists()


def test_an_error_comes_back_by_name_and_as_exit_code(tmp_path: Path) -> None:
    order = CheckOrder(store="s3://").model_dump_json()
    command = [sys.executable, "-P", "-m", "workers.fsck"]
    done = subprocess.run(command, input=order + "\n", capture_output=True, text=True, check=False)
    said = json.loads(done.stdout)["error"]
    assert (done.returncode, said["reason"]) == (3, "store_damaged")
    assert "s3://" in said["message"]
