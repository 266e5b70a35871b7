"""What a worker has to render with; `python -m workers.probing --json` says it to other processes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from schemas.errors import AssetError, FarmError
from schemas.instruments import InstrumentMap
from schemas.patch import AssetRef, EngineFacts, Patch
from schemas.plan import EnginePlan
from workers.config import WorkerSettings
from workers.engines import engine_class
from workers.engines.patchprobe import probe_patches
from workers.engines.soundfonts import default_soundfont, describe, find_soundfont


def probe(engine: EnginePlan, *, library: str | None = None, instruments: InstrumentMap | None = None) -> EngineFacts:
    """Find the engine of a plan, its version, and every soundfont and patch that it needs, with hash and licence.

    Args:
        engine: the plan's engine; a soundfont without a path is looked for.
        library: path of the engine's native library; None searches.
        instruments: the plan's instrument map, which may name soundfonts and patch files of its own.

    Raises:
        MissingDependencyError: the engine's library is not installed, or an engine of a patch file.
        AssetError: a soundfont is missing or no soundfont; a plug-in of a patch file is missing or another one.
    """
    path = Path(engine.soundfont).expanduser() if engine.soundfont else default_soundfont()
    fonts = {} if instruments is None else {word: _of_the_map(instruments, word) for word in instruments.soundfonts}
    patches = {} if instruments is None else _patches_of(instruments)
    player = engine_class(engine.name)(library)
    try:
        return EngineFacts(
            engine=player.name,
            version=player.version,
            library=player.library,
            soundfont=describe(path),
            soundfonts=fonts,
            patches=patches,
        )
    finally:
        player.close()


def _of_the_map(instruments: InstrumentMap, word: str) -> AssetRef:
    try:
        return describe(find_soundfont(word))
    except AssetError as error:
        raise AssetError(f"instrument map {instruments.name}: {error.message}", hint=error.hint) from error


def _patches_of(instruments: InstrumentMap) -> dict[str, Patch]:
    """Find what the patch files of a map stand for; an error names the map."""
    try:
        return probe_patches(instruments.patch_files)
    except FarmError as error:
        raise type(error)(f"instrument map {instruments.name}: {error.message}", hint=error.hint) from error


def main(arguments: list[str] | None = None) -> int:
    """Print what was found, or what is missing and how to get it; exit code 0, or that of the error."""
    parser = argparse.ArgumentParser(prog="python -m workers.probing", description=__doc__)
    parser.add_argument("--soundfont", help="soundfont to look at; left out, the default one")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args(arguments)
    try:
        facts = probe(EnginePlan(soundfont=options.soundfont), library=WorkerSettings().fluidsynth)
    except FarmError as error:
        sys.stdout.write(_failure(error, as_json=options.json) + "\n")
        return error.exit_code
    sys.stdout.write((facts.model_dump_json() if options.json else _readable(facts)) + "\n")
    return 0


def _failure(error: FarmError, *, as_json: bool) -> str:
    if not as_json:
        return f"{error.reason}: {error}"
    return json.dumps({"reason": error.reason, "message": error.message, "hint": error.hint})


def _readable(facts: EngineFacts) -> str:
    font = facts.soundfont
    return (
        f"{facts.engine} {facts.version} ({facts.library})\n"
        f"{font.name}, {font.size_bytes / 1e6:.0f} MB, licence {font.licence}, sha256 {font.sha256[:12]} ({font.path})"
    )


if __name__ == "__main__":
    sys.exit(main())
