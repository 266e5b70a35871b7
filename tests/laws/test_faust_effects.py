"""The farm's own effects in Faust, as they sound."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.faust import EFFECTS, effect, perform_all, sound

RATE_HZ = 44100
REQUESTS = {
    "reverb": effect("reverb", "sine", 4.0, wet=1, decay=1.0, predelay=30),
    "dry reverb": effect("reverb", "sine", 1.0, wet=0),
    "compressor": effect("compressor", "steps", 2.0, threshold=-20, ratio=4, attack=5, release=50),
    "equaliser": effect("equaliser", "sine", 1.0, middle=6, middle_centre=440),
    "low shelf": effect("equaliser", "sine", 1.0, low=-12, low_edge=1000),
    "high shelf": effect("equaliser", "sine", 1.0, high=-12, high_edge=1000),
    "flat equaliser": effect("equaliser", "sine", 1.0),
    "delay": effect("delay", "click", 1.0, time=200, feedback=0.5, wet=0.5, damp=16000),
    "chorus": effect("chorus", "sine", 2.0, wet=1),
    "saturation": effect("saturation", "steps", 2.0, drive=12, lean=0),
    "lower rate": effect("reverb", "sine", 2.0, 16000, wet=0.5, damp=16000),
}
UNITS = {
    "reverb": "damp,decay,low,predelay,wet",
    "compressor": "attack,makeup,ratio,release,threshold",
    "equaliser": "high,high_edge,low,low_edge,middle,middle_centre,middle_width",
    "delay": "damp,feedback,time,wet",
    "chorus": "delay,depth,rate,wet",
    "saturation": "drive,lean,output,wet",
}

Stereo = NDArray[np.float32]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stereo]:
    answers = perform_all(list(REQUESTS.values()), tmp_path_factory.mktemp("effects"))
    names = {name: takes[0].report.preset_name for name, takes in zip(REQUESTS, answers, strict=True)}
    assert {name: names[name] for name in UNITS} == UNITS
    return {name: takes[0].audio for name, takes in zip(REQUESTS, answers, strict=True)}


def db(audio: NDArray[np.float32], start_s: float, stop_s: float) -> float:
    part = audio[round(start_s * RATE_HZ) : round(stop_s * RATE_HZ)]
    return 10 * float(np.log10(np.square(part.astype(float)).mean() + 1e-20))


def test_every_effect_is_tried() -> None:
    assert sorted(path.stem for path in EFFECTS.glob("*.dsp")) == sorted(UNITS)


@pytest.mark.parametrize("name", REQUESTS)
def test_it_has_two_channels_and_finite_sound(heard: dict[str, Stereo], name: str) -> None:
    assert heard[name].shape[1] == 2
    assert np.isfinite(heard[name]).all()
    assert 0.01 < np.abs(heard[name]).max() < 1.5


def test_a_room_fades_by_60_db_in_its_time_after_its_predelay(heard: dict[str, Stereo]) -> None:
    room = heard["reverb"]
    assert np.abs(room[: round(0.03 * RATE_HZ)]).max() < 1e-6
    assert db(room, 2.1, 2.3) - db(room, 2.6, 2.8) == pytest.approx(30, abs=8)
    assert np.abs(room[:, 0] - room[:, 1]).max() > 0.01


def test_an_effect_that_is_set_to_nothing_changes_nothing(heard: dict[str, Stereo]) -> None:
    source = sound("sine", 1.0, RATE_HZ).T
    assert heard["dry reverb"] == pytest.approx(source, abs=1e-6)
    assert heard["flat equaliser"] == pytest.approx(source, abs=1e-4)


def test_a_compressor_takes_down_what_is_above_its_threshold_by_its_ratio(heard: dict[str, Stereo]) -> None:
    source = sound("steps", 2.0, RATE_HZ).T
    assert db(heard["compressor"], 0.5, 1.0) - db(source, 0.5, 1.0) == pytest.approx(0, abs=0.2)
    over_db = 20 * np.log10(0.5) + 20
    assert db(source, 1.5, 2.0) - db(heard["compressor"], 1.5, 2.0) == pytest.approx(over_db * 0.75, abs=2)


def test_a_band_is_lifted_by_what_is_asked(heard: dict[str, Stereo]) -> None:
    source_db = db(sound("sine", 1.0, RATE_HZ).T, 0.1, 0.4)
    assert db(heard["equaliser"], 0.1, 0.4) - source_db == pytest.approx(6, abs=0.1)
    assert db(heard["low shelf"], 0.1, 0.4) - source_db == pytest.approx(-11.6, abs=1)
    assert db(heard["high shelf"], 0.1, 0.4) - source_db == pytest.approx(-0.4, abs=0.4)


def test_echoes_come_in_time_and_grow_softer(heard: dict[str, Stereo]) -> None:
    echoes = np.abs(heard["delay"]).max(axis=1)
    places = np.flatnonzero(echoes > 0.03)
    assert echoes[0] == pytest.approx(1.0)
    assert {round(place / RATE_HZ, 3) for place in places.tolist()} == {0.0, 0.2, 0.4, 0.6, 0.8}
    peaks = [echoes[round(beat * 0.2 * RATE_HZ) - 3 :][:8].max() for beat in (1, 2, 3)]
    assert peaks[0] == pytest.approx(0.5, abs=0.05)
    assert peaks[0] > peaks[1] > peaks[2]


def test_a_chorus_sways_and_its_sides_differ(heard: dict[str, Stereo]) -> None:
    chorus = heard["chorus"]
    swells = [db(chorus, beat / 10, (beat + 1) / 10) for beat in range(1, 9)]
    assert max(swells) - min(swells) > 1
    assert np.abs(chorus[:, 0] - chorus[:, 1]).max() > 0.05


def test_saturation_keeps_what_is_soft_and_rounds_what_is_loud(heard: dict[str, Stereo]) -> None:
    source = sound("steps", 2.0, RATE_HZ).T
    assert db(heard["saturation"], 0.2, 0.9) - db(source, 0.2, 0.9) == pytest.approx(0, abs=0.2)
    assert db(heard["saturation"], 1.2, 1.9) - db(source, 1.2, 1.9) < -4
    spectrum = np.abs(np.fft.rfft(heard["saturation"][RATE_HZ:, 0]))
    assert spectrum[1320] > 0.05 * spectrum[440]
