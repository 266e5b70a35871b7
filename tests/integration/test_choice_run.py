"""`farm run` with a band and against equal music: each file has a fate, and each fate is counted by its rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.derive import at_tempo, transposed, write_corpus
from benchmarks.songs import cut, originals
from tests.support.farms import DEMO, farm, farm_json
from workers.midi.model import Meta
from workers.midi.smf import write_midi

PLAN = """
source: midi
filters:
  min_duration_s: 1
  band:
    members: [Drums, Brass, {inst_class: Bass, min_notes: 8}]
duplicates: {versions: reject}
output: {rate_hz: 16000, channels: 1}
"""
FATES = {
    "blue_danube.mid": "band_not_met",
    "broken.mid": "unreadable",
    "copy.mid": "duplicate",
    "faster.mid": "same_song",
    "few.mid": "band_too_few_notes",
    "greensleeves.mid": "band_not_met",
    "titled.mid": "same_notes",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of a demo song, files that hold the same music, and files without the band; and what was made."""
    folder = tmp_path_factory.mktemp("choice")
    midi = folder / "midi"
    midi.mkdir()
    songs = {name: cut(song, 10.0, 10.0) for name, song in originals(DEMO).items()}
    saints = songs["saints"]
    made = {
        "an_original": saints,
        "copy": saints,
        "titled": replace(saints, metas=[Meta(0, 0, 1, b"a title"), *saints.metas]),
        "faster": at_tempo(transposed(saints, 4), 1.3),
        "few": cut(originals(DEMO)["saints"], 10.0, 2.0),
        "greensleeves": songs["greensleeves"],
        "blue_danube": songs["blue_danube"],
    }
    for name, song in made.items():
        (midi / f"{name}.mid").write_bytes(write_midi(song))
    (midi / "broken.mid").write_bytes(b"MThd")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    report = farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", 2)
    assert report["songs"] == {"published": 1, "failed": 0, "accepted": 1}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def test_every_file_has_a_fate_and_the_summary_counts_each_rule(folder: Path) -> None:
    out = folder / "out"
    rejected = {row["name"]: row["reason"] for row in farm_json("failures", out)}
    assert rejected == FATES
    assert [song["source"] for song in farm_json("songs", out)] == ["an_original.mid"]
    counts = json.loads((folder / "report.json").read_text(encoding="utf-8"))["rejected"]
    assert counts == {reason: list(FATES.values()).count(reason) for reason in sorted(set(FATES.values()))}
    again = farm("run", folder / "plan.yaml", "--out", out)
    assert "2 × band_not_met, 1 × band_too_few_notes, 1 × duplicate" in again.stdout


def test_the_dataset_says_what_is_not_in_it_and_verifies(folder: Path) -> None:
    record = json.loads((folder / "out" / "dataset.json").read_text(encoding="utf-8"))
    assert {item["source"]: item["reason"] for item in record["rejected"]} == FATES
    assert farm("verify", folder / "out").returncode == 0


def test_a_larger_corpus_of_derived_songs_is_planned_with_a_fate_for_each_file(tmp_path: Path) -> None:
    write_corpus(tmp_path / "midi", DEMO, 240)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "source: midi\nduplicates: {versions: reject}\nlimit: 1\noutput: {rate_hz: 16000}\n", encoding="utf-8"
    )
    report = farm_json("run", plan, "--out", tmp_path / "out", "--slots", 2)
    assert report["songs"] == {"published": 1, "failed": 0, "accepted": 1}
    # Four songs in all: one is made, three are over the limit, all other files are versions of these.
    assert report["rejected"] == {"over_limit": 3, "same_song": 236}
