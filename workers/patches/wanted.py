"""What a request means: the patch that a patch file or a soundfont's preset stands for, or a plug-in to make one of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import AssetError, MissingDependencyError
from schemas.patch import Patch, PluginSettings
from schemas.patchfile import PatchFile
from schemas.plan import EnginePlan
from workers.config import WorkerSettings
from workers.engines.here import attempt
from workers.engines.patchprobe import probe_patches
from workers.engines.plugins import FORMATS, Format, PluginFile, find_plugin, installed_plugins, locate_plugin
from workers.engines.soundfonts import describe, find_soundfont

#: Endings that tell a format.
_ENDINGS: Final[dict[str, Format]] = {".vst3": "vst3", ".component": "au", ".so": "vst2", ".vst": "vst2"}
_NAMED: Final = 5


@dataclass(frozen=True)
class Wanted:
    """A patch to be tried."""

    patch: Patch
    key_range: tuple[int, int] | None = None


def wanted_patch(asked: Mapping[str, Any]) -> Wanted:
    """Return the patch of a request: {"file": PatchFile} or {"soundfont", "bank", "program"}.

    Raises:
        MissingDependencyError: its engine is not installed here.
        AssetError: what it loads is not here, or another.
    """
    if "file" in asked:
        file = PatchFile.model_validate(asked["file"])
        return Wanted(probe_patches({file.name: file})[file.name], file.key_range)
    engine = EnginePlan()
    tried = attempt(engine.name, WorkerSettings().fluidsynth)
    if "version" not in tried:
        raise MissingDependencyError(tried["message"], hint=tried["hint"])
    made = Patch(
        engine=engine.name,
        engine_version=str(tried["version"]),
        asset=describe(find_soundfont(asked["soundfont"])),
        bank=asked["bank"],
        program=asked["program"],
        settings=engine.settings,
    )
    return Wanted(made)


def plugin_of(patch: Patch) -> PluginFile | None:
    """Return the plug-in that a patch loads; None for one that loads none."""
    if not isinstance(patch.settings, PluginSettings):
        return None
    return locate_plugin(patch.asset, patch.settings)


def wanted_plugin(asked: Mapping[str, Any]) -> PatchFile:
    """Return a patch file for the plug-in of a request, with what the person said and nothing measured yet.

    Raises:
        AssetError: no plug-in here has this URI, path or name, or several have.
    """
    found = find_one(str(asked["plugin"]))
    settings = PluginSettings(
        plugin=_portable(found), format=found.format, leaves="instance", tail_s=asked["tail_s"], **asked["settings"]
    )
    return PatchFile(
        name=asked["name"],
        description=asked["description"] or found.name,
        engine="dawdreamer",
        settings=settings,
        programs=asked["programs"],
        licence=found.licence,
    )


def _portable(found: PluginFile) -> str:
    """Return a plug-in's URI, its file's name where that is enough to find it, else its path."""
    if found.format == "lv2":
        return found.plugin
    word = Path(found.plugin).name
    try:
        by_name = find_plugin(PluginSettings(plugin=word, format=found.format))
    except AssetError:
        return found.plugin
    return word if Path(by_name.path) == Path(found.plugin).resolve() else found.plugin


def find_one(word: str) -> PluginFile:
    """Return the one plug-in here that a URI, a path or a name stands for.

    Raises:
        AssetError: there is none, or there are several.
    """
    path = Path(word).expanduser()
    format_ = _ENDINGS.get(path.suffix.lower())
    if path.is_absolute() and format_ is not None:
        return _by_path(path, format_)
    named = list(_named(word))
    exact = [found for found in named if word.casefold() in (found.plugin.casefold(), found.name.casefold())]
    best = exact or named
    if len(best) == 1:
        return best[0]
    if not best:
        raise AssetError(
            f"no plug-in of this host is called {word}",
            hint="`farm patches scan` lists those that there are; a path is given from the root of the disk on",
        )
    some = ", ".join(f"{found.format} {found.plugin}" for found in best[:_NAMED])
    raise AssetError(f"{len(best)} plug-ins are called {word}: {some}", hint="Give the whole URI or path")


def _by_path(path: Path, format_: Format) -> PluginFile:
    asset = find_plugin(PluginSettings(plugin=str(path), format=format_))
    return locate_plugin(asset, PluginSettings(plugin=str(path), format=format_))._replace(plugin=str(path))


def _named(word: str) -> Iterator[PluginFile]:
    for format_ in FORMATS:
        for found in installed_plugins(format_):
            if word.casefold() in (found.plugin.casefold(), found.name.casefold(), found.binary.stem.casefold()):
                yield found
