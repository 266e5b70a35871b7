"""When a named limit is full."""

from __future__ import annotations

import pytest

from farm.ledger.limiting import Loaded, is_about, is_full
from schemas.states import LimitScope


def _holders(text: str) -> list[Loaded]:
    """Read holders such as `1A`: slot 1 on host A."""
    return [Loaded(int(word[:-1]), word[-1], "key", "sampler", "Piano") for word in text.split()]


@pytest.mark.parametrize(
    ("maximum", "scope", "holders", "asks", "full"),
    [
        (0, LimitScope.INSTANCE, "", "1A", True),
        (1, LimitScope.INSTANCE, "", "1A", False),
        (1, LimitScope.INSTANCE, "1A", "2A", True),
        (1, LimitScope.INSTANCE, "1A", "1A", False),  # who has it keeps it
        (2, LimitScope.INSTANCE, "1A 2A 3A", "2A", False),
        (2, LimitScope.INSTANCE, "1A 2A 3A", "3A", True),  # the limit was lowered: the last gives way
        (1, LimitScope.HOST, "1A 2A", "3A", False),
        (1, LimitScope.HOST, "1A", "2B", True),
        (2, LimitScope.HOST, "1A 2B", "3B", False),
        (2, LimitScope.HOST, "1A 2B", "3C", True),
        (1, LimitScope.HOST, "1A 2B", "2B", True),
    ],
)
def test_a_limit_is_full_for_who_has_not_got_it(
    maximum: int, scope: LimitScope, holders: str, asks: str, full: bool
) -> None:
    assert is_full(maximum, scope, _holders(holders), int(asks[:-1]), asks[-1]) is full


def test_a_limit_is_named_after_an_engine_a_patch_or_a_load_key() -> None:
    assert all(is_about(name, "key", "sampler", "Piano") for name in ("key", "sampler", "Piano"))
    assert not is_about("Pian", "key", "sampler", "Piano")
