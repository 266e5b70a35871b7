from __future__ import annotations

import itertools
from typing import Any

from schemas.genre import CHORD_TYPES
from schemas.score import Score, ScoreNote
from tests.support.composing import genre, only, songs
from workers.composing.theory import parse_key

STIFF: dict[str, Any] = {"humanise_ms": 0, "swing": [0.5, 0.5], "meter_change": 0, "sections": {}, "meters": {"4/4": 1}}


def _notes(song: Score, layer: str = "melody") -> list[ScoreNote]:
    return next(one for one in song.layers if one.name == layer).notes


def _in_section(song: Score, name: str, occurrence: int = 1) -> list[tuple[int, int, int]]:
    section = next(s for s in song.sections if (s.name, s.occurrence) == (name, occurrence))
    return [
        (n.start - section.start, n.end - section.start, n.key)
        for n in _notes(song)
        if section.start <= n.start < section.end
    ]


def test_melodies_stay_in_their_range_and_mostly_step() -> None:
    data = genre(**STIFF, layers=only("melody", "harmony", melody={"key_range": [62, 79]}))
    for song in songs(data, 6):
        keys = [note.key for note in _notes(song)]
        assert min(keys) >= 62
        assert max(keys) <= 79
        leaps = [abs(after - before) for before, after in itertools.pairwise(keys)]
        assert sum(leap <= 4 for leap in leaps) / len(leaps) > 0.6


def test_on_the_beat_stands_a_note_of_the_sounding_chord() -> None:
    for song in songs(genre(**STIFF, layers=only("melody", "harmony")), 6):
        for note in _notes(song):
            if note.start % 840 == 0:
                chord = next(chord for chord in reversed(song.chords) if chord.start <= note.start)
                assert (note.key - chord.root) % 12 in {step % 12 for step in CHORD_TYPES[chord.quality]}


def test_no_note_lasts_into_a_chord_that_it_does_not_belong_to() -> None:
    for song in songs(genre(**STIFF, layers=only("melody", "harmony")), 6):
        for note in _notes(song):
            for chord in song.chords:
                if note.start < chord.start < note.end:
                    assert (note.key - chord.root) % 12 in {step % 12 for step in CHORD_TYPES[chord.quality]}


def test_phrases_end_with_a_rest_and_take_up_their_motif() -> None:
    data = genre(
        **STIFF,
        layers=only("melody", "harmony"),
        section_bars={name: {8: 1} for name in ("intro", "verse", "chorus", "bridge", "outro")},
        variation=0,
    )
    bar, alike = 4 * 840, 0
    for song in songs(data, 6):
        found = _in_section(song, "verse")
        for last in (3, 7):
            assert not any(start >= last * bar + bar // 2 for start, _, _ in found if start < (last + 1) * bar)
        rhythms = [
            [start - number * bar for start, _, _ in found if number * bar <= start < (number + 1) * bar]
            for number in range(8)
        ]
        assert rhythms[0] == rhythms[2] == rhythms[4] == rhythms[6]
        alike += rhythms[1] == rhythms[5]
    assert alike == 6


def test_a_section_of_one_bar_is_played_to_its_end() -> None:
    """Short songs have such sections: were each the end of a phrase, their melodies would be two notes long."""
    one = {name: {1: 1} for name in ("verse", "chorus", "outro")}
    data = genre(
        **STIFF, layers=only("melody", "harmony"), rests=0, section_bars=one, structures={"verse-chorus-outro": 1}
    )
    for song in songs(data, 6):
        for name in ("verse", "chorus"):
            assert max(end for _, end, _ in _in_section(song, name)) > 3.5 * 840
        assert max(start for start, _, _ in _in_section(song, "outro")) < 2 * 840


def test_rests_grow_with_what_the_genre_says() -> None:
    def notes(rests: float) -> int:
        return sum(
            len(_notes(song)) for song in songs(genre(**STIFF, layers=only("melody", "harmony"), rests=rests), 5)
        )

    assert notes(0.0) > 1.25 * notes(0.4)


def test_a_chain_of_degrees_is_what_is_played_between_the_beats() -> None:
    chain = {"init_probs": {"5": 1}, "transitions": {"5": {"5": 1}}}
    spec = {"rhythms": [".x.x.x.x"]}
    for song in songs(genre(**STIFF, layers=only("melody", "harmony", melody=spec), melody_matrix=chain, rests=0), 3):
        fifth = parse_key(song.key).scale[4]
        inside = [note for note in _notes(song) if note.start < song.bars[-1].start]
        assert sum(note.key % 12 == fifth for note in inside) / len(inside) > 0.9


def test_repeats_are_alike_unless_the_genre_varies_them() -> None:
    def other(variation: float) -> int:
        data = genre(**STIFF, layers=only("melody", "harmony"), variation=variation, structures={"verse-chorus-verse-chorus": 1},
                     inversions={})  # fmt: skip
        pairs = [
            ([x[0] for x in _in_section(song, "verse")], [x[0] for x in _in_section(song, "verse", 2)])
            for song in songs(data, 6)
        ]
        return sum(first != second for first, second in pairs)

    assert other(0.0) == 0
    assert other(1.0) == 6


def test_styles_are_as_busy_as_their_names() -> None:
    def count(style: str) -> int:
        data = genre(**STIFF, layers=only("melody", "harmony", melody={"style": style}))
        return sum(len(_notes(song)) for song in songs(data, 4))

    assert count("riff") > count("lead") > count("sparse")


def test_a_second_melody_answers_the_first_between_its_notes_and_agrees_with_it() -> None:
    consonant = total = 0
    for song in songs(genre(**STIFF, layers=only("melody", "answers", "harmony")), 8):
        lead, answers = _notes(song), _notes(song, "answers")
        struck = {note.start for note in lead}
        free = [note for note in answers if note.start not in struck]
        assert len(free) / len(answers) > 0.6
        for note in answers:
            sounding = [other.key for other in lead if other.start <= note.start < other.end]
            total += len(sounding)
            consonant += sum(abs(key - note.key) % 12 in (3, 4, 5, 7, 8, 9) for key in sounding)
        chords = {chord.start: chord for chord in song.chords}
        for note in answers:
            chord = chords[max(start for start in chords if start <= note.start)]
            assert (note.key - chord.root) % 12 in {step % 12 for step in CHORD_TYPES[chord.quality]}
    assert total > 30
    assert consonant / total > 0.85


def test_a_second_melody_leads_where_the_first_is_silent() -> None:
    sections = {name: {"melody": 0.0, "answers": 1.0} for name in ("intro", "verse", "bridge", "outro")}
    data = genre(
        **{**STIFF, "sections": {**sections, "chorus": {"melody": 1.0, "answers": 1.0}}},
        layers=only("melody", "answers", "harmony"),
    )
    for song in songs(data, 4):
        for section in song.sections:
            inside = [note for note in _notes(song, "answers") if section.start <= note.start < section.end]
            assert len(inside) >= 2
