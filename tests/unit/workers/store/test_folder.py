"""A folder on a network file system: what such a system does otherwise than a disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import OutputError, StoreError
from tests.support.stems import SPEC, result_of, stored
from workers.audio.stemfile import StemWriter
from workers.store import FolderStore, Kind
from workers.store.base import key_of


def test_a_name_that_was_absent_a_moment_ago_is_looked_for_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    known = stored(store)
    path = tmp_path / key_of(Kind.STEMS, known.data_hash)
    hidden = path.rename(tmp_path / "hidden")
    real = os.scandir

    def listing(folder: Any) -> Any:
        if Path(folder) == path.parent and hidden.exists():
            hidden.rename(path)
        return real(folder)

    monkeypatch.setattr(os, "scandir", listing)
    store.check_stem(known)
    path.rename(hidden)
    with store.open_stem(known) as reader:
        assert reader.frames == 100


def test_a_rename_that_was_done_but_not_acknowledged_counts(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    known = stored(store)
    gone = store.part_path(SPEC, 2)
    store.commit_stem(gone, known)
    store.check_stem(known)


def test_a_part_that_is_lost_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        FolderStore(tmp_path).commit_stem(FolderStore(tmp_path).part_path(SPEC, 1), result_of("7" * 64))


def test_nothing_is_written_outside_the_folder_and_nothing_is_left_beside(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    stored(store)
    store.put_midi(b"MThd")
    assert {path.name for path in tmp_path.iterdir()} == {"store"}
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


def test_a_sidecar_is_written_after_its_audio(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    part = store.part_path(SPEC, 1)
    with StemWriter(part, rate_hz=44100, channels=2) as writer:
        writer.chunks(np.full((100, 2), 0.5, dtype=np.float32))
        data_hash = writer.finish()
    (tmp_path / "specs").write_text("in the way")
    with pytest.raises(OutputError):
        store.commit_stem(part, result_of(data_hash))
    assert store.find_stem(SPEC) is None
    assert store.has_audio(result_of(data_hash))


def test_a_file_that_cannot_be_read_is_no_missing_one(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    sha256 = store.put_midi(b"MThd")
    path = tmp_path / key_of(Kind.MIDI, sha256)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        store.get_midi(sha256)
