from __future__ import annotations

import pytest

from schemas.quality import Flaw
from schemas.score import PPQ, Bar, Chord, Layer, Score, ScoreNote, Section
from workers.scoring.symbolic import check_score

C_MAJOR = (0, 2, 4, 5, 7, 9, 11)
#: Two bars over C and G.
TUNE = (60, 62, 64, 67, 64, 62, 60, 64, 67, 69, 71, 67, 62, 71, 67, 62)


def _notes(keys: tuple[int, ...], ticks: int = PPQ // 2) -> list[ScoreNote]:
    return [ScoreNote(at * ticks, (at + 1) * ticks, key, 90) for at, key in enumerate(keys)]


def _score(melody: list[ScoreNote], *others: Layer) -> Score:
    bars = [Bar(start=bar * 4 * PPQ, meter=(4, 4), section=0) for bar in range(2)]
    chords = [
        Chord(start=0, end=4 * PPQ, root=0, quality="maj"),
        Chord(start=4 * PPQ, end=8 * PPQ, root=7, quality="maj"),
    ]
    return Score(
        title="song", genres=["pop"], key="C", mode="major", tempo_bpm=120, swing=0.5, bars=bars,
        sections=[Section(name="verse", occurrence=1, start=0, end=8 * PPQ, layers=["melody"])], chords=chords,
        layers=[Layer(name="melody", role="melody", program=0, notes=melody), *others], end=8 * PPQ,
    )  # fmt: skip


def test_a_good_melody_has_no_flaw_and_a_high_score() -> None:
    found = check_score(_score(_notes(TUNE)), C_MAJOR)
    assert found.flaws == []
    assert found.score > 0.7
    assert found.scale == 1.0


@pytest.mark.parametrize(
    ("keys", "flaw"),
    [
        ((), Flaw.EMPTY_LAYER),
        ((60,) * 15 + (62,), Flaw.STUCK_MELODY),
        ((36, 73, 60, 62), Flaw.WIDE_MELODY),
    ],
)
def test_a_melody_that_cannot_stay_has_a_flaw_and_no_score(keys: tuple[int, ...], flaw: Flaw) -> None:
    found = check_score(_score(_notes(keys)), C_MAJOR)
    assert found.flaws == [flaw]
    assert found.score == 0.0


def test_three_octaves_and_four_fifths_are_still_allowed() -> None:
    assert check_score(_score(_notes((36, 72, 60, 62))), C_MAJOR).flaws == []
    assert check_score(_score(_notes((60,) * 8 + (62, 64))), C_MAJOR).flaws == []


def test_notes_beyond_the_song_are_a_flaw() -> None:
    late = [*_notes(TUNE), ScoreNote(8 * PPQ - 1, 8 * PPQ + 1, 60, 90)]
    assert check_score(_score(late), C_MAJOR).flaws == [Flaw.NOTE_OUTSIDE]


def test_a_key_that_is_struck_while_it_sounds_is_a_flaw_in_any_layer() -> None:
    drums = Layer(
        name="beat", role="beat", program=0, is_drum=True, notes=[ScoreNote(0, 100, 36, 90), ScoreNote(50, 120, 36, 90)]
    )
    assert check_score(_score(_notes(TUNE), drums), C_MAJOR).flaws == [Flaw.SAME_KEY_TWICE]


def test_each_measure_falls_with_what_it_measures() -> None:
    good = check_score(_score(_notes(TUNE)), C_MAJOR)
    outside = check_score(_score(_notes(tuple(key + 1 if at % 2 else key for at, key in enumerate(TUNE)))), C_MAJOR)
    leaps = check_score(_score(_notes(tuple(key + 12 * (at % 2) for at, key in enumerate(TUNE)))), C_MAJOR)
    again = check_score(_score(_notes((60, 64, 67, 64) * 4)), C_MAJOR)
    assert outside.scale < good.scale
    assert outside.chords < good.chords
    assert outside.key < good.key
    assert leaps.steps < good.steps
    assert again.variety < good.variety
    assert again.texture < good.texture


def test_a_song_without_a_melody_is_measured_by_its_first_pitched_layer() -> None:
    score = _score(_notes(TUNE))
    bass = score.layers[0].model_copy(update={"name": "bassline", "role": "bassline"})
    assert check_score(score.model_copy(update={"layers": [bass]}), C_MAJOR).score > 0.7
