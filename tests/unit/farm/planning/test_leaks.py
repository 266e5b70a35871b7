"""Versions of one song never come into two splits: from files to splits, without a sample of audio."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from benchmarks.derive import derived
from benchmarks.farmrun import ROOT
from benchmarks.songs import originals
from farm.planning.plans import build_plan
from farm.planning.select import ScannedFile, Selection, select_songs
from farm.planning.splits import place_songs
from workers.midi.smf import write_midi
from workers.scanning.scan import scan_file

VERSIONS = 6


def _files(folder: Path) -> list[ScannedFile]:
    files: list[ScannedFile] = []
    for name, midi in originals(ROOT / "presets" / "demo").items():
        for number in range(VERSIONS):
            path = folder / f"{name}-{number}.mid"
            path.write_bytes(write_midi(derived(midi, number)))
            files.append((len(files), path.name, scan_file(path)))
    return files


def _splits(selection: Selection) -> dict[str, set[str | None]]:
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for song in selection.chosen:
        found[song.spec.source.partition("-")[0]].add(song.spec.split)
    return dict(found)


def test_all_versions_of_a_song_go_into_one_split(tmp_path: Path) -> None:
    files = _files(tmp_path)
    wanted = {"splits.ratios": {"train": 0.5, "test": 0.5}, "filters.min_duration_s": 0}
    plan = build_plan({"source": "midi"}, wanted)
    selection = place_songs(plan, select_songs(plan, files))
    assert len(selection.chosen) == len(files)
    by_song = _splits(selection)
    assert len(by_song) == 4
    assert all(len(splits) == 1 for splits in by_song.values()), by_song
    assert {split for splits in by_song.values() for split in splits} == {"train", "test"}
    alone = build_plan({"source": "midi"}, {**wanted, "splits.by": "song"})
    leaking = _splits(place_songs(alone, select_songs(alone, files)))
    assert any(len(splits) > 1 for splits in leaking.values())
