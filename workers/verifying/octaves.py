"""Octave of a stem against its notes: does the sound have the harmonics of the notes as written, or of other octaves?

A note whose sound lies an octave higher has no odd harmonics of the written pitch; one whose sound lies an octave lower has
partials half-way between them, two octaves lower a quarter of the way. What is measured, in windows in which one note
sounds alone, is the strongest of those against the strongest harmonic. Only many notes of several keys that agree make a finding.

Tried on all 128 programs of TimGM6mb, 20 keys each from 36 to 84, of which 84 are judged: rightly labelled, none is a finding;
labelled one or two octaves too high or one too low, all are; two too low, all but the glockenspiel. Medians of
rightly labelled programs: odd harmonics at least -8.2 dB, half-way partials at most -20.9 dB, quarters at most -11.7 dB (but for
organs, whose registers lie in several octaves, whistles and blown bottle, which are left out). Of wrongly labelled
ones: odd at most -22.5 dB, half-way at least -8.2 dB, quarters at least -5.6 dB. Of 31 stems of six real songs with enough places
none is a finding as it is, and all are when labelled an octave too high or too low.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import StemAnnotation
from schemas.errors import DatasetError
from workers.audio.files import read_segments
from workers.verifying.pitch import UNPITCHED
from workers.verifying.report import Code
from workers.verifying.track import TrackCheck

#: Programs of which nothing is said: registers or breath in other octaves belong to their sound.
_OTHER_OCTAVES: Final = frozenset({16, 17, 18, 19, 76, 77, 78})
#: Thresholds between what was measured of right and of wrong labels, dB under the strongest harmonic.
_ODD_MISSING_DB: Final = -15.0
_HALVES_DB: Final = -12.0
_QUARTERS_DB: Final = -8.0
#: So much of the windows must agree.
_AGREE: Final = 0.75
_MIN_WINDOWS: Final = 8
#: And so many keys there must be, each of which counts once: single keys ring with a body an octave below. Of the acoustic
#: bass of TimGM6mb 37 and 38 do (-11 and -9 dB), which may be all that a song strikes alone.
_MIN_KEYS: Final = 3
_MAX_WINDOWS: Final = 32
#: The window, seconds, and how much of a note's beginning is passed over.
_WINDOW_S: Final = 0.19
_ATTACK_S: Final = 0.03
#: Lowest written pitch: below, the window cannot tell what lies half-way between the partials.
_LOWEST: Final = 36
#: So many bins apart partials must be at least: the window spreads each over two to either side, and as many are searched.
_APART_BINS: Final = 5.0
#: A second half-way partial is of a series with the first if it is at most so much weaker; one alone counts so much less.
_SERIES_DB: Final = 12.0
_ALONE_DB: Final = 9.0
_NOTHING_DB: Final = -240.0
#: Another note may still be heard for so long; where it shares many partials with this one, the window is left out.
_RINGS_S: Final = 0.5
#: Distances in semitones, octaves left out, of notes that share many partials: unison, fourth, fifth.
_RELATED: Final = (0, 5, 7)
#: A window whose strongest harmonic is below this has nothing to say (-80 dB).
_FAINT: Final = 1e-4
_HARMONICS: Final = tuple(range(1, 11))
_ODD: Final = (1.0, 3.0, 5.0)
_HALVES: Final = (0.5, 1.5, 2.5)
_QUARTERS: Final = (0.25, 0.75, 1.25, 1.75)


class Partials(NamedTuple):
    """Strongest partial of each kind in one window, dB relative to the strongest harmonic of the written pitch."""

    key: int  #: of the note
    odd_db: float
    halves_db: float
    quarters_db: float  #: relative to the half-way partials, where those are stronger


def check_octave(track: TrackCheck, stem: StemAnnotation, rate_hz: int) -> None:
    """Note a finding where a stem sounds octaves away from its notes."""
    programs = {stem.program, stem.program if stem.preset_program is None else stem.preset_program}
    if stem.is_drum or programs & (UNPITCHED | _OTHER_OCTAVES) or stem.silent or stem.audio is None:
        return
    try:
        windows = partials(track.folder / stem.audio, stem, rate_hz)
    except DatasetError:
        return  # already a finding of the audio
    where = octave_of(windows)
    if where is not None:
        message = f"its sound lies {where} its notes, in most of {len(windows)} places where one note sounds alone"
        track.add(stem.audio, Code.OCTAVE_WRONG, message)


def octave_of(windows: list[Partials]) -> str | None:
    """Return where the sound lies, in words, if that is not where the notes are; None too where it cannot be told."""
    keys = sorted({window.key for window in windows})
    if len(windows) < _MIN_WINDOWS or len(keys) < _MIN_KEYS:
        return None
    of_keys = [np.median([window for window in windows if window.key == key], axis=0) for key in keys]
    _, odd_db, halves_db, quarters_db = np.array(of_keys).T
    if np.quantile(odd_db, _AGREE) < _ODD_MISSING_DB and np.quantile(halves_db, 1.0 - _AGREE) < _HALVES_DB:
        return "an octave or more above"
    if np.quantile(quarters_db, 1.0 - _AGREE) > _QUARTERS_DB:
        return "two octaves or more below"
    if np.quantile(halves_db, 1.0 - _AGREE) > _HALVES_DB:
        return "an octave below"
    return None


def partials(path: Path, stem: StemAnnotation, rate_hz: int) -> list[Partials]:
    """Return the partials of every window that can be judged.

    Raises:
        DatasetError: the file cannot be read.
    """
    size = 1 << round(np.log2(_WINDOW_S * rate_hz))
    places = _places(stem, size / rate_hz)
    segments = read_segments(path, [round(onset_s * rate_hz) for onset_s, _ in places], size)
    found = [_partials(segment, pitch, rate_hz) for (_, pitch), segment in zip(places, segments, strict=True)]
    return [window for window in found if window is not None]


def _places(stem: StemAnnotation, window_s: float) -> list[tuple[float, int]]:
    """Return (seconds, pitch) of windows in which one note sounds and no related one may still be heard."""
    notes = stem.notes
    onset_s, offset_s, pitch = np.array(notes.onset_s), np.array(notes.offset_s), np.array(notes.pitch)
    fit = np.array(notes.sounding, bool) & ~np.array(notes.bent, bool) & (pitch >= _LOWEST)
    fit &= offset_s - onset_s >= _ATTACK_S + 0.8 * window_s
    places = []
    for index in np.flatnonzero(fit).tolist():
        start_s = onset_s[index] + _ATTACK_S
        near = (onset_s < start_s + window_s) & (offset_s > start_s - _RINGS_S)
        near[index] = False
        together = near & (offset_s > onset_s[index] + 1e-3)
        related = np.isin(np.abs(pitch[near] - pitch[index]) % 12, _RELATED) & (pitch[near] != pitch[index])
        if not together.any() and not related.any():
            places.append((float(start_s), int(pitch[index])))
    if len(places) <= _MAX_WINDOWS:
        return places
    return [places[index] for index in np.linspace(0, len(places) - 1, _MAX_WINDOWS).astype(int)]


def _partials(segment: NDArray[np.float32], pitch: int, rate_hz: int) -> Partials | None:
    signal = segment.mean(axis=1)
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) * (4.0 / len(signal))
    bins = 440.0 * 2.0 ** ((pitch - 69) / 12.0) * len(signal) / rate_hz  # of the written pitch

    def levels_db(multiples: tuple[float, ...]) -> list[float]:
        levels = [_level(spectrum, bins * multiple) for multiple in multiples]
        return sorted((20.0 * float(np.log10(max(level, 1e-12))) for level in levels), reverse=True)

    whole_db, odd_db = (levels_db(multiples)[0] for multiples in (_HARMONICS, _ODD))
    halves_db, quarters_db = (_together_db(*levels_db(multiples)[:2]) for multiples in (_HALVES, _QUARTERS))
    if max(whole_db, odd_db, halves_db, quarters_db) < 20.0 * np.log10(_FAINT):
        return None
    two_below_db = quarters_db - max(whole_db, halves_db) if bins / 4.0 >= _APART_BINS else _NOTHING_DB
    return Partials(pitch, odd_db - whole_db, halves_db - whole_db, two_below_db)


def _together_db(first_db: float, second_db: float) -> float:
    """Return how strong half-way or quarter partials are as a series: one that stands alone counts less.

    The body of an acoustic bass may ring with a single one (key 36 of TimGM6mb's: -8 dB, the next at -35 dB), and what lies
    at five quarters may be the third of the chord before, echoed. A sound that is too low has several.
    """
    return max(min(first_db, second_db + _SERIES_DB), first_db - _ALONE_DB)


def _level(spectrum: NDArray[np.float64], place: float) -> float:
    """Return the largest value within half a semitone, or within one and a half bins, of a place in the spectrum."""
    reach = max(place * (2.0 ** (0.5 / 12.0) - 1.0), 1.5)
    first, last = max(int(place - reach), 1), int(np.ceil(place + reach)) + 1
    return float(spectrum[first:last].max()) if last < len(spectrum) else 0.0
