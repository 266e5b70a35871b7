"""One set of presets for tests, in which everything is known, and the soundfont of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.specimens import soundfont
from workers.specimens.soundfont import (
    PAN,
    RATE_HZ,
    VOLUME_ATTACK,
    VOLUME_DELAY,
    VOLUME_RELEASE,
    Preset,
    Zone,
    timecents,
)


def sine(seconds: float = 1.0, hertz: float = 440.0, level: float = 0.5) -> NDArray[np.float64]:
    """Return a sine that begins at zero."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def late(sample: NDArray[np.float64], frames: int = 1024) -> NDArray[np.float64]:
    """Put silence before a sample."""
    return np.concatenate([np.zeros(frames), sample])


# Programs of the test soundfont.
SINE, ONE_SHOT, DC, NOISE, NARROW, ENDLESS, SLOW, LATE, MUTE, HELD = range(10)
STEREO: Final = 20
#: Keys that the preset NARROW has a sample for.
NARROW_KEYS: Final = (60, 72)


def standard_presets() -> list[Preset]:
    """Return presets in which everything is known; A4 (69) sounds at 440 Hz in all that are tuned."""
    tone = sine()  # 440 whole periods: its loop is seamless
    decay = sine(0.5) * np.exp(-np.arange(RATE_HZ // 2) / 4000.0)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, RATE_HZ)
    direct = Zone(np.full(RATE_HZ, 0.5), loop_start=0)
    looped = Zone(tone, loop_start=0)
    held = Zone(tone, loop_start=0, generators={VOLUME_RELEASE: timecents(2.0)})
    endless = Zone(tone, loop_start=0, generators={VOLUME_RELEASE: 8000})
    slow = Zone(tone, loop_start=0, generators={VOLUME_ATTACK: timecents(4.0), VOLUME_DELAY: timecents(1.0)})
    late_tone = Zone(late(tone), loop_start=1024)
    late_hit = Zone(late(decay), generators={VOLUME_RELEASE: timecents(1.0)})
    left = Zone(late(tone), loop_start=1024, generators={PAN: -500})
    right = Zone(late(tone * 0.5), loop_start=1024, generators={PAN: 500})
    return [
        Preset("Sine", SINE, (looped,)),
        Preset("One shot", ONE_SHOT, (Zone(decay),)),
        Preset("Direct current", DC, (direct,)),
        Preset("White noise", NOISE, (Zone(noise, loop_start=0),)),
        Preset("Narrow", NARROW, (Zone(tone, keys=NARROW_KEYS, loop_start=0),)),
        Preset("Endless", ENDLESS, (endless,)),
        Preset("Slow", SLOW, (slow,)),
        Preset("Late", LATE, (late_tone,)),
        Preset("Mute", MUTE, (Zone(np.zeros(RATE_HZ), loop_start=0),)),
        Preset("Held", HELD, (held,)),
        Preset("Stereo", STEREO, (left, right)),
        Preset("Late up a fifth", LATE, (Zone(late(tone), root=62, loop_start=1024),), bank=8),
        Preset("Kit", 0, (late_hit,), bank=128),
        Preset("Other kit", 16, (Zone(late(decay), root=60),), bank=128),
    ]


def write_soundfont(path: Path, presets: list[Preset] | None = None) -> Path:
    """Write a soundfont; returns its path."""
    return soundfont.write_soundfont(path, presets or standard_presets(), name="Tests")
