"""The presets of plans, run: each makes the dataset that its name promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from schemas.annotation import SongAnnotation
from tests.support.bands import write_songs
from tests.support.engines import Studio, Tape
from tests.support.farms import farm, farm_json
from workers.audio.files import read_audio, read_info
from workers.engines.soundfonts import default_soundfont
from workers.mixing.gains import linear


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("source"), 22)


def annotation_of(track: Path) -> SongAnnotation:
    return SongAnnotation.model_validate_json((track / "annotation.json").read_bytes())


def metadata_of(track: Path) -> Any:
    return yaml.safe_load((track / "metadata.yaml").read_text())


def test_babyslakh_is_twenty_songs_of_mono_wav_at_16_khz_and_16_bits(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "baby"
    report = farm_json("run", source, "--out", out, "--preset", "babyslakh", "--slots", 2)
    assert report["songs"] == {"published": 20, "failed": 0, "accepted": 20}
    assert report["rejected"] == {"over_limit": 2}
    tracks = sorted(out.glob("Track*"))
    assert [track.name for track in tracks] == [f"Track{number:05d}" for number in range(1, 21)]
    for track in tracks:
        song = annotation_of(track)
        files = [track / "mix.wav", *(track / "stems" / f"{stem.name}.wav" for stem in song.stems)]
        assert {read_info(path)[1:] for path in files} == {(16000, 1, 16)}
        assert sorted(path.name for path in (track / "stems").iterdir()) == [f"{stem.name}.wav" for stem in song.stems]
    done = farm("verify", out)
    assert done.returncode == 0, done.stdout


def test_slakh_has_its_levels_its_band_and_its_form(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "slakh"
    farm_json("run", source, "--out", out, "--preset", "slakh", "--limit", 1, "--slots", 2)
    assert read_info(out / "Track00001" / "mix.flac")[1:] == (44100, 1, 16)
    metadata = metadata_of(out / "Track00001")
    assert (metadata["normalization_factor"], metadata["target_peak"], metadata["normalized"]) == (-13.0, -1.0, True)
    classes = {stem["inst_class"] for stem in metadata["stems"].values()}
    assert classes >= {"Piano", "Guitar", "Bass", "Drums"}
    assert farm("verify", out).returncode == 0


def test_flags_and_the_plan_win_over_the_preset(source: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump({"source": str(source), "limit": 1, "output": {"rate_hz": 22050, "bits": 24}}))
    out = tmp_path / "out"
    farm_json("run", plan, "--out", out, "--preset", "babyslakh", "--rate", 32000, "--slots", 2)
    used = json.loads((out / "dataset.json").read_text())["plan"]
    assert used["limit"] == 1
    assert used["output"]["rate_hz"] == 32000, "the flag wins over the plan"
    assert used["output"]["bits"] == 24, "the plan wins over the preset"
    assert used["output"]["format"] == "wav", "what neither says, the preset says"


def test_flakh_has_a_mix_of_the_whole_file_beside_stems_that_are_not_blown_up(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "flakh"
    farm_json("run", source, "--out", out, "--preset", "flakh", "--limit", 1, "--rate", 16000, "--slots", 2)
    track = out / "Track00001"
    song, metadata = annotation_of(track), metadata_of(track)
    assert song.mix.whole is not None
    assert metadata["stemfarm"]["mix"]["is_sum"] is False

    published = read_audio(track / "mix.flac")[:, 0]
    rendered = whole_file(track / "all_src.mid", 16000) * float(linear(song.mix.whole.gain_db)) * 2**15
    assert np.abs(published[: len(rendered)] - rendered).max() <= 0.5 + 1e-3, "the whole file through one synthesiser"

    stems = {stem.inst_class: stem for stem in song.stems}
    quiet, loud = stems["Strings (continued)"], stems["Piano"]
    assert quiet.loudness_lufs is not None
    assert quiet.loudness_lufs < -45.0
    assert quiet.gain_db == pytest.approx(-13.0 + 45.0 + song.mix.common_gain_db, abs=1e-3), "bounded by the gate"
    assert loud.loudness_lufs is not None
    assert loud.gain_db == pytest.approx(-13.0 - loud.loudness_lufs + song.mix.common_gain_db, abs=1e-3)

    done = farm("verify", out)
    assert done.returncode == 0, done.stdout


def whole_file(midi: Path, rate_hz: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return what FluidSynth makes of a MIDI file when it plays all of it: mono float32."""
    studio = Studio(default_soundfont())
    try:
        studio.play(midi.read_bytes())  # loads the soundfont
        tape = Tape(1)
        studio.engine.render_song(midi.read_bytes(), tape, rate_hz=rate_hz, channels=1)
    finally:
        studio.engine.close()
    return tape.audio[:, 0]


def test_an_unknown_preset_names_the_nearest(source: Path, tmp_path: Path) -> None:
    done = farm("run", source, "--out", tmp_path / "out", "--preset", "babyslak")
    assert done.returncode == 2
    assert done.stderr == "farm: there is no preset `babyslak`. Did you mean `babyslakh`?\n"
    assert not (tmp_path / "out").exists()
