"""What failures have in common: their details without what differs from one to the next."""

from __future__ import annotations

import hashlib
import re
from typing import Final

#: What is replaced, in this order: quoted text and paths before the numbers in them.
_VARIABLE: Final = (
    (re.compile(r"(?:[A-Za-z]:)?(?:[\w.~-]*[/\\])+[\w.~-]+"), "PATH"),
    (re.compile(r"\b[0-9a-f]{8,}\b"), "HASH"),
    (re.compile(r"\d+(?:[.,]\d+)*(?:e[+-]?\d+)?"), "N"),
)


def general(detail: str) -> str:
    """Return a detail with paths, hashes and numbers taken out."""
    for pattern, word in _VARIABLE:
        detail = pattern.sub(word, detail)
    return " ".join(detail.split())


def fingerprint(reason: str, detail: str) -> str:
    """Return what groups failures (12 hex digits): equal for the same reason and the same words."""
    return hashlib.sha256(f"{reason}\x1f{general(detail)}".encode("utf-8", "replace")).hexdigest()[:12]
