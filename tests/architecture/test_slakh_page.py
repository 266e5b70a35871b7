"""The table of Slakh's defects names a test for each of the 25, and every named test exists and runs."""

from __future__ import annotations

import ast
import re

from tests.architecture.tree import ROOT

PAGE = ROOT / "docs" / "slakh.md"
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]*) \|$", flags=re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w./-]+\.py)::(test_\w+)`")


def _rows() -> dict[int, list[tuple[str, str]]]:
    text = PAGE.read_text(encoding="utf-8")
    return {int(number): NAMED.findall(cell) for number, cell in ROW.findall(text)}


def _tests(path: str) -> dict[str, list[str]]:
    """Return the test functions of a file with their decorators."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: [ast.unparse(decorator) for decorator in node.decorator_list] for node in found}


def test_every_defect_has_a_row_with_a_test() -> None:
    rows = _rows()
    assert list(rows) == list(range(1, 26))
    assert [number for number, named in rows.items() if not named] == []


def test_every_test_of_the_table_exists() -> None:
    missing = [f"{path}::{name}" for named in _rows().values() for path, name in named if name not in _tests(path)]
    assert missing == []


def test_no_test_of_the_table_is_expected_to_fail_or_left_out() -> None:
    left_out = [
        f"{path}::{name}"
        for named in _rows().values()
        for path, name in named
        if any("skip" in mark or "xfail" in mark for mark in _tests(path).get(name, []))
    ]
    assert left_out == []
