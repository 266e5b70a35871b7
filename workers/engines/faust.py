"""Instruments in Faust as an engine: the source compiled by DawDreamer's libfaust and kept warm, one voice played at a time.

Onsets are exact to the frame; a note is let go, and bent, at the nearest edge of a block of 32 frames (0.7 ms at 44.1 kHz).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.errors import AssetError, EngineError
from schemas.job import RenderJob
from schemas.patch import AssetRef, FaustSettings, Patch
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.engines.base import BlockSink, Engine
from workers.engines.controls import perform
from workers.engines.faustplayer import FaustPlayer
from workers.engines.faustvoice import FaustVoice, engine_version, load_dawdreamer

_ROOT: Final = Path(__file__).resolve().parents[2]
#: Where the farm's own sources are, in a checkout and in an installation.
SOURCES: Final = (_ROOT / "presets" / "patches" / "faust", _ROOT / "farm" / "_presets" / "patches" / "faust")


class FaustEngine(Engine):
    """Plays MIDI with instruments written in Faust.

    Args:
        library: not used; libfaust comes with DawDreamer.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
    """

    name = "faust"

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._dawdreamer = load_dawdreamer()
        self._source = ""
        self._patch: Patch | None = None
        self._voices: dict[int, FaustVoice] = {}

    @property
    def version(self) -> str:
        """Version of DawDreamer, and of the libfaust in it."""
        return engine_version(self._dawdreamer)

    @property
    def library(self) -> str:
        """Path of DawDreamer."""
        return str(Path(self._dawdreamer.__file__).parent)

    def close(self) -> None:
        """Free the compiled instrument."""
        self._load_key = None
        self._patch = None
        self._voices.clear()

    def _load(self, patch: Patch) -> None:
        self.close()
        self._source = locate_source(patch.asset, faust_settings(patch).source).decode(errors="replace")
        self._patch = patch
        self._voice(RenderJob.model_fields["rate_hz"].default)

    def _voice(self, rate_hz: int) -> FaustVoice:
        """Return the compiled instrument for a sample rate."""
        if self._patch is None:
            raise EngineError("no patch is loaded", cause=FailureReason.ENGINE_FAILED)
        if rate_hz not in self._voices:
            settings = faust_settings(self._patch)
            self._voices = {rate_hz: FaustVoice(self._source, settings, rate_hz, self._patch.name)}
        return self._voices[rate_hz]

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        settings = faust_settings(job.patch)
        player = FaustPlayer(
            self._voice(job.rate_hz),
            sink,
            channels=job.channels,
            tail_s=settings.tail_s,
            tail_max_s=job.tail_max_s,
            voices=settings.voices,
        )
        return player.play(
            perform(midi, left_to_the_farm(settings)), (job.patch.name, job.patch.bank, job.patch.program)
        )


def left_to_the_farm(settings: FaustSettings) -> FaustSettings:
    """Return the settings of what Faust plays by itself: a voice is bent and modulated, and all else is the farm's work."""
    plays = tuple(control for control in settings.plays if control in ("bend", "modulation"))
    return settings.model_copy(update={"plays": plays})


def faust_settings(patch: Patch) -> FaustSettings:
    """Return the settings of a patch that is in Faust.

    Raises:
        EngineError: it is for another engine.
    """
    if not isinstance(patch.settings, FaustSettings):
        raise EngineError(f"{patch.name} is no instrument in Faust", cause=FailureReason.MISSING_ASSET)
    return patch.settings


def describe_source(path: Path, licence: str = "unknown") -> AssetRef:
    """Say what the source at `path` is; its own `declare license` counts where `licence` is unknown.

    Raises:
        AssetError: it cannot be read.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise AssetError(
            f"the Faust source {path} cannot be read: {error.strerror}", hint="Put it beside its patch file"
        ) from error
    declared = re.search(rb'declare\s+license\s+"([^"]+)"', text)
    if licence == "unknown" and declared is not None:
        licence = declared.group(1).decode(errors="replace")
    return AssetRef(
        name=path.stem, sha256=hashlib.sha256(text).hexdigest(), size_bytes=len(text), licence=licence, path=str(path)
    )


def find_source(source: str, folder: str | None = None) -> Path:
    """Return where the source of a patch file is: in `folder`, or among the farm's own where that is None.

    Raises:
        AssetError: it is not there.
    """
    folders = SOURCES if folder is None else (Path(folder),)
    for place in folders:
        if (place / source).is_file():
            return (place / source).resolve()
    raise AssetError(f"there is no Faust source {source} in {folders[0]}", hint="Put it beside its patch file")


def locate_source(asset: AssetRef, source: str) -> bytes:
    """Return the source that has the asset's hash: from its own path, else from the farm's own.

    Raises:
        AssetError: no file here has the asset's hash.
    """
    for path in _places(asset, source):
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(text).hexdigest() == asset.sha256:
            return text
    raise AssetError(
        f"this worker has no Faust source {source} with SHA-256 {asset.sha256[:12]} (looked at {asset.path} first)",
        hint="Put the file there, or submit the plan again with a source that every worker has",
    )


def _places(asset: AssetRef, source: str) -> Iterator[Path]:
    yield Path(asset.path)
    yield from (folder / source for folder in SOURCES)
