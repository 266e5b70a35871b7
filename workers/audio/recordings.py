"""Recordings as people have them: any file that libsndfile reads, as float32 of two channels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from schemas.errors import AssetError

#: Endings of files that libsndfile reads.
SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"})
#: Longer files are songs and no samples.
LONGEST_S: Final = 600.0


def read_recording(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a file, float32 [frames, 2], and its sample rate; of one channel both sides are the same.

    Of more channels than two the first two are taken.

    Raises:
        AssetError: it cannot be read, is empty or longer than `LONGEST_S`.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz = int(file.samplerate)
            if file.frames > LONGEST_S * rate_hz:
                raise AssetError(
                    f"{path.name} lasts {file.frames / rate_hz:.0f} s, which is more than {LONGEST_S:.0f} s"
                )
            audio = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        why = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        raise AssetError(
            f"the recording {path.name} cannot be read: {why}", hint="Save it anew as WAV or FLAC"
        ) from error
    if not len(audio):
        raise AssetError(f"the recording {path.name} is empty", hint="Save it anew as WAV or FLAC")
    if not np.isfinite(audio).all():
        raise AssetError(
            f"the recording {path.name} has samples that are no numbers", hint="Save it anew as WAV or FLAC"
        )
    sides = audio[:, :2] if audio.shape[1] > 1 else np.repeat(audio, 2, axis=1)
    return np.ascontiguousarray(sides), rate_hz


def at_rate(audio: NDArray[np.float32], rate_hz: int, wanted_hz: int) -> NDArray[np.float32]:
    """Return audio at another sample rate (soxr, very high quality)."""
    if rate_hz == wanted_hz:
        return audio
    made: NDArray[np.float32] = soxr.resample(audio, rate_hz, wanted_hz, quality="VHQ")
    return np.ascontiguousarray(made, dtype=np.float32)
