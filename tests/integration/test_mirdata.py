"""mirdata's own loader for Slakh opens a dataset of the farm as it opens Slakh."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset, read_annotation, read_records

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mirdata.datasets import slakh

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, channels=2)})
    return make_dataset(tmp_path_factory.mktemp("slakh"), tracks=2, plan=plan)


@pytest.fixture(scope="module")
def loader(folder: Path) -> Any:
    """mirdata's dataset object over an index of our tracks, in the form of its index of BabySlakh."""
    index = folder.parent / "index.json"
    index.write_text(json.dumps(_index(folder)))
    dataset = slakh.Dataset(data_home=str(folder), version="baby")
    dataset.index_path = str(index)
    return dataset


def _index(folder: Path) -> dict[str, Any]:
    def entry(track: str, path: str) -> list[str]:
        return [f"{track}/{path}", hashlib.md5((folder / track / path).read_bytes()).hexdigest()]

    tracks: dict[str, Any] = {}
    multitracks: dict[str, Any] = {}
    for record in read_records(folder):
        names = [stem.name for stem in read_annotation(folder, record.track).stems]
        for name in names:
            tracks[f"{record.track}-{name}"] = {
                "audio": entry(record.track, f"stems/{name}.flac"),
                "midi": entry(record.track, f"MIDI/{name}.mid"),
                "metadata": entry(record.track, "metadata.yaml"),
            }
        multitracks[record.track] = {
            "tracks": [f"{record.track}-{name}" for name in names],
            "mix": entry(record.track, "mix.flac"),
            "midi": entry(record.track, "all_src.mid"),
            "metadata": entry(record.track, "metadata.yaml"),
        }
    return {"version": "baby", "tracks": tracks, "multitracks": multitracks}


def test_mirdata_finds_every_file_unchanged(loader: Any) -> None:
    missing, invalid = loader.validate(verbose=False)
    assert not any(missing[kind] for kind in missing)
    assert not any(invalid[kind] for kind in invalid)


def test_songs_have_their_mix_and_facts(loader: Any, folder: Path) -> None:
    songs = loader.load_multitracks()
    assert sorted(songs) == ["Track00001", "Track00002"]
    song, annotation = songs["Track00001"], read_annotation(folder)
    audio, rate_hz = song.audio
    assert (audio.shape, rate_hz) == ((2, annotation.frames), 16000)
    assert (song.uuid, song.normalized) == ("some_song", True)
    assert song.overall_gain == pytest.approx(10 ** (annotation.mix.common_gain_db / 20))
    assert len(song.notes.pitches) == sum(len(stem.notes.pitch) for stem in annotation.stems if not stem.is_drum)


def test_stems_have_their_audio_notes_and_facts(loader: Any, folder: Path) -> None:
    annotation = read_annotation(folder)
    for stem in annotation.stems:
        track = loader.track(f"Track00001-{stem.name}")
        assert track.audio[0].shape == (2, annotation.frames)
        assert (track.instrument, track.is_drum) == (stem.inst_class, stem.is_drum)
        assert (track.plugin_name, track.midi_program_name) == (stem.patch, stem.program_name)
        assert track.integrated_loudness == stem.loudness_lufs
        assert track.mixing_group == {"S01": "bass", "S03": "drums"}.get(stem.name)
        if not stem.is_drum:
            np.testing.assert_allclose(np.sort(track.notes.intervals[:, 0]), stem.notes.onset_s, atol=1e-3)
            assert len(track.notes.pitches) == len(stem.notes.pitch)


def test_the_stems_that_mirdata_loads_sum_to_the_mix_that_it_loads(loader: Any) -> None:
    song = loader.multitrack("Track00002")
    total = song.get_target(song.track_ids, average=False)
    np.testing.assert_allclose(total, song.audio[0], atol=1e-6)


def test_submixes_by_group_can_be_made(loader: Any) -> None:
    submixes, groups = loader.multitrack("Track00001").get_submix_by_group(["bass", "drums", "guitar"])
    assert groups["bass"] == ["Track00001-S01"]
    assert groups["drums"] == ["Track00001-S03"]
    assert submixes["guitar"] is None
