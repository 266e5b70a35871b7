"""The split of a song into parts: laws on events, and the cases that break naive splitters."""

from __future__ import annotations

import hashlib
import io
import random
from collections import Counter

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import MidiError, NoNotesError
from schemas.song import Part, SplitResult
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.model import MidiFile
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.midi.split import split_song
from workers.midi.tempo import TempoMap

Message = tuple[int, int, int, int]  #: tick, status, data, data


def _messages(midi: MidiFile) -> list[Message]:
    return [(tick, status, d1, d2) for tick, _, status, d1, d2 in midi.events.tolist()]


def _stem(stems: dict[str, bytes], name: str) -> list[Message]:
    """Return the messages of a stem behind its program change."""
    messages = _messages(read_midi(stems[name]))
    first = next(index for index, message in enumerate(messages) if message[1] & 0xF0 == 0xC0)
    return messages[first + 1 :]


def _notes(messages: list[Message]) -> list[tuple[int, int, int]]:
    return [(tick, d1, d2) for tick, status, d1, d2 in messages if status & 0xF0 == 0x90 and d2 > 0]


def _state(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message[1] & 0xF0 not in {0x80, 0x90, 0xC0}]


def _keys(result: SplitResult) -> list[tuple[int, int, int, int, int]]:
    return [(part.track, part.channel, part.bank, part.program, part.notes) for part in result.parts]


# ---------------------------------------------------------------- laws


def _check_laws(data: bytes) -> None:
    """Check what holds of every split: each note once, state whole and in order, files that hold what they say."""
    source = read_midi(data)
    result, stems = split_song(data)
    assert [part.name for part in result.parts] == list(stems) == [f"S{number:02d}" for number in range(len(stems))]
    found: Counter[tuple[int, int, int, int]] = Counter()
    for part in result.parts:
        messages = _stem(stems, part.name)
        found += Counter((tick, part.channel, key, velocity) for tick, key, velocity in _notes(messages))
        assert len(_notes(messages)) == part.notes
        assert _state(messages) == _expected_state(source, part)
        _check_file(stems[part.name], part, source)
    notes = [(t, s & 15, d1, d2) for t, s, d1, d2 in _messages(source) if s & 0xF0 == 0x90 and d2 > 0]
    assert found == Counter(notes)
    assert result.duration_s == max(part.end_s for part in result.parts)


def _expected_state(source: MidiFile, part: Part) -> list[Message]:
    """Return every message of the part's channel, from all tracks, that is neither note nor program nor bank nor mode."""
    return [
        (tick, status & 0xF0 | (9 if part.is_drum else 0), d1, d2)
        for tick, status, d1, d2 in _messages(source)
        if status & 0xF0 not in {0x80, 0x90, 0xC0}
        and status & 15 == part.channel
        and not (status & 0xF0 == 0xB0 and (d1 in {0, 32} or d1 >= 124))
    ]


def _check_file(stem: bytes, part: Part, source: MidiFile) -> None:
    midi = read_midi(stem)
    assert (midi.midi_type, midi.division, midi.track_count) == (1, source.division, 2)
    assert hashlib.sha256(stem).hexdigest() == part.midi_sha256
    assert {message[1] & 15 for message in _messages(midi)} == {9 if part.is_drum else 0}
    preset = [(0, 0xB0, 0, part.bank)] if part.bank not in {0, 128} else []
    preset.append((0, 0xC9 if part.is_drum else 0xC0, part.program, 0))
    assert _messages(midi)[: len(preset)] == preset
    tempo, whole = TempoMap.from_midi(midi), TempoMap.from_midi(source)
    assert (tempo.tempi_us, tempo.meter_changes, tempo.key_changes) == (
        whole.tempi_us, whole.meter_changes, whole.key_changes,
    )  # fmt: skip


def test_the_laws_of_the_split_hold_for_real_songs() -> None:
    for path in corpus.songs():
        _check_laws(path.read_bytes())


_KEYS, _CHANNELS = st.sampled_from([60, 61]), st.sampled_from([0, 1, 9])
_EVENTS = st.one_of(
    st.builds(smf.note_on, st.integers(0, 40), _KEYS, st.integers(0, 127), _CHANNELS),
    st.builds(smf.note_off, st.integers(0, 40), _KEYS, st.integers(0, 127), _CHANNELS),
    st.builds(smf.program, st.integers(0, 40), st.sampled_from([0, 5]), _CHANNELS),
    st.builds(
        smf.control, st.integers(0, 40), st.sampled_from([0, 32, 64, 66, 68, 101, 6, 120, 121, 123, 126]),
        st.sampled_from([0, 64, 127]), _CHANNELS,
    ),
    st.builds(smf.bend, st.integers(0, 40), st.integers(0, 16383), _CHANNELS),
    st.builds(smf.key_pressure, st.integers(0, 40), _KEYS, st.integers(0, 127), _CHANNELS),
    st.builds(smf.tempo, st.integers(0, 40), st.floats(30, 300)),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.lists(_EVENTS, max_size=25), min_size=1, max_size=3), st.sampled_from([1, 2]))
def test_the_laws_of_the_split_hold_for_any_song(tracks: list[list[smf.Event]], midi_type: int) -> None:
    data = smf.song([smf.note_on(0, 72, channel=2)], *tracks, midi_type=midi_type)
    _check_laws(data)


@settings(max_examples=200)
@given(st.lists(st.lists(_EVENTS, max_size=25), min_size=1, max_size=3))
def test_together_the_stems_hold_a_key_exactly_while_the_whole_does(tracks: list[list[smf.Event]]) -> None:
    data = smf.song([smf.note_on(0, 72, channel=2)], *tracks, end=50)
    result, stems = split_song(data)
    spans: Counter[tuple[int, int, int, int]] = Counter()
    for part in result.parts:
        spans += Counter((part.channel, *span) for span in _sounding(read_midi(stems[part.name])))
    whole = Counter(span for channel in range(16) for span in _channel_spans(read_midi(data), channel))
    assert spans == whole


def _channel_spans(source: MidiFile, channel: int) -> list[tuple[int, int, int, int]]:
    messages = [(t, s & 0xF0, d1, d2) for t, s, d1, d2 in _messages(source) if s & 15 == channel]
    ends = {d1: source.end_ticks[track] for _, track, s, d1, d2 in source.events.tolist()
            if s == 0x90 | channel and d2}  # fmt: skip
    return [(channel, *span) for span in _spans(messages, ends)]


def _sounding(stem: MidiFile) -> list[tuple[int, int, int]]:
    return _spans([(t, s & 0xF0, d1, d2) for t, s, d1, d2 in _messages(stem)], {})


def _spans(messages: list[Message], track_ends: dict[int, int]) -> list[tuple[int, int, int]]:
    """Play messages of one channel key by key: one note sounds per key; return (key, start, end) of each."""
    down: dict[int, int] = {}
    spans = []
    for tick, kind, key, value in messages:
        ended = []
        if kind in {0x80, 0x90}:
            ended = [key]
        elif kind == 0xB0 and key in {120, 123}:
            ended = list(down)
        spans += [(each, down.pop(each), tick) for each in ended if each in down]
        if kind == 0x90 and value:
            down[key] = tick
    return spans + [(key, start, track_ends[key]) for key, start in down.items()]


def test_equal_bytes_give_equal_stems_and_other_content_gives_others() -> None:
    for path in corpus.songs()[:2]:
        data = path.read_bytes()
        assert split_song(data) == split_song(bytes(bytearray(data)))
    first, second = (split_song(smf.song(smf.note(0, 9, key)))[1] for key in (60, 61))
    assert first != second


def test_one_track_of_many_channels_and_many_tracks_give_the_same_sound_events() -> None:
    draw = random.Random(5)
    lines = []
    for channel in (0, 1, 9):
        keys = [(60 * tick, draw.randrange(50, 60), draw.randrange(1, 127)) for tick in range(40)]
        lines.append(
            [smf.program(0, 10 + channel, channel), smf.control(700, 64, 127, channel), smf.bend(900, 3000, channel)]
            + [event for tick, key, velocity in keys for event in smf.note(tick, 50, key, velocity, channel)]
        )
    merged = smf.song([event for line in lines for event in line])
    apart = smf.song(*lines)
    parts, stems = zip(*(split_song(data) for data in (merged, apart)), strict=True)
    for name in ("S00", "S01", "S02"):
        assert _stem(stems[0], name) == _stem(stems[1], name)
    assert [key[1:] for key in _keys(parts[0])] == [key[1:] for key in _keys(parts[1])]


# ---------------------------------------------------------------- parts


def test_parts_come_in_the_order_of_track_channel_first_note_bank_and_program() -> None:
    data = smf.song(
        [*smf.note(0, 10, 60, channel=5)],
        [smf.program(0, 9, 4), *smf.note(50, 10, 60, channel=4), smf.program(70, 3, 4), *smf.note(80, 10, 60, channel=4),
         *smf.note(90, 10, 60, channel=2)],
    )  # fmt: skip
    assert _keys(split_song(data)[0]) == [(0, 5, 0, 0, 1), (1, 2, 0, 0, 1), (1, 4, 0, 9, 1), (1, 4, 0, 3, 1)]


def test_a_part_without_notes_does_not_exist() -> None:
    data = smf.song([smf.program(0, 5, 1), smf.control(0, 7, 99, 1)], smf.note(0, 10, 60))
    assert _keys(split_song(data)[0]) == [(1, 0, 0, 0, 1)]


def test_a_program_change_in_mid_track_starts_another_part_and_the_sounding_note_rings_on() -> None:
    data = smf.song(
        [smf.program(0, 5), smf.note_on(0, 60), smf.program(10, 6), smf.note_on(10, 64), smf.note_off(40, 60),
         smf.note_off(50, 64), smf.program(60, 5), *smf.note(70, 5, 67)],
    )  # fmt: skip
    result, stems = split_song(data)
    assert _keys(result) == [(0, 0, 0, 5, 2), (0, 0, 0, 6, 1)]
    assert _stem(stems, "S00") == [(0, 0x90, 60, 100), (40, 0x80, 60, 64), (70, 0x90, 67, 100), (75, 0x80, 67, 64)]
    assert _stem(stems, "S01") == [(10, 0x90, 64, 100), (50, 0x80, 64, 64)]


def test_a_program_change_in_another_track_of_the_channel_counts_from_its_tick_on() -> None:
    data = smf.song([smf.program(0, 30, 3), smf.program(100, 31, 3)],
                    [*smf.note(50, 10, 60, channel=3), *smf.note(100, 10, 61, channel=3)])  # fmt: skip
    assert _keys(split_song(data)[0]) == [(1, 3, 0, 30, 1), (1, 3, 0, 31, 1)]


def test_a_bank_select_takes_effect_with_the_next_program_change() -> None:
    data = smf.song(
        [smf.control(0, 0, 8), *smf.note(0, 5, 60), smf.program(10, 5), *smf.note(10, 5, 60), smf.control(20, 0, 0),
         smf.control(20, 32, 3), *smf.note(20, 5, 60), smf.program(30, 5), *smf.note(30, 5, 60)],
    )  # fmt: skip
    result, stems = split_song(data)
    assert _keys(result) == [(0, 0, 0, 0, 1), (0, 0, 8, 5, 2), (0, 0, 0, 5, 1)]
    assert _messages(read_midi(stems["S01"]))[:2] == [(0, 0xB0, 0, 8), (0, 0xC0, 5, 0)]


def test_drums_keep_their_channel_and_kit_whatever_bank_is_selected() -> None:
    data = smf.song([smf.control(0, 0, 8, 9), smf.program(0, 25, 9), *smf.note(0, 5, 36, channel=9)])
    result, stems = split_song(data)
    assert _keys(result) == [(0, 9, 128, 25, 1)]
    assert result.parts[0].is_drum
    assert _messages(read_midi(stems["S00"])) == [(0, 0xC9, 25, 0), (0, 0x99, 36, 100), (5, 0x89, 36, 64)]


def test_channel_state_of_all_tracks_reaches_every_part_of_the_channel_in_order() -> None:
    data = smf.song(
        [smf.control(0, 7, 90, 2), smf.control(5, 101, 0, 2), smf.control(5, 100, 0, 2), smf.control(10, 11, 5, 0)],
        [smf.control(5, 6, 12, 2), *smf.note(10, 10, 60, channel=2), smf.channel_pressure(15, 3, 2)],
        [*smf.note(12, 10, 61, channel=2), smf.key_pressure(15, 61, 9, 2), smf.bend(16, 0, 2)],
    )  # fmt: skip
    _, stems = split_song(data)
    state = [(0, 0xB0, 7, 90), (5, 0xB0, 101, 0), (5, 0xB0, 100, 0), (5, 0xB0, 6, 12), (15, 0xD0, 3, 0),
             (15, 0xA0, 61, 9), (16, 0xE0, 0, 0)]  # fmt: skip
    assert _state(_stem(stems, "S00")) == _state(_stem(stems, "S01")) == state


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
    assert _stem(stems, "S00") == [(0, 0x90, 60, 100), (20, 0x80, 60, 64)]  # struck again by the other track
    assert _stem(stems, "S01") == [(20, 0x90, 60, 100), (50, 0x80, 60, 64)]  # released by the other track


def test_a_key_struck_again_by_its_own_part_is_released_first() -> None:
    data = smf.song([smf.note_on(0, 60), smf.note_on(20, 60, 90), smf.note_off(50, 60, 7), smf.note_off(60, 60)])
    _, stems = split_song(data)
    assert _stem(stems, "S00") == [
        (0, 0x90, 60, 100), (20, 0x80, 60, 64), (20, 0x90, 60, 90), (50, 0x80, 60, 7),
    ]  # fmt: skip


@pytest.mark.parametrize("number", [65, 66, 68, 84])
def test_on_channels_with_a_memory_every_note_off_is_kept_as_it_is(number: int) -> None:
    events = [smf.note_on(0, 60), smf.control(5, number, 127), smf.note_on(20, 60), smf.note_off(50, 60),
              smf.note_off(60, 60)]  # fmt: skip
    _, stems = split_song(smf.song(events))
    assert _stem(stems, "S00") == _messages(read_midi(smf.song(events)))


def test_hanging_notes_are_closed_at_the_end_of_their_track_and_counted() -> None:
    data = smf.file([smf.track([smf.note_on(0, 60)], end=300), smf.track(smf.note(10, 700, 60, channel=1))])
    result, stems = split_song(data)
    assert _stem(stems, "S00") == [(0, 0x90, 60, 100), (300, 0x80, 60, 64)]
    assert result.warnings == {"hanging_notes": 1}
    assert [part.end_s for part in result.parts] == [300 / 960, 710 / 960]


@pytest.mark.parametrize("number", [120, 123])
def test_all_notes_off_ends_notes_so_that_they_do_not_hang(number: int) -> None:
    data = smf.song([smf.note_on(0, 60), smf.note_on(5, 64), smf.control(40, number, 0), smf.note_off(90, 64)])
    result, stems = split_song(data)
    assert _stem(stems, "S00") == [
        (0, 0x90, 60, 100), (5, 0x90, 64, 100), (40, 0x80, 60, 64), (40, 0x80, 64, 64), (40, 0xB0, number, 0),
    ]  # fmt: skip
    assert result.warnings == {}
    assert result.duration_s == 40 / 960


def test_the_song_ends_with_its_last_note_not_with_stray_late_events() -> None:
    data = smf.song([*smf.note(0, 480, 60), smf.control(90_000, 7, 0)], [smf.meta(99_000, 6, b"end")])
    assert split_song(data)[0].duration_s == 0.5


def test_a_note_of_no_length_stays_a_note() -> None:
    _, stems = split_song(smf.song([smf.note_on(7, 60), smf.note_off(7, 60)]))
    assert _stem(stems, "S00") == [(7, 0x90, 60, 100), (7, 0x80, 60, 64)]


def test_sustain_reaches_the_stem_untouched() -> None:
    data = smf.song([smf.control(0, 64, 127), *smf.note(0, 10, 60), smf.control(400, 64, 0)])
    _, stems = split_song(data)
    assert _state(_stem(stems, "S00")) == [(0, 0xB0, 64, 127), (400, 0xB0, 64, 0)]


# ---------------------------------------------------------------- files and times


def test_tracks_of_type_2_sound_one_after_another() -> None:
    data = smf.song([*smf.note(0, 100, 60), smf.program(100, 7)], smf.note(0, 100, 60), midi_type=2, end=200)
    result, stems = split_song(data)
    assert _keys(result) == [(0, 0, 0, 0, 1), (1, 0, 0, 7, 1)]
    assert _notes(_stem(stems, "S01")) == [(200, 60, 100)]
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


def test_channel_mode_messages_reach_no_stem() -> None:
    events = [*smf.note(0, 50, 60), *(smf.control(10, number, 1) for number in range(118, 128) if number != 120)]
    _, stems = split_song(smf.song(events))
    assert {d1 for _, status, d1, _ in _stem(stems, "S00") if status == 0xB0} == {118, 119, 121, 122, 123}


def test_a_song_without_notes_is_refused_by_name() -> None:
    for events in ([smf.control(0, 7, 90)], [], [smf.note_on(0, 60, 0), smf.note_off(5, 60)]):
        with pytest.raises(NoNotesError) as caught:
            split_song(smf.song(events))
        assert caught.value.reason == "no_notes"


def test_more_parts_than_can_be_named_are_refused() -> None:
    events = [
        event
        for number in range(1000)
        for event in (smf.control(number, 0, number // 128), smf.program(number, number % 128), *smf.note(number, 0, 60))
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
