"""Write a genre into a folder of its own, as a person goes on with it: every field with what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from farm.planning.genrefiles import CHAIN_FILES, GENRE_FILE, METER_WORDS, PROGRESSIONS_FILE
from schemas.errors import OutputError
from schemas.genre import Genre, Matrix

#: What the fields of `genre.yaml` mean, in the order in which they are written and asked for.
ABOUT: Final = {
    "description": "In one sentence",
    "tempo_bpm": "Slowest and fastest tempo",
    "tempos": "Ranges of tempos to draw from, by weight; {} for all alike",
    "swing": "Where the off-beat lies in its beat: 0.5 is straight, 0.66 a shuffle; least and most",
    "swings": "Values about which songs lie, by weight; {} for all alike",
    "meters": "Meters, by weight",
    "meter_change": "How likely a section has another meter than the song",
    "keys": "Keys, by weight: C, F#m, D dorian",
    "chord_types": "Types of chords, by weight",
    "chord_filter": "Only these types; null for all",
    "inversions": "Inversions, by weight",
    "harmonic_rhythm": "Chords in a bar, by weight: 0.5 is one for two bars",
    "chain": "How likely a section's chords are of the chain, where there are progressions too",
    "layers": "Who plays: role, probability, General MIDI programs by weight, tags of soundfonts, style, rhythms, keys",
    "sections": "How likely each layer plays in each section",
    "structures": "Orders of the sections, by weight",
    "section_bars": "Bars of each section, by weight",
    "dynamics": "Loudness of each section: a factor",
    "rests": "Share of the melody's notes that rest",
    "humanise_ms": "How far notes lie beside the beat at most, milliseconds",
    "velocity": "Softest and loudest note",
    "variation": "How much of a repeated section differs",
    "effects": "Factors of how likely each effect is",
}


def write_genre(genre: Genre, folder: Path) -> list[Path]:
    """Write a genre into a new folder; returns its files.

    Raises:
        OutputError: there is something in the folder, or it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is there already", hint="Choose another --out, or remove it")
    texts = dict(_texts(genre))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}", hint="Choose another --out") from error
    return [folder / name for name in texts]


def _texts(genre: Genre) -> Mapping[str, str]:
    fields = [f"\n# {about}.\n{shown(field, genre)}\n" for field, about in ABOUT.items()]
    texts = {GENRE_FILE: "".join([f"name: {genre.name}\n", *fields])}
    for field, names in CHAIN_FILES.items():
        matrix = getattr(genre, field)
        if isinstance(matrix, Matrix):
            texts[names[0]] = _chain(matrix)
    if genre.progressions:
        texts[PROGRESSIONS_FILE] = _lines("section: one Roman numeral for each chord", genre.progressions)
    for word, meter in METER_WORDS.items():
        if meter in genre.patterns:
            about = f"{meter}, section: General MIDI drums that divide the bar evenly; `!` accents, `.` is a ghost note"
            texts |= _pattern_files(word, about, genre.patterns[meter])
    return texts


def shown(field: str, genre: Genre) -> str:
    """Return a field of a genre as YAML, inner tables and lists in one line, without the empty fields of layers."""
    value = _plain(genre.model_dump()[field])
    style = None if isinstance(value, dict | list) else False
    return yaml.safe_dump(
        {field: value}, default_flow_style=style, sort_keys=False, allow_unicode=True, width=118
    ).strip()


def _plain(value: Any) -> Any:
    """Return a value in lists and tables, whole numbers without a fraction, and empty values of tables left out."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner not in (None, "", [])}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _chain(matrix: Matrix) -> str:
    rows = ",\n".join(
        f"    {json.dumps(key, ensure_ascii=False)}: {_row(row)}" for key, row in matrix.transitions.items()
    )
    begin = f'{{\n  "order": {matrix.order},\n  "init_probs": {_row(matrix.init_probs)},\n'
    return f'{begin}  "transitions": {{\n{rows}\n  }}\n}}\n'


def _row(row: Mapping[str, float]) -> str:
    return json.dumps(dict(row), ensure_ascii=False)


def _pattern_files(word: str, about: str, table: Mapping[str, list[str]]) -> dict[str, str]:
    layers: dict[str, dict[str, list[str]]] = {}
    for key, lines in table.items():
        layer, _, section = key.rpartition("/")
        layers.setdefault(layer, {})[section] = lines
    return {
        f"patterns_{word}{'_' + layer if layer else ''}.txt": _lines(about, found)
        for layer, found in sorted(layers.items())
    }


def _lines(about: str, table: Mapping[str, list[str]]) -> str:
    return "".join([f"# {about}.\n", *(f"{section}: {line}\n" for section, lines in table.items() for line in lines)])
