"""What this machine has and lacks for the farm: each check says what it found and the command that mends it.

Checks change nothing: no file is left behind, no ledger made or migrated. What only one command needs (`farm up` its
broker) is told but never counts as a failure.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from farm.config import Settings
from farm.scheduling.classes import Tried, try_engines
from schemas.errors import AssetError, FarmError
from schemas.machine import usable_cores
from schemas.tasks import PATCH_TOOLS, PROBER

#: Oldest Python that the farm runs on.
PYTHON: Final = (3, 11)
#: Room that a first dataset and the store beside it should find, GB.
FREE_GB: Final = 5.0
#: Open files that a host of several slots, Celery and its broker connections want.
OPEN_FILES: Final = 1024
_PROBE_S: Final = 60.0
#: Engine classes that come with an extra; without it a host serves the others.
_WITH_EXTRA: Final = ("faust", "dawdreamer")
#: What a process of the data plane is asked; by name, since this plane never imports that one.
_FLAC_VERSION: Final = "from workers.audio.flac import library_version; print(library_version())"
_CONNECT_S: Final = 3.0
#: Installs the plug-ins of the farm's own patch files, and what their engine needs of the system.
_PLUGINS: Final = "sudo sh deploy/install-plugins"

Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report; `fix` is empty where nothing has to be done."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def judge(name: str, ok: bool, found: str, fix: str) -> Check:
    """Return a check that shows its fix only where it is needed, and what was found on one line."""
    return Check(name, ok, " ".join(found.split()), "" if ok else fix)


def examine(settings: Settings) -> list[Check]:
    """Examine this machine and the services that the settings name, in the order in which they are worth mending."""
    temporary = Path(tempfile.gettempdir())
    return [
        python_check(sys.version_info[:2]),
        cores_check(usable_cores()),
        *engine_checks(_run),
        *class_checks(try_engines(_WITH_EXTRA), settings.engines),
        *plugin_checks(_run, settings.engines),
        flac_check(_run),
        writable_check(temporary),
        disk_check(Path.cwd(), shutil.disk_usage(Path.cwd()).free),
        files_check(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        driver_check(importlib.import_module),
        server_check(),
        broker_check(settings.broker_url),
        ledger_check(settings.ledger_url),
        *work_checks(settings.ledger_url),
    ]


def python_check(version: tuple[int, ...]) -> Check:
    """Judge a Python by its version."""
    wanted = ".".join(map(str, PYTHON))
    found = ".".join(map(str, version))
    return judge("Python", version >= PYTHON, found, f"Install Python {wanted} or newer, then: make clean demo")


def cores_check(cores: int) -> Check:
    """Tell how many slots a run starts on this machine."""
    return Check("cores", True, f"{cores}: as many slots unless --slots says otherwise")


def engine_checks(run: Run) -> list[Check]:
    """Ask the data plane, as a process of its own, which synthesiser and soundfont it finds."""
    command = [sys.executable, "-P", "-m", PROBER, "--json"]
    fix = f"See docs/troubleshooting.md, and what this prints: {' '.join(command)}"
    try:
        done = run(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [judge("FluidSynth", False, f"the probe did not answer: {error}", fix)]
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return [judge("FluidSynth", False, f"the probe failed: {last}", fix)]
    if "soundfont" not in answer:
        name = "soundfont" if answer.get("reason") == AssetError.reason else "FluidSynth"
        return [judge(name, False, str(answer.get("message")), str(answer.get("hint") or fix))]
    font = answer["soundfont"]
    described = f"{font['name']}, {font['size_bytes'] / 1e6:.1f} MB, licence {font['licence']}: {font['path']}"
    return [
        Check("FluidSynth", True, f"{answer['version']}: {answer['library']}"),
        Check("soundfont", True, described),
    ]


def class_checks(tried: Iterable[Tried], asked: str | None) -> list[Check]:
    """Tell of the engine classes that come with an extra; one that is missing is a fault only where it is asked for.

    Args:
        tried: what came of trying them here.   asked: FARM_ENGINES.
    """
    wanted = () if asked is None else [name.strip() for name in asked.split(",")]
    checks = []
    for one in tried:
        missing = one.message if one.engine in wanted else f"not served here: {one.message}. {one.hint}"
        found = f"{one.version}: {one.library}" if one.works else missing
        checks.append(judge(f"engine {one.engine}", one.works or one.engine not in wanted, found, one.hint))
    return checks


def plugin_checks(run: Run, asked: str | None) -> list[Check]:
    """Tell of the plug-ins of this host; that there are none is a fault only where their engine is asked for.

    Args:
        run: starts a process of the data plane, which loads no plug-in for it.   asked: FARM_ENGINES.
    """
    wanted = "dawdreamer" in (asked or "").split(",")
    command = [sys.executable, "-P", "-m", PATCH_TOOLS, "overview"]
    try:
        answer: dict[str, Any] = json.loads(run(command).stdout.splitlines()[-1])["result"]
    except (OSError, subprocess.TimeoutExpired, ValueError, LookupError) as error:
        return [judge("plug-ins", not wanted, f"they could not be counted: {error}", f"See {' '.join(command)}")]
    if not answer["dawdreamer"]:
        return [
            judge("plug-ins", not wanted, f"none can be played without DawDreamer. {answer['hint']}", answer["hint"])
        ]
    there = {name: count for name, count in answer["formats"].items() if count}
    gl = answer["libgl"] or f"not found, and DawDreamer does not start without it: {_PLUGINS}"
    counted = ", ".join(f"{count} {name}" for name, count in there.items()) or f"none: {_PLUGINS}"
    return [
        judge("libGL", bool(answer["libgl"]) or not wanted, gl, _PLUGINS),
        judge("plug-ins", bool(there) or not wanted, counted + _scanned(answer) * bool(there), _PLUGINS),
    ]


def _scanned(answer: dict[str, Any]) -> str:
    found = ", ".join(f"{count} {how.replace('_', ' ')}" for how, count in answer["found"].items())
    return f"; when scanned: {found}" if found else "; not scanned yet: farm patches scan"


def flac_check(run: Run) -> Check:
    """Ask the data plane, as a process of its own, for the version of its FLAC library."""
    fix = f"{sys.executable} -m pip install pygame-ce   (or write WAV: --format wav)"
    try:
        done = run([sys.executable, "-P", "-c", _FLAC_VERSION])
    except (OSError, subprocess.TimeoutExpired) as error:
        return judge("libFLAC", False, str(error), fix)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return judge("libFLAC", done.returncode == 0, done.stdout if done.returncode == 0 else last, fix)


def writable_check(folder: Path) -> Check:
    """Write, read and remove a file in the temporary folder."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"farm")
            file.flush()
    except OSError as error:
        fix = "Name a folder that can be written: export TMPDIR=/path"
        return Check("temporary folder", False, f"{folder}: {error.strerror or error}", fix)
    return Check("temporary folder", True, str(folder))


def disk_check(folder: Path, free_bytes: int) -> Check:
    """Judge the free room of the working folder; an hour of published stems is about 5 GB in 24-bit FLAC."""
    free_gb = free_bytes / 1e9
    fix = f"Free {FREE_GB:.0f} GB, or give --out a folder on another disk"
    return judge("free disk", free_gb >= FREE_GB, f"{free_gb:.1f} GB at {folder}", fix)


def files_check(limit: int) -> Check:
    """Judge the limit of open files (`ulimit -n`); macOS starts with 256."""
    unlimited = limit == resource.RLIM_INFINITY
    found = "unlimited" if unlimited else str(limit)
    return judge("open files", unlimited or limit >= OPEN_FILES, found, f"ulimit -n {4 * OPEN_FILES}")


def driver_check(load: Callable[[str], object]) -> Check:
    """Load the driver of PostgreSQL, which looks for its C library."""
    try:
        driver = load("psycopg")
    except ImportError as error:
        return judge("Postgres driver", False, str(error), "pip install 'psycopg[binary]'")
    return judge("Postgres driver", True, f"psycopg {getattr(driver, '__version__', '')}", "")


def server_check() -> Check:
    """Look for the server that `farm up` starts; everything else does without it."""
    from farm.scheduling.broker import find_server

    try:
        return Check("embedded broker", True, str(find_server()))
    except FarmError as error:
        return Check("embedded broker", True, f"none, only `farm up` wants it. {error.hint}")


def broker_check(url: str | None) -> Check:
    """Reach the broker that FARM_BROKER_URL names."""
    if url is None:
        return Check("broker", True, "FARM_BROKER_URL is not set: local mode needs none")
    from kombu import Connection

    from schemas.broker import checked_broker_url

    try:
        url = checked_broker_url(url)
    except FarmError as error:
        return judge("broker", False, error.message, error.hint)
    fix = "Start it, or mend FARM_BROKER_URL (redis://host:6379/0, rediss://..., redis+socket:///path)"
    limits = {"socket_connect_timeout": _CONNECT_S, "socket_timeout": _CONNECT_S}
    try:
        with Connection(url, transport_options=limits) as connection:
            shown = connection.as_uri()  # hides the password
            connection.ensure_connection(max_retries=1, timeout=_CONNECT_S)
    except Exception as error:  # noqa: BLE001 - each transport has errors of its own, and all mean the same here
        return judge("broker", False, f"does not answer: {error}", fix)
    return Check("broker", True, shown)


def ledger_check(url: str | None) -> Check:
    """Reach the ledger that FARM_LEDGER_URL names, and compare its version with this farm's."""
    if url is None:
        return Check("ledger", True, "FARM_LEDGER_URL is not set: local mode keeps its own beside the dataset")
    from farm.ledger.database import Database, parse_url
    from farm.ledger.opening import HEAD, version

    try:
        address = parse_url(url)
        if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
            return _new_ledger(Path(str(address.database)))
        database = Database(address)
        try:
            found = database.read(version)
        finally:
            database.close()
    except FarmError as error:
        return judge("ledger", False, error.message, error.hint or "Mend FARM_LEDGER_URL")
    if found not in (HEAD, None):
        fix = "Start the newest farm's scheduler once: it brings an older ledger up to date"
        return judge("ledger", False, f"{database.name}: version {found}, this farm wants {HEAD}", fix)
    return judge("ledger", True, f"{database.name}: {found or 'empty, its tables will be made'}", "")


def work_checks(url: str | None) -> list[Check]:
    """Look whether work waits in the ledger that no live slot could do; nothing is said of a ledger that is not up."""
    from farm.ledger import Ledger
    from farm.ledger.database import Database, parse_url
    from farm.ledger.opening import HEAD, version

    try:
        address = None if url is None else parse_url(url)
        if address is None or (address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists()):
            return []
        database = Database(address)
        try:
            unserved = Ledger(database).unserved() if database.read(version) == HEAD else {}
        finally:
            database.close()
    except FarmError:
        return []  # the check of the ledger has told it
    return [
        judge(
            f"work for {engine}", False, f"{stems} stems wait, and no live slot serves it",
            f"On a host that has it: farm worker --engines {engine}",
        )
        for engine, stems in unserved.items()
    ]  # fmt: skip


def _new_ledger(path: Path) -> Check:
    if path.parent.is_dir() and os.access(path.parent, os.W_OK):
        return Check("ledger", True, f"{path} will be made")
    found = f"{path} cannot be made: its folder is not there or cannot be written"
    return Check("ledger", False, found, f"mkdir -p {path.parent}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    neutral = tempfile.gettempdir()
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_PROBE_S, cwd=neutral, stdin=subprocess.DEVNULL
    )
