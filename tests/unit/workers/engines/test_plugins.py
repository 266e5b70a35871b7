"""Plug-ins on this host: where they are looked for, their binaries, hashes, and machines."""

from __future__ import annotations

import hashlib
import platform
import struct
import sys
from pathlib import Path

import pytest

from schemas.errors import AssetError
from schemas.patch import AssetRef, PluginSettings
from workers.engines import plugins
from workers.engines.plugins import check_machine, find_plugin, installed_plugins, locate_plugin

MACHINES = {"x86_64": 62, "aarch64": 183}
HERE = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
OTHER = next(name for name in MACHINES if name != HERE)

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="plug-ins are ELF files only on Linux")


def elf(machine: str, more: bytes = b"") -> bytes:
    """Return the head of a 64-bit little-endian ELF file (System V ABI, figure 4-3)."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, MACHINES[machine]) + bytes(44) + more


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VST_PATH", "VST3_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(plugins, "_LINUX", {"vst2": (), "vst3": (), "au": ()})
    return tmp_path


def vst3(folder: Path, name: str, machine: str = HERE) -> Path:
    binary = folder / f"{name}.vst3" / "Contents" / f"{machine}-linux" / f"{name}.so"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(elf(machine, name.encode()))
    return binary


@linux_only
@pytest.mark.parametrize("word", ["Horn", "Horn.vst3", "brass/Horn.vst3"])
def test_a_plug_in_is_found_by_name_at_any_depth_and_known_by_its_binary(folder: Path, word: str) -> None:
    binary = vst3(folder / "brass", "Horn")
    found = find_plugin(PluginSettings(plugin=word, format="vst3"))
    assert found.name == "Horn"
    assert found.path == str(folder / "brass" / "Horn.vst3")
    assert found.sha256 == hashlib.sha256(binary.read_bytes()).hexdigest()
    assert found.size_bytes == binary.stat().st_size


@linux_only
def test_a_plug_in_is_found_by_its_path(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere" / "Flute.so"
    own.parent.mkdir()
    own.write_bytes(elf(HERE))
    assert find_plugin(PluginSettings(plugin=str(own), format="vst2")).path == str(own)


@linux_only
def test_what_is_installed_is_listed_by_format(folder: Path) -> None:
    vst3(folder, "Horn")
    (folder / "Flute.so").write_bytes(elf(HERE))
    assert [found.name for found in installed_plugins("vst3")] == ["Horn"]
    assert [found.name for found in installed_plugins("vst2")] == ["Flute"]


@pytest.mark.parametrize("format", ["lv2", "vst2", "vst3", "au"])
def test_a_plug_in_that_is_not_there_is_told_with_where_it_was_looked_for(folder: Path, format: str) -> None:  # noqa: A002
    settings = PluginSettings.model_validate({"plugin": "urn:test:none", "format": format})
    with pytest.raises(AssetError, match=f"{format.upper()} plug-in urn:test:none is not installed here") as caught:
        find_plugin(settings)
    assert "install-plugins" in caught.value.hint


@linux_only
def test_a_plug_in_for_another_machine_is_told_as_such(folder: Path) -> None:
    vst3(folder, "Horn", OTHER)
    with pytest.raises(AssetError, match=rf"Horn\.so is for {OTHER}, and this is {HERE}"):
        find_plugin(PluginSettings(plugin="Horn", format="vst3"))


@pytest.mark.parametrize("content", [b"", b"MZ\x90\x00", b"#!/bin/sh\n"])
def test_what_is_no_program_of_this_system_is_refused(tmp_path: Path, content: bytes) -> None:
    binary = tmp_path / "Horn.so"
    binary.write_bytes(content)
    with pytest.raises(AssetError, match="no program of this system"):
        check_machine(binary)


def test_a_program_for_several_machines_runs_on_each_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "Horn"
    kinds = (0x01000007, 0x0100000C)
    binary.write_bytes(
        b"\xca\xfe\xba\xbe" + struct.pack(">I", 2) + b"".join(struct.pack(">I16x", kind) for kind in kinds)
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    for machine in ("x86_64", "arm64"):
        monkeypatch.setattr(platform, "machine", lambda named=machine: named)
        check_machine(binary)
    monkeypatch.setattr(platform, "machine", lambda: "i386")
    with pytest.raises(AssetError, match="is for aarch64 and x86_64, and this is i386"):
        check_machine(binary)


@linux_only
def test_a_worker_takes_the_plug_in_whose_binary_has_the_hash_wherever_it_keeps_it(folder: Path) -> None:
    binary = vst3(folder, "Horn")
    settings = PluginSettings(plugin="Horn.vst3", format="vst3")
    asset = find_plugin(settings).model_copy(update={"path": "/elsewhere/Horn.vst3"})
    assert locate_plugin(asset, settings).binary == binary


@linux_only
def test_another_version_is_refused(folder: Path) -> None:
    vst3(folder, "Horn")
    settings = PluginSettings(plugin="Horn", format="vst3")
    asset = AssetRef(name="Horn", sha256="0" * 64, size_bytes=1, path="/elsewhere/Horn.vst3")
    with pytest.raises(AssetError, match="is not the one that was planned for") as caught:
        locate_plugin(asset, settings)
    assert "same version" in caught.value.hint
