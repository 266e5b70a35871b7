"""The player of Faust voices, with a voice that is no Faust: where notes lie, how long they last, what is reported."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.patch import SoundSettings
from schemas.result import EngineReport
from tests.support.engines import Audio, Tape
from tests.support.midi import Event, bend, control, note, song
from workers.engines.controls import perform
from workers.engines.faustplayer import FaustPlayer
from workers.engines.faustvoice import Pressed

RATE_HZ = 10_000
#: Ticks are milliseconds.
DIVISION = 500
LOUD = (127 / 100) ** 2  #: makes up for the volume that General MIDI begins with


class Steady:
    """A voice that gives a constant while its key is down, and half of it for a while afterwards; no key below 20."""

    def __init__(self, ring_s: float = 0.1) -> None:
        self.rate_hz = RATE_HZ
        self.ring = round(ring_s * RATE_HZ)
        self.pressed: list[tuple[Pressed, int]] = []

    def play(self, pressed: Pressed, frames: int) -> Audio:
        self.pressed.append((pressed, frames))
        audio = np.zeros((frames, 2), np.float32)
        if pressed.key >= 20:
            audio[: pressed.hold] = LOUD * pressed.velocity / 127
            audio[pressed.hold : pressed.hold + self.ring] = LOUD / 2
        return audio


def play(
    *events: Event,
    voice: Steady | None = None,
    drums: bool = False,
    channels: int = 2,
    tail_s: float = 0.5,
    tail_max_s: float = 5.0,
    voices: int = 8,
) -> tuple[Audio, EngineReport]:
    tape = Tape(channels)
    player = FaustPlayer(
        voice or Steady(), tape, channels=channels, tail_s=tail_s, tail_max_s=tail_max_s, voices=voices
    )
    settings = SoundSettings(plays=("bend",), drums=drums)
    return tape_of(tape, player.play(perform(song(events, division=DIVISION), settings), ("Test", 0, 7)))


def tape_of(tape: Tape, report: EngineReport) -> tuple[Audio, EngineReport]:
    return tape.audio, report


def at(audio: Audio, seconds: float) -> float:
    return float(audio[round(seconds * RATE_HZ), 0])


def test_a_note_begins_at_the_very_frame_of_its_time() -> None:
    audio, report = play(*note(123, 320, 60, 127))
    assert np.flatnonzero(audio[:, 0])[0] == 1230
    assert at(audio, 0.3) == pytest.approx(1.0)
    assert (report.notes, report.first_audible_note_s) == (1, 0.123)
    assert report.last_release_s == pytest.approx(0.443)


def test_a_stem_is_as_long_as_its_sound_and_silent_where_nothing_sounds() -> None:
    audio, report = play(*note(0, 320, 60, 127), *note(2000, 320, 60, 127))
    assert len(audio) == -(-24_200 // 64) * 64
    assert not audio[round(0.43 * RATE_HZ) : 20_000].any()
    assert not report.tail_cut


def test_notes_that_sound_together_add_up() -> None:
    audio, report = play(*note(0, 640, 60, 127), *note(320, 640, 64, 127))
    assert [at(audio, time_s) for time_s in (0.1, 0.5, 0.9)] == pytest.approx([1.0, 2.0, 1.0])
    assert report.voices_max == 2


def test_a_note_that_outlasts_its_tail_is_rendered_until_it_has_decayed() -> None:
    voice = Steady(ring_s=2.0)
    audio, report = play(*note(0, 320, 60, 127), voice=voice)
    assert at(audio, 2.2) == pytest.approx(0.5)
    assert not report.tail_cut
    assert [frames for _, frames in voice.pressed] == sorted(frames for _, frames in voice.pressed)


def test_a_tail_is_cut_where_the_job_says_so() -> None:
    audio, report = play(*note(0, 320, 60, 127), voice=Steady(ring_s=3.0), tail_max_s=1.0)
    assert len(audio) == round(1.32 * RATE_HZ)
    assert report.tail_cut


def test_one_more_note_than_there_are_voices_ends_the_oldest() -> None:
    audio, report = play(*note(0, 960, 60, 127), *note(320, 640, 64, 127), *note(640, 320, 67, 127), voices=2)
    assert at(audio, 0.8) == pytest.approx(2.0)
    assert at(audio, 0.644) == pytest.approx(2.5, abs=0.05)
    assert report.voices_max == 2


def test_a_hi_hat_that_is_closed_is_gone_at_once_without_a_click() -> None:
    hats = [*note(0, 960, 46, 127), *note(320, 32, 42, 127)]
    audio, _ = play(*hats, drums=True, voice=Steady(ring_s=0.0))
    assert at(audio, 0.4) == 0.0
    assert np.abs(np.diff(audio[3210:3280, 0])).max() < 0.05
    both, _ = play(*hats, voice=Steady(ring_s=0.0))
    assert at(both, 0.4) == pytest.approx(1.0)


def test_notes_without_a_sound_are_reported() -> None:
    audio, report = play(*note(0, 320, 10), *note(500, 320, 60))
    assert report.silent_notes == [(0.0, 10)]
    assert report.first_audible_note_s == 0.5
    assert not audio[:5000].any()


def test_the_wheel_reaches_the_voice_as_one_value_where_it_stands_still_and_as_a_line_where_it_moves() -> None:
    voice = Steady()
    play(bend(0, 16383), *note(100, 100, 60), bend(1500, 8192), *note(1400, 640, 62), voice=voice)
    (first, _), (second, frames) = voice.pressed[0], voice.pressed[-1]
    assert first.bend == pytest.approx(2.0, abs=0.001)
    assert isinstance(second.bend, np.ndarray)
    assert (len(second.bend), second.bend[0], second.bend[-1]) == (frames, pytest.approx(2.0, abs=0.001), 0.0)


def test_volume_is_a_gain_of_the_audio() -> None:
    audio, _ = play(control(0, 7, 50), *note(100, 320, 60, 127))
    assert at(audio, 0.2) == pytest.approx(0.25)


def test_one_channel_is_the_mean_of_two() -> None:
    audio, _ = play(control(0, 10, 127), *note(0, 320, 60, 127), channels=1)
    assert audio.shape[1] == 1
    assert at(audio, 0.1) == pytest.approx(np.sqrt(2) / 2)


def test_a_stem_without_notes_has_no_length() -> None:
    audio, report = play(control(0, 7, 90))
    assert len(audio) == 0
    assert (report.notes, report.first_audible_note_s) == (0, None)
