"""`farm verify --remake`: songs are made anew and compared byte by byte, and what only that can find is found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.base import canonical_json
from tests.support import midi
from tests.support.farms import farm, farm_json
from tests.support.soundfont import write_soundfont
from workers.audio.files import open_writer, read_audio

PLAN: dict[str, Any] = {
    "seed": 5,
    "compose": {"genres": ["pop"], "count": 2, "length_s": 5},
    "filters": {"min_duration_s": 0},
    "mix": {"preset": "composed-dry"},
    "output": {"rate_hz": 16000, "bits": 16, "parts": "stems"},
    "tail_max_s": 1,
}

#: A tune on the sine of the test's soundfont.
TUNE = [
    midi.name(0, "Tune"),
    midi.program(0, 0),
    *(event for beat in range(6) for event in midi.note(beat * 480, 400, 64 + beat)),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two composed songs of which only stems are published: what becomes of one stem is seen in no sum."""
    return run(tmp_path_factory.mktemp("remake"), PLAN)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def run(home: Path, plan: dict[str, Any]) -> Path:
    (home / "plan.yaml").write_text(yaml.safe_dump(plan))
    farm_json("run", home / "plan.yaml", "--out", home / "out", "--slots", 2)
    return home / "out"


def reseal(dataset: Path, track: str, file: str) -> None:
    """Write a file's hash and size into the manifest, as if nothing had happened."""
    path, manifest = dataset / track / file, dataset / "manifest.jsonl"
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    for record in (record for record in records if record["track"] == track):
        for known in (known for known in record["files"] if known["path"] == file):
            known |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size_bytes": path.stat().st_size}
    manifest.write_text("".join(canonical_json(record) + "\n" for record in records))


def edit_record(dataset: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((dataset / "dataset.json").read_bytes())
    edit(document)
    (dataset / "dataset.json").write_text(json.dumps(document))


def turned_over(path: Path) -> None:
    """Change the sign of every sample: as loud, as high, at the same times."""
    audio: Any = read_audio(path)
    with open_writer(
        path, frames=len(audio), file_format="flac", bits=16, rate_hz=16000, channels=audio.shape[1]
    ) as writer:
        writer.write((-audio.clip(-32767, 32767)).astype(audio.dtype))
        writer.close()


def test_a_stem_that_was_changed_together_with_its_hash_is_found_by_making_it_anew_alone(copy: Path) -> None:
    turned_over(copy / "Track00002" / "stems" / "S01.flac")
    reseal(copy, "Track00002", "stems/S01.flac")
    assert farm_json("verify", copy, "--remake", 0)["findings"] == []
    report = farm_json("verify", copy, "--remake", "100%", exit_code=1)
    (finding,) = report["findings"]
    assert (finding["track"], finding["file"], finding["code"]) == ("Track00002", "stems/S01.flac", "remake_differs")
    assert finding["message"].startswith("from byte ")
    assert report["remake"]["tracks"] == ["Track00001", "Track00002"]
    assert report["remake"]["differing"] == 1


def test_one_song_of_a_few_is_made_anew_where_nothing_is_said_and_always_the_same(made: Path, copy: Path) -> None:
    shutil.rmtree(copy / ".farm")  # the record of the dataset is enough
    first = farm_json("verify", made)["remake"]
    assert farm_json("verify", copy, "--fast", "--remake", "1%")["remake"] == first
    assert (first["asked"], first["songs"], len(first["tracks"]), first["skipped"]) == ("1%", 1, 1, {})
    manifest = [json.loads(line) for line in (made / "manifest.jsonl").read_text().splitlines()]
    (track,) = [record for record in manifest if record["track"] in first["tracks"]]
    assert first["files"] == len(track["files"])
    assert first["size_bytes"] == sum(file["size_bytes"] for file in track["files"])


def test_what_cannot_be_made_here_is_counted_by_its_reason_and_no_fault_of_the_dataset(copy: Path) -> None:
    edit_record(copy, lambda record: record["engines"].update(fluidsynth="1.0"))
    said = farm("verify", copy, "--fast", "--remake", 2)
    assert said.returncode == 0
    assert "Track00002: not made anew: engine_differs: it was played by fluidsynth 1.0, and here is" in said.stdout
    edit_record(copy, lambda record: record.update(farm_version="0.0.1"))
    report = farm_json("verify", copy, "--fast", "--remake", 2)
    assert (report["ok"], report["remake"]["tracks"], report["remake"]["skipped"]) == (True, [], {"farm_differs": 2})


def test_a_song_of_another_composer_is_not_compared(copy: Path) -> None:
    path = copy / "Track00001" / "annotation.json"
    song = json.loads(path.read_bytes())
    assert len(song["provenance"]["composer_version"]) == 16
    song["provenance"]["composer_version"] = "f" * 16
    path.write_text(canonical_json(song) + "\n")
    report = farm_json("verify", copy, "--fast", "--remake", "100%", exit_code=1)
    assert {finding["code"] for finding in report["findings"]} == {"file_hash"}
    assert report["remake"]["skipped"] == {"composer_differs": 1}
    assert report["remake"]["tracks"] == ["Track00002"]


def test_found_songs_are_made_anew_on_request_from_the_files_that_the_dataset_keeps(tmp_path: Path) -> None:
    source = tmp_path / "songs"
    source.mkdir()
    for number in range(2):
        (source / f"{number}.mid").write_bytes(midi.song([midi.tempo(0, 120)], TUNE, midi.note(3000, 400, 60 + number)))
    font = write_soundfont(tmp_path / "own.sf2")
    dataset = run(
        tmp_path,
        {
            "source": "songs",
            "engine": {"soundfont": "own.sf2"},
            "filters": {"min_duration_s": 0},
            "output": {"layout": "musicgen", "rate_hz": 16000, "bits": 16, "jams": True},
            "splits": {"ratios": {"train": 0.5, "test": 0.5}, "by": "song"},
        },
    )
    shutil.rmtree(source)
    assert "remake" not in farm_json("verify", dataset, "--fast")
    report = farm_json("verify", dataset, "--fast", "--remake", "50%")["remake"]
    assert (report["songs"], len(report["tracks"]), report["differing"], report["skipped"]) == (1, 1, 0, {})
    font.unlink()
    report = farm_json("verify", dataset, "--fast", "--remake", 1)["remake"]
    assert report["skipped"] == {"missing_asset": 1}
    assert "own.sf2" in report["not_remade"][0]["message"]


def test_what_is_no_share_is_refused_before_anything_is_read(made: Path) -> None:
    done = farm("verify", made, "--remake", "a few")
    assert done.returncode == 2
    assert "--remake a few" in done.stderr
    assert "Write 5%, 3, or 0 for none" in done.stderr
