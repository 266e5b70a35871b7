"""What must be true after a trial, whatever was done to the farm."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.dataset.folder import farm_folder
from farm.ledger import Ledger
from farm.selftest.parts import farm_command
from schemas.dataset import FARM_FOLDER
from schemas.states import EventKind, SongState
from schemas.upkeep import LITTER
from schemas.words import counted

#: Differing files that are named.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was checked."""

    name: str
    ok: bool
    detail: str


def published(out: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every published file; the farm's own folder is left out."""
    files = (
        path for path in sorted(out.rglob("*")) if path.is_file() and FARM_FOLDER not in path.relative_to(out).parts
    )
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def all_done(ledger: Ledger, numbers: Sequence[int]) -> Verdict:
    """Every song is published."""
    songs = [song for number in numbers for song in ledger.songs(number)]
    bad = [f"{song.name} {song.state.value}: {song.detail}" for song in songs if song.state is not SongState.DONE]
    return Verdict(
        "every song is published",
        bool(songs) and not bad,
        counted(len(songs), "song") if not bad else "; ".join(bad[:_NAMED]),
    )


def committed_once(ledger: Ledger, numbers: Sequence[int], stems: int) -> Verdict:
    """Every stem was recorded as rendered once and no more."""
    counts = [count for number in numbers for count in ledger.commits(number).values()]
    wrong = [count for count in counts if count != 1]
    detail = (
        counted(len(counts), "stem")
        if not wrong
        else f"{len(wrong)} of {len(counts)} were recorded {sorted(set(wrong))} times"
    )
    if len(counts) != stems:
        detail += f", {stems} expected"
    return Verdict("every stem is recorded once", not wrong and len(counts) == stems, detail)


def counters_true(ledger: Ledger) -> Verdict:
    """Every counter equals what it counts."""
    wrong = ledger.audit()
    return Verdict("counters equal their sums", not wrong, "; ".join(wrong[:_NAMED]) or "all of them")


def files_sound(environment: Mapping[str, str]) -> Verdict:
    """Every file of the stores is what its name says, and none that the ledger names is missing."""
    code, report = _farm(environment, "fsck")
    stores = report.get("stores", [])
    bad = [found for one in stores for found in one["findings"] if found["fault"] not in LITTER]
    read, litter = sum(one["read"] for one in stores), sum(len(one["findings"]) for one in stores) - len(bad)
    detail = f"{counted(read, 'file')} read" + (f", {litter} that nobody names" if litter else "")
    if bad:
        detail = "; ".join(f"{found['fault']} {found['name'][:16]}" for found in bad[:_NAMED])
    return Verdict("every file hashes to its name", code in (0, 1) and bool(stores) and not bad, detail)


def nothing_left(environment: Mapping[str, str], numbers: Sequence[int], outs: Sequence[Path]) -> Verdict:
    """After a purge no file of the farm is left beside the datasets."""
    files = size = 0
    for number in numbers:
        code, report = _farm(environment, "purge", str(number), "--yes")
        if code:
            return Verdict("nothing is left after a purge", False, str(report))
        files, size = files + report["files"], size + report["bytes"]
    folders = [farm_folder(out) / name for out in outs for name in ("store", "staging")]
    left = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    parts = [path for out in outs for path in out.rglob("*.part")]
    detail = f"{counted(files, 'file')}, {size / 1e6:.1f} MB removed"
    if left or parts:
        detail = f"{len(left) + len(parts)} left, such as {(left + parts)[0].name}"
    return Verdict("nothing is left after a purge", not left and not parts, detail)


def same_bytes(outs: Sequence[Path], references: Sequence[Path]) -> Verdict:
    """The datasets are those of an undisturbed run."""
    name, count, differing = "published bytes are those of an undisturbed run", 0, []
    for out, reference in zip(outs, references, strict=True):
        mine, other = published(out), published(reference)
        count += len(other)
        differing += [path for path in sorted({*mine, *other}) if mine.get(path) != other.get(path)]
    detail = counted(count, "file") if not differing else f"{len(differing)} differ: {', '.join(differing[:_NAMED])}"
    return Verdict(name, count > 0 and not differing, detail)


def again(ledger: Ledger, numbers: Sequence[int]) -> dict[str, int]:
    """Count the tries of stems that did not end in a record: failed, lost, and rendered but refused."""
    tries: dict[str, int] = {}
    for number in numbers:
        for (outcome, reason, _), count in ledger.outcomes(number).items():
            if outcome == "failed":
                tries[reason or "failed"] = tries.get(reason or "failed", 0) + count
    fenced = sum(_fenced(event.detail) for event in ledger.events(kind=EventKind.FENCED, limit=100_000))
    return {**tries, **({"fenced": fenced} if fenced else {})}


def _fenced(detail: str) -> int:
    """Return of how many stems an event tells that they came too late; reports on tasks are not among them."""
    words = detail.split()
    if words[1:2] == ["of"] and words[0].isdigit():
        return int(words[0])
    return int(" failed too late" in detail)


def few_again(tries: Mapping[str, int], slots_hit: int, batch: int) -> Verdict:
    """No fault cost more than the batches of the slots that it hit."""
    count, most = sum(tries.values()), slots_hit * batch
    of_what = ", ".join(f"{name} {number}" for name, number in sorted(tries.items())) or "none"
    detail = f"{count} of at most {slots_hit} slots hit x {batch} ({of_what})"
    return Verdict("re-executions <= kills x batch", count <= most, detail)


def verified(out: Path) -> Verdict:
    """`farm verify` finds that the dataset is as it claims."""
    done = subprocess.run(farm_command("verify", str(out), "--json"), capture_output=True, text=True, check=False)
    findings = json.loads(done.stdout).get("findings", []) if done.stdout else []
    said = "; ".join(str(found) for found in findings[:_NAMED]) or done.stderr.strip()[-300:]
    return Verdict(
        "the dataset verifies", done.returncode == 0, said or "files, hashes, sums, loudness, onsets, pitches"
    )


def _farm(environment: Mapping[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    """Run a command of the farm and return its exit code with its JSON."""
    command = farm_command(*words, "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(environment))
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode or 1, {"error": done.stderr.strip()[-500:]}
