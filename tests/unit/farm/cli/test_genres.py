"""`farm genres`: lists, shows, checks and makes genres."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from farm.planning.genrefiles import read_genre
from farm.planning.genres import genre_names, load_genre
from tests.unit.farm.cli.conftest import Call


def test_every_genre_is_listed(call: Call) -> None:
    text = call("genres")
    assert text.code == 0
    assert [name for name in genre_names() if name not in text.out] == []
    assert [record["name"] for record in call("genres", "--json").json] == genre_names()


def test_a_genre_is_shown_with_every_field(call: Call) -> None:
    text = call("genres", "show", "jazz").out
    assert "tempo_bpm: [80, 200]" in text
    assert "style: walking" in text
    assert "minor_chord_matrix: order 2" in text
    assert "patterns in 3/4: 5, and 3 fills" in text
    assert call("genres", "show", "jazz", "--json").json["chord_matrix"]["order"] == 2


def test_an_unknown_genre_is_an_error(call: Call) -> None:
    answer = call("genres", "show", "jaz", "--json")
    assert answer.code == 2
    assert answer.json["hint"].startswith("Did you mean `jazz`?")


def test_a_check_says_what_is_wrong_and_ends_with_1(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("keys: {H: 1}\n", encoding="utf-8")
    answer = call("genres", "check", path)
    assert answer.code == 1
    assert "error: `keys`: there is no key 'H'" in answer.out
    assert "mine cannot be used" in answer.out
    assert call("genres", "check", "pop", "--json").json == {"name": "pop", "usable": True, "errors": [], "notes": []}


def test_a_new_genre_is_written_and_can_be_used(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "bolero"
    answer = call("genres", "new", "bolero", "--from", "latin", "--out", folder, "--set", "tempo_bpm=[90, 100]",
                  "--set", "layers.melody.programs={40: 1}", "--set", "meters={3/4: 3, 4/4: 1}", "--json")  # fmt: skip
    assert answer.code == 0, answer.err
    assert "patterns_34.txt" in answer.json["files"]
    genre = read_genre(folder)
    assert (genre.name, genre.tempo_bpm, genre.layers["melody"].programs) == ("bolero", (90, 100), {40: 1.0})
    assert genre.meters == {"3/4": 0.75, "4/4": 0.25}
    assert genre.minor_chord_matrix == load_genre("latin").minor_chord_matrix
    assert call("genres", "check", folder).code == 0


def test_a_new_genre_can_be_put_together_from_others(call: Call, tmp_path: Path) -> None:
    assert (
        call("genres", "new", "mine", "--out", tmp_path / "a", "--drums", "one-drop", "--chords", "pop", "--yes").code
        == 0
    )
    genre = read_genre(tmp_path / "a")
    assert genre.patterns["4/4"] == load_genre("reggae").patterns["4/4"]
    assert genre.chord_matrix == load_genre("pop").chord_matrix
    assert (
        call("genres", "new", "both", "--out", tmp_path / "b", "--from", "jazz", "--from", "latin", "--yes").code == 0
    )
    assert read_genre(tmp_path / "b").tempo_bpm == (90, 140)


def test_on_a_terminal_every_field_is_asked_for_and_what_cannot_be_is_asked_again(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"tempo_bpm": iter(["[200, 100]", "fast", "[100, 120]"]), "keys": iter(["{C: 1, Am: 3}"])}
    asked = []

    def prompt(text: str, *, default: str, err: bool) -> str:
        field = text.splitlines()[-1]
        asked.append(field)
        return next(typed.get(field, iter(())), default)

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    answer = call("genres", "new", "mine", "--out", tmp_path / "mine", "--from", "pop")
    assert answer.code == 0, answer.err
    assert "the lowest value must not be above the highest" in answer.err
    assert asked.count("tempo_bpm") == 3
    assert {"layers", "structures", "effects", "variation"} <= set(asked)
    genre = read_genre(tmp_path / "mine")
    assert (genre.tempo_bpm, genre.keys) == ((100, 120), {"C": 0.25, "Am": 0.75})
    assert genre.structures == load_genre("pop").structures


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["my genre"], "'my genre' is no name of a genre"),
        (["mine", "--from", "jaz"], "there is no genre `jaz`"),
        (["mine", "--set", "tempo_bpm"], "no `=` stands between key and value"),
        (["mine", "--set", "tempo_bpm=["], "cannot be read"),
        (["mine", "--set", "rests.verse=1"], "rests is no group of keys"),
        (["mine", "--set", "tempo=90"], "`tempo`: there is no such key"),
        (["mine", "--drums", "loud"], "there is no genre `loud`"),
    ],
)
def test_a_genre_that_cannot_be_made_is_not_written(
    call: Call, tmp_path: Path, arguments: list[str], words: str
) -> None:
    answer = call("genres", "new", *arguments, "--out", tmp_path / "new", "--yes")
    assert answer.code == 2
    assert words in answer.err
    assert not (tmp_path / "new").exists()
