"""MIDI for a plug-in's host: every message at its own frame, as a host that rounds down reads it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.midi import bend, control, note, note_off, note_on, song, tempo
from workers.engines.pluginmidi import framed_midi, probe_midi, program_midi
from workers.midi.model import Events
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap


def host_frames(midi: bytes, rate_hz: int) -> list[tuple[int, int, int, int]]:
    """Return (frame, status, data bytes) as JUCE takes them from a file: seconds times rate, cut off."""
    parsed = read_midi(midi)
    events: Events = parsed.events
    frames = (TempoMap.from_midi(parsed).seconds(events["tick"]) * rate_hz).astype(np.int64)
    rows = zip(frames.tolist(), events[["status", "d1", "d2"]].tolist(), strict=True)
    return [(frame, *message) for frame, message in rows]


@given(
    ticks=st.lists(st.integers(0, 400_000), min_size=1, max_size=30, unique=True),
    rate_hz=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 88200, 96000, 44101]),
    bpm=st.sampled_from([60, 97, 120, 181]),
)
def test_every_message_is_at_the_frame_nearest_to_its_time(ticks: list[int], rate_hz: int, bpm: int) -> None:
    stem = song([tempo(0, bpm), *(control(tick, 1, place % 128) for place, tick in enumerate(sorted(ticks)))])
    times_s = TempoMap.from_midi(read_midi(stem)).seconds(sorted(ticks))
    found = [frame for frame, *_ in host_frames(framed_midi(stem, rate_hz, 4096, clean=False), rate_hz)]
    assert found == [int(np.floor(time_s * rate_hz + 0.5)) + 4096 for time_s in times_s]


def test_all_goes_to_channel_one_in_its_order() -> None:
    stem = song([control(0, 7, 90, channel=9), *note(100, 100, 36, channel=9), bend(150, 9000, channel=9)])
    messages = [message for _, *message in host_frames(framed_midi(stem, 44100, 0, clean=False), 44100)]
    assert [message[0] for message in messages] == [0xB0, 0x90, 0xE0, 0x80]


def test_a_kept_plug_in_is_brought_to_rest_first() -> None:
    found = host_frames(framed_midi(song(note(0, 480, 60)), 44100, 4416, clean=True), 44100)
    before = [tuple(message) for frame, *message in found if frame < 4416]
    assert {(0xB0, 120, 0), (0xB0, 121, 0), (0xB0, 123, 0), (0xE0, 0, 64)} <= set(before)
    assert [frame for frame, status, *_ in found if status == 0x90] == [4416]


def test_a_note_lasts_for_ten_milliseconds_at_least_unless_it_is_struck_again() -> None:
    stem = song([*note(0, 1, 60), *note(960, 1, 62), *note(963, 480, 62)], division=480)
    found = {
        (status, key): frame for frame, status, key, _ in host_frames(framed_midi(stem, 44100, 0, clean=False), 44100)
    }
    assert found[0x80, 60] == 441
    rows = [
        (frame, status)
        for frame, status, key, _ in host_frames(framed_midi(stem, 44100, 0, clean=False), 44100)
        if key == 62
    ]
    assert [status for _, status in rows] == [0x90, 0x80, 0x90, 0x80]
    assert rows[1][0] == rows[2][0]


def test_of_two_strikes_at_one_frame_the_last_stays() -> None:
    stem = song([note_on(0, 60, 40), note_off(1, 60), note_on(1, 60, 90), note_off(30_000, 60)], division=30_000)
    found = host_frames(framed_midi(stem, 8000, 0, clean=False), 8000)
    assert [message[1:] for message in found] == [(0x90, 60, 90), (0x80, 60, 64)]


@pytest.mark.parametrize(("program", "messages"), [(5, [(0xC0, 5, 0)]), (130, [(0xB0, 0, 1), (0xC0, 2, 0)])])
def test_a_program_is_chosen_by_its_bank_and_number(program: int, messages: list[tuple[int, int, int]]) -> None:
    assert [message[1:] for message in host_frames(program_midi(program), 44100)] == messages


def test_a_probe_strikes_its_keys_one_after_another() -> None:
    midi, seconds = probe_midi([36, 60])
    found = host_frames(midi, 44100)
    assert [message[1:3] for message in found] == [(0x90, 36), (0x80, 36), (0x90, 60), (0x80, 60)]
    assert found[-1][0] < seconds * 44100
