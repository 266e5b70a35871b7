from __future__ import annotations

from tests.support import midi
from workers.annotating.beats import song_time

SONG = midi.song(
    [
        midi.tempo(0, 120),
        midi.meter(0, 4, 4),
        midi.key_signature(0, -3, minor=True),
        midi.meter(1920, 6, 8),
        midi.tempo(3360, 60),
        midi.key_signature(4800, 2),
    ],
    midi.note(0, 4800, 60),
)


def test_beats_follow_meters_and_tempo() -> None:
    time = song_time(SONG, duration_s=5.0)
    assert [(beat.time_s, beat.bar, beat.position) for beat in time.beats] == [
        (0.0, 1, 1),
        (0.5, 1, 2),
        (1.0, 1, 3),
        (1.5, 1, 4),
        (2.0, 2, 1),
        (2.75, 2, 2),
        (3.5, 3, 1),
    ]
    assert time.downbeats_s == [0.0, 2.0, 3.5]


def test_tempo_meters_and_keys_have_their_times() -> None:
    time = song_time(SONG, duration_s=20.0)
    assert [(change.time_s, change.bpm) for change in time.tempo] == [(0.0, 120.0), (3.5, 60.0)]
    assert [(meter.time_s, meter.numerator, meter.denominator) for meter in time.meters] == [(0.0, 4, 4), (2.0, 6, 8)]
    assert [(key.time_s, key.tonic, key.mode) for key in time.keys] == [(0.0, "C", "minor"), (6.5, "D", "major")]


def test_nothing_lies_behind_the_end_of_the_audio() -> None:
    time = song_time(SONG, duration_s=3.5)
    assert time.beats[-1].time_s < 3.5
    assert len(time.tempo) == 1
    assert len(time.keys) == 1


def test_there_are_no_beats_in_the_tail_after_the_last_note() -> None:
    time = song_time(SONG, duration_s=20.0, music_s=3.5)
    assert time.beats == song_time(SONG, duration_s=3.5).beats
    assert time.tempo == song_time(SONG, duration_s=20.0).tempo
