"""Who is suspect after failed tries."""

from __future__ import annotations

import pytest

from farm.ledger.suspicion import Seen, is_pair_bad, is_patch_bad, is_sick


def _seen(text: str) -> list[Seen]:
    """Read tries, the newest first: `1A-` is stem 1 bad on host A, `2B+` is stem 2 good on host B."""
    return [Seen(int(word[:-2]), word[-2], word[-1] == "-") for word in text.split()]


@pytest.mark.parametrize(
    ("tries", "company", "bad"),
    [
        ("", False, False),
        ("1A- 2A-", False, False),
        ("1A- 2A- 3A-", False, True),
        ("1A- 2A+ 3A- 4A+ 5A-", False, True),
        ("1A- 2A+ 3A- 4A+ 5A+ 6A-", False, False),  # the third bad one is too long ago
        ("1A- 1A- 1A- 2A+", False, False),  # one bad stem, tried again and again, is the stem's fault
        ("1A+ 1A- 2A- 3A- 4A-", False, True),
        ("1A+ 2A+ 3A+ 1A- 2A- 3A-", False, False),  # a stem is judged by its last try
        ("1A- 2A- 3A-", True, False),  # all on one host, where others are: the host's fault
        ("1A- 2A- 3B-", True, True),
        ("1A- 2A- 3B+ 4A-", True, False),
    ],
)
def test_a_patch_is_bad_when_three_of_its_last_five_stems_are(tries: str, company: bool, bad: bool) -> None:
    assert is_patch_bad(_seen(tries), company=company) is bad


@pytest.mark.parametrize(
    ("tries", "bad"),
    [
        ("1A- 2A-", False),
        ("1A- 2A- 3A-", True),
        ("1A- 1A- 2A-", True),
        ("1A- 2B+ 3A- 4B+ 5A-", True),
        ("1A- 2A- 3A+ 4A- 5A-", False),
        ("1B- 2B- 3B-", False),
    ],
)
def test_a_host_gets_no_more_of_a_patch_that_fails_there_three_times_in_a_row(tries: str, bad: bool) -> None:
    assert is_pair_bad(_seen(tries), "A") is bad


def test_a_host_that_fails_on_three_patches_is_sick() -> None:
    assert not is_sick(["a", "b"])
    assert not is_sick(["a", "b", "b"])
    assert is_sick(["a", "b", "c"])
