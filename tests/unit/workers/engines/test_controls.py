"""What the farm plays for an instrument that does not: held notes, bends, volume, expression, pan, chokes."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.errors import MidiError
from schemas.patch import Control, SoundSettings
from tests.support.midi import Event, bend, control, note, note_off, note_on, program, song, tempo
from workers.engines.controls import (
    RAMP_S,
    Performance,
    make_curve,
    pan_gains,
    pan_position,
    perform,
    sent_midi,
    volume_gain,
)
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi

#: Ticks are milliseconds: 500 a quarter note at 120 beats a minute.
DIVISION = 500
DEAF = SoundSettings(plays=())


def stem(*events: Event, end: int | None = None) -> bytes:
    return song(events, division=DIVISION, end=end)


def heard(*events: Event, end: int | None = None, plays: tuple[Control, ...] = (), drums: bool = False) -> Performance:
    return perform(stem(*events, end=end), SoundSettings(plays=plays, drums=drums))


def spans(performance: Performance) -> list[tuple[int, float, float]]:
    return [(each.key, round(each.start_s, 6), round(each.end_s, 6)) for each in performance.notes]


def test_notes_have_their_times_keys_and_velocities() -> None:
    played = heard(*note(100, 200, 60, 90), *note(200, 50, 64, 40))
    assert spans(played) == [(60, 0.1, 0.3), (64, 0.2, 0.25)]
    assert [each.velocity for each in played.notes] == [90, 40]
    assert played.release_s == pytest.approx(0.3)


def test_times_follow_the_tempo() -> None:
    played = heard(tempo(0, 60), *note(500, 500, 60))
    assert spans(played) == [(60, 1.0, 2.0)]


def test_the_pedal_holds_notes_for_an_instrument_that_has_none() -> None:
    events = [control(50, 64, 127), *note(100, 100, 60), control(900, 64, 0)]
    assert spans(heard(*events)) == [(60, 0.1, 0.9)]
    assert spans(heard(*events, plays=("sustain",))) == [(60, 0.1, 0.2)]


def test_sostenuto_holds_what_was_down_before_it() -> None:
    events = [note_on(0, 60), control(50, 66, 127), note_off(100, 60), *note(120, 30, 64), control(700, 66, 0)]
    assert spans(heard(*events)) == [(60, 0.0, 0.7), (64, 0.12, 0.15)]


def test_a_key_that_nothing_releases_is_let_go_where_the_tracks_end() -> None:
    assert spans(heard(note_on(100, 60), end=400)) == [(60, 0.1, 0.4)]


@pytest.mark.parametrize(
    ("setup", "value", "semitones"),
    [
        ([], 16383, 2.0),
        ([], 0, -2.0),
        ([], 12288, 1.0),
        ([control(0, 101, 0), control(0, 100, 0), control(0, 6, 12)], 0, -12.0),
        ([control(0, 101, 0), control(0, 100, 2), control(0, 6, 67)], 8192, 3.0),
        ([control(0, 101, 0), control(0, 100, 1), control(0, 6, 96)], 8192, 0.5),
    ],
)
def test_the_wheel_bends_by_its_range_and_tuning_adds_to_it(setup: list[Event], value: int, semitones: float) -> None:
    played = heard(*setup, bend(100, value), *note(200, 300, 60), plays=("bend",))
    assert played.bend.at(np.array([0.3]))[0] == pytest.approx(semitones, abs=0.001)


def test_a_range_of_the_instrument_counts_until_the_part_says_its_own() -> None:
    played = perform(stem(bend(0, 0), *note(100, 100, 60)), SoundSettings(bend_range=7, plays=("bend",)))
    assert played.bend.at(np.array([0.15]))[0] == pytest.approx(-7.0)


def test_an_instrument_without_bends_gets_none() -> None:
    played = heard(bend(0, 0), *note(100, 100, 60))
    assert played.bend.constant == 0.0
    assert not played.bends
    assert heard(bend(0, 0), *note(100, 100, 60), plays=("bend",)).bends


def test_volume_and_expression_follow_the_curve_of_general_midi() -> None:
    assert 20 * np.log10(volume_gain(np.array([127.0, 64.0, 1.0]))) == pytest.approx([0.0, -11.90, -84.15], abs=0.01)
    played = heard(control(0, 7, 64), control(0, 11, 64), *note(100, 100, 60))
    assert 20 * np.log10(played.gain.constant or 0.0) == pytest.approx(-23.81, abs=0.01)


def test_volume_is_100_until_a_message_says_otherwise() -> None:
    assert heard(*note(0, 100, 60)).gain.constant == pytest.approx((100 / 127) ** 2)


def test_what_an_instrument_plays_itself_is_not_played_twice() -> None:
    events = [control(0, 7, 10), control(0, 11, 10), control(0, 10, 0), *note(100, 100, 60)]
    played = heard(*events, plays=("volume", "expression", "pan"))
    assert played.flat_gains is not None
    assert list(played.flat_gains) == pytest.approx([1.0, 1.0])


def test_resetting_controllers_opens_expression_and_leaves_volume() -> None:
    played = heard(control(0, 7, 50), control(0, 11, 0), control(500, 121, 0), *note(600, 100, 60))
    assert played.gain.at(np.array([0.2, 0.7])) == pytest.approx([0.0, (50 / 127) ** 2])


def test_notes_under_a_volume_of_zero_are_muted() -> None:
    played = heard(control(0, 7, 0), *note(100, 100, 60), control(400, 7, 100), *note(500, 100, 62))
    assert played.muted == 1
    assert [each.audible_s for each in played.notes] == [np.inf, 0.5]


def test_pan_is_of_constant_power_and_leaves_the_centre_alone() -> None:
    left, right = pan_gains(pan_position(np.array([0.0, 1.0, 64.0, 127.0])))
    assert left == pytest.approx([np.sqrt(2), np.sqrt(2), 1.0, 0.0], abs=1e-12)
    assert right == pytest.approx([0.0, 0.0, 1.0, np.sqrt(2)], abs=1e-12)
    assert left**2 + right**2 == pytest.approx([2.0] * 4)


def test_a_jump_becomes_a_ramp_that_begins_at_it() -> None:
    curve = make_curve([(1.0, 0.0)], 1.0)
    assert curve.at(np.array([0.5, 1.0, 1.0 + RAMP_S / 2, 1.0 + RAMP_S, 9.0])) == pytest.approx([1, 1, 0.5, 0, 0])


def test_a_step_in_the_middle_of_a_ramp_goes_on_from_where_it_is() -> None:
    curve = make_curve([(1.0, 0.0), (1.0 + RAMP_S / 2, 1.0)], 1.0)
    assert curve.at(np.array([1.0 + RAMP_S / 2, 1.0 + 1.5 * RAMP_S])) == pytest.approx([0.5, 1.0])
    assert (np.diff(curve.time_s) > 0).all()


def test_many_steps_at_one_time_leave_the_last() -> None:
    curve = make_curve([(0.0, 5.0), (0.0, 7.0), (1.0, 1.0), (1.0, 2.0), (1.0, 3.0)], 0.0)
    assert curve.at(np.array([0.5, 2.0])) == pytest.approx([7.0, 3.0])


def test_gains_never_jump_from_one_sample_to_the_next() -> None:
    played = heard(*note(0, 900, 60), control(300, 7, 0), control(500, 7, 127), control(600, 10, 0))
    audio = np.ones((44100, 2), np.float32)
    for start in range(0, 44100, 1000):
        played.apply_gains(audio[start : start + 1000], start, 44100)
    assert np.abs(np.diff(audio, axis=0)).max() < 2 / (RAMP_S * 44100)
    assert audio[int(0.4 * 44100)].tolist() == [0.0, 0.0]
    assert audio[-1].tolist() == pytest.approx([np.sqrt(2), 0.0])


def test_one_hi_hat_ends_the_other() -> None:
    hats = [*note(0, 50, 46), *note(300, 50, 42), *note(400, 50, 38)]
    assert [each.choke_s for each in heard(*hats, drums=True).notes] == [pytest.approx(0.3), np.inf, np.inf]
    assert [each.choke_s for each in heard(*hats).notes] == [np.inf] * 3


def test_drums_that_are_struck_at_once_do_not_end_each_other() -> None:
    assert [each.choke_s for each in heard(*note(0, 50, 42), *note(0, 50, 46), drums=True).notes] == [np.inf] * 2


def test_drums_go_to_the_keys_where_the_kit_has_them() -> None:
    settings = SoundSettings(drums=True, drum_map={42: 60}, plays=())
    data = stem(*note(0, 50, 42), *note(100, 50, 38))
    assert [each.key for each in perform(data, settings).notes] == [60, 38]
    assert read_notes(read_midi(sent_midi(data, settings))).pitch.tolist() == [60, 38]


def test_a_plugin_is_sent_no_program_and_nothing_that_the_farm_does_for_it() -> None:
    data = stem(
        program(0, 5), control(0, 0, 1), control(0, 7, 90), control(0, 10, 3), control(0, 1, 44), bend(10, 0),
        control(20, 64, 127), *note(100, 100, 60), control(700, 64, 0),
    )  # fmt: skip
    bare = read_midi(sent_midi(data, DEAF)).events
    assert (bare["status"] & 0xF0).tolist() == [0x90, 0x80]
    assert bare["tick"].tolist() == [100, 700]
    full = read_midi(sent_midi(data, SoundSettings())).events
    assert [(row["tick"], row["status"] & 0xF0, row["d1"]) for row in full] == [
        (0, 0xB0, 7), (0, 0xB0, 10), (0, 0xB0, 1), (10, 0xE0, 0), (20, 0xB0, 64),
        (100, 0x90, 60), (200, 0x80, 60), (700, 0xB0, 64),
    ]  # fmt: skip


def test_a_plugin_without_bends_gets_no_tuning_either() -> None:
    data = stem(control(0, 101, 0), control(0, 100, 0), control(0, 6, 12), bend(5, 0), *note(100, 100, 60))
    assert (read_midi(sent_midi(data, DEAF)).events["status"] & 0xF0).tolist() == [0x90, 0x80]


def test_a_held_note_that_is_sent_ends_where_its_key_is_struck_again() -> None:
    data = stem(control(0, 64, 127), *note(100, 50, 60), *note(300, 50, 60), control(900, 64, 0))
    sent = read_midi(sent_midi(data, DEAF)).events
    assert [(row["tick"], row["status"] & 0xF0) for row in sent] == [
        (100, 0x90), (300, 0x80), (300, 0x90), (900, 0x80),
    ]  # fmt: skip


def test_notes_of_no_length_last_a_tick_and_none_is_left_hanging() -> None:
    sent = read_midi(sent_midi(stem(note_on(5, 60), note_off(5, 60), note_on(10, 62), end=40), DEAF)).events
    assert [(row["tick"], row["d1"], row["status"] & 0xF0) for row in sent] == [
        (5, 60, 0x90), (6, 60, 0x80), (10, 62, 0x90), (40, 62, 0x80),
    ]  # fmt: skip


def test_a_stem_without_notes_is_played_in_silence() -> None:
    played = heard(control(0, 7, 90), end=1000)
    assert (played.notes, played.release_s, played.muted) == ([], 0.0, 0)


def test_what_is_no_midi_is_refused() -> None:
    with pytest.raises(MidiError):
        perform(b"no midi", DEAF)
