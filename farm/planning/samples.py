"""Libraries of recordings: read for plans, and the patches that play them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from farm.planning.yamlfile import read_keys
from schemas.errors import LedgerError, PlanError
from schemas.patch import AssetRef, EngineFacts, Patch, SampleSettings
from schemas.plan import DatasetPlan
from schemas.samples import Sample, SampleCue, SampleLibrary
from schemas.song import Part

_HINT = "Make one with `farm samples build FOLDER`"


def load_library(path: Path) -> SampleLibrary:
    """Read a library; its folder is relative to the file, and comes back absolute.

    Raises:
        PlanError: there is none, it cannot be read, or an entry is wrong.
    """
    if path.is_dir():
        raise PlanError(f"{path} is a folder, and a library of samples is a file", hint=_HINT)
    values = read_keys(path, "library of samples", hint=_HINT)
    return build_library(values, where=str(path), folder=path.resolve().parent)


def build_library(values: Any, *, where: str, folder: Path | None = None) -> SampleLibrary:
    """Check the values of a library.

    Raises:
        PlanError: with the place, the key, and what is wrong there.
    """
    try:
        made = SampleLibrary.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise PlanError(f"{where}: `{key}`: {message}", hint=_HINT) from error
    place = ((folder or Path.cwd()) / Path(made.folder).expanduser()).resolve()
    return made.model_copy(update={"folder": str(place)})


def with_samples(values: Mapping[str, Any], folder: Path | None, *, where: str) -> dict[str, Any]:
    """Return the values of a plan with its library of recordings read, in place of the path.

    So a plan that has been read says all of what may play, whatever becomes of the library's file.

    Raises:
        PlanError: as `load_library`.
    """
    composing = values.get("compose")
    asked = composing.get("samples") if isinstance(composing, Mapping) else None
    if not isinstance(composing, Mapping) or not isinstance(asked, Mapping) or asked.get("library") is None:
        return dict(values)
    library = asked["library"]
    if isinstance(library, str):
        library = load_library((folder or Path.cwd()) / Path(library).expanduser())
    elif not isinstance(library, SampleLibrary):
        library = build_library(library, where=f"{where}: `compose.samples.library`", folder=folder)
    return {**values, "compose": {**composing, "samples": {**asked, "library": library}}}


def sample_patch(plan: DatasetPlan, facts: EngineFacts, part: Part, cue: SampleCue) -> Patch:
    """Return the patch that plays the recording of a part.

    Raises:
        LedgerError: the recording is not in the plan's library, or the workers were never asked for their sampler.
    """
    library = None if plan.compose is None else plan.compose.sample_library
    sample = None if library is None else library.get(cue.sha256)
    if library is None or sample is None or not facts.sampler:
        raise LedgerError(
            f"the recording of {part.name} was never probed",
            hint="Submit the plan again: its workers are asked for it first",
        )
    return Patch(
        engine="sampler",
        engine_version=facts.sampler,
        asset=AssetRef(
            name=sample.name,
            sha256=sample.sha256,
            size_bytes=sample.size_bytes,
            licence=sample.licence,
            path=str(Path(library.folder) / sample.file),
        ),
        bank=part.bank,
        program=part.program,
        title=f"sample:{sample.name}",
        settings=_settings(sample, cue, is_drum=part.is_drum),
    )


def _settings(sample: Sample, cue: SampleCue, *, is_drum: bool) -> SampleSettings:
    return SampleSettings(
        recording="loop" if sample.is_loop else "shot",
        quarters=sample.quarters,
        base_key=cue.key - cue.shift,
        drums=is_drum,
    )
