"""`python -P -m workers.specimens FOLDER --songs N`: writes songs into FOLDER, and what plays them beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workers.specimens.songs import CHANNELS, write_instruments, write_songs


def main(argv: list[str] | None = None) -> int:
    """Write songs and a soundfont."""
    parser = argparse.ArgumentParser(prog="python -m workers.specimens", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the songs go")
    parser.add_argument("--songs", type=int, required=True)
    parser.add_argument("--parts", type=int, default=8, choices=range(1, len(CHANNELS) + 1), metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--soundfont", type=Path, help="where the soundfont goes; left out, none is written")
    arguments = parser.parse_args(argv)
    write_songs(arguments.folder, songs=arguments.songs, parts=arguments.parts, seed=arguments.seed)
    if arguments.soundfont is not None:
        write_instruments(arguments.soundfont)
    return 0


if __name__ == "__main__":
    sys.exit(main())
