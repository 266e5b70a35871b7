"""The store: content has its name, nothing is half, no name leaves the root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import StoreError
from schemas.result import EngineReport, StemMeasurement, StemResult, Verdict
from schemas.states import VerdictStatus
from workers.audio.stemfile import StemWriter
from workers.store import Store

SPEC = "5" * 64


def result(data_hash: str) -> StemResult:
    return StemResult(
        spec_hash=SPEC,
        data_hash=data_hash,
        engine=EngineReport(preset_name="p", preset_bank=0, preset_program=0, notes=1),
        measured=StemMeasurement(
            frames=100, rate_hz=44100, channels=2, peak=0.5, rms=0.5, loudness_lufs=None, dc=[0.0, 0.0], nonfinite=0,
            flat_run_frames=1, first_sound_s=0.0, last_sound_s=0.0, tail_peak=0.0, flatness=None, active_regions=[],
        ),
        verdict=Verdict(status=VerdictStatus.PASS),
    )  # fmt: skip


def stored(store: Store) -> StemResult:
    part = store.part_path(SPEC, 1)
    with StemWriter(part, rate_hz=44100, channels=2) as writer:
        writer.chunks(np.full((100, 2), 0.5, dtype=np.float32))
        data_hash = writer.finish()
    store.commit_stem(part, result(data_hash))
    return result(data_hash)


def test_midi_comes_back_as_it_went_in(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sha256 = store.put_midi(b"MThd")
    assert store.put_midi(b"MThd") == sha256
    assert store.get_midi(sha256) == b"MThd"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_damaged_or_missing_midi_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sha256 = store.put_midi(b"MThd")
    store.midi_path(sha256).write_bytes(b"MThx")
    with pytest.raises(StoreError, match="damaged"):
        store.get_midi(sha256)
    with pytest.raises(StoreError, match="has no MIDI"):
        store.get_midi("0" * 64)


def test_a_committed_stem_is_found_and_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = stored(store)
    assert store.find_stem(SPEC) == known
    store.check_stem(known)
    with store.open_stem(known) as reader:
        assert reader.frames == 100
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_stem_without_its_audio_or_with_a_broken_sidecar_is_not_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = stored(store)
    next(tmp_path.rglob("*.stem")).unlink()
    assert store.find_stem(SPEC) is None
    assert not store.has_audio(known)
    stored(store)
    next(tmp_path.rglob("*.json")).write_text('{"spec_hash": ')
    assert store.find_stem(SPEC) is None


def test_damaged_audio_is_found_by_its_hash(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = stored(store)
    path = next(tmp_path.rglob("*.stem"))
    data = bytearray(path.read_bytes())
    data[17] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError):
        store.check_stem(known)


def test_a_dropped_stem_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    stored(store)
    store.drop_stem(SPEC)
    store.drop_stem(SPEC)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 63, "0" * 65, "G" * 64, "0" * 63 + "\n", "/" * 64])
def test_no_name_leaves_the_root(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    for ask in (store.midi_path, store.get_midi, store.find_stem, store.drop_stem):
        with pytest.raises(StoreError, match="no hash"):
            ask(name)
    with pytest.raises(StoreError, match="no hash"):
        store.part_path(name, 1)
