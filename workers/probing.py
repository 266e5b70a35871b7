"""What a worker has to render with; `python -m workers.probing --json` says it to other processes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.assets import Credit
from schemas.errors import AssetError, FarmError
from schemas.instruments import InstrumentMap
from schemas.patch import AssetRef, EngineFacts, Patch
from schemas.plan import EnginePlan
from schemas.samples import SampleLibrary
from workers.config import WorkerSettings
from workers.engines import engine_class
from workers.engines.patchprobe import probe_patches
from workers.engines.sampleprobe import probe_samples
from workers.engines.soundfonts import credit, default_soundfont, describe, find_soundfont


def probe(
    engine: EnginePlan,
    *,
    library: str | None = None,
    instruments: InstrumentMap | None = None,
    soundfonts: Sequence[str] = (),
    samples: SampleLibrary | None = None,
) -> EngineFacts:
    """Find the engine of a plan, its version, and every soundfont and patch that it needs, with hash and licence.

    Args:
        engine: the plan's engine; a soundfont without a path is looked for.
        library: path of the engine's native library; None searches.
        instruments: the plan's instrument map, which may name soundfonts and patch files of its own.
        soundfonts: words of those that the plan's pools name.
        samples: recordings that may play along.

    Raises:
        MissingDependencyError: the engine's library is not installed, or an engine of a patch file.
        AssetError: a soundfont is missing or no soundfont; a plug-in of a patch file is missing or another one; so is a
            recording.
    """
    path = Path(engine.soundfont).expanduser() if engine.soundfont else default_soundfont()
    main = describe(path)
    mapped = {} if instruments is None else _described(instruments.soundfonts, f"instrument map {instruments.name}")
    fonts = mapped | _described(soundfonts, "compose.soundfonts")
    patches = {} if instruments is None else _patches_of(instruments)
    player = engine_class(engine.name)(library)
    try:
        return EngineFacts(
            engine=player.name,
            version=player.version,
            library=player.library,
            soundfont=main,
            soundfonts=fonts,
            credits=_credits([main, *fonts.values()]),
            patches=patches,
            sampler="" if samples is None else probe_samples(samples),
        )
    finally:
        player.close()


def _described(words: Sequence[str], where: str) -> dict[str, AssetRef]:
    """Find the soundfonts of some words; an error says where the words stand."""
    try:
        return {word: describe(find_soundfont(word)) for word in words}
    except AssetError as error:
        raise AssetError(f"{where}: {error.message}", hint=error.hint) from error


def _credits(fonts: Iterable[AssetRef]) -> list[Credit]:
    """Return whose soundfonts they are, each once, by name."""
    found = {font.sha256: credit(font) for font in fonts}
    return sorted(found.values(), key=lambda known: (known.name, known.sha256))


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
