"""What people use today for the same stems: the fluidsynth command under xargs, and pretty_midi in a pool."""

from __future__ import annotations

import importlib.util
import multiprocessing
import shutil
import subprocess
import time
from pathlib import Path

from schemas.patch import FluidSettings


def fluidsynth_command(
    stems: list[Path], soundfont: Path, settings: FluidSettings, rate_hz: int, processes: int
) -> float | None:
    """Return the wall time of one `fluidsynth` per stem under `xargs -P`, seconds; None where it is not installed."""
    binary = shutil.which("fluidsynth")
    if binary is None:
        return None
    command = [
        *("xargs", "-0", "-P", str(processes), "-I{}", binary, "-ni", "-q", "-T", "wav", "-O", "float"),
        *(
            "-r",
            str(rate_hz),
            "-g",
            str(settings.gain),
            "-R",
            str(int(settings.reverb)),
            "-C",
            str(int(settings.chorus)),
        ),
        *("-F", "{}.wav", str(soundfont), "{}"),
    ]
    began = time.perf_counter()
    subprocess.run(
        command,
        input="\0".join(map(str, stems)).encode(),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - began
    for stem in stems:
        Path(f"{stem}.wav").unlink()
    return wall


def pretty_midi_pool(stems: list[Path], soundfont: Path, rate_hz: int, processes: int) -> float | None:
    """Return the wall time of `PrettyMIDI.fluidsynth` in a process pool, seconds; None without pyfluidsynth."""
    if importlib.util.find_spec("fluidsynth") is None or shutil.which("fluidsynth") is None:
        return None
    context = multiprocessing.get_context("spawn")
    began = time.perf_counter()
    with context.Pool(processes) as pool:
        pool.starmap(_pretty_midi, [(str(stem), str(soundfont), rate_hz) for stem in stems], chunksize=1)
    return time.perf_counter() - began


def _pretty_midi(stem: str, soundfont: str, rate_hz: int) -> None:
    import pretty_midi
    import soundfile

    audio = pretty_midi.PrettyMIDI(stem).fluidsynth(fs=rate_hz, sf2_path=soundfont)
    soundfile.write(stem + ".pm.wav", audio.astype("float32"), rate_hz, subtype="FLOAT")
    Path(stem + ".pm.wav").unlink()
