"""The labels of composed songs against what is heard when they are played: onsets, beats, chords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pretty_midi
import pytest
from numpy.typing import NDArray

from schemas.genre import CHORD_TYPES
from schemas.patch import FluidSettings
from schemas.score import PPQ, Layer, Score
from tests.support.composing import VALUES, genre, only, songs
from tests.support.engines import Audio, Studio
from tests.support.hearing import STROKES, TONES, chroma, onsets
from workers.annotating.beats import song_time
from workers.composing.smf import to_midi
from workers.composing.theory import harte, parse_key
from workers.midi.split import split_song

mir_eval = pytest.importorskip("mir_eval")

WINDOW_S = 0.05
#: Onsets nearer than this are one to an ear: the keys of a chord under human hands, the strings of a strum.
ONE_S = 0.03
#: Instruments whose notes begin at once: vibraphone, piano, fingered bass.
STRUCK = {"melody": {"programs": {11: 1}}, "harmony": {"programs": {0: 1}}, "bassline": {"programs": {33: 1}}}


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    studio = Studio(Path(pretty_midi.__file__).parent / "TimGM6mb.sf2")
    yield studio
    studio.engine.close()


def played(studio: Studio, song: Score) -> dict[str, Audio]:
    """Render every layer as the farm does: each stem of the split song by itself."""
    split, stems = split_song(to_midi(song))
    dry = FluidSettings(reverb=False, chorus=False)
    return {
        part.track_name: studio.play(stems[part.name], part.program, 128 if part.is_drum else 0, settings=dry)[0]
        for part in split.parts
    }


def seconds(song: Score, tick: float) -> float:
    return tick / PPQ * float(mido.bpm2tempo(song.tempo_bpm)) / 1e6


def labelled(song: Score, layer: Layer) -> NDArray[np.float64]:
    starts = np.array(sorted(seconds(song, note.start) for note in layer.notes))
    return starts[np.diff(starts, prepend=-1.0) > ONE_S]


@pytest.fixture(scope="module")
def recorded(studio: Studio) -> list[tuple[Score, dict[str, Audio]]]:
    data = genre(
        layers=only("beat", *STRUCK, **STRUCK), sections={}, meters={"4/4": 0.4, "3/4": 0.2, "6/8": 0.2, "7/8": 0.2}
    )
    return [(song, played(studio, song)) for song in songs(data, 4, length_s=15)]


@pytest.mark.parametrize(
    ("role", "ear", "least"),
    [("beat", STROKES, 0.98), ("melody", TONES, 0.95), ("harmony", TONES, 0.95), ("bassline", TONES, 0.95)],
)
def test_what_is_heard_begins_where_the_labels_say(
    recorded: list[tuple[Score, dict[str, Audio]]], role: str, ear: Any, least: float
) -> None:
    scores, counts = [], []
    for song, audio in recorded:
        layer = next(layer for layer in song.layers if layer.role == role)
        said = labelled(song, layer)
        score, _, _ = mir_eval.onset.f_measure(said, onsets(audio[layer.name], ear), window=WINDOW_S)
        scores.append(score)
        counts.append(len(said))
    assert min(counts) >= 10
    assert float(np.average(scores, weights=counts)) >= least


def test_labels_of_another_song_are_not_what_is_heard(recorded: list[tuple[Score, dict[str, Audio]]]) -> None:
    (song, _), (_, audio) = recorded[:2]
    said = labelled(song, song.layers[0])
    score, _, _ = mir_eval.onset.f_measure(said, onsets(audio["beat"], STROKES), window=WINDOW_S)
    assert score < 0.8


def test_beats_are_where_a_metronome_clicks_through_every_change_of_meter(studio: Studio) -> None:
    clicks = {
        "4/4": "76, 77, 77, 77",
        "3/4": "76, 77, 77",
        "7/8": "76, 77, 77, 77, 77, 77, 77",
        "6/8": "76, 0, 0, 77, 0, 0",
    }
    every = {
        meter: {word: [line] for name in VALUES["section_bars"] for word in (name, f"{name}_roll")}
        for meter, line in clicks.items()
    }
    data = genre(layers=only("beat", "strings"), sections={}, dynamics=dict.fromkeys(VALUES["section_bars"], 0.5), patterns=every,
                 meters=dict.fromkeys(clicks, 1), meter_change=0.7, humanise_ms=0, swing=[0.6, 0.6])  # fmt: skip
    changes = 0
    for song in songs(data, 3, length_s=20):
        split, _ = split_song(to_midi(song))
        time = song_time(to_midi(song), duration_s=split.duration_s, music_s=split.duration_s)
        beats = np.array([beat.time_s for beat in time.beats if beat.time_s < seconds(song, song.end) - 0.01])
        heard = onsets(played(studio, song)["beat"], STROKES)
        assert mir_eval.beat.f_measure(beats, heard, f_measure_threshold=WINDOW_S) >= 0.99
        assert mir_eval.onset.f_measure(beats, heard, window=WINDOW_S)[0] >= 0.99
        changes += len(time.meters) - 1
    assert changes > 0


def _heard_chord(found: NDArray[np.float64], names: list[str]) -> str:
    """Return the triad that goes best with a chroma."""
    triads = {
        (root, kind): np.isin(np.arange(12), [(root + step) % 12 for step in CHORD_TYPES[kind]])
        for root in range(12)
        for kind in ("maj", "min")
    }
    root, kind = max(triads, key=lambda triad: float(found @ triads[triad]))
    return harte(names[root], kind)


def test_chords_are_heard_in_the_harmony_as_their_labels_name_them(studio: Studio) -> None:
    data = genre(layers=only("strings", "bassline", strings={"programs": {79: 1}, "key_range": [60, 79]}), sections={},
                 chord_types={"maj": 1, "min": 1}, harmonic_rhythm={1: 1}, meters={"4/4": 1})  # fmt: skip
    for song in songs(data, 3, length_s=20):
        audio, key = played(studio, song)["strings"], parse_key(song.key)
        names = [key.pitch_name(pitch) for pitch in range(12)]
        spans, said, heard, shares = [], [], [], []
        for chord in song.chords:
            start_s, end_s = seconds(song, chord.start), seconds(song, chord.end)
            found = chroma(audio, start_s + 0.15, end_s)
            shares.append(sum(found[(chord.root + step) % 12] for step in CHORD_TYPES[chord.quality]))
            spans.append((start_s, end_s))
            said.append(harte(names[chord.root], chord.quality, chord.inversion))
            heard.append(_heard_chord(found, names))
        assert float(np.median(shares)) > 0.9
        lengths = np.diff(np.array(spans), axis=1)[:, 0]
        for compare in (mir_eval.chord.root, mir_eval.chord.majmin):
            assert mir_eval.chord.weighted_accuracy(compare(said, heard), lengths) >= 0.95
