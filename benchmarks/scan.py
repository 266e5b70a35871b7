"""How long a large corpus takes to read and plan: `farm run --limit 1` over copies of real songs with changed content.

python -m benchmarks.scan --files 10000
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.songs import SONGS


def main() -> int:
    """Make the corpus, run, and print the wall time of everything, the rendering of one song included."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan", description=__doc__)
    parser.add_argument("--songs", type=Path, default=SONGS)
    parser.add_argument("--files", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="farm-scan-") as folder:
        corpus, out = Path(folder, "corpus"), Path(folder, "out")
        size = make_corpus(corpus, arguments.songs, arguments.files)
        began = time.perf_counter()
        command = [sys.executable, "-m", "farm", "run", str(corpus), "--out", str(out), "--limit", "1", "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        wall = time.perf_counter() - began
    rejected = json.loads(done.stdout)["rejected"]
    sys.stdout.write(
        f"{arguments.files} files of {size / arguments.files / 1000:.0f} KB read, planned and one song of them published "
        f"in {wall:.1f} s; {rejected}\n"
    )
    return 0


def make_corpus(folder: Path, songs: Path, count: int) -> int:
    """Write `count` copies, each with a chunk of its own that no reader knows (RP-001: alien chunks are skipped)."""
    originals = [path.read_bytes() for path in sorted(songs.glob("*.mid"))]
    size = 0
    for number, data in zip(range(count), itertools.cycle(originals), strict=False):
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        note = f"copy {number}".encode()
        size += path.write_bytes(data + b"XCpy" + len(note).to_bytes(4, "big") + note)
    return size


if __name__ == "__main__":
    sys.exit(main())
