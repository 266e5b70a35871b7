"""Sources: every form a person may name, and the order that never depends on the file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.sources import find_source
from schemas.errors import SourceError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_gives_midi_of_any_depth_and_case_sorted(tmp_path: Path) -> None:
    touch(
        tmp_path / "b/deep/z.MID",
        tmp_path / "a.midi",
        tmp_path / "c.Smf",
        tmp_path / "notes.txt",
        tmp_path / ".x/h.mid",
    )
    assert find_source(tmp_path).paths == ["a.midi", "b/deep/z.MID", "c.Smf"]


def test_one_file_is_a_source(tmp_path: Path) -> None:
    touch(tmp_path / "a.mid")
    source = find_source(tmp_path / "a.mid")
    assert (source.root, source.paths) == (tmp_path, ["a.mid"])


def test_a_list_keeps_missing_files_for_the_scan_and_drops_comments_and_repeats(tmp_path: Path) -> None:
    touch(tmp_path / "x/a.mid", tmp_path / "y/b.mid")
    listing = tmp_path / "list.txt"
    listing.write_text(f"# mine\nx/a.mid\n\n{tmp_path}/y/b.mid\nx/a.mid\ny/gone.mid\n", encoding="utf-8")
    source = find_source(listing)
    assert source.root == tmp_path
    assert source.paths == ["x/a.mid", "y/b.mid", "y/gone.mid"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent", None, "there is nothing at"),
        ("empty", "", "no MIDI file below"),
        ("song.mp3", "x", "neither MIDI"),
        ("list.txt", "# nothing\n", "names no file"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name
    if name == "empty":
        path.mkdir()
    elif content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        find_source(path)
