"""Fixtures of the tests with real services."""

from __future__ import annotations

from tests.support.databases import database_kind, empty_url, ledger, ledger_url, postgres_url

__all__ = ["database_kind", "empty_url", "ledger", "ledger_url", "postgres_url"]
