"""Derived songs: no two alike, each what its name says; and what the corpus benchmark says of its figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.corpus import MEMORY_LIMIT_MB, WALL_LIMIT_S, Figures, over_limits
from benchmarks.derive import at_tempo, derived, reorchestrated, stretched, transposed, write_corpus
from benchmarks.farmrun import ROOT
from benchmarks.songs import originals
from schemas.song import SongFacts
from workers.midi.model import MidiFile
from workers.midi.smf import write_midi
from workers.scanning.scan import scan_file

DEMO = ROOT / "presets" / "demo"


@pytest.fixture(scope="module")
def song() -> MidiFile:
    return originals(DEMO)["greensleeves"]


def _facts(folder: Path, midi: MidiFile) -> SongFacts:
    path = folder / "song.mid"
    path.write_bytes(write_midi(midi))
    return scan_file(path)


def test_a_corpus_holds_as_many_different_songs_as_asked(tmp_path: Path) -> None:
    size = write_corpus(tmp_path, DEMO, 40)
    facts = [scan_file(path) for path in sorted(tmp_path.rglob("*.mid"))]
    assert sum(song.size_bytes for song in facts) == size
    assert len({song.fingerprint for song in facts}) == len({song.song_hash for song in facts}) == 40


def test_the_same_corpus_is_made_each_time(song: MidiFile) -> None:
    assert write_midi(derived(song, 5)) == write_midi(derived(song, 5)) != write_midi(derived(song, 6))


def test_a_transposed_song_has_other_keys_and_the_same_drums(tmp_path: Path, song: MidiFile) -> None:
    before, after = _facts(tmp_path, song), _facts(tmp_path, transposed(song, 3))
    for old, new in zip(before.parts, after.parts, strict=True):
        assert old.low_key is not None
        assert new.low_key == old.low_key + (0 if old.is_drum else 3)
        assert (new.notes, new.active_s) == (old.notes, old.active_s)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_song_at_another_tempo_is_as_much_longer(tmp_path: Path, song: MidiFile, factor: float) -> None:
    before = _facts(tmp_path, song).duration_s
    assert _facts(tmp_path, at_tempo(song, factor)).duration_s == pytest.approx(before / factor, rel=1e-3)
    assert _facts(tmp_path, stretched(song, factor)).duration_s == pytest.approx(before * factor, rel=1e-3)


def test_a_reorchestrated_song_has_the_same_notes_in_other_hands(tmp_path: Path, song: MidiFile) -> None:
    before, after = _facts(tmp_path, song), _facts(tmp_path, reorchestrated(song, 1))
    assert after.notes == before.notes
    changed = [
        old.program != new.program for old, new in zip(before.parts, after.parts, strict=True) if not old.is_drum
    ]
    assert all(changed)


def _figures(**values: float) -> Figures:
    base = {"wall_s": 50.0, "cpu_s": 90.0, "memory_mb": 400.0, "others_share": 0.0, **values}
    return Figures(files=10, mean_kb=25.0, fates={"accepted": 10}, **base)


def test_limits_that_are_kept_say_nothing() -> None:
    assert over_limits(_figures(wall_s=WALL_LIMIT_S, memory_mb=MEMORY_LIMIT_MB)) == []


def test_limits_that_are_passed_are_named() -> None:
    slow, large = over_limits(_figures(wall_s=WALL_LIMIT_S + 5, memory_mb=MEMORY_LIMIT_MB + 7))
    assert "185 s" in slow
    assert "1007 MB" in large


def test_where_others_had_the_cores_the_cpu_time_is_judged() -> None:
    assert over_limits(_figures(wall_s=500.0, others_share=0.6)) == []
    assert over_limits(_figures(wall_s=500.0, cpu_s=500.0, others_share=0.6)) != []
