"""The way into the service's ledger, shared by every command that reads or steers; quick to import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from farm.config import Settings
from farm.ledger import Ledger, open_ledger
from schemas.errors import ServiceError


def open_service_ledger(settings: Settings) -> Ledger:
    """Open the service's ledger.

    Raises:
        ServiceError: FARM_LEDGER_URL is not set.
    """
    if settings.ledger_url is None:
        raise ServiceError(
            "FARM_LEDGER_URL is not set",
            hint="Set it to the ledger of your farm (see docs/operating.md), or start one here with `farm up`",
        )
    return open_ledger(settings.ledger_url)


@contextmanager
def service_ledger() -> Iterator[Ledger]:
    """Open the service's ledger for one command, and close it at the end."""
    with closing(open_service_ledger(Settings())) as ledger:
        yield ledger
