"""Settings of the data plane: the only place of this plane that reads the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """What `FARM_...` variables say to a worker."""

    model_config = SettingsConfigDict(env_prefix="FARM_", extra="ignore")

    ledger_url: str | None = None
    broker_url: str | None = None
    #: Time between two signs of life of a slot; the scheduler's `FARM_SLOT_TIMEOUT_S` must be several times this.
    heartbeat_s: Annotated[float, Field(gt=0)] = 4.0
    #: Most stems in one batch.
    batch: Annotated[int, Field(ge=1, le=256)] = 16
    #: Path of libfluidsynth; left out, the one in the pygame-ce wheel, else the system's.
    fluidsynth: str | None = None
