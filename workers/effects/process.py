"""The effects process: `python -m workers.effects.process`, driven by `workers.effects.client`.

It reads orders from standard input, one JSON object a line, and answers each on standard output; what native code prints goes
to standard error.

    -> {"stem": path, "part": path, "effects": [[Effect, AppliedEffect], ...], "tail_max_s": s}
    <- {"event": "done", "measured": StemMeasurement, "data_hash": h, "processor": name and version}
    <- {"event": "failed", "cause": FailureReason, "message": text, "hint": text}
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable
from functools import cache
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
from workers.effects.denormals import flushed
from workers.effects.libfaust import streams
from workers.effects.stream import BLOCK_FRAMES, Stream
from workers.engines.faustvoice import engine_version, load_dawdreamer
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
    tail_max_s = float(order["tail_max_s"])
    with (
        StemReader(Path(order["stem"])) as reader,
        Recorder(Path(order["part"]), rate_hz=reader.rate_hz, channels=reader.channels) as recorder,
    ):
        if any(chosen.effect.plugin for chosen in effects) or not streams():
            _in_one_piece(Chain(effects, reader.rate_hz), reader, recorder, tail_max_s)
        else:
            with Stream(effects, reader.rate_hz) as stream, flushed():
                _block_by_block(stream, reader, recorder, tail_max_s)
        return recorder.finish()


def _block_by_block(stream: Stream, reader: StemReader, recorder: Recorder, tail_max_s: float) -> None:
    """Send a stem through a chain that keeps its state, and then silence until what rings on has ended.

    Where the stem is silent and the chain has come to rest, neither is computed until there is sound again.
    """
    gain, peak, quiet = line_gain(reader), 0.0, 0
    block = np.empty((BLOCK_FRAMES, 2), np.float32)
    for start in range(0, reader.frames, BLOCK_FRAMES):
        samples = block[: min(BLOCK_FRAMES, reader.frames - start)]
        sounds = read_stereo(reader, start, samples)
        if not sounds and quiet > stream.longest_pause_s * reader.rate_hz:
            recorder.silence(len(samples))
            continue
        np.multiply(samples, gain, out=samples)
        wet = stream.run(samples)
        loudest = max(float(wet.max()), -float(wet.min()))
        peak = max(peak, loudest)
        quiet = 0 if sounds or loudest > SOUND_FLOOR else quiet + len(samples)
        recorder.write(in_channels(wet, reader.channels))
    tail: list[Audio] = [np.zeros((0, 2), np.float32)]

    def ring(wanted: int) -> Audio:
        for start in range(sum(map(len, tail)), wanted, BLOCK_FRAMES):
            samples = block[: min(BLOCK_FRAMES, wanted - start)]
            samples[:] = 0.0
            tail.append(stream.run(samples).copy())
        return np.concatenate(tail)

    rings = until_it_ends(ring, reader, peak, tail_max_s)
    recorder.write(in_channels(rings, reader.channels))


def _in_one_piece(chain: Chain, reader: StemReader, recorder: Recorder, tail_max_s: float) -> None:
    """Send a stem through a chain that begins anew at every run, with more and more time to ring on."""
    audio = np.empty((reader.frames, 2), np.float32)
    read_stereo(reader, 0, audio)
    audio *= line_gain(reader)
    wet = audio

    def ring(wanted: int) -> Audio:
        nonlocal wet
        wet = chain.run(audio, reader.frames + wanted)
        return wet[reader.frames :]

    rings = until_it_ends(ring, reader, float(np.abs(audio).max(initial=0.0)), tail_max_s)
    recorder.write(in_channels(wet[: reader.frames + len(rings)], reader.channels))


def until_it_ends(ring: Callable[[int], Audio], reader: StemReader, peak: float, tail_max_s: float) -> Audio:
    """Return what rings on behind a stem, as long as it is heard and at most `tail_max_s`.

    Args:
        ring: returns at least so many frames of it, float32 [frames, 2].
        reader: of the stem.
        peak: of the stem, linear.
        tail_max_s: longest time.
    """
    tail_s = min(_TAIL_S, tail_max_s)
    while True:
        wanted = on_grid(reader.frames + tail_s * reader.rate_hz) - reader.frames
        rings = ring(wanted)
        end = ring_end(rings, max(peak, float(np.abs(rings).max(initial=0.0))))
        if end < wanted - reader.rate_hz // 10 or tail_s >= tail_max_s:
            return rings[: min(wanted, on_grid(reader.frames + end) - reader.frames)]
        tail_s = min(2 * tail_s, tail_max_s)


def ring_end(rings: Audio, peak: float) -> int:
    """Return behind which frame of what rings on nothing is heard any more, all of the stem having this peak."""
    loudest = np.maximum(np.abs(rings[:, 0]), np.abs(rings[:, 1]))
    loud = np.flatnonzero(loudest > max(SOUND_FLOOR, _ENDED_SHARE * peak))
    return int(loud[-1]) + 1 if len(loud) else 0


def read_stereo(reader: StemReader, start: int, out: Audio) -> bool:
    """Fill float32 [frames, 2] from frame `start` of a stem, mono on both sides; returns whether it may sound there."""
    if reader.channels == 2:
        return reader.read(start, len(out), out)
    mono = np.empty((len(out), 1), np.float32)
    sounds = reader.read(start, len(out), mono)
    out[:] = mono
    return sounds


def in_channels(wet: Audio, channels: int) -> Audio:
    """Return stereo in the channels of its stem: in mono the mean of both sides."""
    return wet if channels == 2 else np.ascontiguousarray(wet.mean(axis=1, dtype=np.float32, keepdims=True))


def line_gain(reader: StemReader) -> np.float32:
    """Return the factor that brings a stem to `LINE_LUFS`, so that thresholds mean the same for all."""
    loudness = integrated_loudness(reader.hop_power)
    return np.float32(1.0 if loudness is None else 10.0 ** ((LINE_LUFS - loudness) / 20.0))


def on_grid(frames: float) -> int:
    """Round up to the multiple of 64 that raw stems are long."""
    return math.ceil(frames / _GRID_FRAMES) * _GRID_FRAMES


def answer(line: bytes) -> dict[str, Any]:
    """Do one order; whatever goes wrong is answered, and only a crash is not."""
    try:
        processor = _processor()  # first, since libfaust may fail behind a plug-in
        made = process(json.loads(line))
    except FarmError as error:
        return {"event": "failed", "cause": _cause(error), "message": error.message, "hint": error.hint}
    except MemoryError:
        return {
            "event": "failed", "cause": "out_of_memory", "message": "the effects process ran out of memory", "hint": "",
        }  # fmt: skip
    except Exception as error:  # noqa: BLE001  the process boundary: the parent must learn of everything
        return {"event": "failed", "cause": "engine_failed", "message": f"{type(error).__name__}: {error}", "hint": ""}
    return {
        "event": "done", "measured": made.measured.model_dump(mode="json"), "data_hash": made.data_hash,
        "processor": processor,
    }  # fmt: skip


@cache
def _processor() -> str:
    return f"DawDreamer {engine_version(load_dawdreamer())}"


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
