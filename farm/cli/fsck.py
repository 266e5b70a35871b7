"""`farm fsck`: is every file of the stores what its name says? What is not is removed and made anew."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from farm.cli.door import service_ledger
from farm.cli.output import counted, print_json, size
from farm.cli.screens import show, table
from farm.dataset.folder import farm_folder
from farm.ledger import Ledger, StemFile, Submission, open_ledger
from farm.scheduling.keeper import ask
from schemas.errors import PlanError, UnknownIdError
from schemas.states import SongState, StemState
from schemas.upkeep import LITTER, Answer, CheckOrder, CheckTotals, Finding, NamedSong, NamedStem, Progress, StoreFault

_LISTED = 20
#: What is mended by removing it where no song waits for it.
_REMOVED = LITTER | {StoreFault.DAMAGED_AUDIO, StoreFault.LOST_AUDIO, StoreFault.DAMAGED_SIDECAR}
#: States of songs that still read their stems' audio.
_UNMIXED = (SongState.RENDERING, SongState.MIXING)


@dataclass
class _Look:
    """One store, the submissions that use it, and what was found in it."""

    store: str
    submissions: list[Submission]
    stems: dict[str, list[StemFile]] = field(
        default_factory=lambda: defaultdict(list)
    )  #: by spec, those that are needed
    owners: dict[str, int] = field(default_factory=dict)  #: spec to submission
    songs: list[NamedSong] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    totals: CheckTotals = field(default_factory=CheckTotals)
    rerendered: int = 0


def fsck_command(where: str | None, *, sample: str, seed: str, repair: bool, rebuild: bool, as_json: bool) -> int:
    """Check the stores of a submission, of a local dataset or of the whole farm; returns 1 if something stays wrong."""
    share = share_of(sample)
    if rebuild:
        from farm.cli.rebuild import rebuild_command

        return rebuild_command(where, share=share, seed=seed, as_json=as_json)
    with _opened(where) as (ledger, submissions):
        looks = [
            look(ledger, store, using, CheckOrder(store=store, share=share, seed=seed, repair=repair), quiet=as_json)
            for store, using in _by_store(submissions).items()
        ]
    print_json(_report(looks)) if as_json else _print(looks, repair=repair)
    return int(any(not finding.mended for one in looks for finding in one.findings))


def share_of(text: str) -> float:
    """Return a percentage as a share.

    Raises:
        PlanError: it is none above 0 and up to 100.
    """
    try:
        value = float(text.removesuffix("%").strip()) / 100
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise PlanError(
            f"--sample {text} is no percentage", hint="Write a number above 0 and up to 100, such as 5 or 0.5%"
        )
    return value


@contextmanager
def _opened(where: str | None) -> Iterator[tuple[Ledger, list[Submission]]]:
    """Open the ledger, and find the submissions that are asked about."""
    if where is None or where.isdigit():
        with service_ledger() as ledger:
            yield ledger, ledger.submissions() if where is None else [ledger.submission(int(where))]
        return
    path = farm_folder(Path(where).expanduser().resolve()) / "ledger.sqlite"
    if not path.is_file():
        raise UnknownIdError(
            f"{where} is neither a submission's number nor the folder of a local run",
            hint="See `farm status`; where its ledger is lost, `farm fsck --rebuild` with the dataset's folder",
        )
    with closing(open_ledger(f"sqlite:///{path}")) as ledger:
        yield ledger, ledger.submissions()


def _by_store(submissions: Sequence[Submission]) -> dict[str, list[Submission]]:
    stores: dict[str, list[Submission]] = defaultdict(list)
    for submission in submissions:
        stores[submission.store_root].append(submission)
    return stores


def look(ledger: Ledger, store: str, submissions: Sequence[Submission], order: CheckOrder, *, quiet: bool) -> _Look:
    """Check one store, and have the ledger make anew what is lost."""
    one = _Look(store, list(submissions))
    for submission in submissions:
        _need(ledger, submission, one)
    needed = [NamedStem(spec=spec, data=stems[0].data_hash) for spec, stems in one.stems.items()]
    with _Bar(store, quiet=quiet) as bar:

        def hear(answer: Answer) -> None:
            if answer.finding is not None:
                one.findings.append(answer.finding)
            elif answer.progress is not None:
                bar.move(answer.progress)
            elif answer.checked is not None:
                one.totals = answer.checked

        ask(order, [*needed, *one.songs], hear)
    _settle(ledger, one, repair=order.repair)
    return one


def _need(ledger: Ledger, submission: Submission, one: _Look) -> None:
    """Note what of a store a submission needs: audio that is not mixed yet, or is kept on purpose, and MIDI."""
    for stem in ledger.stem_files(submission.id):
        kept = submission.plan.keep_store and stem.song_state is SongState.DONE
        if stem.state is StemState.DONE and (kept or stem.song_state in _UNMIXED):
            one.stems[stem.spec_hash].append(stem)
            one.owners[stem.spec_hash] = submission.id
    for song in ledger.all_song_files(submission.id):
        if song.midi and song.state not in (SongState.DONE, SongState.FAILED, SongState.CANCELLED):
            midi = [name for name in song.midi if name != song.song_hash]
            tried = list(song.rejected)
            named = NamedSong(song=song.song_hash, source=song.source, plan=song.plan, midi=midi, rejected=tried)
            one.songs.append(named)


def _settle(ledger: Ledger, one: _Look, *, repair: bool) -> None:
    """Leave out what was published while the store was looked through; have the rest rendered anew where asked."""
    settled = []
    for finding in one.findings:
        stems = one.stems.get(finding.name, [])
        if finding.fault is StoreFault.LOST_STEM and not any(_is_needed(ledger, stem) for stem in stems):
            continue
        if repair and stems:
            finding = _render_anew(ledger, one, finding, stems)
        elif repair and finding.mended and finding.fault in _REMOVED:
            finding = finding.model_copy(update={"detail": f"{finding.detail}; removed, no song under way needs it"})
        settled.append(finding)
    one.findings = settled


def _is_needed(ledger: Ledger, stem: StemFile) -> bool:
    song = ledger.song_files(stem.song_id)
    return stem.song_state is SongState.DONE if song is None else song.state in _UNMIXED


def _render_anew(ledger: Ledger, one: _Look, finding: Finding, stems: Sequence[StemFile]) -> Finding:
    count = sum(ledger.render_anew(stem.song_id, [stem.stem_id], finding.detail) for stem in stems)
    one.rerendered += count
    if count:
        return finding.model_copy(update={"mended": True, "detail": f"{finding.detail}; it is rendered anew"})
    if all(stem.song_state is SongState.DONE for stem in stems):
        words = "; its song is published and keeps its sound"
        return finding.model_copy(update={"mended": True, "detail": finding.detail + words})
    return finding.model_copy(update={"mended": not any(_is_needed(ledger, stem) for stem in stems)})


# ---------------------------------------------------------------- what people see


def _named(one: _Look, finding: Finding) -> str:
    stems = one.stems.get(finding.name)
    return f"{stems[0].song}/{stems[0].stem}" if stems else finding.name[:16]


def _report(looks: Sequence[_Look]) -> dict[str, Any]:
    return {
        "stores": [
            {
                "store": one.store,
                "submissions": [submission.id for submission in one.submissions],
                **one.totals.model_dump(),
                "findings": [
                    {
                        **finding.model_dump(mode="json"),
                        "submission": one.owners.get(finding.name),
                        "stems": [f"{stem.song}/{stem.stem}" for stem in one.stems.get(finding.name, [])],
                    }
                    for finding in one.findings
                ],
                "rendered_anew": one.rerendered,
            }
            for one in looks
        ],
        "ok": all(finding.mended for one in looks for finding in one.findings),
    }


def _print(looks: Sequence[_Look], *, repair: bool) -> None:
    for one in looks:
        seen = f"{counted(one.totals.stems, 'stem')} and {counted(one.totals.midi, 'MIDI file')}"
        sys.stdout.write(
            f"{one.store}: {seen}; read {counted(one.totals.read, 'file')}, {size(one.totals.read_bytes)}\n"
        )
        if not one.findings:
            sys.stdout.write("everything is what its name says\n")
            continue
        cells: list[list[object]] = [
            [finding.fault.value, _named(one, finding), "mended" if finding.mended else "", finding.detail]
            for finding in one.findings[:_LISTED]
        ]
        more = len(one.findings) - _LISTED
        show(table(_sums(one.findings), ["fault", "name", "", "detail"], cells))
        if more > 0:
            sys.stdout.write(f"and {more} more, all with --json\n")
        if one.rerendered:
            sys.stdout.write(f"{counted(one.rerendered, 'stem')} rendered anew; their songs wait for them\n")
    if not repair and any(one.findings for one in looks):
        sys.stdout.write("`farm fsck --repair` removes what is damaged and makes it anew\n")


def _sums(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.fault for finding in findings)
    wasted = sum(finding.size_bytes for finding in findings if finding.fault in LITTER)
    words = ", ".join(f"{count:,} {fault.value}" for fault, count in sorted(counts.items()))
    return words + (f" ({size(wasted)} that nobody needs)" if wasted else "")


class _Bar:
    """How far a look is, on a terminal."""

    def __init__(self, store: str, *, quiet: bool) -> None:
        self._console = Console(stderr=True)
        self._status = self._console.status(f"{store}: stems") if not quiet and self._console.is_terminal else None
        self._store = store

    def __enter__(self) -> _Bar:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def move(self, seen: Progress) -> None:
        """Show how many stems were looked at."""
        if self._status is not None:
            self._status.update(f"{self._store}: {seen.done:,} of {counted(seen.total, 'stem')}")
