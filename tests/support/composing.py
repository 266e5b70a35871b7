"""A genre that has something of everything, and songs that are composed from it."""

from __future__ import annotations

from typing import Any, Final

from schemas.base import canonical_json, content_hash
from schemas.compose import ComposePlan
from schemas.genre import Genre
from schemas.plan import DatasetPlan
from schemas.score import Score
from workers.composing.base import Brief
from workers.composing.draws import Draws
from workers.composing.genre import GenreComposer

#: Every field of a genre, said in the plainest way: several layers of each role, all meters, both kinds of key.
VALUES: Final[dict[str, Any]] = {
    "name": "all",
    "tempo_bpm": [80, 150],
    "swing": [0.5, 0.66],
    "meters": {"4/4": 0.4, "3/4": 0.1, "2/4": 0.1, "5/4": 0.1, "6/8": 0.1, "7/8": 0.1, "12/8": 0.1},
    "meter_change": 0.3,
    "keys": {"C": 1, "Bb": 1, "F#m": 1, "G#m": 1, "D dorian": 1, "A mixolydian": 1},
    "chord_types": {"maj": 0.4, "min": 0.3, "m7": 0.2, "dom7": 0.1, "maj7": 0.2, "sus4": 0.1},
    "inversions": {"root": 0.5, "first": 0.3, "second": 0.2},
    "harmonic_rhythm": {0.5: 0.2, 1: 0.5, 2: 0.3},
    "layers": {
        "beat": {"role": "beat", "programs": {0: 1, 8: 1}},
        "congas": {"role": "beat", "probability": 0.5},
        "melody": {"role": "melody", "programs": {73: 1, 40: 1}, "style": "lead"},
        "answers": {"role": "melody", "programs": {60: 1}, "style": "sparse", "key_range": [55, 76], "probability": 0.7},
        "harmony": {"role": "harmony", "programs": {0: 1, 24: 1}, "style": "block", "rhythms": ["x-x-x-x-", "x---", ".x.x.x.x"]},
        "strings": {"role": "harmony", "programs": {48: 1}, "probability": 0.6},
        "arpeggio": {"role": "harmony", "programs": {46: 1}, "style": "arpeggio", "key_range": [60, 84], "probability": 0.5},
        "guitar": {"role": "harmony", "programs": {25: 1}, "style": "strum", "probability": 0.5},
        "bassline": {"role": "bassline", "programs": {33: 1}, "style": "walking", "rhythms": ["x-x-"]},
    },
    "sections": {
        "intro": {"beat": 0.5, "melody": 0.4, "bassline": 0.6, "harmony": 0.8},
        "verse": {"beat": 0.9, "melody": 0.9, "bassline": 0.9, "harmony": 0.7},
        "chorus": {},
        "outro": {"beat": 0.7, "melody": 0.5, "bassline": 0.8, "harmony": 0.8},
    },
    "structures": {"intro-verse-chorus-verse-chorus-outro": 1, "verse-chorus-bridge-chorus": 1},
    "section_bars": {"intro": {4: 1}, "verse": {8: 1, 4: 1}, "chorus": {8: 1}, "bridge": {4: 1}, "outro": {4: 1, 2: 1}},
    "dynamics": {"intro": 0.8, "verse": 0.9, "chorus": 1.1, "bridge": 0.9, "outro": 0.85},
    "progressions": {
        "verse": ["I,V,vi,IV", "i,VI,III,VII", "ii7,V7,Imaj7"],
        "chorus": ["IV,V,I,vi", "iv,v,i,VI", "I,bVII,IV,I"],
        "bridge": ["vi,ii,V,I", "i,iv,viio,i"],
    },
    "patterns": {
        "4/4": {
            "verse": ["36+42, 42, 38+42!, 42.", "36, 42, 38!, 42, 36, 36, 38, 42."],
            "chorus": ["36+51, 51, 38+51, 51, 36+51, 51, 38+51!, 51"],
            "verse_roll": ["36+42, 38, 38, 38!, 50, 47, 45, 43"],
            "congas/verse": ["63., 64, 63, 64"],
        }
    },
}  # fmt: skip


def genre(**changes: Any) -> Genre:
    """Return the genre, with other values of some of its fields."""
    return Genre.model_validate({**VALUES, **changes})


def only(*layers: str, **specs: dict[str, Any]) -> dict[str, Any]:
    """Return the layers of these names, sounding in every song, with other values of some of them."""
    return {name: {**VALUES["layers"][name], "probability": 1.0, **specs.get(name, {})} for name in layers}


_made: Final[dict[tuple[str, str, int, int], Score]] = {}


def compose(data: Genre, number: int = 0, *, seed: int = 1, **asked: Any) -> Score:
    """Compose one song; a song that was composed before is taken from there."""
    key = (content_hash(data), canonical_json(asked), number, seed)
    if key not in _made:
        _made[key] = GenreComposer().compose(Brief(number, data, ComposePlan(**asked)), Draws(seed, number))
    return _made[key]


def songs(data: Genre, count: int, *, seed: int = 1, **asked: Any) -> list[Score]:
    """Compose the first songs of a genre."""
    return [compose(data, number, seed=seed, **asked) for number in range(count)]


def plan(data: Genre | None = None, *, seed: int = 1, **asked: Any) -> DatasetPlan:
    """Return a plan that composes."""
    return DatasetPlan(seed=seed, compose=ComposePlan(genres=[data or genre()], **asked))
