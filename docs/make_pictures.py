"""Draw the README's pictures from a finished dataset: the stems of a song, and a run in the terminal.

.venv/bin/pip install -c constraints.txt '.[bench]'
.venv/bin/python docs/make_pictures.py out/demo
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile
from rich.console import Console
from rich.text import Text

PICTURES = Path(__file__).parent / "pictures"
#: Columns of the drawn waveform; each shows the extremes of the samples it stands for.
COLUMNS = 1600


def draw_stems(track: Path, target: Path) -> None:
    """Draw every stem of a published song: waveform, notes above it, beats as lines."""
    annotation = json.loads((track / "annotation.json").read_text(encoding="utf-8"))
    stems = [stem for stem in annotation["stems"] if stem["audio"]]
    figure, axes = plt.subplots(
        len(stems) + 1, 1, figsize=(11, 1.05 * (len(stems) + 1)), sharex=True, layout="constrained"
    )
    for axis, stem in zip(axes, stems, strict=False):
        _wave(axis, track / stem["audio"], "#3b6ea8")
        _notes(axis, stem["notes"])
        axis.set_ylabel(f"{stem['name']}\n{stem['program_name']}", rotation=0, ha="right", va="center", fontsize=8)
    _wave(axes[-1], track / annotation["mix"]["audio"], "#444444")
    axes[-1].set_ylabel("mix", rotation=0, ha="right", va="center", fontsize=8)
    for time_s in annotation["downbeats_s"]:
        axes[-1].axvline(time_s, color="#c0392b", lw=0.6)
    axes[-1].set_xlabel("seconds; bars in red")
    figure.savefig(target, dpi=110)


def _wave(axis: plt.Axes, path: Path, colour: str) -> None:
    audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    hop = max(1, len(audio) // COLUMNS)
    blocks = audio[: len(audio) // hop * hop].reshape(-1, hop * audio.shape[1])
    times = np.arange(len(blocks)) * hop / rate_hz
    scale = max(float(np.abs(blocks).max()), 1e-9)
    axis.fill_between(times, blocks.min(axis=1) / scale, blocks.max(axis=1) / scale, color=colour, lw=0)
    axis.set(yticks=[], ylim=(-1.05, 1.75), xlim=(0, times[-1]))
    axis.spines[["top", "right", "left"]].set_visible(False)


def _notes(axis: plt.Axes, notes: dict[str, list[float]]) -> None:
    pitches = np.array(notes["pitch"], dtype=float)
    if not len(pitches):
        return
    spread = max(np.ptp(pitches), 1.0)
    heights = 1.15 + 0.5 * (pitches - pitches.min()) / spread
    axis.hlines(heights, notes["onset_s"], notes["offset_s"], color="#d98c1f", lw=1.4)


def draw_run(target: Path) -> None:
    """Draw what `farm run` and `farm verify` print about the demo songs, made anew."""
    console = Console(record=True, width=96, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "presets").symlink_to(Path(__file__).resolve().parents[1] / "presets")
        for command in (["run", "presets/demo", "--out", "out/demo"], ["verify", "out/demo"]):
            console.print(Text(f"$ farm {' '.join(command)}", style="bold green"))
            farm = [sys.executable, "-m", "farm", *command]
            done = subprocess.run(farm, capture_output=True, text=True, check=True, cwd=folder)
            console.print(Text(done.stdout.rstrip()))
    console.save_svg(str(target), title="farm", code_format=_SVG)


#: The frame of the picture, without the web fonts that rich's own would fetch.
_SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }} {styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>{chrome}<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""


def main() -> None:
    """Draw both pictures from the dataset named on the command line."""
    dataset = Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo")
    PICTURES.mkdir(exist_ok=True)
    draw_stems(min(dataset.glob("Track*")), PICTURES / "stems.png")
    draw_run(PICTURES / "run.svg")


if __name__ == "__main__":
    main()
