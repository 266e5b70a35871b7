"""One plug-in in DawDreamer: loaded with its preset and parameters, probed until it plays, and played from MIDI.

What was found by trying holds here: one thread, since two engines in two threads wait for each other for ever; never
`load_state`, which opens a window and takes the process with it where there is no display; and a whole stem at a call,
since DawDreamer resets its plug-ins at the start of every render, so that audio cannot be taken in pieces.
"""

from __future__ import annotations

import ctypes
import difflib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import AssetError, EngineError
from schemas.patch import PluginSettings
from schemas.states import FailureReason
from workers.engines.faustvoice import load_dawdreamer
from workers.engines.lv2 import find_lv2, lv2_folders, read_lv2_preset
from workers.engines.pluginmidi import framed_midi, probe_midi, program_midi
from workers.engines.plugins import PluginFile

#: Frames that a plug-in renders at once. It is sent each message with its frame inside of the block; a plug-in of the older
#: formats that heeds only the block is at most 0.7 ms late at 44.1 kHz. The others heed the frame, and often have thousands
#: of parameters, which DawDreamer looks through at every block.
BLOCK_FRAMES: Final = {"lv2": 32, "vst2": 32, "vst3": 256, "au": 256}
#: Silence that a plug-in is given before a stem: what its start and new parameters stir up is over then.
LEAD_S: Final = 0.1
#: Keys of the probe: a low one, two drums, two of the middle and a high one; some key of every instrument is among them.
PROBE_KEYS: Final = (36, 38, 48, 60, 72)
#: Two probes in a row must be this close in level, decibels; plug-ins that play by chance are never closer.
_STABLE_DB: Final = 3.0
#: A probe that stays below this is silence (-80 dB of full scale).
_PROBE_FLOOR: Final = 1e-4
#: Longest wait between two probes, seconds.
_PROBE_WAIT_S: Final = 1.0
#: How often a sign of life is given while a plug-in renders, seconds, and the processor time that is one.
_SIGN_EVERY_S: Final = 0.5
_WORKED_S: Final = 0.02

Audio = NDArray[np.float32]


class PluginHost:
    """An instance of a plug-in at one sample rate.

    Args:
        found: the plug-in as it is installed here.
        settings: of the patch.
        preset: file with its preset; None where it has none.
        rate_hz: sample rate.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
        AssetError: the plug-in or its preset cannot be loaded here.
        EngineError: the plug-in has no parameter of a name that is to be set.
    """

    def __init__(self, found: PluginFile, settings: PluginSettings, preset: Path | None, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._found = found
        self._settings = settings
        self._engine = _load(found, rate_hz)
        if preset is not None and preset.suffix.lower() in _STATES:
            self._engine = _with_state(self._engine, preset.read_bytes(), found)
        self._plugin: Any = self._engine.get_processor("plugin")
        self._choose_program()
        if preset is not None and preset.suffix.lower() not in _STATES:
            self._load_preset(preset)
        self._set_parameters(settings.parameters)
        if not self._plugin.get_num_output_channels():
            raise AssetError(f"the plug-in {found.name} has no audio output", hint="Name an instrument")

    @property
    def latency(self) -> int:
        """Frames by which the plug-in is late, as it says itself."""
        return max(0, int(self._plugin.get_latency_samples()))

    @property
    def channels(self) -> tuple[int, int]:
        """Audio inputs and outputs."""
        return int(self._plugin.get_num_input_channels()), int(self._plugin.get_num_output_channels())

    @property
    def parameters(self) -> dict[str, float]:
        """The plug-in's parameters by name, 0 to 1 each."""
        names = [str(row["name"]) for row in self._plugin.get_parameters_description()]
        return {name: float(self._plugin.get_parameter(index)) for index, name in enumerate(names)}

    def play(self, midi: bytes, frames: int, sign: Callable[[], object] | None = None) -> Audio:
        """Play a MIDI file from its time 0 on.

        Args:
            midi: as `workers.engines.controls.sent_midi` makes it.
            frames: how many.
            sign: called again and again from a thread of its own while the plug-in works.

        Returns:
            float32 [channels, frames], latency taken out; one channel or two.
        """
        block = BLOCK_FRAMES[self._found.format]
        lead = round(LEAD_S * self.rate_hz / block) * block
        with _as_file(framed_midi(midi, self.rate_hz, lead, clean=self._settings.leaves == "none")) as path:
            self._plugin.load_midi(str(path))
        self._plugin.record = True
        late = lead + self.latency
        with signs(sign):
            self._engine.render((late + frames + 0.5) / self.rate_hz)
        audio: Audio = self._engine.get_audio()[:2, late : late + frames]
        return audio

    def rest(self) -> None:
        """Let go of the audio of the last stem, which DawDreamer would keep until the next."""
        self._plugin.clear_midi()
        self._engine.render(LEAD_S)

    def wait_until_ready(self) -> bool:
        """Play probes until they sound, and sound alike; return whether the first did.

        Raises:
            EngineError: that did not come to pass in time.
        """
        began, wait_s, before, probes = time.monotonic(), 0.05, -np.inf, 0
        while True:
            level = self._probe()
            probes += 1
            if probes > 1 and np.isfinite(before) and abs(level - before) <= _STABLE_DB:
                return probes == 2
            if time.monotonic() - began > self._settings.ready_s:
                raise _not_ready(self._found, self._settings, level)
            if probes > 1 or not np.isfinite(level):
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _PROBE_WAIT_S)
            before = level

    def _probe(self) -> float:
        """Return the level of a few notes, decibels; minus infinity for silence."""
        keys = sorted({self._settings.drum_map.get(key, key) for key in PROBE_KEYS})
        midi, seconds = probe_midi(keys)
        audio = self.play(midi, round(seconds * self.rate_hz))
        peak = float(np.abs(audio).max(initial=0.0))
        if not peak > _PROBE_FLOOR:
            return -np.inf
        return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64))))

    def _choose_program(self) -> None:
        if self._settings.program is not None:
            with _as_file(program_midi(self._settings.program)) as path:
                self._plugin.load_midi(str(path))
            self._run()

    def _run(self) -> None:
        """Let the plug-in take what it was sent."""
        self._engine.render(LEAD_S)

    def _load_preset(self, path: Path) -> None:
        kind = path.suffix.lower()
        loaders: dict[tuple[str, str], Callable[[], object]] = {
            ("vst2", ".fxp"): lambda: self._plugin.load_preset(str(path)),
            ("vst2", ".fxb"): lambda: self._plugin.load_preset(str(path)),
            ("vst3", ".vstpreset"): lambda: self._plugin.load_vst3_preset(str(path)),
            ("lv2", ".ttl"): lambda: self._load_lv2_preset(path),
        }
        loader = loaders.get((self._settings.format, kind))
        if loader is None:
            raise _wrong_preset(self._found, path, f"{self._found.format.upper()} has no such presets")
        try:
            done = loader()
        except RuntimeError as error:
            raise _wrong_preset(self._found, path, str(error)) from error
        if done is False:
            raise _wrong_preset(self._found, path, "it is for another plug-in, or damaged")
        self._run()

    def _load_lv2_preset(self, path: Path) -> None:
        plugin = find_lv2(self._found.plugin)
        if plugin is not None:
            self._set_parameters(read_lv2_preset(path, plugin))

    def _set_parameters(self, values: dict[str, float]) -> None:
        """Set parameters; each goes by way of another value, since some plug-ins heed only a change."""
        if not values:
            return
        names = [str(row["name"]) for row in self._plugin.get_parameters_description()]
        indices = {name: names.index(_known(name, names, self._found.name)) for name in sorted(values)}
        if self._settings.program is not None:
            for name, index in indices.items():
                self._plugin.set_parameter(index, 1.0 - values[name] if values[name] != 0.5 else 0.0)
            self._run()
        for name, index in indices.items():
            self._plugin.set_parameter(index, float(values[name]))
        self._run()


#: Presets that are the state of a plug-in as its format keeps it: `.aupreset` of an Audio Unit, `.state` of any other.
_STATES: Final = (".aupreset", ".state")


def _load(found: PluginFile, rate_hz: int) -> Any:
    """Return a render engine with the plug-in in it."""
    dawdreamer = load_dawdreamer()
    os.environ["LV2_PATH"] = os.pathsep.join(map(str, lv2_folders()))
    engine = dawdreamer.RenderEngine(rate_hz, BLOCK_FRAMES[found.format])
    try:
        plugin = engine.make_plugin_processor("plugin", found.plugin)
    except RuntimeError as error:
        raise AssetError(
            f"the plug-in {found.name} ({found.plugin}) cannot be loaded: {_why(found.binary) or error}",
            hint="Install what it needs, or install the plug-in again",
        ) from error
    engine.load_graph([(plugin, [])])
    return engine


def _with_state(engine: Any, state: bytes, found: PluginFile) -> Any:
    """Return an engine whose plug-in has a saved state; it goes in as a whole, which opens no window."""
    if found.format == "lv2":
        raise EngineError(
            f"the LV2 plug-in {found.name} cannot take a saved state",
            hint="Name a preset in Turtle (.ttl), or set its parameters",
            cause=FailureReason.MISSING_ASSET,
        )
    saved = engine.__getstate__()
    saved["processors"][0]["state"]["plugin_state"] = state
    kind = load_dawdreamer().RenderEngine
    made = kind.__new__(kind)
    made.__setstate__(saved)
    return made


def _known(name: str, names: list[str], plugin: str) -> str:
    """Return a parameter's name as the plug-in spells it."""
    if name in names:
        return name
    spelt = {other.casefold(): other for other in reversed(names)}
    if name.casefold() in spelt:
        return spelt[name.casefold()]
    near = difflib.get_close_matches(name.casefold(), spelt, n=1)
    hint = f"Did you mean `{spelt[near[0]]}`? " if near else ""
    raise EngineError(
        f"the plug-in {plugin} has no parameter `{name}`",
        hint=f"{hint}It has {', '.join(names[:40]) or 'none'}{' and more' if len(names) > 40 else ''}",
        cause=FailureReason.MISSING_ASSET,
    )


def _why(binary: Path) -> str:
    """Return what the system says of a binary that would not load."""
    try:
        ctypes.CDLL(str(binary))
    except OSError as error:
        return str(error)
    return ""


def _not_ready(found: PluginFile, settings: PluginSettings, level: float) -> EngineError:
    what = "sounds, but never twice alike" if np.isfinite(level) else "stays silent"
    return EngineError(
        f"the plug-in {found.name} {what} within {settings.ready_s:g} s after its load",
        hint="Play it in a host with a display: it may wait for a licence, a dialog or its samples. "
        "A preset or parameter of the patch may silence it",
        cause=FailureReason.LOAD_TIMEOUT,
    )


def _wrong_preset(found: PluginFile, path: Path, why: str) -> AssetError:
    return AssetError(
        f"the plug-in {found.name} cannot take the preset {path.name}: {why.rstrip('.')}",
        hint="VST2 takes .fxp and .fxb, VST3 .vstpreset, LV2 .ttl, an Audio Unit .aupreset",
    )


@contextmanager
def _as_file(midi: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=".mid") as file:
        file.write(midi)
        file.flush()
        yield Path(file.name)


@contextmanager
def signs(sign: Callable[[], object] | None) -> Iterator[None]:
    """Give signs of life while the work inside uses the processor; none while it only waits."""
    if sign is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        seen_s = time.process_time()
        while not done.wait(_SIGN_EVERY_S):
            if time.process_time() - seen_s > _WORKED_S:
                seen_s = time.process_time()
                sign()

    watcher = threading.Thread(target=watch, name="signs", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
