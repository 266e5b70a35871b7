"""What people use today for the same stems: the fluidsynth command under xargs, and pretty_midi in a pool."""

from __future__ import annotations

import importlib
import multiprocessing
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from schemas.patch import FluidSettings

COMMAND = "fluidsynth + xargs"
POOL = "pretty_midi pool"


@dataclass(frozen=True)
class Missing:
    """A contestant that cannot take part here: what it lacks, and the command that installs that."""

    name: str
    needs: str
    command: str


def missing() -> list[Missing]:
    """Return the contestants that are not installed."""
    system = {"darwin": "brew install fluid-synth", "linux": "sudo apt install --no-install-recommends fluidsynth"}
    by_hand = system.get(sys.platform, "the package `fluidsynth` of your system")
    absent = []
    if shutil.which("fluidsynth") is None:
        absent.append(Missing(COMMAND, "the fluidsynth command", by_hand))
    if not _imports("fluidsynth", "pretty_midi"):
        pip = "python -m pip install -c constraints.txt pyfluidsynth"
        absent.append(Missing(POOL, "pyfluidsynth, and a libfluidsynth of the system", f"{by_hand} && {pip}"))
    return absent


def _imports(*modules: str) -> bool:
    """Whether this Python can import all of them; asked in a process of its own, since they load native libraries."""
    command = [sys.executable, "-c", "import " + ", ".join(modules)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def fluidsynth_command(
    stems: list[Path], soundfont: Path, settings: FluidSettings, rate_hz: int, processes: int
) -> float:
    """Return the wall time of one `fluidsynth` per stem under `xargs -P`, seconds."""
    command = [
        *("xargs", "-0", "-P", str(processes), "-I{}", "fluidsynth", "-ni", "-q", "-T", "wav", "-O", "float"),
        *("-r", str(rate_hz), "-g", str(settings.gain), "-R", str(int(settings.reverb))),
        *("-C", str(int(settings.chorus)), "-F", "{}.wav", str(soundfont), "{}"),
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


def pretty_midi_pool(
    stems: list[Path], soundfont: Path, settings: FluidSettings, rate_hz: int, processes: int
) -> float:
    """Return the wall time of `PrettyMIDI.fluidsynth` in a process pool, seconds."""
    context = multiprocessing.get_context("spawn")
    began = time.perf_counter()
    with context.Pool(processes) as pool:
        pool.starmap(_pretty_midi, [(str(stem), str(soundfont), settings, rate_hz) for stem in stems], chunksize=1)
        pool.close()
        pool.join()
    return time.perf_counter() - began


def _pretty_midi(stem: str, soundfont: str, settings: FluidSettings, rate_hz: int) -> None:
    """Render one stem; left to itself pretty_midi would have reverb and chorus on."""
    import pretty_midi
    import soundfile

    fluidsynth = importlib.import_module("fluidsynth")  # pyfluidsynth, which ships no types

    effects = {"synth.reverb.active": int(settings.reverb), "synth.chorus.active": int(settings.chorus)}
    synth = fluidsynth.Synth(gain=settings.gain, samplerate=rate_hz, **effects)
    loaded = synth.sfload(soundfont)
    audio = pretty_midi.PrettyMIDI(stem).fluidsynth(synthesizer=synth, sfid=loaded)
    synth.delete()
    soundfile.write(stem + ".pm.wav", audio.astype("float32"), rate_hz, subtype="FLOAT")
    Path(stem + ".pm.wav").unlink()
