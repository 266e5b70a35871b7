"""Pure rules of who is suspect after failed tries: a patch, a host with a patch, or a host as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

#: A patch is quarantined when this many of the last so many stems that were tried on it came out bad (render_farms 3).
PATCH_BAD: Final = 3
PATCH_WINDOW: Final = 5
#: Tries of a patch on a host that fail in a row and block the pair.
PAIR_FAILURES: Final = 3
#: Patches that a host is blocked for when it counts as sick.
SICK_PATCHES: Final = 3
#: Seconds after which a host is forgiven (render_farms 1: Afanasy forgives after 18,000 s).
FORGIVE_S: Final = 18_000.0
#: Times in a row that a patch finds no licence before a person is asked.
LICENCE_MISSES: Final = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """One try of a stem on a patch."""

    stem_id: int
    host: str | None
    bad: bool


def is_patch_bad(newest_first: Iterable[Seen], *, company: bool) -> bool:
    """Whether a patch is to be quarantined: 3 of the last 5 stems on it are bad, each judged by its last try.

    Where there are several hosts, the bad ones must come from two at least: what fails on one host only is the host's
    fault, and that pair is blocked.
    """
    last: dict[int, Seen] = {}
    for seen in newest_first:
        if seen.stem_id not in last and len(last) == PATCH_WINDOW:
            break
        last.setdefault(seen.stem_id, seen)
    bad = [seen for seen in last.values() if seen.bad]
    return len(bad) >= PATCH_BAD and (not company or len({seen.host for seen in bad}) > 1)


def is_pair_bad(newest_first: Iterable[Seen], host: str) -> bool:
    """Whether a host is to get no more of a patch: its last three tries of it all failed."""
    last = list(islice((seen.bad for seen in newest_first if seen.host == host), PAIR_FAILURES))
    return len(last) == PAIR_FAILURES and all(last)


def is_sick(blocked_keys: Sequence[str]) -> bool:
    """Whether a host is to get no more work at all: it fails on several patches, so that none of them is to blame."""
    return len(set(blocked_keys)) >= SICK_PATCHES
