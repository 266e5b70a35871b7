"""Draws spectrograms of audio with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import MissingDependencyError
from workers.patches.studio import Audio

#: Window and step of the spectra, frames, and what is drawn of them, dB below the loudest and Hz.
_WINDOW: Final = 2048
_STEP: Final = 512
_DEPTH_DB: Final = 90.0
_LOWEST_HZ: Final = 30.0
_FAINT: Final = 1e-12
#: What a picture says of its making; matplotlib would add its version.
_METADATA: Final = {"Software": None}


def draw_spectrograms(takes: Mapping[str, Audio], rate_hz: int, title: str, path: Path) -> None:
    """Draw one panel for each take, frequency on a logarithmic axis, level as brightness.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "the spectrogram is drawn by matplotlib, and it is not installed",
            hint="Install it with `pip install 'stemfarm[plots]'`",
        ) from error
    longest_s = max(len(audio) / rate_hz for audio in takes.values())
    with mpl.rc_context({"font.size": 9, "axes.titlelocation": "left"}):
        figure = Figure(figsize=(10, 2.4 * len(takes) + 0.6), dpi=110, layout="constrained")
        axes: Any = figure.subplots(len(takes), 1, squeeze=False)
        for axis, (name, audio) in zip(axes[:, 0], takes.items(), strict=True):
            _panel(axis, spectrum_db(audio), rate_hz)
            axis.set(title=name, ylim=(_LOWEST_HZ, rate_hz / 2), xlim=(0, longest_s), ylabel="Hz", yscale="log")
        axes[-1, 0].set_xlabel("seconds")
        figure.suptitle(title)
        figure.savefig(path, metadata=_METADATA)


def _panel(axis: Any, levels: NDArray[np.float32], rate_hz: int) -> None:
    time_s = np.arange(levels.shape[0] + 1) * _STEP / rate_hz
    hz = np.arange(levels.shape[1] + 1) * rate_hz / _WINDOW
    axis.pcolormesh(time_s, hz, levels.T, cmap="magma", vmin=-_DEPTH_DB, vmax=0.0, rasterized=True)


def spectrum_db(audio: Audio) -> NDArray[np.float32]:
    """Return the level of every frequency over time, dB below the loudest; [steps, window / 2 + 1]."""
    mono = audio.mean(axis=1, dtype=np.float64)
    padded = np.pad(mono, (_WINDOW // 2, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)) ** 2
    levels = 10 * np.log10(np.maximum(power / max(float(power.max()), _FAINT), 10 ** (-_DEPTH_DB / 10)))
    return levels.astype(np.float32)
