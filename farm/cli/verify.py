"""`farm verify`: hand a dataset to the verifier, a process of the data plane started by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from farm.dataset.records import check_there, check_whole
from schemas.tasks import VERIFIER


def verify_command(dataset: Path, *, fast: bool, as_json: bool) -> int:
    """Verify the dataset and return the verifier's exit code: 0 as claimed, 1 not, 2 no dataset."""
    check_there(dataset)
    check_whole(dataset)
    flags = [flag for flag, wanted in (("--fast", fast), ("--json", as_json)) if wanted]
    return subprocess.run([sys.executable, "-P", "-m", VERIFIER, str(dataset), *flags], check=False).returncode
