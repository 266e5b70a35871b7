"""Settings of the control plane: the only place of this plane that reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What `FARM_...` variables say; every one has a default that suits one machine."""

    model_config = SettingsConfigDict(env_prefix="FARM_", extra="ignore")

    #: SQLAlchemy URL of the ledger: sqlite:///path or postgresql+psycopg://user@host/name.
    ledger_url: str | None = None
    #: Redis or Valkey: redis://host:6379/0, rediss://..., redis+socket:///path.
    broker_url: str | None = None
    #: A slot that has not written for this long is gone and its work is free again.
    slot_timeout_s: Annotated[float, Field(gt=0)] = 20.0
    #: Time between two looks of the scheduler.
    tick_s: Annotated[float, Field(gt=0)] = 0.5
    #: Open songs per slot (30-60 keeps slots warm, songs flowing and the store small; measured by simulation).
    window_per_slot: Annotated[int, Field(ge=1)] = 40
    #: Share of that window below which it is filled up; a large window and a small share make waves (docs/scheduling.md).
    window_refill: Annotated[float, Field(ge=0, le=1)] = 0.75
    #: A song task that nobody has taken for this long is announced again.
    quiet_s: Annotated[float, Field(gt=0)] = 30.0
    #: Slots of `farm worker`; left out, one per core.
    slots: Annotated[int, Field(ge=1, le=256)] | None = None
    #: Engine classes of `farm worker`, with commas between them; left out, all that work on its host.
    engines: str | None = None
    #: Where the scheduler serves its numbers for Prometheus; on other machines than this one only when named here.
    metrics_address: str = "127.0.0.1"
    #: Port of the numbers for Prometheus; 0 serves none.
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9540
    #: State of `farm up`: its broker, ledger and logs.
    home: Path = Path("~/.stemfarm")
    #: Folder of the hosts' logs, which `farm logs --lines` reads; left out, `logs` in FARM_HOME.
    log_dir: Path | None = None

    @property
    def log_folder(self) -> Path:
        """Where the logs of the hosts are."""
        return (self.log_dir or self.home / "logs").expanduser()
