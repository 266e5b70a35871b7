"""Ticks and seconds, tempo, meters, keys, and the beats that follow."""

from __future__ import annotations

import warnings

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotation import Beat
from schemas.errors import MidiError
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap


def _tempo(*events: smf.Event, division: int = 480) -> TempoMap:
    return TempoMap.from_midi(read_midi(smf.song(list(events), division=division)))


def _beats(tempo: TempoMap, end_s: float) -> list[tuple[float, int, int]]:
    return [(round(beat.time_s, 9), beat.bar, beat.position) for beat in tempo.beats_until(end_s)]


# ---------------------------------------------------------------- time


def test_without_a_tempo_a_quarter_note_lasts_half_a_second() -> None:
    tempo = _tempo()
    assert tempo.seconds([0, 480, 720]).tolist() == [0.0, 0.5, 0.75]
    assert [(change.time_s, change.bpm) for change in tempo.tempo_changes()] == [(0.0, 120.0)]


def test_tempo_changes_add_up() -> None:
    tempo = _tempo(smf.tempo(0, 60), smf.tempo(960, 240), smf.tempo(1440, 30))
    assert tempo.seconds([480, 960, 1200, 1440, 1920]).tolist() == [1.0, 2.0, 2.125, 2.25, 4.25]
    assert [(change.time_s, change.bpm) for change in tempo.tempo_changes()] == [
        (0.0, 60.0),
        (2.0, 240.0),
        (2.25, 30.0),
    ]


def test_a_tempo_that_comes_later_starts_from_the_default() -> None:
    assert _tempo(smf.tempo(480, 60)).seconds([480, 960]).tolist() == [0.5, 1.5]


def test_tempo_counts_in_whatever_track_it_stands_and_the_last_of_a_tick_wins() -> None:
    data = smf.song([smf.tempo(0, 100)], [smf.tempo(0, 60), smf.tempo(480, 120)])
    assert TempoMap.from_midi(read_midi(data)).seconds([480, 960]).tolist() == [1.0, 1.5]


def test_under_smpte_time_tempo_changes_nothing_and_there_are_no_beats() -> None:
    tempo = _tempo(smf.tempo(0, 33), division=0xE728)  # 25 frames of 40 ticks
    assert tempo.seconds([0, 1, 1000]).tolist() == [0.0, 0.001, 1.0]
    assert tempo.tempo_changes() == []
    assert tempo.beats_until(10.0) == []
    drop_frame = _tempo(division=0xE364)  # 29.97 frames of 100 ticks
    assert float(drop_frame.seconds(3_000_000)) == pytest.approx(1001.0, abs=1e-12)


def test_a_long_song_gathers_no_rounding_error() -> None:
    tempo = _tempo(*(smf.tempo(tick, 90 + tick % 7) for tick in range(0, 100_000, 10)), division=96)
    exact = sum(10 * round(60e6 / (90 + tick % 7)) for tick in range(0, 100_000, 10))
    assert float(tempo.seconds(100_000)) == exact / 96e6


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(20, 400)), max_size=8),
    st.lists(st.floats(0, 100), min_size=1, max_size=20),
)
def test_ticks_are_the_inverse_of_seconds_and_time_never_runs_back(
    changes: list[tuple[int, float]], times: list[float]
) -> None:
    tempo = _tempo(*(smf.tempo(*change) for change in changes))
    np.testing.assert_allclose(tempo.seconds(tempo.ticks(times)), times, rtol=1e-12, atol=1e-12)
    assert (np.diff(tempo.seconds(np.arange(0, 6000, 7))) > 0).all()


def test_shapes_are_kept() -> None:
    tempo = _tempo()
    assert tempo.seconds(np.zeros((2, 3), np.int64)).shape == (2, 3)
    assert tempo.ticks(0.5).shape == ()


@pytest.mark.parametrize(
    ("event", "warning"),
    [
        (smf.meta(0, 0x51, b"\x00\x00\x00"), "tempo_ignored"),
        (smf.meta(0, 0x51, b"\x07\xa1"), "tempo_ignored"),
        (smf.meta(0, 0x58, b"\x00\x02\x18\x08"), "meter_ignored"),
        (smf.meta(0, 0x58, b"\x04\x08\x18\x08"), "meter_ignored"),
        (smf.meta(0, 0x58, b"\x04"), "meter_ignored"),
        (smf.meta(0, 0x59, b"\x08\x00"), "key_ignored"),
        (smf.meta(0, 0x59, b"\x00\x02"), "key_ignored"),
        (smf.meta(0, 0x59, b""), "key_ignored"),
    ],
)
def test_values_that_mean_nothing_are_passed_over_by_name(event: smf.Event, warning: str) -> None:
    tempo = _tempo(event)
    assert tempo.warnings == {warning: 1}
    assert tempo.seconds(480).item() == 0.5
    assert [(meter.numerator, meter.denominator) for meter in tempo.meters()] == [(4, 4)]
    assert tempo.keys() == []


def test_real_songs_have_the_times_of_mido_and_pretty_midi() -> None:
    for path in corpus.songs():
        tempo = TempoMap.from_midi(read_midi(path.read_bytes()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tempo changes outside the first track
            reference = pretty_midi.PrettyMIDI(str(path))
        ticks = np.linspace(0, reference.time_to_tick(reference.get_end_time()), 500).astype(np.int64)
        expected = [reference.tick_to_time(int(tick)) for tick in ticks]
        np.testing.assert_allclose(tempo.seconds(ticks), expected, atol=1e-6, err_msg=path.name)
        end = max(sum(message.time for message in track) for track in mido.MidiFile(path).tracks)
        assert float(tempo.seconds(end)) == pytest.approx(mido.MidiFile(path).length, abs=1e-6), path.name


# ---------------------------------------------------------------- keys and meters


@pytest.mark.parametrize(
    ("sharps", "minor", "tonic"),
    [(0, False, "C"), (0, True, "A"), (-7, False, "Cb"), (7, False, "C#"), (-7, True, "Ab"), (7, True, "A#"),
     (-2, False, "Bb"), (6, False, "F#"), (3, True, "F#"), (-3, True, "C")],
)  # fmt: skip
def test_key_signatures_have_the_tonic_of_the_circle_of_fifths(sharps: int, minor: bool, tonic: str) -> None:
    (key,) = _tempo(smf.key_signature(480, sharps, minor=minor)).keys()
    assert (key.time_s, key.tonic, key.mode) == (0.5, tonic, "minor" if minor else "major")


def test_meters_are_listed_where_they_change() -> None:
    events = [smf.meter(0, 3, 4), smf.meter(1440, 3, 4), smf.meter(2880, 6, 8)]
    meters = _tempo(*events).meters()
    assert [(meter.time_s, meter.numerator, meter.denominator) for meter in meters] == [(0.0, 3, 4), (3.0, 6, 8)]


# ---------------------------------------------------------------- beats


def test_beats_of_common_time_by_default() -> None:
    assert _beats(_tempo(), 2.5) == [(0, 1, 1), (0.5, 1, 2), (1.0, 1, 3), (1.5, 1, 4), (2.0, 2, 1)]


def test_a_beat_at_the_end_is_not_in_the_song() -> None:
    assert len(_beats(_tempo(), 2.0)) == 4
    assert len(_beats(_tempo(), 2.0 + 1e-9)) == 5
    assert _beats(_tempo(), 0.0) == []


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (3, 4, [(0, 1, 1), (0.5, 1, 2), (1.0, 1, 3), (1.5, 2, 1), (2.0, 2, 2)]),
        (6, 8, [(0, 1, 1), (0.75, 1, 2), (1.5, 2, 1), (2.25, 2, 2)]),
        (9, 8, [(0, 1, 1), (0.75, 1, 2), (1.5, 1, 3), (2.25, 2, 1)]),
        (12, 8, [(0, 1, 1), (0.75, 1, 2), (1.5, 1, 3), (2.25, 1, 4)]),
        (7, 8, [(0.25 * n, 1 + n // 7, 1 + n % 7) for n in range(10)]),
        (3, 8, [(0.25 * n, 1 + n // 3, 1 + n % 3) for n in range(10)]),
        (6, 4, [(0.5 * n, 1, 1 + n) for n in range(5)]),
        (2, 2, [(0, 1, 1), (1.0, 1, 2), (2.0, 2, 1)]),
        (1, 4, [(0.5 * n, 1 + n, 1) for n in range(5)]),
    ],
)
def test_beats_of_a_meter(numerator: int, denominator: int, expected: list[tuple[float, int, int]]) -> None:
    assert _beats(_tempo(smf.meter(0, numerator, denominator)), 2.5) == expected


def test_a_meter_change_in_the_middle_of_a_bar_starts_a_new_bar() -> None:
    tempo = _tempo(smf.meter(0, 4, 4), smf.meter(720, 3, 4))  # one and a half beats into the first bar
    assert _beats(tempo, 2.6) == [
        (0, 1, 1), (0.5, 1, 2), (0.75, 2, 1), (1.25, 2, 2), (1.75, 2, 3), (2.25, 3, 1),
    ]  # fmt: skip


def test_a_meter_change_on_a_bar_line_counts_on() -> None:
    tempo = _tempo(smf.meter(0, 3, 4), smf.meter(1440, 6, 8))
    assert _beats(tempo, 3.1) == [
        (0, 1, 1), (0.5, 1, 2), (1.0, 1, 3), (1.5, 2, 1), (2.25, 2, 2), (3.0, 3, 1),
    ]  # fmt: skip


def test_the_same_meter_stated_again_changes_no_bar() -> None:
    assert _beats(_tempo(smf.meter(0, 4, 4), smf.meter(600, 4, 4)), 4) == _beats(_tempo(), 4)


def test_a_meter_that_comes_late_starts_a_bar_after_the_default() -> None:
    tempo = _tempo(smf.meter(480, 2, 4))
    assert _beats(tempo, 2.1) == [(0, 1, 1), (0.5, 2, 1), (1.0, 2, 2), (1.5, 3, 1), (2.0, 3, 2)]


def test_beats_follow_a_tempo_change_between_them() -> None:
    tempo = _tempo(smf.tempo(0, 60), smf.tempo(720, 120))  # in the middle of the second beat
    assert _beats(tempo, 2.9) == [(0, 1, 1), (1.0, 1, 2), (1.75, 1, 3), (2.25, 1, 4), (2.75, 2, 1)]


def test_beats_shorter_than_a_tick_multiple_do_not_drift() -> None:
    tempo = _tempo(smf.meter(0, 5, 32), division=25)  # 3.125 ticks a beat
    times = [beat.time_s for beat in tempo.beats_until(1000.0)]
    assert times[-1] == pytest.approx((len(times) - 1) * 0.0625, abs=1e-9)
    assert len(times) == 16000


def test_more_beats_than_a_song_can_have_are_refused() -> None:
    with pytest.raises(MidiError, match="more than 1000000 beats"):
        _tempo(smf.meter(0, 4, 128)).beats_until(1e6)


def test_beats_of_real_songs_in_common_time_are_those_of_pretty_midi() -> None:
    for path in corpus.songs():
        tempo = TempoMap.from_midi(read_midi(path.read_bytes()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference = pretty_midi.PrettyMIDI(str(path))
        if len(tempo.meter_changes) > 1 or (tempo.meters()[0].numerator, tempo.meters()[0].denominator) != (4, 4):
            continue
        end = float(reference.get_end_time()) - 1
        expected = [float(time) for time in reference.get_beats() if time < end]
        beats: list[Beat] = tempo.beats_until(end)
        np.testing.assert_allclose([beat.time_s for beat in beats], expected, atol=1e-5, err_msg=path.name)
        downbeats = [float(time) for time in reference.get_downbeats() if time < end]
        starts = [beat.time_s for beat in beats if beat.position == 1]
        np.testing.assert_allclose(starts, downbeats, atol=1e-5, err_msg=path.name)
