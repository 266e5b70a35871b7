"""What MIDI rules and octaves of patches do to the sound, heard by pitch and onset, and what the labels say of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from farm.planning.instruments import load_map
from schemas.patch import AssetRef
from schemas.rules import MidiRules
from tests.support.engines import Studio, Tape
from tests.support.listening import Tone, tones
from tests.support.midi import control, key_pressure, note, song, tempo
from tests.support.soundfont import SINE, sine, write_soundfont
from workers.engines.soundfonts import describe, find_soundfont
from workers.midi.notes import read_notes
from workers.midi.rules import played_midi, sounding_midi
from workers.midi.smf import read_midi
from workers.specimens.soundfont import Preset, Zone

#: A bass line as the song has it, down to a low E; the last key is far above.
LINE = (28, 26, 40, 33, 43, 45, 88)
SLAKH_BASS = MidiRules(fold=(35, 79), shift=12)
GRID_S = 64 / 44100


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """An engine whose preset SINE sounds what it is sent."""
    studio = Studio(write_soundfont(tmp_path_factory.mktemp("font") / "true.sf2"))
    yield studio
    studio.engine.close()


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> AssetRef:
    """A soundfont that sounds an octave below what it is sent, as some sample libraries count octaves."""
    zone = Zone(sine(), root=69 + 12, loop_start=0)
    path = write_soundfont(tmp_path_factory.mktemp("font") / "deep.sf2", [Preset("Deep", SINE, (zone,))])
    return describe(path)


def line(*keys: int) -> bytes:
    """Return a stem of single notes, a third of a second each, with silence after each."""
    notes = [event for place, key in enumerate(keys) for event in note(100 + place * 700, 320, key)]
    return song([tempo(0, 120), control(0, 7, 110), key_pressure(120, keys[0], 20), *notes])


def heard(
    studio: Studio, midi: bytes, rules: MidiRules | None, octaves: int, asset: AssetRef | None = None
) -> list[Tone]:
    """Render a stem by rules and listen to it."""
    job = studio.job(midi, SINE)
    patch = {"rules": rules, "octave_offset": octaves, "asset": asset or job.patch.asset}
    job = job.model_copy(update={"patch": job.patch.model_copy(update=patch)})
    tape = Tape()
    studio.engine.render(job, midi, tape)
    return tones(tape.audio, job.rate_hz)


def labelled(midi: bytes) -> list[Tone]:
    """Return what a MIDI file says."""
    notes = read_notes(read_midi(midi))
    return [Tone(*pair) for pair in zip(notes.onset_s.tolist(), notes.pitch.tolist(), strict=True)]


def check_agreement(found: list[Tone], said: list[Tone]) -> None:
    assert [tone.key for tone in found] == [tone.key for tone in said]
    onsets = [tone.onset_s for tone in found]
    assert onsets == pytest.approx([tone.onset_s for tone in said], abs=2 * GRID_S)


@pytest.mark.parametrize(
    ("rules", "keys"),
    [
        (None, LINE),
        (MidiRules(shift=12), (40, 38, 52, 45, 55, 57, 100)),
        (MidiRules(fold=(35, 79)), (40, 38, 40, 45, 43, 45, 76)),
        # What Slakh really played: 28 and 26 up two octaves, everything else one.
        (SLAKH_BASS, (52, 50, 52, 57, 55, 57, 88)),
        (MidiRules(moves={28: 36, 88: 60}), (36, 26, 40, 33, 43, 45, 60)),
        # Moves come last: they name keys as fold and shift have left them.
        (MidiRules(shift=12, moves={40: 69, 28: 70}), (69, 38, 52, 45, 55, 57, 100)),
        (MidiRules(shift=12, moves={40: 69}, enabled=False), LINE),
    ],
    ids=["none", "shift", "fold", "slakh", "moves", "in order", "switched off"],
)
def test_what_sounds_is_what_the_rules_make_of_the_song(
    studio: Studio, rules: MidiRules | None, keys: tuple[int, ...]
) -> None:
    midi = line(*LINE)
    found = heard(studio, midi, rules, 0)
    assert tuple(tone.key for tone in found) == keys
    check_agreement(found, labelled(played_midi(midi, rules)))
    assert sounding_midi(midi, rules, 0) == played_midi(midi, rules)


@pytest.mark.parametrize("rules", [None, SLAKH_BASS, MidiRules(shift=12)], ids=["none", "slakh", "shift"])
def test_labels_of_a_patch_that_sounds_an_octave_lower_are_what_is_heard(
    studio: Studio, deep: AssetRef, rules: MidiRules | None
) -> None:
    midi = line(*LINE)
    found = heard(studio, midi, rules, -1, deep)
    check_agreement(found, labelled(sounding_midi(midi, rules, -1)))
    played = labelled(played_midi(midi, rules))
    assert [tone.key - 12 for tone in played] == [tone.key for tone in found], "and not what was sent to it"


def test_an_octave_up_for_a_patch_an_octave_down_is_the_music_as_it_was_written(studio: Studio, deep: AssetRef) -> None:
    midi = line(*LINE)
    assert [tone.key for tone in heard(studio, midi, MidiRules(shift=12), -1, deep)] == list(LINE)


def test_notes_that_come_together_on_one_key_sound_as_the_labels_say(studio: Studio) -> None:
    rules = MidiRules(moves={62: 60})
    # 60 is held while 62 is struck and released: on one key the first ends there, and the second by itself.
    midi = song([tempo(0, 120), *note(0, 900, 60), *note(480, 240, 62), *note(1400, 200, 64)])
    notes = read_notes(read_midi(sounding_midi(midi, rules, 0)))
    assert notes.pitch.tolist() == [60, 60, 64]
    assert notes.offset_s.tolist() == pytest.approx([0.5, 0.75, 1400 / 960 + 200 / 960])
    job = studio.job(midi, SINE)
    job = job.model_copy(update={"patch": job.patch.model_copy(update={"rules": rules})})
    tape = Tape()
    studio.engine.render(job, midi, tape)
    level = np.abs(tape.audio[: len(tape.audio) // 441 * 441]).max(axis=1).reshape(-1, 441).max(axis=1)  # 10 ms each
    assert level[70] > 0.5 * level[40], "the second sounds on after the first would have been released"
    assert level[80:140].max() < 0.01 * level[40], "and ends with its own release, not with that of the first"


@pytest.mark.parametrize("program", [31, 79], ids=["guitar harmonics", "ocarina"])
def test_octaves_of_the_factory_map_are_those_of_its_soundfont(program: int) -> None:
    group = load_map("gm-factory").group_of(program)
    assert group is not None
    choice = group.patches[0]
    studio = Studio(find_soundfont(str(choice.soundfont)))
    midi = line(48, 55, 64)
    tape = Tape()
    studio.engine.render(studio.job(midi, program), midi, tape)
    studio.engine.close()
    found = tones(tape.audio, 44100)
    assert [tone.key for tone in found] == [
        tone.key for tone in labelled(sounding_midi(midi, None, choice.octave_offset))
    ]
    assert (choice.octave_offset == 0) == (program != 31)
