"""The quality of stems and songs: figures of the verdicts, gathered for who filters by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from schemas.annotation import StemAnnotation
from schemas.quality import SongQuality, StemQuality
from schemas.result import StemMeasurement, StemResult

_TIME_DIGITS: Final = 6
_DIGITS: Final = 4


def stem_quality(result: StemResult) -> StemQuality:
    """Return the figures of a stem that was rendered."""
    engine, measured = result.engine, result.measured
    unheard = len(engine.silent_notes) + engine.muted_notes
    lag_s = None
    if measured.first_sound_s is not None and engine.first_audible_note_s is not None:
        lag_s = round(measured.first_sound_s - engine.first_audible_note_s, _TIME_DIGITS)
    return StemQuality(
        verdict="warn" if result.verdict.findings else "pass",
        sounding_share=_share(engine.notes - unheard, engine.notes),
        onset_lag_s=lag_s,
        peak_dbfs=_db(measured.peak),
        rms_dbfs=_db(measured.rms),
        tail_db=None if _db(measured.peak) is None else _db(measured.tail_peak / measured.peak),
        tail_cut=engine.tail_cut,
        flatness=None if measured.flatness is None else round(measured.flatness, _DIGITS),
        dc_share=_dc_share(measured),
        flat_run_frames=measured.flat_run_frames,
    )


def song_quality(stems: Sequence[StemAnnotation]) -> SongQuality:
    """Return the figures of a song, from those of its stems."""
    findings = Counter(finding for stem in stems for finding in stem.findings)
    rated = [stem.quality for stem in stems if stem.quality is not None]
    lags_s = [quality.onset_lag_s for quality in rated if quality.onset_lag_s is not None]
    pitched = [stem.quality for stem in stems if stem.quality is not None and not stem.is_drum]
    flatness = [quality.flatness for quality in pitched if quality.flatness is not None]
    notes = [(len(stem.notes.pitch), stem.quality) for stem in stems]
    heard = sum(count * quality.sounding_share for count, quality in notes if quality is not None)
    return SongQuality(
        verdict="warn" if findings else "pass",
        findings=dict(sorted(findings.items())),
        sounding_share=_share(heard, sum(count for count, _ in notes)),
        onset_lag_s=max(lags_s, default=None),
        flatness=max(flatness, default=None),
    )


def _share(part: float, whole: int) -> float:
    return round(min(1.0, max(0.0, part / whole)), _DIGITS) if whole else 0.0


def _dc_share(measured: StemMeasurement) -> float | None:
    return round(max(map(abs, measured.dc)) / measured.rms, _DIGITS) if measured.rms > 0.0 else None


def _db(level: float) -> float | None:
    return round(20.0 * float(np.log10(level)), _DIGITS) if level > 0.0 else None
