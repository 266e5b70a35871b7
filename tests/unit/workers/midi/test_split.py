"""The split of a song into parts: the cases that break naive splitters."""

from __future__ import annotations

import io

import mido
import numpy as np
import pytest

from schemas.errors import MidiError, NoNotesError
from tests.support import corpus
from tests.support import midi as smf
from tests.support.midi import messages_of, notes_of, part_keys, state_of, stem_messages
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.midi.split import split_song

# ---------------------------------------------------------------- parts


def test_parts_come_in_the_order_of_track_channel_first_note_bank_and_program() -> None:
    data = smf.song(
        [*smf.note(0, 10, 60, channel=5)],
        [smf.program(0, 9, 4), *smf.note(50, 10, 60, channel=4), smf.program(70, 3, 4),
         *smf.note(80, 10, 60, channel=4), *smf.note(90, 10, 60, channel=2)],
    )  # fmt: skip
    assert part_keys(split_song(data)[0]) == [(0, 5, 0, 0, 1), (1, 2, 0, 0, 1), (1, 4, 0, 9, 1), (1, 4, 0, 3, 1)]


def test_a_part_without_notes_does_not_exist() -> None:
    data = smf.song([smf.program(0, 5, 1), smf.control(0, 7, 99, 1)], smf.note(0, 10, 60))
    assert part_keys(split_song(data)[0]) == [(1, 0, 0, 0, 1)]


def test_a_program_change_in_mid_track_starts_another_part_and_the_sounding_note_rings_on() -> None:
    data = smf.song(
        [smf.program(0, 5), smf.note_on(0, 60), smf.program(10, 6), smf.note_on(10, 64), smf.note_off(40, 60),
         smf.note_off(50, 64), smf.program(60, 5), *smf.note(70, 5, 67)],
    )  # fmt: skip
    result, stems = split_song(data)
    assert part_keys(result) == [(0, 0, 0, 5, 2), (0, 0, 0, 6, 1)]
    assert stem_messages(stems, "S00") == [
        (0, 0x90, 60, 100),
        (40, 0x80, 60, 64),
        (70, 0x90, 67, 100),
        (75, 0x80, 67, 64),
    ]
    assert stem_messages(stems, "S01") == [(10, 0x90, 64, 100), (50, 0x80, 64, 64)]


def test_a_program_change_in_another_track_of_the_channel_counts_from_its_tick_on() -> None:
    data = smf.song([smf.program(0, 30, 3), smf.program(100, 31, 3)],
                    [*smf.note(50, 10, 60, channel=3), *smf.note(100, 10, 61, channel=3)])  # fmt: skip
    assert part_keys(split_song(data)[0]) == [(1, 3, 0, 30, 1), (1, 3, 0, 31, 1)]


def test_a_bank_select_takes_effect_with_the_next_program_change() -> None:
    data = smf.song(
        [smf.control(0, 0, 8), *smf.note(0, 5, 60), smf.program(10, 5), *smf.note(10, 5, 60), smf.control(20, 0, 0),
         smf.control(20, 32, 3), *smf.note(20, 5, 60), smf.program(30, 5), *smf.note(30, 5, 60)],
    )  # fmt: skip
    result, stems = split_song(data)
    assert part_keys(result) == [(0, 0, 0, 0, 1), (0, 0, 8, 5, 2), (0, 0, 0, 5, 1)]
    assert messages_of(read_midi(stems["S01"]))[:2] == [(0, 0xB0, 0, 8), (0, 0xC0, 5, 0)]


def test_drums_keep_their_channel_and_kit_whatever_bank_is_selected() -> None:
    data = smf.song([smf.control(0, 0, 8, 9), smf.program(0, 25, 9), *smf.note(0, 5, 36, channel=9)])
    result, stems = split_song(data)
    assert part_keys(result) == [(0, 9, 128, 25, 1)]
    assert result.parts[0].is_drum
    assert messages_of(read_midi(stems["S00"])) == [(0, 0xC9, 25, 0), (0, 0x99, 36, 100), (5, 0x89, 36, 64)]


def test_channel_state_of_all_tracks_reaches_every_part_of_the_channel_in_order() -> None:
    data = smf.song(
        [smf.control(0, 7, 90, 2), smf.control(5, 101, 0, 2), smf.control(5, 100, 0, 2), smf.control(10, 11, 5, 0)],
        [smf.control(5, 6, 12, 2), *smf.note(10, 10, 60, channel=2), smf.channel_pressure(15, 3, 2)],
        [*smf.note(12, 10, 61, channel=2), smf.key_pressure(15, 61, 9, 2), smf.bend(16, 0, 2)],
    )  # fmt: skip
    _, stems = split_song(data)
    state = [(0, 0xB0, 7, 90), (5, 0xB0, 101, 0), (5, 0xB0, 100, 0), (5, 0xB0, 6, 12), (15, 0xD0, 3, 0),
             (15, 0xA0, 61, 9), (16, 0xE0, 0, 0)]  # fmt: skip
    assert state_of(stem_messages(stems, "S00")) == state_of(stem_messages(stems, "S01")) == state


def test_several_channels_on_one_track_are_parts_of_their_own() -> None:
    data = smf.song([smf.name(0, "All"), *smf.note(0, 9, 60), *smf.note(0, 9, 60, channel=1)])
    result, _ = split_song(data)
    assert [(part.channel, part.track_name) for part in result.parts] == [(0, "All"), (1, "All")]


# ---------------------------------------------------------------- how notes end


def test_two_tracks_that_share_a_channel_and_a_key_end_each_others_notes() -> None:
    data = smf.song(
        [smf.note_on(0, 60), smf.note_off(50, 60)], [smf.note_on(20, 60), smf.note_off(70, 60)],
    )  # fmt: skip
    _, stems = split_song(data)
    assert stem_messages(stems, "S00") == [(0, 0x90, 60, 100), (20, 0x80, 60, 64)]  # struck again by the other track
    assert stem_messages(stems, "S01") == [(20, 0x90, 60, 100), (50, 0x80, 60, 64)]  # released by the other track


def test_a_key_struck_again_by_its_own_part_is_released_first() -> None:
    data = smf.song([smf.note_on(0, 60), smf.note_on(20, 60, 90), smf.note_off(50, 60, 7), smf.note_off(60, 60)])
    _, stems = split_song(data)
    assert stem_messages(stems, "S00") == [
        (0, 0x90, 60, 100), (20, 0x80, 60, 64), (20, 0x90, 60, 90), (50, 0x80, 60, 7),
    ]  # fmt: skip


@pytest.mark.parametrize("number", [65, 66, 68, 84])
def test_on_channels_with_a_memory_every_note_off_is_kept_as_it_is(number: int) -> None:
    events = [smf.note_on(0, 60), smf.control(5, number, 127), smf.note_on(20, 60), smf.note_off(50, 60),
              smf.note_off(60, 60)]  # fmt: skip
    _, stems = split_song(smf.song(events))
    assert stem_messages(stems, "S00") == messages_of(read_midi(smf.song(events)))


def test_on_channels_with_a_memory_another_parts_note_still_ends_a_note() -> None:
    data = smf.song([smf.control(0, 66, 127), smf.note_on(0, 60)], smf.note(20, 30, 60))
    _, stems = split_song(data)
    assert stem_messages(stems, "S00") == [
        (0, 0xB0, 66, 127), (0, 0x90, 60, 100), (20, 0x80, 60, 64), (50, 0x80, 60, 64),
    ]  # fmt: skip


def test_hanging_notes_are_closed_at_the_end_of_their_track_and_counted() -> None:
    data = smf.file([smf.track([smf.note_on(0, 60)], end=300), smf.track(smf.note(10, 700, 60, channel=1))])
    result, stems = split_song(data)
    assert stem_messages(stems, "S00") == [(0, 0x90, 60, 100), (300, 0x80, 60, 64)]
    assert result.warnings == {"hanging_notes": 1}
    assert [part.end_s for part in result.parts] == [300 / 960, 710 / 960]


@pytest.mark.parametrize("number", [120, 123])
def test_all_notes_off_ends_notes_so_that_they_do_not_hang(number: int) -> None:
    data = smf.song([smf.note_on(0, 60), smf.note_on(5, 64), smf.control(40, number, 0), smf.note_off(90, 64)])
    result, stems = split_song(data)
    assert stem_messages(stems, "S00") == [
        (0, 0x90, 60, 100), (5, 0x90, 64, 100), (40, 0x80, 60, 64), (40, 0x80, 64, 64), (40, 0xB0, number, 0),
    ]  # fmt: skip
    assert result.warnings == {}
    assert result.duration_s == 40 / 960


@pytest.mark.parametrize("number", [120, 123])
def test_a_note_off_at_the_tick_of_all_notes_off_stays_where_it_is(number: int) -> None:
    data = smf.song([smf.note_on(0, 60), smf.control(40, number, 0), smf.note_off(40, 60, 9)])
    _, stems = split_song(data)
    assert stem_messages(stems, "S00") == [(0, 0x90, 60, 100), (40, 0xB0, number, 0), (40, 0x80, 60, 9)]


def test_a_hanging_note_is_closed_before_a_later_message_ends_another() -> None:
    data = smf.file([smf.track([smf.note_on(0, 61), smf.note_on(5, 60)], end=10), smf.track([smf.note_off(50, 61)])])
    _, stems = split_song(data)
    assert stem_messages(stems, "S00")[2:] == [(10, 0x80, 60, 64), (50, 0x80, 61, 64)]


def test_the_song_ends_with_its_last_note_not_with_stray_late_events() -> None:
    data = smf.song([*smf.note(0, 480, 60), smf.control(90_000, 7, 0)], [smf.meta(99_000, 6, b"end")])
    assert split_song(data)[0].duration_s == 0.5


def test_a_note_of_no_length_stays_a_note() -> None:
    _, stems = split_song(smf.song([smf.note_on(7, 60), smf.note_off(7, 60)]))
    assert stem_messages(stems, "S00") == [(7, 0x90, 60, 100), (7, 0x80, 60, 64)]


def test_sustain_reaches_the_stem_untouched() -> None:
    data = smf.song([smf.control(0, 64, 127), *smf.note(0, 10, 60), smf.control(400, 64, 0)])
    _, stems = split_song(data)
    assert state_of(stem_messages(stems, "S00")) == [(0, 0xB0, 64, 127), (400, 0xB0, 64, 0)]


# ---------------------------------------------------------------- files and times


def test_tracks_of_type_2_sound_one_after_another() -> None:
    data = smf.song([*smf.note(0, 100, 60), smf.program(100, 7)], smf.note(0, 100, 60), midi_type=2, end=200)
    result, stems = split_song(data)
    assert part_keys(result) == [(0, 0, 0, 0, 1), (1, 0, 0, 7, 1)]
    assert notes_of(stem_messages(stems, "S01")) == [(200, 60, 100)]
    assert result.duration_s == 300 / 960


def test_stems_of_a_song_in_smpte_time_are_in_smpte_time() -> None:
    result, stems = split_song(smf.song(smf.note(0, 1000, 60), division=0xE728))
    assert result.duration_s == 1.0
    assert read_midi(stems["S00"]).division == 0xE728


def test_metas_of_the_song_are_in_the_first_track_of_every_stem_and_the_name_in_the_second() -> None:
    data = smf.song(
        [smf.name(0, "Title"), smf.tempo(0, 90), smf.meter(0, 3, 4), smf.key_signature(0, 2), smf.meta(9, 5, b"la")],
        [smf.name(0, "Bass"), smf.meta(0, 0x21, b"\x00"), smf.meta(3, 0x7F, b"x"), smf.meta(8, 6, b"verse"),
         *smf.note(0, 9, 40)],
    )  # fmt: skip
    result, stems = split_song(data)
    first, second = mido.MidiFile(file=io.BytesIO(stems["S00"])).tracks
    assert [message.type for message in first] == [
        "track_name", "set_tempo", "time_signature", "key_signature", "marker", "lyrics", "end_of_track",
    ]  # fmt: skip
    assert (first.name, second.name) == ("Title", "Bass")
    assert result.parts[0].track_name == "Bass"
    assert "sequencer_specific" not in {message.type for message in second}


def test_track_names_are_read_whatever_their_encoding() -> None:
    names = ["Gitarre für zwei".encode(), "Flöte".encode("latin-1"), b" Bass\x00\x07 ", b"\xff\xfe"]
    tracks = [[smf.meta(0, 3, name), *smf.note(0, 9, 60, channel=channel)] for channel, name in enumerate(names)]
    parts = split_song(smf.song(*tracks))[0].parts
    assert [part.track_name for part in parts] == ["Gitarre für zwei", "Flöte", "Bass", "ÿþ"]


@pytest.mark.parametrize(
    ("events", "warnings"),
    [
        ([smf.sysex(0, b"\x7e\xf7"), smf.sysex(5, b"\x7e\xf7")], {"sysex_ignored": 2}),
        ([smf.control(0, 126, 1), smf.control(0, 124, 0)], {"mode_messages_ignored": 2}),
        ([smf.meta(0, 0x51, b"\0\0\0")], {"tempo_ignored": 1}),
        ([smf.meta(0, 0x21, b"\0"), smf.meta(0, 0x21, b"\1")], {"ports_merged": 2}),
        ([smf.meta(0, 0x21, b"\1"), smf.meta(0, 0x21, b"\1")], {}),
        ([smf.control(0, 68, 127), smf.program(80, 5), *smf.note(80, 5, 60)], {"shared_channel_modes": 2}),
        ([smf.control(0, 68, 127), *smf.note(80, 5, 60)], {}),
        ([*smf.note(0, 5, 42, channel=9), smf.program(9, 8, 9), *smf.note(9, 5, 46, channel=9)], {"drums_apart": 2}),
        ([*smf.note(0, 5, 36, channel=9), smf.program(9, 8, 9), *smf.note(9, 5, 46, channel=9)], {}),
    ],
)
def test_what_the_stems_cannot_show_is_counted_by_name(events: list[smf.Event], warnings: dict[str, int]) -> None:
    assert split_song(smf.song([*smf.note(0, 5, 60), *events]))[0].warnings == warnings


def test_channel_mode_messages_reach_nostem_messages() -> None:
    events = [*smf.note(0, 50, 60), *(smf.control(10, number, 1) for number in range(118, 128) if number != 120)]
    _, stems = split_song(smf.song(events))
    assert {d1 for _, status, d1, _ in stem_messages(stems, "S00") if status == 0xB0} == {118, 119, 121, 122, 123}


def test_a_song_without_notes_is_refused_by_name() -> None:
    for events in ([smf.control(0, 7, 90)], [], [smf.note_on(0, 60, 0), smf.note_off(5, 60)]):
        with pytest.raises(NoNotesError) as caught:
            split_song(smf.song(events))
        assert caught.value.reason == "no_notes"


def test_more_parts_than_can_be_named_are_refused() -> None:
    events = [
        event
        for number in range(1000)
        for event in (
            smf.control(number, 0, number // 128),
            smf.program(number, number % 128),
            *smf.note(number, 0, 60),
        )
    ]
    with pytest.raises(MidiError, match="1000 parts"):
        split_song(smf.song(events))


def test_real_songs_have_as_many_parts_and_notes_as_instruments_played_in_them() -> None:
    counts = {}
    for path in corpus.songs():
        result, stems = split_song(path.read_bytes())
        counts[path.stem] = (len(result.parts), sum(part.notes for part in result.parts))
        assert all(len(read_notes(read_midi(stems[part.name]))) == part.notes for part in result.parts)
    assert counts == {
        "aicha": (13, 6760), "d8faddb8596fff7abb24d78666f73e4e": (16, 2674), "funkytown": (9, 4860),
        "girls_just_want_to_have_fun": (12, 5362), "mr_blue_sky": (9, 4308), "what_a_fool_believes": (9, 7137),
    }  # fmt: skip


def test_a_note_ends_in_its_part_when_the_part_says_it_does() -> None:
    for path in corpus.songs():
        result, stems = split_song(path.read_bytes())
        for part in result.parts:
            ends = read_notes(read_midi(stems[part.name])).key_off_s
            assert float(np.max(ends)) == pytest.approx(part.end_s, abs=1e-9), (path.name, part.name)
