"""Slakh's `config.json`: its 22 keys, with types and ranges; missing and unknown ones are named."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, field_validator

from farm.planning.slakh.jsonfile import read_object
from schemas.base import FarmModel
from schemas.errors import PlanError
from schemas.plan import OutputPlan

ROLE: Final = "the config"
_WHICH: Final = "Name the config.json with which slakh-generation was started"

#: Sample rates that a dataset can have, Hz.
RATES_HZ: Final = tuple(OutputPlan.model_json_schema()["properties"]["rate_hz"]["enum"])


class SlakhConfig(FarmModel):
    """The keys of a `config.json`; the defaults are the values of Slakh's example, for keys that are missing."""

    lmd_base_dir: str | None = None
    kontakt_path: str | None = None
    kontakt_defs_dir: str | None = None
    user_nkms_dir: str | None = None
    instrument_classes_file: str | None = None
    defs_metadata_file: str | None = None
    output_dir: str | None = None
    renderman_sr: int = 44100
    renderman_buf: Annotated[int, Field(gt=0)] = 512
    renderman_sleep: Annotated[float, Field(ge=0)] = 20.0
    renderman_restart_lim: int = 20
    random_seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 425
    max_num_files: Annotated[int, Field(ge=1)] = 2100
    separate_drums: bool = False
    mix_normalization_factor: Annotated[float, Field(ge=-60, le=0)] = -13.0
    mix_target_peak: Annotated[float, Field(ge=-30, le=0)] = -1.0
    render_pgm0_as_piano: bool = True
    rerender_existing: bool = False
    band_definition_file: str | None = None
    midi_file_list: str | None = None
    zero_based_midi: bool = True
    logfile_basename: str = "slakh_output"

    @field_validator("renderman_sr")
    @classmethod
    def _known_rate(cls, value: int) -> int:
        if value not in RATES_HZ:
            raise ValueError(f"no such sample rate is made; {', '.join(map(str, RATES_HZ))} are")
        return value


#: All keys, in the order of Slakh's example.
KEYS: Final = tuple(SlakhConfig.model_fields)


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """A config as it stands in its file."""

    path: Path
    config: SlakhConfig
    values: dict[str, Any]  #: as the file has them
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    def nearest(self, key: str) -> str | None:
        """Return the key that an unknown one was perhaps meant to be."""
        return next(iter(difflib.get_close_matches(key, self.missing or KEYS, n=1, cutoff=0.6)), None)


def read_config(path: Path) -> ReadConfig:
    """Read a `config.json`.

    Raises:
        PlanError: no such file, no JSON, a value of a wrong type or out of range, or none of Slakh's keys.
    """
    values = read_object(path, ROLE, hint=_WHICH)
    known = {key: value for key, value in values.items() if key in KEYS}
    if not known:
        raise PlanError(
            f"{ROLE} {path} has none of Slakh's keys",
            hint=_WHICH,
        )
    try:
        config = SlakhConfig.model_validate(known)
    except ValidationError as error:
        raise _bad_value(path, error) from error
    missing = tuple(key for key in KEYS if key not in values)
    return ReadConfig(path, config, known, missing, tuple(key for key in values if key not in KEYS))


def _bad_value(path: Path, error: ValidationError) -> PlanError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = first["msg"].removeprefix("Value error, ")
    return PlanError(
        f"{ROLE} {path}: `{key}` is {first['input']!r}: {message}{more}", hint="Mend the value and import again"
    )
