"""A conversion is killed at every moment at which it changes a file, and the same order finishes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from schemas.convert import ConvertOrder
from schemas.errors import DatasetError, OutputError
from schemas.plan import OutputPlan
from tests.support import midi
from tests.support.datasets import PLAN, make_song, write_records
from tests.support.farms import published as files_of
from tests.support.killing import killed_at_every_step
from tests.support.slakh_tracks import write_track
from workers.publishing.publish import publish_song
from workers.reworking.dataset import find_dataset
from workers.reworking.journal import Journal
from workers.reworking.run import convert_dataset
from workers.verifying import verify_dataset


def convert(order: ConvertOrder) -> None:
    convert_dataset(order, lambda done, tracks: None)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of ours of one short song of two stems in `ours`."""
    root = tmp_path_factory.mktemp("small")
    parts = [[midi.program(0, 40 + part, part), *midi.note(0, 480, 60, channel=part)] for part in (0, 1)]
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=22050, channels=1)})
    contents = make_song(root / "work", midi.song([midi.tempo(0, 120)], *parts), plan=plan)
    record = publish_song(root / "work" / "staging", root / "here" / "ours" / contents.song.name, contents)
    write_records(root / "here" / "ours", [record], plan)
    return root / "here"


def test_killed_in_place_at_any_moment_the_same_order_finishes_it(small: Path, tmp_path: Path) -> None:
    def order(root: Path) -> ConvertOrder:
        return ConvertOrder(source=str(root / "ours"), target=None, rate_hz=16000, bits=16, format="wav")

    shutil.copytree(small, tmp_path / "undisturbed")
    convert(order(tmp_path / "undisturbed"))
    wanted = files_of(tmp_path / "undisturbed")

    def check(root: Path) -> None:
        left = files_of(root)
        if left != wanted and left != files_of(small):
            with pytest.raises(DatasetError, match="being converted"):
                verify_dataset(root / "ours")
        convert(order(root))
        assert files_of(root) == wanted
        assert not (root / "ours" / ".farm").exists() or not Journal(root / "ours").is_open()

    moments = killed_at_every_step(small, tmp_path / "steps", lambda root: convert(order(root)), check)
    assert moments > 20


def test_killed_while_copying_at_any_moment_the_same_order_finishes_it(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    write_track(tmp_path / "from" / "source" / "Track00001", seconds=0.2)

    def order(root: Path) -> ConvertOrder:
        return ConvertOrder(source=str(root / "source"), target=str(root / "target"), rate_hz=16000)

    shutil.copytree(tmp_path / "from", tmp_path / "undisturbed")
    convert(order(tmp_path / "undisturbed"))
    wanted = files_of(tmp_path / "undisturbed")

    def check(root: Path) -> None:
        assert files_of(root / "source") == files_of(tmp_path / "from" / "source"), "a copy leaves its source alone"
        convert(order(root))
        assert files_of(root) == wanted

    moments = killed_at_every_step(tmp_path / "from", tmp_path / "steps", lambda root: convert(order(root)), check)
    assert moments > 15


def begun(root: Path, order: ConvertOrder) -> Journal:
    """Leave `root` as a conversion that was killed right after its beginning."""
    journal = Journal(root)
    journal.open(order)
    return journal


def test_another_order_does_not_take_over_a_conversion_that_was_begun(small: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(small / "ours", tmp_path / "ours"))
    begun(root, ConvertOrder(source=str(root), target=None, rate_hz=16000))
    with pytest.raises(OutputError, match=r"another conversion .* was begun .*--rate 16000") as caught:
        convert(ConvertOrder(source=str(root), target=None, rate_hz=32000))
    assert "same command" in caught.value.hint


def test_nobody_reads_a_dataset_that_is_half_converted(small: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(small / "ours", tmp_path / "ours"))
    begun(root, ConvertOrder(source=str(root), target=None, rate_hz=16000)).put_top_aside()
    with pytest.raises(DatasetError, match="being converted in place"):
        find_dataset(root)
    with pytest.raises(DatasetError, match="being converted in place"):
        verify_dataset(root)


def test_the_journal_ends_with_the_conversion(small: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(small / "ours", tmp_path / "ours"))
    (root / ".farm").mkdir()
    (root / ".farm" / "notes.json").write_text(json.dumps("mine"))
    convert(ConvertOrder(source=str(root), target=None, format="wav"))
    assert sorted(path.name for path in (root / ".farm").iterdir()) == ["lock", "notes.json"]
