from __future__ import annotations

import pytest

from schemas.errors import PlanError
from schemas.genre import CHORD_TYPES
from workers.composing.theory import harte, parse_key, parse_numeral


@pytest.mark.parametrize(
    ("word", "scale", "sharps", "signature"),
    [
        ("C", (0, 2, 4, 5, 7, 9, 11), 0, "C"),
        ("Bb", (10, 0, 2, 3, 5, 7, 9), -2, "Bb"),
        ("F#m", (6, 8, 9, 11, 1, 2, 4), 3, "F#m"),
        ("C#m", (1, 3, 4, 6, 8, 9, 11), 4, "C#m"),
        ("G#m", (8, 10, 11, 1, 3, 4, 6), 5, "G#m"),
        ("D#m", (3, 5, 6, 8, 10, 11, 1), 6, "D#m"),
        ("A#m", (10, 0, 1, 3, 5, 6, 8), -5, "Bbm"),
        ("D dorian", (2, 4, 5, 7, 9, 11, 0), 0, "Am"),
        ("A mixolydian", (9, 11, 1, 2, 4, 6, 7), 2, "D"),
        ("E phrygian", (4, 5, 7, 9, 11, 0, 2), 0, "Am"),
        ("F lydian", (5, 7, 9, 11, 0, 2, 4), 0, "C"),
        ("B locrian", (11, 0, 2, 4, 5, 7, 9), 0, "Am"),
    ],
)
def test_keys_have_the_scale_of_their_mode_and_the_signature_of_its_notes(
    word: str, scale: tuple[int, ...], sharps: int, signature: str
) -> None:
    key = parse_key(word)
    assert (key.scale, key.sharps, key.signature) == (scale, sharps, signature)


@pytest.mark.parametrize("word", ["", "H", "Cmm", "c", "C bebop", "Cm dorian", "C##"])
def test_what_is_no_key_is_refused_with_the_modes_that_there_are(word: str) -> None:
    with pytest.raises(PlanError, match="there is no key") as error:
        parse_key(word)
    assert "dorian" in error.value.hint


@pytest.mark.parametrize(
    ("symbol", "key", "root", "family", "plain"),
    [
        ("I", "C", 0, "major", "maj"),
        ("ii", "C", 2, "minor", "min"),
        ("V", "C", 7, "dominant", "maj"),
        ("V7", "C", 7, "dominant", "dom7"),
        ("I7", "A", 9, "dominant", "dom7"),
        ("ii7", "C", 2, "minor", "m7"),
        ("Imaj7", "C", 0, "major", "maj7"),
        ("viio", "C", 11, "diminished", "dim"),
        ("iiø7", "Cm", 2, "diminished", "m7b5"),
        ("viio7", "Am", 8, "diminished", "dim7"),
        ("VII", "Am", 7, "major", "maj"),
        ("bVII", "C", 10, "major", "maj"),
        ("III", "Am", 0, "major", "maj"),
        ("V", "Am", 4, "dominant", "maj"),
        ("V+", "C", 7, "augmented", "aug"),
        ("IVsus2", "C", 5, "major", "sus2"),
        ("#iv", "C", 6, "minor", "min"),
        ("I5", "E", 4, "major", "5"),
    ],
)
def test_roman_numerals_stand_on_the_degrees_of_the_keys_mode(
    symbol: str, key: str, root: int, family: str, plain: str
) -> None:
    parsed = parse_key(key)
    numeral = parse_numeral(symbol, parsed)
    assert ((parsed.tonic + numeral.offset) % 12, numeral.family, numeral.plain) == (root, family, plain)
    assert plain in numeral.types() or plain in ("dom7", "m7", "maj7")


def test_every_type_of_a_family_keeps_the_third_of_its_function() -> None:
    key = parse_key("C")
    for symbol, third in (("I", 4), ("ii", 3), ("V7", 4), ("viio", 3)):
        for kind in parse_numeral(symbol, key).types():
            thirds = {3, 4} & set(CHORD_TYPES[kind])
            assert thirds in ({third}, set()), (symbol, kind)


@pytest.mark.parametrize("symbol", ["VIII", "X", "I13", "maj7"])
def test_what_is_no_numeral_is_refused(symbol: str) -> None:
    with pytest.raises(PlanError, match=r"the chord|there is no chord"):
        parse_numeral(symbol, parse_key("C"))


@pytest.mark.parametrize(
    ("root", "quality", "inversion", "label"),
    [("D", "m7", 0, "D:min7"), ("D", "m7", 1, "D:min7/b3"), ("G", "dom7", 3, "G:7/b7"), ("C", "maj", 2, "C:maj/5"),
     ("B", "m7b5", 2, "B:hdim7/b5"), ("F", "add9", 0, "F:maj(9)"), ("E", "5", 0, "E:(1,5)"), ("A", "sus4", 1, "A:sus4/4")],
)  # fmt: skip
def test_labels_are_in_the_syntax_of_harte(root: str, quality: str, inversion: int, label: str) -> None:
    assert harte(root, quality, inversion) == label


def test_mir_eval_understands_every_label_and_hears_the_same_notes() -> None:
    chord = pytest.importorskip("mir_eval.chord")
    for quality, steps in CHORD_TYPES.items():
        for inversion in range(min(4, len(steps))):
            root, bitmap, bass = chord.encode(harte("D", quality, inversion))
            assert root == 2
            assert bass == steps[inversion] % 12
            # What lies above the octave it leaves out.
            assert {int(step) for step in bitmap.nonzero()[0]} | {2} == {step % 12 for step in steps} | {2}, quality
