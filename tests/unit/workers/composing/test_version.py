"""The version of the composer follows from its own text."""

from __future__ import annotations

import shutil
from pathlib import Path

from workers.composing.version import text_hash


def test_every_change_of_the_text_and_of_a_name_is_another_version_and_the_ends_of_lines_are_not(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    (one / "bass.py").write_bytes(b"LOWEST = 28\n")
    (one / "melody.py").write_bytes(b"HIGHEST = 84\n")
    shutil.copytree(one, other)

    def version(folder: Path) -> str:
        return text_hash(sorted(folder.glob("*.py")))

    assert version(one) == version(other)
    (other / "bass.py").write_bytes(b"LOWEST = 28\r\n")
    assert version(one) == version(other)
    (other / "bass.py").write_bytes(b"LOWEST = 29\n")
    assert version(one) != version(other)
    (other / "bass.py").rename(other / "basses.py")
    (other / "basses.py").write_bytes(b"LOWEST = 28\n")
    assert version(one) != version(other)
