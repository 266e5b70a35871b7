"""`farm up` shows addresses, and no password in them."""

from __future__ import annotations

from farm.cli.up import without_password


def test_the_ledgers_password_is_not_shown() -> None:
    shown = without_password("postgresql://farm:hunter2@database/farm")
    assert "hunter2" not in shown
    assert "database/farm" in shown


def test_an_address_without_a_password_can_be_copied_as_it_is() -> None:
    for url in ("sqlite:////a b/ledger.sqlite", "postgresql+psycopg://farm@/x?host=/tmp"):
        assert without_password(url) == url
