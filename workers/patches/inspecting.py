"""Looks at one plug-in by loading it; `python -m workers.patches.inspecting` is a process of its own for it.

It reads {"plugin": [format, plugin, binary, name, licence, is_instrument], "settings": PluginSettings} from its input and
prints one JSON object: what the plug-in is, or {"failed": message, "hint": hint}. A plug-in that takes the process with it
takes nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from schemas.errors import FarmError
from schemas.patch import PluginSettings
from workers.audio.levels import SOUND_FLOOR
from workers.engines.dawdreamer import locate_preset
from workers.engines.dawhost import PROBE_KEYS, PluginHost
from workers.engines.pluginmidi import probe_midi
from workers.engines.plugins import PluginFile

RATE_HZ: Final = 44100
#: Parameters that are told of; some formats add a thousand for MIDI's controllers.
_PARAMETERS: Final = 128
#: How long is listened when a plug-in that takes audio is asked whether it plays notes, too.
_LISTEN_S: Final = 0.5
#: Kilobytes, but on macOS bytes, of what `getrusage` counts.
_RSS_UNIT: Final = 1024 * 1024 if sys.platform == "darwin" else 1024


def inspect(found: PluginFile, settings: PluginSettings) -> dict[str, Any]:
    """Load a plug-in, ask it what it is, and let it play a few notes if it may be an instrument.

    Raises:
        FarmError: it cannot be loaded.
    """
    began = time.perf_counter()
    host = PluginHost(found, settings, locate_preset(settings), RATE_HZ)
    load_s = time.perf_counter() - began
    parameters = host.parameters
    facts: dict[str, Any] = {
        "inputs": host.channels[0],
        "outputs": host.channels[1],
        "parameters": len(parameters),
        "values": dict(list(parameters.items())[:_PARAMETERS]),
        "latency_frames": host.latency,
        "load_s": round(load_s, 3),
        "sounds": None,
        "silence": "",
    }
    if found.is_instrument is None and host.channels[0]:
        facts["sounds"] = _answers(host)
    elif found.is_instrument is not False:
        facts.update(_probed(host))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT
    return {**facts, "memory_mb": round(peak, 1)}


def _answers(host: PluginHost) -> bool:
    """Whether a plug-in that takes audio sounds with notes, and without them does not."""
    levels = []
    for keys in (PROBE_KEYS, ()):
        midi, seconds = probe_midi(keys)
        audio = host.play(midi, round((seconds + _LISTEN_S) * RATE_HZ))
        levels.append(float(np.abs(audio).max(initial=0.0)))
    return levels[1] <= SOUND_FLOOR < levels[0]


def _probed(host: PluginHost) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        host.wait_until_ready()
    except FarmError as error:
        return {"sounds": False, "silence": error.message}
    return {"sounds": True, "ready_s": round(time.perf_counter() - began, 3)}


def main() -> int:
    """Answer one request."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native code prints is no answer
    asked = json.load(sys.stdin)
    kind, plugin, binary, name, licence, is_instrument = asked["plugin"]
    found = PluginFile(kind, plugin, Path(binary), name, licence, is_instrument)
    try:
        answer = inspect(found, PluginSettings.model_validate(asked["settings"]))
    except FarmError as error:
        answer = {"failed": error.message, "hint": error.hint}
    replies.write(json.dumps(answer) + "\n")
    replies.flush()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # what a plug-in does when it is freed is nobody's business
