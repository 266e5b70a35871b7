"""Audio that one task leaves for the next: what is read is what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import DiskFullError
from workers.audio.floats import FloatFile, read_floats


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_and_silence_come_back_in_blocks_of_any_size(tmp_path: Path, channels: int) -> None:
    sound = np.random.default_rng(1).standard_normal((1000, channels)).astype(np.float32)
    with FloatFile(tmp_path / "a", channels) as file:
        file.silence(100)
        file.write(sound[:300])
        file.write(sound[300:])
        file.silence(50)
    whole = np.concatenate([np.zeros((100, channels)), sound, np.zeros((50, channels))])
    for size in (64, 333, 5000):
        blocks = list(read_floats(tmp_path / "a", channels, size))
        assert {len(block) for block in blocks[:-1]} <= {size}
        np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_a_full_disk_is_told_by_name(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(DiskFullError), FloatFile(tmp_path / "full", 2) as file:
        file.write(np.ones((10, 2), np.float32))
