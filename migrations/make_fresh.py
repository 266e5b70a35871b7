"""Write `farm/ledger/fresh.sql`, from which new ledgers in SQLite are made: `python migrations/make_fresh.py`.

To be run after every new migration; a test compares what it makes with what the migrations make.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from farm.ledger.database import Database, parse_url
from farm.ledger.opening import FRESH, fresh, migrate


def main() -> None:
    """Migrate an empty database and write down what it has become."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(parse_url(f"sqlite:///{folder}/ledger.sqlite"))
        with database.migrating() as conn:
            migrate(conn)
            FRESH.write_text(fresh(conn), encoding="utf-8")
        database.close()


if __name__ == "__main__":
    main()
