"""`farm compose`: a plan of composed songs from a few words, made here or written down."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from farm.planning.genres import genre_names
from farm.planning.plans import build_plan
from schemas.errors import OutputError, PlanError

#: `30s`, `2m`, `1m30s`, or seconds alone.
_LENGTH: Final = re.compile(r"^(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?$")
_RANGE: Final = re.compile(r"^(\d+):(\d+)$")
#: Composed songs are as long as they are asked to be.
_ANY_LENGTH: Final = {"min_duration_s": 0, "max_duration_s": 100_000}

#: What rings on after a song of a given length is cut after so many seconds.
_TAIL_S: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks of composed songs."""

    genres: list[str]
    count: int | None
    range_: str | None
    length: str | None
    each: bool  #: each song of one of the genres, in place of all at once
    min_score: float | None


def plan_values(wanted: Wanted) -> dict[str, Any]:
    """Return the keys of the plan.

    Raises:
        PlanError: a range or a length is none, or both a range and a number of songs are asked for.
    """
    first, count = _numbers(wanted)
    genres, shares = genres_and_shares(wanted.genres)
    compose: dict[str, Any] = {"genres": genres, "first": first, "count": count}
    if wanted.each or shares:
        compose["together"] = False
    if shares:
        compose["shares"] = shares
    if wanted.length is not None:
        compose["length_s"] = seconds(wanted.length)
    if wanted.min_score is not None:
        compose["min_score"] = wanted.min_score
    name = "+".join(Path(genre).stem for genre in genres) or "composed"
    values: dict[str, Any] = {"name": name, "compose": compose, "filters": dict(_ANY_LENGTH)}
    return values if wanted.length is None else {**values, "tail_max_s": _TAIL_S}


def genres_and_shares(words: list[str]) -> tuple[list[str], dict[str, float]]:
    """Return the genres that are meant, and the share of each where any has one: `jazz=60`.

    Raises:
        PlanError: a share is no number above 0, or some have one and others none.
    """
    found = [
        (genre, share) if mark and not Path(word).exists() else (word, None)
        for word in words
        for genre, mark, share in [word.rpartition("=")]
    ]
    genres = [_found(genre) for genre, _ in found]
    given = {genre: share for genre, (_, share) in zip(genres, found, strict=True) if share is not None}
    hint = "Write --genre jazz=60 --genre rock=40"
    if given and len(given) < len(set(genres)):
        raise PlanError("--genre: some genres have a share and others none", hint=hint)
    try:
        shares = {genre: float(share) for genre, share in given.items()}
    except ValueError as error:
        raise PlanError(f"--genre {', '.join(words)}: a share is no number", hint=hint) from error
    if any(not 0 < share < math.inf for share in shares.values()):
        raise PlanError(f"--genre {', '.join(words)}: a share must be above 0", hint=hint)
    return genres, shares


def _found(genre: str) -> str:
    """Return a genre's name, or where it lies from everywhere: the plan may be written to another folder."""
    path = Path(genre).expanduser()
    return str(path.resolve()) if genre not in genre_names() and path.exists() else genre


def seconds(length: str) -> float:
    """Return the seconds of a length such as `30s`, `1m30s` or `45`.

    Raises:
        PlanError: it is none.
    """
    found = _LENGTH.match(length.strip())
    total = 0.0 if found is None else 60 * float(found[1] or 0) + float(found[2] or 0)
    if total <= 0:
        raise PlanError(f"--length: {length!r} is no length", hint="Write 30s, 2m or 1m30s")
    return total


def _numbers(wanted: Wanted) -> tuple[int, int]:
    if wanted.range_ is None:
        return 0, 1 if wanted.count is None else wanted.count
    if wanted.count is not None:
        raise PlanError("--range and --count both say how many songs", hint="Leave one of them out")
    found = _RANGE.match(wanted.range_.strip())
    if found is None or int(found[1]) >= int(found[2]):
        raise PlanError(
            f"--range: {wanted.range_!r} is no range of songs",
            hint="Write 1000:2000: the first, and the one after the last",
        )
    return int(found[1]), int(found[2]) - int(found[1])


def write_plan(path: Path, values: Mapping[str, Any], overrides: Mapping[str, Any], *, as_json: bool) -> int:
    """Check the plan and write it to a file, for `farm run` and `farm submit`; returns 0.

    Raises:
        PlanError: it is no plan.
        OutputError: the file cannot be written.
    """
    plan = build_plan(values, overrides)
    whole: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for dotted, value in overrides.items():
        *parents, leaf = dotted.split(".")
        target = whole
        for name in parents:
            target = target.setdefault(name, {})
        target[leaf] = value
    try:
        path.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", hint="Name another file") from error
    if as_json:
        sys.stdout.write(json.dumps({"plan": str(path), "plan_sha256": plan.plan_hash}) + "\n")
    else:
        sys.stdout.write(f"{path} is written; `farm run {path} --out DIR` makes it, `farm submit` hands it to a farm\n")
    return 0
