from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from schemas.dataset import StemRecord
from schemas.errors import DiskFullError, FarmError, StoreError
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.stems import Audio, stem_inputs, write_stem
from workers.audio.files import read_audio, read_info
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import StemReader
from workers.mixing.mix import mix_song
from workers.mixing.stems import StemInput

RATE_HZ = 44100


def _tone(seconds: float, *, hz: float = 440.0, level: float = 0.1, at_s: float = 0.0, channels: int = 2) -> Audio:
    start, frames = round(at_s * RATE_HZ), round(seconds * RATE_HZ)
    audio = np.zeros((start + frames, channels), dtype=np.float32)
    audio[start:] = (level * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(frames)))[:, None]
    return audio


def test_files_lie_where_the_layout_wants_them_and_are_listed_with_their_hashes(tmp_path: Path) -> None:
    stems = stem_inputs(tmp_path, {"S00": _tone(1.0), "S01": _tone(1.0, hz=550)})
    out = tmp_path / "out"
    out.mkdir()
    result = mix_song(stems, MixPlan(), OutputPlan(), out)
    assert [file.path for file in result.files] == ["stems/S00.flac", "stems/S01.flac", "mix.flac"]
    assert sorted(path.name for path in out.rglob("*.*")) == ["S00.flac", "S01.flac", "mix.flac"]
    for file in result.files:
        data = (out / file.path).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_every_file_is_as_long_as_the_longest_stem(tmp_path: Path) -> None:
    stems = stem_inputs(tmp_path, {"S00": _tone(0.5), "S01": _tone(1.3), "S02": _tone(0.0)})
    result = mix_song(stems, MixPlan(), OutputPlan(), tmp_path)
    assert result.frames == round(1.3 * RATE_HZ)
    assert {read_info(tmp_path / file.path).frames for file in result.files} == {result.frames}
    padding = read_audio(tmp_path / "stems/S00.flac")[round(0.5 * RATE_HZ) :]
    assert not padding.any()


def test_a_song_can_be_asked_to_be_longer_than_its_stems(tmp_path: Path) -> None:
    stems = stem_inputs(tmp_path, {"S00": _tone(0.5)})
    result = mix_song(stems, MixPlan(), OutputPlan(), tmp_path, min_duration_s=2.0)
    assert 2 * RATE_HZ <= result.frames < 2 * RATE_HZ + 64
    assert result.frames % 64 == 0
    assert read_info(tmp_path / "mix.flac").frames == result.frames


def test_a_silent_stem_is_named_gets_no_match_and_is_published(tmp_path: Path) -> None:
    stems = stem_inputs(tmp_path, {"S00": _tone(2.0, level=0.5), "S01": np.zeros((9000, 2), dtype=np.float32)})
    result = mix_song(stems, MixPlan(stem_lufs=0.0), OutputPlan(), tmp_path)
    loud, silent = result.stems
    assert (silent.silent, silent.loudness_lufs, silent.published_loudness_lufs, silent.peak_dbfs) == (
        True,
        None,
        None,
        None,
    )
    assert silent.gain_db == result.common_gain_db < 0.0
    assert not loud.silent
    assert not read_audio(tmp_path / "stems/S01.flac").any()


def test_a_song_of_silence_alone_is_still_published(tmp_path: Path) -> None:
    result = mix_song(
        stem_inputs(tmp_path, {"S00": np.zeros((9000, 2), dtype=np.float32)}), MixPlan(), OutputPlan(), tmp_path
    )
    assert (result.peak_dbfs, result.true_peak_dbtp, result.loudness_lufs) == (None, None, None)
    assert result.common_gain_db == 0.0


def test_a_stem_of_another_form_than_the_plan_is_refused(tmp_path: Path) -> None:
    stems = stem_inputs(tmp_path, {"S00": _tone(0.2, channels=1)})
    with pytest.raises(StoreError, match="S00 has 44100 Hz and 1 channels, and the plan wants 44100 Hz and 2"):
        mix_song(stems, MixPlan(), OutputPlan(), tmp_path)


def test_a_stem_that_was_measured_otherwise_is_refused(tmp_path: Path) -> None:
    audio = _tone(0.2)
    write_stem(tmp_path / "a", audio)
    other = StemInput("S00", StemReader(tmp_path / "a"), write_stem(tmp_path / "b", audio[:-64]))
    with pytest.raises(StoreError, match="8820 frames, and 8756 were measured"):
        mix_song([other], MixPlan(), OutputPlan(), tmp_path)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    audio = _tone(0.2)
    audio[5, 1] = np.nan
    measured = write_stem(tmp_path / "a", audio)
    with pytest.raises(StoreError, match="1 samples that are NaN or infinite"):
        mix_song([StemInput("S00", StemReader(tmp_path / "a"), measured)], MixPlan(), OutputPlan(), tmp_path)


def test_a_song_without_stems_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="without stems"):
        mix_song([], MixPlan(), OutputPlan(), tmp_path)


def test_a_full_disk_leaves_none_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal((RATE_HZ * 3, 2))).astype(np.float32)
    stems = stem_inputs(tmp_path, {"S00": noise, "S01": noise})
    out = tmp_path / "out"
    (out / "stems").mkdir(parents=True)
    (out / "stems" / "S01.flac").symlink_to(full)
    with pytest.raises(DiskFullError):
        mix_song(stems, MixPlan(), OutputPlan(), out)
    assert [path for path in out.rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize("output", [OutputPlan(), OutputPlan(format="wav", bits=32)])
def test_any_number_of_threads_writes_the_same_bytes(tmp_path: Path, output: OutputPlan) -> None:
    rng = np.random.default_rng(0)
    audio = {f"S{number:02d}": _tone(1.5 + number, hz=200.0 + 90 * number, at_s=number / 3) for number in range(5)}
    audio["S05"] = rng.normal(0.0, 0.05, (200_000, 2)).astype(np.float32)
    stems = stem_inputs(tmp_path, audio)
    results = []
    for threads in (1, 2, 5):
        out = tmp_path / str(threads)
        out.mkdir()
        results.append(mix_song(stems, MixPlan(), output, out, threads=threads))
    assert results[0] == results[1] == results[2]
    for record in results[0].files:
        assert len({(tmp_path / str(threads) / record.path).read_bytes() for threads in (1, 2, 5)}) == 1


def _metered_lufs(folder: Path, record: StemRecord) -> float | None:
    assert record.audio is not None
    meter = LoudnessMeter(RATE_HZ, 2)
    meter.write(read_audio(folder / record.audio).astype(np.float32) / np.float32(2**23))
    return meter.integrated()


def test_the_published_loudness_is_what_a_meter_reads_of_the_published_file(tmp_path: Path) -> None:
    """A sound that fades away: the louder it is played, the more of its blocks are above the gate at -70 LUFS."""
    fading = _tone(6.0, level=0.02) * np.float32(10.0) ** (-np.linspace(0, 4, 6 * 44100, dtype=np.float32))[:, None]
    stems = stem_inputs(tmp_path, {"S00": fading, "S01": _tone(6.0, level=0.3)})
    result = mix_song(stems, MixPlan(), OutputPlan(), tmp_path)
    for record in result.stems:
        assert record.published_loudness_lufs == pytest.approx(_metered_lufs(tmp_path, record), abs=0.001)
    faded = result.stems[0]
    assert faded.loudness_lufs is not None
    assert faded.published_loudness_lufs is not None
    assert abs(faded.loudness_lufs + faded.gain_db - faded.published_loudness_lufs) > 0.1, "the gate matters here"


def test_silence_behind_a_stem_counts_for_its_loudness_as_in_the_published_file(tmp_path: Path) -> None:
    stems = stem_inputs(tmp_path, {"S00": _tone(0.7), "S01": _tone(3.33)})
    result = mix_song(stems, MixPlan(), OutputPlan(), tmp_path)
    for record in result.stems:
        assert record.published_loudness_lufs == pytest.approx(_metered_lufs(tmp_path, record), abs=0.001)
