"""Who is to blame for failed tries."""

from __future__ import annotations

import pytest

from farm.ledger.suspicion import Culprit, Seen, find_culprit, find_culprit_with, is_sick

PATCH, UNLOADABLE, LOAD_KEY = Culprit.PATCH, Culprit.UNLOADABLE, Culprit.LOAD_KEY


def _seen(text: str) -> list[Seen]:
    """Read tries, the newest first: `1pA-` is stem 1 bad on patch p and host A, `2qB+` good, `3pAx` not even loaded."""
    return [Seen(int(w[:-3]), w[-2], w[-1] != "+", patch=w[-3], in_load=w[-1] == "x") for w in text.split()]


def _of(patch: str, tries: list[Seen]) -> list[Seen]:
    return [seen for seen in tries if seen.patch == patch]


@pytest.mark.parametrize(
    ("tries", "company", "culprit"),
    [
        # three of the last five stems of the patch
        ("", False, None),
        ("1pA- 2pA-", False, None),
        ("1pA- 2pA- 3pA-", False, PATCH),
        ("1pA- 2pA+ 3pA- 4pA+ 5pA-", False, PATCH),
        ("1pA- 2pA+ 3pA- 4pA+ 5pA+ 6pA-", False, None),  # the third bad one is too long ago
        ("1pA- 1pA- 1pA- 2pA+", False, None),  # one bad stem, tried again and again, is the stem's fault
        ("1pA+ 1pA- 2pA- 3pA- 4pA-", False, PATCH),
        ("1pA+ 2pA+ 3pA+ 1pA- 2pA- 3pA-", False, None),  # a stem is judged by its last try
        ("1pA- 2pA- 3pA-", True, None),  # all on one host, where others are: the host's fault
        ("1pA- 2pA- 3pB-", True, PATCH),
        ("1pA- 2pA- 3pB+ 4pA-", True, None),
        ("1pB- 2pB- 3pB- 2pA- 1pA-", True, PATCH),  # they failed there as here
        ("1pB- 2pB- 3pB- 4pA- 5pB+ 6pA-", True, PATCH),
        ("1pB- 2pB- 3pB- 4pB+ 5pB+ 6pA-", True, None),
        # what other patches of the soundfont do in between does not matter
        ("1pA- 2qA+ 3qA+ 4pA- 5qA+ 6qA+ 7qA+ 8pA-", False, PATCH),
        ("1pA- 2qA- 3rA- 4sA- 5qA-", False, None),
        # what cannot be loaded cannot be loaded by any of its patches
        ("1pAx 2qAx 3rAx", False, UNLOADABLE),
        ("1pAx 2qA+ 3rAx 4qA- 5sAx", False, UNLOADABLE),
        ("1pAx 2qA+ 3rA- 4sAx", False, None),
        ("1pAx 2qAx 3rAx", True, None),
        ("1pAx 2qBx 3rAx", True, UNLOADABLE),
        ("1pAx 1pAx 1pAx", False, None),
        # nothing of it comes out well, whichever patch plays it
        ("1pA- 2qA- 3rA- 4sA- 5tA- 6pA- 7qA- 8rA- 9sA-", False, LOAD_KEY),
        ("1pA- 2qA- 3rA- 4sA- 5tA- 6pA- 7qA- 8rA-", False, None),
        ("1pA- 2qA- 3rA- 4sA- 5tA- 6pA- 7qA- 8rA+ 9sA- 10pA+", False, None),  # the soundfont itself plays
        ("1pA- 2qA- 3rA- 4sA- 5pA- 6qA- 7rA- 8sA- 9qA- 10rA- 11sA- 12qA-", False, None),  # four bad presets
        ("1pA- 2qA- 3qA- 4qA- 5rA- 6rA- 7rA- 8sA- 9sA- 10sA- 11tA- 12tA- 13tA-", False, LOAD_KEY),
        ("1pA- 1pA- 2qA- 2qA- 3rA- 3rA- 4sA- 4sA- 5tA- 5tA-", False, None),  # five bad stems, each tried twice
        ("1pA- 2qA- 3rA- 4sA- 5tA- 6pA- 7qA- 8rA- 9sA-", True, None),
        ("1pA- 2qA- 3rA- 4sA- 5tB- 6pA- 7qA- 8rA- 9sA-", True, LOAD_KEY),
    ],
)
def test_a_patch_is_held_or_what_it_is_loaded_from(tries: str, company: bool, culprit: Culprit | None) -> None:
    of_key = _seen(tries)
    assert find_culprit(_of("p", of_key), of_key, company=company) is culprit


@pytest.mark.parametrize(
    ("tries", "culprit"),
    [
        ("1pA- 2pA-", None),
        ("1pA- 2pA- 3pA-", PATCH),
        ("1pA- 1pA- 2pA-", PATCH),
        ("1pA- 2pB+ 3pA- 4pB+ 5pA-", PATCH),
        ("1pA- 2qA+ 3pA- 4qA+ 5pA-", PATCH),
        ("1pA- 2pA- 3pA+ 4pA- 5pA-", None),
        ("1pB- 2pB- 3pB-", None),
        ("1pA- 2qA- 3rA-", None),
        ("1pAx 2qAx 3rAx", UNLOADABLE),
        ("1pAx 2qAx 3rA- 4pA-", None),
        ("1pAx 2qBx 3rAx", None),
        ("1pA- 2qA- 3rA- 4pB+ 5sA- 6qA- 7rA- 8tA- 9uA- 10pA-", LOAD_KEY),
        ("1pA- 2qA- 3rA- 4pB+ 5sA- 6qA- 7rA- 8tA- 9uA-", None),
        ("1pA- 2qA- 3rA- 4pB+ 5sA- 6qA+ 7rA- 8tA- 9uA- 10pA- 11pA-", PATCH),
        ("1pA- 2qA- 1pA- 3qA- 2qA- 3qA-", None),
    ],
)
def test_a_host_gets_no_more_of_what_fails_there_three_times_in_a_row(tries: str, culprit: Culprit | None) -> None:
    of_key = _seen(tries)
    assert find_culprit_with("A", _of("p", of_key), of_key) is culprit


@pytest.mark.parametrize(("stems", "slots", "held"), [(9, 9, True), (9, 10, False), (64, 64, True), (63, 64, False)])
def test_a_soundfont_is_not_held_before_every_slot_could_have_told_of_a_good_stem(
    stems: int, slots: int, held: bool
) -> None:
    tries = [Seen(number, "A", bad=True, patch=str(number)) for number in range(stems)]
    assert (find_culprit([], tries, company=False, slots=slots) is LOAD_KEY) is held
    assert (find_culprit_with("A", [], tries, slots=slots) is LOAD_KEY) is held


def test_a_farm_of_any_size_holds_a_soundfont_of_which_a_hundred_stems_are_bad() -> None:
    tries = [Seen(number, "A", bad=True, patch=str(number)) for number in range(100)]
    assert find_culprit([], tries, company=False, slots=1000) is LOAD_KEY


def test_a_host_that_fails_on_three_patches_is_sick() -> None:
    assert not is_sick([("k", "a"), ("k", "b")])
    assert not is_sick([("k", "a"), ("k", "b"), ("k", "b")])
    assert is_sick([("k", "a"), ("k", "b"), ("k", "c")])
    assert is_sick([("k", "a"), ("l", "a"), ("m", "")])
