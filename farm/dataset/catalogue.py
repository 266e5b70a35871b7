"""What is known of every song and stem of a dataset, in plain values: for questions and for statistics.

It is read from the annotations, which hold every note; so the sums are kept in the dataset's own folder, each with the
hash of the annotation that it was read from, and only what is new is read again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from farm.dataset.query import Kind, Value
from farm.dataset.records import Shelf, read_shelf, replace
from schemas.dataset import ANNOTATION, FARM_FOLDER, NO_PLUGIN, SLAKH_PATHS
from schemas.errors import DatasetError
from schemas.gm import DRUM_PROGRAM
from schemas.splits import folder_of

Facts = dict[str, Value]

#: Facts of a song: kind and meaning.
SONG_FIELDS: Final[dict[str, tuple[Kind, str]]] = {
    "track": (Kind.TEXT, "name of the track"),
    "split": (Kind.TEXT, "train, validation, ...; none outside of any"),
    "cluster": (Kind.TEXT, "shared by all versions of one song"),
    "source": (Kind.TEXT, "path of the MIDI file in its source"),
    "uuid": (Kind.TEXT, "name of the MIDI file, in the Lakh MIDI Dataset its MD5"),
    "song": (Kind.TEXT, "SHA-256 of the MIDI file"),
    "duration": (Kind.NUMBER, "seconds of audio"),
    "stems": (Kind.NUMBER, "stems of the song"),
    "all_notes": (Kind.NUMBER, "notes of the song"),
    "tempo": (Kind.NUMBER, "first tempo, quarter notes per minute"),
    "meter": (Kind.WORDS, "4/4, ..., each that occurs"),
    "key": (Kind.WORDS, "C major, ..., each that occurs"),
    "mix_lufs": (Kind.NUMBER, "loudness of the mix, LUFS"),
    "mix_peak": (Kind.NUMBER, "sample peak of the mix, dBFS"),
    "rate": (Kind.NUMBER, "Hz"),
    "channels": (Kind.NUMBER, "1 or 2"),
    "warnings": (Kind.WORDS, "what was found in the MIDI file"),
    "song_verdict": (Kind.TEXT, "pass, or warn where a stem has a finding or no audio"),
    "song_findings": (Kind.WORDS, "findings of all its stems"),
    "song_sounding": (Kind.NUMBER, "share of the notes of all stems that sound, 0 to 1"),
    "score": (Kind.NUMBER, "of the mix, 0 to 1: `farm score`"),
    "score_tempo": (Kind.NUMBER, "how clear a pulse is, 0 to 1"),
    "score_harmony": (Kind.NUMBER, "how far all is of one key, 0 to 1"),
    "score_rhythm": (Kind.NUMBER, "how far sounds are struck and die away, 0 to 1"),
    "score_noise": (Kind.NUMBER, "1 without a floor of noise"),
    "score_labels": (Kind.NUMBER, "how well sounds begin where the notes do, 0 to 1"),
    "symbolic": (Kind.NUMBER, "score of a composed song before it was played, 0 to 1"),
    "attempt": (Kind.NUMBER, "tries at a composed song that were thrown away"),
    "number": (Kind.NUMBER, "of a composed song, in any range of its run"),
    "genre": (Kind.WORDS, "of a composed song; several where it is of all at once"),
    "swing": (Kind.NUMBER, "of a composed song, 0.5 is straight"),
    "sections": (Kind.WORDS, "of a composed song: verse, chorus, ..., each that occurs"),
    "mix": (Kind.TEXT, "path of the mix in the dataset"),
    "mixes": (Kind.WORDS, "names of its other mixes"),
}
#: Facts of a stem.
STEM_FIELDS: Final[dict[str, tuple[Kind, str]]] = {
    "stem": (Kind.TEXT, "S00, S01, ..."),
    "class": (Kind.TEXT, "instrument class: Piano, Bass, Strings (continued), Drums, ..."),
    "program": (Kind.NUMBER, "General MIDI program 0-127; 128 for drums"),
    "instrument": (Kind.TEXT, "name of the program"),
    "drums": (Kind.FLAG, "plays drums"),
    "name": (Kind.TEXT, "name of the part in the MIDI file"),
    "layer": (Kind.TEXT, "of a composed song: beat, melody, harmony, bassline or another"),
    "role": (Kind.TEXT, "of that layer: beat, melody, harmony, bassline, ..."),
    "patch": (Kind.TEXT, "what played it"),
    "preset": (Kind.TEXT, "the patch's own name"),
    "engine": (Kind.TEXT, "engine that played it"),
    "soundfont": (Kind.TEXT, "name of the soundfont that played it"),
    "plugin": (Kind.TEXT, "plug-in that played it, or source in Faust"),
    "licence": (Kind.TEXT, "licence of the patch, or of its soundfont or plug-in"),
    "notes": (Kind.NUMBER, "notes of the stem"),
    "low": (Kind.NUMBER, "lowest pitch"),
    "high": (Kind.NUMBER, "highest pitch"),
    "bent": (Kind.FLAG, "some notes are bent"),
    "active": (Kind.NUMBER, "seconds in which it sounds"),
    "lufs": (Kind.NUMBER, "loudness as rendered, LUFS"),
    "published_lufs": (Kind.NUMBER, "loudness as published, LUFS"),
    "gain": (Kind.NUMBER, "gain that was applied, dB"),
    "role_gain": (Kind.NUMBER, "what its role in the mix has of that, dB"),
    "pan": (Kind.NUMBER, "-1 is left, 1 is right, 0 is as played"),
    "peak": (Kind.NUMBER, "sample peak as published, dBFS"),
    "silent": (Kind.FLAG, "has no loudness to match"),
    "rendered": (Kind.FLAG, "is published as audio"),
    "findings": (Kind.WORDS, "what the check of the render found"),
    "verdict": (Kind.TEXT, "pass or warn, of the render"),
    "sounding": (Kind.NUMBER, "share of its notes that sound, 0 to 1"),
    "onset_lag": (Kind.NUMBER, "seconds from the first note to the first sound"),
    "raw_peak": (Kind.NUMBER, "sample peak as rendered, dBFS"),
    "raw_rms": (Kind.NUMBER, "RMS as rendered, dBFS"),
    "tail": (Kind.NUMBER, "level of the last 50 ms below its peak, dB"),
    "tail_cut": (Kind.FLAG, "still sounded at the longest tail"),
    "flatness": (Kind.NUMBER, "spectral flatness where loud, 0 tone to 1 noise"),
    "dc": (Kind.NUMBER, "constant offset relative to its RMS"),
    "audio": (Kind.TEXT, "path of the audio in the dataset"),
    "midi": (Kind.TEXT, "path of the MIDI file in the dataset"),
}
FIELDS: Final[dict[str, Kind]] = {name: kind for name, (kind, _) in {**SONG_FIELDS, **STEM_FIELDS}.items()}

_KEPT: Final = "catalogue.jsonl"
#: Raised when other facts are gathered, so that what was kept before is read anew.
_FORM: Final = 4
#: Fields of a stem -> what they are called in its quality.
_QUALITY: Final = {
    "verdict": "verdict", "sounding": "sounding_share", "onset_lag": "onset_lag_s", "raw_peak": "peak_dbfs",
    "raw_rms": "rms_dbfs", "tail": "tail_db", "tail_cut": "tail_cut", "flatness": "flatness", "dc": "dc_share",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A song and its stems."""

    song: Facts
    stems: list[Facts]


def read_catalogue(folder: Path) -> tuple[Shelf, list[Entry]]:
    """Read every song of a finished dataset, or of a folder of Slakh's; sorted by track.

    Raises:
        DatasetError: it is none, not finished, or a file of it is missing or damaged.
    """
    shelf = read_shelf(folder)
    kept = _kept(folder)
    found: dict[str, Entry] = {}
    keys: dict[str, str] = {}
    places: dict[str, str] = {}
    for track, split, place, key, extra in _tracks(shelf):
        entry = kept.get((track, key)) or _read(folder / place, is_slakh=shelf.record is None)
        keys[track], places[track], found[track] = key, place, entry
        _place(entry, track, split, place, extra)
    if any((track, key) not in kept for track, key in keys.items()):
        _keep(folder, keys, places, found)
    return shelf, [found[track] for track in sorted(found)]


def _tracks(shelf: Shelf) -> Iterator[tuple[str, str | None, str, str, Facts]]:
    """Yield (track, split, folder, what changes when its facts do, facts of the records) of every track."""
    if shelf.record is None:
        for track, split in shelf.places.items():
            place = folder_of(track, split)
            status = (shelf.folder / place / SLAKH_PATHS.sign).stat()
            yield track, split, place, f"{status.st_size}-{status.st_mtime_ns}", {}
        return
    for record in shelf.tracks:
        key = next((file.sha256 for file in record.files if file.path == ANNOTATION), "")
        extra: Facts = {
            "cluster": record.cluster or None, "source": record.source, "song": record.song_sha256,
            "uuid": PurePosixPath(record.source).stem,
        }  # fmt: skip
        yield record.track, record.split, record.folder, key, extra


def _place(entry: Entry, track: str, split: str | None, folder: str, extra: Facts) -> None:
    """Add what the records say, and make paths relative to the dataset."""
    entry.song.update(extra, track=track, split=split)
    for facts, name in [(entry.song, "mix"), *((stem, key) for stem in entry.stems for key in ("audio", "midi"))]:
        facts[name] = None if facts.get(name) is None else f"{folder}/{PurePosixPath(str(facts[name])).as_posix()}"


def _read(folder: Path, *, is_slakh: bool) -> Entry:
    path = folder / (SLAKH_PATHS.sign if is_slakh else ANNOTATION)
    try:
        data = path.read_bytes()
        return _of_slakh(yaml.load(data, Loader=_LOADER), folder) if is_slakh else _of_annotation(json.loads(data))  # noqa: S506
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read: {error.strerror}", hint="`farm verify` lists what is wrong"
        ) from error
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is damaged or of another version: {type(error).__name__} {error}", hint="`farm verify` says more"
        ) from error


#: The safe loader, in C where PyYAML was built with it.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _of_annotation(song: Mapping[str, Any]) -> Entry:
    layers = _layers(song)
    stems = [{**_stem(stem), **layers.get(stem["name"], {"layer": None, "role": None})} for stem in song["stems"]]
    facts: Facts = {
        "duration": song["duration_s"],
        "stems": len(stems),
        "all_notes": sum(len(stem["notes"]["pitch"]) for stem in song["stems"]),
        "tempo": song["tempo"][0]["bpm"] if song["tempo"] else None,
        "meter": _distinct(f"{item['numerator']}/{item['denominator']}" for item in song["meters"]),
        "key": _distinct(f"{item['tonic']} {item['mode']}" for item in song["keys"]),
        "mix_lufs": song["mix"]["loudness_lufs"],
        "mix_peak": song["mix"]["peak_dbfs"],
        "rate": song["rate_hz"],
        "channels": song["channels"],
        "warnings": sorted(song["warnings"]),
        **_song_quality(song.get("quality") or {}),
        **_scores(song),
        **_composed(song.get("composed") or {}),
        "mix": song["mix"]["audio"],
        "mixes": [mix["name"] for mix in song.get("mixes", [])],
    }
    return Entry(facts, stems)


def _song_quality(quality: Mapping[str, Any]) -> Facts:
    return {
        "song_verdict": quality.get("verdict"),
        "song_findings": sorted(quality.get("findings", [])),
        "song_sounding": quality.get("sounding_share"),
    }


def _scores(song: Mapping[str, Any]) -> Facts:
    score, composed = song.get("score") or {}, song.get("composed") or {}
    parts = {f"score_{part}": score.get(part) for part in ("tempo", "harmony", "rhythm", "noise", "labels")}
    symbolic = (composed.get("symbolic") or {}).get("score")
    return {"score": score.get("score"), **parts, "symbolic": symbolic, "attempt": composed.get("attempt")}


def _composed(made: Mapping[str, Any]) -> Facts:
    return {
        "number": made.get("number"),
        "genre": list(made.get("genres", [])),
        "swing": made.get("swing"),
        "sections": _distinct(section["name"] for section in made.get("sections", [])),
    }


def _layers(song: Mapping[str, Any]) -> dict[str, Facts]:
    """Return layer and role of every stem of a composed song, by the stem's name."""
    made = song.get("composed") or {}
    return {
        stem: {"layer": layer["name"], "role": layer["role"]}
        for layer in made.get("layers", [])
        for stem in layer["stems"]
    }


def _stem(stem: Mapping[str, Any]) -> Facts:
    pitches = stem["notes"]["pitch"]
    return {
        "stem": stem["name"],
        "class": stem["inst_class"],
        "program": DRUM_PROGRAM if stem["is_drum"] else stem["program"],
        "instrument": stem["program_name"],
        "drums": stem["is_drum"],
        "name": stem["track_name"],
        "patch": stem["patch"],
        "preset": stem["preset"],
        **{field: stem.get(field) or None for field in ("engine", "soundfont", "plugin", "licence")},
        "notes": len(pitches),
        "low": min(pitches, default=None),
        "high": max(pitches, default=None),
        "bent": any(stem["notes"]["bent"]),
        "active": round(sum(end - start for start, end in stem["active_regions"]), 6),
        "lufs": stem["loudness_lufs"],
        "published_lufs": stem["published_loudness_lufs"],
        "gain": stem["gain_db"],
        "role_gain": stem.get("role_gain_db", 0.0),
        "pan": stem.get("pan", 0.0),
        "peak": stem["peak_dbfs"],
        "silent": stem["silent"],
        "rendered": stem["audio"] is not None,
        "findings": list(stem["findings"]),
        **{field: (stem.get("quality") or {}).get(name) for field, name in _QUALITY.items()},
        "audio": stem["audio"],
        "midi": stem["midi"],
    }


def _of_slakh(metadata: Mapping[str, Any], folder: Path) -> Entry:
    """Read a track of Slakh's own: what its metadata says, and which files are there, as its flags may be false."""
    audio = {path.stem: path.name for path in _files(folder / "stems")}
    midi = {path.stem for path in _files(folder / "MIDI")}
    stems = [_of_slakh_stem(name, stem, audio, midi) for name, stem in sorted(metadata["stems"].items())]
    mix = next((path.name for path in _files(folder) if path.stem == "mix"), None)
    uuid = metadata.get("UUID")
    facts: Facts = {
        "stems": len(stems), "mix": mix, "uuid": uuid, "cluster": uuid, "source": metadata.get("lmd_midi_dir"),
    }  # fmt: skip
    return Entry(facts, stems)


def _of_slakh_stem(name: str, stem: Mapping[str, Any], audio: Mapping[str, str], midi: set[str]) -> Facts:
    return {
        "stem": name,
        "class": stem["inst_class"],
        "program": stem["program_num"],
        "instrument": stem["midi_program_name"],
        "drums": stem["is_drum"],
        "patch": None if stem["plugin_name"] == NO_PLUGIN else stem["plugin_name"],
        "lufs": stem.get("integrated_loudness"),
        "rendered": name in audio,
        "audio": f"stems/{audio[name]}" if name in audio else None,
        "midi": f"MIDI/{name}.mid" if name in midi else None,
    }


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _distinct(words: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _kept(folder: Path) -> dict[tuple[str, str], Entry]:
    """Return what was kept; damaged, or of another form, it is nothing."""
    kept = {}
    try:
        for line in (folder / FARM_FOLDER / _KEPT).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["form"] == _FORM:
                kept[row["track"], row["key"]] = Entry(row["song"], row["stems"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return kept


def _keep(folder: Path, keys: Mapping[str, str], places: Mapping[str, str], found: Mapping[str, Entry]) -> None:
    lines = []
    for track, entry in found.items():
        own = {"form": _FORM, "track": track, "key": keys[track]}
        lines.append(json.dumps({**own, **_unplaced(entry, places[track])}, sort_keys=True))
    with contextlib.suppress(OSError):  # a dataset that must not be written to is read again the next time
        (folder / FARM_FOLDER).mkdir(exist_ok=True)
        replace(folder / FARM_FOLDER / _KEPT, "\n".join(lines) + "\n")


def _unplaced(entry: Entry, folder: str) -> dict[str, Any]:
    """Return facts with paths relative to the track again: it may be moved to another split."""

    def bare(facts: Facts) -> Facts:
        return {
            name: value.removeprefix(folder + "/")
            if isinstance(value, str) and name in {"mix", "audio", "midi"}
            else value
            for name, value in facts.items()
        }

    return {"song": bare(entry.song), "stems": [bare(stem) for stem in entry.stems]}
