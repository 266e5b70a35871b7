"""Words that both planes put into what people read."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 stem`, `2,040 stems`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
