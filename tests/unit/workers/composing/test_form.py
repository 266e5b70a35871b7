from __future__ import annotations

from collections import Counter

import mido
import pytest

from schemas.errors import PlanError
from schemas.score import PPQ, Score
from tests.support.composing import compose, genre, songs


def seconds(song: Score) -> float:
    """Return how long a song lasts, as its MIDI file says."""
    return song.end / PPQ * float(mido.bpm2tempo(song.tempo_bpm)) / 1e6


@pytest.mark.parametrize("length_s", [8, 12.5, 30, 61])
def test_a_song_lasts_as_long_as_is_asked_for_to_the_millisecond_and_ends_with_a_whole_bar(length_s: float) -> None:
    for song in songs(genre(), 8, length_s=length_s):
        assert seconds(song) == pytest.approx(length_s, abs=1e-3)
        assert song.bars[-1].end == song.end
        low, high = genre().tempo_bpm
        assert low <= song.tempo_bpm <= high


def test_a_long_song_repeats_its_sections_rather_than_stretch_them() -> None:
    for song in songs(genre(), 3, length_s=300):
        longest = max(section.end - section.start for section in song.sections)
        assert longest <= 24 * 4 * PPQ
        assert max(section.occurrence for section in song.sections) > 2


def test_a_short_song_has_fewer_sections_and_keeps_its_ending() -> None:
    data = genre(structures={"intro-verse-chorus-outro": 1})
    names = {tuple(section.name for section in song.sections) for song in songs(data, 12, length_s=6)}
    assert all(name[-1] == "outro" for name in names)
    assert min(map(len, names)) < 3


def test_a_length_that_no_tempo_fills_is_refused_with_tempos_meter_and_length() -> None:
    data = genre(tempo_bpm=[100, 100.01], meters={"5/4": 1}, meter_change=0)
    with pytest.raises(PlanError, match=r"no tempo of all \(100 to 100.01 a minute\) fills 10 s .* 5/4") as error:
        compose(data, length_s=10)
    assert "wider range" in error.value.hint


def test_a_length_that_the_drawn_meter_cannot_fill_is_filled_in_another_meter_of_the_genre() -> None:
    """At 100 quarters a minute, 9 s are 15 quarters: five bars of three, and no whole bars of four."""
    data = genre(tempo_bpm=[100, 100.01], meters={"4/4": 9, "3/4": 1}, meter_change=0)
    for song in songs(data, 8, length_s=9):
        assert seconds(song) == pytest.approx(9, abs=1e-3)
        assert {bar.meter for bar in song.bars} == {(3, 4)}


def test_bars_follow_one_another_and_belong_to_their_sections() -> None:
    for song in songs(genre(), 20):
        assert song.bars[0].start == 0
        for before, bar in zip(song.bars, song.bars[1:], strict=False):
            assert bar.start == before.end
        for number, section in enumerate(song.sections):
            own = [bar for bar in song.bars if bar.section == number]
            assert (own[0].start, own[-1].end) == (section.start, section.end)
            assert len({bar.meter for bar in own}) == 1


def test_occurrences_of_a_section_are_counted_and_alike_in_meter_and_length() -> None:
    for song in songs(genre(), 20):
        seen: Counter[str] = Counter()
        forms: dict[str, tuple[int, object]] = {}
        for number, section in enumerate(song.sections):
            seen[section.name] += 1
            assert section.occurrence == seen[section.name]
            meter = next(bar.meter for bar in song.bars if bar.section == number)
            assert forms.setdefault(section.name, (section.end - section.start, meter)) == (
                section.end - section.start,
                meter,
            )


def test_structures_bars_meters_keys_tempos_and_swing_are_all_drawn() -> None:
    found = songs(genre(), 50)
    assert len({tuple(section.name for section in song.sections) for song in found}) == 2
    assert len({song.bars[0].meter for song in found}) == 7
    assert {song.key for song in found} == set(genre().keys)
    assert {song.mode for song in found} == {"major", "minor", "dorian", "mixolydian"}
    assert all(80 <= song.tempo_bpm <= 150 and song.tempo_bpm == round(song.tempo_bpm) for song in found)
    assert len({song.tempo_bpm for song in found}) > 20
    assert all(0.5 <= song.swing <= 0.66 for song in found)


def test_the_meter_changes_between_sections_as_often_as_the_genre_says() -> None:
    def share(probability: float) -> float:
        changed = [
            len({bar.meter for bar in song.bars}) > 1
            for song in songs(genre(meter_change=probability), 25, length_s=20)
        ]
        return sum(changed) / len(changed)

    assert share(0.0) == 0.0
    assert 0.2 < share(0.2) < share(0.9) < 1.01


def test_the_plans_bars_win_over_the_genres() -> None:
    song = compose(genre(), bars={"verse": 3, "chorus": 5})
    bars = Counter(song.sections[bar.section].name for bar in song.bars if song.sections[bar.section].occurrence == 1)
    assert (bars["verse"], bars["chorus"]) == (3, 5)


def test_every_section_has_a_layer_and_every_layer_a_section() -> None:
    data = genre(sections={name: dict.fromkeys(("beat", "melody", "harmony", "bassline"), 0.05)
                           for name in ("intro", "verse", "chorus", "bridge", "outro")})  # fmt: skip
    for song in songs(data, 30, length_s=20):
        assert all(section.layers for section in song.sections)
        assert {name for section in song.sections for name in section.layers} == {layer.name for layer in song.layers}


def test_layers_play_in_a_section_as_often_as_the_genre_says_of_them_or_of_their_role() -> None:
    data = genre(sections={"verse": {"melody": 0.3, "answers": 0.9}})
    found = songs(data, 120, length_s=15)
    verses = [
        (section.layers, {layer.name for layer in song.layers})
        for song in found
        for section in song.sections
        if section.name == "verse" and section.occurrence == 1
    ]
    lead = [("melody" in playing) for playing, there in verses if "melody" in there]
    answers = [("answers" in playing) for playing, there in verses if "answers" in there]
    assert 0.2 < sum(lead) / len(lead) < 0.42
    assert 0.8 < sum(answers) / len(answers) < 0.97
