"""`rerender_existing` both ways, on empty folders and on full ones, and broken off in the middle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.datasets import song_midi
from tests.support.farms import farm, farm_json, kill_tree, published, start, wait_until

FORM = ("--slots", 2, "--rate", 16000, "--channels", 1)
SONGS = 3


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for number in range(SONGS):
        (folder / f"song{number}.mid").write_bytes(song_midi(transpose=number))
    return folder


@pytest.fixture(scope="module")
def first(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of one run into an empty folder, without the flag."""
    out = tmp_path_factory.mktemp("first") / "out"
    farm_json("run", source, "--out", out, *FORM)
    return out


@pytest.fixture
def full(first: Path, tmp_path: Path) -> Path:
    """A folder that holds the finished dataset; its ledger knows it by its place, as that of a moved one would not."""
    out = tmp_path / "out"
    shutil.copytree(first, out)
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (out / ".farm" / name).unlink(missing_ok=True)
    return out


def spoil(out: Path) -> dict[str, dict[str, str]]:
    """Give every published song another form, as an older engine would have left it; return files by song."""
    for track in out.glob("Track*"):
        (track / "mix.flac").write_bytes(b"of long ago")
        (track / "stems" / "S00.flac").write_bytes(b"of long ago")
        (track / "OLD").write_text("a file that is not made any more")
    return by_song(out)


def by_song(out: Path) -> dict[str, dict[str, str]]:
    files = published(out)
    return {
        track.name: {path: digest for path, digest in files.items() if path.startswith(f"{track.name}/")}
        for track in sorted(out.glob("Track*"))
    }


def flags(out: Path) -> list[tuple[Any, Any, bool, bool]]:
    """Return what metadata.yaml says of every stem's files, and what is there."""
    found = []
    for track in sorted(out.glob("Track*")):
        metadata = yaml.safe_load((track / "metadata.yaml").read_text())
        for name, stem in metadata["stems"].items():
            audio = track / metadata["audio_dir"] / f"{name}.flac"
            midi = track / metadata["midi_dir"] / f"{name}.mid"
            found.append((stem["audio_rendered"], stem["midi_saved"], audio.exists(), midi.exists()))
    return found


def test_an_empty_folder_is_filled_either_way(source: Path, first: Path, tmp_path: Path) -> None:
    report = farm_json("run", source, "--out", tmp_path / "out", *FORM, "--rerender")
    assert report["songs"]["published"] == SONGS
    assert published(tmp_path / "out") == published(first)


def test_without_it_published_songs_are_skipped_and_what_is_said_of_them_stays_true(source: Path, full: Path) -> None:
    """Also when the ledger is gone: the case in which Slakh says that nothing was rendered."""
    before = {path: path.stat().st_mtime_ns for path in full.rglob("Track*/**/*")}
    expected = published(full)
    farm_json("run", source, "--out", full, *FORM)
    assert {path: path.stat().st_mtime_ns for path in full.rglob("Track*/**/*")} == before
    assert published(full) == expected
    assert set(flags(full)) == {(True, True, True, True)}
    assert farm("verify", full, "--fast").returncode == 0


def test_with_it_everything_is_made_again_and_the_bytes_are_the_same(source: Path, first: Path, full: Path) -> None:
    spoil(full)
    farm_json("run", source, "--out", full, *FORM)
    assert published(full) != published(first), "without it what is published is left alone"
    report = farm_json("run", source, "--out", full, *FORM, "--rerender")
    assert report["did_anything"] is True
    assert published(full) == published(first)
    assert set(flags(full)) == {(True, True, True, True)}
    again = farm_json("run", source, "--out", full, *FORM)
    assert again["did_anything"] is False


def test_broken_off_every_song_is_wholly_old_or_wholly_new_and_the_next_run_finishes_it(
    source: Path, first: Path, full: Path, tmp_path: Path
) -> None:
    old, new = spoil(full), by_song(first)
    process = start("run", source, "--out", full, *FORM, "--rerender", log=tmp_path / "log")
    wait_until(lambda: any((full / track / "OLD").exists() is False for track in old), what="a song to be replaced")
    kill_tree(process)
    for track, files in by_song(full).items():
        assert files in (old[track], new[track]), f"{track} is neither what it was nor what it becomes"
    assert not (full / "dataset.json").exists(), "a dataset that is being made again is not finished"
    farm_json("run", source, "--out", full, *FORM)
    assert published(full) == published(first)
    assert not list((full / ".farm" / "staging").glob("*"))


def test_an_unfinished_first_run_is_begun_again(source: Path, first: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("run", source, "--out", out, *FORM, log=tmp_path / "log")
    wait_until(lambda: any(out.glob("Track*")), what="a song to be published")
    kill_tree(process)
    spoil(out)
    report = farm_json("run", source, "--out", out, *FORM, "--rerender")
    assert report["songs"]["published"] == SONGS
    assert published(out) == published(first)


def test_songs_that_do_not_come_again_are_set_aside(source: Path, full: Path, tmp_path: Path) -> None:
    fewer = tmp_path / "source"
    shutil.copytree(source, fewer)
    (fewer / "song0.mid").unlink()
    report = farm_json("run", fewer, "--out", full, *FORM, "--rerender")
    assert report["songs"]["published"] == SONGS - 1
    assert sorted(path.name for path in full.glob("Track*")) == ["Track00001", "Track00002"]
    assert [path.name for path in (full / ".farm" / "replaced").iterdir()] == ["Track00003"]
    assert json.loads((full / "dataset.json").read_text())["tracks"] == SONGS - 1
    assert farm("verify", full, "--fast").returncode == 0


def test_another_plan_is_refused_all_the_same(source: Path, full: Path) -> None:
    before = published(full)
    done = farm("run", source, "--out", full, *FORM, "--rerender", "--seed", 3)
    assert done.returncode == 2
    assert "another plan (it differs in seed)" in done.stderr
    assert published(full) == before
