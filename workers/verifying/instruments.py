"""What an instrument map claims: each stem's patch is of its group, and its MIDI files are what the rules make of the song.

The published MIDI of a stem has the keys that sound; where a patch sounds octaves away from what it is sent, that stands in
a file of its own. Both are made again here from the song as it was found, and must be the same bytes. That the sound
agrees with them is for `workers.verifying.onsets` and `workers.verifying.pitch` to say, which read the published files.
"""

from __future__ import annotations

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import ANNOTATION, SLAKH_PATHS
from schemas.errors import MidiError
from schemas.gm import DRUM_PROGRAM
from schemas.instruments import InstrumentPlan
from workers.midi.playing import Playing
from workers.midi.split import split_song
from workers.verifying.report import Code
from workers.verifying.track import TrackCheck

#: Finding of a stem without audio, since the map has no patch for its part.
_NO_PATCH = "no_patch"


def check_instruments(track: TrackCheck, song: SongAnnotation) -> None:
    """Check what the plan's instrument map promises of a track's stems; a plan without a map promises nothing."""
    instruments = track.plan.instruments
    if instruments.loaded is None:
        return
    for stem in song.stems:
        for message in [*_broken_promises(instruments, stem), *_other_patch(track, song, stem)]:
            track.add(ANNOTATION, Code.PATCH_DIFFERS, f"{stem.name}: {message}")
    _check_midi(track, song)


def _broken_promises(instruments: InstrumentPlan, stem: StemAnnotation) -> list[str]:
    program = DRUM_PROGRAM if stem.is_drum else stem.program
    group = None if instruments.loaded is None else instruments.loaded.group_of(program)
    if _NO_PATCH in stem.findings:
        return [] if stem.audio is None and not stem.patch else ["it is said to have no patch, and has one"]
    if group is None or group.name != stem.group:
        belongs = "no group" if group is None else f"the group {group.name}"
        return [f"it was played by the group {stem.group!r}, and program {program} belongs to {belongs}"]
    choice = next((patch for patch in group.patches if patch.name == stem.choice), None)
    if choice is None:
        return [f"the group {group.name} has no patch {stem.choice!r}"]
    names = {patch.name for patch in group.patches}
    strange = [old.choice for old in stem.replaces if old.choice not in names or old.choice == stem.choice]
    if strange:
        return [f"it is said to have replaced {', '.join(strange)}, of which no other patch could take the place"]
    said = (stem.octave_offset, stem.rules)
    promised = (choice.octave_offset, instruments.rules_of(group, choice))
    return [] if said == promised else [f"octaves and rules are {said}, and the map says {promised}"]


def _other_patch(track: TrackCheck, song: SongAnnotation, stem: StemAnnotation) -> list[str]:
    """Compare a stem that a patch file played with the map, and with what the song's provenance says of that file."""
    choice = track.choice_of(stem)
    file = None if choice is None else choice.file
    if file is None:
        return []
    if stem.patch != file.name:
        return [f"it was played by {stem.patch!r}, and the map says {file.name}"]
    use = song.provenance.patches.get(file.name)
    said = (stem.engine, stem.engine_version, stem.plugin, stem.plugin_sha256)
    promised = None if use is None else (use.engine, use.engine_version, use.plugin, use.sha256)
    if said == promised and stem.engine == file.engine and file.sha256 in (None, stem.plugin_sha256):
        return []
    return [f"engine and plug-in are {said}; the provenance says {promised}, the map {(file.engine, file.sha256)}"]


def _check_midi(track: TrackCheck, song: SongAnnotation) -> None:
    """Make the MIDI files of the stems again from the song, and compare."""
    if not track.has(SLAKH_PATHS.source_midi):
        return  # already a finding of the files
    try:
        _, parts = split_song((track.folder / SLAKH_PATHS.source_midi).read_bytes())
    except MidiError as error:
        track.add(SLAKH_PATHS.source_midi, Code.NOTES_DIFFER, f"no song: {error.message}")
        return
    for stem in song.stems:
        if stem.name not in parts:
            track.add(stem.midi, Code.NOTES_DIFFER, f"the song has no part {stem.name}")
            continue
        playing = Playing.by(stem.rules, stem.octave_offset, track.sound_of(stem))
        sounding = playing.sounding(parts[stem.name])
        _compare(track, stem.midi, sounding, "what sounds")
        played = playing.sent(parts[stem.name])
        if (stem.midi_played is not None) != (played != sounding):
            what = "missing" if stem.midi_played is None else "there, and nothing else than what sounds was played"
            track.add(ANNOTATION, Code.NOTES_DIFFER, f"the MIDI of what {stem.name} was played from is {what}")
        elif stem.midi_played is not None:
            _compare(track, stem.midi_played, played, "what was played")


def _compare(track: TrackCheck, file: str, expected: bytes, what: str) -> None:
    if not track.has(file):
        track.add(file, Code.FILE_MISSING, "the annotation names it, and the manifest does not, or it is not there")
    elif (track.folder / file).read_bytes() != expected:
        track.add(file, Code.NOTES_DIFFER, f"not {what} when the map's rules are applied to the song")
