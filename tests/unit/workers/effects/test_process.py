"""The effects process: what it makes of stems, and how it fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.effects import LINE_LUFS, AppliedEffect, ChosenEffect, Effect
from schemas.errors import EngineError
from tests.support.plugins import needs_dawdreamer, needs_debians_plugins
from workers.audio.recorder import Recorder
from workers.audio.stemfile import StemReader
from workers.effects.client import EffectsProcess, Processed

pytestmark = needs_dawdreamer

RATE_HZ = 22050
MDA_DELAY = "http://drobilla.net/plugins/mda/Delay"


def chosen(source: str, **parameters: float) -> ChosenEffect:
    effect = Effect(effect="own", source=source)
    return ChosenEffect(effect, AppliedEffect(effect="own", sha256=effect.sha, parameters=parameters))


def raw_stem(folder: Path, channels: int = 2) -> Path:
    """Record two seconds of a tone between half seconds of silence; 1 kHz at -20 dBFS."""
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    wave = 0.1 * np.sin(2 * np.pi * 1000 * time_s) * ((time_s >= 0.5) & (time_s < 2.5))
    audio = np.repeat(wave[:, None], channels, axis=1).astype(np.float32)
    with Recorder(folder / "raw.stem", rate_hz=RATE_HZ, channels=channels) as recorder:
        recorder.write(audio)
        recorder.finish()
    return folder / "raw.stem"


@pytest.fixture(scope="module")
def host() -> Iterator[EffectsProcess]:
    with EffectsProcess() as process:
        yield process


def run(host: EffectsProcess, folder: Path, *effects: ChosenEffect, channels: int = 2) -> tuple[Processed, np.ndarray]:
    made = host.process(raw_stem(folder, channels), folder / "out.stem", effects, duration_s=3.0, tail_max_s=10.0)
    with StemReader(made.path, expected_hash=made.data_hash) as reader:
        audio = np.zeros((reader.frames, reader.channels), np.float32)
        reader.read(0, reader.frames, audio)
    return made, audio


@pytest.mark.parametrize("channels", [1, 2])
def test_an_effect_that_does_nothing_gives_the_stem_back_at_line_level(
    host: EffectsProcess, tmp_path: Path, channels: int
) -> None:
    made, audio = run(host, tmp_path, chosen("process = _, _;"), channels=channels)
    assert made.measured.loudness_lufs == pytest.approx(LINE_LUFS, abs=0.01)
    assert audio.shape[1] == channels
    assert np.all(audio[: RATE_HZ // 2 - 1] == 0.0)
    assert len(audio) - 3 * RATE_HZ < 64


def test_effects_follow_one_another_in_order(host: EffectsProcess, tmp_path: Path) -> None:
    half, clip = chosen("process = *(0.5), *(0.5);"), chosen("process = min(0.05), min(0.05);")
    assert run(host, tmp_path, half, clip)[1].max() == pytest.approx(0.05, rel=1e-6)
    assert run(host, tmp_path, clip, half)[1].max() == pytest.approx(0.025, rel=1e-6)


def test_what_rings_on_is_kept_until_it_ends(host: EffectsProcess, tmp_path: Path) -> None:
    echo = "process = de.delay(262144, 6 * ma.SR), _ : par(i, 2, _);"
    made, audio = run(host, tmp_path, chosen('import("stdfaust.lib"); ' + echo))
    left = np.flatnonzero(audio[:, 0])
    assert left[0] / RATE_HZ == pytest.approx(6.5, abs=0.001)
    assert left[-1] / RATE_HZ == pytest.approx(8.5, abs=0.001)
    assert len(audio) == made.measured.frames < 9 * RATE_HZ


def test_two_runs_are_equal_bit_for_bit(host: EffectsProcess, tmp_path: Path) -> None:
    room = chosen('import("stdfaust.lib"); process = dm.zita_light;')
    assert run(host, tmp_path, room)[0].data_hash == run(host, tmp_path, room)[0].data_hash


def test_parameters_are_set_by_their_names(host: EffectsProcess, tmp_path: Path) -> None:
    source = 'level = hslider("level", 1, 0, 1, 0.01); process = *(level), *(level);'
    assert run(host, tmp_path, chosen(source, level=0.0))[1].max() == 0.0
    with pytest.raises(EngineError, match="no parameter `levle`") as caught:
        run(host, tmp_path, chosen(source, levle=0.5))
    assert caught.value.hint == "Did you mean `level`?"


@pytest.mark.parametrize(
    ("source", "why"), [("process = _, ;", "does not compile"), ("process = _;", "not stereo in and out")]
)
def test_a_source_that_is_no_effect_is_refused_and_the_process_goes_on(
    host: EffectsProcess, tmp_path: Path, source: str, why: str
) -> None:
    with pytest.raises(EngineError, match=why):
        run(host, tmp_path, chosen(source))
    run(host, tmp_path, chosen("process = _, _;"))


def test_a_crash_is_told_with_its_signal(tmp_path: Path) -> None:
    with EffectsProcess() as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="SIGKILL") as caught:
            run(process, tmp_path, chosen("process = _, _;"))
    assert caught.value.cause == "engine_crash"


@needs_debians_plugins
def test_a_plug_in_is_an_effect_too(host: EffectsProcess, tmp_path: Path) -> None:
    effect = Effect(effect="echo", plugin=MDA_DELAY, format="lv2")
    applied = AppliedEffect(effect="echo", sha256=effect.sha, parameters={})
    made, audio = run(host, tmp_path, ChosenEffect(effect, applied))
    assert made.measured.frames > 3 * RATE_HZ, "it echoes"
    assert audio.max() > 0.01
    room = chosen('import("stdfaust.lib"); process = dm.zita_light;')
    run(host, tmp_path, ChosenEffect(effect, applied), room)
    other = effect.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(EngineError, match="another version"):
        run(host, tmp_path, ChosenEffect(other, applied))


SOUNDS_S = ((0.5, 1.0), (9.0, 9.5))


def two_sounds(folder: Path) -> Path:
    """Record two short tones with eight seconds between them."""
    time_s = np.arange(11 * RATE_HZ) / RATE_HZ
    heard = sum(((time_s >= start) & (time_s < stop)).astype(float) for start, stop in SOUNDS_S)
    wave = 0.1 * np.sin(2 * np.pi * 1000 * time_s) * heard
    with Recorder(folder / "raw.stem", rate_hz=RATE_HZ, channels=2) as recorder:
        recorder.write(np.repeat(wave[:, None], 2, axis=1).astype(np.float32))
        recorder.finish()
    return folder / "raw.stem"


@pytest.mark.parametrize("pause", ["", 'declare longest_pause "1";\n'])
def test_a_chain_at_rest_sounds_as_one_that_is_computed_throughout(
    host: EffectsProcess, tmp_path: Path, pause: str
) -> None:
    """The echo comes 0.8 s behind the sound, and with it the chain has ended."""
    echo = chosen(f'{pause}import("stdfaust.lib"); process = par(i, 2, _ <: _, de.delay(65536, 0.8 * ma.SR) :> _);')
    made = host.process(two_sounds(tmp_path), tmp_path / "out.stem", [echo], duration_s=11.0, tail_max_s=5.0)
    with StemReader(made.path, expected_hash=made.data_hash) as reader:
        audio = np.zeros((reader.frames, 2), np.float32)
        reader.read(0, reader.frames, audio)
    heard = np.flatnonzero(np.abs(audio[:, 0]) > 1e-3) / RATE_HZ
    for start, stop in SOUNDS_S:
        for late in (0.0, 0.8):
            assert heard[heard >= start + late][0] == pytest.approx(start + late, abs=0.002)
            assert heard[heard <= stop + late][-1] == pytest.approx(stop + late, abs=0.002)
    assert len(made.measured.active_regions) == 4


def test_a_room_at_rest_is_silent_to_the_last_bit(host: EffectsProcess, tmp_path: Path) -> None:
    room = (
        'import("stdfaust.lib"); process = _, _ <: (_, _, re.zita_rev1_stereo(10, 200, 6000, 0.4, 0.4, 48000)) :> _, _;'
    )
    stem = two_sounds(tmp_path)
    zeros = []
    for number, source in enumerate((room, f'declare longest_pause "0.5";\n{room}')):
        made = host.process(stem, tmp_path / f"{number}.stem", [chosen(source)], duration_s=11.0, tail_max_s=5.0)
        with StemReader(made.path, expected_hash=made.data_hash) as reader:
            audio = np.zeros((reader.frames, 2), np.float32)
            reader.read(0, reader.frames, audio)
        zeros.append((audio[round(5.5 * RATE_HZ) : round(8.9 * RATE_HZ)] == 0.0).all())
        first, second = (audio[round(at * RATE_HZ) : round((at + 1.5) * RATE_HZ)] for at in (0.5, 9.0))
        assert second == pytest.approx(first, abs=1e-4), "it sounds again as it did"
    assert zeros == [False, True]
