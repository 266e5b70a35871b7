"""The broker's address: what is wrong is named without a password, and encryption means that somebody is checked."""

from __future__ import annotations

import pytest

from schemas.broker import checked_broker_url
from schemas.errors import ServiceError


@pytest.mark.parametrize(
    "url",
    ["redis://host", "redis://user:pass%40word@host:6379/0", "redis://[::1]:6379/3", "redis+socket:///run/s?virtual_host=0",
     "rediss://h/0?ssl_cert_reqs=none", "rediss://h/0?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required"],
)  # fmt: skip
def test_a_right_address_stays_as_it_is(url: str) -> None:
    assert checked_broker_url(url) == url


@pytest.mark.parametrize(
    ("url", "secured"),
    [
        ("rediss://:p@h:1/0", "rediss://:p@h:1/0?ssl_cert_reqs=required"),
        ("rediss://h?ssl_ca_certs=/ca.pem", "rediss://h?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required"),
    ],
)
def test_an_encrypted_connection_checks_the_certificate_unless_told_otherwise(url: str, secured: str) -> None:
    assert checked_broker_url(url) == secured


@pytest.mark.parametrize(
    "url",
    ["http://u:hunter2@h/0", "u:hunter2@h:1/0", "redis://u:hunter2@h:port/0", "redis://u:hunter2@h:99999/0",
     "redis://u:hunter2@h/x", "redis://:hunter2@/0", "redis://u:hunter2@[::1/0", "redis+socket://", "", "hunter2"],
)  # fmt: skip
def test_a_wrong_address_is_named_without_what_is_in_it(url: str) -> None:
    with pytest.raises(ServiceError, match="FARM_BROKER_URL") as failure:
        checked_broker_url(url)
    assert "hunter2" not in str(failure.value)
    assert failure.value.__cause__ is None
