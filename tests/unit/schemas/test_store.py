"""Addresses of stores: one text for the ledger, and no secret in it."""

from __future__ import annotations

import pytest

from schemas.plan import DatasetPlan, StorePlan
from schemas.store import StoreAddress, checked_endpoint


@pytest.mark.parametrize(
    "address",
    [
        StoreAddress("", "/data/out/.farm/store"),
        StoreAddress("", "/a?b#c %41"),
        StoreAddress("s3", "bucket"),
        StoreAddress("s3", "bucket/some/prefix"),
        StoreAddress("s3", "bucket/p", "http://127.0.0.1:8333"),
        StoreAddress("s3", "bucket/p", "https://store.example/below"),
    ],
)
def test_an_address_comes_back_from_its_text(address: StoreAddress) -> None:
    assert StoreAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gs://bucket/x", "a folder or s3://bucket/prefix"),
        ("file:///etc", "a folder or s3://"),
        ("s3:///x", "bucket/prefix"),
        ("s3://", "bucket/prefix"),
        ("s3://b/../c", "bucket/prefix"),
        ("s3://b/c//d", "bucket/prefix"),
        ("s3://key:secret@bucket/x", "do not belong here"),
        ("s3://b/x?token=1", "nothing but"),
        ("s3://b/x#y", "nothing but"),
        ("s3://b/x?endpoint=ftp://h", "http://host"),
        ("s3://b/x?endpoint=http://k:s@h", "do not belong here"),
    ],
)
def test_what_is_no_address_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StoreAddress.parse(text)


@pytest.mark.parametrize("text", ["host:80", "http://", "http://h?x=1", "http://h#x", "unix:///x"])
def test_an_endpoint_is_a_server(text: str) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        checked_endpoint(text)


def test_a_plan_names_its_store_in_two_keys() -> None:
    store = StorePlan(url="s3://bucket/lakh/", endpoint="http://store:8333/")
    assert str(store.address("/out/store")) == "s3://bucket/lakh?endpoint=http%3A//store%3A8333"
    assert str(StorePlan().address("/out/store")) == "/out/store"
    assert str(StorePlan(url="/shared/store").address("/out/store")) == "/shared/store"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"endpoint": "http://h:1"}, "an endpoint needs"),
        ({"url": "/shared", "endpoint": "http://h:1"}, "an endpoint needs"),
        ({"url": "s3://b/x?endpoint=http://h"}, "store.endpoint"),
        ({"url": ""}, "at least 1 character"),
    ],
)
def test_keys_that_do_not_go_together_are_named(values: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StorePlan.model_validate(values)


def test_the_store_changes_nothing_of_what_is_made() -> None:
    plan = DatasetPlan(source="a")
    assert DatasetPlan(source="a", store=StorePlan(url="s3://b/c")).plan_hash == plan.plan_hash
