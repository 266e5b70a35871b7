"""What can go wrong with a song: five signals that are no music, five ways of spoiling one, and a clipped square wave.

They are those of the musicality study that this trial repeats: silence, white noise, a clipped sine, an offset, one tone;
gaps of silence, noise laid over, four times the speed, pieces at other pitches, and backwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

Audio = NDArray[np.float32]
Fault = Callable[[Audio, int, np.random.Generator], Audio]

_SYNTHETIC_S: Final = 5.0
_GAP_S: Final = 0.5
_PIECE_S: Final = 1.0
_SEMITONES: Final = 6
_SPEED: Final = 4
#: RMS of the noise that is laid over a song, relative to the song's: 3 dB.
_NOISE: Final = 0.7


def spoil(name: str, song: Audio, rate_hz: int, number: int) -> Audio:
    """Return a song with one fault of `FAULTS`, or the signal that stands in its place; the same for the same number."""
    seed = int.from_bytes(hashlib.sha256(f"fault\x1f{name}\x1f{number}".encode()).digest()[:8], "big")
    return FAULTS[name](song, rate_hz, np.random.default_rng(seed))


def _stereo(wave: NDArray[np.float64]) -> Audio:
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def _time(rate_hz: int) -> NDArray[np.float64]:
    return np.arange(round(_SYNTHETIC_S * rate_hz)) / rate_hz


def _sine(rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a tone of 440 Hz, or up to an octave away from it."""
    wave: NDArray[np.float64] = np.sin(2 * np.pi * 440 * 2 ** rng.uniform(-1, 1) * _time(rate_hz) + rng.uniform(0, 6))
    return wave


def _silence(_song: Audio, rate_hz: int, _rng: np.random.Generator) -> Audio:
    return _stereo(np.zeros(len(_time(rate_hz))))


def _white_noise(_song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    return _stereo(rng.uniform(0.1, 0.5) * rng.standard_normal(len(_time(rate_hz))))


def _clipped_sine(_song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    return _stereo(np.clip(rng.uniform(5, 10) * _sine(rate_hz, rng), -0.1, 0.1))


def _clipped_square(_song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    return _stereo(np.clip(2.0 * np.sign(_sine(rate_hz, rng)), -1.0, 1.0))


def _offset(_song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    return _stereo(rng.uniform(0.2, 0.5) + 0.05 * _sine(rate_hz, rng))


def _monotone(_song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    return _stereo(rng.uniform(0.1, 0.8) * _sine(rate_hz, rng))


def _silence_gaps(song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    """Silence every other half second, as often as a coin says."""
    gap = round(_GAP_S * rate_hz)
    keep = np.repeat(rng.random(-(-len(song) // gap)) < 0.5, gap)[: len(song)]
    return (song * keep[:, None]).astype(np.float32)


def _noise_overlay(song: Audio, _rate_hz: int, rng: np.random.Generator) -> Audio:
    rms = float(np.sqrt(np.mean(song.astype(np.float64) ** 2)))
    return (song + _NOISE * rms * rng.standard_normal(song.shape)).astype(np.float32)


def _tempo_warp(song: Audio, rate_hz: int, _rng: np.random.Generator) -> Audio:
    """The song at four times its speed, and two octaves higher."""
    fast: Audio = soxr.resample(song, _SPEED * rate_hz, rate_hz).astype(np.float32)
    return fast


def _pitch_scramble(song: Audio, rate_hz: int, rng: np.random.Generator) -> Audio:
    """Each second of the song at another pitch, up to six semitones away."""
    piece = round(_PIECE_S * rate_hz)
    out = np.empty_like(song)
    for start in range(0, len(song), piece):
        here = out[start : start + piece]
        at = start + np.arange(len(here)) * 2 ** (rng.integers(-_SEMITONES, _SEMITONES + 1) / 12)
        at = np.minimum(at, len(song) - 1)
        for channel in range(song.shape[1]):
            here[:, channel] = np.interp(at, np.arange(start, len(song)), song[start:, channel])
    return out


def _time_reverse(song: Audio, _rate_hz: int, _rng: np.random.Generator) -> Audio:
    return np.ascontiguousarray(song[::-1])


FAULTS: Final[dict[str, Fault]] = {
    "silence": _silence,
    "white_noise": _white_noise,
    "clipped_sine": _clipped_sine,
    "offset": _offset,
    "monotone": _monotone,
    "silence_gaps": _silence_gaps,
    "noise_overlay": _noise_overlay,
    "tempo_warp": _tempo_warp,
    "pitch_scramble": _pitch_scramble,
    "time_reverse": _time_reverse,
    "clipped_square": _clipped_square,
}
#: Those by which the study judges.
EIGHT: Final = tuple(name for name in FAULTS if name not in {"silence_gaps", "tempo_warp", "clipped_square"})
#: Those of the study; a clipped square wave is our own.
TEN: Final = tuple(name for name in FAULTS if name != "clipped_square")
#: Those that are no music at all and must score next to nothing.
VOID: Final = ("silence", "white_noise", "offset", "clipped_square")
