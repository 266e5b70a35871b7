"""`python -m workers.samples FOLDER --out FILE`: measures recordings for `farm samples build`; one JSON object on output."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.errors import AssetError, FarmError
from schemas.samples import SampleLibrary
from workers.samples.build import Built, Wanted, build, write_library


def main(arguments: list[str] | None = None) -> int:
    """Make a library; the answer is what is in it, or an error with its reason and hint."""
    parser = argparse.ArgumentParser(prog="python -m workers.samples", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--said", type=json.loads, default={}, help="what holds for all recordings, as JSON")
    parser.add_argument("--category")
    parser.add_argument("--name")
    parser.add_argument("--flat", action="store_true", help="leave out folders below")
    parser.add_argument("--again", action="store_true", help="measure all recordings, known ones too")
    parser.add_argument("--progress", action="store_true", help="say on standard error how far it is")
    options = parser.parse_args(arguments)
    try:
        built = _build(options)
        write_library(built.library, options.folder, options.out)
    except FarmError as error:
        _print({"reason": error.reason, "message": error.message, "hint": error.hint})
        return error.exit_code
    _print(_record(built, options.out))
    return 0


def _build(options: argparse.Namespace) -> Built:
    folder = options.folder
    wanted = Wanted(
        folder=folder,
        name=options.name or folder.resolve().name,
        recursive=not options.flat,
        category=options.category,
        said=options.said,
        again=options.again,
    )
    return build(wanted, _before(options.out), _say if options.progress else None)


def _before(out: Path) -> SampleLibrary | None:
    if not out.exists():
        return None
    try:
        return SampleLibrary.model_validate_json(out.read_bytes())
    except (OSError, ValidationError) as error:
        raise AssetError(
            f"{out} is there, and is no library of samples: {str(error).splitlines()[0]}",
            hint="Name another file with --out, or take it away",
        ) from error


def _record(built: Built, out: Path) -> dict[str, Any]:
    return {
        "library": str(out),
        "name": built.library.name,
        "samples": [sample.model_dump(mode="json") for sample in built.library.samples],
        "measured": built.measured,
        "left_out": built.left_out,
    }


def _say(number: int, count: int, file: str) -> None:
    sys.stderr.write(f"\r{number} of {count}: {file[:60]}\033[K")
    if number == count:
        sys.stderr.write("\r\033[K")
    sys.stderr.flush()


def _print(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    sys.exit(main())
