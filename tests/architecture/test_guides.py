"""The documentation says what is true: its links, paths, names, commands, variables and examples exist."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic_settings import BaseSettings
from typer.main import get_command

from farm.cli.app import app
from farm.config import Settings
from farm.planning.plans import build_plan
from tests.architecture.tree import ROOT, shown
from workers.config import WorkerSettings

PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
FOLDERS = ("farm", "workers", "schemas", "presets", "migrations", "tests", "docs", "deploy", "benchmarks", ".ci")

every_page = pytest.mark.parametrize("page", PAGES, ids=shown)


def _code(page: Path) -> list[str]:
    """Words between backticks, and lines of code blocks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [*inline, *(line for block in blocks for line in block.splitlines())]


def _exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one (of a class in one)."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError as error:
            if error.name is None or not dotted.startswith(error.name):
                raise
            continue
        for name in parts[cut:]:
            found = getattr(found, name, None) or getattr(found, "model_fields", {}).get(name)
            if found is None:
                return False
        return True
    return False


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []


@every_page
def test_paths_exist(page: Path) -> None:
    paths = [word for word in _code(page) if re.fullmatch(rf"({'|'.join(map(re.escape, FOLDERS))})/[\w./-]*", word)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@every_page
def test_names_exist(page: Path) -> None:
    names = [word for word in _code(page) if re.fullmatch(r"(farm|workers|schemas)(\.\w+)+", word)]
    assert [name for name in names if not _exists(name)] == []


@every_page
def test_commands_and_their_options_exist(page: Path) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    wrong = []
    for line in _code(page):
        for name, rest in re.findall(r"(?:^|bin/|[`( ])farm ([a-z]+)((?: [^#|&`]*)?)", line):
            if name not in known:
                wrong.append(f"farm {name}")
                continue
            words = getattr(known[name], "commands", {})
            first = rest.strip().partition(" ")[0]
            if words and first.isalpha() and first.islower() and first not in words:
                wrong.append(f"farm {name} {first}")
                continue
            command = words.get(first, words.get("work", known[name]))
            options = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            }
            wrong += [
                f"farm {name} {option}"
                for option in re.findall(r"--[a-z][a-z-]*", rest)
                if option not in {*options, "--help"}
            ]
    assert wrong == []


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {name for line in _code(page) for name in re.findall(r"^make (?:PYTHON=\S+ )?([a-z]+)", line)}
    assert named - targets == set()


@every_page
def test_environment_variables_exist(page: Path) -> None:
    known = {f"FARM_{name.upper()}" for settings in (Settings, WorkerSettings) for name in settings.model_fields}
    assert set(re.findall(r"FARM_[A-Z_]+", page.read_text(encoding="utf-8"))) - known == set()


@every_page
def test_examples_of_plans_are_plans(page: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        plan = build_plan(yaml.safe_load(block))
        assert plan.source or plan.compose


def test_the_plan_reference_is_what_the_schema_says(tmp_path: Path) -> None:
    script = ROOT / "docs" / "make_plan_reference.py"
    subprocess.run([sys.executable, str(script), str(tmp_path / "plan.md")], check=True, cwd=tmp_path)
    assert (ROOT / "docs" / "plan.md").read_text(encoding="utf-8") == (tmp_path / "plan.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", [Settings, WorkerSettings])
def test_every_variable_is_in_the_operating_page_with_its_default(settings: type[BaseSettings]) -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(FARM_\w+)` \| `?([^|`]+)`? \|", text, flags=re.MULTILINE))
    for name, field in settings.model_fields.items():
        assert rows[f"FARM_{name.upper()}"].strip() == _default(field.default)


def _default(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
