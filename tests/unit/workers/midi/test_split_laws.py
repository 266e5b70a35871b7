"""Laws that hold of the split of every song."""

from __future__ import annotations

import hashlib
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.song import Part
from tests.support import corpus
from tests.support import midi as smf
from tests.support.midi import Message, messages_of, notes_of, part_keys, state_of, stem_messages
from workers.midi.model import MidiFile
from workers.midi.smf import read_midi
from workers.midi.split import split_song
from workers.midi.tempo import TempoMap


def _check_laws(data: bytes) -> None:
    """Check what holds of every split: each note once, state whole and in order, files that hold what they say."""
    source = read_midi(data)
    result, stems = split_song(data)
    assert [part.name for part in result.parts] == list(stems) == [f"S{number:02d}" for number in range(len(stems))]
    found: Counter[tuple[int, int, int, int]] = Counter()
    for part in result.parts:
        messages = stem_messages(stems, part.name)
        found += Counter((tick, part.channel, key, velocity) for tick, key, velocity in notes_of(messages))
        assert len(notes_of(messages)) == part.notes
        assert part.struck == sorted({key for _, key, _ in notes_of(messages)})
        assert state_of(messages) == _expected_state(source, part)
        _check_file(stems[part.name], part, source)
    notes = [(t, s & 15, d1, d2) for t, s, d1, d2 in messages_of(source) if s & 0xF0 == 0x90 and d2 > 0]
    assert found == Counter(notes)
    assert result.duration_s == max(part.end_s for part in result.parts)


def _expected_state(source: MidiFile, part: Part) -> list[Message]:
    """Return every message of the part's channel, from all tracks, that is no note, program, bank or mode."""
    return [
        (tick, status & 0xF0 | (9 if part.is_drum else 0), d1, d2)
        for tick, status, d1, d2 in messages_of(source)
        if status & 0xF0 not in {0x80, 0x90, 0xC0}
        and status & 15 == part.channel
        and not (status & 0xF0 == 0xB0 and (d1 in {0, 32} or d1 >= 124))
    ]


def _check_file(stem: bytes, part: Part, source: MidiFile) -> None:
    midi = read_midi(stem)
    assert (midi.midi_type, midi.division, midi.track_count) == (1, source.division, 2)
    assert hashlib.sha256(stem).hexdigest() == part.midi_sha256
    assert {message[1] & 15 for message in messages_of(midi)} == {9 if part.is_drum else 0}
    preset = [(0, 0xB0, 0, part.bank)] if part.bank not in {0, 128} else []
    preset.append((0, 0xC9 if part.is_drum else 0xC0, part.program, 0))
    assert messages_of(midi)[: len(preset)] == preset
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
    messages = [(t, s & 0xF0, d1, d2) for t, s, d1, d2 in messages_of(source) if s & 15 == channel]
    ends = {d1: source.end_ticks[track] for _, track, s, d1, d2 in source.events.tolist()
            if s == 0x90 | channel and d2}  # fmt: skip
    return [(channel, *span) for span in _spans(messages, ends)]


def _sounding(stem: MidiFile) -> list[tuple[int, int, int]]:
    return _spans([(t, s & 0xF0, d1, d2) for t, s, d1, d2 in messages_of(stem)], {})


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
        assert stem_messages(stems[0], name) == stem_messages(stems[1], name)
    assert [key[1:] for key in part_keys(parts[0])] == [key[1:] for key in part_keys(parts[1])]
