"""Every drum of every genre is on a key that the kits it may be played by have, and is there what the pattern means."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.genres import genre_names, genre_of, load_genre
from tests.support.composing import genre, only, songs
from tests.support.kits import kits
from workers.composing.kits import ORCHESTRA, on_kit
from workers.composing.patterns import parse_pattern
from workers.engines.soundfonts import default_soundfont

#: What the drummer strikes of his own: kick, snare, hi-hat, crash, toms, maracas.
OWN = (36, 38, 42, 49, 50, 47, 45, 43, 70)
#: Keys of the orchestra's kit that are timpani (General MIDI Level 2).
TIMPANI = range(41, 54)


@pytest.fixture(scope="module")
def font() -> dict[int, dict[int, set[str]]]:
    path: Path = default_soundfont()
    return kits(path)


@pytest.mark.parametrize("name", genre_names())
def test_every_drum_of_a_genre_has_a_sample_in_every_kit_that_may_play_it(
    name: str, font: dict[int, dict[int, set[str]]]
) -> None:
    made = genre_of([load_genre(name)])
    written = {hit.key for table in made.patterns.values() for lines in table.values() for line in lines
               for hit in parse_pattern(line).hits}  # fmt: skip
    programs = {program for spec in made.layers.values() if spec.role == "beat" for program in spec.programs}
    assert programs
    for kit in map(int, programs):
        assert kit in font
        silent = {key for key in written.union(OWN) if not font[kit].get(on_kit(key, kit))}
        assert silent == set(), f"kit {kit} has nothing on {silent}"


def test_on_the_orchestras_kit_nothing_but_timpani_is_where_others_have_cymbals(
    font: dict[int, dict[int, set[str]]],
) -> None:
    assert not {on_kit(key, ORCHESTRA) for key in range(27, 88)} & set(TIMPANI)
    for key in (49, 52, 57):
        assert any("Crash" in name or "Cymbal" in name for name in font[ORCHESTRA][on_kit(key, ORCHESTRA)])
    for key, word in ((42, "High Hat Closed"), (46, "Open High Hat"), (51, "Ride")):
        assert any(word in name for name in font[ORCHESTRA][on_kit(key, ORCHESTRA)])
    assert [on_kit(key, 0) for key in range(128)] == list(range(128))


def test_songs_with_the_orchestras_kit_crash_on_a_cymbal_and_songs_with_another_on_key_49() -> None:
    plain = {
        "humanise_ms": 0,
        "swing": [0.5, 0.5],
        "patterns": {"4/4": {"all": ["36, 42, 38, 42"]}},
        "meters": {"4/4": 1},
    }
    struck = {}
    for kit in (0, ORCHESTRA):
        layers = only("beat", "bassline")
        layers["beat"] = {**layers["beat"], "programs": {kit: 1}}
        made = songs(genre(**plain, layers=layers), 4)
        struck[kit] = {note.key for song in made for note in song.layers[0].notes}
    assert {36, 38, 42, 49} <= struck[0]
    assert {36, 38, 27, 57} <= struck[ORCHESTRA]
    assert not struck[ORCHESTRA] & set(TIMPANI)
