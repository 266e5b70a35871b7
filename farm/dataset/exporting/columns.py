"""The columns of the tables: name, type, meaning, and where each value is from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from farm.dataset.exporting.order import ExportOrder, What
from farm.dataset.exporting.song import Part, Song
from schemas.annotation import StemAnnotation
from schemas.dataset import ANNOTATION, SLAKH_PATHS
from schemas.gm import DRUM_PROGRAM

Value = str | int | float | bool | list[str] | None
Row = dict[str, Value]
_Of = TypeVar("_Of")


class Type(StrEnum):
    """Types of the values; every value may be missing."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "true or false"
    TEXTS = "list of texts"


@dataclass(frozen=True)
class Column(Generic[_Of]):
    """One column; a path has the kind of files that it leads to."""

    name: str
    type: Type
    meaning: str
    of: Callable[[_Of], Value]
    path: What | None = None


def _path(song: Song, path: str | None) -> str | None:
    return None if song.file(path) is None else f"{song.track.folder}/{path}"


def _sha256(song: Song, path: str | None) -> str | None:
    file = song.file(path)
    return None if file is None else file.sha256


def _size_bytes(song: Song, path: str | None) -> int | None:
    file = song.file(path)
    return None if file is None else file.size_bytes


def _verdict(stem: StemAnnotation) -> str | None:
    """Return the verdict on a stem; older annotations have findings alone. None where there is no audio."""
    if stem.quality is not None:
        return stem.quality.verdict
    return None if stem.audio is None else "warn" if stem.findings else "pass"


def _song_verdict(song: Song) -> str:
    """Return the verdict on a song: `warn` where a stem has a finding, or no audio."""
    if song.annotation.quality is not None:
        return song.annotation.quality.verdict
    return "pass" if all(_verdict(stem) == "pass" for stem in song.annotation.stems) else "warn"


def _song_findings(song: Song) -> list[str]:
    if song.annotation.quality is not None:
        return sorted(song.annotation.quality.findings)
    return sorted({finding for stem in song.annotation.stems for finding in stem.findings})


def _measured(name: str) -> Callable[[Part], Value]:
    """Return what reads a figure of a stem's quality; missing without audio and in older annotations."""
    return lambda part: getattr(part.stem.quality, name, None)


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _composed(name: str) -> Callable[[Song], Value]:
    """Return what reads a fact of a composed song; missing of others."""
    return lambda song: getattr(song.annotation.composed, name, None)


def _layer(part: Part) -> str | None:
    made = part.song.annotation.composed
    layers = [] if made is None else made.layers
    return next((layer.name for layer in layers if part.stem.name in layer.stems), None)


def _of_its_song(column: Column[Song]) -> Column[Part]:
    return Column(column.name, column.type, column.meaning, lambda part: column.of(part.song))


def _notes(part: Part) -> int:
    return len(part.stem.notes.pitch)


#: Figures of the check of a render, before any gain: column, type, meaning, and what its quality calls it.
_FIGURES: Final = (
    ("sounding_share", Type.NUMBER, "share of its notes that sound, 0 to 1", "sounding_share"),
    ("onset_lag_s", Type.NUMBER, "seconds from the first note to the first sound", "onset_lag_s"),
    ("raw_peak_dbfs", Type.NUMBER, "sample peak as rendered, dBFS", "peak_dbfs"),
    ("raw_rms_dbfs", Type.NUMBER, "RMS as rendered, dBFS", "rms_dbfs"),
    ("tail_db", Type.NUMBER, "level of the last 50 ms below its peak, dB", "tail_db"),
    ("tail_cut", Type.FLAG, "still sounded at the longest tail", "tail_cut"),
    ("flatness", Type.NUMBER, "spectral flatness where loud, 0 tone to 1 noise", "flatness"),
    ("dc_share", Type.NUMBER, "constant offset relative to its RMS", "dc_share"),
)

#: Columns that both tables have.
_SHARED: Final[list[Column[Song]]] = [
    Column("track", Type.TEXT, "name of the song's folder", lambda song: song.track.track),
    Column("split", Type.TEXT, "train, validation, ...; missing outside of any", lambda song: song.track.split),
    Column("cluster", Type.TEXT, "shared by all versions of one song", lambda song: song.track.cluster or None),
    Column("song_sha256", Type.TEXT, "SHA-256 of the MIDI file", lambda song: song.track.song_sha256),
    Column("duration_s", Type.NUMBER, "seconds of audio", lambda song: song.annotation.duration_s),
    Column("rate_hz", Type.WHOLE, "samples per second", lambda song: song.annotation.rate_hz),
    Column("channels", Type.WHOLE, "1 or 2", lambda song: song.annotation.channels),
]

SONG_COLUMNS: Final[list[Column[Song]]] = [
    *_SHARED,
    Column("frames", Type.WHOLE, "samples per channel", lambda song: song.annotation.frames),
    Column("source", Type.TEXT, "path of the MIDI file in its source", lambda song: song.annotation.provenance.source),
    Column("song_md5", Type.TEXT, "MD5 of the MIDI file", lambda song: song.annotation.provenance.song_md5),
    Column("stem_count", Type.WHOLE, "stems of the song", lambda song: len(song.annotation.stems)),
    Column(
        "stems_with_audio", Type.WHOLE, "stems that are published as audio",
        lambda song: sum(stem.audio is not None for stem in song.annotation.stems),
    ),
    Column("classes", Type.TEXTS, "instrument classes", lambda song: _distinct(s.inst_class for s in song.annotation.stems)),
    Column(
        "note_count", Type.WHOLE, "notes of all stems",
        lambda song: sum(len(stem.notes.pitch) for stem in song.annotation.stems),
    ),
    Column("beat_count", Type.WHOLE, "beats", lambda song: len(song.annotation.beats)),
    Column(
        "tempo_bpm", Type.NUMBER, "first tempo, quarter notes per minute",
        lambda song: song.annotation.tempo[0].bpm if song.annotation.tempo else None,
    ),
    Column(
        "meters", Type.TEXTS, "4/4, ..., each that occurs",
        lambda song: _distinct(f"{meter.numerator}/{meter.denominator}" for meter in song.annotation.meters),
    ),
    Column(
        "keys", Type.TEXTS, "C major, ..., each that occurs",
        lambda song: _distinct(f"{key.tonic} {key.mode}" for key in song.annotation.keys),
    ),
    Column("mix_lufs", Type.NUMBER, "loudness of the mix, LUFS", lambda song: song.annotation.mix.loudness_lufs),
    Column("mix_peak_dbfs", Type.NUMBER, "sample peak of the mix, dBFS", lambda song: song.annotation.mix.peak_dbfs),
    Column(
        "mix_true_peak_dbtp", Type.NUMBER, "true peak of the mix, dBTP, where it was measured",
        lambda song: song.annotation.mix.true_peak_dbtp,
    ),
    Column(
        "common_gain_db", Type.NUMBER, "gain that all stems share, dB", lambda song: song.annotation.mix.common_gain_db
    ),
    Column("mixes", Type.TEXTS, "names of its other mixes", lambda song: [mix.name for mix in song.annotation.mixes]),
    Column("submixes", Type.TEXTS, "names of its submixes", lambda song: [mix.recipe for mix in song.annotation.submixes]),
    Column("mix_is_sum", Type.FLAG, "the stems sum to the mix", lambda song: song.annotation.mix.is_sum),
    Column(
        "score", Type.NUMBER, "of the mix, 0 to 1, where it was scored",
        lambda song: None if song.annotation.score is None else song.annotation.score.score,
    ),
    Column("number", Type.WHOLE, "of a composed song, in any range of its run", _composed("number")),
    Column("genres", Type.TEXTS, "of a composed song", lambda song: _composed("genres")(song) or []),
    Column("swing", Type.NUMBER, "of a composed song, 0.5 is straight", _composed("swing")),
    Column("verdict", Type.TEXT, "pass, or warn where a stem has a finding or no audio", _song_verdict),
    Column("findings", Type.TEXTS, "what the checks of its renders found, each once", _song_findings),
    Column(
        "sounding_share", Type.NUMBER, "share of the notes of all stems that sound, 0 to 1",
        lambda song: getattr(song.annotation.quality, "sounding_share", None),
    ),
    Column("warnings", Type.TEXTS, "what was found in the MIDI file", lambda song: sorted(song.annotation.warnings)),
    Column(
        "licences", Type.TEXTS, "of the patches that play", lambda song: sorted({s.licence for s in song.annotation.stems} - {""})
    ),
    Column("engine", Type.TEXT, "what rendered it", lambda song: song.annotation.provenance.engine),
    Column("engine_version", Type.TEXT, "its version", lambda song: song.annotation.provenance.engine_version),
    Column("seed", Type.WHOLE, "of every draw", lambda song: song.annotation.provenance.seed),
    Column("plan_sha256", Type.TEXT, "of the plan", lambda song: song.annotation.provenance.plan_sha256),
    Column("farm_version", Type.TEXT, "version of the farm", lambda song: song.annotation.provenance.farm_version),
    Column("mix", Type.TEXT, "path of the mix", lambda song: _path(song, song.annotation.mix.audio), What.MIX),
    Column("mix_sha256", Type.TEXT, "its SHA-256", lambda song: _sha256(song, song.annotation.mix.audio)),
    Column("mix_size_bytes", Type.WHOLE, "its size", lambda song: _size_bytes(song, song.annotation.mix.audio)),
    Column("midi", Type.TEXT, "path of the MIDI that sounds", lambda song: _path(song, SLAKH_PATHS.all_stems), What.MIDI),
    Column(
        "source_midi", Type.TEXT, "path of the MIDI file as it was found",
        lambda song: _path(song, SLAKH_PATHS.source_midi), What.MIDI,
    ),
    Column("annotation", Type.TEXT, "path of the annotation", lambda song: _path(song, ANNOTATION), What.ANNOTATION),
    Column("annotation_sha256", Type.TEXT, "its SHA-256", lambda song: _sha256(song, ANNOTATION)),
]  # fmt: skip

STEM_COLUMNS: Final[list[Column[Part]]] = [
    *(_of_its_song(column) for column in _SHARED),
    Column("stem", Type.TEXT, "S00, S01, ...", lambda part: part.stem.name),
    Column("inst_class", Type.TEXT, "instrument class", lambda part: part.stem.inst_class),
    Column("is_drum", Type.FLAG, "plays drums", lambda part: part.stem.is_drum),
    Column(
        "program", Type.WHOLE, "General MIDI program 0-127; 128 for drums",
        lambda part: DRUM_PROGRAM if part.stem.is_drum else part.stem.program,
    ),
    Column("kit_or_program", Type.WHOLE, "program 0-127, of drums that of the kit", lambda part: part.stem.program),
    Column("bank", Type.WHOLE, "bank that the MIDI file asks for", lambda part: part.stem.bank),
    Column("program_name", Type.TEXT, "name of the program", lambda part: part.stem.program_name),
    Column("part_name", Type.TEXT, "name of the part in the MIDI file", lambda part: part.stem.track_name or None),
    Column("layer", Type.TEXT, "of a composed song: beat, melody, ...", _layer),
    Column("patch", Type.TEXT, "what played it", lambda part: part.stem.patch or None),
    Column("preset", Type.TEXT, "the patch's own name", lambda part: part.stem.preset or None),
    Column("group", Type.TEXT, "group of the instrument map", lambda part: part.stem.group or None),
    Column("choice", Type.TEXT, "the patch's name in that group", lambda part: part.stem.choice or None),
    Column(
        "replaces", Type.TEXTS, "patches that failed before, in order",
        lambda part: [replaced.patch for replaced in part.stem.replaces],
    ),
    Column("octave_offset", Type.WHOLE, "octaves above the keys that were sent", lambda part: part.stem.octave_offset),
    Column("soundfont", Type.TEXT, "name of the soundfont", lambda part: part.stem.soundfont or None),
    Column("soundfont_sha256", Type.TEXT, "its SHA-256", lambda part: part.stem.soundfont_sha256 or None),
    Column("licence", Type.TEXT, "of the patch, or of its soundfont", lambda part: part.stem.licence or None),
    Column("note_count", Type.WHOLE, "notes", _notes),
    Column("notes_bent", Type.WHOLE, "notes whose pitch is bent", lambda part: sum(part.stem.notes.bent)),
    Column(
        "notes_without_sound", Type.WHOLE, "notes for which the patch has no sample",
        lambda part: _notes(part) - sum(part.stem.notes.sounding),
    ),
    Column("lowest_pitch", Type.WHOLE, "MIDI number", lambda part: min(part.stem.notes.pitch, default=None)),
    Column("highest_pitch", Type.WHOLE, "MIDI number", lambda part: max(part.stem.notes.pitch, default=None)),
    Column(
        "active_s", Type.NUMBER, "seconds in which it sounds",
        lambda part: round(sum(end - start for start, end in part.stem.active_regions), 6),
    ),
    Column("loudness_lufs", Type.NUMBER, "loudness as rendered, LUFS", lambda part: part.stem.loudness_lufs),
    Column(
        "published_loudness_lufs", Type.NUMBER, "loudness as published, LUFS",
        lambda part: part.stem.published_loudness_lufs,
    ),
    Column("gain_db", Type.NUMBER, "gain that was applied, dB", lambda part: part.stem.gain_db),
    Column("role_gain_db", Type.NUMBER, "gain of its role in the mix, a part of that, dB", lambda part: part.stem.role_gain_db),
    Column("pan", Type.NUMBER, "-1 is left, 1 is right", lambda part: part.stem.pan),
    Column("peak_dbfs", Type.NUMBER, "sample peak as published, dBFS", lambda part: part.stem.peak_dbfs),
    Column("silent", Type.FLAG, "has no loudness to match", lambda part: part.stem.silent),
    Column("verdict", Type.TEXT, "pass, or warn where there are findings; missing without audio", lambda part: _verdict(part.stem)),
    Column("findings", Type.TEXTS, "what the check of the render found", lambda part: list(part.stem.findings)),
    *(Column(name, kind, meaning, _measured(key)) for name, kind, meaning, key in _FIGURES),
    Column("audio", Type.TEXT, "path of the audio", lambda part: _path(part.song, part.stem.audio), What.STEMS),
    Column("audio_sha256", Type.TEXT, "its SHA-256", lambda part: _sha256(part.song, part.stem.audio)),
    Column("audio_size_bytes", Type.WHOLE, "its size", lambda part: _size_bytes(part.song, part.stem.audio)),
    Column("midi", Type.TEXT, "path of the MIDI that sounds", lambda part: _path(part.song, part.stem.midi), What.MIDI),
    Column(
        "midi_played", Type.TEXT, "path of the MIDI that was sent, where that is another",
        lambda part: _path(part.song, part.stem.midi_played), What.MIDI,
    ),
]  # fmt: skip


def wanted(columns: list[Column[_Of]], order: ExportOrder) -> list[Column[_Of]]:
    """Return the columns without the paths of files that are not asked for."""
    return [column for column in columns if column.path is None or column.path in order.what]


def row(columns: list[Column[_Of]], of: _Of, *, paths_from: str = "") -> Row:
    """Return the row of a song or a stem.

    Args:
        columns: which.
        of: the song or the stem.
        paths_from: what stands before every path.
    """
    found: Row = {}
    for column in columns:
        value = column.of(of)
        found[column.name] = f"{paths_from}{value}" if column.path is not None and value is not None else value
    return found
