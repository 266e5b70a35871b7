"""What a verification finds in stems that are recordings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.compose import ComposePlan
from schemas.convert import AudioForm
from schemas.dataset import TrackRecord
from schemas.plan import DatasetPlan
from schemas.samples import SampleCue, SampleLayer, SamplePlan, StemSample
from tests.support.samples import band
from workers.annotating.samples import sample_gain_db, sample_label
from workers.verifying.report import Code
from workers.verifying.samples import check_samples, check_struck
from workers.verifying.sound import GRID_FRAMES, FileSound
from workers.verifying.track import TrackCheck

RATE_HZ = 44100
BPM = 126.0


@pytest.fixture
def plan(tmp_path: Path) -> DatasetPlan:
    asked = SamplePlan(library=band(tmp_path), layers={"melody": SampleLayer(gain_db=-6)})
    return DatasetPlan(compose=ComposePlan(samples=asked))


def label(plan: DatasetPlan, **changes: Any) -> StemSample:
    assert plan.compose is not None
    assert plan.compose.sample_library is not None
    sample = next(item for item in plan.compose.sample_library.samples if item.category == "melody")
    cue = SampleCue(sha256=sample.sha256, layer="melody", mode="alongside", key=62, shift=2)
    return sample_label(cue, plan, BPM).model_copy(update=changes)


def track(plan: DatasetPlan) -> TrackCheck:
    record = cast("TrackRecord", SimpleNamespace(folder="Track00001"))
    return TrackCheck(Path("Track00001"), record, plan, cast("AudioForm", None))


def found(plan: DatasetPlan, **stem: Any) -> list[str]:
    """Return the messages about a song of one stem."""
    values = {"name": "S01", "track_name": "melody sample", "licence": "CC0-1.0", "engine": "sampler", **stem}
    song = SimpleNamespace(stems=[SimpleNamespace(**values)], tempo=[SimpleNamespace(bpm=BPM)])
    check = track(plan)
    check_samples(check, cast("SongAnnotation", song))
    assert {finding.code for finding in check.findings} <= {Code.SAMPLE_DIFFERS}
    return [finding.message for finding in check.findings]


def test_a_label_tells_how_a_recording_was_used(plan: DatasetPlan) -> None:
    said = label(plan)
    assert (said.name, said.library, said.licence, said.shift_semitones) == ("melody", "band", "CC0-1.0", 2)
    assert said.stretch == pytest.approx(120.0 / BPM, abs=1e-5)
    assert said.gain_db == -6
    assert sample_gain_db(None, plan) == 0.0


def test_what_is_as_planned_has_no_finding(plan: DatasetPlan) -> None:
    assert found(plan, sample=label(plan)) == []
    assert found(plan, sample=None, engine="fluidsynth") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "has no recording melody"),
        ({"layer": "harmony"}, "no recording go with the layer 'harmony'"),
        ({"licence": "MIT"}, "and the library says"),
        ({"gain_db": 0.0}, "the plan says otherwise"),
        ({"mode": "instead"}, "the plan says otherwise"),
        ({"stretch": 1.0}, "it is said to be stretched by 1"),
    ],
)
def test_what_is_not_as_planned_is_named(plan: DatasetPlan, changes: dict[str, Any], message: str) -> None:
    assert any(message in text for text in found(plan, sample=label(plan, **changes)))


def test_a_recording_without_a_name_is_found(plan: DatasetPlan) -> None:
    assert found(plan, sample=None) == ["S01: a recording played it, and none is named"]


def test_more_stretch_than_the_plan_allows_is_found(plan: DatasetPlan) -> None:
    assert plan.compose is not None
    assert plan.compose.samples is not None
    tight = plan.compose.samples.model_copy(
        update={"layers": {"melody": SampleLayer(gain_db=-6, max_stretch_percent=4)}}
    )
    strict = plan.model_copy(update={"compose": plan.compose.model_copy(update={"samples": tight})})
    assert any("its tempo was changed by 5.0 %" in text for text in found(strict, sample=label(plan)))


def heard(plan: DatasetPlan, spans_s: list[tuple[float, float]]) -> set[Code]:
    """Return the findings about a recording that is struck from 1 to 2 s, of which these spans sound."""
    envelope = np.zeros(4 * RATE_HZ // GRID_FRAMES, np.float32)
    for start_s, end_s in spans_s:
        envelope[int(start_s * RATE_HZ / GRID_FRAMES) : int(end_s * RATE_HZ / GRID_FRAMES)] = 0.5
    notes = SimpleNamespace(onset_s=[1.0, 2.5], offset_s=[2.0, 3.0])
    stem = SimpleNamespace(name="S01", audio="stems/S01.flac", silent=False, notes=notes, effects=[])
    check = track(plan)
    check_struck(check, cast("StemAnnotation", stem), FileSound(2.0**-23, peak=0.5, envelope=envelope), RATE_HZ)
    return {finding.code for finding in check.findings}


def test_sound_must_lie_where_a_recording_is_struck(plan: DatasetPlan) -> None:
    assert heard(plan, [(1.0, 2.0), (2.5, 3.0)]) == set()
    assert heard(plan, [(1.0, 2.1), (2.5, 3.0)]) == {Code.SOUND_WITHOUT_NOTE}
    assert heard(plan, [(1.0, 2.0)]) == {Code.NOTE_WITHOUT_SOUND}
