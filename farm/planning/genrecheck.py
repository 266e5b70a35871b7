"""What is wrong with a genre that a person wrote, and what of it can never be heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from farm.planning.genrefiles import genre_errors, genre_values
from farm.planning.genrefill import complete, says
from schemas.errors import PlanError
from schemas.genre import MINOR_MODES, Genre, LayerSpec, Matrix, key_mode, progression_modes, tempo_bucket
from schemas.score import PPQ

_ROLL = "_roll"


@dataclass(frozen=True, slots=True)
class GenreCheck:
    """The findings about a genre: with errors it cannot be used; notes say what of it has no effect."""

    name: str
    errors: list[str]
    notes: list[str]

    @property
    def usable(self) -> bool:
        """Whether songs can be composed of it."""
        return not self.errors


def check_genre(path: Path) -> GenreCheck:
    """Read a genre and say all that is wrong with it."""
    try:
        values = genre_values(path)
        genre = Genre.model_validate(values)
        whole = complete(genre)
    except ValidationError as error:
        return GenreCheck(path.stem, genre_errors(error, path), [])
    except PlanError as error:
        return GenreCheck(path.stem, [str(error)], [])
    return GenreCheck(genre.name, [], list(_notes(genre, whole)))


def _notes(genre: Genre, whole: Genre) -> Iterator[str]:
    yield from _patterns(genre, whole)
    yield from _rhythms(genre, whole)
    yield from _names(genre, whole)
    yield from _chords(genre, whole)
    low, high = whole.tempo_bpm
    for word in genre.tempos:
        bucket = tempo_bucket(word)
        if bucket[1] < low or bucket[0] > high:
            yield f"tempos: {word} lies outside of tempo_bpm ({low:g} to {high:g})"


def _patterns(genre: Genre, whole: Genre) -> Iterator[str]:
    for meter, table in genre.patterns.items():
        if not genre.meters.get(meter, 0) and says(genre, "meters"):
            yield f"patterns: {meter} is no meter of the genre; its patterns are never played"
        numerator, ticks = _bar(meter)
        for section, line in [(section, line) for section, lines in table.items() for line in lines]:
            entries = len(line.split(","))
            if entries % numerator or ticks % entries:
                yield (
                    f"patterns: {meter} {section}: a bar cannot be divided into {entries}, a multiple of {numerator} is "
                    f"needed; `{line}` is never played"
                )
    for meter in sorted(set(whole.meters) - set(genre.patterns)):
        if says(genre, "patterns") and whole.meters[meter] > 0:
            yield f"patterns: there are none in {meter}; the farm's own are played"


def _bar(meter: str) -> tuple[int, int]:
    """Return the numerator of a meter and the ticks of its bar."""
    numerator, denominator = map(int, meter.split("/"))
    return numerator, PPQ * 4 * numerator // denominator


def _rhythms(genre: Genre, whole: Genre) -> Iterator[str]:
    for name, spec in genre.layers.items():
        for rhythm in spec.rhythms:
            meter, _, strikes = rhythm.rpartition(" ")
            if meter and not whole.meters.get(meter, 0):
                yield f"layers.{name}.rhythms: {meter} is no meter of the genre; `{rhythm}` is never played"
            elif meter and _bar(meter)[1] % len(strikes):
                yield f"layers.{name}.rhythms: a bar of {meter} cannot be divided into {len(strikes)}: `{rhythm}`"
        if spec.rhythms and not _uses_rhythms(spec):
            yield f"layers.{name}.rhythms: a {spec.role} layer in the style {spec.style or 'patterns'} does without"


def _uses_rhythms(spec: LayerSpec) -> bool:
    return spec.role != "beat" and spec.style != "walking"


def _names(genre: Genre, whole: Genre) -> Iterator[str]:
    sections = {name for structure in whole.structures for name in structure.split("-")}
    for field in ("sections", "section_bars", "dynamics", "progressions"):
        for name in sorted(set(getattr(genre, field)) - sections):
            yield f"{field}: {name} stands in no structure"
    drums = {name.rpartition("/")[2].removesuffix(_ROLL) for table in genre.patterns.values() for name in table}
    for name in sorted(drums - sections):
        yield f"patterns: {name} stands in no structure"
    layers = set(whole.layers) | {spec.role for spec in whole.layers.values()}
    for section, table in genre.sections.items():
        for name in sorted(set(table) - layers):
            yield f"sections.{section}: there is no layer {name}"


def _chords(genre: Genre, whole: Genre) -> Iterator[str]:
    modes = {"minor" if key_mode(key) in MINOR_MODES else "major" for key, weight in whole.keys.items() if weight > 0}
    for section, lines in genre.progressions.items():
        for line in lines:
            of = progression_modes(line)
            if of and not of & modes:
                yield f"progressions.{section}: no key of the genre is {' or '.join(sorted(of))}: `{line}` is never played"
            if len(of) > 1:
                yield f"progressions.{section}: `{line}` has I and i; it is never played"
    for field in ("chord_matrix", "minor_chord_matrix", "melody_matrix"):
        matrix = getattr(genre, field)
        if isinstance(matrix, Matrix):
            missing = sorted(symbol for symbol in matrix.symbols if symbol not in matrix.transitions)
            if missing:
                yield f"{field}: after {', '.join(missing)} it begins anew: there is no row"
    if genre.chord_filter is not None:
        for kind in sorted(set(genre.chord_types) - set(genre.chord_filter)):
            yield f"chord_types: the filter does not let {kind} through"
