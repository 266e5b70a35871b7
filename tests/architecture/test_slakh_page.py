"""The tables of the defects of Slakh and musicgen name a test for each, and every named test exists and runs."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.tree import ROOT

#: Page -> how many defects it lists.
PAGES = {"slakh.md": 25, "musicgen.md": 21}
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]*) \|$", flags=re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w./-]+\.py)::(test_\w+)`")


of_every_page = pytest.mark.parametrize("page", PAGES)


def _rows(page: str) -> dict[int, list[tuple[str, str]]]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return {int(number): NAMED.findall(cell) for number, cell in ROW.findall(text)}


def _tests(path: str) -> dict[str, list[str]]:
    """Return the test functions of a file with their decorators."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: [ast.unparse(decorator) for decorator in node.decorator_list] for node in found}


@of_every_page
def test_every_defect_has_a_row_with_a_test(page: str) -> None:
    rows = _rows(page)
    assert list(rows) == list(range(1, PAGES[page] + 1))
    assert [number for number, named in rows.items() if not named] == []


@of_every_page
def test_every_test_of_the_table_exists(page: str) -> None:
    missing = [f"{path}::{name}" for named in _rows(page).values() for path, name in named if name not in _tests(path)]
    assert missing == []


@of_every_page
def test_no_test_of_the_table_is_expected_to_fail_or_left_out(page: str) -> None:
    left_out = [
        f"{path}::{name}"
        for named in _rows(page).values()
        for path, name in named
        if any("skip" in mark or "xfail" in mark for mark in _tests(path).get(name, []))
    ]
    assert left_out == []
