"""The first pass of a mix leaves out what cannot hold the peak of the sum, and finds the same peak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import StoreError
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.stems import Audio, stem_inputs, write_stem
from workers.audio.stemfile import CHUNK_FRAMES, StemReader, StemWriter
from workers.mixing.deciding import decide_gains
from workers.mixing.gains import linear
from workers.mixing.mix import mix_song
from workers.mixing.pan import placed
from workers.mixing.sides import measure_sides
from workers.mixing.stems import StemInput, StretchCursor

OUTPUT = OutputPlan()


def part(rng: np.random.Generator, channels: int) -> Audio:
    """Return noise of changing level, with rests and peaks of both signs that stick out."""
    frames = int(rng.integers(1, 40 * CHUNK_FRAMES))
    envelope = np.repeat(rng.choice([0.0, 0.01, 0.2, 0.6], -(-frames // 3000)), 3000)[:frames]
    audio = rng.normal(0.0, 0.3, (frames, channels)) * envelope[:, None] * rng.uniform(0.2, 1.0, channels)
    for place in rng.integers(0, frames, 3):
        audio[place] = rng.uniform(-1.5, 1.5, channels)
    return np.asarray(audio, np.float32)


def peak_of_all(stems: list[StemInput], gains_db: list[float], frames: int) -> float:
    """Add everything up, in the order of the stems and in 32 bits."""
    total = np.zeros((frames, stems[0].reader.channels), np.float32)
    for stem, gain_db in zip(stems, gains_db, strict=True):
        for first, samples in StretchCursor(stem.reader).take(0, frames):
            total[first : first + len(samples)] += samples * stem.factor(gain_db)
    return float(np.abs(total).max())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.sampled_from([1, 2]))
def test_the_peak_is_that_of_the_whole_sum_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, channels: int
) -> None:
    rng = np.random.default_rng(seed)
    stems = stem_inputs(tmp_path_factory.mktemp("stems"), {f"S{n:02}": part(rng, channels) for n in range(count)})
    if channels == 2:
        pans = [float(pan) for pan in rng.choice([-1.0, 0.0, 0.3], count)]
        stems = [
            stem._replace(place=placed(0.0, pan, measure_sides(stem.reader) if pan else None))
            for stem, pan in zip(stems, pans, strict=True)
        ]
    frames = max(stem.reader.frames for stem in stems)
    output = OutputPlan.model_validate({"channels": channels})
    gains = decide_gains(stems, [None] * count, MixPlan(), output, frames=frames)  # no loudness: nothing is matched
    assert gains.mix_peak == peak_of_all(stems, [0.0] * count, frames) * float(linear(gains.common_db))


def test_a_stem_without_its_peaks_is_refused(tmp_path: Path) -> None:
    audio = np.full((CHUNK_FRAMES, 2), 0.1, np.float32)
    measured = write_stem(tmp_path / "a", audio)
    with StemWriter(tmp_path / "b", rate_hz=44100, channels=2) as writer:
        writer.chunks(audio)
        writer.finish()
    with pytest.raises(StoreError, match="S00 has no peaks"):
        mix_song([StemInput("S00", StemReader(tmp_path / "b"), measured)], MixPlan(), OUTPUT, tmp_path)
