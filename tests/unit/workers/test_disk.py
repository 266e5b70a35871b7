"""Whether there is room for another batch, as tables; and the look at real disks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workers.disk import FIRST_STEM_BYTES, PAUSE_S, Disks, Space, lacks_room, space_of, wanted_bytes

TB, GB, MB = 1e12, 1e9, 1e6


@pytest.mark.parametrize(
    ("total", "batch_bytes", "wanted"),
    [
        (100 * GB, 0, 5 * GB * 0.8),  # 5 % would be 5 GB, the reserve is 4 GB at most
        (10 * GB, 0, 0.5 * GB),  # 5 %
        (10 * GB, 1 * GB, 2 * GB),  # two batches
        (10 * TB, 1 * GB, 4 * GB),
        (10 * TB, 3 * GB, 6 * GB),
        (0, 0, 0),
    ],
)
def test_a_twentieth_or_two_batches_stay_free(total: int, batch_bytes: float, wanted: float) -> None:
    assert wanted_bytes(int(total), batch_bytes) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("free_gb", "was_full", "lacks"),
    [
        ([0.51], False, False),
        ([0.49], False, True),
        ([0.51], True, True),  # a quarter more before work goes on
        ([0.62], True, True),
        ([0.63], True, False),
        ([5.0, 0.49], False, True),  # one of several disks is enough
        ([], False, False),
        ([], True, False),
    ],
)
def test_one_full_disk_stops_a_host_and_a_little_room_does_not_start_it(
    free_gb: list[float], was_full: bool, lacks: bool
) -> None:
    spaces = [Space(int(10 * GB), int(free * GB)) for free in free_gb]
    assert lacks_room(spaces, 0.0, was_full=was_full) is lacks


def test_the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    space = space_of(tmp_path / "not" / "yet")
    assert space is not None
    assert space.total == shutil.disk_usage(tmp_path).total


def test_what_cannot_be_known_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert space_of(tmp_path / "file" / "below") is None
    disks = Disks()
    disks.know([str(tmp_path / "file" / "below")])
    assert disks.look(1000) is False
    assert disks.free_bytes() is None


def test_the_size_of_a_batch_is_learnt_from_the_stems(tmp_path: Path) -> None:
    disks = Disks()
    assert disks.stem_bytes == FIRST_STEM_BYTES
    disks.add(0)  # found in the store
    assert disks.stem_bytes == FIRST_STEM_BYTES
    disks.add(int(4 * MB))
    assert disks.stem_bytes == 4 * MB
    disks.add(int(14 * MB))
    assert disks.stem_bytes == pytest.approx(5 * MB)


def test_a_batch_that_does_not_fit_is_not_taken(tmp_path: Path) -> None:
    disks = Disks()
    disks.know([str(tmp_path)])
    free = disks.free_bytes()
    assert free is not None
    disks.add(free)
    assert disks.look(1) is True
    assert disks.full
    for _ in range(200):
        disks.add(1)
    assert disks.look(1) is lacks_room([Space(shutil.disk_usage(tmp_path).total, free)], 2.0, was_full=True)


def test_a_disk_that_a_write_found_full_is_left_alone_for_a_while(tmp_path: Path) -> None:
    now = [100.0]
    disks = Disks(clock=lambda: now[0])
    disks.fill()
    assert disks.full
    now[0] += PAUSE_S - 1
    assert disks.look(1) is True
    now[0] += 2
    assert disks.look(1) is False  # no disk is known that lacks room
