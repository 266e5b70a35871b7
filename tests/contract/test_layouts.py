"""What every layout owes, run over all of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from schemas.annotation import SongAnnotation
from schemas.dataset import ANNOTATION
from schemas.errors import PlanError
from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_song, song_midi
from workers.publishing.layouts import LAYOUTS, layout_named
from workers.publishing.layouts.base import Layout, TrackContents
from workers.publishing.layouts.slakh import slakh_metadata

#: Every key of Slakh2100's metadata.yaml.
SLAKH_KEYS = {
    "UUID", "lmd_midi_dir", "midi_dir", "audio_dir", "normalized", "normalization_factor", "target_peak",
    "overall_gain", "stems",
}  # fmt: skip
SLAKH_STEM_KEYS = {
    "inst_class", "is_drum", "midi_program_name", "program_num", "plugin_name", "plugin_preset_name", "midi_saved",
    "audio_rendered", "integrated_loudness",
}  # fmt: skip


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> TrackContents:
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, channels=1, jams=True)})
    return make_song(tmp_path_factory.mktemp("song"), song_midi(), plan=plan)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
class TestLayout:
    @pytest.fixture
    def layout(self, name: str) -> Layout:
        return layout_named(name)

    def test_its_sign_of_completeness_comes_last(self, layout: Layout, contents: TrackContents) -> None:
        assert list(layout.documents(contents))[-1] == layout.paths.sign

    def test_the_same_song_gives_the_same_bytes(self, layout: Layout, contents: TrackContents, tmp_path: Path) -> None:
        again = make_song(tmp_path, song_midi(), plan=contents.plan)
        assert layout.documents(again) == layout.documents(contents)

    def test_every_path_is_relative_and_stays_in_the_folder(self, layout: Layout, contents: TrackContents) -> None:
        paths = [*layout.documents(contents), layout.paths.mix_audio("flac"), layout.paths.stem_audio("S00", "flac")]
        for path in map(PurePosixPath, paths):
            assert not path.is_absolute()
            assert ".." not in path.parts

    def test_no_two_files_share_a_path(self, layout: Layout, contents: TrackContents) -> None:
        audio = [file.path for file in contents.mix.files]
        assert not set(audio) & set(layout.documents(contents))

    def test_the_annotation_is_there_and_names_files_that_are(self, layout: Layout, contents: TrackContents) -> None:
        documents = layout.documents(contents)
        song = SongAnnotation.model_validate_json(documents[ANNOTATION])
        assert song == contents.annotation
        audio = {file.path for file in contents.mix.files}
        for stem in song.stems:
            assert stem.audio in audio
            assert stem.midi in documents
        assert song.mix.audio in audio

    def test_midi_files_are_those_that_were_rendered(self, layout: Layout, contents: TrackContents) -> None:
        documents = layout.documents(contents)
        assert documents[layout.paths.source_midi] == contents.source_midi
        for stem, data in contents.stem_midi.items():
            assert documents[layout.paths.stem_midi(stem)] == data

    def test_nothing_tells_of_time_host_or_place(self, layout: Layout, contents: TrackContents, tmp_path: Path) -> None:
        for data in layout.documents(contents).values():
            text = data.decode("latin-1")
            assert str(tmp_path.parent) not in text
            assert not re.search(r"20\d\d-\d\d-\d\d", text)

    def test_a_jams_file_is_there_where_the_plan_wants_it(self, layout: Layout, contents: TrackContents) -> None:
        assert json.loads(layout.documents(contents)[layout.paths.jams])["file_metadata"]["title"] == "Track00001"


def test_an_unknown_layout_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PlanError, match="Choose one of musicgen, slakh"):
        layout_named("none")


class TestSlakh:
    @pytest.fixture
    def metadata(self, contents: TrackContents) -> Any:
        return yaml.safe_load(layout_named("slakh").documents(contents)["metadata.yaml"])

    def test_every_key_of_slakh_is_there(self, metadata: Any) -> None:
        assert metadata.keys() >= SLAKH_KEYS
        for stem in metadata["stems"].values():
            assert stem.keys() == SLAKH_STEM_KEYS

    def test_a_stem_without_a_patch_says_so_as_in_slakh(self, contents: TrackContents) -> None:
        first, *rest = contents.annotation.stems
        song = contents.annotation.model_copy(update={"stems": [first.model_copy(update={"patch": ""}), *rest]})
        stems = slakh_metadata(replace(contents, annotation=song))["stems"]
        assert stems[first.name]["plugin_name"] == "None"
        assert {stems[stem.name]["plugin_name"] for stem in rest} == {stem.patch for stem in rest}

    def test_the_values_are_true(self, metadata: Any, contents: TrackContents) -> None:
        assert metadata["UUID"] == "some_song"
        assert metadata["lmd_midi_dir"] == "A/some_song.mid"
        assert (metadata["midi_dir"], metadata["audio_dir"]) == ("MIDI", "stems")
        assert (metadata["normalized"], metadata["normalization_factor"], metadata["target_peak"]) == (
            True,
            -13.0,
            -1.0,
        )
        assert metadata["overall_gain"] == pytest.approx(10 ** (contents.mix.common_gain_db / 20))
        loudness = {stem.name: stem.loudness_lufs for stem in contents.mix.stems}
        for name, stem in metadata["stems"].items():
            assert (stem["midi_saved"], stem["audio_rendered"]) == (True, True)
            assert stem["integrated_loudness"] == loudness[name]

    def test_drums_are_program_128(self, metadata: Any) -> None:
        drums = metadata["stems"]["S03"]
        assert (drums["program_num"], drums["inst_class"], drums["midi_program_name"]) == (128, "Drums", "Drums")

    def test_only_the_last_six_parts_of_a_long_path_are_kept(self, contents: TrackContents) -> None:
        song = contents.song.model_copy(update={"source": "x/lmd_matched/A/B/C/TRABC/0a1b.mid"})
        moved = TrackContents(**{**vars(contents), "song": song})
        metadata = yaml.safe_load(layout_named("slakh").documents(moved)["metadata.yaml"])
        assert metadata["lmd_midi_dir"] == "lmd_matched/A/B/C/TRABC/0a1b.mid"
        assert metadata["UUID"] == "0a1b"

    def test_own_facts_stand_beside_and_not_among_the_stems(self, metadata: Any, contents: TrackContents) -> None:
        assert metadata["stemfarm"]["provenance"]["song_sha256"] == contents.song.song_hash
        assert set(metadata["stems"]) == set(contents.stem_midi)
