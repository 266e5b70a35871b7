from __future__ import annotations

import io

import mido
import pytest

from schemas.score import PPQ, Score
from tests.support.composing import genre, songs
from workers.composing.smf import to_midi
from workers.composing.theory import parse_key
from workers.midi.split import split_song


@pytest.fixture(scope="module")
def found() -> list[tuple[Score, mido.MidiFile]]:
    return [(song, mido.MidiFile(file=io.BytesIO(to_midi(song)))) for song in songs(genre(), 10)]


def _absolute(track: mido.MidiTrack) -> list[tuple[int, mido.Message]]:
    at, timed = 0, []
    for message in track:
        at += message.time
        timed.append((at, message))
    return timed


def test_every_layer_is_a_track_with_its_name_program_channel_and_notes(
    found: list[tuple[Score, mido.MidiFile]],
) -> None:
    for song, midi in found:
        assert (midi.type, midi.ticks_per_beat, len(midi.tracks)) == (1, PPQ, 1 + len(song.layers))
        used = []
        for layer, track in zip(song.layers, midi.tracks[1:], strict=True):
            timed = _absolute(track)
            assert track.name == layer.name
            programs = [message for _, message in timed if message.type == "program_change"]
            assert [message.program for message in programs] == [layer.program]
            channel = programs[0].channel
            assert (channel == 9) is layer.is_drum
            used += [] if layer.is_drum else [channel]
            strikes = [(at, m.note, m.velocity) for at, m in timed if m.type == "note_on"]
            assert strikes == [(note.start, note.key, note.velocity) for note in layer.notes]
            releases = sorted((at, m.note) for at, m in timed if m.type == "note_off")
            assert releases == sorted((note.end, note.key) for note in layer.notes)
        assert len(set(used)) == len(used)


def test_every_track_ends_where_the_song_does(found: list[tuple[Score, mido.MidiFile]]) -> None:
    for song, midi in found:
        assert {_absolute(track)[-1][0] for track in midi.tracks} == {song.end}


def test_the_conductor_states_tempo_key_every_change_of_meter_and_every_section(
    found: list[tuple[Score, mido.MidiFile]],
) -> None:
    for song, midi in found:
        timed = _absolute(midi.tracks[0])
        assert [m.tempo for _, m in timed if m.type == "set_tempo"] == [mido.bpm2tempo(song.tempo_bpm)]
        assert [m.key for _, m in timed if m.type == "key_signature"] == [parse_key(song.key).signature]
        meters = {at: (m.numerator, m.denominator) for at, m in timed if m.type == "time_signature"}
        for bar in song.bars:
            assert meters[max(at for at in meters if at <= bar.start)] == bar.meter
        assert [(at, m.text) for at, m in timed if m.type == "marker"] == [(s.start, s.name) for s in song.sections]


def test_a_song_is_split_into_its_layers_note_for_note(found: list[tuple[Score, mido.MidiFile]]) -> None:
    for song, _ in found:
        split, _ = split_song(to_midi(song))
        assert {part.track_name: (part.notes, part.is_drum) for part in split.parts} == {
            layer.name: (len(layer.notes), layer.is_drum) for layer in song.layers
        }
        assert not any(split.warnings.values())


def test_a_song_sounds_to_its_last_bars_end(found: list[tuple[Score, mido.MidiFile]]) -> None:
    for song, _ in found:
        split, _ = split_song(to_midi(song))
        end_s = song.end / PPQ * mido.bpm2tempo(song.tempo_bpm) / 1e6
        assert split.duration_s == pytest.approx(end_s, abs=1e-6)
