"""Read a finished dataset again and check everything that it claims: `python -m workers.verifying DIR`."""

from __future__ import annotations

from workers.verifying.dataset import verify_dataset
from workers.verifying.report import Code, Finding, VerifyReport

__all__ = ["Code", "Finding", "VerifyReport", "verify_dataset"]
