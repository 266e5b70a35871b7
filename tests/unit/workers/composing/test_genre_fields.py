"""Every field of a genre is heard: a change of it changes what it names in composed songs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any, Final

import pytest

from farm.planning.genres import genre_names, load_genre
from farm.planning.plans import build_plan
from schemas.genre import CHORD_TYPES, Genre, LayerSpec
from schemas.score import PPQ, Chord, Layer, Score, ScoreNote, Section
from tests.support.composing import genre, only, songs
from workers.composing.song import composed

#: A short song in straight quarters of four, so that places can be counted.
STRAIGHT: Final[dict[str, Any]] = {
    "meters": {"4/4": 1},
    "meter_change": 0.0,
    "swing": [0.5, 0.5],
    "humanise_ms": 0,
    "keys": {"C": 1},
    "structures": {"verse-chorus-verse": 1},
    "section_bars": {"verse": {8: 1}, "chorus": {8: 1}},
    "sections": {},
}
_BEATS: Final = ("beat", "melody", "harmony", "bassline")
_CASES: Final[dict[str, Callable[[], None]]] = {}
#: What songs do not hold: `farm genres` prints the description; the mix and the choice of soundfonts read the others.
ELSEWHERE: Final = {"description", "effects", "layers.tags"}


def _case(field: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def enter(test: Callable[[], None]) -> Callable[[], None]:
        _CASES[field] = test
        return test

    return enter


def _written(count: int = 6, **changes: Any) -> list[Score]:
    return songs(genre(**changes), count)


def _layer(score: Score, name: str) -> Layer:
    return next(layer for layer in score.layers if layer.name == name)


def _inside(notes: list[ScoreNote], section: Section) -> list[ScoreNote]:
    return [note for note in notes if section.start <= note.start < section.end]


def _first(score: Score) -> list[Chord]:
    """Return the chords of the first section: the last ones lead to the end."""
    return [chord for chord in score.chords if chord.start < score.sections[0].end]


def _notes(scores: list[Score], layer: str) -> Iterator[ScoreNote]:
    for score in scores:
        yield from _layer(score, layer).notes


def test_every_field_has_its_case() -> None:
    fields = set(Genre.model_fields) | {f"layers.{name}" for name in LayerSpec.model_fields}
    assert set(_CASES) == fields - ELSEWHERE


@pytest.mark.parametrize(
    "field", sorted({*Genre.model_fields, *(f"layers.{name}" for name in LayerSpec.model_fields)} - ELSEWHERE)
)
def test_a_field_is_heard(field: str) -> None:
    _CASES[field]()


@_case("name")
def _names() -> None:
    assert {tuple(score.genres) for score in _written(2, name="mine")} == {("mine",)}


@_case("tempo_bpm")
def _tempo() -> None:
    assert all(100 <= score.tempo_bpm <= 102 for score in _written(tempo_bpm=[100, 102]))
    assert all(70 <= score.tempo_bpm <= 72 for score in _written(tempo_bpm=[70, 72]))


@_case("tempos")
def _tempos() -> None:
    assert all(
        90 <= score.tempo_bpm <= 95 for score in _written(tempo_bpm=[60, 180], tempos={"90-95": 1, "150-160": 0})
    )
    both = {score.tempo_bpm > 120 for score in _written(20, tempo_bpm=[60, 180], tempos={"90-95": 1, "150-160": 1})}
    assert both == {True, False}


@_case("swing")
def _swing() -> None:
    assert all(0.6 <= score.swing <= 0.62 for score in _written(swing=[0.6, 0.62]))


@_case("swings")
def _swings() -> None:
    assert all(0.64 <= score.swing <= 0.68 for score in _written(swing=[0.5, 0.75], swings={0.66: 1}))
    assert all(score.swing <= 0.66 for score in _written(swing=[0.5, 0.66], swings={0.66: 1}))


@_case("meters")
def _meters() -> None:
    for meter in ((3, 4), (7, 8)):
        scores = _written(2, meters={f"{meter[0]}/{meter[1]}": 1})
        assert {bar.meter for score in scores for bar in score.bars} == {meter}


@_case("meter_change")
def _meter_change() -> None:
    def mixed(chance: float) -> int:
        scores = _written(12, meters={"4/4": 1, "3/4": 1}, meter_change=chance)
        return sum(len({bar.meter for bar in score.bars}) > 1 for score in scores)

    assert mixed(0.0) == 0
    assert mixed(0.6) > 0


@_case("keys")
def _keys() -> None:
    assert {(score.key, score.mode) for score in _written(2, keys={"F#m": 1, "C": 0})} == {("F#m", "minor")}
    assert {score.mode for score in _written(2, keys={"D dorian": 1})} == {"dorian"}


@_case("chord_types")
def _chord_types() -> None:
    lines = {"verse": ["I,IV"], "chorus": ["I,IV"]}
    for kind in ("maj9", "add9"):
        scores = _written(2, **STRAIGHT, progressions=lines, chord_types={kind: 1})
        assert {chord.quality for score in scores for chord in score.chords} == {kind}


@_case("chord_filter")
def _chord_filter() -> None:
    allowed = ["maj", "min", "dim"]
    assert {chord.quality for score in _written() for chord in score.chords} - set(allowed)
    scores = _written(chord_filter=allowed)
    assert {chord.quality for score in scores for chord in score.chords} <= set(allowed)


@_case("inversions")
def _inversions() -> None:
    for number, word in enumerate(("root", "first", "second")):
        scores = _written(2, inversions={word: 1}, chord_filter=["maj", "min", "dim", "m7", "maj7", "dom7"])
        assert {chord.inversion for score in scores for chord in _first(score)} == {number}


@_case("harmonic_rhythm")
def _harmonic_rhythm() -> None:
    for per_bar in (0.5, 1, 2):
        for score in _written(2, **STRAIGHT, harmonic_rhythm={per_bar: 1}):
            assert len(_first(score)) == per_bar * 8


@_case("layers")
def _layers() -> None:
    for names in (("melody", "harmony"), ("beat", "bassline", "guitar")):
        assert {tuple(layer.name for layer in score.layers) for score in _written(3, layers=only(*names))} == {names}


@_case("layers.role")
def _role() -> None:
    changed = only("beat", "melody", melody={"role": "bassline", "style": "roots", "key_range": [28, 50]})
    score = _written(1, layers=changed)[0]
    assert _layer(score, "melody").role == "bassline"
    assert all(28 <= note.key <= 50 for note in _layer(score, "melody").notes)


@_case("layers.probability")
def _probability() -> None:
    def share(chance: float) -> float:
        scores = _written(30, layers=only(*_BEATS, harmony={"probability": chance}), structures={"verse": 1})
        return mean("harmony" in [layer.name for layer in score.layers] for score in scores)

    assert share(0.0) == 0
    assert 0.2 < share(0.5) < 0.8
    assert share(1.0) == 1


@_case("layers.programs")
def _programs() -> None:
    for program in (66, 11):
        scores = _written(2, layers=only(*_BEATS, melody={"programs": {program: 1, 3: 0}}))
        assert {_layer(score, "melody").program for score in scores} == {program}


@_case("layers.style")
def _style() -> None:
    def together(style: str) -> float:
        layers = only(*_BEATS, harmony={"style": style, "rhythms": ["x-x-x-x-"]})
        score = _written(1, **STRAIGHT, layers=layers)[0]
        starts = [note.start for note in _inside(_layer(score, "harmony").notes, score.sections[0])]
        return len(starts) / len(set(starts))

    assert together("block") >= 3
    assert together("arpeggio") == 1


@_case("layers.rhythms")
def _rhythms() -> None:
    for rhythm, places in (("4/4 .x.x", {1, 3}), ("4/4 x.x.", {0, 2}), ("3/4 .x.", {0})):
        layers = only(*_BEATS, harmony={"style": "block", "rhythms": [rhythm]})
        score = _written(1, **STRAIGHT, layers=layers, harmonic_rhythm={1: 1})[0]
        found = {note.start // PPQ % 4 for note in _inside(_layer(score, "harmony").notes, score.sections[0])}
        assert found == places if rhythm.startswith("4/4") else 0 in found


@_case("layers.key_range")
def _key_range() -> None:
    for low, high in ((48, 64), (72, 90)):
        scores = _written(2, layers=only(*_BEATS, melody={"key_range": [low, high]}))
        assert all(low <= note.key <= high for note in _notes(scores, "melody"))


@_case("sections")
def _sections() -> None:
    silent = {"verse": {"beat": 0.0, "melody": 0.0, "bassline": 1.0, "harmony": 1.0}}
    for score in _written(4, **{**STRAIGHT, "sections": silent}, layers=only(*_BEATS)):
        assert {section.name: sorted(section.layers) for section in score.sections} == {
            "verse": ["bassline", "harmony"],
            "chorus": sorted(_BEATS),
        }


@_case("structures")
def _structures() -> None:
    scores = _written(2, structures={"verse-bridge-verse": 1, "verse": 0})
    assert {tuple(section.name for section in score.sections) for score in scores} == {("verse", "bridge", "verse")}


@_case("section_bars")
def _section_bars() -> None:
    for bars in (4, 12):
        changes = {**STRAIGHT, "section_bars": {"verse": {bars: 1}, "chorus": {8: 1}}}
        for score in _written(2, **changes):
            assert {(s.end - s.start) // (4 * PPQ) for s in score.sections if s.name == "verse"} == {bars}


@_case("dynamics")
def _dynamics() -> None:
    def louder(verse: float, chorus: float) -> float:
        scores = _written(3, **STRAIGHT, dynamics={"verse": verse, "chorus": chorus}, layers=only(*_BEATS))
        loudness: dict[str, list[int]] = {"verse": [], "chorus": []}
        for score in scores:
            for section in score.sections:
                loudness[section.name] += [note.velocity for note in _inside(_layer(score, "bassline").notes, section)]
        return mean(loudness["chorus"]) - mean(loudness["verse"])

    assert louder(0.7, 1.1) > 5
    assert louder(1.1, 0.7) < -5


@_case("rests")
def _rests() -> None:
    def notes(share: float) -> int:
        scores = _written(3, **STRAIGHT, rests=share, layers=only(*_BEATS))
        return sum(1 for _ in _notes(scores, "melody"))

    assert notes(0.6) < 0.8 * notes(0.0)


@_case("humanise_ms")
def _humanise() -> None:
    def off_grid(milliseconds: float) -> int:
        scores = _written(2, **{**STRAIGHT, "humanise_ms": milliseconds}, layers=only(*_BEATS))
        return sum(note.start % (PPQ // 8) != 0 for note in _notes(scores, "bassline"))

    assert off_grid(0) == 0
    assert off_grid(15) > 20


@_case("velocity")
def _velocity() -> None:
    for low, high in ((90, 95), (30, 50)):
        scores = _written(2, velocity=[low, high])
        assert all(low <= note.velocity <= high for score in scores for layer in score.layers for note in layer.notes)


@_case("variation")
def _variation() -> None:
    def differ(chance: float) -> int:
        scores = _written(6, **STRAIGHT, variation=chance, layers=only(*_BEATS))
        rhythms = []
        for score in scores:
            verses = [section for section in score.sections if section.name == "verse"]
            notes = [_inside(_layer(score, "melody").notes, verse) for verse in verses]
            rhythms.append(
                [[note.start - verse.start for note in part] for part, verse in zip(notes, verses, strict=True)]
            )
        return sum(first != second for first, second in rhythms)

    assert differ(0.0) == 0
    assert differ(1.0) >= 5


@_case("progressions")
def _progressions() -> None:
    lines = {"verse": ["I,bVI"], "chorus": ["I,bVI"]}
    assert {chord.numeral for score in _written(2, **STRAIGHT, progressions=lines) for chord in score.chords} == {
        "I",
        "bVI",
    }


def _chained(field: str, key: str, degree: str, tonic: str, **changes: Any) -> list[str]:
    """Return the numerals of a song whose chain goes from one degree to itself, but for those of its end."""
    matrix = {"init_probs": {degree: 1}, "transitions": {degree: {degree: 1}}}
    lines = {"verse": [f"{tonic},{tonic}"], "chorus": [f"{tonic},{tonic}"]}
    score = _written(1, **{**STRAIGHT, "keys": {key: 1}}, progressions=lines, **{field: matrix}, **changes)[0]
    return [chord.numeral for chord in score.chords[:-4]]


@_case("chord_matrix")
def _chord_matrix() -> None:
    assert set(_chained("chord_matrix", "C", "vi", "I")) == {"vi"}
    assert set(_chained("chord_matrix", "Am", "vi", "i")) == {"i"}, "a chain for major keys is none for minor ones"


@_case("minor_chord_matrix")
def _minor_chord_matrix() -> None:
    assert set(_chained("minor_chord_matrix", "Am", "VI", "i")) == {"VI"}
    assert set(_chained("minor_chord_matrix", "C", "VI", "I")) == {"I"}


@_case("chain")
def _chain() -> None:
    assert set(_chained("chord_matrix", "C", "vi", "I", chain=0.0)) == {"I"}
    assert set(_chained("chord_matrix", "C", "vi", "I", chain=1.0)) == {"vi"}


@_case("melody_matrix")
def _melody_matrix() -> None:
    def share(degrees: tuple[str, str], classes: set[int]) -> float:
        first, second = degrees
        matrix = {"init_probs": {first: 1}, "transitions": {first: {second: 1}, second: {first: 1}}}
        notes = list(_notes(_written(2, **STRAIGHT, melody_matrix=matrix, layers=only(*_BEATS)), "melody"))
        return mean(note.key % 12 in classes for note in notes)

    assert share(("1", "5"), {0, 7}) > share(("2", "6"), {0, 7}) + 0.2
    assert share(("2", "6"), {2, 9}) > share(("1", "5"), {2, 9}) + 0.2


@_case("patterns")
def _patterns() -> None:
    lines = {f"{name}{end}": ["56, 0, 56, 0"] for name in ("verse", "chorus") for end in ("", "_roll")}
    scores = _written(2, **STRAIGHT, patterns={"4/4": lines}, layers=only(*_BEATS))
    assert {note.key for note in _notes(scores, "beat")} <= {56, 49}
    assert {note.start // PPQ % 4 for note in _notes(scores, "beat") if note.key == 56} == {0, 2}


@pytest.mark.parametrize("name", genre_names())
def test_songs_of_the_farms_genres_are_of_their_genre(name: str) -> None:
    data = load_genre(name)
    plan = build_plan({"seed": 3, "compose": {"genres": [name], "count": 3, "length_s": 25}})
    for number in range(3):
        score = composed(plan, number).score
        assert score.genres == [name]
        assert data.tempo_bpm[0] <= score.tempo_bpm <= data.tempo_bpm[1]
        assert data.swing[0] <= score.swing <= data.swing[1]
        assert score.key in data.keys
        assert {f"{bar.meter[0]}/{bar.meter[1]}" for bar in score.bars} <= set(data.meters)
        assert {chord.quality for chord in score.chords} <= set(data.chord_filter or CHORD_TYPES)
        for layer in score.layers:
            assert layer.program in data.layers[layer.name].programs
            assert layer.notes, f"{layer.name} is silent"
