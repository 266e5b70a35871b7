"""`farm purge`: remove what ended submissions left in stores and staging folders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from farm.cli.door import service_ledger
from farm.cli.output import counted, print_json, size
from farm.dataset.folder import farm_folder
from farm.ledger import Ledger, Submission
from farm.scheduling.keeper import ask
from schemas.errors import PlanError
from schemas.states import SONG_ENDS, SUBMISSION_ENDS, SongState
from schemas.upkeep import Answer, NamedSong, NamedStem, PurgeOrder, PurgeTotals

_DAY_S = 86_400.0


def purge_command(
    submission: int | None, *, older_than: float | None, dry_run: bool, forget: bool, yes: bool, as_json: bool
) -> int:
    """Purge one submission, or all that ended long enough ago."""
    if (submission is None) == (older_than is None):
        raise PlanError("farm purge needs a submission's number or --older-than DAYS", hint="Give one of the two")
    with service_ledger() as ledger:
        if submission is not None:
            ledger.check_ended(submission)
            numbers = [submission]
        else:
            # What a plan keeps on purpose goes only when its submission is named.
            ended = ledger.ended_submissions((older_than or 0.0) * _DAY_S)
            numbers = [found.submission_id for found in ended if not found.keeps_store]
        if not _is_sure(ledger, numbers, dry_run=dry_run, yes=yes or as_json):
            sys.stdout.write("nothing was removed\n")
            return 0
        done = [_purge(ledger, ledger.submission(number), dry_run=dry_run, forget=forget) for number in numbers]
    if as_json:
        print_json({"dry_run": dry_run, "submissions": done, **_sum(done)})
    else:
        sys.stdout.write(_words(done, dry_run=dry_run))
    return 0


def _is_sure(ledger: Ledger, numbers: Sequence[int], *, dry_run: bool, yes: bool) -> bool:
    keeping = [number for number in numbers if ledger.submission(number).plan.keep_store]
    if dry_run or yes or not keeping or not sys.stdin.isatty():
        return True
    return typer.confirm(f"The plan of submission {keeping[0]} keeps its raw stems on purpose. Remove them?")


def _purge(ledger: Ledger, submission: Submission, *, dry_run: bool, forget: bool) -> dict[str, Any]:
    needed = needed_by_others(ledger, submission)
    mine = _named(ledger, submission, needed)
    others = any(
        ledger.submission(number).state not in SUBMISSION_ENDS or ledger.submission(number).plan.keep_store
        for number in ledger.store_rivals(submission.id)
    )
    # The store inside a dataset's folder belongs to that dataset; what killed processes left goes with the rest.
    own = farm_folder(Path(submission.out_dir))
    everything = submission.store_root == str(own / "store") and not others
    folders = [] if ledger.folder_successor(submission.id) is not None else [str(own / "staging")]
    order = PurgeOrder(store=submission.store_root, everything=everything, folders=folders, dry_run=dry_run)
    totals: list[PurgeTotals] = []

    def hear(answer: Answer) -> None:
        if answer.purged is not None:
            totals.append(answer.purged)

    ask(order, mine, hear)
    (seen,) = totals
    if not dry_run and seen.files:
        ledger.note_purge(submission.id, f"{counted(seen.files, 'file')}, {counted(seen.size_bytes, 'byte')}")
    if forget and not dry_run:
        ledger.forget(submission.id)
    return {
        "submission": submission.id, "name": submission.plan.name, "store": submission.store_root,
        "files": seen.files, "bytes": seen.size_bytes, **seen.model_dump(), "forgotten": forget and not dry_run,
    }  # fmt: skip


def _named(ledger: Ledger, submission: Submission, needed: set[str]) -> list[NamedStem | NamedSong]:
    stems: dict[str, NamedStem] = {
        stem.spec_hash: NamedStem(spec=stem.spec_hash, data=stem.data_hash)
        for stem in ledger.stem_files(submission.id)
        if stem.spec_hash not in needed and (stem.data_hash is None or stem.data_hash not in needed)
    }
    midi = {name for song in ledger.all_song_files(submission.id) for name in (song.song_hash, *song.midi)} - needed
    return [*stems.values(), NamedSong(midi=sorted(midi))]


def needed_by_others(ledger: Ledger, submission: Submission) -> set[str]:
    """Return the names of files that other submissions with the same store need, or keep on purpose."""
    needed: set[str] = set()
    for number in ledger.store_rivals(submission.id):
        other = ledger.submission(number)
        keeps = other.plan.keep_store
        if other.state in SUBMISSION_ENDS and not keeps:
            continue
        for stem in ledger.stem_files(number):
            if stem.song_state not in SONG_ENDS or (keeps and stem.song_state is SongState.DONE):
                needed |= {stem.spec_hash} | ({stem.data_hash} if stem.data_hash else set())
        for song in ledger.all_song_files(number):
            if song.state not in SONG_ENDS or (keeps and song.state is SongState.DONE):
                needed |= {song.song_hash, *song.midi}
    return needed


def _sum(done: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {"files": sum(one["files"] for one in done), "bytes": sum(one["bytes"] for one in done)}


def _words(done: Sequence[dict[str, Any]], *, dry_run: bool) -> str:
    verb = "would be removed" if dry_run else "removed"
    lines = []
    for one in done:
        kinds = ("audio", "sidecars", "midi", "parts", "folders")
        of_what = ", ".join(f"{one[kind]['files']:,} {_KINDS[kind]}" for kind in kinds if one[kind]["files"])
        forgotten = "; its rows in the ledger are gone, too" if one["forgotten"] else ""
        what = (
            f"{counted(one['files'], 'file')}, {size(one['bytes'])} {verb}" if one["files"] else "nothing is left of it"
        )
        lines.append(f"submission {one['submission']}: {what}{f' ({of_what})' if of_what else ''}{forgotten}")
    return "\n".join(lines or ["no submission ended so long ago"]) + "\n"


_KINDS = {
    "audio": "stems", "sidecars": "sidecars", "midi": "MIDI", "parts": "half-written", "folders": "staged",
}  # fmt: skip
