"""Audio files of any kind are scored by themselves, and one that cannot be read costs no other its score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.convert import ReworkReport, ScoreFilesOrder
from schemas.errors import DatasetError
from workers.audio.files import read_audio
from workers.reworking.recordings import score_file, score_files


def scores(*files: Path) -> ReworkReport:
    return score_files(ScoreFilesOrder(files=[str(file) for file in files], jobs=2), lambda done, files: None)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (4 * 16000, 2))
    soundfile.write(tmp_path / "noise.ogg", samples, 16000)
    return tmp_path / "noise.ogg"


def test_a_mix_scores_high_and_noise_next_to_nothing(pair: Path, noise: Path) -> None:
    mix = pair / "Track00001" / "mix.flac"
    report = scores(mix, noise)
    assert list(report.scores) == [str(mix), str(noise)]
    assert report.scores[str(mix)] > 0.6
    assert report.scores[str(noise)] < 0.1
    assert report.parts[str(mix)].labels is None


def test_the_form_of_the_file_and_its_name_mean_nothing(pair: Path, tmp_path: Path) -> None:
    mix = pair / "Track00001" / "mix.flac"
    soundfile.write(tmp_path / "song.wav", read_audio(mix) * 2.0**-23, 16000, subtype="FLOAT")
    assert score_file(tmp_path / "song.wav") == score_file(mix)


def test_what_cannot_be_read_is_named_and_the_others_are_scored(noise: Path, tmp_path: Path) -> None:
    broken, empty, odd = (tmp_path / name for name in ("broken.wav", "empty.wav", "odd.wav"))
    broken.write_bytes(b"no audio")
    soundfile.write(empty, np.zeros((0, 1)), 16000)
    soundfile.write(odd, np.full((16000, 1), np.nan), 16000, subtype="FLOAT")
    report = scores(broken, noise, empty, odd, tmp_path / "gone.wav")
    assert list(report.scores) == [str(noise)]
    words = {Path(note.track).name: note.message for note in report.failed}
    assert words.keys() == {"broken.wav", "empty.wav", "odd.wav", "gone.wav"}
    assert "Format not recognised" in words["broken.wav"]
    assert "is empty" in words["empty.wav"]
    assert "no numbers" in words["odd.wav"]
    with pytest.raises(DatasetError, match="there is no file"):
        score_file(tmp_path / "gone.wav")
