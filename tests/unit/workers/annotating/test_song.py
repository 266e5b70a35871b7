from __future__ import annotations

from pathlib import Path

import pytest

from schemas.annotation import SongAnnotation
from schemas.dataset import MixResult
from schemas.errors import AnnotationError
from schemas.song import SplitResult
from schemas.states import FailureReason, VerdictStatus
from tests.support.datasets import FACTS, PLAN, make_song, rendered, song_midi, song_spec, synthesise
from tests.support.stems import write_stem
from workers.annotating.song import RenderedStem, annotate_song
from workers.midi.split import split_song
from workers.publishing.layouts.base import TrackContents


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> TrackContents:
    return make_song(tmp_path_factory.mktemp("song"), song_midi())


@pytest.fixture(scope="module")
def stems(tmp_path_factory: pytest.TempPathFactory) -> list[RenderedStem]:
    folder = tmp_path_factory.mktemp("stems")
    split, midis = split_song(song_midi())
    return [
        rendered(part, midis[part.name], write_stem(folder / part.name, synthesise(midis[part.name], part), 16000))
        for part in split.parts
    ]


def _annotate(stems: list[RenderedStem], mix: MixResult, *, split: SplitResult | None = None) -> SongAnnotation:
    data = song_midi()
    split = split or split_song(data)[0]
    song = song_spec(data, split)
    return annotate_song(song, split, stems, mix=mix, plan=PLAN, facts=FACTS, source_midi=data)


def test_every_stage_is_quoted_faithfully(contents: TrackContents) -> None:
    song, mix = contents.annotation, contents.mix
    assert (song.track, song.frames, song.rate_hz, song.channels) == ("Track00001", mix.frames, 16000, 1)
    assert song.duration_s == mix.frames / 16000
    assert song.mix.audio == "mix.flac"
    assert (song.mix.peak_dbfs, song.mix.loudness_lufs) == (mix.peak_dbfs, mix.loudness_lufs)
    for stem, record in zip(song.stems, mix.stems, strict=True):
        assert (stem.name, stem.audio, stem.gain_db) == (record.name, record.audio, record.gain_db)
        assert (stem.loudness_lufs, stem.peak_dbfs) == (record.loudness_lufs, record.peak_dbfs)
    assert song.provenance.seed == 7
    assert song.provenance.soundfont_sha256 == "f" * 64


def test_stems_have_their_program_class_patch_and_names(contents: TrackContents) -> None:
    lead, bass, chords, drums = contents.annotation.stems
    assert (lead.inst_class, lead.program, lead.program_name, lead.track_name) == ("Pipe", 73, "Flute", "Lead")
    assert (bass.inst_class, bass.midi) == ("Bass", "MIDI/S01.mid")
    assert (chords.patch, chords.preset) == ("Test:000:019", "Preset 19")
    assert (drums.is_drum, drums.inst_class, drums.program, drums.bank) == (True, "Drums", 0, 128)


def test_active_regions_lie_inside_the_audio(contents: TrackContents) -> None:
    for stem in contents.annotation.stems:
        assert stem.active_regions
        assert all(0.0 <= start < end <= contents.annotation.duration_s for start, end in stem.active_regions)


def test_the_annotation_survives_json_unchanged(contents: TrackContents) -> None:
    text = contents.annotation.model_dump_json()
    assert SongAnnotation.model_validate_json(text) == contents.annotation


def test_warnings_of_the_split_and_findings_of_the_verdict_travel_along(
    contents: TrackContents, stems: list[RenderedStem]
) -> None:
    verdict = stems[0].result.verdict.model_copy(  # type: ignore[union-attr]
        update={"status": VerdictStatus.WARN, "findings": [FailureReason.SILENT_NOTES]}
    )
    warned = RenderedStem(
        stems[0].part,
        stems[0].midi,
        stems[0].patch,
        stems[0].result.model_copy(update={"verdict": verdict}),  # type: ignore[union-attr]
    )
    split = split_song(song_midi())[0].model_copy(update={"warnings": {"hanging_notes": 2}})
    song = _annotate([warned, *stems[1:]], contents.mix, split=split)
    assert song.stems[0].findings == ["silent_notes"]
    assert song.warnings == {"hanging_notes": 2}


def test_the_preset_that_really_sounded_is_named(contents: TrackContents, stems: list[RenderedStem]) -> None:
    result = stems[0].result
    assert result is not None
    report = result.engine.model_copy(update={"preset_program": 0, "preset_name": "Grand Piano"})
    other = RenderedStem(stems[0].part, stems[0].midi, stems[0].patch, result.model_copy(update={"engine": report}))
    assert _annotate([other, *stems[1:]], contents.mix).stems[0].preset == "Grand Piano"


def test_a_dropped_stem_keeps_its_labels_and_has_no_audio(contents: TrackContents, stems: list[RenderedStem]) -> None:
    dropped = RenderedStem(stems[1].part, stems[1].midi, stems[1].patch, None)
    records = [record for record in contents.mix.stems if record.name != "S01"]
    mix = contents.mix.model_copy(update={"stems": records})
    stem = _annotate([stems[0], dropped, *stems[2:]], mix).stems[1]
    assert (stem.audio, stem.silent, stem.findings, stem.active_regions) == (None, True, ["dropped"], [])
    assert len(stem.notes.pitch) == stems[1].part.notes
    assert not any(stem.notes.sounding)


def test_stems_and_mix_must_be_of_the_same_parts(contents: TrackContents, stems: list[RenderedStem]) -> None:
    with pytest.raises(AnnotationError, match="stems came for"):
        _annotate(stems[:-1], contents.mix)
    mix = contents.mix.model_copy(update={"stems": contents.mix.stems[:-1]})
    with pytest.raises(AnnotationError, match="were mixed"):
        _annotate(stems, mix)


def test_a_stem_with_other_notes_than_its_part_is_an_error(contents: TrackContents, stems: list[RenderedStem]) -> None:
    wrong = RenderedStem(stems[0].part, stems[1].midi, stems[0].patch, stems[0].result)
    with pytest.raises(AnnotationError, match="S00 has 7 notes, and its MIDI file 6"):
        _annotate([wrong, *stems[1:]], contents.mix)


def test_the_same_inputs_give_the_same_annotation(contents: TrackContents, tmp_path: Path) -> None:
    assert make_song(tmp_path, song_midi()).annotation == contents.annotation
