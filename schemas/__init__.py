"""The shared vocabulary of both planes: pydantic models and the standard library, nothing else."""

from __future__ import annotations

import os

# pydantic looks for plug-ins in every installed package, which takes a fifth of the start of each process.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")

#: The distribution that owns the import names `farm`, `workers` and `schemas`; checked at start-up.
DISTRIBUTION = "stemfarm"
