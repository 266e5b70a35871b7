"""The broker's address: checked before any library sees it, and never taken for encrypted when nobody is checked."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

from schemas.errors import ServiceError

_NETWORK: Final = ("redis", "rediss")
_ENCRYPTED: Final = "rediss"
_SOCKET: Final = "redis+socket"
_HINT: Final = "Set FARM_BROKER_URL to redis://user:password@host:6379/0, rediss://... or redis+socket:///path"
_CERTIFICATES: Final = "ssl_cert_reqs"


def checked_broker_url(url: str) -> str:
    """Return the address of a broker as libraries should have it; a mistake is named without what may be a password.

    An encrypted connection whose address does not say otherwise checks the server's certificate: kombu would not.

    Raises:
        ServiceError: it is no address.
    """
    try:
        parts = urlsplit(url)
        is_network = parts.scheme in _NETWORK
        place = parts.hostname if is_network else parts.path
        is_named = bool(place) and parts.port != 0
    except ValueError:
        raise ServiceError("FARM_BROKER_URL has a host or a port that is none", hint=_HINT) from None
    if not is_network and parts.scheme != _SOCKET:
        raise ServiceError("FARM_BROKER_URL is no address of a Redis or Valkey", hint=_HINT)
    if not is_named:
        raise ServiceError("FARM_BROKER_URL names no host", hint=_HINT)
    if is_network and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ServiceError("FARM_BROKER_URL ends in something that is no number of a database", hint=_HINT)
    if parts.scheme == _ENCRYPTED and _CERTIFICATES not in parse_qs(parts.query):
        return f"{url}{'&' if parts.query else '?'}{_CERTIFICATES}=required"
    return url
