"""The layout of musicgen: folders by number, and a `sample.json`; the other files lie as in the layout slakh."""

from __future__ import annotations

from typing import ClassVar

from schemas.dataset import MUSICGEN_PATHS, TrackPaths
from schemas.musicgen import sample_text
from workers.publishing.layouts.base import Layout, TrackContents


class MusicgenLayout(Layout):
    """`000042/{sample.json, annotation.json, all_src.mid, all_stems.mid, mix.flac, MIDI/Sxx.mid, stems/Sxx.flac}`."""

    name: ClassVar[str] = "musicgen"
    paths: ClassVar[TrackPaths] = MUSICGEN_PATHS

    def _sign(self, contents: TrackContents) -> bytes:
        return sample_text(contents.annotation, split=contents.song.split).encode()
