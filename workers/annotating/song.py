"""The annotation of a whole song, put together from what every stage before knew for certain."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from schemas import DISTRIBUTION
from schemas.annotation import MixAnnotation, Notes, Provenance, SongAnnotation, StemAnnotation
from schemas.dataset import SLAKH_PATHS, MixResult, StemRecord, TrackPaths
from schemas.errors import AnnotationError
from schemas.gm import program_class, program_name
from schemas.patch import EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.result import StemResult
from schemas.song import Part, SongSpec, SplitResult
from workers.annotating.beats import song_time
from workers.annotating.notes import TIME_DIGITS, stem_notes

#: FluidSynth starts every event at a multiple of this many frames.
TIMING_GRID_FRAMES: Final = 64
#: A finding of stems that were given up; their MIDI is published, and they have no audio.
DROPPED: Final = "dropped"


@dataclass(frozen=True)
class RenderedStem:
    """A part with its MIDI file, the patch that was to play it, and its result; None where it was dropped."""

    part: Part
    midi: bytes
    patch: Patch
    result: StemResult | None


def annotate_song(
    song: SongSpec,
    split: SplitResult,
    stems: Sequence[RenderedStem],
    *,
    mix: MixResult,
    plan: DatasetPlan,
    facts: EngineFacts,
    source_midi: bytes,
    paths: TrackPaths = SLAKH_PATHS,
) -> SongAnnotation:
    """Return the annotation of a mixed song.

    Args:
        song: with its place in the dataset.
        split: its parts and warnings.
        stems: one per part, in the order of the parts.
        mix: what the mix stage decided and wrote.
        plan: that the song was made from.
        facts: of the engine that played it.
        source_midi: the song's MIDI file as it was found.
        paths: where the layout puts the files.

    Raises:
        MidiError: a MIDI file is damaged.
        AnnotationError: a label would lie outside the audio, or the stages contradict one another.
    """
    duration_s = round(mix.frames / mix.rate_hz, TIME_DIGITS)
    _check_agreement(split, stems, mix)
    time = song_time(source_midi, duration_s=duration_s, music_s=split.duration_s)
    mixed = {record.name: record for record in mix.stems}
    return SongAnnotation(
        track=song.name,
        duration_s=duration_s,
        frames=mix.frames,
        rate_hz=mix.rate_hz,
        channels=mix.channels,
        timing_grid_s=TIMING_GRID_FRAMES / mix.rate_hz,
        tempo=time.tempo,
        meters=time.meters,
        keys=time.keys,
        beats=time.beats,
        downbeats_s=time.downbeats_s,
        stems=[_stem(stem, mixed.get(stem.part.name), mix, paths, duration_s) for stem in stems],
        mix=MixAnnotation(
            audio=paths.mix_audio(plan.output.format),
            peak_dbfs=mix.peak_dbfs,
            true_peak_dbtp=mix.true_peak_dbtp,
            loudness_lufs=mix.loudness_lufs,
            common_gain_db=mix.common_gain_db,
        ),
        warnings=dict(sorted(split.warnings.items())),
        provenance=_provenance(song, plan, facts, source_midi),
    )


def _check_agreement(split: SplitResult, stems: Sequence[RenderedStem], mix: MixResult) -> None:
    parts, given = [part.name for part in split.parts], [stem.part.name for stem in stems]
    if parts != given:
        raise AnnotationError(f"the song has the parts {parts}, and stems came for {given}")
    rendered = [stem.part.name for stem in stems if stem.result is not None]
    mixed = [record.name for record in mix.stems]
    if rendered != mixed:
        raise AnnotationError(f"the stems {rendered} were rendered, and {mixed} were mixed")


def _stem(
    stem: RenderedStem, record: StemRecord | None, mix: MixResult, paths: TrackPaths, duration_s: float
) -> StemAnnotation:
    part, result = stem.part, stem.result
    notes = _notes(stem, duration_s, TIMING_GRID_FRAMES / mix.rate_hz)
    if len(notes.pitch) != part.notes:
        raise AnnotationError(f"{part.name} has {part.notes} notes, and its MIDI file {len(notes.pitch)}")
    return StemAnnotation(
        name=part.name,
        audio=None if record is None else record.audio,
        midi=paths.stem_midi(part.name),
        inst_class=program_class(part.program, is_drum=part.is_drum),
        is_drum=part.is_drum,
        program=part.program,
        bank=part.bank,
        program_name=program_name(part.program, is_drum=part.is_drum),
        track_name=part.track_name,
        patch=stem.patch.name,
        preset="" if result is None else result.engine.preset_name,
        silent=record is None or record.silent,
        loudness_lufs=None if record is None else record.loudness_lufs,
        published_loudness_lufs=None if record is None else record.published_loudness_lufs,
        gain_db=0.0 if record is None else record.gain_db,
        peak_dbfs=None if record is None else record.peak_dbfs,
        active_regions=[] if result is None else _regions(result.measured.active_regions, duration_s),
        findings=_findings(stem),
        notes=notes,
    )


def _notes(stem: RenderedStem, duration_s: float, grid_s: float) -> Notes:
    result = stem.result
    return stem_notes(
        stem.midi,
        duration_s=duration_s,
        grid_s=grid_s,
        silent_notes=() if result is None else result.engine.silent_notes,
        sounding=result is not None,
    )


def _regions(regions: Sequence[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Return the regions in whole microseconds; the last may end with the audio, never after it."""
    rounded = [(round(start_s, TIME_DIGITS), round(min(end_s, duration_s), TIME_DIGITS)) for start_s, end_s in regions]
    return [(start_s, end_s) for start_s, end_s in rounded if start_s < end_s]


def _findings(stem: RenderedStem) -> list[str]:
    if stem.result is None:
        return [DROPPED]
    return [finding.value for finding in stem.result.verdict.findings]


def _provenance(song: SongSpec, plan: DatasetPlan, facts: EngineFacts, source_midi: bytes) -> Provenance:
    return Provenance(
        song_sha256=song.song_hash,
        song_md5=hashlib.md5(source_midi, usedforsecurity=False).hexdigest(),
        source=song.source,
        seed=plan.seed,
        plan_sha256=plan.plan_hash,
        engine=facts.engine,
        engine_version=facts.version,
        soundfont=facts.soundfont.name,
        soundfont_sha256=facts.soundfont.sha256,
        soundfont_licence=facts.soundfont.licence,
        farm_version=importlib.metadata.version(DISTRIBUTION),
    )
