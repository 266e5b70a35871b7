"""Convert the audio of one song into a new folder, with everything that it says of itself made true.

Where nothing is lost (another file format, more bits), every file is converted by itself and every sample stays what it
was. Where something is (another rate, mono, fewer bits), stems are converted and rounded, and the mix is made anew as
their exact sum, as it was made in the first place: rounding would leave a converted mix some steps away from it. A mix
that never was the sum of its stems is converted by itself. Between new samples a song can be louder than before; then
all of it is lowered by one gain, so that nothing passes the ceiling, and the gain is in all gains that are written down.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from schemas.convert import AudioForm, Conversion, ConvertOrder, MixOrigin, Note, NoteCode, rounding_of
from schemas.dataset import ANNOTATION, SLAKH_PATHS, FileRecord, TrackRecord
from schemas.errors import PlanError
from schemas.layouts import SAMPLE
from workers.audio.files import disk_errors
from workers.audio.truepeak import MAX_OVERSHOOT
from workers.mixing.gains import GAIN_STEP_DB
from workers.publishing.publish import write_documents
from workers.reworking.blocks import blocks_in, form_of, frames_in, level_of
from workers.reworking.documents import converted_annotation, documents, with_format
from workers.reworking.passes import Lane, Sound, Sum, run_pass, sums_up
from workers.reworking.track import Track, conversions_of, file_record, groups_of, other_mixes_of, read_track

#: Files that are written last, one in each layout.
_SIGNS: Final = (SLAKH_PATHS.sign, SAMPLE)

_GAIN_DIGITS: Final = 4


@dataclass(frozen=True)
class Converted:
    """A song in its new folder."""

    changed: bool  #: whether the folder holds it; else it has the form already, and nothing was written
    duration_s: float
    stems: int  #: with audio
    files: list[FileRecord]
    notes: list[Note] = field(default_factory=list)


def target_form(form: AudioForm, order: ConvertOrder) -> AudioForm:
    """Return the form that an order wants of audio that has `form`.

    Raises:
        PlanError: there is no such form.
    """
    wanted = {
        "format": order.format,
        "bits": order.bits,
        "rate_hz": order.rate_hz,
        "channels": 1 if order.mono else None,
    }
    target = form.model_copy(update={key: value for key, value in wanted.items() if value is not None})
    if target.format == "flac" and target.bits == 32:
        raise PlanError(
            f"there is no FLAC of floats: {form.words} cannot become it as it is", hint="Add --bits 24 or --bits 16"
        )
    return target


def convert_track(
    folder: Path,
    new: Path,
    order: ConvertOrder,
    *,
    record: TrackRecord | None,
    name: str,
    ceiling_db: float | None = None,
) -> Converted:
    """Write a song in its new form into `new`, a folder of its own; in place, what has that form already is left alone.

    Args:
        folder: of the song as it is; it is only read.
        new: where it goes.
        order: what is wanted.
        record: the song's line of the manifest, which its files are checked against; None in datasets of others.
        name: of the song, for notes.
        ceiling_db: of its plan, dB; None where there is no plan, and the metadata may say it.

    Raises:
        DatasetError: a file is missing, damaged, unreadable, or of another form or length than the rest.
        DiskFullError, OutputError: `new` cannot be written.
        PlanError: the order makes no sense for this song.
    """
    track = read_track(folder, record)
    noise = _Noise.of(track, name, order)
    form, frames = track.form()
    target = target_form(form, order)
    if target == form:
        files = [] if order.target is None else _copy(track, new, track.files)
        return Converted(
            order.target is not None, round(frames / form.rate_hz, 6), len(track.stems), files, noise.unused(name)
        )
    if target.keeps(form):
        gain_db, origin = 0.0, MixOrigin.KEPT
        sounds = _kept(track, new, target, frames)
    else:
        gain_db, origin, sounds = _changed(track, new, target, frames, noise, ceiling_db)
    sounds |= _others(track, new, order, gain_db, noise)
    is_dithered = order.dither and origin is not MixOrigin.KEPT
    conversion = Conversion(**target.model_dump(), gain_db=gain_db, mix=origin, dither=is_dithered)
    frames_now = frames_in(target, frames, form.rate_hz)
    song = track.annotation
    if song is not None:
        measured = origin is not MixOrigin.KEPT
        song = converted_annotation(track, song, conversion, frames_now, sounds, new, measured=measured)
    written = documents(track, song, None if origin is MixOrigin.KEPT else conversion)
    audio = {*track.stems.values(), track.mix, *groups_of(track.annotation), *_of_other_mixes(track), *track.others}
    copied = _copy(track, new, [file for file in track.files if file not in {*audio, *written}])
    write_documents(new, dict(sorted(written.items(), key=lambda item: item[0] in _SIGNS)))
    files = [*(sound.record for sound in sounds.values()), *copied, *(file_record(new, path) for path in written)]
    notes = _notes(track, name, conversion, rewritten=bool(written))
    notes += [] if is_dithered else noise.unused(name)
    return Converted(True, round(frames_now / target.rate_hz, 6), len(track.stems), files, notes)


def _kept(track: Track, new: Path, target: AudioForm, frames: int) -> dict[str, Sound]:
    """Convert every file by itself; no sample changes."""
    files = [*track.stems.values(), *groups_of(track.annotation), *([] if track.mix is None else [track.mix])]
    files += _of_other_mixes(track)
    lanes = [Lane(track.folder / file, with_format(file, target.format)) for file in files]
    return run_pass(lanes, [], new, target, frames)


def _changed(
    track: Track, new: Path, target: AudioForm, frames: int, noise: _Noise, ceiling_db: float | None
) -> tuple[float, MixOrigin, dict[str, Sound]]:
    """Convert the stems and sum them up anew; again with a gain where something would pass the ceiling."""
    stems = [track.folder / file for file in track.stems.values()]
    is_sum = track.mix is not None and bool(stems) and sums_up(stems, track.folder / track.mix)
    lanes = [noise.lane(track, file, target) for file in track.stems.values()]
    names = list(track.stems)
    sums = [
        Sum(with_format(file, target.format), frozenset(names.index(stem) for stem in members))
        for file, members in groups_of(track.annotation).items()
    ]
    groups = {total.target for total in sums}
    if track.mix is not None and is_sum:
        sums.append(Sum(with_format(track.mix, target.format), frozenset(range(len(names)))))
    elif track.mix is not None:
        lanes.append(noise.lane(track, track.mix, target))
    _add_other_mixes(track, target, lanes, sums, noise)
    is_true = track.annotation is not None and track.annotation.mix.true_peak_dbtp is not None
    rounding = (len(stems) + 1) * rounding_of(target.bits, dither=noise.wanted)
    limits = _Limits.of(track, target, ceiling_db)
    now, gain_db = frames_in(target, frames, form_of(lanes[0].source)[0].rate_hz), 0.0
    while True:
        sounds = run_pass(lanes, sums, new, target, now, gain_db=gain_db, true_peak=is_true)
        excess = limits.excess(sounds, groups, _ceilings(track, target))
        if excess <= 1.0:
            return gain_db, MixOrigin.SUM if is_sum else MixOrigin.ALONE, sounds
        margin = 1.0 + rounding * (MAX_OVERSHOOT if is_true else 1.0) / limits.song
        steps = math.floor((gain_db - 20.0 * math.log10(excess * margin)) / GAIN_STEP_DB)
        gain_db = round(min(steps * GAIN_STEP_DB, gain_db - GAIN_STEP_DB), _GAIN_DIGITS)


def _of_other_mixes(track: Track) -> list[str]:
    """Return the audio of all other mixes of a song, their own stems first."""
    return [file for mix, stems in other_mixes_of(track.annotation).items() for file in (*stems, mix)]


def _add_other_mixes(track: Track, target: AudioForm, lanes: list[Lane], sums: list[Sum], noise: _Noise) -> None:
    """Convert the stems of other mixes and sum them up anew; a mix without stems of its own is converted by itself."""
    for mix, stems in other_mixes_of(track.annotation).items():
        first = len(lanes)
        lanes += [noise.lane(track, file, target) for file in (stems or [mix])]
        if stems:
            sums.append(Sum(with_format(mix, target.format), frozenset(range(first, len(lanes)))))


def _ceilings(track: Track, target: AudioForm) -> dict[str, float]:
    """Return how loud the files of other mixes may be, linear, by their paths in the new form."""
    mixes = [] if track.annotation is None else track.annotation.mixes
    return {
        with_format(file, target.format): 10.0 ** (mix.ceiling_db / 20.0)
        for mix in mixes
        for file in (mix.audio, *(stem.audio for stem in mix.stems))
        if file is not None
    }


@dataclass(frozen=True)
class _Noise:
    """Dither of one conversion: that of a file is drawn from seed, song, file, and the number of conversions before."""

    wanted: bool
    key: tuple[object, ...]

    @classmethod
    def of(cls, track: Track, name: str, order: ConvertOrder) -> _Noise:
        song = track.annotation
        source: tuple[object, ...] = (0, name) if song is None else (song.provenance.seed, song.provenance.song_sha256)
        before = len(conversions_of(track.metadata)) if song is None else len(song.conversions)
        return cls(order.dither, (*source, "convert", before))

    def lane(self, track: Track, file: str, target: AudioForm) -> Lane:
        """Return a file on its way into a form in which its samples are rounded."""
        noise = (*self.key, Path(file).with_suffix("").as_posix()) if self.wanted else ()
        return Lane(track.folder / file, with_format(file, target.format), noise)

    def unused(self, name: str) -> list[Note]:
        """Return a note where dither was wanted of a song of which no sample is rounded."""
        message = "every sample stays what it was, so that there is nothing to dither"
        return [Note(track=name, code=NoteCode.NOT_DITHERED, message=message)] if self.wanted else []


@dataclass(frozen=True)
class _Limits:
    """How loud files may be, linear: a song whose files were louder than its ceiling may stay as loud."""

    song: float  #: stems and mix
    groups: float  #: of submixes

    @classmethod
    def of(cls, track: Track, target: AudioForm, planned_db: float | None) -> _Limits:
        full = math.inf if target.bits == 32 else 1.0 - 2.0 ** (1 - target.bits)
        ceiling_db = planned_db if planned_db is not None else (track.metadata or {}).get("target_peak")
        ceiling = 10.0 ** (ceiling_db / 20.0) if isinstance(ceiling_db, int | float) else 1.0
        if track.annotation is None:
            files = [*track.stems.values(), *([] if track.mix is None else [track.mix])]
            ceiling = max([ceiling, *(_peak(track.folder / file) for file in files)])
        return cls(min(ceiling, full), full)

    def excess(self, sounds: Mapping[str, Sound], groups: set[str], others: Mapping[str, float]) -> float:
        """Return by which factor the loudest file passes its limit; up to 1 none does. Other mixes have limits of their own."""
        ratios = [
            sound.peak / self.groups
            if file in groups
            else max(sound.peak, sound.true_peak or 0.0) / min(others.get(file, self.song), self.groups)
            for file, sound in sounds.items()
        ]
        return max(ratios, default=0.0)


def _peak(path: Path) -> float:
    form, _ = form_of(path)
    peaks = [float(np.abs(level_of(block, form.bits)).max(initial=0.0)) for block in blocks_in(path, form)]
    return max(peaks, default=0.0)


def _others(track: Track, new: Path, order: ConvertOrder, gain_db: float, noise: _Noise) -> dict[str, Sound]:
    """Convert audio files that are neither stem nor mix, such as submixes that others made, each by itself."""
    sounds: dict[str, Sound] = {}
    for file in track.others:
        form, frames = form_of(track.folder / file)
        target = target_form(form, order)
        is_kept = target.keeps(form) and not gain_db
        lane = (
            Lane(track.folder / file, with_format(file, target.format)) if is_kept else noise.lane(track, file, target)
        )
        sounds |= run_pass([lane], [], new, target, frames_in(target, frames, form.rate_hz), gain_db=gain_db)
    return sounds


def _copy(track: Track, new: Path, files: list[str]) -> list[FileRecord]:
    """Copy files as they are, the sign of completeness last."""
    for file in sorted(files, key=lambda file: file in _SIGNS):
        with disk_errors(new / file):
            (new / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(track.folder / file, new / file)
    return [file_record(new, file) for file in files]


def _notes(track: Track, name: str, conversion: Conversion, *, rewritten: bool) -> list[Note]:
    notes = []
    if conversion.gain_db:
        message = f"lowered by {-conversion.gain_db:.4f} dB, since some of it would pass the ceiling in its new form"
        notes.append(Note(track=name, code=NoteCode.GAIN_LOWERED, message=message))
    if conversion.mix is MixOrigin.ALONE and track.mix is not None and track.stems:
        message = "its mix is not the sum of its stems, and was converted by itself"
        notes.append(Note(track=name, code=NoteCode.MIX_ALONE, message=message))
    if track.metadata is None and not rewritten and ANNOTATION not in track.files:
        message = f"{SLAKH_PATHS.sign} cannot be read, and was copied as it is"
        notes.append(Note(track=name, code=NoteCode.NO_METADATA, message=message))
    return notes
