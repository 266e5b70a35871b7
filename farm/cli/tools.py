"""The commands around datasets with their arguments: bringing a set-up in, and working with what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import MAKE, USE, Json

tools = typer.Typer()


@tools.command("import", rich_help_panel=MAKE)
def import_(
    kind: Annotated[str, typer.Argument(metavar="slakh", help="What is imported: slakh, a set-up of slakh-generation.")],
    config: Annotated[Path, typer.Argument(metavar="CONFIG.json", help="The config.json with which it was started.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the plan; made if it is not there.")] = Path("slakh-plan"),
    source: Annotated[
        Path | None, typer.Option("--source", help="MIDI, in place of what the config names.")
    ] = None,
    soundfont: Annotated[
        list[Path] | None, typer.Option("--soundfont", help="Plays the stand-ins; given again, several in turn.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder that relative paths count from; default: the config's.")
    ] = None,
    numbers_from: Annotated[
        int | None,
        typer.Option("--numbers-from", min=0, max=1, help="How the instrument definitions count programs; else they tell."),
    ] = None,
    keep_rules: Annotated[bool, typer.Option("--keep-rules", help="Play the MIDI rules on the stand-ins too.")] = False,
    play_unmapped: Annotated[
        bool, typer.Option("--play-unmapped", help="Play programs that have no patch; Slakh leaves them out.")
    ] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Make a plan of a Slakh set-up: its config, instrument definitions, classes, band, list and MIDI rules.

    Says what became of every key. The plan is for `farm run`.

        farm import slakh slakh-generation/config.json --out my-slakh

        farm import slakh config.json --out my-slakh --source ~/lmd_matched --soundfont A.sf2 --soundfont B.sf2
    """
    from farm.cli.import_ import import_command
    from farm.planning.slakh.setup import Options

    options = Options(
        root=root, first_program=numbers_from, soundfonts=tuple(soundfont or ()), source=source,
        keep_rules=keep_rules, play_unmapped=play_unmapped,
    )  # fmt: skip
    raise typer.Exit(import_command(kind, config, out, options, as_json=json_))


Dataset = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset, or of Slakh's own.")]


@tools.command(rich_help_panel=USE)
def resplit(
    dataset: Dataset,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="Split file in Slakh's form; `orig` for Slakh2100's own splits.")
    ] = None,
    ratios: Annotated[
        str | None, typer.Option("--ratios", "-r", help="Shares, such as train=0.8,validation=0.1,test=0.1.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="What --ratios keeps whole: cluster (versions of a song) or song.")] = "cluster",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of --ratios; default: the dataset's.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last change, or the one that was broken off.")] = False,
    write: Annotated[Path | None, typer.Option("--write", help="Write the splits as they are then, in Slakh's form.")] = None,
    json_: Json = False,
) -> None:  # fmt: skip
    """Move the tracks of a finished dataset between splits; without options finish what was broken off, and say how it is.

    Run twice it does nothing more. A killed call is finished by the next one; `--undo` takes it back.

        farm resplit out/pop --ratios train=0.8,validation=0.1,test=0.1

        farm resplit slakh2100_flac_redux --file splits_v2.json

        farm resplit out/pop --undo
    """
    from farm.cli.resplit import resplit_command

    code = resplit_command(
        dataset, file=file, ratios=ratios, by=by, seed=seed, take_back=undo, write=write, as_json=json_
    )
    raise typer.Exit(code)


@tools.command(rich_help_panel=USE)
def find(
    dataset: Dataset,
    query: Annotated[str, typer.Argument(metavar="[QUERY]", help="What must be true; left out, everything is listed.")] = "",
    songs: Annotated[bool, typer.Option("--songs", help="List songs that have such a stem, not the stems.")] = False,
    fields: Annotated[str | None, typer.Option("--fields", help="What is shown of each, such as track,audio.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many.")] = None,
    list_fields: Annotated[bool, typer.Option("--list-fields", help="Print the fields and what they mean.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a line of names on top.")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Find stems or songs in a dataset by what is known of them.

    Fields are compared by =, !=, <, <=, >, >=, ~ (contains) and in (a, b); ranges are 30..40; joined by and, or, not and
    brackets. any(...), all(...) and no(...) ask all stems of the song.

        farm find out/pop 'program=33 and not class=Drums and duration>60'

        farm find out/pop 'class in (Bass, Guitar) and lufs<-30' --fields audio --csv

        farm find out/pop 'any(class=Piano) and no(drums)' --songs --json
    """
    from farm.cli.find import fields_command, find_command

    if list_fields:
        raise typer.Exit(fields_command(as_json=json_))
    code = find_command(dataset, query, songs=songs, fields=fields, limit=limit, as_csv=as_csv, as_json=json_)
    raise typer.Exit(code)


@tools.command(rich_help_panel=USE)
def stats(
    dataset: Dataset,
    form: Annotated[str, typer.Option("--format", help="text, json or html (one page that needs nothing else).")] = "text",
    plots: Annotated[Path | None, typer.Option("--plots", help="Also draw pictures into this folder; needs matplotlib.")] = None,
    plot_format: Annotated[str, typer.Option("--plot-format", help="png or svg.")] = "png",
    json_: Json = False,
) -> None:  # fmt: skip
    """Count what a dataset holds: songs, hours, splits, classes, programs, patches, lengths, tempos, levels.

    farm stats out/pop

    farm stats out/pop --format html > pop.html

    farm stats out/pop --plots pictures --plot-format svg
    """
    from farm.cli.stats import stats_command

    raise typer.Exit(stats_command(dataset, form=form, plots=plots, plot_format=plot_format, as_json=json_))


Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Tracks at a time; default: one per core.")
]


@tools.command(rich_help_panel=USE)
def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of a dataset, or of Slakh's own.")],
    target: Annotated[Path | None, typer.Argument(metavar="[DST]", help="New folder of the copy.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the audio of SRC, track by track.")] = False,
    format_: Annotated[str | None, typer.Option("--format", help="flac or wav.")] = None,
    rate: Annotated[int | None, typer.Option("--rate", help="Resample to this rate, Hz.")] = None,
    bits: Annotated[int | None, typer.Option("--bits", help="16, 24, or 32 (float, WAV only).")] = None,
    mono: Annotated[bool, typer.Option("--mono", help="The mean of left and right.")] = False,
    dither: Annotated[bool, typer.Option("--dither", help="Round to 16 bits with triangular dither.")] = False,
    jobs: Jobs = None,
    json_: Json = False,
) -> None:  # fmt: skip
    """Convert the audio of a finished dataset: WAV or FLAC, another rate, mono, other bits; what is not named stays.

    The result says what it is and `farm verify` checks it. Killed, the same command goes on. Exit code 3: some tracks failed.

        farm convert slakh2100_flac_redux slakh-16k --format wav --rate 16000

        farm convert out/pop --in-place --mono --bits 16 --jobs 2
    """
    from farm.cli.rework import convert_command

    code = convert_command(
        source, target, in_place=in_place, file_format=format_, rate_hz=rate, bits=bits, mono=mono, dither=dither,
        jobs=jobs, as_json=json_,
    )  # fmt: skip
    raise typer.Exit(code)


@tools.command(rich_help_panel=USE)
def submix(
    dataset: Dataset,
    recipes: Annotated[
        list[str], typer.Argument(metavar="RECIPE...", help="Recipe files in Slakh's form, or the farm's: band, musdb.")
    ],
    track: Annotated[list[str] | None, typer.Option("--track", help="Only this track; may be repeated.")] = None,
    jobs: Jobs = None,
    json_: Json = False,
) -> None:
    """Sum the stems of every song into the groups of a recipe, and what is left into residuals, each sum exact.

    They go to submixes/NAME in each track's folder. A plan makes them too: `output.submixes`. Exit code 3: some tracks failed.

        farm submix out/pop 5stem_inst.yaml

        farm submix out/pop band musdb --track Track00001
    """
    from farm.cli.rework import submix_command

    raise typer.Exit(submix_command(dataset, recipes, tracks=track or [], jobs=jobs, as_json=json_))


@tools.command(rich_help_panel=USE)
def export(
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished dataset of the farm.")],
    form: Annotated[str, typer.Option("--format", help="webdataset, parquet, jsonl, csv or huggingface.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="New folder; default: DIR-FORMAT beside the dataset.")
    ] = None,
    what: Annotated[
        str | None, typer.Option("--what", help="Of each song: mix,stems,midi,annotation (default), mixes,submixes.")
    ] = None,
    no_midi: Annotated[bool, typer.Option("--no-midi", help="Leave the MIDI out.")] = False,
    split: Annotated[str | None, typer.Option("--split", help="Only this split; default: all but `omitted`.")] = None,
    shard_size: Annotated[str | None, typer.Option("--shard-size", help="Largest tar shard, such as 500MB; default 1GB.")] = None,
    shuffle: Annotated[
        int | None, typer.Option("--shuffle", metavar="SEED", help="Put songs into shards in an order drawn by this seed.")
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Paths of tables begin at the tables, not at the dataset.")
    ] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Export a finished dataset for streaming and analysis: tar shards with an index, tables, a Hugging Face folder.

    Every file is compared with the manifest on the way. The same command again does nothing; broken off, it begins again.

        farm export out/pop --format webdataset --out shards --shard-size 500MB

        farm export out/pop --format parquet --relative

        farm export out/pop --format huggingface --what mix,stems --split train
    """
    from farm.cli.export import export_command

    code = export_command(
        dataset, form, out, what=what, no_midi=no_midi, split=split, shard_size=shard_size, shuffle=shuffle,
        relative=relative, as_json=json_,
    )  # fmt: skip
    raise typer.Exit(code)
