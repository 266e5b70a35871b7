"""What all sides of the ledger's face share: the open database."""

from __future__ import annotations

from farm.ledger.database import Database


class Face:
    """Methods on an open database, each one transaction.

    Args:
        database: the open database.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        #: Slots of this process whose last lease found something.
        self._served: set[int] = set()
