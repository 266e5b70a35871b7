"""The reader and the writer of Standard MIDI Files."""

from __future__ import annotations

import contextlib
import io
import random

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import MidiError
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.model import EVENT, MAX_TICK, Meta, MidiFile
from workers.midi.smf import MAX_FILE_BYTES, read_midi, write_midi


def _rows(midi: MidiFile) -> list[tuple[int, ...]]:
    return [tuple(row) for row in midi.events.tolist()]


# ---------------------------------------------------------------- reading


def test_every_kind_of_channel_message_is_read_with_its_data() -> None:
    events = [
        smf.note_on(0, 60, 99, channel=3), smf.key_pressure(10, 60, 5, channel=3), smf.control(20, 7, 90, channel=3),
        smf.program(30, 12, channel=3), smf.channel_pressure(40, 77, channel=3), smf.bend(50, 8193, channel=3),
        smf.note_off(60, 60, 30, channel=3),
    ]  # fmt: skip
    assert _rows(read_midi(smf.song(events))) == [
        (0, 0, 0x93, 60, 99), (10, 0, 0xA3, 60, 5), (20, 0, 0xB3, 7, 90), (30, 0, 0xC3, 12, 0), (40, 0, 0xD3, 77, 0),
        (50, 0, 0xE3, 1, 64), (60, 0, 0x83, 60, 30),
    ]  # fmt: skip


def test_running_status_goes_on_over_long_deltas_and_through_meta_and_sysex_messages() -> None:
    body = (
        b"\x00\x90\x3c\x40" + b"\x81\x00\x3e\x41" + b"\xff\xff\x7f\x40\x42"  # deltas 0, 128, 2097151
        + b"\x05\xff\x01\x02hi" + b"\x05\x3c\x00" + b"\x01\xf0\x03\x7e\x7f\xf7" + b"\x01\x3e\x00"
        + b"\x00\xc1\x05" + b"\x02\x06" + b"\x00\xff\x2f\x00"
    )  # fmt: skip
    midi = read_midi(smf.file([smf.chunk(b"MTrk", body)]))
    start = 128 + 2097151
    assert _rows(midi) == [
        (0, 0, 0x90, 60, 64), (128, 0, 0x90, 62, 65), (start, 0, 0x90, 64, 66), (start + 10, 0, 0x90, 60, 0),
        (start + 12, 0, 0x90, 62, 0), (start + 12, 0, 0xC1, 5, 0), (start + 14, 0, 0xC1, 6, 0),
    ]  # fmt: skip
    assert midi.metas == [Meta(start + 5, 0, 1, b"hi")]
    assert midi.sysex_count == 1


def test_tracks_are_merged_by_tick_then_track_then_order_in_the_track() -> None:
    first = [smf.note_on(10, 60), smf.note_on(0, 61), smf.note_on(10, 62)]
    second = [smf.note_on(0, 70), smf.note_on(10, 71), smf.note_on(5, 72)]
    midi = read_midi(smf.song(first, second))
    assert [(row[0], row[1], row[3]) for row in _rows(midi)] == [
        (0, 0, 61), (0, 1, 70), (5, 1, 72), (10, 0, 60), (10, 0, 62), (10, 1, 71),
    ]  # fmt: skip


def test_tracks_of_type_2_follow_one_another() -> None:
    data = smf.song([smf.note_on(5, 60), smf.tempo(7, 90)], [smf.note_on(5, 61)], midi_type=2, end=100)
    midi = read_midi(data)
    assert [(row[0], row[1]) for row in _rows(midi)] == [(5, 0), (105, 1)]
    assert (midi.start_ticks, midi.end_ticks) == ((0, 100), (100, 200))
    assert [meta.tick for meta in midi.metas] == [7]


@pytest.mark.parametrize(
    ("division", "ticks_per_second"), [(0xE728, 25 * 40), (0xE850, 24 * 80), (0xE204, 30 * 4), (0xE364, None)]
)
def test_smpte_divisions_give_ticks_per_second(division: int, ticks_per_second: int | None) -> None:
    midi = read_midi(smf.song([smf.note_on(0, 60)], division=division))
    assert midi.ticks_per_quarter is None
    frames = midi.ticks_per_second
    assert frames is not None
    if ticks_per_second is None:  # 29 stands for drop-frame time
        assert frames == pytest.approx(100 * 30000 / 1001)
    else:
        assert frames == ticks_per_second


def test_a_long_header_and_foreign_chunks_are_passed_over() -> None:
    head = smf.chunk(b"MThd", b"\x00\x01\x00\x01\x01\xe0" + b"later")
    data = head + smf.chunk(b"XFIH", b"\x90\x90") + smf.track([smf.note_on(3, 60)]) + smf.chunk(b"tail", b"")
    midi = read_midi(data)
    assert len(midi.events) == 1
    assert midi.warnings == {"foreign_chunks": 2}


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (smf.file([smf.chunk(b"MTrk", b"\x00\x90\x3c\x40")]), "no_end_of_track"),
        (smf.file([smf.chunk(b"MTrk", b"\x00\x90\x3c\x40\x00\xff\x2f\x00\x00\x00")]), "bytes_after_end_of_track"),
        (smf.file([smf.track([smf.note_on(0, 60)]), smf.track([smf.note_on(0, 61)])], tracks=1), "extra_tracks"),
        (smf.file([b"MTrk\x00\x00\x00\xff\x00\x90\x3c\x40\x00\xff\x2f\x00"]), "track_length"),
    ],
)
def test_what_is_read_past_is_counted_by_name(data: bytes, warning: str) -> None:
    midi = read_midi(data)
    assert [row[3] for row in _rows(midi)] == [60]
    assert midi.warnings == {warning: 1}


def test_a_track_without_end_of_track_ends_with_its_last_event() -> None:
    assert read_midi(smf.file([smf.chunk(b"MTrk", b"\x07\x90\x3c\x40")])).end_ticks == (7,)


def test_a_file_without_tracks_is_empty() -> None:
    midi = read_midi(smf.file([]))
    assert (len(midi.events), midi.metas, midi.end_ticks) == (0, [], ())


# ---------------------------------------------------------------- refusing

_HEAD = len(smf.file([])) + 8  # offset of the first event of a file's first track


@pytest.mark.parametrize(
    ("body", "where", "why"),
    [
        (b"\x00\x3c\x40", _HEAD + 1, "no status"),
        (b"\x00\x90\x3c\xa8\x00\xff\x2f\x00", _HEAD + 3, "0xA8 stands where a data byte"),
        (b"\x00\x90\xff\x2f\x00", _HEAD + 2, "0xFF stands where a data byte"),
        (b"\x00\x90\x3c\x40\x00\x3c\x80", _HEAD + 6, "0x80 stands where a data byte"),
        (b"\x00\xc0\x85", _HEAD + 2, "0x85 stands where a data byte"),
        (b"\x00\xc0\x05\x00\xe5", _HEAD + 5, "ends inside an event"),
        (b"\x00\x90\x3c", _HEAD + 3, "ends inside an event"),
        (b"\x00\x90\x3c\x40\x00", _HEAD + 5, "behind a time"),
        (b"\x81\x80", _HEAD + 2, "ends inside a time"),
        (b"\x81\x80\x80\x80\x00\x90\x3c\x40", _HEAD, "longer than four bytes"),
        (b"\x00\xf8\x00\xff\x2f\x00", _HEAD + 1, "0xF8 is a system message"),
        (b"\x00\xff", _HEAD + 2, "inside a meta event"),
        (b"\x00\xff\x01\x05abc", _HEAD, "5 bytes does not fit"),
        (b"\x00\xff\x01\x8f\xff\xff\x7fabc", _HEAD, "does not fit"),
        (b"\x00\xf0\x7f\x01", _HEAD, "127 bytes does not fit"),
        (b"\x00\xff\x2f", _HEAD + 3, "inside a length"),
    ],
)
def test_damage_in_a_track_is_named_with_track_and_byte(body: bytes, where: int, why: str) -> None:
    with pytest.raises(MidiError, match=why) as caught:
        read_midi(smf.file([smf.chunk(b"MTrk", body)]))
    assert f"track 0, byte {where}:" in caught.value.message
    assert caught.value.reason == "unreadable"


def test_the_track_that_is_damaged_is_the_one_that_is_named() -> None:
    with pytest.raises(MidiError, match="track 1, byte 39"):
        read_midi(smf.file([smf.track([smf.note_on(0, 60)]), smf.chunk(b"MTrk", b"\x00\xf1")]))


_TRACK = smf.track([smf.note_on(0, 60)])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not start with MThd"),
        (b"RIFF" + bytes(40), "does not start with MThd"),
        (smf.file([_TRACK])[:12], "ends inside its header"),
        (smf.chunk(b"MThd", b"\x00\x00\x00\x01") + _TRACK, "ends inside its header"),
        (b"MThd\x7f\xff\xff\xff" + bytes(20), "ends inside its header"),
        (smf.file([_TRACK], midi_type=3), "type 3"),
        (smf.file([_TRACK], division=0), "division is zero"),
        (smf.file([_TRACK], division=0x9C04), "no SMPTE time"),
        (smf.file([_TRACK], division=0xE700), "no SMPTE time"),
        (smf.file([_TRACK], tracks=2), "promises 2 tracks, but the file ends after 1"),
        (smf.file([_TRACK], tracks=40_000), "promises 40000 tracks"),
        (smf.file([_TRACK, b"junk\x7f\xff\xff\xff"], tracks=2), "does not fit into the file"),
        (smf.file([smf.chunk(b"MTrk", b"\x00\x90\x3c\x40")[:-2]]), "ends inside an event"),
        (smf.file([b"MTrk\x00\x00\x00\x10\x00\x90\x3c\x40"]), "track 0 is cut off"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(MidiError, match=why):
        read_midi(data)


def test_times_beyond_any_song_are_refused_before_they_fill_the_memory() -> None:
    late = [smf.note_on(MAX_TICK, 60), smf.note_on(2 * MAX_TICK, 60)]
    assert read_midi(smf.song(late[:1])).end_ticks == (MAX_TICK,)
    with pytest.raises(MidiError, match="track 0 goes on to tick"):
        read_midi(smf.song(late))
    with pytest.raises(MidiError, match="track 1 goes on to tick"):
        read_midi(smf.song([smf.note_on(9, 60)], [smf.note_on(MAX_TICK, 60)], midi_type=2))


def test_a_file_too_large_to_be_a_song_is_refused_unread() -> None:
    with pytest.raises(MidiError, match="more than the"):
        read_midi(b"MThd" + bytes(MAX_FILE_BYTES))


# ---------------------------------------------------------------- real files


def test_real_songs_hold_the_channel_messages_that_mido_reads() -> None:
    for path in corpus.songs():
        expected = []
        for number, track in enumerate(mido.MidiFile(path).tracks):
            now = 0
            for message in track:
                now += message.time
                if not message.is_meta and message.type != "sysex":
                    data = message.bytes()
                    expected.append((now, number, *data, *[0] * (3 - len(data))))
        expected.sort(key=lambda row: row[:2])
        assert _rows(read_midi(path.read_bytes())) == expected, path.name


def test_real_songs_hold_the_meta_events_that_mido_reads() -> None:
    for path in corpus.songs():
        expected = []
        for number, track in enumerate(mido.MidiFile(path, clip=True).tracks):
            now = 0
            for message in track:
                now += message.time
                if message.is_meta and message.type != "end_of_track":
                    expected.append((now, number, message.bytes()[1]))
        expected.sort(key=lambda row: row[:2])
        assert [meta[:3] for meta in read_midi(path.read_bytes()).metas] == expected, path.name


def test_each_damaged_file_is_read_or_refused_by_name() -> None:
    fates: dict[str, int | str] = {}
    for path in corpus.damaged():
        try:
            fates[path.stem] = len(read_midi(path.read_bytes()).events)
        except MidiError as error:
            fates[path.stem] = error.message
    assert fates == {
        "issue104_bizarre_love_triangle2": "track 3, byte 16387: 0xF9 stands where a data byte (0x00-0x7F) must be",
        "runtimeerror_unexpected_eof": 16505,
        "valueerror_control168": "track 3, byte 6042: 0xA8 stands where a data byte (0x00-0x7F) must be",
    }


def test_mutated_real_files_are_read_or_refused_and_never_anything_else() -> None:
    sources = [path.read_bytes() for path in corpus.songs()]
    _survives_mutation(sources, seed=7, rounds=600)


def test_mutated_small_files_are_read_or_refused_and_never_anything_else() -> None:
    tracks = [[smf.tempo(0, 90), smf.meter(0, 6, 8), smf.name(3, "x"), smf.sysex(5, b"\x7e\xf7")],
              [*smf.note(0, 200, 60), smf.program(300, 5), smf.control(400, 64, 1), smf.bend(70_000, 1)]]  # fmt: skip
    _survives_mutation([smf.song(*tracks, midi_type=kind) for kind in (1, 2)], seed=8, rounds=4000)


def _survives_mutation(sources: list[bytes], *, seed: int, rounds: int) -> None:
    draw = random.Random(seed)
    read = 0
    for _ in range(rounds):
        data = bytearray(draw.choice(sources))
        for _ in range(draw.choice((1, 1, 2, 4))):
            _mutate(data, draw)
        try:
            midi = read_midi(bytes(data))
        except MidiError:
            continue
        read += 1
        assert len(midi.events) <= len(data)
        assert (np.diff(midi.events["tick"]) >= 0).all()
        assert (midi.events["d1"] < 128).all()
        assert (midi.events["status"] >= 0x80).all()
    assert read > 0


def _mutate(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data))
    match draw.randrange(5):
        case 0:
            data[at] = draw.randrange(256)
        case 1:
            data[at] ^= 1 << draw.randrange(8)
        case 2:
            del data[at : at + draw.randrange(1, 9)]
        case 3:
            data[at:at] = draw.randbytes(draw.randrange(1, 5))
        case _:
            data[at] = draw.choice((0xFF, 0xF0, 0xF7, 0x80, 0x2F, 0x00, 0x7F))


@given(st.binary(max_size=200))
def test_random_bytes_behind_a_good_header_are_read_or_refused(body: bytes) -> None:
    for data in (smf.file([smf.chunk(b"MTrk", body)]), smf.file([], tracks=1) + body):
        with contextlib.suppress(MidiError):
            assert len(read_midi(data).events) <= len(body)


# ---------------------------------------------------------------- writing

_STATUS = st.integers(0x80, 0xEF)
_DATA = st.integers(0, 127)
_STEP = st.one_of(st.integers(0, 300), st.sampled_from([127, 128, 16383, 16384, 2097151, 2097152]))
_MESSAGES = st.lists(st.tuples(_STEP, _STATUS, _DATA, _DATA), max_size=40)
_METAS = st.lists(st.tuples(_STEP, st.integers(0, 127).filter(lambda kind: kind != 0x2F), st.binary(max_size=300)))


@st.composite
def _files(draw: st.DrawFn) -> MidiFile:
    kind = draw(st.sampled_from([0, 1, 2]))
    rows: list[tuple[int, ...]] = []
    metas: list[Meta] = []
    starts, ends, start = [], [], 0
    for track in range(1 if kind == 0 else draw(st.integers(1, 3))):
        now = last = start
        for step, status, d1, d2 in draw(_MESSAGES):
            now += step
            rows.append((now, track, status, d1, 0 if 0xC0 <= status < 0xE0 else d2))
        last, now = now, start
        for step, meta_kind, data in draw(_METAS):
            now += step
            metas.append(Meta(now, track, meta_kind, data))
        end = max(last, now) + draw(_STEP)
        starts.append(start)
        ends.append(end)
        start = end if kind == 2 else 0
    rows.sort(key=lambda row: row[:2])
    metas.sort(key=lambda meta: meta[:2])
    return MidiFile(kind, draw(st.sampled_from([1, 480, 32767, 0xE728])), np.array(rows, EVENT), metas,
                    tuple(starts), tuple(ends))  # fmt: skip


@settings(max_examples=150)
@given(_files())
def test_what_is_written_reads_back_equal(midi: MidiFile) -> None:
    assert read_midi(write_midi(midi)) == midi


def test_real_songs_survive_a_round_trip() -> None:
    for path in corpus.songs():
        midi = read_midi(path.read_bytes())
        again = read_midi(write_midi(midi))
        assert np.array_equal(again.events, midi.events), path.name
        assert (again.metas, again.end_ticks) == (midi.metas, midi.end_ticks), path.name


def test_what_is_written_is_what_mido_reads() -> None:
    midi = read_midi(smf.song([smf.tempo(0, 120)], [*smf.note(0, 500, 60), smf.program(7, 3), *smf.note(500, 9, 60)]))
    with_running_status = write_midi(midi)
    tracks = mido.MidiFile(file=io.BytesIO(with_running_status)).tracks
    assert [message.type for message in tracks[1]] == [
        "note_on", "program_change", "note_off", "note_on", "note_off", "end_of_track",
    ]  # fmt: skip
    assert [message.time for message in tracks[1]] == [0, 7, 493, 0, 9, 0]


def test_running_status_is_used_where_it_may_be() -> None:
    events = [smf.note_on(tick, 60) for tick in range(10)]
    plain = smf.song(events)
    assert len(write_midi(read_midi(plain))) == len(plain) - 9


def test_no_running_status_is_written_across_a_meta_event() -> None:
    events = [smf.note_on(0, 60), smf.meta(5, 1, b"x"), smf.note_on(9, 62)]
    assert write_midi(read_midi(smf.song(events))) == smf.song(events)


@pytest.mark.parametrize(("tick", "start", "end"), [(5, 10, 20), (25, 0, 20)])
def test_an_event_outside_its_track_is_not_written(tick: int, start: int, end: int) -> None:
    events = np.array([(tick, 0, 0x90, 60, 100)], EVENT)
    with pytest.raises(MidiError, match="cannot stand"):
        write_midi(MidiFile(1, 480, events, [], (start,), (end,)))
