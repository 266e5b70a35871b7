"""The good songs of a trial: composed, hand-made, or the mixes of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from schemas.dataset import DATASET, MANIFEST, TrackRecord
from schemas.errors import DatasetError, NoDatasetError
from schemas.evaluation import EvalOrder
from schemas.score import Layer, Score
from workers.annotating.scored import float_blocks
from workers.audio.files import read_info
from workers.composing.smf import to_midi
from workers.composing.song import composed
from workers.evaluating.faults import Audio
from workers.evaluating.songs import Player

RATE_HZ: Final = 44100
#: No more of a song is looked at, seconds.
LONGEST_S: Final = 30.0
#: Programs of General MIDI that are much alike stand in groups of so many.
_FAMILY: Final = 8


class Good(NamedTuple):
    """A good song."""

    name: str
    genre: str
    audio: Audio
    rate_hz: int
    midi: bytes | None = None  #: None where only its audio is known
    score: Score | None = None


def good_songs(order: EvalOrder, player: Player | None) -> Iterator[Good]:
    """Yield the songs of a trial.

    Raises:
        DatasetError: a dataset has no mix, or it cannot be read.
        MidiError: a file is no song.
    """
    if order.folder is not None:
        yield from _published(Path(order.folder), order.songs)
        return
    if player is None or order.plan is None:
        return
    for path in map(Path, order.midi[: order.songs]):
        yield _played(player, path.stem, "hand-made", path.read_bytes(), None)
    for number in range(max(0, order.songs - len(order.midi))):
        song = composed(order.plan, number)
        yield _played(player, f"song {number}", "+".join(song.score.genres), song.midi, song.score)


def _played(player: Player, name: str, genre: str, midi: bytes, score: Score | None) -> Good:
    audio = player.play(midi, rate_hz=RATE_HZ)[: round(LONGEST_S * RATE_HZ)]
    return Good(name, genre, audio, RATE_HZ, midi, score)


def _published(folder: Path, most: int) -> Iterator[Good]:
    """Yield the mixes of a dataset, those first whose hashes come first."""
    if not (folder / DATASET).is_file():
        raise NoDatasetError(f"{folder} is no finished dataset: there is no {DATASET}", hint="Name what --out named")
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    records = [TrackRecord.model_validate_json(line) for line in lines]
    records.sort(key=lambda record: hashlib.sha256(record.track.encode()).hexdigest())
    for record in records[:most]:
        mix = next((file.path for file in record.files if Path(file.path).stem == "mix"), None)
        if mix is None:
            raise DatasetError(
                f"{record.track} of {folder} has no mix", hint="Name a dataset whose mixes are published"
            )
        path = folder / record.folder / mix
        rate_hz = read_info(path).rate_hz
        audio = np.concatenate(list(float_blocks(path)))[: round(LONGEST_S * rate_hz)]
        yield Good(record.track, "dataset", audio, rate_hz)


def other_programs(score: Score, way: int) -> bytes:
    """Return a song for other instruments of the same kinds."""
    return to_midi(score.model_copy(update={"layers": [_other(layer, way) for layer in score.layers]}))


def _other(layer: Layer, way: int) -> Layer:
    first = layer.program - layer.program % _FAMILY
    program = layer.program if layer.is_drum else first + (layer.program - first + way) % _FAMILY
    return layer.model_copy(update={"program": program})
