"""General MIDI level 1 programs: their names and Slakh's instrument classes (RP-003, General MIDI System Level 1)."""

from __future__ import annotations

from typing import Final

#: Names in program order, as pretty_midi and Slakh spell them.
PROGRAM_NAMES: Final[tuple[str, ...]] = (
    "Acoustic Grand Piano", "Bright Acoustic Piano", "Electric Grand Piano", "Honky-tonk Piano",
    "Electric Piano 1", "Electric Piano 2", "Harpsichord", "Clavinet",
    "Celesta", "Glockenspiel", "Music Box", "Vibraphone", "Marimba", "Xylophone", "Tubular Bells", "Dulcimer",
    "Drawbar Organ", "Percussive Organ", "Rock Organ", "Church Organ", "Reed Organ", "Accordion", "Harmonica",
    "Tango Accordion",
    "Acoustic Guitar (nylon)", "Acoustic Guitar (steel)", "Electric Guitar (jazz)", "Electric Guitar (clean)",
    "Electric Guitar (muted)", "Overdriven Guitar", "Distortion Guitar", "Guitar Harmonics",
    "Acoustic Bass", "Electric Bass (finger)", "Electric Bass (pick)", "Fretless Bass", "Slap Bass 1", "Slap Bass 2",
    "Synth Bass 1", "Synth Bass 2",
    "Violin", "Viola", "Cello", "Contrabass", "Tremolo Strings", "Pizzicato Strings", "Orchestral Harp", "Timpani",
    "String Ensemble 1", "String Ensemble 2", "Synth Strings 1", "Synth Strings 2", "Choir Aahs", "Voice Oohs",
    "Synth Choir", "Orchestra Hit",
    "Trumpet", "Trombone", "Tuba", "Muted Trumpet", "French Horn", "Brass Section", "Synth Brass 1", "Synth Brass 2",
    "Soprano Sax", "Alto Sax", "Tenor Sax", "Baritone Sax", "Oboe", "English Horn", "Bassoon", "Clarinet",
    "Piccolo", "Flute", "Recorder", "Pan Flute", "Blown bottle", "Shakuhachi", "Whistle", "Ocarina",
    "Lead 1 (square)", "Lead 2 (sawtooth)", "Lead 3 (calliope)", "Lead 4 chiff", "Lead 5 (charang)", "Lead 6 (voice)",
    "Lead 7 (fifths)", "Lead 8 (bass + lead)",
    "Pad 1 (new age)", "Pad 2 (warm)", "Pad 3 (polysynth)", "Pad 4 (choir)", "Pad 5 (bowed)", "Pad 6 (metallic)",
    "Pad 7 (halo)", "Pad 8 (sweep)",
    "FX 1 (rain)", "FX 2 (soundtrack)", "FX 3 (crystal)", "FX 4 (atmosphere)", "FX 5 (brightness)", "FX 6 (goblins)",
    "FX 7 (echoes)", "FX 8 (sci-fi)",
    "Sitar", "Banjo", "Shamisen", "Koto", "Kalimba", "Bagpipe", "Fiddle", "Shanai",
    "Tinkle Bell", "Agogo", "Steel Drums", "Woodblock", "Taiko Drum", "Melodic Tom", "Synth Drum", "Reverse Cymbal",
    "Guitar Fret Noise", "Breath Noise", "Seashore", "Bird Tweet", "Telephone Ring", "Helicopter", "Applause",
    "Gunshot",
)  # fmt: skip

#: First program of each class; Slakh's class table (general_midi_inst_0), with its two misspelt classes mended.
_CLASS_STARTS: Final[tuple[tuple[int, str], ...]] = (
    (0, "Piano"), (8, "Chromatic Percussion"), (16, "Organ"), (24, "Guitar"), (32, "Bass"), (40, "Strings"),
    (48, "Strings (continued)"), (56, "Brass"), (64, "Reed"), (72, "Pipe"), (80, "Synth Lead"), (88, "Synth Pad"),
    (96, "Synth Effects"), (104, "Ethnic"), (112, "Percussive"), (119, "Sound Effects"),
)  # fmt: skip

DRUMS: Final = "Drums"
#: Slakh's pseudo-program for a drum kit.
DRUM_PROGRAM: Final = 128

#: Every class a part can have.
CLASSES: Final[tuple[str, ...]] = (*(name for _, name in _CLASS_STARTS), DRUMS)


def program_class(program: int, *, is_drum: bool) -> str:
    """Return the instrument class of a 0-based program; drums are `Drums` whatever their kit."""
    if is_drum:
        return DRUMS
    return next(name for start, name in reversed(_CLASS_STARTS) if program >= start)


def program_name(program: int, *, is_drum: bool) -> str:
    """Return the General MIDI name of a 0-based program; drums are `Drums`."""
    return DRUMS if is_drum else PROGRAM_NAMES[program]
