"""Pitch of a stem against its notes: would another transposition of the notes fit the sound better?

Spectra taken inside notes are folded to the twelve pitch classes and compared with the notes that sound there, as they
are and moved by one to eleven semitones. Octaves are not told apart here, see
`workers.verifying.octaves`. A finding needs many notes and a clear margin; percussive and inharmonic patches are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import StemAnnotation
from schemas.errors import DatasetError
from workers.audio.files import read_segments
from workers.verifying.report import Code
from workers.verifying.track import TrackCheck

#: Programs that have a pitch of their own and no fixed other: no timpani (47), orchestra hit (55), lead in fifths (86),
#: tubular bells (14), guitar harmonics (31), nor effects, ethnic and percussive ones (96 and above).
UNPITCHED: Final = frozenset({14, 31, 47, 55, 86, *range(96, 128)})
_WINDOW_S: Final = 0.19
#: The attack is passed over, and a note must fill most of a window.
_ATTACK_S: Final = 0.03
_SHORTEST_S: Final = 0.15
_MAX_WINDOWS: Final = 24
_MIN_WINDOWS: Final = 8
#: At most so many pitch classes at once: a cluster fits any transposition.
_MAX_CLASSES: Final = 5
_LOWEST_HZ: Final = 60.0
_HIGHEST_HZ: Final = 2500.0
#: Peaks of the spectrum further below the highest are left out, dB.
_PEAK_RANGE_DB: Final = 40.0
#: On 39 true stems of real songs the best wrong transposition scored at most 1.15 times the right one.
_MARGIN: Final = 1.35
_GOOD_SCORE: Final = 0.5


def check_pitch(track: TrackCheck, stem: StemAnnotation, rate_hz: int) -> None:
    """Note a finding where the stem's notes, moved by some semitones, fit its sound clearly better than as they are."""
    programs = {stem.program, stem.program if stem.preset_program is None else stem.preset_program}
    if stem.is_drum or programs & UNPITCHED or stem.silent or stem.audio is None:
        return
    sound = track.sound_of(stem)
    if sound is not None and (sound.drums or sound.noisy):
        return
    try:
        score, windows = pitch_scores(track.folder / stem.audio, stem, rate_hz)
    except DatasetError:
        return  # already a finding of the audio
    best = int(np.argmax(score))
    if windows >= _MIN_WINDOWS and score[best] >= _GOOD_SCORE and score[best] > _MARGIN * score[0]:
        semitones = best if best <= 6 else best - 12
        message = f"its sound fits the notes {semitones:+d} semitones better ({score[best]:.2f} against {score[0]:.2f})"
        track.add(stem.audio, Code.PITCH_WRONG, message)


def pitch_scores(path: Path, stem: StemAnnotation, rate_hz: int) -> tuple[NDArray[np.float64], int]:
    """Return how well the notes fit when moved by 0 to 11 semitones, 0 .. 1 each, and in how many windows.

    Raises:
        DatasetError: the file cannot be read.
    """
    size = 1 << round(np.log2(_WINDOW_S * rate_hz))
    times = _windows(stem, size / rate_hz)
    expected = [_classes_at(stem, time_s, size / rate_hz) for time_s in times]
    looked_at = [
        (round(time_s * rate_hz), classes)
        for time_s, classes in zip(times, expected, strict=True)
        if 0 < np.count_nonzero(classes) <= _MAX_CLASSES
    ]
    scores, windows = np.zeros(12), 0
    segments = read_segments(path, [start for start, _ in looked_at], size)
    for (_, classes), segment in zip(looked_at, segments, strict=True):
        heard = _heard_classes(segment, rate_hz)
        if heard is not None:
            scores += [float(heard @ np.roll(classes, shift)) for shift in range(12)]
            windows += 1
    return scores / max(windows, 1), windows


def _windows(stem: StemAnnotation, window_s: float) -> list[float]:
    """Return where to look: inside notes that are long enough, sounding and not bent, spread over the song."""
    notes = stem.notes
    times = [
        onset_s + _ATTACK_S
        for onset_s, offset_s, bent, sounding in zip(
            notes.onset_s, notes.offset_s, notes.bent, notes.sounding, strict=True
        )
        if sounding and not bent and offset_s - onset_s >= max(_SHORTEST_S, window_s * 0.7)
    ]
    if len(times) <= _MAX_WINDOWS:
        return times
    return [times[index] for index in np.linspace(0, len(times) - 1, _MAX_WINDOWS).astype(int)]


def _classes_at(stem: StemAnnotation, time_s: float, window_s: float) -> NDArray[np.float64]:
    """Return the pitch classes that sound in a window, as a vector of length 1."""
    notes = stem.notes
    sounding = (np.array(notes.onset_s) < time_s + 0.6 * window_s) & (np.array(notes.offset_s) > time_s)
    classes = np.zeros(12)
    classes[np.array(notes.pitch)[sounding] % 12] = 1.0
    return classes / max(float(np.linalg.norm(classes)), 1e-9)


def _heard_classes(segment: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64] | None:
    """Return the strength of each pitch class in a window of sound as a vector of length 1; None in silence."""
    signal = segment.mean(axis=1)
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    middle = spectrum[1:-1]
    is_peak = (middle > spectrum[:-2]) & (middle >= spectrum[2:]) & (middle > 0.0)
    bins = np.flatnonzero(is_peak) + 1
    hertz = _refined(spectrum, bins) * (rate_hz / len(signal))
    audible = (hertz > _LOWEST_HZ) & (hertz < _HIGHEST_HZ)
    bins, hertz = bins[audible], hertz[audible]
    if not len(bins):
        return None
    strength = np.where(spectrum[bins] > spectrum[bins].max() * 10.0 ** (-_PEAK_RANGE_DB / 20.0), spectrum[bins], 0.0)
    classes = np.zeros(12)
    np.add.at(classes, np.rint(69.0 + 12.0 * np.log2(hertz / 440.0)).astype(int) % 12, np.sqrt(strength))
    length = float(np.linalg.norm(classes))
    return classes / length if length > 0.0 else None


def _refined(spectrum: NDArray[np.float64], bins: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the bins of peaks to a fraction, from the parabola through the logarithms of three bins."""
    low, top, high = (np.log(spectrum[bins + offset] + 1e-30) for offset in (-1, 0, 1))
    refined: NDArray[np.float64] = bins + 0.5 * (low - high) / np.minimum(low - 2.0 * top + high, -1e-12)
    return refined
