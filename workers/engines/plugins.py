"""Finds plug-ins on this host, by format: where each system keeps them, their binaries, hashes, names and licences."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from schemas.errors import AssetError
from schemas.patch import AssetRef, PluginSettings
from workers.engines.lv2 import Lv2Plugin, find_lv2, lv2_facts, lv2_folders, lv2_plugins

Format = Literal["lv2", "vst2", "vst3", "au"]
FORMATS: Final[tuple[Format, ...]] = ("lv2", "vst2", "vst3", "au")

#: What files and bundles of a format end in.
_SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "vst2": (".so", ".vst"),
    "vst3": (".vst3",),
    "au": (".component",),
}
#: Environment variables that name folders, as other hosts have them.
_VARIABLES: Final = {"vst2": "VST_PATH", "vst3": "VST3_PATH"}
_LINUX: Final = {
    "vst2": ("~/.vst", "/usr/local/lib/vst", "/usr/lib/vst", "/usr/local/lib/lxvst", "/usr/lib/lxvst"),
    "vst3": ("~/.vst3", "/usr/local/lib/vst3", "/usr/lib/vst3"),
    "au": (),
}
_MACOS: Final = {
    "vst2": ("~/Library/Audio/Plug-Ins/VST", "/Library/Audio/Plug-Ins/VST"),
    "vst3": ("~/Library/Audio/Plug-Ins/VST3", "/Library/Audio/Plug-Ins/VST3"),
    "au": ("~/Library/Audio/Plug-Ins/Components", "/Library/Audio/Plug-Ins/Components"),
}

#: Machines of ELF (System V ABI, e_machine) and Mach-O (mach/machine.h, cputype) by the names that Python has for them.
_ELF: Final = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_MACH: Final = {0x01000007: "x86_64", 0x0100000C: "arm64", 7: "i386"}
_MACH_FAT: Final = b"\xca\xfe\xba\xbe"
_MACH_64: Final = b"\xcf\xfa\xed\xfe"
_SAME: Final = {"amd64": "x86_64", "arm64": "aarch64", "i686": "i386"}


class PluginFile(NamedTuple):
    """A plug-in that was found."""

    format: Format
    plugin: str  #: what a host loads: the URI of an LV2 plug-in, else the path of a file or bundle
    binary: Path
    name: str
    licence: str
    is_instrument: bool | None  #: None where only loading it would tell
    vendor: str = ""  #: who made it; empty where its files do not say


def plugin_folders(format: Format) -> list[Path]:  # noqa: A002  the word that patch files have for it
    """Return the folders in which plug-ins of a format are kept on this system."""
    if format == "lv2":
        return lv2_folders()
    named = os.environ.get(_VARIABLES.get(format, ""), "").split(os.pathsep)
    usual = (_MACOS if sys.platform == "darwin" else _LINUX)[format]
    return [Path(word).expanduser() for word in (*named, *usual) if word]


def installed_plugins(format: Format) -> Iterator[PluginFile]:  # noqa: A002
    """Yield the plug-ins of a format that are installed, sorted in each folder; nothing of theirs is run."""
    if format == "lv2":
        for found in lv2_plugins():
            try:
                yield _of_lv2(found)
            except AssetError:
                yield PluginFile("lv2", found.uri, found.binary, found.binary.stem, "unknown", None)
        return
    for folder in plugin_folders(format):
        for path in sorted(_walk(folder, _SUFFIXES[format])):
            binary = bundle_binary(path)
            if binary is not None:
                yield PluginFile(format, str(path), binary, path.stem, "unknown", None)


def find_plugin(settings: PluginSettings) -> AssetRef:
    """Return the plug-in of a patch as it is installed here: its name, binary's hash, licence, and what a host loads.

    Raises:
        AssetError: it is not installed, or for another kind of machine.
    """
    found = _find(settings)
    check_machine(found.binary)
    return AssetRef(
        name=found.name,
        sha256=binary_hash(found.binary),
        size_bytes=found.binary.stat().st_size,
        licence=found.licence,
        path=found.plugin,
    )


def locate_plugin(asset: AssetRef, settings: PluginSettings) -> PluginFile:
    """Return the plug-in here that has the asset's hash: at the asset's own path, else where this system keeps them.

    Raises:
        AssetError: it is not installed, for another kind of machine, or another version.
    """
    found = None
    if settings.format != "lv2" and Path(asset.path).exists():
        found = _find(settings.model_copy(update={"plugin": asset.path}))
    if found is None or binary_hash(found.binary) != asset.sha256:
        found = _find(settings)
    check_machine(found.binary)
    if binary_hash(found.binary) == asset.sha256:
        return found
    raise AssetError(
        f"the plug-in {asset.name} of this worker ({found.binary}) is not the one that was planned for: its SHA-256 is "
        f"{binary_hash(found.binary)[:12]}, not {asset.sha256[:12]}",
        hint="Install the same version on every worker, or submit the plan again",
    )


def bundle_binary(path: Path) -> Path | None:
    """Return the binary of a plug-in's file or bundle; None where it has none."""
    if path.is_file():
        return path
    folders = ("MacOS",) if sys.platform == "darwin" else (f"{platform.machine()}-linux",)
    inside = [found for folder in folders for found in sorted((path / "Contents" / folder).glob("*"))]
    if not inside and path.is_dir():  # of another machine, which is better said than passed over
        inside = sorted((path / "Contents").glob("*-linux/*")) + sorted((path / "Contents" / "MacOS").glob("*"))
    named = [found for found in inside if found.stem == path.stem]
    return next((found for found in (*named, *inside) if found.is_file()), None)


def check_machine(binary: Path) -> None:
    """See to it that a binary can run here.

    Raises:
        AssetError: it cannot be read, is no program, or is for another kind of machine.
    """
    try:
        with binary.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise AssetError(
            f"the plug-in {binary} cannot be read: {error.strerror}", hint="Install the plug-in again"
        ) from error
    machines = _machines(head)
    here = _SAME.get(platform.machine().lower(), platform.machine().lower())
    if not machines:
        raise AssetError(f"{binary} is no program of this system", hint="Name the plug-in's own file or bundle")
    if here not in machines:
        raise AssetError(
            f"the plug-in {binary.name} is for {' and '.join(sorted(machines))}, and this is {here}",
            hint="Install the plug-in for this machine, or leave the patch to workers that have it",
        )


def binary_hash(binary: Path) -> str:
    """Return the SHA-256 of a binary."""
    stat = binary.stat()
    return _hashed(binary, stat.st_size, stat.st_mtime_ns)


def _find(settings: PluginSettings) -> PluginFile:
    if settings.format == "lv2":
        bundle = find_lv2(settings.plugin)
        if bundle is None:
            raise _missing(settings)
        return _of_lv2(bundle)
    for path in _places(settings):
        binary = bundle_binary(path)
        if binary is not None:
            return PluginFile(settings.format, str(path.resolve()), binary, path.stem, "unknown", None)
    raise _missing(settings)


def _places(settings: PluginSettings) -> Iterator[Path]:
    """Yield where a plug-in that is no LV2 may be."""
    word = Path(settings.plugin).expanduser()
    if word.is_absolute():
        yield word
        return
    for folder in plugin_folders(settings.format):
        yield folder / word
        for suffix in _SUFFIXES[settings.format]:
            yield folder / f"{word}{suffix}"
    for folder in plugin_folders(settings.format):
        for path in sorted(_walk(folder, _SUFFIXES[settings.format])):
            if word.name in (path.name, path.stem):
                yield path


def _missing(settings: PluginSettings) -> AssetError:
    folders = ", ".join(map(str, plugin_folders(settings.format))) or "nowhere: this system has no such plug-ins"
    return AssetError(
        f"the {settings.format.upper()} plug-in {settings.plugin} is not installed here (looked in {folders})",
        hint="Install it on every worker (those of the farm's own patch files: `sudo sh deploy/install-plugins`), "
        "or leave its patch out",
    )


def _of_lv2(found: Lv2Plugin) -> PluginFile:
    facts = lv2_facts(found)
    return PluginFile("lv2", found.uri, found.binary, facts.name, facts.licence, facts.is_instrument, facts.maker)


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield files and bundles with one of the endings, at any depth but not inside of bundles."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        if path.suffix.lower() in suffixes:
            yield path
        elif path.is_dir() and not path.is_symlink() and not path.suffix:
            yield from _walk(path, suffixes)


def _machines(head: bytes) -> set[str]:
    """Return the machines that a program with this head is for; empty for what is no program of this system."""
    if sys.platform == "darwin":
        return _mach_machines(head)
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return set()
    number = struct.unpack("<H" if head[5] == 1 else ">H", head[18:20])[0]
    return {_ELF.get(number, f"machine {number}")}


def _mach_machines(head: bytes) -> set[str]:
    if head[:4] == _MACH_64:
        kinds = [struct.unpack("<I", head[4:8])[0]]
    elif head[:4] == _MACH_FAT:
        count = struct.unpack(">I", head[4:8])[0]
        kinds = [struct.unpack(">I", head[at : at + 4])[0] for at in range(8, min(8 + 20 * count, len(head) - 4), 20)]
    else:
        return set()
    names = {_MACH.get(kind, f"machine {kind}") for kind in kinds}
    return {_SAME.get(name, name) for name in names}


@functools.lru_cache(maxsize=256)
def _hashed(binary: Path, _size: int, _mtime_ns: int) -> str:
    with binary.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
