"""What an instrument is sent and what sounds: drums on other keys, and bends that nothing plays."""

from __future__ import annotations

import pytest

from schemas.patch import AssetRef, FaustSettings, FluidSettings, Patch, Settings
from schemas.rules import MidiRules
from tests.support.midi import bend, control, note, song
from workers.midi.notes import NoteTable, read_notes
from workers.midi.playing import Playing, ignored_bends, without_bends
from workers.midi.smf import read_midi

BENT = song([*note(0, 400, 60), bend(500, 12000), *note(520, 300, 62), bend(900, 8192), *note(960, 100, 64)])
TUNED = song([control(0, 101, 0), control(0, 100, 1), control(0, 6, 70), *note(10, 300, 62), control(400, 7, 50)])
DRUMS = song([*note(0, 100, 36, channel=9), *note(200, 100, 38, channel=9)])
ASSET = AssetRef(name="a", sha256="0" * 64, size_bytes=1, path="a.dsp")


def patch(settings: Settings, **values: object) -> Patch:
    made = {"engine": "faust", "engine_version": "1", "asset": ASSET, "settings": settings, **values}
    return Patch.model_validate(made)


def heard(midi: bytes) -> NoteTable:
    return read_notes(read_midi(midi))


def test_an_instrument_that_plays_no_bends_sounds_unbent_and_nothing_else_changes() -> None:
    playing = Playing.of(patch(FaustSettings(source="a.dsp", plays=("sustain",))))
    before, after = heard(BENT), heard(playing.sounding(BENT))
    assert before.bent.tolist() == [False, True, False]
    assert after.bent.tolist() == [False, False, False]
    assert (after.pitch.tolist(), after.onset_s.tolist()) == (before.pitch.tolist(), before.onset_s.tolist())
    assert playing.sent(BENT) is BENT, "it is sent what it does not play"


def test_tuning_goes_with_the_bends_and_other_controllers_stay() -> None:
    assert heard(TUNED).bent.tolist() == [True]
    made = without_bends(TUNED)
    assert heard(made).bent.tolist() == [False]
    assert read_midi(made).events["d1"].tolist() == [62, 62, 7]


@pytest.mark.parametrize("settings", [FluidSettings(), FaustSettings(source="a.dsp"), None])
def test_who_plays_everything_changes_nothing(settings: Settings | None) -> None:
    playing = Playing.of(None if settings is None else patch(settings))
    assert playing.sounding(BENT) is BENT
    assert playing.sent(BENT) is BENT


def test_drums_on_other_keys_are_sent_there_and_labelled_as_general_midi_has_them() -> None:
    playing = Playing.of(patch(FaustSettings(source="a.dsp", drums=True, drum_map={36: 60, 38: 61})))
    assert heard(playing.sent(DRUMS)).pitch.tolist() == [60, 61]
    assert playing.sounding(DRUMS) is DRUMS


def test_a_key_that_was_sent_is_found_again_in_the_labels_by_whatever_drums_are_on_it() -> None:
    assert Playing(drum_map={36: 60, 38: 60}).labels_of(60) == [36, 38, 60]
    assert Playing(drum_map={36: 60}).labels_of(36) == []
    assert Playing(octave_offset=-1).labels_of(60) == [48]
    assert Playing().labels_of(5) == [5]


def test_rules_come_before_the_drum_map_and_octaves_are_in_what_sounds_alone() -> None:
    playing = Playing(MidiRules(moves={38: 36}), octave_offset=1, drum_map={36: 60})
    assert heard(playing.sent(DRUMS)).pitch.tolist() == [60, 60]
    assert heard(playing.sounding(DRUMS)).pitch.tolist() == [48, 48]


def test_ignored_bends_are_counted_by_notes() -> None:
    deaf, other = FaustSettings(source="a.dsp", plays=()), FaustSettings(source="a.dsp", plays=("bend",))
    assert ignored_bends(BENT, patch(deaf)) == 1
    assert ignored_bends(DRUMS, patch(deaf)) == 0
    assert ignored_bends(BENT, patch(other)) == 0
    assert ignored_bends(BENT, patch(FluidSettings())) == 0
