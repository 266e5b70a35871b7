"""`farm clean`: remove what songs left that failed."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from farm.cli.inspect import opened
from farm.cli.output import answer, counted, size
from farm.cli.purge import needed_by_others
from farm.dataset.folder import farm_folder, locked
from farm.ledger import Ledger, Submission
from farm.scheduling.keeper import ask
from schemas.errors import PlanError
from schemas.states import SongState
from schemas.upkeep import Answer, NamedSong, NamedStem, PurgeOrder, PurgeTotals


def clean_command(where: str, *, failed: bool, dry_run: bool, as_json: bool) -> int:
    """Remove what failed songs of one submission left; `where` is its number, or the folder of a local run."""
    if not failed:
        raise PlanError(
            "farm clean removes nothing unless it is told what",
            hint="--failed: what failed songs left; `farm purge` removes what is left of whole submissions",
        )
    with opened(where) as (ledger, number):
        submission = ledger.submission(number)
        is_local = not where.isdigit()
        if not is_local:
            ledger.check_ended(number)
        # Of a local run the folder's lock says whether anything is under way.
        with locked(Path(submission.out_dir)) if is_local else nullcontext():
            songs = [song.name for song in ledger.songs(number) if song.state is SongState.FAILED]
            totals = _clean(ledger, submission, songs, dry_run=dry_run)
    record = {
        "submission": submission.id, "songs": songs, "files": totals.files, "bytes": totals.size_bytes,
        **totals.model_dump(mode="json"), "dry_run": dry_run,
    }  # fmt: skip
    return answer(record, _words(songs, totals, dry_run=dry_run), as_json=as_json)


def _clean(ledger: Ledger, submission: Submission, songs: list[str], *, dry_run: bool) -> PurgeTotals:
    if not songs:
        return PurgeTotals()
    staging = farm_folder(Path(submission.out_dir)) / "staging"
    folders = [str(path) for name in songs for path in sorted(staging.glob(f"{name}*")) if _is_of(path, name)]
    order = PurgeOrder(store=submission.store_root, everything=False, folders=folders, dry_run=dry_run)
    totals: list[PurgeTotals] = []

    def hear(found: Answer) -> None:
        if found.purged is not None:
            totals.append(found.purged)

    ask(order, _left_by_failed(ledger, submission), hear)
    return totals[-1] if totals else PurgeTotals()


def _is_of(path: Path, song: str) -> bool:
    """Whether a staged folder is that of a song: under its name, or half-made."""
    return path.name == song or path.name.startswith(f"{song}.")


def _left_by_failed(ledger: Ledger, submission: Submission) -> list[NamedStem | NamedSong]:
    """Return the files that failed songs have, without those that any other song may need."""
    needed = needed_by_others(ledger, submission)
    stems, songs = list(ledger.stem_files(submission.id)), list(ledger.all_song_files(submission.id))
    for stem in stems:
        if stem.song_state is not SongState.FAILED:
            needed |= {stem.spec_hash} | ({stem.data_hash} if stem.data_hash else set())
    for song in songs:
        if song.state is not SongState.FAILED:
            needed |= {song.song_hash, *song.midi}
    mine = {
        stem.spec_hash: NamedStem(spec=stem.spec_hash, data=stem.data_hash)
        for stem in stems
        if stem.song_state is SongState.FAILED and not needed & {stem.spec_hash, stem.data_hash or ""}
    }
    midi = {name for song in songs for name in (song.song_hash, *song.midi)} - needed
    return [*mine.values(), NamedSong(midi=sorted(midi))]


def _words(songs: list[str], totals: PurgeTotals, *, dry_run: bool) -> str:
    if not songs:
        return "no song failed: nothing to remove"
    verb = "would be removed" if dry_run else "removed"
    return f"{counted(len(songs), 'failed song')}: {counted(totals.files, 'file')}, {size(totals.size_bytes)} {verb}"
