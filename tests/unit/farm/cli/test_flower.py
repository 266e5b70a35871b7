"""Flower is never open to everybody."""

from __future__ import annotations

import pytest

from farm.cli.app import run_app
from farm.cli.flower import check_password
from schemas.errors import ServiceError


@pytest.mark.parametrize("users", ["", "farm", "farm:", ":secret", "farm:secret,ada", "farm:secret, :x"])
def test_without_a_password_for_every_user_it_is_refused(users: str) -> None:
    with pytest.raises(ServiceError, match="open to everybody"):
        check_password({"FLOWER_BASIC_AUTH": users})


@pytest.mark.parametrize(
    "environment",
    [
        {"FLOWER_BASIC_AUTH": "farm:secret"},
        {"FLOWER_BASIC_AUTH": "farm:secret:with:colons,ada:other"},
        {"FLOWER_AUTH_PROVIDER": "flower.views.auth.GithubLoginHandler", "FLOWER_AUTH": "ada@example.org"},
    ],
)
def test_with_one_it_starts(environment: dict[str, str]) -> None:
    check_password(environment)


def test_the_command_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    assert run_app(["flower"]) == 3
    assert "FARM_BROKER_URL" in capsys.readouterr().err
    monkeypatch.setenv("FARM_BROKER_URL", "redis://nowhere.invalid/0")
    assert run_app(["flower"]) == 3
    assert "FLOWER_BASIC_AUTH=user:password" in capsys.readouterr().err
