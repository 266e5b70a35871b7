"""Where a store is: the plan's two keys as one text, which the ledger keeps and every worker reads."""

from __future__ import annotations

from typing import Final, NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

#: Schemes of object stores, and the extra of the package that brings each one's library.
OBJECT_STORES: Final[dict[str, str]] = {"s3": "s3"}
_ENDPOINT: Final = "endpoint"


class StoreAddress(NamedTuple):
    """A folder, or a place in an object store; as text a path, or `s3://bucket/prefix?endpoint=http%3A//host%3Aport`.

    It never holds a key or a password: workers find those in their own environment.
    """

    scheme: str  #: empty for a folder, else one of `OBJECT_STORES`
    path: str  #: the folder, or bucket and prefix without slashes at the ends
    endpoint: str | None = None  #: of a server that speaks the object store's protocol; None is the maker's own

    def __str__(self) -> str:
        if not self.scheme:
            return self.path
        query = "" if self.endpoint is None else f"?{_ENDPOINT}={quote(self.endpoint, safe='/')}"
        return f"{self.scheme}://{self.path}{query}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote, or what a person wrote into a plan.

        Raises:
            ValueError: an unknown scheme, no bucket, a password in it, or an endpoint that is no URL of http or https.
        """
        if "://" not in text:
            return cls("", text)
        parts = urlsplit(text)
        if parts.scheme not in OBJECT_STORES:
            known = ", ".join(f"{scheme}://bucket/prefix" for scheme in OBJECT_STORES)
            raise ValueError(f"a store is a folder or {known}, not {parts.scheme}://")
        _refuse_secrets(parts)
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if query.keys() - {_ENDPOINT} or parts.fragment:
            raise ValueError(f"nothing but ?{_ENDPOINT}= may follow bucket and prefix")
        path = f"{parts.netloc}{parts.path}".strip("/")
        if not parts.netloc or "//" in path or any(step in (".", "..") for step in path.split("/")):
            raise ValueError(f"{parts.scheme}:// must be followed by bucket/prefix")
        return cls(parts.scheme, path, checked_endpoint(query[_ENDPOINT][0]) if query else None)


def checked_endpoint(text: str) -> str:
    """Return the address of a server without a slash at its end.

    Raises:
        ValueError: no URL of http or https, or one with a password.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an endpoint is http://host:port or https://host:port")
    _refuse_secrets(parts)
    return text.rstrip("/")


def _refuse_secrets(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("keys and passwords do not belong here: give the workers AWS_ACCESS_KEY_ID and its secret")
