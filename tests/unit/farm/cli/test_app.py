"""The command line itself: help with examples, exit codes, errors in one line, schemas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.main import get_command

from farm.cli.app import app, run_app
from farm.cli.options import PANELS


def _commands() -> Iterator[str]:
    """Every command, those of groups as `group word`."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from [f"{name} {word}" for word in command.commands] if hasattr(command, "commands") else [name]


COMMANDS = sorted(_commands())


def test_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["--help"]) == 0
    listed = capsys.readouterr().out
    assert [name for name in COMMANDS if name.split()[0] not in listed] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert text.count(f"farm {name.removesuffix(' work')}") >= 2, "usage and at least one example"


def test_a_wrong_option_ends_with_2() -> None:
    assert run_app(["run", "x", "--out", "y", "--bits", "many"]) == 2


def test_an_error_is_one_line_and_json_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["run", str(tmp_path / "gone"), "--out", str(tmp_path / "out"), "--json"]) == 2
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1
    record = json.loads(printed.out)
    assert record["reason"] == "bad_source"
    assert record["hint"]


@pytest.mark.parametrize("wrong", [["priority", "1", "101"], ["songs"], ["status", "--no-such-option"]])
def test_a_wrong_option_is_json_too_where_asked(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app([*wrong, "--json"]) == 2
    record = json.loads(capsys.readouterr().out)
    assert (record["reason"], record["exit_code"]) == ("usage", 2)
    assert record["error"]


@pytest.mark.parametrize("what", ["annotation", "manifest", "dataset", "plan", "band"])
def test_schemas_are_valid_json_schema(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["schema", what]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_an_unknown_schema_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["schema", "song"]) == 2
    assert "annotation, manifest, dataset, plan, band" in capsys.readouterr().err


def test_a_package_that_has_taken_one_of_the_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from farm.__main__ import main; main()"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "another package has taken the name `schemas`" in done.stderr
    assert str(tmp_path) in done.stderr


def test_every_command_belongs_to_a_group_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    run_app(["--help"])
    text = capsys.readouterr().out
    places = [text.index(f" {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    found = get_command(app).commands.values()  # type: ignore[attr-defined]
    assert {str(command.rich_help_panel) for command in found} == set(PANELS)


def _options(name: str) -> set[str]:
    command = get_command(app)
    for word in name.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_that_answers_has_json() -> None:
    silent = {"scheduler", "worker", "flower", "up", "schema"}
    without = {
        name for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
        if not all(_has_json(inner) for inner in getattr(command, "commands", {"": command}).values())
    }  # fmt: skip
    assert without <= silent


def _has_json(command: Any) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def test_help_imports_nothing_that_a_command_needs_to_work() -> None:
    program = (
        "import sys; from farm.cli.app import run_app; run_app(['--help']); "
        "print({'sqlalchemy', 'celery', 'pydantic', 'yaml', 'farm.ledger'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
