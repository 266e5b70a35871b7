"""The commands of `farm samples` with their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import Json

samples = typer.Typer(name="samples", no_args_is_help=True, rich_markup_mode="markdown")

_Words = list[str] | None


@samples.command()
def build(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings: WAV, FLAC, AIFF, Ogg or MP3.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Library to write; default: samples.json in the folder.")
    ] = None,
    category: Annotated[
        str | None, typer.Option("--category", "-c", help="beat, bassline, melody or harmony; default: as names say.")
    ] = None,
    genre: Annotated[_Words, typer.Option("--genre", "-g", help="A genre that they suit; again for more.")] = None,
    mood: Annotated[_Words, typer.Option("--mood", help="A word for how they sound; again for more.")] = None,
    tag: Annotated[_Words, typer.Option("--tag", "-t", help="Any other word for them; again for more.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="Their licence, such as CC0-1.0.")] = None,
    attribution: Annotated[str | None, typer.Option("--attribution", help="The words that it asks for.")] = None,
    meter: Annotated[str | None, typer.Option("--meter", help="Of loops: 4/4, 3/4, 6/8 ...")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the library; default: that of the folder.")] = None,
    flat: Annotated[bool, typer.Option("--flat", help="Leave out the folders below.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Measure recordings that have not changed, too.")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Make a library of the recordings in a folder: category, tempo, beats, key and score of each, for `compose.samples`.

    Built again, only new and changed recordings are measured, and what was said of the others stays.

    farm samples build loops --licence CC0-1.0

    farm samples build drums --category beat --genre rock --genre pop --out rock-drums.json
    """
    from farm.cli.samples import Told, build_command

    told = Told(category, genre or [], mood or [], tag or [], licence, attribution, meter)
    raise typer.Exit(build_command(folder, out, told, name=name, flat=flat, again=again, as_json=json_))


@samples.command("list")
def list_(
    library: Annotated[Path, typer.Argument(help="A library, or the folder with its samples.json.")],
    category: Annotated[str | None, typer.Option("--category", "-c", help="Only these: beat, bassline, melody, harmony.")] = None,
    min_score: Annotated[float, typer.Option("--min-score", min=0, max=1, help="Only those with this score.")] = 0.0,
    json_: Json = False,
) -> None:  # fmt: skip
    """List the recordings of a library.

    farm samples list loops --category beat --min-score 0.8

    farm samples list loops/samples.json --json | jq '.[] | select(.key == "Am") | .file'
    """
    from farm.cli.samples import list_command

    raise typer.Exit(list_command(library, category=category, min_score=min_score, as_json=json_))
