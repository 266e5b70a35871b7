"""Recordings in composed songs: which one goes with a layer, moved to the song's key, and when it is struck.

Recordings are drawn each by a hash of its own: one more in the library, or one less, changes the songs that would take it,
and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from schemas.samples import DRUM_KEY, PITCHED_KEY, SUFFIX, Sample, SampleCue, SampleLayer, SampleLibrary
from schemas.score import PPQ, Bar, Layer, Score, ScoreNote, Section
from workers.composing.draws import Draws
from workers.composing.meters import beats_of, parse_meter
from workers.composing.theory import MODES, parse_key

#: How hard recordings are struck: their level is the mix's business.
_VELOCITY: Final = 100
#: Programs of General MIDI for what the recordings of a category are; of melodies and harmonies only that they are sounds.
_PROGRAMS: Final = {"bassline": 33, "melody": 120, "harmony": 120}
_OCTAVE: Final = 12
_TRITONE: Final = 6


def with_samples(score: Score, library: SampleLibrary, layers: dict[str, SampleLayer], draws: Draws) -> Score:
    """Return a song with the recordings that go with its layers.

    Args:
        score: as it was composed.
        library: the recordings to draw from.
        layers: what is asked, by the name of a layer; a song without such a layer gets no recording for it.
        draws: of the song.
    """
    for name in sorted(set(layers) & {layer.name for layer in score.layers}):
        score = _with_layer(score, library, name, layers[name], draws)
    return score


def _with_layer(score: Score, library: SampleLibrary, name: str, asked: SampleLayer, draws: Draws) -> Score:
    layer = next(layer for layer in score.layers if layer.name == name)
    if not draws.stream("samples", name).chance(asked.probability):
        return score
    fitting = [sample for sample in library.samples if fits(sample, layer, asked, score)]
    sample = _drawn(fitting, draws, name)
    if sample is None:
        return score
    shift = shift_to(sample.key, score.key) or 0
    places = _loops(sample, layer, score) if sample.is_loop else _shots(sample, layer, asked, score)
    key = _key(score, layer) + shift
    notes = [ScoreNote(start, end, key, _VELOCITY) for start, end in places]
    if not notes:
        return score
    beside = Layer(
        name=name + SUFFIX,
        role=layer.role,
        program=layer.program if layer.is_drum else _PROGRAMS[layer.role],
        is_drum=layer.is_drum,
        notes=notes,
        sample=SampleCue(sha256=sample.sha256, layer=name, mode=asked.mode, key=key, shift=shift),
    )
    sounding = [section for section in score.sections if _sounds(section, notes)]
    return _joined(score, layer, beside, sounding)


def _key(score: Score, layer: Layer) -> int:
    """Return the key on which a layer's recording sounds as it is: the drums of a song share a channel, so each has its own."""
    if not layer.is_drum:
        return PITCHED_KEY
    return DRUM_KEY + sum(item.is_drum and item.sample is not None for item in score.layers)


def fits(sample: Sample, layer: Layer, asked: SampleLayer, score: Score) -> bool:
    """Whether a recording may go with a layer of a song: category, genre, words, score, tempo, meter and key agree."""
    if sample.category != layer.role or sample.score < asked.min_score or sample.is_loop is (asked.mode == "shots"):
        return False
    if not (_suits(sample.genres, score.genres) and _has(sample.moods, asked.moods) and _has(sample.tags, asked.tags)):
        return False
    if sample.is_loop and not _in_tempo(sample, asked, score):
        return False
    shift = shift_to(sample.key, score.key)
    return shift is None or abs(shift) <= asked.max_shift_semitones


def shift_to(key: str | None, wanted: str) -> int | None:
    """Return the semitones from a key to the one with the notes of another, -5 to 6; None for what has no key.

    A recording keeps its mode: what is in A minor goes into a song in G major as E minor, which has the same notes.
    """
    if key is None:
        return None
    steps = (_notes_of(wanted) - _notes_of(key)) % _OCTAVE
    return steps if steps <= _TRITONE else steps - _OCTAVE


def _notes_of(word: str) -> int:
    """Return the pitch class of the major key that has the same notes."""
    key = parse_key(word)
    major = set(MODES["major"])
    return next(tonic for tonic in range(_OCTAVE) if {(note - tonic) % _OCTAVE for note in key.scale} == major)


def _suits(genres: Sequence[str], of_song: Iterable[str]) -> bool:
    return not genres or bool(set(genres) & set(of_song))


def _has(words: Sequence[str], asked: Sequence[str]) -> bool:
    return not asked or bool(set(words) & set(asked))


def _in_tempo(sample: Sample, asked: SampleLayer, score: Score) -> bool:
    """Whether a loop can be brought to the song's tempo, and is of the meter of one of its sections at least."""
    tempo_bpm = sample.tempo_bpm or score.tempo_bpm
    stretch_percent = 100.0 * abs(score.tempo_bpm - tempo_bpm) / tempo_bpm
    meter = parse_meter(sample.meter)
    return stretch_percent <= asked.max_stretch_percent and any(bar.meter == meter for bar in score.bars)


def _drawn(samples: Sequence[Sample], draws: Draws, layer: str) -> Sample | None:
    """Return the recording whose own draw is the highest; None where there is none."""
    return max(
        samples, key=lambda sample: (draws.stream("sample", layer, sample.sha256).unit(), sample.file), default=None
    )


def _sections_of(layer: Layer, score: Score) -> list[Section]:
    return [section for section in score.sections if layer.name in section.layers]


def _bars_of(section: Section, score: Score) -> list[Bar]:
    return [bar for bar in score.bars if section.start <= bar.start < section.end]


def _loops(sample: Sample, layer: Layer, score: Score) -> list[tuple[int, int]]:
    """Return when a loop begins, again and again from the start of every section of its meter, and where it is cut off."""
    ticks, meter = round((sample.quarters or 0) * PPQ), parse_meter(sample.meter)
    return [
        (start, min(start + ticks, section.end))
        for section in _sections_of(layer, score)
        if all(bar.meter == meter for bar in _bars_of(section, score))
        for start in range(section.start, section.end, ticks)
    ]


def _shots(sample: Sample, layer: Layer, asked: SampleLayer, score: Score) -> list[tuple[int, int]]:
    """Return when a shot sounds: until it is over, the next one begins or its section ends."""
    length = max(1, -int(-sample.duration_s / 60.0 * score.tempo_bpm * PPQ // 1))
    places: list[tuple[int, int]] = []
    for section in _sections_of(layer, score):
        starts = [
            bar.start + beat.start
            for bar in _bars_of(section, score)[:: asked.every_bars]
            for number, beat in enumerate(beats_of(bar.meter), 1)
            if number in asked.at_beat
        ]
        ends = [*starts[1:], section.end]
        places += [(start, min(start + length, end)) for start, end in zip(starts, ends, strict=True)]
    return places


def _sounds(section: Section, notes: Sequence[ScoreNote]) -> bool:
    return any(section.start <= note.start < section.end for note in notes)


def _joined(score: Score, layer: Layer, beside: Layer, sounding: Sequence[Section]) -> Score:
    """Return the song with a recording beside a layer, or in its place in the sections in which it sounds."""
    gone = beside.sample is not None and beside.sample.mode == "instead"
    sections = [
        section.model_copy(update={"layers": _playing(section, layer, beside, gone=gone)})
        if section in sounding
        else section
        for section in score.sections
    ]
    kept = [note for note in layer.notes if not (gone and any(s.start <= note.start < s.end for s in sounding))]
    left = [layer.model_copy(update={"notes": kept})] if kept else []
    layers = [item for other in score.layers for item in (left if other is layer else [other])]
    return score.model_copy(update={"sections": sections, "layers": [*layers, beside]})


def _playing(section: Section, layer: Layer, beside: Layer, *, gone: bool) -> list[str]:
    return [name for name in section.layers if not (gone and name == layer.name)] + [beside.name]
