"""Which plug-ins this host has, and what becomes of each when it is loaded: in a process of its own, with a time limit.

What was found is kept in a file of this host, by the size and date of each binary, and a plug-in is not loaded again until
it changes. One that crashes, hangs or stays silent is listed as such and never ends the scan.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from schemas.errors import AssetError, MissingDependencyError
from schemas.machine import usable_cores
from schemas.patch import PluginSettings
from workers.config import WorkerSettings
from workers.engines.pipes import engine_environment
from workers.engines.plugins import FORMATS, Format, PluginFile, check_machine, installed_plugins

INSPECTOR: Final = "workers.patches.inspecting"
#: Raised when what is kept of a plug-in changes.
_RECIPE: Final = 1
#: How long an instrument has to sound, and how long everything may take by default, seconds.
READY_S: Final = 8.0
TIMEOUT_S: Final = 60.0
_KILL_GRACE_S: Final = 10.0
#: What the host says of every plug-in, and how much is kept of what a process said before its end.
_CHATTER: Final = "Attempting to load"
_LAST_WORDS: Final = 400


class Found(StrEnum):
    """What became of a plug-in when it was loaded."""

    WORKS = "works"  #: an instrument that sounds
    EFFECT = "effect"  #: no instrument, and it can be loaded
    SILENT = "silent"  #: an instrument that never sounded: no samples, no licence, a dialog
    REFUSED = "refused"  #: it would not be loaded, and said why
    CRASHED = "crashed"  #: it took its process with it
    HUNG = "hung"  #: it did not come back in time
    WRONG_MACHINE = "wrong_machine"  #: it cannot be read, or is for another kind of machine


Scan = dict[str, Any]
Tell = Callable[[str], object]


def scan(
    words: Sequence[str] = (),
    *,
    formats: Iterable[Format] = FORMATS,
    again: bool = False,
    timeout_s: float = TIMEOUT_S,
    tell: Tell = lambda _: None,
) -> list[Scan]:
    """Load every plug-in of this host once, or those whose name, file or URI holds one of the words.

    Args:
        words: capitals do not count; none for all.
        formats: in which to look.
        again: load those, too, that are known and unchanged.
        timeout_s: how long one of them may take.
        tell: told of each plug-in that was loaded, in words.

    Returns:
        One record for each, by format and name; see `record_of` for its keys.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
    """
    host_version()
    found = [plugin for format_ in formats for plugin in installed_plugins(format_) if _is_meant(plugin, words)]
    known = {} if again else read_scans()
    fresh = {_key(plugin): plugin for plugin in found if _key(plugin) not in known}
    with ThreadPoolExecutor(max(1, usable_cores())) as pool:
        done = {pool.submit(record_of, plugin, timeout_s): key for key, plugin in fresh.items()}
        for at, future in enumerate(as_completed(done), 1):
            record = known[done[future]] = future.result()
            tell(f"{at} of {len(fresh)}: {record['format']} {record['name']}: {record['found']}")
    if fresh:
        _keep(known, everything=not words)
    return sorted(
        (known[_key(plugin)] for plugin in found), key=lambda record: (record["format"], record["name"].lower())
    )


def record_of(plugin: PluginFile, timeout_s: float = TIMEOUT_S, settings: PluginSettings | None = None) -> Scan:
    """Load one plug-in in a process of its own and tell what became of it."""
    record: Scan = {
        "format": plugin.format,
        "plugin": plugin.plugin,
        "binary": str(plugin.binary),
        "name": plugin.name,
        "vendor": plugin.vendor,
        "licence": plugin.licence,
        "found": Found.WORKS.value,
        "why": "",
        "facts": {},
    }
    try:
        check_machine(plugin.binary)
    except AssetError as error:
        return {**record, "found": Found.WRONG_MACHINE.value, "why": error.message}
    chosen = settings or PluginSettings(plugin=plugin.plugin, format=plugin.format, leaves="none", ready_s=READY_S)
    return {**record, **_inspected(plugin, chosen, timeout_s)}


def _inspected(plugin: PluginFile, settings: PluginSettings, timeout_s: float) -> Scan:
    asked = {"plugin": [*plugin[:2], str(plugin.binary), *plugin[3:6]], "settings": settings.model_dump(mode="json")}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", INSPECTOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**engine_environment(), "QT_QPA_PLATFORM": "offscreen"}, start_new_session=True,
    )  # fmt: skip
    try:
        said, complaints = process.communicate(json.dumps(asked).encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        return {"found": Found.HUNG.value, "why": f"it did not come back within {timeout_s:g} s"}
    _kill(process)  # what it has started
    return judge_answer(plugin, said, complaints, process.returncode)


def judge_answer(plugin: PluginFile, said: bytes, complaints: bytes, code: int) -> Scan:
    """Return what a plug-in is by what its process said, and by how that ended."""
    try:
        facts: dict[str, Any] = json.loads(said)
    except ValueError:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        lines = [line for line in complaints.decode(errors="replace").splitlines() if not line.startswith(_CHATTER)]
        words = " ".join(" ".join(lines).split())[-_LAST_WORDS:]
        return {"found": Found.CRASHED.value, "why": f"its process ended with {how}" + (f": {words}" if words else "")}
    if "failed" in facts:
        return {"found": Found.REFUSED.value, "why": facts["failed"]}
    found, why = _kind(plugin, facts), facts.pop("silence")
    return {"found": found.value, "why": why if found is Found.SILENT else "", "facts": facts}


def _kind(plugin: PluginFile, facts: Mapping[str, Any]) -> Found:
    if facts["sounds"]:
        return Found.WORKS
    may_play = plugin.is_instrument or (plugin.is_instrument is None and facts["inputs"] == 0)
    return Found.SILENT if may_play else Found.EFFECT


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_KILL_GRACE_S)


def _is_meant(plugin: PluginFile, words: Sequence[str]) -> bool:
    text = f"{plugin.name} {plugin.plugin} {plugin.binary}".casefold()
    return not words or any(word.casefold() in text for word in words)


# ---------------------------------------------------------------- what is kept


def scans_file() -> Path:
    """Return where this host keeps what it found."""
    settings = WorkerSettings()
    return settings.home.expanduser() / f"plugins-{settings.host_name}.json"


def read_scans() -> dict[str, Scan]:
    """Return what was found before, by plug-in; what cannot be read was never found."""
    try:
        kept = json.loads(scans_file().read_text(encoding="utf-8"))
        return dict(kept["plugins"]) if kept["recipe"] == [_RECIPE, host_version()] else {}
    except (OSError, ValueError, KeyError, TypeError, MissingDependencyError):
        return {}


def known_scan(plugin: PluginFile, scans: Mapping[str, Scan]) -> Scan | None:
    """Return what was found of a plug-in as it is now; None where it was never loaded."""
    return scans.get(_key(plugin))


def host_version() -> str:
    """Return the version of DawDreamer, which is not imported for it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return version("dawdreamer")
    except PackageNotFoundError as error:
        raise MissingDependencyError(
            "plug-ins are hosted by DawDreamer, and it is not installed",
            hint="Install it with `pip install 'stemfarm[plugins]'`",
        ) from error


def _keep(known: Mapping[str, Scan], *, everything: bool) -> None:
    """Write what is known; what is no longer there, or was changed, is left out."""
    kept = {} if everything else read_scans()
    there = {key: record for key, record in {**kept, **known}.items() if _is_there(key, record)}
    path = scans_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({"recipe": [_RECIPE, host_version()], "plugins": there}, indent=1), encoding="utf-8")
    beside.replace(path)


def _is_there(key: str, record: Scan) -> bool:
    return key == _stamped(record["format"], record["plugin"], Path(record["binary"]))


def _key(plugin: PluginFile) -> str:
    return _stamped(plugin.format, plugin.plugin, plugin.binary)


def _stamped(format_: str, plugin: str, binary: Path) -> str:
    try:
        stat = binary.stat()
    except OSError:
        return f"{format_} {plugin} gone"
    return f"{format_} {plugin} {stat.st_size} {stat.st_mtime_ns}"


def counts(records: Iterable[Scan]) -> Iterator[tuple[str, int]]:
    """Yield how many plug-ins came out in which way, those that work first."""
    found = [record["found"] for record in records]
    yield from ((kind.value, found.count(kind.value)) for kind in Found if kind.value in found)
