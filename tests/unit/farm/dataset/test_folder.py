"""The dataset's folder: one plan, one command at a time, and errors that say what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from farm.dataset.folder import claim, farm_folder, locked, translated_os_errors
from schemas.errors import DiskFullError, OutputError
from schemas.plan import DatasetPlan

PLAN = DatasetPlan(source="midi")


def test_a_folder_is_claimed_once_and_known_again(tmp_path: Path) -> None:
    claim(tmp_path / "out", PLAN)
    claim(tmp_path / "out", PLAN.model_copy(update={"source": "elsewhere"}))


def test_another_plan_is_refused_and_told_where_it_differs(tmp_path: Path) -> None:
    claim(tmp_path / "out", PLAN)
    other = PLAN.model_copy(update={"seed": 7, "output": PLAN.output.model_copy(update={"bits": 16})})
    with pytest.raises(OutputError, match=r"differs in seed, output\.bits"):
        claim(tmp_path / "out", other)


def test_where_no_song_was_published_the_folder_may_be_removed_and_with_songs_it_is_not_said(tmp_path: Path) -> None:
    claim(tmp_path, PLAN)
    other = PLAN.model_copy(update={"seed": 7})
    with pytest.raises(OutputError, match=r"no song is in it.*remove the folder"):
        claim(tmp_path, other)
    (tmp_path / "train" / "Track00001").mkdir(parents=True)
    with pytest.raises(OutputError, match="holds a dataset of another plan") as caught:
        claim(tmp_path, other)
    assert "remove" not in str(caught.value)


def test_another_soundfont_is_another_dataset(tmp_path: Path) -> None:
    claim(tmp_path, PLAN)
    other = PLAN.model_copy(update={"engine": PLAN.engine.model_copy(update={"soundfont": "b.sf2"})})
    with pytest.raises(OutputError, match=r"differs in engine\.soundfont"):
        claim(tmp_path, other)


def test_a_folder_with_other_things_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(OutputError, match="not empty"):
        claim(tmp_path, PLAN)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError):
        claim(tmp_path / "out", PLAN)


def test_a_damaged_claim_is_refused(tmp_path: Path) -> None:
    claim(tmp_path, PLAN)
    (farm_folder(tmp_path) / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(OutputError, match="damaged"):
        claim(tmp_path, PLAN)


def test_two_commands_cannot_hold_the_folder(tmp_path: Path) -> None:
    claim(tmp_path, PLAN)
    with locked(tmp_path), pytest.raises(OutputError, match="another command"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (errno.ENOSPC, DiskFullError, "no room"),
        (errno.EROFS, OutputError, "cannot be written"),
        (errno.EACCES, OutputError, "cannot be written"),
        (errno.EIO, OutputError, "cannot use"),
    ],
)
def test_failures_of_the_file_system_become_errors_of_the_farm(
    tmp_path: Path, number: int, error: type[OutputError], message: str
) -> None:
    with pytest.raises(error, match=message), translated_os_errors(tmp_path):
        raise OSError(number, "as the system says it")
