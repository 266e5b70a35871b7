"""The bare synthesiser: C calls of libfluidsynth alone, one warm synth per core, nothing measured, mixed or written.

This is the floor under every figure of the farm. Each process loads the soundfont and turns every stem into a list of
(frame, C function, arguments) first; only the calls themselves are timed, from a common start to the last stem's end.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path

from schemas.patch import DRUM_BANK, FluidSettings
from workers.engines.fluidlib import FluidLibrary, load_library
from workers.engines.fluidsynth import new_settings
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap

GRID = 64
#: When, which C function, and its arguments after the synthesiser.
Call = tuple[int, Callable[..., int] | None, tuple[int, ...]]
#: Frames of one write call at most: the buffer stays in the second-level cache.
CHUNK = 16384
#: A run is given up after this, seconds.
_LONGEST_S = 3600


@dataclass(frozen=True)
class BareStem:
    """A stem's MIDI file, its preset, and how many frames to render."""

    midi: Path
    bank: int
    program: int
    frames: int


def measure(
    stems: list[BareStem], soundfont: Path, settings: FluidSettings, rate_hz: int, processes: int
) -> tuple[float, float]:
    """Return wall time and CPU time in which `processes` warm synthesisers render all stems, seconds."""
    shares = _share(stems, processes)
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(processes + 1)
    end = context.Barrier(processes + 1)
    cpu_s = context.Value("d", 0.0)
    workers = [
        context.Process(target=_work, args=(share, soundfont, settings, rate_hz, start, end, cpu_s), daemon=True)
        for share in shares
    ]
    for worker in workers:
        worker.start()
    start.wait(120)
    began = time.perf_counter()
    end.wait(_LONGEST_S)
    wall = time.perf_counter() - began
    for worker in workers:
        worker.join()
    return wall, float(cpu_s.value)


def _share(stems: list[BareStem], processes: int) -> list[list[BareStem]]:
    """Deal stems so that every process gets about the same bytes of MIDI, a fair guess of its work."""
    shares: list[list[BareStem]] = [[] for _ in range(processes)]
    loads = [0] * processes
    for stem in sorted(stems, key=lambda item: -item.midi.stat().st_size):
        lightest = loads.index(min(loads))
        shares[lightest].append(stem)
        loads[lightest] += stem.midi.stat().st_size + stem.frames // 256
    return shares


def _work(
    stems: list[BareStem],
    soundfont: Path,
    settings: FluidSettings,
    rate_hz: int,
    start: Barrier,
    end: Barrier,
    cpu_s: Synchronized[float],
) -> None:
    library = load_library()
    options = new_settings(library, settings, rate_hz)
    keeper = library.new_fluid_synth(options)
    font = library.fluid_synth_get_sfont_by_id(keeper, library.fluid_synth_sfload(keeper, str(soundfont).encode(), 0))
    prepared = [(stem, _calls(library, stem, rate_hz)) for stem in stems]
    buffer = (ctypes.c_float * (2 * CHUNK))()
    start.wait(120)
    began = time.process_time()
    for stem, calls in prepared:
        _render(library, options, font, stem, calls, buffer)
    with cpu_s.get_lock():
        cpu_s.value += time.process_time() - began
    end.wait(_LONGEST_S)


def _calls(library: FluidLibrary, stem: BareStem, rate_hz: int) -> list[Call]:
    midi = read_midi(stem.midi.read_bytes())
    events = midi.events
    frames = (TempoMap.from_midi(midi).seconds(events["tick"]) * rate_hz / GRID).round().astype(int) * GRID
    calls: list[Call] = []
    for frame, status, d1, d2 in zip(
        frames.tolist(), events["status"].tolist(), events["d1"].tolist(), events["d2"].tolist(), strict=True
    ):
        channel, kind = status & 0x0F, status >> 4
        if kind == 9 and d2:
            calls.append((frame, library.fluid_synth_noteon, (channel, d1, d2)))
        elif kind in (8, 9):
            calls.append((frame, library.fluid_synth_noteoff, (channel, d1)))
        elif kind == 11 and d1 not in (0, 32):
            calls.append((frame, library.fluid_synth_cc, (channel, d1, d2)))
        elif kind == 14:
            calls.append((frame, library.fluid_synth_pitch_bend, (channel, d1 | d2 << 7)))
        elif kind == 13:
            calls.append((frame, library.fluid_synth_channel_pressure, (channel, d1)))
    return calls


def _render(
    library: FluidLibrary,
    options: int,
    font: int,
    stem: BareStem,
    calls: list[Call],
    buffer: ctypes.Array[ctypes.c_float],
) -> None:
    synth = library.new_fluid_synth(options)
    number = library.fluid_synth_add_sfont(synth, font)
    channel = 9 if stem.bank == DRUM_BANK else 0
    if library.fluid_synth_program_select(synth, channel, number, stem.bank, stem.program) != 0:
        bank, program = (DRUM_BANK, 0) if stem.bank == DRUM_BANK else (0, stem.program)
        library.fluid_synth_program_select(synth, channel, number, bank, program)
    write, position = library.fluid_synth_write_float, 0
    for frame, function, arguments in [*calls, (stem.frames, None, ())]:
        while position < min(frame, stem.frames):
            step = min(CHUNK, frame - position)
            write(synth, step, buffer, 0, 2, buffer, 1, 2)
            position += step
        if function is not None:
            function(synth, *arguments)
    library.fluid_synth_remove_sfont(synth, font)
    library.delete_fluid_synth(synth)
