"""Pure rules of who is to blame for failed tries: a patch, all that is loaded with it, or a host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, takewhile
from typing import Final

from schemas.states import FailureReason

#: A patch is quarantined when this many of the last so many stems that were tried on it came out bad (render_farms 3).
PATCH_BAD: Final = 3
PATCH_WINDOW: Final = 5
#: What patches are loaded from is to blame when so many stems on so many of them are bad and none came out well in
#: between: a few bad presets are held one by one, and never stop the good ones.
KEY_STEMS: Final = 9
KEY_PATCHES: Final = 5
#: ... and at least as many as there are slots, since each may have good ones that it has not told of yet; but no more.
KEY_STEMS_MOST: Final = 100
#: Failures before a preset was even chosen: they say nothing of the patch, and everything of what it is loaded from.
IN_LOAD: Final = frozenset({FailureReason.LOAD_TIMEOUT, FailureReason.MISSING_ASSET})
#: Tries of a patch on a host that fail in a row and block the pair.
PAIR_FAILURES: Final = 3
#: Patches that a host is blocked for when it counts as sick.
SICK_PATCHES: Final = 3
#: Seconds after which a host is forgiven (render_farms 1: Afanasy forgives after 18,000 s).
FORGIVE_S: Final = 18_000.0
#: Times in a row that a patch finds no licence before a person is asked.
LICENCE_MISSES: Final = 3


class Culprit(StrEnum):
    """What is to be held; the value says why."""

    PATCH = f"{PATCH_BAD} of its last {PATCH_WINDOW} stems are bad"
    UNLOADABLE = f"it could not be loaded for {PATCH_BAD} of its last {PATCH_WINDOW} stems"  #: the whole load key
    LOAD_KEY = "none of its last stems came out well, whichever patch played them"


@dataclass(frozen=True, slots=True)
class Seen:
    """One try of a stem."""

    stem_id: int
    host: str | None
    bad: bool
    patch: str = ""
    in_load: bool = False  #: bad, and what it is played on could not even be loaded


def find_culprit(of_patch: Iterable[Seen], of_key: Sequence[Seen], *, company: bool, slots: int = 1) -> Culprit | None:
    """Return what is to be quarantined after a try that failed; None while there is nothing to hold against anybody.

    A stem is judged by its last try. Where there are several hosts, the bad stems must have failed on two at least: what
    fails on one host only is the host's fault, and that pair is blocked.

    Args:
        of_patch: tries of the patch, the newest first.
        of_key: tries of all that is loaded with it, the newest first.
        company: whether another host could do the work.
        slots: that could do it.
    """
    unloadable = [tries for tries in _last_stems(of_key, PATCH_WINDOW) if tries[0].in_load]
    if len(unloadable) >= PATCH_BAD and _is_no_hosts_fault(unloadable, company=company):
        return Culprit.UNLOADABLE
    unsound = _bad_in_a_row(of_key)
    if _is_of_many(unsound, slots) and _is_no_hosts_fault(unsound, company=company):
        return Culprit.LOAD_KEY
    bad = [tries for tries in _last_stems(of_patch, PATCH_WINDOW) if tries[0].bad]
    return Culprit.PATCH if len(bad) >= PATCH_BAD and _is_no_hosts_fault(bad, company=company) else None


def find_culprit_with(host: str, of_patch: Iterable[Seen], of_key: Iterable[Seen], *, slots: int = 1) -> Culprit | None:
    """Return what a host is to get no more of: a patch whose last three tries there failed, or all of a load key.

    That is when it could not load it three times in a row, or when none of its patches comes out well there.

    Args:
        host: where the last try failed.
        of_patch: tries of the patch, the newest first.
        of_key: tries of all that is loaded with it, the newest first.
        slots: of the host.
    """
    here = [seen for seen in of_key if seen.host == host]
    if _in_a_row(seen.in_load for seen in here):
        return Culprit.UNLOADABLE
    if _is_of_many(_bad_in_a_row(here), slots):
        return Culprit.LOAD_KEY
    return Culprit.PATCH if _in_a_row(seen.bad for seen in of_patch if seen.host == host) else None


def is_sick(blocked: Iterable[tuple[str, str]]) -> bool:
    """Whether a host is to get no more work at all: it fails on several patches, so that none of them is to blame.

    Args:
        blocked: (load key, patch) of what it gets no more of and others still do.
    """
    return len(set(blocked)) >= SICK_PATCHES


def _last_stems(newest_first: Iterable[Seen], count: int) -> list[list[Seen]]:
    """Return the tries of each of the last stems, the newest first."""
    last: dict[int, list[Seen]] = {}
    for seen in newest_first:
        if seen.stem_id in last or len(last) < count:
            last.setdefault(seen.stem_id, []).append(seen)
    return list(last.values())


def _bad_in_a_row(newest_first: Iterable[Seen]) -> list[list[Seen]]:
    """Return the tries of each of the last stems, the newest first, back to the last stem that came out well."""
    return _last_stems(takewhile(lambda seen: seen.bad, newest_first), KEY_STEMS_MOST)


def _is_of_many(bad: Sequence[Sequence[Seen]], slots: int) -> bool:
    enough = len(bad) >= min(max(KEY_STEMS, slots), KEY_STEMS_MOST)
    return enough and len({tries[0].patch for tries in bad}) >= KEY_PATCHES


def _is_no_hosts_fault(bad: Sequence[Sequence[Seen]], *, company: bool) -> bool:
    return not company or len({seen.host for tries in bad for seen in tries if seen.bad}) > 1


def _in_a_row(failed: Iterable[bool]) -> bool:
    last = list(islice(failed, PAIR_FAILURES))
    return len(last) == PAIR_FAILURES and all(last)
