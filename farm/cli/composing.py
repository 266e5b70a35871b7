"""The commands around composed songs with their arguments: the genres that they are composed of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import Json

genres = typer.Typer(name="genres", invoke_without_command=True, rich_markup_mode="markdown")

Name = Annotated[
    str, typer.Argument(metavar="GENRE", help="A genre of the farm, or the path of a genre's folder or file.")
]


@genres.callback()
def list_genres(context: typer.Context, json_: Json = False) -> None:
    """List the genres of which songs can be composed; show, check or make one.

    farm genres

    farm genres show jazz

    farm genres new bolero --from latin

    farm genres check bolero
    """
    if context.invoked_subcommand is not None:
        return
    from farm.cli.genres import list_command

    raise typer.Exit(list_command(as_json=json_))


@genres.command()
def show(genre: Name, json_: Json = False) -> None:
    """Show everything that a genre says, with what holds where it says nothing; --json has all of its data.

    farm genres show jazz

    farm genres show ./bolero --json | jq .layers
    """
    from farm.cli.genres import show_command

    raise typer.Exit(show_command(genre, as_json=json_))


@genres.command()
def check(genre: Name, json_: Json = False) -> None:
    """Say all that is wrong with a genre, and what of it can never be heard. Exit code 1: it cannot be used.

    farm genres check ./bolero

    farm genres check bolero.yaml --json
    """
    from farm.cli.genres import check_command

    raise typer.Exit(check_command(genre, as_json=json_))


@genres.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name.")],
    bases: Annotated[
        list[str] | None, typer.Option("--from", metavar="GENRE", help="Begin with this one; given again, with all at once.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write; default: its name, here.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A field, as in YAML: --set tempo_bpm='[90, 120]'.")
    ] = None,
    drums: Annotated[
        str | None,
        typer.Option("--drums", help="backbeat, swing, electronic, one-drop, clave, minimal, or those of a genre."),
    ] = None,
    chords: Annotated[str | None, typer.Option("--chords", metavar="GENRE", help="Progressions and chains of this one.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; nobody is asked without a terminal.")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Make the folder of a genre of your own: on a terminal every field is asked for, and Enter keeps what it is.

    farm genres new bolero --from latin

    farm genres new fast-swing --from jazz --set tempo_bpm='[180, 240]' --set tempos='{}' --yes

    farm genres new mine --drums one-drop --chords pop --yes --json
    """
    from farm.cli.genrenew import NewGenre, new_command

    asked = NewGenre(name, out, bases or [], settings or [], drums, chords, ask=not yes)
    raise typer.Exit(new_command(asked, as_json=json_))
