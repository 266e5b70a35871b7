"""`farm samples`: libraries of recordings that play along with composed songs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from farm.cli.output import counted, print_json
from farm.cli.screens import show, table
from farm.planning.samples import load_library
from schemas.errors import PlanError, ServiceError, error_of
from schemas.genre import METERS
from schemas.samples import Category, Sample

#: Name of a library in the folder of its recordings.
LIBRARY: Final = "samples.json"
_COLUMNS: Final = ["file", "category", "tempo", "beats", "key", "seconds", "score", "genres", "licence"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a person says of all recordings of a folder."""

    category: str | None
    genres: list[str]
    moods: list[str]
    tags: list[str]
    licence: str | None
    attribution: str | None
    meter: str | None

    @property
    def values(self) -> dict[str, Any]:
        """Keys of a recording."""
        said = {
            "genres": self.genres, "moods": self.moods, "tags": self.tags, "licence": self.licence,
            "attribution": self.attribution, "meter": self.meter,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value}


def build_command(
    folder: Path, out: Path | None, told: Told, *, name: str | None, flat: bool, again: bool, as_json: bool
) -> int:
    """Have the data plane measure the recordings of a folder; returns 0, or 1 where some could not be read."""
    _check_category(told.category)
    if told.meter is not None and told.meter not in METERS:
        raise PlanError(f"--meter: there is no meter {told.meter!r}", hint=f"There are {', '.join(METERS)}")
    from schemas.tasks import SAMPLE_READER

    flags = [flag for flag, wanted in (("--flat", flat), ("--again", again)) if wanted]
    flags += ["--category", told.category] if told.category else []
    flags += ["--name", name] if name else []
    flags += ["--progress"] if sys.stderr.isatty() and not as_json else []
    target = folder / LIBRARY if out is None else out
    done = subprocess.run(
        [sys.executable, "-P", "-m", SAMPLE_READER, str(folder), "--out", str(target), "--said", json.dumps(told.values), *flags],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    answer = _answer(done)
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write("\n".join(_words(answer)) + "\n")
    return 1 if answer["left_out"] else 0


def _answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ServiceError(
            f"the process that measures recordings ended with exit code {done.returncode}",
            hint="Its last words stand above",
        ) from None
    if "reason" in answer:
        raise error_of(answer)
    return answer


def _words(answer: dict[str, Any]) -> list[str]:
    samples = answer["samples"]
    loops = Counter(sample["category"] for sample in samples if sample["quarters"] is not None)
    shots = Counter(sample["category"] for sample in samples if sample["quarters"] is None)
    lines = [f"{answer['library']}: {counted(len(samples), 'recording')}, {answer['measured']} of them measured now"]
    lines += [
        f"  {category}: {counted(loops[category], 'loop')}, {counted(shots[category], 'shot')}"
        for category in get_args(Category)
        if loops[category] or shots[category]
    ]
    lines += [f"left out: {file}: {why}" for file, why in answer["left_out"].items()]
    if any(sample["licence"] == "unknown" for sample in samples):
        lines.append(
            "nobody knows the licence of some: say it with --licence, or plans with `licences` may refuse them"
        )
    return lines


def list_command(library: Path, *, category: str | None, min_score: float, as_json: bool) -> int:
    """List the recordings of a library."""
    _check_category(category)
    found = load_library(library / LIBRARY if library.is_dir() else library)
    samples = [sample for sample in found.samples if category in (None, sample.category) and sample.score >= min_score]
    if as_json:
        print_json([sample.model_dump(mode="json") for sample in samples])
        return 0
    show(table(f"recordings of {found.name}", _COLUMNS, [_row(sample) for sample in samples]))
    return 0


def _row(sample: Sample) -> list[object]:
    tempo = "–" if sample.tempo_bpm is None else f"{sample.tempo_bpm:g}"
    beats = "shot" if sample.quarters is None else f"{sample.quarters:g}"
    return [
        sample.file, sample.category, tempo, beats, sample.key or "–", f"{sample.duration_s:.1f}", f"{sample.score:.2f}",
        " ".join(sample.genres) or "all", sample.licence,
    ]  # fmt: skip


def _check_category(category: str | None) -> None:
    if category is not None and category not in get_args(Category):
        raise PlanError(
            f"--category: there is no category {category!r}", hint=f"There are {', '.join(get_args(Category))}"
        )
