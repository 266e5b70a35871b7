"""The commands that a dataset begins or ends with, and their arguments: presets of plans, indexes for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import MAKE, Json

making = typer.Typer()


@making.command(rich_help_panel=MAKE)
def presets(
    name: Annotated[str | None, typer.Argument(help="Print this one as a plan; left out, all are listed.")] = None,
    json_: Json = False,
) -> None:
    """List the plans that the farm brings along, for `farm run --preset`, or print one to begin a plan of your own with.

    farm presets

    farm presets babyslakh > plan.yaml
    """
    from farm.cli.presets import presets_command

    raise typer.Exit(presets_command(name, as_json=json_))


@making.command(rich_help_panel=MAKE)
def index(
    kind: Annotated[str, typer.Argument(help="The program that is to read it: mirdata.")],
    dataset: Annotated[Path, typer.Argument(help="Folder of a finished dataset.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the index files; default: the dataset's own.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write the indexes with which mirdata's loader of Slakh reads a finished dataset.

    farm index mirdata out/baby

    farm index mirdata out/slakh --out indexes --json
    """
    from farm.cli.index import index_command

    raise typer.Exit(index_command(kind, dataset, out, as_json=json_))


@making.command(rich_help_panel=MAKE)
def instruments(
    name: Annotated[
        str | None, typer.Argument(help="Show this map, by name or path; left out, the farm's own are listed.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Say all that is wrong with the map in a file.")
    ] = None,
    json_: Json = False,
) -> None:
    """List instrument maps: which patches play which programs, with weights, ranges, rules and licences.

    With --check, exit code 1 where the map cannot be used: unknown keys, or programs that two groups claim. Programs that
    no patch plays are named too; their parts get no audio.

    farm instruments

    farm instruments gm-lax

    farm instruments --check my-map.yaml
    """
    from farm.cli.instruments import instruments_command

    raise typer.Exit(instruments_command(name, check, as_json=json_))
