"""What `sample.json` of the layout musicgen says of a song: musicgen's keys, with values that are true.

All of it is made of the annotation, times in seconds; what is known of composed songs alone is empty, null or what the MIDI
file says in others. Paths are relative to the song's folder, soundfonts are named by their files. Keys that musicgen lacks
(`chords`, the `sections` of each occurrence with its layers, `mix_loudness_lufs`, `provenance`) stand beside its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from schemas.annotation import ComposedSong, SongAnnotation, StemAnnotation
from schemas.errors import DatasetError

#: Meter where neither the composer nor the file has one, as MIDI has it.
_USUAL_METER: Final = "4/4"
_USUAL_BPM: Final = 120.0


def sample_text(song: SongAnnotation, *, split: str | None) -> str:
    """Return the text of `sample.json`: sorted keys, two spaces deep."""
    return _text(sample_of(song, split=split))


def with_split(text: str, split: str | None) -> str:
    """Return the text of a `sample.json` that names another split.

    Raises:
        DatasetError: it is none.
    """
    try:
        return _text({**json.loads(text), "split": split})
    except (ValueError, TypeError) as error:
        raise DatasetError(f"no sample.json: {error}", hint="`farm verify` lists what is wrong") from error


def _text(sample: dict[str, Any]) -> str:
    return json.dumps(sample, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sample_of(song: SongAnnotation, *, split: str | None) -> dict[str, Any]:
    """Return what `sample.json` says of a song."""
    source = song.provenance
    names = stem_names(song)
    return {
        "seed": source.seed,
        "musicgen_version": f"stemfarm {source.farm_version}",
        "fluidsynth_version": source.engine_version,
        "plan_sha256": source.plan_sha256,
        "duration_seconds": song.duration_s,
        "beat_times": [beat.time_s for beat in song.beats],
        "downbeat_times": song.downbeats_s,
        **(_composed(song.composed) if song.composed is not None else _found(song)),
        "soundfonts": {names[stem.name]: stem.soundfont for stem in song.stems if stem.soundfont},
        "fx_params": _by_part(song, _effects(song, names)),
        "musicality_score": None if song.score is None else _score(song),
        "split": split,
        "pre_roll_offset_seconds": 0.0,
        "mix": song.mix.audio or "",
        "mix_loudness_lufs": song.mix.loudness_lufs,
        "stems": _paths(song, names, lambda stem: stem.audio),
        "midi": _paths(song, names, lambda stem: stem.midi),
        **_samples(song, names),
        "provenance": source.model_dump(mode="json"),
    }


def stem_names(song: SongAnnotation) -> dict[str, str]:
    """Return what the stems are called: by their layer where it has no other, by layer and stem else; found songs by stem."""
    if song.composed is None:
        return {stem.name: stem.name for stem in song.stems}
    layers = [stem.track_name for stem in song.stems]
    return {
        stem.name: layer if layers.count(layer) == 1 else f"{layer}_{stem.name}"
        for stem, layer in zip(song.stems, layers, strict=True)
    }


def _composed(made: ComposedSong) -> dict[str, Any]:
    meters = [f"{bar.numerator}/{bar.denominator}" for bar in made.bars]
    first = {section.name: index for index, section in reversed(list(enumerate(made.sections)))}
    of_part = {name: [meter for bar, meter in zip(made.bars, meters, strict=True) if bar.section == index]
               for name, index in first.items()}  # fmt: skip
    layers = [layer.name for layer in made.layers]
    return {
        "key": made.key,
        "mode": made.mode,
        "tempo_bpm": made.tempo_bpm,
        "swing": made.swing,
        "genre": sorted(made.genres),
        "genre_sha256": made.genre_sha256,
        "sample_index": made.number,
        "attempt": made.attempt,
        "time_signature": max(sorted(set(meters)), key=meters.count, default=_USUAL_METER),
        "time_signatures_per_part": {name: found[0] for name, found in of_part.items() if found},
        "measures_per_part": {name: len(found) for name, found in of_part.items()},
        "song_arrangement": [
            {"part": section.name, "start_seconds": section.start_s, "end_seconds": section.end_s}
            for section in made.sections
        ],
        "sections": [section.model_dump(mode="json") for section in made.sections],
        "active_layers": {
            name: {
                layer: any(layer in section.layers for section in made.sections if section.name == name)
                for layer in layers
            }
            for name in first
        },
        "chord_progression": {
            name: [
                chord.numeral
                for chord in made.chords
                if made.sections[index].start_s <= chord.start_s < made.sections[index].end_s
            ]
            for name, index in first.items()
        },
        "chords": [chord.model_dump(mode="json") for chord in made.chords],
    }


def _found(song: SongAnnotation) -> dict[str, Any]:
    """Return the same of a song that was found, as far as its file says it."""
    key, meter = next(iter(song.keys), None), next(iter(song.meters), None)
    signature = _USUAL_METER if meter is None else f"{meter.numerator}/{meter.denominator}"
    return {
        "key": None if key is None else key.tonic + ("m" if key.mode == "minor" else ""),
        "mode": None if key is None else key.mode,
        "tempo_bpm": song.tempo[0].bpm if song.tempo else _USUAL_BPM,
        "swing": None,
        "genre": None,
        "time_signature": signature,
        "time_signatures_per_part": {},
        "measures_per_part": {},
        "song_arrangement": [],
        "sections": [],
        "active_layers": {},
        "chord_progression": {},
        "chords": [],
    }


def _effects(song: SongAnnotation, names: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    return {
        names[stem.name]: [{"name": effect.effect, "parameters": effect.parameters} for effect in stem.effects]
        for stem in song.stems
    }


def _by_part(song: SongAnnotation, effects: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the effects part by part, as musicgen has them: they are the same in all."""
    parts = [] if song.composed is None else sorted({section.name for section in song.composed.sections})
    return dict.fromkeys(parts, effects)


def _score(song: SongAnnotation) -> dict[str, Any]:
    values = {} if song.score is None else song.score.model_dump(mode="json")
    return {"score": values.pop("score", None), "components": values}


def _paths(song: SongAnnotation, names: dict[str, str], path: Callable[[StemAnnotation], str | None]) -> dict[str, str]:
    found = {names[stem.name]: path(stem) for stem in song.stems}
    return {name: file for name, file in found.items() if file is not None}


def _samples(song: SongAnnotation, names: dict[str, str]) -> dict[str, Any]:
    """Return the recordings that play along; the key is only there where there are any."""
    used = {names[stem.name]: stem.sample.model_dump(mode="json") for stem in song.stems if stem.sample is not None}
    return {"used_samples": used} if used else {}
