"""Recordings as people have them: any file, always two channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.errors import AssetError
from workers.audio.recordings import LONGEST_S, at_rate, read_recording


@pytest.mark.parametrize(("name", "channels"), [("a.wav", 1), ("a.flac", 2), ("a.ogg", 2), ("a.aiff", 1), ("a.wav", 3)])
def test_every_form_is_read_as_two_channels(tmp_path: Path, name: str, channels: int) -> None:
    ramp = np.linspace(-0.5, 0.5, 3000)[:, None] * np.arange(1, channels + 1)[None] / channels
    soundfile.write(tmp_path / name, ramp, 22050)
    audio, rate_hz = read_recording(tmp_path / name)
    assert (audio.shape, rate_hz) == ((3000, 2), 22050)
    assert audio[:, 0] == pytest.approx(ramp[:, 0], abs=0.05)
    assert audio[:, 1] == pytest.approx(ramp[:, min(1, channels - 1)], abs=0.05)


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"not audio")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 22050)
    soundfile.write(tmp_path / "song.flac", np.zeros(int(1000 * (LONGEST_S + 1))), 1000)
    soundfile.write(tmp_path / "nan.wav", np.full(10, np.nan), 22050, subtype="FLOAT")
    for name, message in (
        ("noise.wav", "cannot be read"), ("gone.wav", "cannot be read"), ("empty.wav", "is empty"),
        ("song.flac", "lasts 601 s"), ("nan.wav", "no numbers"),
    ):  # fmt: skip
        with pytest.raises(AssetError, match=message):
            read_recording(tmp_path / name)


def test_another_rate_keeps_the_length_in_seconds() -> None:
    audio = np.ones((2205, 2), np.float32)
    assert at_rate(audio, 22050, 22050) is audio
    assert at_rate(audio, 22050, 48000).shape == (4800, 2)
