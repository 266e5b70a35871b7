"""Writes docs/plan.md, the reference of the plan file, from the plan's own schema and the comments beside its fields.

Usage: python docs/make_plan_reference.py [FILE]. A test proves that the committed page is what this writes.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from schemas.plan import DatasetPlan

HEAD = """# The plan

<!-- Written by docs/make_plan_reference.py; change the comments in schemas/plan.py and run it. -->

A plan is a YAML file that says what dataset to make. Every key but `source`, or `compose` in its place, has a default, so this
is a whole plan:

```yaml
source: ../midi        # a folder, one file, or a text list of paths; relative to the plan
```

and this one uses more of it:

```yaml
name: pop-with-strings
source: ../midi
seed: 7
limit: 200
filters:
  min_duration_s: 30
  band: [Drums, Bass, Piano, "Strings (continued)"]
engine:
  soundfont: ../soundfonts/FluidR3_GM.sf2
mix:
  peak: true
output:
  format: wav
  bits: 32
splits:
  ratios: {train: 0.8, validation: 0.1, test: 0.1}
store:
  url: s3://bucket/pop   # raw stems in an object store, see stores.md
  endpoint: http://store:8333
```

`farm run plan.yaml --out DIR` makes it. Flags of the command line win over the plan. A key that the plan does not know
is an error that names the nearest one it knows. `farm schema plan` prints the JSON Schema, for editors that complete
and check.
"""

#: JSON Schema's types in plain words.
KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true`, `false`",
    "array": "list of text",
    "object": "mapping",
}

Row = tuple[str, str, str, str]


def main() -> None:
    """Write the page to the file of the command line, else to docs/plan.md."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "plan.md"
    target.write_text(page(DatasetPlan), encoding="utf-8")


def page(model: type[BaseModel]) -> str:
    """Return the whole page in Markdown."""
    parts = [HEAD, "## Top level\n", table(rows(model, ""))]
    for name, section in sections(model, ""):
        about = (section.__doc__ or "").strip().splitlines()[0]
        parts += [f"## `{name}`\n", f"{about}\n", table(rows(section, f"{name}."))]
    return "\n".join(parts)


def sections(model: type[BaseModel], prefix: str) -> list[tuple[str, type[BaseModel]]]:
    """Return the nested parts of a plan by their dotted names, depth first."""
    found = []
    for name, field in model.model_fields.items():
        kind = _section(field.annotation)
        if kind is not None:
            found += [(prefix + name, kind), *sections(kind, f"{prefix}{name}.")]
    return found


def _section(kind: Any) -> type[BaseModel] | None:
    """Return the model that a field holds; where it may hold nothing too, a model that explains all of its fields."""
    inner = [part for part in get_args(kind) if part is not type(None)]
    is_optional = len(inner) == 1 and type(None) in get_args(kind)
    found = inner[0] if is_optional else kind
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        return None
    return None if is_optional and not all(comments(found).get(name) for name in found.model_fields) else found


def rows(model: type[BaseModel], prefix: str) -> list[Row]:
    """Return (key, values, default, meaning) of every field that is not itself a section."""
    meanings, nested = comments(model), {name for name, _ in sections(model, "")}
    properties = model.model_json_schema()["properties"]
    return [
        (f"`{prefix}{name}`", values(properties[name]), default(field.default), meanings[name])
        for name, field in model.model_fields.items()
        if name not in nested
    ]


def comments(model: type[BaseModel]) -> dict[str, str]:
    """Return the `#:` comment above or beside every field, from the source of the class."""
    lines = inspect.getsource(model).splitlines()
    found = {}
    for node in ast.parse("\n".join(lines)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = " ".join(_comment(lines, node.lineno - 1))
    return found


def _comment(lines: list[str], at: int) -> list[str]:
    if "#:" in lines[at]:
        return [lines[at].partition("#:")[2].strip()]
    above: list[str] = []
    while lines[at - 1].strip().startswith("#:"):
        at -= 1
        above.insert(0, lines[at].strip().removeprefix("#:").strip())
    return above


def values(schema: dict[str, Any]) -> str:
    """Say in words which values a field takes."""
    if "anyOf" in schema:
        return " or ".join("nothing" if part.get("type") == "null" else values(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return KINDS["object"]
    if "$ref" in schema.get("items", {}):
        return "list"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    limits = [
        f"{sign} {schema[word]:g}" if abs(schema[word]) < 2**53 else ""
        for word, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if word in schema
    ]
    return " ".join([KINDS[schema["type"]], ", ".join(filter(None, limits))]).strip()


def default(value: Any) -> str:
    """Show a default as YAML has it."""
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def table(lines: list[Row]) -> str:
    """Return a Markdown table."""
    head: list[Row] = [("key", "values", "default", "meaning"), ("---", "---", "---", "---")]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in head + lines)


if __name__ == "__main__":
    main()
