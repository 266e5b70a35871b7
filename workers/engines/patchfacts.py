"""What patch files stand for on this host; `python -m workers.engines.patchfacts` is a process of its own for it.

It reads patch files as a JSON list from its input and prints {"patches": {name: Patch}}, or {"reason", "message", "hint"}
where one of them cannot be played here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from schemas.errors import AssetError, FarmError, MissingDependencyError
from schemas.patch import Patch, PluginSettings
from schemas.patchfile import PatchFile
from workers.engines.dawdreamer import locate_preset
from workers.engines.faust import describe_source, find_source
from workers.engines.here import attempt
from workers.engines.patchprobe import FILES, PATCHES
from workers.engines.plugins import binary_hash, find_plugin


def describe_patches(files: Iterable[PatchFile]) -> dict[str, Patch]:
    """Find what every patch file needs, in this process.

    Raises:
        MissingDependencyError, AssetError: as `workers.engines.patchprobe.probe_patches`.
    """
    versions: dict[str, str] = {}
    found = {}
    for file in files:
        if file.engine not in versions:
            versions[file.engine] = _version(file)
        try:
            found[file.name] = _describe(file, versions[file.engine])
        except FarmError as error:
            message = f"patch {file.name}: {error.message}"
            raise type(error)(message, hint=error.hint) from error
    return found


def describe_each(files: Iterable[PatchFile]) -> Iterator[tuple[PatchFile, Patch | FarmError]]:
    """Yield every patch file with what it stands for here, or with why it cannot be played here."""
    tried: dict[str, str | FarmError] = {}
    for file in files:
        if file.engine not in tried:
            try:
                tried[file.engine] = _version(file)
            except FarmError as error:
                tried[file.engine] = error
        version = tried[file.engine]
        try:
            yield file, version if isinstance(version, FarmError) else _describe(file, version)
        except FarmError as error:
            yield file, error


def _version(file: PatchFile) -> str:
    tried = attempt(file.engine)
    if "version" not in tried:
        message = f"patch {file.name}: the engine {file.engine} does not work here: {tried['message']}"
        hint = f"Install it with `pip install 'stemfarm[{file.needs}]'` on every worker, or leave the patch out"
        raise MissingDependencyError(message, hint=hint)
    return str(tried["version"])


def _describe(file: PatchFile, version: str) -> Patch:
    settings = file.settings
    if isinstance(settings, PluginSettings):
        asset, settings = find_plugin(settings), with_preset(settings)
    else:
        asset = describe_source(find_source(settings.source, file.folder))
    if file.sha256 not in (None, asset.sha256):
        raise AssetError(
            f"{asset.name} at {asset.path} has SHA-256 {asset.sha256[:12]}, and the patch file says "
            f"{(file.sha256 or '')[:12]}",
            hint="Install the version that the patch file was made with, or take its `sha256` out",
        )
    licence = file.known_licence or asset.licence
    return Patch(
        engine=file.engine,
        engine_version=version,
        asset=asset.model_copy(update={"licence": licence}),
        settings=settings,
        title=file.name,
        octave_offset=file.octave_offset,
    )


def with_preset(settings: PluginSettings) -> PluginSettings:
    """Return the settings with the hash of the preset's file, which is part of what is heard.

    Raises:
        AssetError: it is not here, or not the one whose hash the settings have.
    """
    path = locate_preset(settings)
    return settings if path is None else settings.model_copy(update={"preset_sha256": binary_hash(path)})


def main() -> int:
    """Read patch files, print what they stand for."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native code prints is no answer
    try:
        found = describe_patches(FILES.validate_json(sys.stdin.buffer.read()))
        answer: dict[str, Any] = {"patches": PATCHES.dump_python(found, mode="json")}
    except FarmError as error:
        answer = {"reason": error.reason, "message": error.message, "hint": error.hint}
    replies.write(json.dumps(answer) + "\n")
    replies.flush()
    return 0 if "patches" in answer else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no time is spent on freeing what ends with the process
