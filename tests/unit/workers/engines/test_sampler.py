"""Recordings as an engine: in tempo, in pitch, seamless, cut off softly, and never another file than was planned."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import AssetError, EngineError, MissingDependencyError
from schemas.job import RenderJob
from schemas.patch import FluidSettings, Patch
from schemas.samples import SampleLibrary
from tests.support.engines import Audio, Tape
from tests.support.midi import note, song, tempo
from tests.support.samples import RATE_HZ, band, decaying, drum_loop, patch_of, write
from workers.engines.sampleprobe import probe_samples
from workers.engines.sampler import FADE_S, SamplerEngine

#: Ticks of a quarter in the files of `tests.support.midi`.
QUARTER = 480


def play(engine: SamplerEngine, patch: Patch, midi: bytes, rate_hz: int = RATE_HZ) -> Audio:
    tape = Tape()
    job = RenderJob(midi_sha256=hashlib.sha256(midi).hexdigest(), patch=patch, rate_hz=rate_hz)
    engine.render(job, midi, tape)
    return tape.audio


def onsets_s(audio: Audio, rate_hz: int = RATE_HZ) -> list[float]:
    """Return when the strong hits of a drum loop begin, seconds."""
    level = np.abs(audio[:, 0])
    hop = rate_hz // 200
    peaks = level[: len(level) // hop * hop].reshape(-1, hop).max(axis=1)
    loud = peaks > 0.5 * peaks.max()
    begins = [float(place) * hop / rate_hz for place in np.flatnonzero(loud & ~np.roll(loud, 1))]
    return [begin for before, begin in pairwise([-1.0, *begins]) if begin - before > 0.1]


@pytest.mark.parametrize("bpm", [100.0, 112.0, 132.0])
def test_a_loop_is_brought_to_the_tempo_of_the_song(tmp_path: Path, bpm: float) -> None:
    engine = SamplerEngine()
    path = write(tmp_path / "loop.wav", drum_loop(120.0, 8))
    patch = patch_of(engine, path, recording="loop", quarters=8.0, drums=True)
    audio = play(engine, patch, song([tempo(0, bpm), *note(0, 16 * QUARTER, 60)]))
    beats = onsets_s(audio)
    assert len(beats) == 16
    assert np.array(beats) == pytest.approx(np.arange(16) * 60.0 / bpm, abs=0.012)


def test_a_loop_at_its_own_tempo_is_the_file_bit_for_bit(tmp_path: Path) -> None:
    engine = SamplerEngine()
    loop = drum_loop(120.0, 4)
    patch = patch_of(engine, write(tmp_path / "loop.wav", loop), recording="loop", quarters=4.0)
    audio = play(engine, patch, song([tempo(0, 120.0), *note(0, 8 * QUARTER, 60)]))
    played = audio[: len(loop), 0] / (100 / 127) ** 4  # velocity and volume are 100
    whole = np.round(loop * 32768) / 32768
    assert played == pytest.approx(whole, abs=4e-5)
    assert (audio[len(loop) : 2 * len(loop) - 1000] == audio[: len(loop) - 1000]).all()


def test_loops_that_follow_one_another_have_no_seam(tmp_path: Path) -> None:
    engine = SamplerEngine()
    hum = np.sin(2 * np.pi * 110 * np.arange(RATE_HZ * 2) / RATE_HZ).astype(np.float32) * 0.5
    patch = patch_of(engine, write(tmp_path / "hum.wav", hum), recording="loop", quarters=4.0)
    twice = [*note(0, 4 * QUARTER, 60), *note(4 * QUARTER, 4 * QUARTER, 60)]
    audio = play(engine, patch, song([tempo(0, 126.0), *twice]))[:, 0]
    steps = np.abs(np.diff(audio[: -round(2 * FADE_S * RATE_HZ)]))
    assert steps.max() < 1.6 * np.percentile(steps, 99)


def test_what_is_cut_off_fades_out_within_its_note(tmp_path: Path) -> None:
    engine = SamplerEngine()
    hum = np.full(RATE_HZ * 2, 0.5, np.float32) * np.sign(np.sin(np.arange(RATE_HZ * 2) / 50)).astype(np.float32)
    patch = patch_of(engine, write(tmp_path / "hum.wav", hum))
    audio = play(engine, patch, song([tempo(0, 120.0), *note(0, QUARTER, 60)]))[:, 0]
    end = round(0.5 * RATE_HZ)
    fade = round(FADE_S * RATE_HZ)
    assert np.abs(audio[end - fade - 100 : end - fade]).min() > 0.1
    assert np.abs(audio[end - 3 : end]).max() < 0.01
    assert not audio[end:].any()


@pytest.mark.parametrize("semitones", [-5, 0, 4])
def test_each_key_above_its_base_is_a_semitone(tmp_path: Path, semitones: int) -> None:
    engine = SamplerEngine()
    hertz = 330.0
    patch = patch_of(engine, write(tmp_path / "tone.wav", decaying(hertz, 1.0, steep=1.0)), base_key=62)
    audio = play(engine, patch, song([tempo(0, 120.0), *note(0, 2 * QUARTER, 62 + semitones)]))[:, 0]
    window = audio[8000 : 8000 + 32768] * np.hanning(32768)
    found = np.argmax(np.abs(np.fft.rfft(window))) * RATE_HZ / 32768
    assert found == pytest.approx(hertz * 2 ** (semitones / 12), rel=0.01)


def test_a_recording_of_another_rate_keeps_pitch_and_length(tmp_path: Path) -> None:
    engine = SamplerEngine()
    tone = write(tmp_path / "tone.wav", decaying(500.0, 0.5, rate_hz=22050), 22050)
    audio = play(engine, patch_of(engine, tone), song([*note(0, 4 * QUARTER, 60)]), rate_hz=48000)[:, 0]
    sounding = np.flatnonzero(np.abs(audio) > 1e-4)
    assert sounding[-1] / 48000 == pytest.approx(0.5, abs=0.01)
    window = audio[2000:18384] * np.hanning(16384)
    assert np.argmax(np.abs(np.fft.rfft(window))) * 48000 / 16384 == pytest.approx(500.0, abs=4.0)


def test_another_file_in_its_place_is_refused(tmp_path: Path) -> None:
    engine = SamplerEngine()
    path = write(tmp_path / "tone.wav", decaying(443.0, 0.5))
    patch = patch_of(engine, path)
    write(path, decaying(600.0, 0.5))
    with pytest.raises(AssetError, match="is not the one of the library"):
        engine.load(patch)
    path.unlink()
    with pytest.raises(AssetError, match="has no recording"):
        engine.load(patch)


def test_a_patch_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    engine = SamplerEngine()
    patch = patch_of(engine, write(tmp_path / "tone.wav", decaying(443.0, 0.5)))
    with pytest.raises(EngineError, match="is no recording"):
        engine.load(patch.model_copy(update={"settings": FluidSettings()}))


def test_without_pedalboard_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pedalboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'stemfarm\[samples\]'"):
        SamplerEngine()


def test_a_probe_tells_the_version_and_misses_what_is_not_there(tmp_path: Path) -> None:
    library = band(tmp_path)
    assert probe_samples(library) == SamplerEngine().version
    assert probe_samples(SampleLibrary(name="none", folder=str(tmp_path), samples=[])) == SamplerEngine().version
    (tmp_path / "beat.wav").write_bytes(b"short")
    with pytest.raises(AssetError, match="has 5 bytes"):
        probe_samples(library)
    (tmp_path / "beat.wav").unlink()
    with pytest.raises(AssetError, match=r"has no recording beat\.wav"):
        probe_samples(library)
