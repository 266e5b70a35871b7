"""The commands that a dataset begins or ends with, and their arguments: presets of plans, indexes for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import MAKE, Json, Slots

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
def compose(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the dataset; made if it is not there.")] = None,
    genre: Annotated[
        list[str] | None,
        typer.Option(
            "--genre", "-g", help="A genre, see `farm genres`, or a path of one; given again, all at once; jazz=60 is a share."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="Songs; default 1.")] = None,
    range_: Annotated[
        str | None, typer.Option("--range", metavar="A:B", help="Songs A to B-1, the same as in one large run.")
    ] = None,
    length: Annotated[str | None, typer.Option("--length", help="Of each song: 30s, 2m, 1m30s; left out, as genres are.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="What is published: full, mix, stems or midi.")] = "full",
    together: Annotated[bool, typer.Option("--together/--each", help="Songs of all genres at once, or each of one.")] = True,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Songs that are checked below it are composed anew.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Layout of the dataset: slakh or musicgen.")] = None,
    shard_width: Annotated[
        int | None, typer.Option(help="With the layout musicgen: folders by so many first digits.")
    ] = None,
    slots: Slots = None,
    soundfont: Annotated[Path | None, typer.Option(help="SF2 or SF3 file; default: as `farm run`.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="flac or wav.")] = None,
    bits: Annotated[int | None, typer.Option(help="16, 24, or 32 (float, WAV only).")] = None,
    rate: Annotated[int | None, typer.Option(help="Sample rate, Hz.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 (mono) or 2 (stereo).")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="Begin with a preset of the farm; flags win.")] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Write the plan to this file, and make nothing.")
    ] = None,
    json_: Json = False,
) -> None:  # fmt: skip
    """Compose songs of one or more genres, and make a dataset of them on this machine.

    Song 17 is the same in every run with its seed, genres and length, whatever the range. Exit codes are those of `farm run`.

        farm compose --genre jazz --genre latin --seed 42 --count 100 --out out/jazz

        farm compose --genre rock --length 30s --range 1000:2000 --mode mix --out out/rock-1

        farm compose --genre pop --count 10000 --mode midi --plan pop.yaml

        farm compose --genre jazz=60 --genre rock=40 --count 100 --layout musicgen --out out/both
    """
    from farm.cli.compose import Wanted, plan_values, write_plan
    from schemas.errors import PlanError

    values = plan_values(Wanted(genre or [], count, range_, length, not together, min_score))
    flags = {
        "seed": seed, "output.parts": mode, "output.layout": layout, "output.shard_width": shard_width,
        "output.format": format_, "output.bits": bits, "output.rate_hz": rate, "output.channels": channels,
        "engine.soundfont": None if soundfont is None else str(soundfont.expanduser().resolve()),
    }  # fmt: skip
    overrides = {key: value for key, value in flags.items() if value is not None}
    if plan is not None:
        raise typer.Exit(write_plan(plan, values, overrides, as_json=json_))
    if out is None:
        raise PlanError("where the dataset goes is not said", hint="Name a folder with --out, or a file with --plan")
    from farm.scheduling.slothost import SlotHost

    with SlotHost.ready() as host:  # gets ready while the rest is imported and the plan is read
        from farm.cli.prepare import Asked
        from farm.cli.run import run_command

        asked = Asked(Path(), out, overrides, preset, values)
        raise typer.Exit(run_command(asked, host=host, slots=slots, as_json=json_))


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
