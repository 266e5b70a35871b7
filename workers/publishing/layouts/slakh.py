"""The layout of Slakh2100, with a `metadata.yaml` that its readers know and whose values are true.

Every key of Slakh is there, with its meaning; what Slakh does not record stands in a block of our own, `stemfarm`,
beside `stems`, where readers of Slakh never look. Paths are relative to the track's folder. The flags say what is in
the folder, whatever run has put it there: a stem that was given up has its MIDI file, no audio and no loudness.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

import yaml

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import ANNOTATION, NO_PLUGIN, SLAKH_PATHS, TrackPaths
from schemas.gm import DRUM_PROGRAM
from schemas.mixes import mixes_block
from workers.publishing.layouts.base import Layout, TrackContents

#: `lmd_midi_dir` holds this many last parts of the source's path, which is what fits the Lakh MIDI Dataset.
_SOURCE_PARTS: Final = 6
#: Digits of the linear gain.
_DIGITS: Final = 9
#: libyaml's, where PyYAML was built with it, as its wheels are.
_FAST_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class SlakhLayout(Layout):
    """`TrackNNNNN/{metadata.yaml, annotation.json, all_src.mid, all_stems.mid, mix.flac, MIDI/Sxx.mid, stems/Sxx.flac}`.

    `all_src.mid` is the song as it was found. What sounds in the mix is in `all_stems.mid`.
    """

    name: ClassVar[str] = "slakh"
    paths: ClassVar[TrackPaths] = SLAKH_PATHS

    def _sign(self, contents: TrackContents) -> bytes:
        return metadata_text(slakh_metadata(contents)).encode()


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Return the text of `metadata.yaml`.

    libyaml writes it ten times as fast as PyYAML itself, and of ASCII the same text (test); emoji it would escape.
    """
    plain = json.dumps(metadata, ensure_ascii=False).isascii()
    dumper = _FAST_DUMPER if plain else yaml.SafeDumper
    text: str = yaml.dump(
        metadata, Dumper=dumper, sort_keys=True, default_flow_style=False, allow_unicode=True, width=10_000
    )
    return text


def slakh_metadata(contents: TrackContents) -> dict[str, Any]:
    """Return the contents of `metadata.yaml`."""
    song, plan, annotation = contents.song, contents.plan, contents.annotation
    source = PurePosixPath(song.source)
    return {
        "UUID": source.stem,
        "lmd_midi_dir": "/".join(source.parts[-_SOURCE_PARTS:]),
        "midi_dir": str(PurePosixPath(SLAKH_PATHS.midi).parent),
        "audio_dir": str(PurePosixPath(SLAKH_PATHS.stem).parent),
        "normalized": annotation.mix.audio is not None,
        "normalization_factor": plan.mix.stem_lufs,
        "target_peak": plan.mix.ceiling_db,
        "overall_gain": round(10.0 ** (annotation.mix.common_gain_db / 20.0), _DIGITS),
        "stems": {stem.name: _stem(stem) for stem in annotation.stems},
        "stemfarm": _own_block(annotation, contents),
    }


def submix_block(annotation: SongAnnotation) -> dict[str, Any]:
    """Return the entry of our own block that lists the submixes: recipe -> group -> stems; empty without any."""
    if not annotation.submixes:
        return {}
    return {
        "submixes": {
            submix.recipe: {group.name: group.stems for group in submix.groups} for submix in annotation.submixes
        }
    }


def _replaced_block(annotation: SongAnnotation) -> dict[str, Any]:
    """Return the entry of our own block that lists the patches that failed, by stem; empty where none did."""
    replaced = {
        stem.name: [old.model_dump(mode="json") for old in stem.replaces] for stem in annotation.stems if stem.replaces
    }
    return {"replaced": replaced} if replaced else {}


def _stem(stem: StemAnnotation) -> dict[str, Any]:
    return {
        "inst_class": stem.inst_class,
        "is_drum": stem.is_drum,
        "midi_program_name": stem.program_name,
        "program_num": DRUM_PROGRAM if stem.is_drum else stem.program,
        "plugin_name": stem.patch or NO_PLUGIN,
        "plugin_preset_name": stem.preset,
        "midi_saved": True,
        "audio_rendered": stem.audio is not None,
        "integrated_loudness": stem.loudness_lufs,
    }


def _own_block(annotation: SongAnnotation, contents: TrackContents) -> dict[str, Any]:
    output = contents.plan.output
    return {
        "schema_version": annotation.schema_version,
        "track": annotation.track,
        "annotation": ANNOTATION,
        "duration_s": annotation.duration_s,
        "frames": annotation.frames,
        "rate_hz": annotation.rate_hz,
        "channels": annotation.channels,
        "bits": output.bits,
        **({"dither": True} if annotation.dither else {}),
        "peak": contents.plan.mix.peak,
        "silent_stems": [stem.name for stem in annotation.stems if stem.silent],
        "gain_db": {stem.name: stem.gain_db for stem in annotation.stems},
        "mix": annotation.mix.model_dump(mode="json"),
        **({} if annotation.quality is None else {"quality": annotation.quality_block()}),
        **submix_block(annotation),
        **mixes_block(annotation),
        **_replaced_block(annotation),
        "provenance": annotation.provenance.model_dump(mode="json"),
    }
