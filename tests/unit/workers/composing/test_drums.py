from __future__ import annotations

from collections import Counter
from typing import Any

from schemas.score import PPQ, Layer, Score
from tests.support.composing import genre, only, songs
from workers.composing.patterns import parse_pattern

#: No hand, no swing: what is written stands on the grid.
STIFF: dict[str, Any] = {"humanise_ms": 0, "swing": [0.5, 0.5], "meter_change": 0, "sections": {}, "dynamics": {}}


def _bars(song: Score, layer: Layer, name: str, occurrence: int = 1) -> list[set[tuple[int, int]]]:
    """Return what is struck in each bar of a section: (sixteenths from its start, key); crashes left out."""
    found = []
    for bar in song.bars:
        section = song.sections[bar.section]
        if (section.name, section.occurrence) == (name, occurrence):
            inside = [note for note in layer.notes if bar.start <= note.start < bar.end]
            found.append({((note.start - bar.start) * 4 // PPQ, note.key) for note in inside if note.key != 49})
    return found


def _written(line: str, slots: int) -> set[tuple[int, int]]:
    pattern = parse_pattern(line)
    return {(hit.slot * slots // pattern.slots, hit.key) for hit in pattern.hits}


def test_every_bar_is_a_pattern_of_its_section_but_for_ghost_notes_and_the_last_is_its_fill() -> None:
    lines = ["36+42, 42, 38+42!, 42.", "36, 42, 38!, 42, 36, 36, 38, 42."]
    data = genre(**STIFF, layers=only("beat", "bassline"), meters={"4/4": 1}, variation=0,
                 patterns={"4/4": {"verse": lines, "verse_roll": ["38, 38, 38, 38, 50, 47, 45, 43"]}})  # fmt: skip
    used: Counter[int] = Counter()
    for song in songs(data, 12):
        *bars, last = _bars(song, song.layers[0], "verse")
        assert last == _written("38, 38, 38, 38, 50, 47, 45, 43", 16)
        number = next(number for number, line in enumerate(lines) if bars[0] == _written(line, 16))
        used[number] += 1
        ghosts = {(12, 42), (14, 42)}
        for bar in bars:
            assert bar <= _written(lines[number], 16)
            assert bar >= _written(lines[number], 16) - ghosts
    assert len(used) == 2


def test_accents_are_louder_and_ghosts_softer() -> None:
    data = genre(**STIFF, layers=only("beat", "bassline"), meters={"4/4": 1}, velocity=[1, 127],
                 patterns={"4/4": {"chorus": ["36, 38!, 36, 38."]}})  # fmt: skip
    song = songs(data, 1)[0]
    chorus = next(section for section in song.sections if section.name == "chorus")
    bar = next(bar for bar in song.bars if bar.start >= chorus.start)
    plain, accent, _, ghost = [
        note.velocity for note in song.layers[0].notes if bar.start <= note.start < bar.end and note.key != 49
    ]
    assert ghost < plain - 25
    assert accent > plain + 10


def test_where_nothing_is_written_for_a_meter_the_kit_plays_its_plain_beat() -> None:
    for meter, beats in (("7/8", [0, 4, 8]), ("6/8", [0, 6]), ("5/4", [0, 4, 8, 12, 16])):
        data = genre(**STIFF, layers=only("beat", "bassline"), meters={meter: 1}, patterns={})
        song = songs(data, 1)[0]
        bar = _bars(song, song.layers[0], "chorus")[0]
        assert (0, 36) in bar
        assert [place for place, key in sorted(bar) if key == 42] == beats


def test_a_fill_is_made_where_none_is_written_and_the_song_ends_with_one_stroke() -> None:
    data = genre(**STIFF, layers=only("beat", "bassline"), meters={"4/4": 1}, patterns={"4/4": {"verse": ["36, 42, 38, 42"]}},
                 structures={"verse-chorus": 1}, section_bars={"verse": {8: 1}, "chorus": {4: 1}})  # fmt: skip
    song = songs(data, 1)[0]
    *_, fill = _bars(song, song.layers[0], "verse")
    first, second = ({hit for hit in fill if (hit[0] < 8) is half} for half in (True, False))
    assert first == {(0, 36), (4, 42)}
    assert [place for place, _ in sorted(second)] == list(range(8, 16))
    assert {key for _, key in second} <= {38, 50, 47, 45, 43}
    last = [note for note in song.layers[0].notes if note.start >= song.bars[-1].start]
    assert {note.key for note in last} == {36, 49}
    assert all(note.end == song.end for note in last)


def test_sections_begin_with_a_crash_more_often_the_louder_they_are_and_songs_never_do() -> None:
    def share(dynamics: float) -> float:
        data = genre(layers=only("beat", "bassline"), sections={}, dynamics={"chorus": dynamics}, humanise_ms=0)
        struck = []
        for song in songs(data, 15):
            assert not any(note.key == 49 and note.start == 0 for note in song.layers[0].notes)
            crashes = {note.start for note in song.layers[0].notes if note.key == 49}
            struck += [section.start in crashes for section in song.sections if section.name == "chorus"]
        return sum(struck) / len(struck)

    assert share(0.4) < 0.3
    assert share(1.2) > 0.7


def test_other_drum_layers_play_their_own_patterns_or_maracas_and_no_kit() -> None:
    data = genre(**STIFF, layers=only("beat", "congas"), meters={"4/4": 1}, variation=0,
                 patterns={"4/4": {"verse": ["36, 38, 36, 38"], "chorus": ["36, 38, 36, 38"], "verse_roll": ["38, 38, 38, 38"],
                                  "congas/verse": ["63, 64, 63, 64"]}})  # fmt: skip
    song = songs(data, 1)[0]
    congas = song.layers[1]
    assert {key for bar in _bars(song, congas, "verse") for _, key in bar} == {63, 64}
    assert {key for bar in _bars(song, congas, "chorus") for _, key in bar} == {70}
    assert not any(note.key == 49 for note in congas.notes)


def test_a_section_that_comes_again_is_varied_as_much_as_the_genre_says() -> None:
    def other(variation: float) -> int:
        data = genre(**STIFF, layers=only("beat", "bassline"), meters={"4/4": 1}, variation=variation,
                     structures={"verse-chorus-verse-chorus": 1},
                     patterns={"4/4": {"verse": ["36, 0, 38, 0", "36, 36, 38, 38", "36, 42, 38, 42", "36, 36, 0, 0"]}})  # fmt: skip
        return sum(
            _bars(song, song.layers[0], "verse")[0] != _bars(song, song.layers[0], "verse", 2)[0]
            for song in songs(data, 20)
        )

    assert other(0.0) == 0
    assert other(1.0) > 3
