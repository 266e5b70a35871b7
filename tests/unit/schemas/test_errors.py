"""How an error reads: what was wrong, then what to do."""

from __future__ import annotations

import pytest

from schemas.errors import FarmError


@pytest.mark.parametrize(
    ("message", "hint", "shown"),
    [
        ("there is no band", "", "there is no band"),
        ("there is no band", "Name another", "there is no band. Name another"),
        (
            "no class 'Gitar'; did you mean 'Guitar'?",
            "See the page",
            "no class 'Gitar'; did you mean 'Guitar'? See the page",
        ),
    ],
)
def test_message_and_hint_read_as_sentences(message: str, hint: str, shown: str) -> None:
    assert str(FarmError(message, hint=hint)) == shown
