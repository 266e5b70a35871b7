"""What a recording sounds like: tempo, length in beats, key, and how sound it is.

Built on the measures of `workers.scoring`: onsets over time, pitch classes, and faults of samples.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.samples import Category
from schemas.score import PPQ
from workers.composing.meters import bar_ticks, parse_meter
from workers.scoring.audio import score_audio
from workers.scoring.integrity import sums_of
from workers.scoring.profiles import KEY_PROFILES, standard
from workers.scoring.spectra import Spectra, spectra

Stereo = NDArray[np.float32]

#: Tempos that are looked for, and the one about which they lie (logarithmic, 1 is an octave).
_TEMPOS: Final = (60.0, 200.0)
_USUAL_BPM: Final = 115.0
_SPREAD: Final = 0.6
#: Bars that loops may have, and the usual ones.
_BARS: Final = range(1, 65)
_USUAL_BARS: Final = (1, 2, 4, 8, 16, 32, 64)
_UNUSUAL: Final = 0.7
#: A file whose name gives a tempo is a loop when it lasts whole bars to within this share of a bar.
_WHOLE_BAR: Final = 0.03
#: How strongly onsets must come back at the beats for a file to be taken for a loop (correlation), and how long it must be.
_PULSE: Final = 0.25
_SHORTEST_LOOP_S: Final = 1.0
#: Onsets are blurred by so many hops (standard deviation), about 20 ms: hands and hops are no finer.
_BLUR_HOPS: Final = 1.7
#: Correlation with a key's profile from which a recording has that key.
_KEY: Final = 0.6
#: Faults of samples: from where on they cost something, and from where all.
_FAULTS: Final = {"clipping": (0.0, 0.01), "offset": (0.1, 0.6), "silence": (0.7, 1.0)}
_DIGITS: Final = 4
_TEMPO_DIGITS: Final = 2
_NAMES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


class Sound(NamedTuple):
    """What was measured of a recording."""

    tempo_bpm: float | None
    quarters: float | None  #: of a loop
    key: str | None
    score: float


def analyse(
    audio: Stereo,
    rate_hz: int,
    category: Category,
    *,
    meter: str = "4/4",
    said_bpm: float | None = None,
    said_key: str | None = None,
    said_loop: bool | None = None,
) -> Sound | None:
    """Measure a recording; None where there is nothing but silence.

    Args:
        audio: float32 [frames, 2].
        rate_hz: its sample rate.
        category: what it is: drums have no key.
        meter: of loops.
        said_bpm: tempo that its name says.
        said_key: key that its name says.
        said_loop: whether its name says loop or single hit.
    """
    sums = sums_of([audio], rate_hz)
    found = sums.integrity()
    if found is None:
        return None
    sound = spectra(sums.mono, rate_hz)
    tempo_bpm, quarters = None, None
    if said_loop is not False:
        tempo_bpm, quarters = _pulse(sound, len(audio) / rate_hz, meter, said_bpm, is_loop=said_loop is True)
    key = None if category == "beat" else said_key or key_of(sound)
    faults = {"clipping": found.clipping_share, "offset": found.dc_offset, "silence": found.silence_share}
    worst = max(_between(value, _FAULTS[name]) for name, value in faults.items())
    musical = 1.0 if quarters is None else _musical(audio, rate_hz, is_tune=category != "beat")
    return Sound(tempo_bpm, quarters, key, round(musical * (1.0 - worst), _DIGITS))


def _musical(audio: Stereo, rate_hz: int, *, is_tune: bool) -> float:
    """Return how free of noise a loop is, and of one with pitch also how far its tones are of one key."""
    parts = score_audio([audio], rate_hz)
    return float(np.sqrt(parts.noise * parts.harmony)) if is_tune else float(parts.noise)


def _pulse(
    sound: Spectra, duration_s: float, meter: str, said_bpm: float | None, *, is_loop: bool
) -> tuple[float | None, float | None]:
    """Return tempo and length in quarter notes of a loop: the number of bars at whose beats its onsets come back most."""
    bar = bar_ticks(parse_meter(meter)) / PPQ
    if said_bpm is not None:
        bars = duration_s * said_bpm / 60.0 / bar
        whole = round(bars)
        if whole and (abs(bars - whole) < _WHOLE_BAR * max(1.0, whole / 4) or is_loop):
            return _tempo(whole * bar, duration_s), whole * bar
        return said_bpm, None
    if duration_s < _SHORTEST_LOOP_S:
        return None, None
    echo = _echo(sound.onset, max(len(sound.onset), round(duration_s * sound.hops_per_s)))
    tries = [
        (_strength(echo, bars * bar) * _likely(bars * bar, duration_s, usual=bars in _USUAL_BARS), bars)
        for bars in _BARS
        if _TEMPOS[0] <= 60.0 * bars * bar / duration_s <= _TEMPOS[1]
    ]
    strength, bars = max(tries, default=(0.0, 0))
    if not bars or (strength < _PULSE and not is_loop):
        return None, None
    return _tempo(bars * bar, duration_s), bars * bar


def _tempo(quarters: float, duration_s: float) -> float:
    return round(60.0 * quarters / duration_s, _TEMPO_DIGITS)


def _likely(quarters: float, duration_s: float, *, usual: bool) -> float:
    """Return how likely a loop is of so many quarters, by its tempo and by whether its length is a usual one."""
    octaves = np.log2(60.0 * quarters / duration_s / _USUAL_BPM)
    return (1.0 if usual else _UNUSUAL) * float(np.exp(-0.5 * (octaves / _SPREAD) ** 2))


def _echo(onset: NDArray[np.float32], hops: int) -> NDArray[np.float64]:
    """Return how like themselves the onsets of a loop are when it goes round by 0, 1, ... hops; the loop has `hops`."""
    centred = np.zeros(hops)
    centred[: len(onset)] = onset - onset.mean()
    blur = np.exp(-0.5 * (np.minimum(np.arange(hops), hops - np.arange(hops)) / _BLUR_HOPS) ** 2)
    power = np.abs(np.fft.rfft(centred) * np.fft.rfft(blur)) ** 2
    echo: NDArray[np.float64] = np.fft.irfft(power, hops)
    return echo / max(float(echo[0]), 1e-12)


def _strength(echo: NDArray[np.float64], quarters: float) -> float:
    """Return how strongly onsets come back at the quarters of a loop, less how they do a sixteenth before."""
    hops = len(echo)
    lags = hops / quarters * np.arange(1, max(2, round(quarters)))
    at, off = (np.interp(lag, np.arange(hops), echo, period=hops) for lag in (lags, lags - hops / quarters / 4))
    return float(np.mean(at) - max(0.0, float(np.mean(off))))


def key_of(sound: Spectra) -> str | None:
    """Return the key whose tone profile fits the pitch classes best (Krumhansl and Kessler 1982); None where none does."""
    chroma = sound.chroma.sum(axis=0)
    if not chroma.any():
        return None
    fits = KEY_PROFILES @ standard(chroma)
    best = int(np.argmax(fits))
    if fits[best] < _KEY:
        return None
    return _NAMES[best % 12] + ("m" if best >= 12 else "")


def _between(value: float, ends: tuple[float, float]) -> float:
    return float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0))
