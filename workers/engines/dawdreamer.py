"""Plug-in instruments as an engine: VST2, VST3, LV2 and Audio Units, hosted by DawDreamer and kept warm where they allow it.

What a stem leaves behind in a plug-in, by its patch: nothing, and the instance is kept; or something, and every stem gets
a new instance of a plug-in that is in memory already (or, seen to by the slot, a new process).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from schemas.errors import AssetError, EngineError
from schemas.job import RenderJob
from schemas.patch import Patch, PluginSettings
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.engines.base import BlockSink, Engine
from workers.engines.controls import perform, sent_midi
from workers.engines.dawhost import Audio, PluginHost
from workers.engines.dawplayer import PluginPlayer
from workers.engines.faustvoice import load_dawdreamer
from workers.engines.plugins import PluginFile, binary_hash, locate_plugin

_ROOT: Final = Path(__file__).resolve().parents[2]
#: Where the farm's own presets are, in a checkout and in an installation.
PRESETS: Final = (_ROOT / "presets" / "patches", _ROOT / "farm" / "_presets" / "patches")


class DawDreamerEngine(Engine):
    """Plays MIDI with plug-in instruments.

    Args:
        library: not used; DawDreamer is a Python package.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
    """

    name = "dawdreamer"

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._dawdreamer = load_dawdreamer()
        self._loaded: _Loaded | None = None

    @property
    def version(self) -> str:
        """Version of DawDreamer."""
        return str(self._dawdreamer.__version__)

    @property
    def library(self) -> str:
        """Path of DawDreamer."""
        return str(Path(self._dawdreamer.__file__).parent)

    def close(self) -> None:
        """Free the plug-in."""
        self._load_key = None
        self._loaded = None

    def _load(self, patch: Patch) -> None:
        self.close()
        settings = plugin_settings(patch)
        found = locate_plugin(patch.asset, settings)
        loaded = _Loaded(found, settings, locate_preset(settings))
        loaded.get_ready(RenderJob.model_fields["rate_hz"].default)
        self._loaded = loaded

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        if self._loaded is None:
            raise EngineError("no patch is loaded", cause=FailureReason.ENGINE_FAILED)
        settings = plugin_settings(job.patch)
        play = _Stem(self._loaded, sent_midi(midi, settings), job, sink)
        player = PluginPlayer(
            play,
            sink,
            rate_hz=job.rate_hz,
            channels=job.channels,
            tail_s=settings.tail_s,
            tail_max_s=job.tail_max_s,
            onset_s=settings.onset_s,
        )
        played = perform(midi, settings)
        play.expected = round((played.release_s + settings.tail_s) * job.rate_hz)
        return player.play(played, (job.patch.name, job.patch.bank, job.patch.program))


class _Stem:
    """Plays the beginning of a stem, as much of it as is asked for, on an instance that is fit for it."""

    def __init__(self, loaded: _Loaded, midi: bytes, job: RenderJob, sink: BlockSink) -> None:
        self.expected = 0
        self._loaded = loaded
        self._midi = midi
        self._rate_hz = job.rate_hz
        self._sink = sink

    def __call__(self, frames: int) -> Audio:
        host = self._loaded.take(self._rate_hz)
        audio = host.play(self._midi, frames, functools.partial(self._sink.expect, self.expected))
        self._loaded.give_back(host)
        return audio


class _Loaded:
    """A plug-in that is in memory, and the instance of it that the next stem gets."""

    def __init__(self, found: PluginFile, settings: PluginSettings, preset: Path | None) -> None:
        self._found = found
        self._settings = settings
        self._preset = preset
        self._is_prompt = True
        self._kept: PluginHost | None = None

    def get_ready(self, rate_hz: int) -> None:
        """Load an instance and wait until it plays."""
        self._kept = None
        host = PluginHost(self._found, self._settings, self._preset, rate_hz)
        self._is_prompt = host.wait_until_ready()
        self.give_back(host)

    def take(self, rate_hz: int) -> PluginHost:
        """Return an instance of which no earlier stem can be heard."""
        if self._kept is not None and self._kept.rate_hz == rate_hz:
            kept, self._kept = self._kept, None
            return kept
        self._kept = None
        host = PluginHost(self._found, self._settings, self._preset, rate_hz)
        if not self._is_prompt or self._settings.leaves == "none":
            host.wait_until_ready()
        return host

    def give_back(self, host: PluginHost) -> None:
        """Keep an instance for the next stem, if this one leaves nothing behind in it."""
        if self._settings.leaves == "none":
            host.rest()
            self._kept = host


def plugin_settings(patch: Patch) -> PluginSettings:
    """Return the settings of a patch that is a plug-in.

    Raises:
        EngineError: it is for another engine.
    """
    if not isinstance(patch.settings, PluginSettings):
        raise EngineError(f"{patch.name} is no plug-in", cause=FailureReason.MISSING_ASSET)
    return patch.settings


def locate_preset(settings: PluginSettings) -> Path | None:
    """Return where this host has the preset of a patch: at its own path, else among the farm's own; None for none.

    Raises:
        AssetError: no file here has the preset's hash.
    """
    if settings.preset is None:
        return None
    own = Path(settings.preset)
    for path in (own, *(folder / own.name for folder in PRESETS)):
        if path.is_file() and settings.preset_sha256 in (None, binary_hash(path)):
            return path
    wanted = f" with SHA-256 {settings.preset_sha256[:12]}" if settings.preset_sha256 else ""
    raise AssetError(
        f"this worker has no preset {own.name}{wanted} (looked at {own} first)",
        hint="Put the file there on every worker, or submit the plan again with a preset that every worker has",
    )
