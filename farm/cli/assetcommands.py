"""The commands of `farm assets` with their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import Json

assets = typer.Typer(name="assets", invoke_without_command=True, rich_markup_mode="markdown")


@assets.callback()
def list_assets(context: typer.Context, json_: Json = False) -> None:
    """List soundfonts and MIDI corpora with licences, and where they are; fetch, add or check some.

    farm assets

    farm assets fetch GeneralUser_GS

    farm assets add fonts/violin.sf2 --licence CC0-1.0 --tag strings --program 0

    farm assets check
    """
    if context.invoked_subcommand is not None:
        return
    from farm.cli.assets import list_command

    raise typer.Exit(list_command(as_json=json_))


@assets.command("list")
def list_(json_: Json = False) -> None:
    """List the assets that are known: the farm's own, and those in the folder of FARM_ASSETS.

    farm assets list --json | jq '.[] | select(.licence == "MIT") | .name'
    """
    from farm.cli.assets import list_command

    raise typer.Exit(list_command(as_json=json_))


@assets.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Name of an asset, as `farm assets` lists it.")],
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Also where no hash is known that could prove what comes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Fetch it again where it is here already.")] = False,
    json_: Json = False,
) -> None:
    """Fetch a soundfont or corpus, prove it by its SHA-256 and put it into place; what broke off goes on.

    farm assets fetch FluidR3_GM

    farm assets fetch LakhCleanMIDI --unverified
    """
    from farm.cli.assets import fetch_command

    raise typer.Exit(fetch_command(name, unverified=unverified, force=force, as_json=json_))


@assets.command()
def add(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A soundfont, a folder of MIDI or one MIDI file.")],
    name: Annotated[str | None, typer.Option(help="Its name; default: the file's.")] = None,
    licence: Annotated[str | None, typer.Option(help="SPDX identifier, such as CC0-1.0.")] = None,
    licence_url: Annotated[str | None, typer.Option(help="Where the licence stands.")] = None,
    author: Annotated[str | None, typer.Option(help="Whose work it is.")] = None,
    attribution: Annotated[str | None, typer.Option(help="The words that its licence asks for.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is.")] = None,
    homepage: Annotated[str | None, typer.Option(help="Where it comes from.")] = None,
    layers: Annotated[list[str] | None, typer.Option("--layer", help="Role it is for; given again, several.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Word for pools; given again, several.")] = None,
    bank: Annotated[int | None, typer.Option(help="Bank of the preset that plays, of a soundfont with one.")] = None,
    program: Annotated[int | None, typer.Option(help="Program of that preset, counted from 0.")] = None,
    json_: Json = False,
) -> None:
    """Put your own soundfont or corpus into your registry; the file stays where it is.

    farm assets add ~/fonts/brushes.sf2 --licence CC0-1.0 --layer beat --tag jazz_drums --bank 128 --program 0

    farm assets add ~/midi/hymns --name Hymns --licence CC-BY-4.0 --attribution "Hymns by A. Choir, CC BY 4.0"
    """
    from farm.cli.assets import add_command

    said = {
        "name": name, "licence": licence, "licence_url": licence_url, "author": author, "attribution": attribution,
        "description": description, "homepage": homepage, "layers": layers, "tags": tags, "bank": bank, "program": program,
    }  # fmt: skip
    raise typer.Exit(add_command(path, said, as_json=json_))


@assets.command()
def check(json_: Json = False) -> None:
    """Read all assets that are here and compare them with their hashes. Exit code 1: one cannot be relied on.

    farm assets check --json
    """
    from farm.cli.assets import check_command

    raise typer.Exit(check_command(as_json=json_))
