"""One chain of effects in DawDreamer, a plug-in among them; imported only in the effects process."""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.effects import AppliedEffect, ChosenEffect, Effect
from schemas.patch import PluginSettings
from workers.effects.refusals import refused, spelt
from workers.engines.faustvoice import load_dawdreamer
from workers.engines.lv2 import lv2_folders
from workers.engines.plugins import find_plugin, locate_plugin

Audio = NDArray[np.float32]

_BLOCK_FRAMES: Final = 512


class Chain:
    """Effects one after the other, stereo in and out.

    Args:
        effects: in order.
        rate_hz: sample rate.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
        AssetError: a plug-in is not here, or is another.
        EngineError: a source does not compile, or a parameter does not exist.
    """

    def __init__(self, effects: list[ChosenEffect], rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._desk = load_dawdreamer().RenderEngine(rate_hz, _BLOCK_FRAMES)
        # Plug-ins change how a process computes, and libfaust has been seen to fail behind some: so its sources go first.
        order = sorted(range(len(effects)), key=lambda number: effects[number].effect.plugin is not None)
        made = {number: self._box(number, *effects[number]) for number in order}
        self._boxes = [made[number] for number in range(len(effects))]

    def run(self, audio: Audio, frames: int) -> Audio:
        """Send audio through the chain.

        Args:
            audio: float32 [frames, 2].
            frames: how many come out: more than went in, where something rings on.

        Returns:
            float32 [frames, 2], with the latency that the effects report taken off.
        """
        late = sum(int(box.get_latency_samples()) for box in self._boxes if hasattr(box, "get_latency_samples"))
        padded = np.zeros((2, frames + late), np.float32)
        padded[:, : len(audio)] = audio.T
        source = self._desk.make_playback_processor("source", padded)
        before: str = "source"
        graph: list[tuple[Any, list[str]]] = [(source, [])]
        for box in self._boxes:
            graph.append((box, [before]))
            before = box.get_name()
        self._desk.load_graph(graph)
        self._desk.render((frames + late) / self._rate_hz)
        out = np.asarray(self._desk.get_audio(), np.float32)
        return np.ascontiguousarray(out[:2, late : late + frames].T)

    def _box(self, number: int, effect: Effect, applied: AppliedEffect) -> Any:
        name = f"effect{number}"
        if effect.plugin is not None:
            return self._plugin(name, effect, applied)
        box = self._desk.make_faust_processor(name)
        box.set_dsp_string(effect.source or "")
        try:
            compiled = bool(box.compile())
        except RuntimeError as error:
            raise refused(effect, f"its Faust source does not compile: {error}") from error
        if not compiled:
            raise refused(effect, "its Faust source does not compile")
        if (box.get_num_input_channels(), box.get_num_output_channels()) != (2, 2):
            raise refused(effect, "it is not stereo in and out")
        paths = {row["label"]: row["name"] for row in box.get_parameters_description()}
        for parameter, value in applied.parameters.items():
            box.set_parameter(paths[spelt(parameter, list(paths), effect)], value)
        return box

    def _plugin(self, name: str, effect: Effect, applied: AppliedEffect) -> Any:
        if effect.format is None or effect.plugin is None:
            raise refused(effect, "it has no format")
        settings = PluginSettings(plugin=effect.plugin, format=effect.format)
        asset = find_plugin(settings)
        if effect.sha256 is not None and asset.sha256 != effect.sha256:
            raise refused(effect, f"this host has another version of it (SHA-256 {asset.sha256[:12]})")
        found = locate_plugin(asset, settings)
        os.environ["LV2_PATH"] = os.pathsep.join(map(str, lv2_folders()))
        try:
            box = self._desk.make_plugin_processor(name, found.plugin)
        except RuntimeError as error:
            raise refused(effect, f"the plug-in cannot be loaded: {error}") from error
        indices = {row["name"]: row["index"] for row in box.get_parameters_description()}
        for parameter, value in applied.parameters.items():
            box.set_parameter(indices[spelt(parameter, list(indices), effect)], value)
        return box
