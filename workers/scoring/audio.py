"""The score of audio: whether it sounds like music that was played. Nothing is resampled, and nothing is learnt.

Each part is measured by what the faults of renders do to it: see `farm eval validity`, which tries them all. A song of four
minutes takes less than a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from schemas.quality import SCORE_VERSION, AudioScore
from workers.scoring.integrity import Integrity, Samples, sums_of
from workers.scoring.profiles import KEY_PROFILES, standard
from workers.scoring.spectra import Spectra, spectra

#: How much each part counts: the score is the product of the parts, each to this power.
_WEIGHTS: Final = {"tempo": 0.15, "harmony": 0.5, "rhythm": 0.5, "noise": 0.5, "spectrum": 0.25, "labels": 0.5}
#: Where each measure begins to count and where it is full; found with composed and hand-made songs, and their faults.
_RISE: Final = (-0.05, 0.2)  #: log10 of what grows over what dies away
_KEY: Final = (0.2, 0.6)  #: correlation of two seconds with the profile of the song's key
_SHARED: Final = (0.35, 0.7)  #: and with the tones of the whole song
_SCALE: Final = (0.62, 0.77)  #: share of the tones in one scale of seven
_TONES: Final = (1.0, 5.0)  #: pitch classes in use
_PULSE: Final = (0.0, 0.35)  #: autocorrelation of the onsets
_FLOOR: Final = (0.0, 0.12)  #: share of the power in a floor of white noise
_CENTROID_HZ: Final = (3000.0, 1300.0)
_BASS_DB: Final = (-24.0, -8.0)  #: power below 200 Hz
_LABELS: Final = (0.5, 0.75)  #: how often an onset is stronger than another moment
#: Faults of the samples: from where they cost something, and from where they cost all.
_CLIPPING: Final = (0.0, 0.01)
_OFFSET: Final = (0.5, 0.9)
_SILENCE: Final = (0.5, 1.0)
_GAPS_PER_S: Final = (0.02, 0.3)
_CREST_DB: Final = (3.5, 3.02)

#: Hyperbolic tangent of this is 0.9.
_STEEP: Final = 1.4722

#: What is shorter has no rhythm and no key: its parts are 0.
_SHORTEST_S: Final = 1.0
_BEAT_S: Final = (0.2, 2.0)
#: Steps in which the onset of a note is looked for.
_AROUND: Final = 4
_MOMENT_S: Final = 2.0
_BASS_HZ: Final = (30.0, 200.0)
_DIGITS: Final = 4
#: In white noise the quietest twentieth of a band's moments has this share of its mean power.
_QUIET_SHARE: Final = 0.6
_QUIET_PART: Final = 20
#: Moments below this share of the mean power count for silence.
_ACTIVE: Final = 1e-4
_TINY: Final = 1e-12


def score_audio(blocks: Iterable[Samples], rate_hz: int, onsets_s: Sequence[float] | None = None) -> AudioScore:
    """Return the score of a song.

    Args:
        blocks: its samples in order, each block (frames, channels).
        rate_hz: their rate.
        onsets_s: where the labels have notes that sound; None without labels.
    """
    sums = sums_of(blocks, rate_hz)
    found = sums.integrity()
    if found is None:
        return _nothing(with_labels=onsets_s is not None)
    names = [*_MEASURES, *([] if onsets_s is None else ["labels"])]
    parts = dict.fromkeys(names, 0.0)
    if len(sums.mono) >= _SHORTEST_S * rate_hz:
        sound = spectra(sums.mono, rate_hz)
        parts = {name: measure(sound) for name, measure in _MEASURES.items()}
        if onsets_s is not None:
            parts["labels"] = _labels(sound, onsets_s)
    whole = np.prod([share ** _WEIGHTS[name] for name, share in parts.items()]) * (1.0 - _penalty(found))
    return AudioScore(
        version=SCORE_VERSION,
        score=round(float(whole), _DIGITS),
        **{name: round(share, _DIGITS) for name, share in parts.items()},
        clipping_share=round(found.clipping_share, 6),
        dc_offset=round(min(1.0, found.dc_offset), _DIGITS),
        silence_share=round(found.silence_share, _DIGITS),
        gaps_per_s=round(found.gaps_per_s, _DIGITS),
        crest_db=round(found.crest_db, 2),
    )


def _nothing(*, with_labels: bool) -> AudioScore:
    return AudioScore(
        version=SCORE_VERSION, score=0, tempo=0, harmony=0, rhythm=0, noise=0, spectrum=0,
        labels=0 if with_labels else None, clipping_share=0, dc_offset=0, silence_share=1, gaps_per_s=0, crest_db=None,
    )  # fmt: skip


def _between(value: float, ends: tuple[float, float]) -> float:
    """Return where a value lies between two ends: 0 at the first, 1 at the second."""
    return float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0))


def _grade(value: float, ends: tuple[float, float]) -> float:
    """Return how good a value is: 0 up to the first end, 0.9 at the second, and nearer and nearer to 1 beyond it."""
    return float(np.tanh(_STEEP * max(0.0, (value - ends[0]) / (ends[1] - ends[0]))))


def _penalty(found: Integrity) -> float:
    """Return the share that the worst fault of the samples takes away."""
    return max(
        _between(found.clipping_share, _CLIPPING),
        _between(found.dc_offset, _OFFSET),
        _between(found.silence_share, _SILENCE),
        _between(found.gaps_per_s, _GAPS_PER_S),
        _between(found.crest_db, _CREST_DB),
    )


def _tempo(sound: Spectra) -> float:
    """Return how clearly the onsets come back after some beat."""
    onset = (sound.onset - sound.onset.mean()).astype(np.float64)
    first, last = (round(length_s * sound.hops_per_s) for length_s in _BEAT_S)
    if len(onset) <= last:
        return 0.0
    padded = 2 ** int(np.ceil(np.log2(2 * len(onset))))
    echo = np.fft.irfft(np.abs(np.fft.rfft(onset, padded)) ** 2)[: last + 1]
    return _grade(float(echo[first:].max() / max(float(echo[0]), _TINY)), _PULSE)


def _rhythm(sound: Spectra) -> float:
    """Return how much steeper sounds begin than they end: what is struck or plucked, blown or bowed, does."""
    rise, fall = float(sound.rise.sum()) + _TINY, float(sound.fall.sum()) + _TINY
    return _grade(float(np.log10(rise / fall)), _RISE) if rise + fall > 1e-6 else 0.0


def _noise(sound: Spectra) -> float:
    """Return 1 less a floor of noise: what the quieter bands hold even in their quietest moments."""
    power = sound.density.mean(axis=1)
    active = sound.density[power > _ACTIVE * power.mean()]
    if not len(active):
        return 0.0
    rank = len(active) // _QUIET_PART
    floor = float(np.percentile(np.partition(active, rank, axis=0)[rank], 30)) / _QUIET_SHARE
    return 1.0 - _between(floor / max(float(active.mean()), _TINY * _TINY), _FLOOR)


def _spectrum(sound: Spectra) -> float:
    hertz = np.arange(len(sound.mean)) * sound.bin_hz
    total = max(float(sound.mean.sum()), _TINY * _TINY)
    centroid = float((sound.mean * hertz).sum()) / total
    bass = float(sound.mean[(hertz > _BASS_HZ[0]) & (hertz < _BASS_HZ[1])].sum()) / total
    return min(_between(centroid, _CENTROID_HZ), _between(10.0 * float(np.log10(bass + _TINY)), _BASS_DB))


def _harmony(sound: Spectra) -> float:
    """Return how far the tones are those of one key, and at all times; one tone alone is no harmony."""
    step = max(1, round(_MOMENT_S * sound.moments_per_s))
    count = max(1, len(sound.chroma) // step)
    moments = sound.chroma[: count * step].reshape(count, -1, 12).sum(axis=1)
    whole = moments.sum(axis=0)
    if not float(whole.sum()):
        return 0.0
    share = whole / whole.sum()
    tones = float(np.exp(-(share * np.log(share + _TINY)).sum()))
    moments = standard(moments[moments.sum(axis=1) > 0])
    key = KEY_PROFILES[int((KEY_PROFILES @ standard(whole)).argmax())]
    scale = max(float(share @ np.roll(_SEVEN, tonic)) for tonic in range(12))
    parts = (
        _grade(float((moments @ key).mean()), _KEY),
        _grade(float((moments @ standard(whole)).mean()), _SHARED),
        _grade(scale, _SCALE),
    )
    return float(np.mean(parts)) * _grade(tones, _TONES)


def _labels(sound: Spectra, onsets_s: Sequence[float]) -> float:
    """Return how often sound grows more where the labels have a note than at some other moment."""
    if not onsets_s or not len(sound.onset):
        return 0.0
    # The strongest of the steps around a moment: a note is seen in that in which it enters the window, or in the next.
    padded = np.pad(sound.rise, (_AROUND - 1, 0))
    strength = np.lib.stride_tricks.sliding_window_view(padded, _AROUND).max(axis=1)
    places = np.clip(np.round(np.asarray(onsets_s) * sound.hops_per_s).astype(int) + 1, 0, len(strength) - 1)
    is_near = np.zeros(len(strength), bool)
    for step in range(1 - _AROUND, _AROUND):
        is_near[np.clip(places + step, 0, len(strength) - 1)] = True
    others = np.sort(strength[~is_near])
    if not len(others):
        return 1.0
    wins = np.searchsorted(others, strength[np.unique(places)], side="left")
    return _grade(float(wins.mean()) / len(others), _LABELS)


_SEVEN: Final = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], np.float64)
_MEASURES: Final[dict[str, Callable[[Spectra], float]]] = {
    "tempo": _tempo,
    "harmony": _harmony,
    "rhythm": _rhythm,
    "noise": _noise,
    "spectrum": _spectrum,
}
