"""Licences of a plan: names, patterns and expressions."""

from __future__ import annotations

import pytest

from schemas.licences import LicencePlan


@pytest.mark.parametrize(
    ("allow", "deny", "licence", "allowed"),
    [
        ([], [], "GPL-2.0-only", True),
        ([], [], "unknown", True),
        ([], ["GPL-*"], "GPL-2.0-only", False),
        ([], ["gpl-*"], "GPL-2.0-only", False),
        ([], ["GPL-*"], "LGPL-2.1-only", True),
        ([], ["CC-BY-NC*"], "CC-BY-NC-SA-4.0", False),
        ([], ["CC-BY-NC*"], "CC-BY-4.0", True),
        (["MIT", "CC0-1.0"], [], "MIT", True),
        (["MIT", "CC0-1.0"], [], "CC-BY-4.0", False),
        (["MIT"], [], "unknown", False),
        (["MIT"], [], "", False),
        (["MIT", "unknown"], [], "", True),
        ([], ["unknown"], "", False),
        (["CC-BY-*"], ["CC-BY-NC-*"], "CC-BY-NC-4.0", False),
        (["CC-BY-*"], ["CC-BY-NC-*"], "CC-BY-4.0", True),
        ([], ["GPL-*"], "GPL-2.0-only OR MIT", True),
        ([], ["GPL-*"], "GPL-2.0-only AND MIT", False),
        ([], ["GPL-*"], "(GPL-2.0-only AND MIT) OR CC0-1.0", True),
        ([], ["GPL-*"], "GPL-2.0-only AND MIT OR CC0-1.0", True),
        ([], ["GPL-*"], "MIT AND (GPL-2.0-only OR CC0-1.0)", True),
        (["MIT"], [], "MIT AND (GPL-2.0-only OR CC0-1.0)", False),
        ([], ["GPL-2.0-only"], "GPL-2.0-only WITH FLTK-exception", True),
        ([], ["GPL-*"], "GPL-2.0-only WITH FLTK-exception", False),
        (["Free for all"], [], "Free for all", True),
        ([], ["GPL*"], "GPL AND", False),  # no expression, hence the name of one
        ([], ["GPL*"], "GPL (", False),
        ([], ["GPL AND"], "GPL AND", False),
    ],
)
def test_a_licence_is_allowed_or_not(allow: list[str], deny: list[str], licence: str, allowed: bool) -> None:
    assert LicencePlan(allow=allow, deny=deny).allows(licence) is allowed
