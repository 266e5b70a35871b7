"""The operator's commands with their arguments: steering submissions, tending hosts, patches and limits, reading why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.options import STEER, TEND, WATCH, Id, Json, MaybeId

commands = typer.Typer()

Song = Annotated[list[str] | None, typer.Option("--song", help="A song by its name, Track00001; may be repeated.")]
Stem = Annotated[list[str] | None, typer.Option("--stem", help="A stem, Track00001/S03; may be repeated.")]
Host = Annotated[str, typer.Argument(metavar="HOST", help="Name of the host, as `farm workers` prints it.")]
OneHost = Annotated[str | None, typer.Option("--host", help="Only this host.")]
Patch = Annotated[
    str | None,
    typer.Argument(
        metavar="[PATCH]", help="A patch's name (SOUNDFONT:bank:program) or its soundfont's key, or how one begins."
    ),
]


@commands.command(rich_help_panel=STEER)
def pause(submission: Id, json_: Json = False) -> None:
    """Stop giving out work of a submission; stems that are being rendered are finished first.

    farm pause 3
    """
    from farm.cli.steer import pause_command

    raise typer.Exit(pause_command(submission, as_json=json_))


@commands.command(rich_help_panel=STEER)
def resume(submission: Id, json_: Json = False) -> None:
    """Let a paused submission go on.

    farm resume 3
    """
    from farm.cli.steer import resume_command

    raise typer.Exit(resume_command(submission, as_json=json_))


@commands.command(rich_help_panel=STEER)
def cancel(
    submission: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; nobody is asked without a terminal.")] = False,
    json_: Json = False,
) -> None:
    """End a submission; published songs stay, and `farm requeue` takes up the rest again.

    farm cancel 3

    farm cancel 3 --yes --json
    """
    from farm.cli.steer import cancel_command

    raise typer.Exit(cancel_command(submission, yes=yes, as_json=json_))


@commands.command(rich_help_panel=STEER, context_settings={"ignore_unknown_options": True})
def priority(
    submission: Id,
    value: Annotated[int, typer.Argument(metavar="PRIORITY", min=-100, max=100, help="Higher goes first; default 0.")],
    json_: Json = False,
) -> None:
    """Put a submission before or behind the others, for all work that is not yet taken.

    farm priority 3 50

    farm priority 4 -10
    """
    from farm.cli.steer import priority_command

    raise typer.Exit(priority_command(submission, value, as_json=json_))


@commands.command(rich_help_panel=STEER)
def requeue(submission: Id, song: Song = None, stem: Stem = None, json_: Json = False) -> None:
    """Try again what failed: everything, or the songs and stems that are named. Their failures are forgotten.

    farm requeue 3

    farm requeue 3 --song Track00001 --stem Track00007/S03
    """
    from farm.cli.steer import requeue_command

    raise typer.Exit(requeue_command(submission, song or [], stem or [], as_json=json_))


@commands.command(rich_help_panel=STEER)
def eat(
    submission: Id,
    stem: Annotated[list[str], typer.Argument(metavar="STEM...", help="Track00001/S03, as `farm failures` prints it.")],
    json_: Json = False,
) -> None:
    """Accept a song without a stem that failed or is not yet rendered; the song goes on without it.

    farm eat 3 Track00001/S03

    farm eat 3 Track00001/S03 Track00007/S01
    """
    from farm.cli.steer import eat_command

    raise typer.Exit(eat_command(submission, stem, as_json=json_))


@commands.command(rich_help_panel=WATCH)
def eta(submission: Id, json_: Json = False) -> None:
    """Say when a submission will be done (p50 and p90, from measured speeds), and which patch holds it up.

    farm eta 3

    farm eta 3 --json | jq .p90_s
    """
    from farm.cli.eta import eta_command

    raise typer.Exit(eta_command(submission, as_json=json_))


@commands.command(rich_help_panel=WATCH)
def logs(
    submission: MaybeId = None,
    host: OneHost = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only events of this kind, such as recycled.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many, the newest.")] = 50,
    lines: Annotated[bool, typer.Option("--lines", help="The hosts' own logs in FARM_LOG_DIR, line by line.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens from now; stop: Ctrl-C.")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Tell what happened: tries that failed, engines recycled, patches quarantined, slots lost, hosts drained.

    With --json one line for each event.

    farm logs 3

    farm logs --host render-2 --kind recycled

    farm logs --lines --host render-2 --follow
    """
    from farm.cli.logs import Query, kind_of, logs_command

    query = Query(submission, host, kind_of(kind), limit, json_)
    raise typer.Exit(logs_command(query, lines=lines, follow=follow))


@commands.command(rich_help_panel=TEND)
def workers(host: OneHost = None, json_: Json = False) -> None:
    """List hosts and their slots: what each one has warm, holds and for how long, and when it was last heard of.

    farm workers

    farm workers --host render-2 --json
    """
    from farm.cli.hosts import workers_command

    raise typer.Exit(workers_command(host, as_json=json_))


@commands.command(rich_help_panel=TEND)
def drain(
    host: Host,
    off: Annotated[bool, typer.Option("--off", help="Let the host take work again.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when its last slot has nothing left to do.")] = False,
    json_: Json = False,
) -> None:
    """Let a host finish its stems and take no new work, before a reboot or an upgrade; --off takes it back.

    farm drain render-2 --wait

    farm drain render-2 --off
    """
    from farm.cli.hosts import drain_command

    raise typer.Exit(drain_command(host, on=not off, wait=wait, as_json=json_))


@commands.command(rich_help_panel=TEND)
def quarantine(
    patch: Patch = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who read it later.")] = "set by a person",
    release: Annotated[bool, typer.Option("--release", help="Give the patch's work out again.")] = False,
    json_: Json = False,
) -> None:
    """List quarantined patches, hold the work of one, or release it.

    farm quarantine

    farm quarantine TimGM6mb:000:055 --reason "drops note-offs since the update"

    farm quarantine TimGM6mb:000:055 --release

    farm quarantine 5e0f --reason "all of this soundfont hums"
    """
    from farm.cli.patches import quarantine_command

    raise typer.Exit(quarantine_command(patch, reason, release=release, as_json=json_))


@commands.command(rich_help_panel=TEND)
def limits(
    name: Annotated[str | None, typer.Argument(help="Name of the limit; left out, all are listed.")] = None,
    maximum: Annotated[int | None, typer.Argument(metavar="[MAX]", min=0, help="At most so many at once.")] = None,
    scope: Annotated[
        str,
        typer.Option(
            "--scope", help="What counts as one: an engine process that has it loaded (instance), or a host (host)."
        ),
    ] = "instance",
    drop: Annotated[bool, typer.Option("--drop", help="Take the limit away.")] = False,
    json_: Json = False,
) -> None:
    """List, set or drop limits: how many engines, or hosts, may have something loaded at once, such as a licence.

    farm limits

    farm limits piano-licence 4 --scope host

    farm limits piano-licence --drop
    """
    from farm.cli.limits import limits_command

    raise typer.Exit(limits_command(name, maximum, scope, drop=drop, as_json=json_))


@commands.command(rich_help_panel=TEND)
def fsck(
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHERE]", help="A submission, the folder of a local run, or with --rebuild of a dataset; default: all."
        ),
    ] = None,
    sample: Annotated[str, typer.Option("--sample", help="Read so many percent of the files; names are all checked.")] = "100",
    seed: Annotated[str, typer.Option("--seed", help="Draws the sample: another word, other files.")] = "",
    repair: Annotated[bool, typer.Option("--repair", help="Remove what is damaged and have it rendered anew.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="The ledger is lost: submit the dataset again and adopt what is there.")
    ] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Compare the files of the stores with their names and the ledger. Exit code 1 when something stays wrong.

    farm fsck --sample 1 --seed monday

    farm fsck 3 --repair

    farm fsck --rebuild /shared/out/lakh-1
    """
    from farm.cli.fsck import fsck_command

    raise typer.Exit(fsck_command(where, sample=sample, seed=seed, repair=repair, rebuild=rebuild, as_json=json_))


@commands.command(rich_help_panel=TEND)
def purge(
    submission: Annotated[int | None, typer.Argument(help="Number of a submission that has ended.")] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", min=0, metavar="DAYS", help="All that ended so long ago.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove it from the ledger as well.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, also where a plan keeps its raw stems.")
    ] = False,
    json_: Json = False,
) -> None:
    """Remove what ended submissions left: raw stems, MIDI, staged and half-written files. Published songs stay.

    farm purge 3 --dry-run

    farm purge --older-than 14 --json
    """
    from farm.cli.purge import purge_command

    raise typer.Exit(
        purge_command(submission, older_than=older_than, dry_run=dry_run, forget=forget, yes=yes, as_json=json_)
    )


@commands.command(rich_help_panel=TEND)
def selftest(
    chaos: Annotated[bool, typer.Option("--chaos", help="Kill, stop, fill and forget while it works.")] = False,
    stems: Annotated[int | None, typer.Option("--stems", min=8, max=200_000, help="Stems; default 24, with --chaos 2000.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws songs and faults.")] = 0,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="Given up after so long.")] = 30.0,
    ledger: Annotated[str | None, typer.Option("--ledger", help="sqlite (default) or postgres (default of --chaos).")] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="Work in this new folder and leave it there.")] = None,
    json_: Json = False,
) -> None:  # fmt: skip
    """Try this installation: a private broker, ledger, scheduler and workers make a small dataset, which is verified.

    farm selftest

    farm selftest --chaos --stems 2000 --seed 7 --json
    """
    from farm.cli.selftest import selftest_command

    raise typer.Exit(
        selftest_command(chaos=chaos, stems=stems, seed=seed, minutes=minutes, ledger=ledger, keep=keep, as_json=json_)
    )
