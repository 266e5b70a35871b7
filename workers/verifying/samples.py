"""Stems that are recordings: each is one of the plan's library, used as the plan says, and heard where it is struck."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import ANNOTATION
from schemas.samples import SUFFIX, Sample, SamplePlan, StemSample
from schemas.words import counted
from workers.verifying.onsets import EARLY_S
from workers.verifying.report import Code
from workers.verifying.sound import GRID_FRAMES, FileSound
from workers.verifying.track import TrackCheck

#: Rounding of a tempo in a MIDI file, relative.
_TEMPO_TOLERANCE: Final = 1e-4
#: Resampling rings so long around a sound, frames.
_RINGING_FRAMES: Final = 256
#: Level below which a file holds nothing but what rounding and resampling leave, relative to its peak (-80 dB).
_FAINT: Final = 1e-4


def check_samples(track: TrackCheck, song: SongAnnotation) -> None:
    """Compare the recordings of a track with the plan: which they are, and how they were brought to the song."""
    asked = None if track.plan.compose is None else track.plan.compose.samples
    for stem in song.stems:
        if stem.sample is None:
            if stem.engine == "sampler":
                track.add(ANNOTATION, Code.SAMPLE_DIFFERS, f"{stem.name}: a recording played it, and none is named")
            continue
        for message in _differences(track, song, stem, stem.sample, asked):
            track.add(ANNOTATION, Code.SAMPLE_DIFFERS, f"{stem.name}: {message}")


def _differences(
    track: TrackCheck, song: SongAnnotation, stem: StemAnnotation, said: StemSample, asked: SamplePlan | None
) -> list[str]:
    library = None if track.plan.compose is None else track.plan.compose.sample_library
    sample = None if library is None else library.get(said.sha256)
    if asked is None or library is None or sample is None:
        return [f"the plan's library has no recording {said.name} with SHA-256 {said.sha256[:12]}"]
    layer = asked.layers.get(said.layer)
    if layer is None or stem.track_name != said.layer + SUFFIX:
        return [f"the plan has no recording go with the layer {said.layer!r}"]
    found = []
    true = (
        sample.name,
        library.name,
        sample.licence,
        sample.attribution,
        sample.category,
        sample.key,
        sample.tempo_bpm,
    )
    names = (said.name, said.library, said.licence, said.attribution, said.category, said.key, said.tempo_bpm)
    if names != true or stem.licence != sample.licence:
        found.append(f"it is said to be {names}, and the library says {true}")
    if (said.mode, said.gain_db) != (layer.mode, layer.gain_db) or said.score != sample.score:
        found.append(f"mode, gain and score are {(said.mode, said.gain_db, said.score)}, and the plan says otherwise")
    if sample.score < layer.min_score or abs(said.shift_semitones) > layer.max_shift_semitones:
        found.append("the plan asks for a better recording, or for one that is moved less")
    if not track.plan.licences.allows(sample.licence):
        found.append(f"the plan forbids its licence {sample.licence}")
    return found + _stretching(song, said, sample, layer.max_stretch_percent)


def _stretching(song: SongAnnotation, said: StemSample, sample: Sample, most_percent: float) -> list[str]:
    """Compare how a recording was stretched with the song's tempo, and with how far the plan lets it be."""
    song_bpm = song.tempo[0].bpm
    true = sample.stretch(song_bpm)
    if abs(said.stretch - true) > _TEMPO_TOLERANCE * true:
        return [
            f"it is said to be stretched by {said.stretch:g}, and the song's tempo of {song_bpm:g} asks for {true:g}"
        ]
    if sample.is_loop and sample.tempo_bpm is not None:
        percent = 100.0 * abs(song_bpm - sample.tempo_bpm) / sample.tempo_bpm
        if percent > most_percent * (1.0 + _TEMPO_TOLERANCE):
            return [f"its tempo was changed by {percent:.1f} %, and the plan allows {most_percent:g}"]
    return []


def check_struck(track: TrackCheck, stem: StemAnnotation, sound: FileSound, rate_hz: int) -> None:
    """Compare the envelope of a recording with when it is struck; a stem without audible sound is passed over."""
    if stem.silent or sound.peak == 0.0 or stem.audio is None:
        return
    step_s = GRID_FRAMES / rate_hz
    heard = sound.envelope > max(sound.step, _FAINT * sound.peak)
    inside = np.zeros(len(heard), dtype=bool)
    unheard: list[float] = []
    for start_s, end_s in zip(stem.notes.onset_s, stem.notes.offset_s, strict=True):
        first, last = _places(start_s, end_s, step_s, len(heard), 0.0)
        if not heard[first:last].any():
            unheard.append(start_s)
        first, last = _places(start_s, end_s, step_s, len(heard), EARLY_S + _RINGING_FRAMES / rate_hz)
        inside[first:last] = True
    if unheard:
        message = f"{counted(len(unheard), 'time')} the recording is struck and nothing sounds: {unheard[0]:.3f} s"
        track.add(stem.audio, Code.NOTE_WITHOUT_SOUND, message)
    if not stem.effects and (strange := _first(heard & ~inside)) is not None:
        message = f"there is sound at {strange * step_s:.3f} s, where the recording is not struck"
        track.add(stem.audio, Code.SOUND_WITHOUT_NOTE, message)


def _places(start_s: float, end_s: float, step_s: float, count: int, around_s: float) -> tuple[int, int]:
    first = int(max(0.0, start_s - around_s) / step_s)
    return first, min(count, int((end_s + around_s) / step_s) + 1)


def _first(found: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(found)) if found.any() else None
