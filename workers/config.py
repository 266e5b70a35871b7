"""Settings of the data plane: the only place of this plane that reads the environment."""

from __future__ import annotations

import socket
from pathlib import Path
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
    #: Engine classes that a slot serves, with commas between them; left out, all whose packages are installed.
    engines: str | None = None
    #: Path of libfluidsynth; left out, the one in the pygame-ce wheel, else the system's.
    fluidsynth: str | None = None
    #: Name of this host in the ledger; left out, the system's.
    host: str | None = None
    #: Where a host keeps what it could not tell the ledger, and its log.
    home: Path = Path("~/.stemfarm")
    #: Folder of the hosts' logs, one file of JSON lines for each host; left out, `logs` in FARM_HOME.
    log_dir: Path | None = None
    #: An engine process is replaced after so many stems.
    engine_renders: Annotated[int, Field(ge=1)] = 500
    #: ... or when it has grown by so much since it loaded its patch, megabytes.
    engine_growth_mb: Annotated[float, Field(gt=0)] = 512.0
    #: An engine process is ended above this, megabytes.
    engine_memory_mb: Annotated[float, Field(gt=0)] = 4096.0
    #: Longest load of a patch.
    engine_load_s: Annotated[float, Field(gt=0)] = 120.0
    #: No render is cut off before it has used so much processor time; beyond it, at ten times what is expected.
    engine_render_s: Annotated[float, Field(gt=0)] = 30.0
    #: Longest time without a sign of progress in a render; six times as long while other work starves it.
    engine_silence_s: Annotated[float, Field(gt=0)] = 20.0
    #: Seconds of sounding audio that no engine renders in one second: what comes faster was never played.
    engine_max_speed: Annotated[float, Field(gt=0)] = 50_000.0
    #: Folder of this host's copies of what an object store holds, bounded and emptied; left out, `cache` in FARM_HOME.
    cache: Path | None = None
    #: What these copies may take, GB.
    cache_gb: Annotated[float, Field(gt=0)] = 8.0

    @property
    def engine_classes(self) -> tuple[str, ...]:
        """Engine classes that are named; none where none are."""
        return tuple(name.strip() for name in (self.engines or "").split(",") if name.strip())

    @property
    def host_name(self) -> str:
        """Name of this host in the ledger."""
        return self.host or socket.gethostname()

    @property
    def log_folder(self) -> Path:
        """Where the log of this host is."""
        return (self.log_dir or self.home / "logs").expanduser()

    @property
    def cache_folder(self) -> Path:
        """Where the copies of what an object store holds are."""
        return (self.cache or self.home / "cache").expanduser()

    @property
    def spool_folder(self) -> Path:
        """Where messages for an absent ledger are kept."""
        return (self.home / "spool").expanduser()
