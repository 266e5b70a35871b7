"""The annotation as a JAMS file (JSON Annotated Music Specification, version 0.3; Humphrey et al., ISMIR 2014).

Namespaces: `note_midi` once per stem, `beat_position`, `tempo` and `key_mode` once per song. What JAMS has no field
for, such as velocities and gains, is in the sandboxes.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.annotation import Meter, SongAnnotation, StemAnnotation
from schemas.base import canonical_json
from schemas.dataset import ANNOTATION
from workers.midi.beats import MeterChange

JAMS_VERSION: Final = "0.3.5"
_DIGITS: Final = 6


def jams_text(song: SongAnnotation) -> str:
    """Return the JAMS file of a song; the same text for the same annotation."""
    return canonical_json(jams_document(song)) + "\n"


def jams_document(song: SongAnnotation) -> dict[str, Any]:
    """Return the JAMS file of a song as JSON values."""
    return {
        "file_metadata": {
            "title": song.track,
            "artist": "",
            "release": "",
            "duration": song.duration_s,
            "identifiers": {"song_sha256": song.provenance.song_sha256},
            "jams_version": JAMS_VERSION,
        },
        "annotations": [
            _annotation(song, "beat_position", _beats(song)),
            _annotation(song, "tempo", _tempo(song)),
            _annotation(song, "key_mode", _keys(song)),
            *(_annotation(song, "note_midi", _notes(stem), _stem_sandbox(stem)) for stem in song.stems),
        ],
        "sandbox": {"annotation": ANNOTATION, "provenance": song.provenance.model_dump(mode="json")},
    }


def _annotation(
    song: SongAnnotation, namespace: str, data: list[dict[str, Any]], sandbox: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "annotation_metadata": {
            "corpus": "",
            "version": song.provenance.farm_version,
            "annotator": {},
            "annotation_tools": "stemfarm",
            "annotation_rules": "",
            "validation": "",
            "data_source": "the MIDI that was rendered",
            "curator": {"name": "", "email": ""},
        },
        "data": data,
        "sandbox": sandbox or {},
        "time": 0.0,
        "duration": song.duration_s,
    }


def _observation(time_s: float, end_s: float, value: Any) -> dict[str, Any]:
    return {"time": time_s, "duration": round(end_s - time_s, _DIGITS), "value": value, "confidence": 1.0}


def _notes(stem: StemAnnotation) -> list[dict[str, Any]]:
    notes = stem.notes
    columns = zip(notes.onset_s, notes.offset_s, notes.pitch, strict=True)
    return [_observation(onset_s, offset_s, float(pitch)) for onset_s, offset_s, pitch in columns]


def _stem_sandbox(stem: StemAnnotation) -> dict[str, Any]:
    return {
        **stem.model_dump(mode="json", exclude={"notes"}),
        "velocity": stem.notes.velocity,
        "key_off_s": stem.notes.key_off_s,
        "bent": stem.notes.bent,
        "sounding": stem.notes.sounding,
    }


def _beats(song: SongAnnotation) -> list[dict[str, Any]]:
    """Return one observation per beat, with beats per bar and the denominator of the meter in force."""
    observations, meter = [], 0
    for beat in song.beats:
        while meter + 1 < len(song.meters) and song.meters[meter + 1].time_s <= beat.time_s:
            meter += 1
        value = {
            "position": beat.position,
            "measure": beat.bar,
            "num_beats": _beats_per_bar(song.meters[meter]),
            "beat_units": song.meters[meter].denominator,
        }
        observations.append(_observation(beat.time_s, beat.time_s, value))
    return observations


def _beats_per_bar(meter: Meter) -> int:
    return MeterChange(0, meter.numerator, meter.denominator).beats_per_bar


def _tempo(song: SongAnnotation) -> list[dict[str, Any]]:
    ends = [*(change.time_s for change in song.tempo[1:]), song.duration_s]
    return [
        _observation(change.time_s, max(end_s, change.time_s), change.bpm)
        for change, end_s in zip(song.tempo, ends, strict=True)
    ]


def _keys(song: SongAnnotation) -> list[dict[str, Any]]:
    ends = [*(key.time_s for key in song.keys[1:]), song.duration_s] if song.keys else []
    return [
        _observation(key.time_s, max(end_s, key.time_s), f"{key.tonic}:{key.mode}")
        for key, end_s in zip(song.keys, ends, strict=True)
    ]
