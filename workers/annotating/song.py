"""The annotation of a whole song, put together from what every stage before knew for certain."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas import DISTRIBUTION
from schemas.annotation import DROPPED, NO_PATCH, MixAnnotation, Notes, Provenance, SongAnnotation, StemAnnotation
from schemas.compose import number_of
from schemas.dataset import SLAKH_PATHS, MixResult, StemRecord, TrackPaths
from schemas.errors import AnnotationError
from schemas.gm import program_class, program_name
from schemas.patch import EngineFacts, Patch, SampleSettings
from schemas.plan import DatasetPlan
from schemas.provenance import assets_of, data_hash
from schemas.replaced import OTHER_PATCH, Replaced
from schemas.result import StemResult
from schemas.roles import StemKind
from schemas.samples import mixed_as
from schemas.song import Part, SongSpec, SplitResult
from schemas.submix import mixing_values
from schemas.words import counted
from workers.annotating.beats import song_time
from workers.annotating.composed import composed_labels
from workers.annotating.notes import TIME_DIGITS, stem_notes
from workers.annotating.quality import song_quality, stem_quality
from workers.annotating.samples import sample_gain_db, sample_label
from workers.composing.song import Composed
from workers.composing.version import composer_version
from workers.midi.playing import Playing

#: FluidSynth starts every event at a multiple of this many frames.
TIMING_GRID_FRAMES: Final = 64


@dataclass(frozen=True)
class RenderedStem:
    """A part with its MIDI file as it was split, the patch that was to play it, and its result.

    The patch is None where the instrument map has none for the part; so is the result, and where the stem was dropped.
    """

    part: Part
    midi: bytes
    patch: Patch | None
    result: StemResult | None
    replaced: Sequence[Replaced] = ()  #: the patches that it had before, and that failed


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
    composed: Composed | None = None,
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
        composed: the song as the farm has written it; None for one that it found.

    Raises:
        MidiError: a MIDI file is damaged.
        AnnotationError: a label would lie outside the audio, or the stages contradict one another.
    """
    duration_s = round(mix.frames / mix.rate_hz, TIME_DIGITS)
    _check_agreement(split, stems, mix)
    time = song_time(source_midi, duration_s=duration_s, music_s=split.duration_s)
    mixed = {record.name: record for record in mix.stems}
    bpm = time.tempo[0].bpm
    annotated = [_stem(stem, mixed.get(stem.part.name), mix, plan, paths, duration_s, bpm) for stem in stems]
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
        stems=annotated,
        mix=MixAnnotation(
            audio=paths.mix_audio(plan.output.format) if plan.output.has_mix else None,
            peak_dbfs=mix.peak_dbfs,
            true_peak_dbtp=mix.true_peak_dbtp,
            loudness_lufs=mix.loudness_lufs,
            common_gain_db=mix.common_gain_db,
            is_sum=mix.whole is None,
            whole=mix.whole,
            limiter=mix.limiter,
        ),
        dither=plan.output.dither,
        submixes=mix.submixes,
        mixes=mix.mixes,
        quality=song_quality(annotated),
        warnings=dict(sorted(split.warnings.items())),
        composed=None
        if composed is None
        else composed_labels(composed, split.parts, number=number_of(song.source), duration_s=duration_s),
        provenance=_provenance(song, plan, facts, source_midi, annotated),
    )


def mixing_values_of(part: Part, patch: Patch, result: StemResult, plan: DatasetPlan) -> dict[str, Any]:
    """Return what the metadata of a rendered stem will say, by every key that a submix may go by."""
    return mixing_values(
        inst_class=_class_of(part, plan),
        is_drum=part.is_drum,
        program=part.program,
        program_name=program_name(part.program, is_drum=part.is_drum),
        patch=patch.name,
        preset=result.engine.preset_name,
    )


def kind_of(part: Part, patch: Patch | None, plan: DatasetPlan, genre: str = "") -> StemKind:
    """Return what the roles of a mix go by; `genre` is that of a composed song, whose tracks are its layers."""
    group = "" if patch is None else patch.group
    gain_db = sample_gain_db(part.sample, plan)
    kind = StemKind(_class_of(part, plan), group, part.program, part.is_drum, gain_db=gain_db)
    if plan.compose is None:
        return kind
    layer = part.track_name if part.sample is None else part.sample.layer
    own = mixed_as(part.track_name, part.sample)
    return kind._replace(layer=own, layer_role=plan.compose.role_of(layer, genre))


def _check_agreement(split: SplitResult, stems: Sequence[RenderedStem], mix: MixResult) -> None:
    parts, given = [part.name for part in split.parts], [stem.part.name for stem in stems]
    if parts != given:
        raise AnnotationError(f"the song has the parts {parts}, and stems came for {given}")
    rendered = [stem.part.name for stem in stems if stem.result is not None]
    mixed = [record.name for record in mix.stems]
    if rendered != mixed:
        raise AnnotationError(f"the stems {rendered} were rendered, and {mixed} were mixed")


def _stem(
    stem: RenderedStem,
    record: StemRecord | None,
    mix: MixResult,
    plan: DatasetPlan,
    paths: TrackPaths,
    duration_s: float,
    bpm: float,
) -> StemAnnotation:
    part, result, unrendered = stem.part, stem.result, not plan.output.is_rendered
    notes = _notes(stem, duration_s, TIMING_GRID_FRAMES / mix.rate_hz, unrendered=unrendered)
    if len(notes.pitch) != part.notes:
        raise AnnotationError(f"{part.name} has {counted(part.notes, 'note')}, and its MIDI file {len(notes.pitch)}")
    return StemAnnotation(
        name=part.name,
        audio=None if record is None else record.audio,
        midi=paths.stem_midi(part.name),
        midi_played=paths.played_midi(part.name) if _sounds_elsewhere(stem) else None,
        inst_class=_class_of(part, plan),
        is_drum=part.is_drum,
        program=part.program,
        bank=part.bank,
        program_name=program_name(part.program, is_drum=part.is_drum),
        track_name=part.track_name,
        preset="" if result is None else result.engine.preset_name,
        preset_program=_preset_program(stem),
        **_of_the_patch(stem.patch),
        sample=None if part.sample is None else sample_label(part.sample, plan, bpm),
        replaces=[Replaced(**{name: getattr(old, name) for name in Replaced.model_fields}) for old in stem.replaced],
        silent=not unrendered if record is None else record.silent,
        loudness_lufs=None if record is None else record.loudness_lufs,
        published_loudness_lufs=None if record is None else record.published_loudness_lufs,
        gain_db=0.0 if record is None else record.gain_db,
        peak_dbfs=None if record is None else record.peak_dbfs,
        **({} if record is None else _of_the_role(record)),
        active_regions=[] if result is None else _regions(_sounding_regions(record, result), duration_s),
        findings=[] if unrendered else _findings(stem),
        quality=None if result is None else stem_quality(result),
        notes=notes,
    )


def _preset_program(stem: RenderedStem) -> int | None:
    """Return the program of the soundfont's preset that sounded, where one did."""
    if stem.result is None or (stem.patch is not None and stem.patch.sound is not None):
        return None
    return stem.result.engine.preset_program


def _of_the_role(record: StemRecord) -> dict[str, Any]:
    return {
        "role_gain_db": record.role_gain_db, "pan": record.pan, "balance": record.balance, "effects": record.effects,
    }  # fmt: skip


def _sounding_regions(record: StemRecord | None, result: StemResult) -> Sequence[tuple[float, float]]:
    """Return where the published stem sounds: a panned one may have lost what was on its other side."""
    moved = None if record is None else record.active_regions
    return result.measured.active_regions if moved is None else moved


def _of_the_patch(patch: Patch | None) -> dict[str, Any]:
    if patch is None:
        return {"patch": ""}
    if isinstance(patch.settings, SampleSettings):
        asset: dict[str, Any] = {}
    else:
        kind = "soundfont" if patch.sound is None else "plugin"
        asset = {kind: patch.asset.name, f"{kind}_sha256": patch.asset.sha256}
    return {
        "engine": patch.engine,
        "engine_version": patch.engine_version,
        "patch": patch.name,
        "group": patch.group,
        "choice": patch.choice,
        "octave_offset": patch.octave_offset,
        "rules": patch.rules,
        **asset,
        "repeat_db": None if patch.sound is None else patch.sound.repeat_db,
        "licence": patch.asset.licence,
    }


def _class_of(part: Part, plan: DatasetPlan) -> str:
    """Return the instrument class that the map gives a part, else that of General MIDI; of a recording always that."""
    instruments = plan.instruments.loaded if part.sample is None else None
    group = None if instruments is None else instruments.group_of(part.map_program)
    own = program_class(part.program, is_drum=part.is_drum)
    return own if group is None or group.inst_class is None else group.inst_class


def _sounds_elsewhere(stem: RenderedStem) -> bool:
    playing = Playing.of(stem.patch)
    return playing.sent(stem.midi) != playing.sounding(stem.midi)


def _notes(stem: RenderedStem, duration_s: float, grid_s: float, *, unrendered: bool) -> Notes:
    result, playing = stem.result, Playing.of(stem.patch)
    silent = () if result is None else result.engine.silent_notes
    return stem_notes(
        playing.sounding(stem.midi),
        duration_s=duration_s,
        grid_s=grid_s,
        silent_notes=[(onset_s, key) for onset_s, sent in silent for key in playing.labels_of(sent)],
        sounding=unrendered or result is not None,
    )


def _regions(regions: Sequence[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Return the regions in whole microseconds; the last may end with the audio, never after it."""
    rounded = [(round(start_s, TIME_DIGITS), round(min(end_s, duration_s), TIME_DIGITS)) for start_s, end_s in regions]
    return [(start_s, end_s) for start_s, end_s in rounded if start_s < end_s]


def _findings(stem: RenderedStem) -> list[str]:
    if stem.result is None:
        return [NO_PATCH if stem.patch is None else DROPPED]
    replaced = [OTHER_PATCH] if stem.replaced else []
    return [*(finding.value for finding in stem.result.verdict.findings), *replaced]


def _provenance(
    song: SongSpec, plan: DatasetPlan, facts: EngineFacts, source_midi: bytes, stems: Sequence[StemAnnotation]
) -> Provenance:
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
        soundfonts=facts.map_hashes,
        engines=facts.engines,
        patches=facts.uses,
        farm_version=importlib.metadata.version(DISTRIBUTION),
        data_sha256=data_hash(plan),
        assets=assets_of(stems),
        composer_version="" if plan.compose is None else composer_version(),
    )
