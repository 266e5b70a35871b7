"""Genres as files: folders, single files, musicgen's own; mistakes name the file and the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.planning.genrefiles import read_genre, read_lines
from farm.planning.genres import genre_names, load_genre
from farm.planning.genrewrite import write_genre
from schemas.errors import OutputError, PlanError

CHAIN = {"order": 2, "init_probs": {"I": 0.5}, "transitions": {"I": {"V": 2}, "I,V": {"I": 1}}}


def test_a_folder_is_read_with_everything_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "genre.yaml").write_text("tempo_bpm: [90, 100]\n", encoding="utf-8")
    (folder / "chords.json").write_text(json.dumps(CHAIN), encoding="utf-8")
    (folder / "melody_transitions.json").write_text('{"init_probs": {"1": 1}}', encoding="utf-8")
    (folder / "progressions.txt").write_text("# mine\n\nverse: I , V\nverse chorus: I,#ivo7\n", encoding="utf-8")
    (folder / "patterns_34.txt").write_text("all: 36,0,38\nall_roll: 38,38,38\n", encoding="utf-8")
    (folder / "patterns_34_congas.txt").write_text("verse: 63, 64, 64\n", encoding="utf-8")
    genre = read_genre(folder)
    assert genre.name == "mine"
    assert genre.chord_matrix is not None
    assert genre.chord_matrix.transitions["I,V"] == {"I": 1}
    assert genre.melody_matrix is not None
    assert genre.melody_matrix.order == 1
    assert genre.progressions == {"verse": ["I, V", "I, #ivo7"], "chorus": ["I, #ivo7"]}
    assert genre.patterns["3/4"]["bridge"] == ["36, 0, 38"]
    assert genre.patterns["3/4"]["outro_roll"] == ["38, 38, 38"]
    assert genre.patterns["3/4"]["congas/verse"] == ["63, 64, 64"]


def test_one_file_holds_all_of_a_genre(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text("keys: {C: 1}\npatterns: {4/4: {verse: ['36, 0, 38, 0']}}\n", encoding="utf-8")
    genre = read_genre(path)
    assert (genre.name, genre.keys, genre.patterns) == ("tiny", {"C": 1.0}, {"4/4": {"verse": ["36, 0, 38, 0"]}})


def test_a_genre_of_musicgen_is_read_from_its_spec(tmp_path: Path) -> None:
    spec = {
        "name": "lounge", "tempo_min": 80, "tempo_max": 110, "swing_min": 0.6, "time_sig_weights": {"4/4": 1},
        "scale_weights": {"C": 0.5, "C#m": 0.5}, "chord_type_weights": {"maj7": 1}, "inversion_weights": {},
        "chord_type_hard_filter": None, "soundfont_tags": {"melody": ["piano"], "bass": ["upright"]},
        "layer_probs": {"melody": 0.4}, "fx_profile": {"reverb": 0.7}, "drum_pool_names": ["brushes"],
        "arrangement_weights": {"intro,verse,outro": 2},
    }  # fmt: skip
    (tmp_path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    (tmp_path / "chord_transitions.json").write_text(json.dumps(CHAIN), encoding="utf-8")
    genre = read_genre(tmp_path)
    assert (genre.name, genre.tempo_bpm, genre.swing) == ("lounge", (80, 110), (0.6, 0.75))
    assert genre.structures == {"intro-verse-outro": 2}
    assert genre.layers["melody"].probability == 0.4
    assert genre.layers["bassline"].tags == ["upright"]
    assert genre.effects == {"reverb": 0.7}
    assert genre.chord_filter is None
    assert genre.chord_matrix is not None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("patterns_99.txt", "verse: 36", "99 is no meter. The name ends in the meter without its stroke: 24, 34, 44"),
        ("patterns_44.txt", "36, 38", "patterns_44.txt, line 1: no section stands before `36, 38`"),
        ("patterns_44.txt", "\nverse: 36, x", r"patterns_\*\.txt: `patterns`: there is no drum 'x' in `36, x`"),
        ("progressions.txt", "verse: I, Q", r"progressions\.txt: `progressions`: there is no chord 'Q'"),
        ("chords.json", "{", "is no JSON"),
        ("chords.json", "{}", r"chords\.json: `chord_matrix.init_probs`"),
        (
            "melody.json",
            '{"init_probs": {"1": "x"}}',
            r"melody\.json: `melody_matrix.init_probs.1` is 'x': .* valid number",
        ),
        ("genre.yaml", "rests: lots", ": `rests` is 'lots': Input should be a valid number"),
        ("genre.yaml", "tempo: 90", "`tempo`: there is no such key"),
        ("genre.yaml", "swing: 90", "`swing`"),
        ("genre.yaml", "layers: {lead: {role: singer}, x: {}}", r"`layers.lead.role` is 'singer': .* \(and 1 more\)"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / "genre.yaml").write_text("{name: mine}\n", encoding="utf-8")
    (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    with pytest.raises(PlanError, match=words):
        read_genre(tmp_path)


def test_a_folder_without_a_genre_is_none(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"is no genre: it has no genre\.yaml"):
        read_genre(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_bytes(b"verse: \xff")
    with pytest.raises(PlanError, match=r"cannot read .*lines.txt"):
        read_lines(tmp_path / "lines.txt")


@pytest.mark.parametrize("name", genre_names())
def test_a_genre_that_is_written_is_the_same_read_again(tmp_path: Path, name: str) -> None:
    genre = load_genre(name)
    write_genre(genre, tmp_path / name)
    assert read_genre(tmp_path / name) == genre


def test_a_folder_that_holds_something_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "note.txt").touch()
    with pytest.raises(OutputError, match="is there already"):
        write_genre(load_genre("pop"), tmp_path)
