"""Track folders as Slakh2100 has them, written after the description of its layout: mono, 16 bits, no manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray

from tests.support import midi

RATE_HZ = 44100
#: Stem -> class, program, program's name, patch; S02 was never rendered, as many are not.
STEMS: dict[str, tuple[str, int, str, str]] = {
    "S00": ("Piano", 0, "Acoustic Grand Piano", "old_piano.nkm"),
    "S01": ("Bass", 33, "Electric Bass (finger)", "round_bass.nkm"),
    "S02": ("Sound Effects", 103, "FX 8 (sci-fi)", "None"),
    "S03": ("Drums", 128, "Drums", "room_kit.nkm"),
    "S04": ("Strings (continued)", 48, "String Ensemble 1", "hall_strings.nkm"),
}
RENDERED = [name for name, (_, _, _, patch) in STEMS.items() if patch != "None"]


def stem_audio(name: str, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> NDArray[np.float64]:
    """Return the sound of a stem before its rounding: a few tones below 5 kHz, and silence at the end."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    number = int(name[1:])
    tones = [np.sin(2 * np.pi * hertz * (number + 1) * time_s) for hertz in (110.0, 331.0, 997.0)]
    sound: NDArray[np.float64] = 0.12 * np.sum(tones, axis=0) / (number + 1) * (time_s < seconds * 0.8)
    return sound


def write_track(folder: Path, *, audio_format: str = "flac", seconds: float = 1.0) -> Path:
    """Write one track; the mix is the sum of the stems before their rounding, as Slakh's is."""
    (folder / "stems").mkdir(parents=True)
    (folder / "MIDI").mkdir()
    song = midi.song([midi.tempo(0, 120)], [midi.program(0, 0, 0), *midi.note(0, 480, 60, channel=0)])
    (folder / "all_src.mid").write_bytes(song)
    for name in STEMS:
        (folder / "MIDI" / f"{name}.mid").write_bytes(song)
    sounds = {name: stem_audio(name, seconds) for name in RENDERED}
    for name, sound in sounds.items():
        soundfile.write(folder / "stems" / f"{name}.{audio_format}", sound, RATE_HZ, subtype="PCM_16")
    soundfile.write(folder / f"mix.{audio_format}", sum(sounds.values()), RATE_HZ, subtype="PCM_16")
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata(folder.name)))
    return folder


def write_release(root: Path, *, audio_format: str = "flac", seconds: float = 1.0) -> Path:
    """Write a release of three tracks in two splits."""
    for track in ("train/Track00001", "train/Track00002", "test/Track01876"):
        write_track(root / track, audio_format=audio_format, seconds=seconds)
    (root / "LICENSE").write_text("CC BY 4.0\n")
    return root


def metadata(track: str) -> dict[str, Any]:
    return {
        "UUID": "0" * 32,
        "lmd_midi_dir": f"lmd_matched/A/B/C/TRABC/{'0' * 32}.mid",
        "midi_dir": f"{track}/MIDI",
        "audio_dir": f"{track}/stems",
        "normalized": True,
        "normalization_factor": -13.0,
        "target_peak": -1.0,
        "overall_gain": 0.25,
        "stems": {name: _stem(name) for name in STEMS},
    }


def _stem(name: str) -> dict[str, Any]:
    inst_class, program, program_name, patch = STEMS[name]
    rendered = patch != "None"
    values: dict[str, Any] = {
        "inst_class": inst_class, "is_drum": program == 128, "midi_program_name": program_name, "program_num": program,
        "plugin_name": patch, "midi_saved": rendered, "audio_rendered": rendered,
    }  # fmt: skip
    return {**values, "integrated_loudness": -21.5} if rendered else values
