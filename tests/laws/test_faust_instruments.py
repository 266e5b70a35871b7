"""The farm's own Faust instruments, as they sound: in tune, alive to velocity, without clicks, gone when they should be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.patchfile import PatchFile
from tests.support.faust import Take, faust_patches, instrument, perform_all, settings_of
from tests.support.midi import bend, note, song

RATE_HZ = 44100
#: Ticks are milliseconds: 500 a quarter note at 120 beats a minute.
DIVISION = 500
HOLD_MS = 800
FILES = faust_patches()
KITS = [name for name, file in FILES.items() if settings_of(file).drums]
PITCHED = [name for name, file in FILES.items() if not settings_of(file).noisy]
PLAYED = [name for name in FILES if name not in KITS]
DRUMS = range(35, 82)
#: One patch of several kinds of sound, at a lower rate and in one channel.
AT_LOW = ("steel-guitar", "finger-bass", "grand-piano", "saw-lead", "flute")
LOW_HZ = 16000

Mono = NDArray[np.float64]


def middle(file: PatchFile) -> int:
    assert file.key_range is not None
    return (file.key_range[0] + file.key_range[1]) // 2


def gap_ms(file: PatchFile) -> int:
    return HOLD_MS + round(1000 * settings_of(file).tail_s) + 200


def exam(file: PatchFile) -> bytes:
    """Return one note each: lowest, middle, highest; the middle one soft, then loud, then bent up by two semitones."""
    assert file.key_range is not None
    low, high = file.key_range
    asked = [(low, 100), (middle(file), 100), (high, 100), (middle(file), 40), (middle(file), 127), (middle(file), 100)]
    events = [event for at, (key, force) in enumerate(asked) for event in note(at * gap_ms(file), HOLD_MS, key, force)]
    return song([*events, bend(5 * gap_ms(file) - 50, 16383)], division=DIVISION)


def roll() -> bytes:
    """Return every drum once, two seconds apart."""
    return song([event for key in DRUMS for event in note((key - 35) * 2000, 100, key)], division=DIVISION)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Take]]:
    requests = [instrument(name, exam(FILES[name]), times=2) for name in PLAYED]
    requests += [instrument(name, roll(), times=2) for name in KITS]
    requests += [instrument(name, exam(FILES[name]), rate_hz=LOW_HZ, channels=1) for name in AT_LOW]
    answers = perform_all(requests, tmp_path_factory.mktemp("faust"))
    return dict(zip([*PLAYED, *KITS, *(f"{name} low" for name in AT_LOW)], answers, strict=True))


def nth(take: Take, name: str, at: int, rate_hz: int = RATE_HZ) -> Mono:
    """Return one note of the exam, to the beginning of the next, less the volume that General MIDI begins with (100)."""
    start, stop = (round(beat * gap_ms(FILES[name]) * rate_hz / 1000) for beat in (at, at + 1))
    return np.asarray(take.audio[start:stop].mean(axis=1), np.float64) * (127 / 100) ** 2


def hold(audio: Mono) -> Mono:
    return audio[: HOLD_MS * RATE_HZ // 1000]


def level_db(audio: Mono, rate_hz: int = RATE_HZ) -> float:
    """Return the level of the loudest fifth of a second, dB of full scale."""
    power = np.convolve(np.square(audio[:rate_hz]), np.full(rate_hz // 5, 5 / rate_hz), "valid")
    return 10 * float(np.log10(power.max() + 1e-12))


def centroid(audio: Mono) -> float:
    power = np.square(np.abs(np.fft.rfft(audio[: RATE_HZ // 2])))
    return float((power * np.arange(len(power))).sum() / power.sum())


def cents_off(audio: Mono, key: int, rate_hz: int = RATE_HZ) -> float:
    """Return how far the partial at a key is from it: the highest peak within a quarter tone, to a fraction of a bin."""
    size = 1 << 18
    sounding = audio[rate_hz // 20 : HOLD_MS * rate_hz // 1000]
    spectrum = np.abs(np.fft.rfft(sounding * np.hanning(len(sounding)), size))
    hertz = 440.0 * 2.0 ** ((key - 69) / 12)
    near = np.arange(int(hertz * 2 ** (-1 / 24) * size / rate_hz), int(hertz * 2 ** (1 / 24) * size / rate_hz) + 2)
    top = int(near[np.argmax(spectrum[near])])
    low, peak, high = np.log(spectrum[top - 1 : top + 2])
    place = top + 0.5 * (low - high) / (low - 2 * peak + high)
    return float(1200 * np.log2(place * rate_hz / size / hertz))


@pytest.mark.parametrize("name", PITCHED)
def test_it_is_in_tune_from_its_lowest_key_to_its_highest(takes: dict[str, list[Take]], name: str) -> None:
    file, take = FILES[name], takes[name][0]
    assert file.key_range is not None
    keys = (file.key_range[0], middle(file), file.key_range[1])
    assert [abs(cents_off(nth(take, name, at), key)) < 3 for at, key in enumerate(keys)] == [True] * 3


@pytest.mark.parametrize("name", [name for name in PITCHED if "bend" in settings_of(FILES[name]).plays])
def test_it_is_bent_as_far_as_the_wheel_says(takes: dict[str, list[Take]], name: str) -> None:
    assert abs(cents_off(nth(takes[name][0], name, 5), middle(FILES[name]) + 2)) < 4


@pytest.mark.parametrize("name", PLAYED)
def test_a_note_has_the_level_of_all_others(takes: dict[str, list[Take]], name: str) -> None:
    assert -25 < level_db(nth(takes[name][0], name, 1)) < -14


@pytest.mark.parametrize("name", AT_LOW)
def test_it_is_the_same_instrument_at_another_rate(takes: dict[str, list[Take]], name: str) -> None:
    low, full = (nth(takes[f"{name} low"][0], name, 1, LOW_HZ), nth(takes[name][0], name, 1))
    assert abs(cents_off(low, middle(FILES[name]), LOW_HZ)) < 3
    assert level_db(low, LOW_HZ) == pytest.approx(level_db(full), abs=4)


@pytest.mark.parametrize("name", PLAYED)
def test_velocity_changes_level_and_colour(takes: dict[str, list[Take]], name: str) -> None:
    soft, loud = (hold(nth(takes[name][0], name, at)) for at in (3, 4))
    assert level_db(loud) > level_db(soft) + 6
    assert centroid(loud) > centroid(soft) * 1.02


@pytest.mark.parametrize("name", PITCHED)
def test_nothing_clicks_where_a_key_is_let_go(takes: dict[str, list[Take]], name: str) -> None:
    sounding = nth(takes[name][0], name, 1)
    bends = np.abs(np.diff(sounding, 2))
    off = HOLD_MS * RATE_HZ // 1000
    assert bends[off - 100 :].max() <= 1.2 * bends[RATE_HZ // 100 : off - 100].max()


@pytest.mark.parametrize("name", PLAYED)
def test_a_note_begins_at_its_time_from_nothing_and_is_gone_within_its_tail(
    takes: dict[str, list[Take]], name: str
) -> None:
    settings = settings_of(FILES[name])
    for at in range(6):
        audio = np.abs(nth(takes[name][0], name, at))
        heard = np.flatnonzero(audio)
        assert heard[0] <= RATE_HZ // 1000
        assert np.flatnonzero(audio > 0.03 * audio.max())[0] <= (settings.onset_s + 0.01) * RATE_HZ
        assert audio[heard[0]] < 0.3 * audio.max()
        assert audio[heard[-1]] < 1e-4
        assert heard[-1] <= (HOLD_MS / 1000 + settings.tail_s) * RATE_HZ


@pytest.mark.parametrize("name", [*PLAYED, *KITS])
def test_two_renders_of_it_are_equal(takes: dict[str, list[Take]], name: str) -> None:
    one, other = takes[name]
    assert one.audio.tobytes() == other.audio.tobytes()
    assert one.report == other.report


@pytest.mark.parametrize("name", [*PLAYED, *KITS])
def test_every_note_sounds(takes: dict[str, list[Take]], name: str) -> None:
    report = takes[name][0].report
    assert report.silent_notes == []
    assert report.notes == (len(DRUMS) if name in KITS else 6)
    assert not report.tail_cut


@pytest.mark.parametrize("name", KITS)
def test_every_key_of_a_kit_has_a_sound_of_its_own(takes: dict[str, list[Take]], name: str) -> None:
    audio = takes[name][0].audio.mean(axis=1)
    hits = [audio[(key - 35) * 2 * RATE_HZ :][: RATE_HZ // 10] for key in DRUMS]
    assert min(float(np.abs(hit).max()) for hit in hits) > 0.05
    spectra = np.stack([np.abs(np.fft.rfft(hit)) for hit in hits])
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    alike = spectra @ spectra.T - np.eye(len(hits))
    assert alike.max() < 0.98
