"""What a reworked song says of itself: annotation, `metadata.yaml` and JAMS, made true again."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from schemas.annotation import Notes, SongAnnotation, StemAnnotation
from schemas.base import canonical_json
from schemas.convert import Conversion, rounding_of
from schemas.dataset import ANNOTATION, SLAKH_PATHS
from schemas.errors import DatasetError, MidiError
from schemas.layouts import SAMPLE
from schemas.mixes import mixes_block
from schemas.musicgen import sample_text
from schemas.whole import WholeMix
from schemas.words import counted
from workers.annotating.jams import jams_text
from workers.annotating.notes import TIME_DIGITS
from workers.audio.levels import SOUND_FLOOR, active_regions
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.mixing.gains import decibels
from workers.publishing.layouts.slakh import metadata_text, submix_block
from workers.reworking.mixes import converted_mix
from workers.reworking.passes import Sound, difference_db
from workers.reworking.track import Track

#: The block of `metadata.yaml` that is the farm's own.
_OWN: str = "stemfarm"
_GAIN_DIGITS: int = 9


def converted_annotation(
    track: Track,
    song: SongAnnotation,
    conversion: Conversion,
    frames: int,
    sounds: Mapping[str, Sound],
    new: Path,
    *,
    measured: bool,
) -> SongAnnotation:
    """Return the annotation of a song whose audio was converted.

    Args:
        track: as it was.
        song: its annotation.
        conversion: what was done.
        frames: of the audio now.
        sounds: of the files now, by path.
        new: folder in which they are.
        measured: every level is to be taken from `sounds`; else samples are what they were, and so are the levels.
    """
    duration_s = round(frames / conversion.rate_hz, TIME_DIGITS)
    moved = {file: with_format(file, conversion.format) for file in _audio_of(song)}

    def figures(file: str) -> dict[str, Any]:
        sound = sounds[moved[file]]
        return {"peak_dbfs": decibels(sound.peak), "loudness_lufs": sound.loudness_lufs} if measured else {}

    def stem(old: StemAnnotation) -> StemAnnotation:
        update: dict[str, Any] = {"notes": _notes(track, old, song.duration_s, duration_s)}
        if old.audio is not None:
            update["audio"] = moved[old.audio]
        if old.audio is not None and measured:
            gain_db = round(old.gain_db + conversion.gain_db, 4)
            found, sound = figures(old.audio), sounds[moved[old.audio]]
            # what lies within the error of dithered samples is no sound
            noise = rounding_of(conversion.bits, dither=True) if conversion.dither else 0.0
            floor = max(SOUND_FLOOR * 10.0 ** (gain_db / 20.0), noise)
            regions = active_regions(sound.hop_peaks, frames=frames, rate_hz=conversion.rate_hz, floor=floor)
            update |= {
                "gain_db": gain_db,
                "peak_dbfs": found["peak_dbfs"],
                "published_loudness_lufs": found["loudness_lufs"],
                "active_regions": regions,
            }
        if old.audio is None and old.loudness_lufs is not None and measured:  # it is part of a mix that stands alone
            update["gain_db"] = round(old.gain_db + conversion.gain_db, 4)
            for key in ("peak_dbfs", "published_loudness_lufs"):
                before = getattr(old, key)
                update[key] = None if before is None else round(before + conversion.gain_db, 4)
        return old.model_copy(update=update)

    mix: dict[str, Any] = {}
    if measured:
        mix["common_gain_db"] = round(song.mix.common_gain_db + conversion.gain_db, 4)
    if song.mix.audio is not None:
        mix |= {"audio": moved[song.mix.audio], **figures(song.mix.audio)}
    if song.mix.audio is not None and measured:
        true_peak = sounds[moved[song.mix.audio]].true_peak
        mix["true_peak_dbtp"] = None if true_peak is None else decibels(true_peak)
        mix["whole"] = None if song.mix.whole is None else _whole(track, song.mix.whole, conversion, new)
    submixes = [
        submix.model_copy(update={"groups": [
            group.model_copy(update={"audio": moved[group.audio], **figures(group.audio)}) for group in submix.groups
        ]})
        for submix in song.submixes
    ]  # fmt: skip
    return song.model_copy(
        update={
            "frames": frames,
            "rate_hz": conversion.rate_hz,
            "channels": conversion.channels,
            "duration_s": duration_s,
            "stems": [stem(old) for old in song.stems],
            "mix": song.mix.model_copy(update=mix),
            "dither": conversion.dither if measured else song.dither,
            "submixes": submixes,
            "mixes": [converted_mix(mix, conversion, moved, sounds if measured else None) for mix in song.mixes],
            "conversions": [*song.conversions, conversion],
        }
    )


def documents(track: Track, song: SongAnnotation | None, conversion: Conversion | None) -> dict[str, bytes]:
    """Return the files of a track that say what its audio is: path -> bytes, the sign of completeness last.

    A `metadata.yaml` of others keeps what it says; its overall gain follows, and what was done is added to it.
    """
    texts: dict[str, str] = {}
    if song is not None:
        texts[ANNOTATION] = canonical_json(song) + "\n"
        if SLAKH_PATHS.jams in track.files:
            texts[SLAKH_PATHS.jams] = jams_text(song)
        if SAMPLE in track.files:
            texts[SAMPLE] = sample_text(song, split=_split_of(track))
    if track.metadata is not None:
        metadata = copy.deepcopy(track.metadata)
        if song is not None:
            _follow(metadata, song)
        elif conversion is not None:
            _note(metadata, conversion)
        if metadata != track.metadata:
            texts[SLAKH_PATHS.sign] = metadata_text(metadata)
    return {path: text.encode() for path, text in texts.items()}


def _split_of(track: Track) -> str | None:
    """Return the split that a song's `sample.json` names."""
    try:
        said = json.loads((track.folder / SAMPLE).read_bytes())["split"]
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{track.folder / SAMPLE} is damaged", hint="`farm verify` says more") from error
    return None if said is None else str(said)


def _whole(track: Track, whole: WholeMix, conversion: Conversion, new: Path) -> WholeMix:
    """Return what is known of a mix of the whole song, now that it was converted by itself."""
    stems = [new / with_format(file, conversion.format) for file in track.stems.values()]
    missed_db = difference_db(stems, new / with_format(str(track.mix), conversion.format))
    return whole.model_copy(
        update={"gain_db": round(whole.gain_db + conversion.gain_db, 4), "difference_db": missed_db}
    )


def with_format(file: str, file_format: str) -> str:
    """Return the path of an audio file in another format."""
    return Path(file).with_suffix(f".{file_format}").as_posix()


def _audio_of(song: SongAnnotation) -> list[str]:
    groups = [group.audio for submix in song.submixes for group in submix.groups]
    mixes = [
        file for mix in song.mixes for file in (mix.audio, *(stem.audio for stem in mix.stems)) if file is not None
    ]
    own = [song.mix.audio, *(stem.audio for stem in song.stems)]
    return [*(file for file in own if file is not None), *groups, *mixes]


def _follow(metadata: dict[str, Any], song: SongAnnotation) -> None:
    """Make the metadata of a song of ours say what its annotation says."""
    metadata["overall_gain"] = round(10.0 ** (song.mix.common_gain_db / 20.0), _GAIN_DIGITS)
    own = metadata.setdefault(_OWN, {})
    own |= {
        "duration_s": song.duration_s,
        "frames": song.frames,
        "rate_hz": song.rate_hz,
        "channels": song.channels,
        "gain_db": {stem.name: stem.gain_db for stem in song.stems},
        "mix": song.mix.model_dump(mode="json"),
        **submix_block(song),
        **mixes_block(song),
    }
    if song.quality is not None:
        own["quality"] = song.quality_block()
    own.pop("dither", None)
    if song.dither:
        own["dither"] = True
    if song.conversions:
        own["bits"] = song.conversions[-1].bits
        own["conversions"] = [conversion.model_dump(mode="json") for conversion in song.conversions]


def _note(metadata: dict[str, Any], conversion: Conversion) -> None:
    """Write into the metadata of others what was done to the audio."""
    gain = metadata.get("overall_gain")
    if conversion.gain_db and isinstance(gain, int | float):
        metadata["overall_gain"] = round(gain * 10.0 ** (conversion.gain_db / 20.0), _GAIN_DIGITS)
    own = metadata.get(_OWN) if isinstance(metadata.get(_OWN), dict) else {}
    own = {} if own is None else own
    metadata[_OWN] = {**own, "conversions": [*own.get("conversions", []), conversion.model_dump(mode="json")]}


def _notes(track: Track, stem: StemAnnotation, before_s: float, now_s: float) -> Notes:
    """Return the notes of a stem in audio that became longer by a part of a sample: releases that it cut reach on."""
    notes = stem.notes
    if now_s == before_s or not any(time_s >= before_s for time_s in (*notes.offset_s, *notes.key_off_s)):
        return notes
    try:
        table = read_notes(read_midi((track.folder / stem.midi).read_bytes()))
    except (OSError, MidiError) as error:
        raise DatasetError(f"{track.folder / stem.midi} cannot be read: {error}") from error
    if len(table) != len(notes.pitch):
        raise DatasetError(
            f"{track.folder / stem.midi} has {counted(len(table), 'note')}, and its annotation {len(notes.pitch)}"
        )

    def cut(times: Any) -> list[float]:
        seconds: list[float] = np.round(np.minimum(times, now_s), TIME_DIGITS).tolist()
        return seconds

    return notes.model_copy(update={"offset_s": cut(table.offset_s), "key_off_s": cut(table.key_off_s)})
