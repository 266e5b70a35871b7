"""Labels without audio: the annotation against its schema, manifest, plan, `metadata.yaml` and MIDI files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.annotation import Notes, SongAnnotation, StemAnnotation
from schemas.dataset import ANNOTATION, NO_PLUGIN, SLAKH_PATHS
from schemas.errors import MidiError
from schemas.gm import DRUM_PROGRAM
from schemas.layouts import SAMPLE
from schemas.mixes import mixes_block
from schemas.musicgen import sample_text
from schemas.provenance import assets_of, data_hash
from schemas.words import counted
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.verifying.joined import check_all_stems
from workers.verifying.limiter import check_limiter
from workers.verifying.mixes import check_roles, promised_files
from workers.verifying.report import Code
from workers.verifying.submixes import check_partition, groups_by_file
from workers.verifying.track import TrackCheck

#: What rounding to nine digits, again after conversions, may take from a factor.
_FACTOR_TOLERANCE: Final = 1e-6

#: Times of annotation and MIDI may differ by the rounding of either, seconds.
TIME_TOLERANCE_S: Final = 2e-6
#: Loudness, gain and target may miss each other by their rounding, dB.
GAIN_TOLERANCE_DB: Final = 0.01


def read_annotation(track: TrackCheck) -> SongAnnotation | None:
    """Read a track's annotation; None, and a finding, where it is not of the published schema."""
    if not track.has(ANNOTATION):
        return None
    try:
        song = SongAnnotation.model_validate_json((track.folder / ANNOTATION).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        track.add(
            ANNOTATION, Code.ANNOTATION_INVALID, f"{where}: {first['msg']} ({counted(error.error_count(), 'error')})"
        )
        return None
    uneven = [stem.name for stem in song.stems if len({len(column) for column in _columns(stem.notes)}) > 1]
    if uneven:
        track.add(ANNOTATION, Code.ANNOTATION_INVALID, f"the columns of notes of {uneven} differ in length")
        return None
    return song


def check_labels(track: TrackCheck, song: SongAnnotation) -> None:
    """Check all that the annotation says which needs no audio."""
    _check_song(track, song)
    for message in _outside(song):
        track.add(ANNOTATION, Code.ANNOTATION_OUTSIDE, message)
    _check_whole(track, song)
    check_limiter(track, song)
    for stem in song.stems:
        _check_gain(track, song, stem)
        _check_notes(track, song, stem)
    check_all_stems(track, song)
    check_partition(track, song)
    check_roles(track, song)
    _check_mixes(track, song)
    _check_metadata(track, song)
    _check_sample(track, song)


def _columns(notes: Notes) -> list[list[Any]]:
    return [notes.onset_s, notes.offset_s, notes.key_off_s, notes.pitch, notes.velocity, notes.bent, notes.sounding]


def _check_song(track: TrackCheck, song: SongAnnotation) -> None:
    record, form = track.record, track.form
    said_form = song.conversions[-1] if song.conversions else track.plan.output.form
    claims: list[tuple[str, object, object]] = [
        ("track", song.track, record.track),
        ("song", song.provenance.song_sha256, record.song_sha256),
        ("source", song.provenance.source, record.source),
        ("seconds", song.duration_s, record.duration_s),
        ("stems", len(song.stems), record.stems),
        ("notes", sum(len(stem.notes.pitch) for stem in song.stems), record.notes),
        ("rate", song.rate_hz, form.rate_hz),
        ("channels", song.channels, form.channels),
        ("form", (said_form.format, said_form.bits), (form.format, form.bits)),
        ("dither", song.dither, track.dithered(song)),
        ("plan", song.provenance.plan_sha256, track.plan.plan_hash),
        ("seed", song.provenance.seed, track.plan.seed),
        ("data", song.provenance.data_sha256 or data_hash(track.plan), data_hash(track.plan)),
        ("assets", song.provenance.assets or assets_of(song.stems), assets_of(song.stems)),
        ("verdict", "" if song.quality is None else song.quality.verdict, record.verdict),
        ("findings", {} if song.quality is None else song.quality.findings, record.findings),
        ("seconds of its frames", song.duration_s, round(song.frames / song.rate_hz, 6)),
    ]
    for what, said, expected in claims:
        if said != expected:
            track.add(ANNOTATION, Code.ANNOTATION_DIFFERS, f"{what}: {said!r}, and {expected!r} was promised")
    if all(file.sha256 != record.song_sha256 for file in record.files):
        track.add(SLAKH_PATHS.source_midi, Code.ANNOTATION_DIFFERS, "no file of the track is the song it was made from")
    for file in [
        *([] if song.mix.audio is None else [song.mix.audio]),
        *groups_by_file(song),
        *promised_files(song),
        *(path for stem in song.stems for path in (stem.audio, stem.midi, stem.midi_played) if path),
    ]:
        if all(known.path != file for known in record.files):
            track.add(file, Code.ANNOTATION_DIFFERS, "the annotation names it, and the manifest does not")


def _outside(song: SongAnnotation) -> Iterator[str]:
    """Yield a message for every list that has a time outside the audio, out of order, or an empty interval."""
    end_s = song.duration_s
    points = {
        "tempo": [item.time_s for item in song.tempo],
        "meters": [item.time_s for item in song.meters],
        "keys": [item.time_s for item in song.keys],
        "beats": [item.time_s for item in song.beats],
        "downbeats_s": song.downbeats_s,
        **{f"{stem.name}.notes.onset_s": stem.notes.onset_s for stem in song.stems},
    }
    for name, times in points.items():
        if any(not 0.0 <= time_s <= end_s for time_s in times):
            yield f"{name}: a time outside the audio of {end_s} s"
        elif times != sorted(times):
            yield f"{name}: not in the order of time"
    for stem in song.stems:
        notes = stem.notes
        onsets = np.array(notes.onset_s)
        for name, ends in (("offset_s", np.array(notes.offset_s)), ("key_off_s", np.array(notes.key_off_s))):
            if np.any(ends < onsets) or np.any(ends > end_s):
                yield f"{stem.name}.notes.{name}: a release before its onset or after the audio"
        if any(not 0.0 <= start_s < stop_s <= end_s for start_s, stop_s in stem.active_regions):
            yield f"{stem.name}.active_regions: a region outside the audio or of no length"


def _check_gain(track: TrackCheck, song: SongAnnotation, stem: StemAnnotation) -> None:
    """The gain is match plus common gain; the published loudness itself is checked against the audio."""
    if not stem.is_played or not track.plan.output.is_rendered:
        return
    common_db = song.mix.common_gain_db
    if stem.silent != (stem.loudness_lufs is None):
        track.add(ANNOTATION, Code.GAIN_WRONG, f"{stem.name}: without loudness, and not silent, or the other way round")
    expected_db = _match_db(track, stem.loudness_lufs) + stem.role_gain_db + common_db
    may_rise = track.plan.mix.loudness_lufs is not None
    if abs(stem.gain_db - expected_db) > GAIN_TOLERANCE_DB or (common_db > 0.0 and not may_rise):
        track.add(
            ANNOTATION,
            Code.GAIN_WRONG,
            f"{stem.name}: {stem.gain_db:.3f} dB, and {expected_db:.3f} dB were to be applied",
        )


def _match_db(track: TrackCheck, loudness_lufs: float | None) -> float:
    """Return the gain that was to bring audio of this loudness to the plan's, dB."""
    plan = track.plan.mix
    if loudness_lufs is None:
        return 0.0
    return plan.stem_lufs - max(loudness_lufs, -math.inf if plan.gate_lufs is None else plan.gate_lufs)


def _check_whole(track: TrackCheck, song: SongAnnotation) -> None:
    """A mix that is a render of the whole song says so, and its gain is match plus common gain, as that of a stem."""
    mix, made_of = song.mix, track.plan.mix.made_of
    is_whole = made_of == "song"
    if is_whole in (mix.is_sum, mix.whole is None):
        said = "the sum of the stems" if mix.is_sum else "no sum of the stems"
        track.add(ANNOTATION, Code.ANNOTATION_DIFFERS, f"the mix is called {said}, and the plan makes it of {made_of}")
    if mix.whole is not None:
        expected_db = _match_db(track, mix.whole.loudness_lufs) + mix.common_gain_db
        if abs(mix.whole.gain_db - expected_db) > GAIN_TOLERANCE_DB:
            message = f"the mix: {mix.whole.gain_db:.3f} dB, and {expected_db:.3f} dB were to be applied"
            track.add(ANNOTATION, Code.GAIN_WRONG, message)


def _check_mixes(track: TrackCheck, song: SongAnnotation) -> None:
    """The gains of other mixes are match, role and common gain, each with the loudness of its own."""
    loudness = {stem.name: stem.loudness_lufs for stem in song.stems}
    for mix in song.mixes:
        for stem in mix.stems:
            expected_db = stem.role_gain_db + mix.common_gain_db
            if loudness.get(stem.name) is not None:
                expected_db += _match_db(track, loudness[stem.name]) + mix.stem_lufs - track.plan.mix.stem_lufs
            if abs(stem.gain_db - expected_db) > GAIN_TOLERANCE_DB or mix.common_gain_db > 0.0:
                message = (
                    f"{stem.name} in {mix.name}: {stem.gain_db:.3f} dB, and {expected_db:.3f} dB were to be applied"
                )
                track.add(ANNOTATION, Code.GAIN_WRONG, message)


def _check_notes(track: TrackCheck, song: SongAnnotation, stem: StemAnnotation) -> None:
    """The notes are those of the stem's MIDI file: number, onsets, releases, pitches, velocities, bends."""
    if not track.has(stem.midi):
        return
    try:
        table = read_notes(read_midi((track.folder / stem.midi).read_bytes()))
    except MidiError as error:
        track.add(stem.midi, Code.NOTES_DIFFER, f"no MIDI file: {error.message}")
        return
    if len(table) != len(stem.notes.pitch):
        message = f"{counted(len(table), 'note')}, and {len(stem.notes.pitch)} in the annotation of {stem.name}"
        track.add(stem.midi, Code.NOTES_DIFFER, message)
        return
    end_s = song.duration_s
    times = [
        ("onsets", table.onset_s, stem.notes.onset_s),
        ("releases", np.minimum(table.offset_s, end_s), stem.notes.offset_s),
        ("key releases", np.minimum(table.key_off_s, end_s), stem.notes.key_off_s),
    ]
    numbers: list[tuple[str, NDArray[Any], Sequence[int]]] = [
        ("pitches", table.pitch, stem.notes.pitch),
        ("velocities", table.velocity, stem.notes.velocity),
        ("bends", table.bent, stem.notes.bent),
    ]
    other = [name for name, mine, said in times if np.any(np.abs(mine - np.array(said)) > TIME_TOLERANCE_S)]
    other += [name for name, mine, said in numbers if not np.array_equal(mine, said)]
    if other:
        track.add(stem.midi, Code.NOTES_DIFFER, f"other {', '.join(other)} than in the annotation of {stem.name}")


def _check_metadata(track: TrackCheck, song: SongAnnotation) -> None:
    """Slakh's metadata.yaml, where the layout has one, says what the annotation says, and its flags what is there."""
    file = SLAKH_PATHS.sign
    if not track.has(file):
        return
    try:
        metadata = yaml.safe_load((track.folder / file).read_text(encoding="utf-8"))
        claims = list(_metadata_claims(metadata, song, track))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        track.add(file, Code.METADATA_DIFFERS, f"not of Slakh's form: {type(error).__name__} {error}")
        return
    for where, said, expected in claims:
        if said != expected:
            track.add(file, Code.METADATA_DIFFERS, f"{where}: {said!r}, and it is {expected!r}")


def _check_sample(track: TrackCheck, song: SongAnnotation) -> None:
    """The layout musicgen's sample.json says what the annotation says."""
    if not track.has(SAMPLE):
        return
    try:
        said = json.loads((track.folder / SAMPLE).read_bytes())
    except ValueError as error:
        track.add(SAMPLE, Code.METADATA_DIFFERS, f"not of musicgen's form: {error}")
        return
    expected = json.loads(sample_text(song, split=track.record.split))
    if said != expected:
        known = said if isinstance(said, dict) else {}
        keys = sorted(key for key in expected.keys() | known.keys() if known.get(key) != expected.get(key))
        track.add(SAMPLE, Code.METADATA_DIFFERS, f"{', '.join(keys) or 'it'}: not what the annotation says")


def is_factor(said: float, gain_db: float) -> bool:
    """Whether a factor, rounded as it may be, is a gain."""
    return math.isclose(said, 10.0 ** (gain_db / 20.0), rel_tol=0.0, abs_tol=_FACTOR_TOLERANCE)


def _metadata_claims(metadata: Any, song: SongAnnotation, track: TrackCheck) -> Iterator[tuple[str, object, object]]:
    yield "stems", sorted(metadata["stems"]), sorted(stem.name for stem in song.stems)
    yield "normalization_factor", metadata["normalization_factor"], track.plan.mix.stem_lufs
    yield "target_peak", metadata["target_peak"], track.plan.mix.ceiling_db
    gain, factor = metadata["overall_gain"], 10 ** (song.mix.common_gain_db / 20)
    yield "overall_gain", gain, gain if is_factor(gain, song.mix.common_gain_db) else round(factor, 6)
    yield "stemfarm.mix.is_sum", metadata["stemfarm"]["mix"]["is_sum"], song.mix.is_sum
    yield "stemfarm.dither", metadata["stemfarm"].get("dither", False), song.dither
    yield "stemfarm.quality", metadata["stemfarm"].get("quality"), song.quality_block()
    for key in ("roles", "mixes"):
        yield f"stemfarm.{key}", metadata["stemfarm"].get(key), mixes_block(song).get(key)
    files = {PurePosixPath(known.path) for known in track.record.files}
    yield "normalized", metadata["normalized"], song.mix.audio is not None and PurePosixPath(song.mix.audio) in files
    audio, midi = (
        {path.stem for path in files if path.parent == PurePosixPath(metadata[key])}
        for key in ("audio_dir", "midi_dir")
    )
    for stem in song.stems:
        said = metadata["stems"].get(stem.name, {})
        expected = {
            "inst_class": stem.inst_class,
            "is_drum": stem.is_drum,
            "program_num": DRUM_PROGRAM if stem.is_drum else stem.program,
            "midi_program_name": stem.program_name,
            "plugin_name": stem.patch or NO_PLUGIN,
            "audio_rendered": stem.name in audio,
            "midi_saved": stem.name in midi,
            "integrated_loudness": stem.loudness_lufs,
        }
        for key, value in expected.items():
            yield f"stems.{stem.name}.{key}", said.get(key), value
