"""The shared vocabulary of both planes: pydantic models and the standard library, nothing else."""

from __future__ import annotations

#: The distribution that owns the import names `farm`, `workers` and `schemas`; checked at start-up.
DISTRIBUTION = "stemfarm"
