"""Failures that say the same have the same fingerprint."""

from __future__ import annotations

import pytest

from farm.ledger.fingerprint import fingerprint, general


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0 of 12 notes sound", "0 of 131 notes sound"),
        ("peak 1.5e-05 at 3.25 s", "peak 2e-7 at 17 s"),
        ("store/stems/ab/x1.stem is short", "other-store/stems/cd/y22.stem is short"),
        ("hash 0123456789abcdef is wrong", "hash fedcba9876543210 is wrong"),
    ],
)
def test_numbers_hashes_and_paths_make_no_difference(one: str, other: str) -> None:
    assert general(one) == general(other)
    assert fingerprint("noise", one) == fingerprint("noise", other)


def test_words_and_reasons_do() -> None:
    assert fingerprint("noise", "hiss") != fingerprint("noise", "hum")
    assert fingerprint("noise", "hiss") != fingerprint("clipped", "hiss")
    assert general("0 of 12 notes sound") == "N of N notes sound"
    assert len(fingerprint("noise", "any \udcff byte")) == 12
