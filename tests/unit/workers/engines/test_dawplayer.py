"""What becomes of a plug-in's audio: length, exact silence, silent notes, gains and tails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from schemas.patch import Control, SoundSettings
from schemas.result import EngineReport
from tests.support.engines import Audio, Tape
from tests.support.midi import Event, control, note, song
from workers.engines.controls import perform
from workers.engines.dawplayer import PluginPlayer

#: One frame is a millisecond, as is one tick.
RATE, DIVISION = 1000, 500
ALL: tuple[Control, ...] = ("sustain", "volume", "expression", "pan")


class Instrument:
    """Plays made-up audio, and keeps how much it was asked for."""

    def __init__(self, sound: Callable[[int], Audio]) -> None:
        self._sound = sound
        self.asked: list[int] = []

    def __call__(self, frames: int) -> Audio:
        self.asked.append(frames)
        audio = self._sound(frames)
        return np.atleast_2d(audio).astype(np.float32)


def between(*spans: tuple[int, int], level: float = 0.5, floor: float = 0.0) -> Callable[[int], Audio]:
    """Return audio of a level in some spans of frames, and of another elsewhere."""

    def sound(frames: int) -> Audio:
        audio = np.full(frames, floor, np.float32)
        for start, stop in spans:
            audio[start:stop] = level
        return audio

    return sound


def play(
    instrument: Instrument,
    *events: Event,
    channels: int = 2,
    tail_s: float = 1.0,
    tail_max_s: float = 30.0,
    onset_s: float = 0.0,
    plays: tuple[Control, ...] = ALL,
) -> tuple[Audio, EngineReport, Tape]:
    tape = Tape(channels)
    player = PluginPlayer(
        instrument, tape, rate_hz=RATE, channels=channels, tail_s=tail_s, tail_max_s=tail_max_s, onset_s=onset_s
    )
    played = perform(song(events, division=DIVISION), SoundSettings(plays=plays))
    report = player.play(played, ("tiny", 0, 0))
    return tape.audio, report, tape


def test_a_stem_ends_where_it_falls_silent_on_the_grid() -> None:
    instrument = Instrument(between((100, 700)))
    audio, report, tape = play(instrument, *note(100, 400, 60))
    assert len(audio) == 704
    assert (audio[100:700] == 0.5).all()
    assert not report.tail_cut
    assert tape.expected == 1500


def test_a_stem_is_never_shorter_than_its_notes() -> None:
    audio, _, _ = play(Instrument(between((100, 150))), *note(100, 900, 60))
    assert len(audio) == 1024


def test_more_is_rendered_where_it_still_sounds_and_it_is_cut_in_the_end() -> None:
    instrument = Instrument(between((0, 10_000)))
    audio, report, _ = play(instrument, *note(0, 500, 60), tail_max_s=6.0)
    assert instrument.asked == [1536, 2560, 4544, 6528]
    assert len(audio) == 6464
    assert report.tail_cut


def test_no_longer_tail_is_asked_for_than_is_needed() -> None:
    instrument = Instrument(between((0, 2000)))
    _, report, _ = play(instrument, *note(0, 500, 60))
    assert instrument.asked == [1536, 2560]
    assert not report.tail_cut


def test_without_notes_nothing_is_rendered() -> None:
    instrument = Instrument(between((0, 100)))
    audio, report, _ = play(instrument, control(0, 7, 100))
    assert len(audio) == 0
    assert not instrument.asked
    assert report.first_audible_note_s is None


def test_what_hums_on_where_no_key_is_down_becomes_silence_and_what_is_held_does_not() -> None:
    instrument = Instrument(between((100, 400), (12_000, 12_300), level=0.5, floor=5e-6))
    audio, _, _ = play(instrument, *note(100, 5000, 60), *note(12_000, 200, 60))
    assert (audio[1000:5000] == np.float32(5e-6)).all()
    assert not audio[5184:11_968].any()
    assert (audio[12_000:12_300] == 0.5).all()


def test_half_of_the_last_bit_is_silence_even_under_a_key() -> None:
    instrument = Instrument(between((0, 100), level=0.5, floor=2e-8))
    audio, _, _ = play(instrument, *note(0, 9000, 60))
    assert not audio[192:].any()


def test_long_silence_is_handed_on_as_such() -> None:
    _, _, tape = play(Instrument(between((0, 100), (99_000, 99_100))), *note(0, 100, 60), *note(99_000, 100, 60))
    assert tape.skipped == 65536


@pytest.mark.parametrize(("onset_s", "silent"), [(0.0, [(0.5, 62)]), (0.9, [])])
def test_a_note_in_whose_time_nothing_sounds_is_silent(onset_s: float, silent: list[tuple[float, int]]) -> None:
    instrument = Instrument(between((0, 200), (1000, 1200)))
    notes = [*note(0, 200, 60), *note(500, 200, 62), *note(1000, 200, 64)]
    _, report, _ = play(instrument, *notes, onset_s=onset_s)
    assert report.silent_notes == silent


def test_the_first_note_that_sounds_is_told() -> None:
    _, report, _ = play(Instrument(between((1000, 1200))), *note(0, 200, 60), *note(1000, 200, 64))
    assert report.silent_notes == [(0.0, 60)]
    assert report.first_audible_note_s == 1.0


def test_two_keys_down_together_are_two_voices() -> None:
    _, report, _ = play(Instrument(between((0, 900))), *note(0, 300, 60), *note(200, 300, 64), *note(600, 300, 67))
    assert (report.notes, report.voices_max) == (3, 2)


def test_what_is_not_finite_is_handed_on_to_be_judged() -> None:
    def sound(frames: int) -> Audio:
        audio = between((0, 200))(frames)
        audio[100:110] = np.nan
        return audio

    audio, _, _ = play(Instrument(sound), *note(0, 200, 60))
    assert np.isnan(audio[100:110]).all()


def test_volume_that_the_plug_in_does_not_play_is_a_gain() -> None:
    events = [control(0, 7, 50), *note(0, 500, 60)]
    played, _, _ = play(Instrument(between((0, 500))), *events, plays=("volume",))
    gained, _, _ = play(Instrument(between((0, 500))), *events, plays=())
    assert played.max() == 0.5
    assert gained.max() == pytest.approx(0.5 * (50 / 127) ** 2)


def test_mono_is_the_mean_and_one_channel_becomes_two() -> None:
    def sides(frames: int) -> Audio:
        return np.stack([between((0, 200), level=0.6)(frames), between((0, 200), level=0.2)(frames)])

    mono, _, _ = play(Instrument(sides), *note(0, 200, 60), channels=1)
    both, _, _ = play(Instrument(between((0, 200))), *note(0, 200, 60))
    assert mono[:200, 0] == pytest.approx(0.4)
    assert (both[:, 0] == both[:, 1]).all()
