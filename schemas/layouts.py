"""Layouts by name: what is called how in a dataset, and which file of a song is written last."""

from __future__ import annotations

from typing import Final, Literal

LayoutName = Literal["slakh", "musicgen"]
#: File that is written last in the layout musicgen.
SAMPLE: Final = "sample.json"
#: Digits of a song's number there, at least.
_DIGITS: Final = 6


def song_name(layout: str, track: int) -> str:
    """Return the name of a song, and of its folder: `Track00001`, or its number counted from 0, `000000`."""
    return f"{track - 1:0{_DIGITS}d}" if layout == "musicgen" else f"Track{track:05d}"
