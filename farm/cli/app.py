"""Every command of `farm` with its arguments; the work is imported only when a command runs: `--help` is quick."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from farm.cli.assetcommands import assets
from farm.cli.commands import commands
from farm.cli.composing import genres
from farm.cli.judging import judging, trials
from farm.cli.making import making
from farm.cli.options import MAKE, PANELS, SERVE, TEND, USE, WATCH, Json, Slots
from farm.cli.patchcommands import patch_commands
from farm.cli.samplecommands import samples
from farm.cli.tools import tools
from schemas.errors import FarmError


class _Commands(TyperGroup):
    """All commands; those of `farm --help` stand in the order in which a newcomer needs them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  as its base has it
        panels = {name: str(getattr(command, "rich_help_panel", "")) for name, command in self.commands.items()}
        return sorted(self.commands, key=lambda name: PANELS.index(panels[name]))


app = typer.Typer(
    name="farm",
    cls=_Commands,
    help="Turn symbolic music into annotated multitrack audio datasets.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)

Source = Annotated[Path, typer.Argument(help="A folder of MIDI, one MIDI file, a text list of paths, or a plan.yaml.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the dataset; made if it is not there.")]
Soundfont = Annotated[Path | None, typer.Option(help="SF2 or SF3 file; default: the system's, else the packaged one.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of every draw.")]
Layout = Annotated[str | None, typer.Option(help="Layout of the dataset: slakh or musicgen.")]
Format = Annotated[str | None, typer.Option("--format", help="flac or wav.")]
Bits = Annotated[int | None, typer.Option(help="16, 24, or 32 (float, WAV only).")]
Rate = Annotated[int | None, typer.Option(help="Sample rate, Hz.")]
Channels = Annotated[int | None, typer.Option(help="1 (mono) or 2 (stereo).")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many songs.")]
Jams = Annotated[bool | None, typer.Option("--jams/--no-jams", help="Also write a JAMS file per song.")]
Effects = Annotated[bool | None, typer.Option("--effects/--no-effects", help="FluidSynth's reverb and chorus.")]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store", help="Folder or s3://bucket/prefix of raw stems that datasets share; kept unless you say not."
    ),
]
KeepStore = Annotated[
    bool | None, typer.Option("--keep-store/--no-keep-store", help="Keep raw stems after publishing.")
]


Preset = Annotated[
    str | None,
    typer.Option("--preset", help="Begin with a preset of the farm, see `farm presets`; plan and flags win."),
]
Rerender = Annotated[
    bool | None,
    typer.Option("--rerender/--no-rerender", help="Make published songs again; by default they are skipped."),
]


def _overrides(
    soundfont: Path | None, seed: int | None, layout: str | None, format_: str | None, bits: int | None,
    rate: int | None, channels: int | None, limit: int | None, jams: bool | None, effects: bool | None,
    store: str | None, keep_store: bool | None, rerender: bool | None,
) -> dict[str, Any]:  # fmt: skip
    if store is not None and keep_store is None:
        keep_store = True  # a store of its own place is there for the datasets to come
    values = {
        "engine.soundfont": None if soundfont is None else str(soundfont.expanduser().resolve()),
        "engine.settings.reverb": effects,
        "engine.settings.chorus": effects,
        "seed": seed,
        "output.layout": layout,
        "output.format": format_,
        "output.bits": bits,
        "output.rate_hz": rate,
        "output.channels": channels,
        "output.jams": jams,
        "limit": limit,
        "store.url": store,
        "keep_store": keep_store,
        "rerender_existing": rerender,
    }
    return {key: value for key, value in values.items() if value is not None}


@app.command(rich_help_panel=MAKE)
def run(
    source: Source, out: Out,
    slots: Slots = None,
    soundfont: Soundfont = None, seed: Seed = None, layout: Layout = None, format_: Format = None,
    bits: Bits = None, rate: Rate = None, channels: Channels = None, limit: Limit = None, jams: Jams = None,
    effects: Effects = None, store: StoreUrl = None, keep_store: KeepStore = None, rerender: Rerender = None,
    preset: Preset = None, json_: Json = False,
) -> None:  # fmt: skip
    """Make a dataset on this machine, with no server.

    Interrupted, the same command goes on where it stopped. Exit code: 0 every accepted song was published, 3 some
    failed, 2 a bad plan, source or folder.

        farm run ~/midi --out out/pop --limit 100

        farm run plan.yaml --out out/pop --slots 4 --format wav --bits 16

        farm run ~/lmd_matched --out out/baby --preset babyslakh
    """
    from farm.scheduling.slothost import SlotHost

    values = _overrides(
        soundfont, seed, layout, format_, bits, rate, channels, limit, jams, effects, store, keep_store, rerender
    )
    with SlotHost.ready() as host:  # gets ready while the rest is imported and the plan is read
        from farm.cli.prepare import Asked
        from farm.cli.run import run_command

        raise typer.Exit(run_command(Asked(source, out, values, preset), host=host, slots=slots, as_json=json_))


@app.command(rich_help_panel=MAKE)
def submit(
    source: Source, out: Out,
    soundfont: Soundfont = None, seed: Seed = None, layout: Layout = None, format_: Format = None,
    bits: Bits = None, rate: Rate = None, channels: Channels = None, limit: Limit = None, jams: Jams = None,
    effects: Effects = None, store: StoreUrl = None, keep_store: KeepStore = None, rerender: Rerender = None,
    preset: Preset = None, json_: Json = False,
) -> None:  # fmt: skip
    """Hand a dataset to the farm's workers; prints the submission's number.

    Needs FARM_LEDGER_URL. Source and output must be folders that every worker sees under the same path.

        farm submit /shared/lakh --out /shared/out/lakh-1 --limit 2000
    """
    from farm.cli.prepare import Asked
    from farm.cli.service import submit_command

    values = _overrides(
        soundfont, seed, layout, format_, bits, rate, channels, limit, jams, effects, store, keep_store, rerender
    )
    raise typer.Exit(submit_command(Asked(source, out, values, preset), as_json=json_))


@app.command(rich_help_panel=SERVE)
def scheduler() -> None:
    """Run the scheduler: plans, admits songs, frees what dead workers held, rings for work. Several take turns.

    FARM_LEDGER_URL=postgresql+psycopg://farm@db/farm FARM_BROKER_URL=redis://broker/0 farm scheduler
    """
    from farm.cli.service import scheduler_command

    raise typer.Exit(scheduler_command())


@app.command(rich_help_panel=SERVE)
def worker(
    slots: Slots = None,
    engines: Annotated[
        str | None, typer.Option(help="Engine classes that its slots serve, such as fluidsynth,faust; default: all that work here.")
    ] = None,
) -> None:  # fmt: skip
    """Run the slots of this host under Celery.

    FARM_LEDGER_URL=... FARM_BROKER_URL=... farm worker --slots 8

    FARM_LEDGER_URL=... FARM_BROKER_URL=... farm worker --engines dawdreamer,faust
    """
    from farm.cli.service import worker_command

    worker_command(slots, engines)


@app.command(rich_help_panel=SERVE)
def flower(
    address: Annotated[str, typer.Option(help="Where to listen; by default on this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5555,
) -> None:
    """Show Celery's tickets, tasks and workers in Flower, behind the password in FLOWER_BASIC_AUTH.

    FARM_BROKER_URL=... FLOWER_BASIC_AUTH=... farm flower --port 5555
    """
    from farm.cli.flower import flower_command

    flower_command(address, port)


@app.command(rich_help_panel=SERVE)
def up(
    slots: Slots = None,
    flower: Annotated[bool, typer.Option(help="Also start Flower.")] = True,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Flower, on this machine only.")] = 5555,
) -> None:
    """Start the whole service on this machine, for trying it: embedded Valkey, scheduler, worker and Flower.

    farm up &
    farm submit ~/midi --out out/try && farm status 1 --watch
    """
    from farm.cli.up import up_command

    raise typer.Exit(up_command(slots, with_flower=flower, port=port))


@app.command(rich_help_panel=WATCH)
def status(
    submission: Annotated[
        str | None,
        typer.Argument(help="Number of the submission, or the folder of a local run; left out, all of them."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep the picture up to date until the submission ends.")
    ] = False,
    json_: Json = False,
) -> None:
    """Show submissions, or how far one is and what each stage has cost.

    farm status

    farm status 3 --watch

    farm status out/pop
    """
    from farm.cli.inspect import status_command

    raise typer.Exit(status_command(submission, watch=watch, as_json=json_))


@app.command(rich_help_panel=WATCH)
def songs(
    submission: Annotated[str, typer.Argument(help="Number of the submission, or the folder of a local run.")],
    json_: Json = False,
) -> None:
    """List the songs of a submission with their states, and how many files each rule rejected.

    farm songs 3 --json | jq '.[] | select(.state == "failed")'
    """
    from farm.cli.inspect import songs_command

    raise typer.Exit(songs_command(submission, as_json=json_))


@app.command(rich_help_panel=WATCH)
def failures(
    submission: Annotated[str, typer.Argument(help="Number of the submission, or the folder of a local run.")],
    json_: Json = False,
) -> None:
    """List every rejected file, failed song and failed stem with its reason.

    farm failures 3

    farm failures out/pop --json
    """
    from farm.cli.inspect import failures_command

    raise typer.Exit(failures_command(submission, as_json=json_))


@app.command(rich_help_panel=MAKE)
def verify(
    dataset: Annotated[Path, typer.Argument(help="Folder of a finished dataset.")],
    fast: Annotated[
        bool, typer.Option("--fast", help="Check files, hashes and sums only, not loudness and onsets.")
    ] = False,
    remake: Annotated[
        str | None,
        typer.Option(
            "--remake", metavar="SHARE", help="Make 5%, 3 or 0 songs anew and compare; default 1% of composed ones."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Re-read a finished dataset and check everything it claims. Exit code 1 with a list of what is wrong.

    Of composed songs some are made anew, from the plan that the dataset keeps, and must be the same byte by byte.

    farm verify out/pop --json

    farm verify out/pop --remake 5%
    """
    from farm.cli.verify import verify_command

    raise typer.Exit(verify_command(dataset, fast=fast, again=remake, as_json=json_))


@app.command(rich_help_panel=MAKE)
def doctor(json_: Json = False) -> None:
    """Say what is there, what is missing, and the command that mends it.

    farm doctor
    """
    from farm.cli.doctor import doctor_command

    raise typer.Exit(doctor_command(as_json=json_))


@app.command(rich_help_panel=MAKE)
def schema(
    what: Annotated[str, typer.Argument(help="annotation, manifest, dataset, plan or band.")] = "annotation",
) -> None:
    """Print a JSON Schema: of the annotation, a manifest line, the dataset record or the plan.

    farm schema annotation > annotation.schema.json
    """
    from farm.cli.schema import schema_command

    raise typer.Exit(schema_command(what))


app.registered_commands += judging.registered_commands
app.registered_commands += commands.registered_commands + making.registered_commands + tools.registered_commands
app.add_typer(patch_commands, name="patches", rich_help_panel=TEND)

app.add_typer(genres, rich_help_panel=MAKE)
app.add_typer(assets, rich_help_panel=MAKE)
app.add_typer(samples, rich_help_panel=MAKE)
app.add_typer(trials, rich_help_panel=USE)


def run_app(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    as_json = "--json" in (sys.argv if arguments is None else arguments)
    try:
        app(arguments, prog_name="farm")
    except FarmError as error:
        return _fail(error, as_json=as_json)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        told = getattr(stop.__context__, "format_message", None)  # of a wrong option: people have read it already
        if told is not None and as_json:
            _print_error(told(), "See `--help` of the command", "usage", code)
        return code
    return 0


def _fail(error: FarmError, *, as_json: bool) -> int:
    if as_json:
        _print_error(error.message, error.hint, error.reason, error.exit_code)
    sys.stderr.write(f"farm: {error}\n")
    return error.exit_code


def _print_error(message: str, hint: str, reason: str, exit_code: int) -> None:
    record = {"error": message, "hint": hint, "reason": reason, "exit_code": exit_code}
    sys.stdout.write(json.dumps(record) + "\n")
