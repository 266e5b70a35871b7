"""What a note sounds like: its pitch under key, wheel, range and tuning, measured in the spectrum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.support.engines import Audio, Studio
from tests.support.midi import Event, bend, control, note, song
from tests.support.soundfont import SINE, write_soundfont

SECOND = 960
#: The default modulator of the pitch wheel reaches 12700 cents for a range of 128 semitones (SoundFont 2.04, 8.4.10).
WHEEL = 127 / 128


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(write_soundfont(tmp_path_factory.mktemp("font") / "test.sf2"))
    yield studio
    studio.engine.close()


def hertz(audio: Audio, rate_hz: int, start_s: float = 0.25) -> float:
    """Return the frequency of the loudest partial of half a second, by parabolic interpolation of its log spectrum."""
    start, length = int(start_s * rate_hz), rate_hz // 2
    window = audio[start : start + length].mean(axis=1) * np.hanning(length)
    spectrum = np.log(np.abs(np.fft.rfft(window, 4 * length)) + 1e-12)
    peak = int(np.argmax(spectrum))
    low, middle, high = spectrum[peak - 1 : peak + 2]
    return float((peak + 0.5 * (low - high) / (low - 2 * middle + high)) * rate_hz / (4 * length))


def cents(audio: Audio, rate_hz: int = 44100, start_s: float = 0.25) -> float:
    """Return the distance from 440 Hz."""
    return 1200 * float(np.log2(hertz(audio, rate_hz, start_s) / 440.0))


def rpn(number: int, value: int, lsb: int | None = None) -> list[Event]:
    fine = [] if lsb is None else [control(0, 38, lsb)]
    return [control(0, 101, 0), control(0, 100, number), *fine, control(0, 6, value)]


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("key", [45, 57, 69, 70, 81, 93])
def test_a_key_has_its_pitch_at_every_rate(studio: Studio, key: int, rate_hz: int) -> None:
    audio, _ = studio.play(song(note(0, SECOND, key)), SINE, rate_hz=rate_hz)
    assert cents(audio, rate_hz) == pytest.approx((key - 69) * 100, abs=1)


@pytest.mark.parametrize(
    ("events", "expected_cents"),
    [
        ([bend(0, 16383)], 200 * WHEEL),
        ([bend(0, 0)], -200 * WHEEL),
        ([bend(0, 12288)], 100 * WHEEL),
        ([*rpn(0, 12), bend(0, 16383)], 1200 * WHEEL),
        ([*rpn(0, 12), bend(0, 4096)], -600 * WHEEL),
        ([*rpn(0, 24), control(0, 101, 127), control(0, 100, 127), control(0, 6, 2), bend(0, 12288)], 1200 * WHEEL),
        ([*rpn(1, 96, 0)], 50),
        ([*rpn(2, 61)], -300),
        ([bend(0, 16383), control(0, 121, 0)], 0),
    ],
)
def test_wheel_range_and_tuning_bend_a_note(studio: Studio, events: list[Event], expected_cents: float) -> None:
    audio, _ = studio.play(song([*events, *note(10, SECOND, 69)]), SINE)
    assert cents(audio) == pytest.approx(expected_cents, abs=1)


def test_a_bend_moves_a_note_that_sounds(studio: Studio) -> None:
    audio, _ = studio.play(song([*note(0, 2 * SECOND, 69), bend(SECOND, 16383)]), SINE)
    assert cents(audio, start_s=0.25) == pytest.approx(0, abs=2)
    assert cents(audio, start_s=1.25) == pytest.approx(200 * WHEEL, abs=1)


def test_velocity_and_volume_set_the_level(studio: Studio) -> None:
    def peak(*events: Event) -> float:
        return float(np.abs(studio.play(song(events), SINE)[0]).max())

    loud, soft = peak(*note(0, SECOND, 69, velocity=127)), peak(*note(0, SECOND, 69, velocity=64))
    quiet = peak(control(0, 7, 50), *note(0, SECOND, 69, velocity=127))
    assert loud > 2 * soft > 0
    assert loud > 2 * quiet > 0


def test_pan_moves_the_sound_to_one_side(studio: Studio) -> None:
    left, _ = studio.play(song([control(0, 10, 0), *note(0, SECOND, 69)]), SINE)
    right, _ = studio.play(song([control(0, 10, 127), *note(0, SECOND, 69)]), SINE)
    assert np.abs(left[:, 0]).max() > 50 * np.abs(left[1000:, 1]).max()
    assert np.abs(right[:, 1]).max() > 50 * np.abs(right[1000:, 0]).max()
