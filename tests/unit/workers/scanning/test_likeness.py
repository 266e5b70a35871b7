"""Fingerprint and sketch: what leaves them as they are, what changes them, and what they say of real songs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks.derive import at_tempo, derived, reorchestrated, stretched, transposed, without_channels
from benchmarks.farmrun import ROOT
from benchmarks.songs import cut
from farm.planning.duplicates import clusters, decoded
from schemas.song import SongFacts
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.model import DRUM_CHANNEL, MidiFile, channels
from workers.midi.smf import read_midi, write_midi
from workers.midi.tempo import TempoMap
from workers.scanning.scan import scan_file

NOTES = [*smf.note(0, 240, 60), *smf.note(240, 240, 64), *smf.note(480, 480, 67)]
PLAIN = smf.song([smf.program(0, 5), *NOTES])


def _facts(folder: Path, data: bytes) -> SongFacts:
    path = folder / "song.mid"
    path.write_bytes(data)
    return scan_file(path)


def _later(events: list[smf.Event], ticks: int) -> list[smf.Event]:
    return [(tick + ticks, data) for tick, data in events]


def _finer(events: list[smf.Event]) -> list[smf.Event]:
    return [(2 * tick, data) for tick, data in events]


@pytest.mark.parametrize(
    "data",
    [
        smf.song([smf.name(0, "Another title"), smf.program(0, 5), *NOTES]),
        smf.song([smf.tempo(0, 120)], [smf.program(0, 5), *NOTES]),
        smf.song([smf.program(0, 5), *_finer(NOTES)], division=960),
        smf.song([smf.program(0, 5), *_later(NOTES, 480)]),
        smf.song([smf.program(0, 5, 3), *((tick, bytes([data[0] | 3]) + data[1:]) for tick, data in NOTES)]),
        smf.song([smf.program(0, 5), smf.control(0, 7, 90), *NOTES]),
        smf.song([smf.program(0, 5)], NOTES[2:], NOTES[:2]),
    ],
    ids=["title", "type", "resolution", "silence before", "channel", "volume", "tracks"],
)
def test_another_file_of_the_same_notes_has_the_same_fingerprint(tmp_path: Path, data: bytes) -> None:
    plain, other = _facts(tmp_path, PLAIN), _facts(tmp_path, data)
    assert other.fingerprint == plain.fingerprint
    assert other.song_hash != plain.song_hash
    assert other.md5 != plain.md5


@pytest.mark.parametrize(
    "data",
    [
        smf.song([smf.program(0, 6), *NOTES]),
        smf.song([smf.program(0, 5), *NOTES[:-2], *smf.note(480, 480, 68)]),
        smf.song([smf.program(0, 5), *NOTES[:-2], *smf.note(490, 480, 67)]),
        smf.song([smf.program(0, 5), *NOTES[:-2], *smf.note(480, 470, 67)]),
        smf.song([smf.program(0, 5), *NOTES, *smf.note(960, 10, 60)]),
        smf.song([smf.tempo(0, 90), smf.program(0, 5), *NOTES]),
        smf.song([smf.program(0, 5, 9), *((tick, bytes([data[0] | 9]) + data[1:]) for tick, data in NOTES)]),
    ],
    ids=["program", "key", "onset", "length", "one more", "tempo", "drums"],
)
def test_other_notes_have_another_fingerprint(tmp_path: Path, data: bytes) -> None:
    assert _facts(tmp_path, data).fingerprint != _facts(tmp_path, PLAIN).fingerprint


def _scale(count: int, step: int) -> list[smf.Event]:
    return [event for index in range(count) for event in smf.note(index * 10, 10, 20 + index * step % 90)]


@pytest.mark.parametrize(
    "track",
    [
        NOTES,
        [event for index in range(99) for event in smf.note(index * 10, 10, 60)],
        [event for index in range(99) for event in smf.note(index * 10, 10, (60, 64, 67, 72)[index % 4])],
        _scale(40, 2),
    ],
    ids=["few notes", "one key", "broken chords", "scale"],
)
def test_what_is_in_every_song_makes_no_sketch(tmp_path: Path, track: list[smf.Event]) -> None:
    assert _facts(tmp_path, smf.song(track)).sketch == ""


def test_drums_alone_make_no_sketch(tmp_path: Path) -> None:
    tune = [event for index in range(60) for event in smf.note(index * 10, 10, 36 + index * index % 17, channel=9)]
    assert _facts(tmp_path, smf.song(tune)).sketch == ""


def test_a_chord_that_is_not_struck_at_once_is_one_chord(tmp_path: Path) -> None:
    keys = [60 + index * index % 17 for index in range(40)]
    straight = [
        e for n, key in enumerate(keys) for e in (*smf.note(n * 480, 400, key), *smf.note(n * 480, 400, key - 9))
    ]
    spread = [
        e for n, key in enumerate(keys) for e in (*smf.note(n * 480 + 15, 385, key), *smf.note(n * 480, 400, key - 9))
    ]
    sketch = _facts(tmp_path, smf.song(straight)).sketch
    assert decoded(sketch)
    assert _facts(tmp_path, smf.song(spread)).sketch == sketch


def _length_s(midi: MidiFile) -> float:
    return float(TempoMap.from_midi(midi).seconds(max(midi.end_ticks)))


def _busiest(midi: MidiFile) -> set[int]:
    """Return the melodic channel with the most events."""
    found = channels(midi.events)
    melodic = found[found != DRUM_CHANNEL].tolist()
    return {max(set(melodic), key=melodic.count)}


VERSIONS: Mapping[str, Callable[[MidiFile], MidiFile]] = {
    "a fourth up": lambda song: transposed(song, 5),
    "an octave down": lambda song: transposed(song, -12),
    "a fifth faster": lambda song: at_tempo(song, 1.2),
    "other ticks": lambda song: stretched(song, 1.37),
    "first half": lambda song: cut(song, 0.0, 0.5 * _length_s(song)),
    "second half": lambda song: cut(song, 0.5 * _length_s(song), 0.5 * _length_s(song)),
    "third quarter": lambda song: cut(song, 0.5 * _length_s(song), 0.25 * _length_s(song)),
    "other instruments": lambda song: reorchestrated(song, 7),
    "all at once": lambda song: derived(song, 11),
}


def test_every_version_of_a_real_song_is_in_its_cluster_and_no_other_song_is(tmp_path: Path) -> None:
    paths = [*corpus.songs(), *sorted((ROOT / "presets" / "demo").glob("*.mid"))]
    songs = {path.stem: read_midi(path.read_bytes()) for path in paths}
    facts = {(name, "itself"): _facts(tmp_path, write_midi(song)) for name, song in songs.items()}
    for (name, song), (version, change) in itertools.product(songs.items(), VERSIONS.items()):
        facts[name, version] = _facts(tmp_path, write_midi(change(song)))
    found = clusters(list(facts.values()))
    strayed = [key for key, song in facts.items() if found[song.song_hash] != found[facts[key[0], "itself"].song_hash]]
    assert strayed == []
    assert len({found[facts[name, "itself"].song_hash] for name in songs}) == len(songs)


def test_every_version_alone_is_known_as_one_of_its_song(tmp_path: Path) -> None:
    """Not only by way of other versions: each pair of a song and one version."""
    for path in corpus.songs():
        song = read_midi(path.read_bytes())
        itself = _facts(tmp_path, write_midi(song))
        for version, change in VERSIONS.items():
            other = _facts(tmp_path, write_midi(change(song)))
            assert len(set(clusters([itself, other]).values())) == 1, (path.stem, version)


def test_a_song_without_its_busiest_instrument_is_a_version_of_it(tmp_path: Path) -> None:
    for path in corpus.songs():
        song = read_midi(path.read_bytes())
        fewer = without_channels(song, _busiest(song))
        pair = [_facts(tmp_path, write_midi(song)), _facts(tmp_path, write_midi(fewer))]
        assert len(set(clusters(pair).values())) == 1, path.stem
