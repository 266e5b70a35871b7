"""Numbers that are nearly zero are zero where effects are computed, and nowhere else."""

from __future__ import annotations

import numpy as np

from workers.effects.denormals import CAN_FLUSH, flushed

LEAST = np.full(4, 1e-37, np.float32)


def product() -> np.ndarray:
    return LEAST * np.float32(1e-3)


def test_they_are_zero_within_the_block_and_not_behind_it() -> None:
    assert product().all()
    with flushed():
        assert product().all() != CAN_FLUSH
        assert (LEAST * np.float32(10)).all(), "normal numbers stay what they are"
    assert product().all()
