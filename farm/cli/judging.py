"""The commands around scores with their arguments: score, filter, clean, and the trials of the score itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import TEND, USE, Json

judging = typer.Typer()
trials = typer.Typer(
    name="eval",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Try the score of audio itself: `farm eval validity`, `farm eval reliability`.",
)

Dataset = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished dataset of the farm.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Tracks at a time; default: one per core.")
]


@judging.command(rich_help_panel=USE)
def score(
    what: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|FILE...", help="Folder of a finished dataset of the farm, or audio files."),
    ],
    force: Annotated[bool, typer.Option("--force", help="Score those too that have a score.")] = False,
    jobs: Jobs = None,
    json_: Json = False,
) -> None:
    """Score the mixes of a dataset from 0 to 1: how far each sounds like music that was played, with its parts.

    The scores go into annotation, metadata and manifest; `farm find` and `farm stats` know them. What has a score is left as it
    is. Audio files are scored by themselves, and nothing is written. Exit code 3: some tracks or files failed.

        farm score out/pop

        farm score song.wav other.mp3 --json | jq .parts

        farm score out/pop --force --json | jq .scores
    """
    from farm.cli.scores import score_command, score_files_command

    if len(what) > 1 or what[0].expanduser().is_file():
        raise typer.Exit(score_files_command(what, jobs=jobs, as_json=json_))
    raise typer.Exit(score_command(what[0], force=force, jobs=jobs, as_json=json_))


@judging.command("filter", rich_help_panel=USE)
def filter_(
    dataset: Dataset,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Tracks that score less are moved out.")
    ] = None,
    reject_dir: Annotated[
        Path | None, typer.Option("--reject-dir", help="Where they go; default: DIR-rejected, beside the dataset.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be moved, and move nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Bring back what was moved out last.")] = False,
    json_: Json = False,
) -> None:
    """Move tracks with low scores out of a dataset; nothing is deleted, and --undo brings them back.

    Manifest, sums and splits follow, and `dataset.json` lists what was moved. A killed call is finished by the next one.

        farm filter out/pop --min-score 0.6 --dry-run

        farm filter out/pop --min-score 0.6 --reject-dir out/pop-low

        farm filter out/pop --undo
    """
    from farm.cli.scores import filter_command

    code = filter_command(dataset, min_score, reject_dir, dry_run=dry_run, take_back=undo, as_json=json_)
    raise typer.Exit(code)


@judging.command(rich_help_panel=TEND)
def clean(
    where: Annotated[str, typer.Argument(metavar="WHERE", help="Folder of a local run, or number of a submission.")],
    failed: Annotated[bool, typer.Option("--failed", help="What songs left that failed: raw stems, MIDI, staged files.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Remove what songs left that failed. Published songs stay, and so does what other songs need.

    farm clean out/pop --failed --dry-run

    farm clean 3 --failed --json
    """
    from farm.cli.cleaning import clean_command

    raise typer.Exit(clean_command(where, failed=failed, dry_run=dry_run, as_json=json_))


Of = Annotated[
    Path | None, typer.Argument(metavar="[DIR]", help="Take the mixes of this dataset; left out, songs are composed.")
]
Songs = Annotated[int, typer.Option("--songs", "-n", min=2, max=10_000, help="Good songs.")]
Genre = Annotated[
    list[str] | None, typer.Option("--genre", help="Compose songs of this genre; default: of all, in turn.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the songs and of the intervals.")]


@trials.command()
def validity(
    dataset: Of = None,
    songs: Songs = 30,
    genre: Genre = None,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=10, max=100_000, help="Samples for each interval.")
    ] = 200,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Try whether the score tells good songs from ten faults; exit code 1 where it does not.

    It has to reach an AUROC of 0.97 against eight of them, and to give less than 0.1 to what is no music at all.

        farm eval validity

        farm eval validity out/pop --songs 100 --bootstrap 2000 --json
    """
    from farm.cli.trials import validity_command

    raise typer.Exit(
        validity_command(dataset, songs=songs, genres=genre or [], bootstrap=bootstrap, seed=seed, as_json=json_)
    )


@trials.command()
def reliability(
    dataset: Of = None,
    songs: Songs = 18,
    genre: Genre = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=2, max=1000, help="Times that each song is scored and played.")
    ] = 5,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Try whether the same audio gets the same score, and the same song played otherwise nearly so; exit code 1 if not.

    farm eval reliability

    farm eval reliability --genre jazz --songs 40 --json
    """
    from farm.cli.trials import reliability_command

    raise typer.Exit(
        reliability_command(dataset, songs=songs, genres=genre or [], repeats=repeats, seed=seed, as_json=json_)
    )
