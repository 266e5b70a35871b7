"""What is said of stems that are recordings."""

from __future__ import annotations

from schemas.errors import AnnotationError
from schemas.plan import DatasetPlan
from schemas.samples import SampleCue, StemSample


def sample_gain_db(cue: SampleCue | None, plan: DatasetPlan) -> float:
    """Return the gain that the plan gives a recording, dB; 0 for a stem that is none."""
    samples = None if plan.compose is None else plan.compose.samples
    return 0.0 if cue is None or samples is None else samples.layers[cue.layer].gain_db


def sample_label(cue: SampleCue, plan: DatasetPlan, song_bpm: float) -> StemSample:
    """Return what the annotation says of a recording.

    Raises:
        AnnotationError: the plan has no such recording.
    """
    library = None if plan.compose is None else plan.compose.sample_library
    sample = None if library is None else library.get(cue.sha256)
    if library is None or sample is None:
        raise AnnotationError(
            f"the plan has no recording {cue.sha256[:12]}", hint="The ledger was changed from outside"
        )
    return StemSample(
        name=sample.name,
        sha256=sample.sha256,
        library=library.name,
        licence=sample.licence,
        attribution=sample.attribution,
        category=sample.category,
        layer=cue.layer,
        mode=cue.mode,
        tempo_bpm=sample.tempo_bpm,
        key=sample.key,
        score=sample.score,
        stretch=sample.stretch(song_bpm),
        shift_semitones=cue.shift,
        gain_db=sample_gain_db(cue, plan),
    )
