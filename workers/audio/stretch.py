"""Time stretch and pitch shift with Rubber Band, as pedalboard's wheels bring it along."""

from __future__ import annotations

import importlib
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import MissingDependencyError

Stereo = NDArray[np.float32]

#: A loop is stretched with so much of itself before and behind, seconds: its seam is heard as any other moment of it.
_AROUND_S: Final = 0.25
#: How long the end of a stretched loop is faded into its beginning, seconds: of drums so shortly that no hit is softened.
_SEAM_S: Final = 0.02
_DRUM_SEAM_S: Final = 0.004


def load_stretcher() -> Any:
    """Return pedalboard.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return importlib.import_module("pedalboard")
    except ImportError as error:
        raise MissingDependencyError(
            f"recordings are stretched with pedalboard, which is not installed ({error})",
            hint="Install it with `pip install 'stemfarm[samples]'` on every worker",
        ) from error


def stretched(audio: Stereo, rate_hz: int, *, frames: int, semitones: int = 0, is_drums: bool = False) -> Stereo:
    """Return a recording that lasts `frames` frames and sounds some semitones higher.

    Drums keep the attack of every hit (Rubber Band's R2 engine, crisp transients); all else goes through its R3 engine,
    which is made for tones.

    Args:
        audio: float32 [frames, 2].
        rate_hz: its sample rate.
        frames: what comes out.
        semitones: by how many it is moved.
        is_drums: whether it has hits and no pitch.

    Raises:
        MissingDependencyError: pedalboard is not installed.
    """
    if frames == len(audio) and semitones == 0:
        return audio
    if not len(audio) or frames <= 0:
        return np.zeros((max(frames, 0), 2), np.float32)
    made: Stereo = load_stretcher().time_stretch(
        np.ascontiguousarray(audio.T),
        float(rate_hz),
        stretch_factor=len(audio) / frames,
        pitch_shift_in_semitones=float(semitones),
        high_quality=not is_drums,
        transient_mode="crisp",
        transient_detector="percussive" if is_drums else "compound",
        preserve_formants=False,
    )
    return fitted(np.ascontiguousarray(made.T), frames)


def stretched_loop(audio: Stereo, rate_hz: int, *, frames: int, semitones: int = 0, is_drums: bool = False) -> Stereo:
    """Return a loop as `stretched` does; its end still goes on into its beginning.

    Stretched tones come back with another phase after a whole round, so what would go on behind the end is faded into the
    beginning.
    """
    if not len(audio) or (frames == len(audio) and semitones == 0):
        return stretched(audio, rate_hz, frames=frames, semitones=semitones, is_drums=is_drums)
    around = math.ceil(_AROUND_S * rate_hz)
    places = np.arange(-around, len(audio) + around) % len(audio)
    lead = round(around * frames / len(audio))
    whole = stretched(
        audio[places], rate_hz, frames=frames + 2 * lead, semitones=semitones, is_drums=is_drums
    )  # fmt: skip
    loop = whole[lead : lead + frames].copy()
    seam = min(lead, frames, round((_DRUM_SEAM_S if is_drums else _SEAM_S) * rate_hz))
    behind = whole[lead + frames : lead + frames + seam]
    rise = np.linspace(0.0, 1.0, seam, endpoint=False, dtype=np.float32)[:, None]
    loop[:seam] = loop[:seam] * rise + behind * (1.0 - rise)
    return loop


def fitted(audio: Stereo, frames: int) -> Stereo:
    """Return audio of a length: cut, or with silence behind it."""
    if len(audio) >= frames:
        return np.ascontiguousarray(audio[:frames])
    return np.concatenate([audio, np.zeros((frames - len(audio), audio.shape[1]), audio.dtype)])
