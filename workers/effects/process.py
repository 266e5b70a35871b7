"""The effects process: `python -m workers.effects.process`, driven by `workers.effects.client`.

It reads orders from standard input, one JSON object a line, and answers each on standard output; what native code prints goes
to standard error.

    -> {"stem": path, "part": path, "effects": [[Effect, AppliedEffect], ...], "tail_max_s": s}
    <- {"event": "done", "measured": StemMeasurement, "data_hash": h}
    <- {"event": "failed", "cause": FailureReason, "message": text, "hint": text}
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from schemas.effects import LINE_LUFS, AppliedEffect, ChosenEffect, Effect
from schemas.errors import AssetError, EngineError, FarmError, MissingDependencyError
from schemas.states import FailureReason
from workers.audio.levels import SOUND_FLOOR
from workers.audio.meter import integrated_loudness
from workers.audio.recorder import Recorder, Recording
from workers.audio.stemfile import StemReader
from workers.effects.chain import Audio, Chain
from workers.engines.process import die_with_parent, private_channels

#: How long what rings on is listened for at first, seconds; twice as long each time it still sounds.
_TAIL_S: Final = 4.0
#: Below this (-80 dB relative to the loudest sample) the ringing has ended.
_ENDED_SHARE: Final = 1e-4
#: Raw stems are multiples of this long.
_GRID_FRAMES: Final = 64


def process(order: dict[str, Any]) -> Recording:
    """Send one stem through its effects, and write it as a stem of its own.

    Raises:
        FarmError: it cannot be done; the message says why.
    """
    effects = [
        ChosenEffect(Effect.model_validate(effect), AppliedEffect.model_validate(applied))
        for effect, applied in order["effects"]
    ]
    with StemReader(Path(order["stem"])) as reader:
        rate_hz, channels = reader.rate_hz, reader.channels
        audio = _stereo(reader)
        audio *= _line_gain(reader)
    wet = _until_it_ends(Chain(effects, rate_hz), audio, rate_hz, float(order["tail_max_s"]))
    if channels == 1:
        wet = np.ascontiguousarray(wet.mean(axis=1, dtype=np.float32, keepdims=True))
    with Recorder(Path(order["part"]), rate_hz=rate_hz, channels=channels) as recorder:
        for start, stop, sounds in _stretches(wet):
            recorder.write(wet[start:stop]) if sounds else recorder.silence(stop - start)
        return recorder.finish()


def _stereo(reader: StemReader) -> Audio:
    """Return a stem as float32 [frames, 2]."""
    audio = np.zeros((reader.frames, 2), np.float32)
    for first, samples in reader.stretches():
        audio[first : first + len(samples)] = samples
    return audio


def _line_gain(reader: StemReader) -> np.float32:
    """Return the factor that brings a stem to `LINE_LUFS`, so that thresholds mean the same for all."""
    loudness = integrated_loudness(reader.hop_power)
    return np.float32(1.0 if loudness is None else 10.0 ** ((LINE_LUFS - loudness) / 20.0))


def _until_it_ends(chain: Chain, audio: Audio, rate_hz: int, tail_max_s: float) -> Audio:
    """Run a chain until what rings on has ended, or `tail_max_s` have passed; the length is a multiple of 64 frames."""
    tail_s = min(_TAIL_S, tail_max_s)
    while True:
        frames = _on_grid(len(audio) + tail_s * rate_hz)
        wet = chain.run(audio, frames)
        peak = np.maximum(np.abs(wet[:, 0]), np.abs(wet[:, 1]))
        loud = np.flatnonzero(peak > max(SOUND_FLOOR, _ENDED_SHARE * float(peak.max(initial=0.0))))
        end = max(len(audio), int(loud[-1]) + 1 if len(loud) else 0)
        if end < frames - rate_hz // 10 or tail_s >= tail_max_s:
            return wet[: min(frames, _on_grid(end))]
        tail_s = min(2 * tail_s, tail_max_s)


def _on_grid(frames: float) -> int:
    return math.ceil(frames / _GRID_FRAMES) * _GRID_FRAMES


def _stretches(audio: Audio) -> list[tuple[int, int, bool]]:
    """Return (start, stop, whether it sounds) of stretches of a second or so, so that silence stays exact silence."""
    step = 1 << 15
    return [
        (start, min(start + step, len(audio)), bool(np.any(audio[start : start + step])))
        for start in range(0, len(audio), step)
    ]


def answer(line: bytes) -> dict[str, Any]:
    """Do one order; whatever goes wrong is answered, and only a crash is not."""
    try:
        made = process(json.loads(line))
    except FarmError as error:
        return {"event": "failed", "cause": _cause(error), "message": error.message, "hint": error.hint}
    except MemoryError:
        return {
            "event": "failed", "cause": "out_of_memory", "message": "the effects process ran out of memory", "hint": "",
        }  # fmt: skip
    except Exception as error:  # noqa: BLE001  the process boundary: the parent must learn of everything
        return {"event": "failed", "cause": "engine_failed", "message": f"{type(error).__name__}: {error}", "hint": ""}
    return {"event": "done", "measured": made.measured.model_dump(mode="json"), "data_hash": made.data_hash}


def _cause(error: FarmError) -> str:
    if isinstance(error, EngineError):
        return str(error.cause)
    missing = isinstance(error, AssetError | MissingDependencyError)
    return (FailureReason.MISSING_ASSET if missing else FailureReason.ENGINE_FAILED).value


def main() -> int:
    """Answer orders until standard input is closed."""
    parser = argparse.ArgumentParser(prog="python -m workers.effects.process", description=__doc__)
    parser.add_argument("--parent", type=int, required=True, help="process whose end ends this one")
    die_with_parent(parser.parse_args().parent)
    orders, replies = private_channels()
    for line in orders:
        replies.write(json.dumps(answer(line)).encode() + b"\n")
        replies.flush()
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # no time is spent on freeing what ends with the process
