"""The check of a genre: all that is wrong with it, and what of it can never be heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.genrecheck import GenreCheck, check_genre
from farm.planning.genres import genre_names, genre_path


def _checked(folder: Path, text: str) -> GenreCheck:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return check_genre(path)


@pytest.mark.parametrize("name", genre_names())
def test_the_farms_genres_have_no_findings(name: str) -> None:
    assert check_genre(genre_path(name)) == GenreCheck(name, [], [])


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    found = _checked(tmp_path, "tempo: 3\nkeys: {H: 1}\nlayers: {lead: {role: singer}}\n")
    assert not found.usable
    assert [line.split("`")[1] for line in found.errors] == ["keys", "layers.lead.role", "tempo"]


def test_a_genre_that_leaves_nothing_to_draw_cannot_be_used(tmp_path: Path) -> None:
    found = _checked(tmp_path, "chord_filter: [sus2]\nchord_types: {maj: 1}\n")
    assert not found.usable
    assert "leaves nothing to draw" in found.errors[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("meters: {4/4: 1}\npatterns: {3/4: {verse: ['36, 0, 0']}}", "3/4 is no meter of the genre"),
        ("patterns: {4/4: {verse: ['36, 0, 38']}}", "a bar cannot be divided into 3, a multiple of 4 is needed"),
        ("meters: {4/4: 1, 3/4: 1}\npatterns: {4/4: {verse: ['36, 0, 38, 0']}}", "there are none in 3/4"),
        ("patterns: {4/4: {solo: ['36, 0, 38, 0']}}", "patterns: solo stands in no structure"),
        (
            "meters: {4/4: 1}\nlayers: {pad: {role: harmony, rhythms: [3/4 x--]}}",
            "3/4 is no meter of the genre; `3/4 x--`",
        ),
        ("layers: {pad: {role: harmony, rhythms: [4/4 x----------]}}", "a bar of 4/4 cannot be divided into 11"),
        ("layers: {bass: {role: bassline, style: walking, rhythms: [x-x-]}}", "the style walking does without"),
        ("dynamics: {solo: 1.1}", "dynamics: solo stands in no structure"),
        ("sections: {verse: {violin: 1}}", "sections.verse: there is no layer violin"),
        ("keys: {C: 1}\nprogressions: {verse: ['i,iv']}", "no key of the genre is minor: `i,iv` is never played"),
        ("progressions: {verse: ['I,i']}", "`I,i` has I and i"),
        ("chord_matrix: {init_probs: {I: 1}, transitions: {I: {V: 1}}}", "chord_matrix: after V it begins anew"),
        ("chord_filter: [maj]\nchord_types: {maj: 1, min: 1}", "the filter does not let min through"),
        ("tempo_bpm: [90, 100]\ntempos: {120-130: 1}", "120-130 lies outside of tempo_bpm"),
    ],
)
def test_what_can_never_be_heard_is_noted(tmp_path: Path, text: str, words: str) -> None:
    found = _checked(tmp_path, text)
    assert found.usable
    assert [line for line in found.notes if words in line]
