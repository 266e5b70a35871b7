"""Libraries of recordings in plans, and the patches that play them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from farm.ledger.drawn import PlayedStem
from farm.planning.draw import draw_stems, redraw_stems
from farm.planning.licences import check_named
from farm.planning.plans import build_plan, load_plan
from farm.planning.samples import load_library
from schemas.errors import LedgerError, LicenceError, PlanError
from schemas.patch import AssetRef, EngineFacts, SampleSettings
from schemas.plan import DatasetPlan
from schemas.samples import SampleCue, SampleLibrary
from schemas.song import Part, SplitResult
from schemas.states import FailureReason
from tests.support.samples import band

FACTS = EngineFacts(
    engine="fluidsynth", version="2.5.7", library="lib", sampler="1 (test)",
    soundfont=AssetRef(name="font", sha256="0" * 64, size_bytes=1, path="font.sf2"),
)  # fmt: skip


def saved(folder: Path) -> Path:
    library = band(folder / "loops").model_copy(update={"folder": "loops"})
    (folder / "loops.json").write_text(library.model_dump_json())
    return folder / "loops.json"


def values(library: Any, **layer: Any) -> dict[str, Any]:
    return {"compose": {"samples": {"library": library, "layers": {"beat": layer}}}}


def split(plan: DatasetPlan, category: str = "beat") -> SplitResult:
    assert plan.compose is not None
    library = plan.compose.sample_library
    assert library is not None
    sample = next(item for item in library.samples if item.category == category)
    parts = [
        Part(
            name=name, track=number, track_name=track, channel=9, bank=128, program=0, is_drum=True, notes=3, end_s=20.0,
            midi_sha256=f"{number}" * 64, keys="10000000000000000000000000000",
            sample=SampleCue(sha256=sample.sha256, layer="beat", mode="alongside", key=112) if number == 2 else None,
        )
        for number, (name, track) in enumerate((("S00", "beat"), ("S01", "beat sample")), 1)
    ]  # fmt: skip
    return SplitResult(parts=parts, duration_s=20.0, warnings={})


def test_a_library_is_read_from_beside_the_plan_and_written_into_it(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "plan.yaml").write_text(
        "compose:\n  samples:\n    library: loops.json\n    layers: {beat: {mode: instead}, melody: {}}\n"
    )
    plan = load_plan(tmp_path / "plan.yaml")
    assert plan.compose is not None
    assert plan.compose.sample_library is not None
    assert plan.compose.sample_library.folder == str(tmp_path / "loops")
    assert len(plan.compose.sample_library.samples) == 5
    again = DatasetPlan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert again.plan_hash == plan.plan_hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "x", "samples": [{"name": "a"}]}', "samples.0.file"),
        ('{"name": "x", "samples": [], "colour": 1}', "`colour`: unknown key"),
        ("[]", "holds no keys"),
    ],
)
def test_what_is_wrong_with_a_library_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(PlanError, match=message):
        load_library(tmp_path / "bad.json")


def test_a_library_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"cannot read the library of samples .*gone\.json"):
        build_plan(values("gone.json"), folder=tmp_path)
    with pytest.raises(PlanError, match="is a folder, and a library of samples is a file"):
        load_library(tmp_path)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"mode": "under"}, "mode"), ({"at_beat": []}, "at_beat"), ({"max_shift_semitones": 12}, "max_shift_semitones"),
        ({"volume": 1}, "unknown key `compose.samples.layers.beat.volume`"),
    ],
)  # fmt: skip
def test_a_wrong_key_of_a_layer_is_named(tmp_path: Path, layer: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        build_plan(values(str(saved(tmp_path)), **layer))


def test_a_mix_of_the_whole_song_knows_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"compose\.samples has recordings in it"):
        build_plan({**values(str(saved(tmp_path))), "mix": {"made_of": "song"}})


def test_a_licence_that_the_plan_forbids_stops_it(tmp_path: Path) -> None:
    plan = build_plan({**values(str(saved(tmp_path))), "licences": {"deny": ["CC-BY-*"]}})
    with pytest.raises(LicenceError, match="the recording crash"):
        check_named(plan)
    check_named(build_plan({**values(str(saved(tmp_path))), "licences": {"deny": ["GPL-3*"]}}))


def test_a_part_that_is_a_recording_gets_it_whatever_the_map_says(tmp_path: Path) -> None:
    asked = {**values(str(saved(tmp_path))), "instruments": {"map": "gm-strict"}}
    plan = build_plan(asked)
    own, recording = draw_stems(plan, FACTS, split(plan))
    assert (own.job.patch.engine, recording.job.patch.engine) == ("fluidsynth", "sampler")
    patch = recording.job.patch
    assert (patch.asset.name, patch.asset.licence, patch.group) == ("beat", "CC0-1.0", "")
    assert patch.asset.path == str(tmp_path / "loops" / "beat.wav")
    assert isinstance(patch.settings, SampleSettings)
    assert (patch.settings.recording, patch.settings.quarters, patch.settings.base_key) == ("loop", 8.0, 112)
    assert patch.is_drum


def test_a_recording_that_nobody_was_asked_for_is_an_error(tmp_path: Path) -> None:
    plan = build_plan(values(str(saved(tmp_path))))
    with pytest.raises(LedgerError, match="was never probed"):
        draw_stems(plan, FACTS.model_copy(update={"sampler": ""}), split(plan))


def test_there_is_no_other_patch_for_a_recording(tmp_path: Path) -> None:
    asked = {**values(str(saved(tmp_path))), "instruments": {"map": "gm-lax"}, "on_failed_stem": "other_patch"}
    plan = build_plan(asked)
    parts = split(plan)
    played = [
        PlayedStem(stem.part.name, stem.job, FailureReason.ENGINE_FAILED, detail="", rendered=False, replaced=())
        for stem in draw_stems(plan, FACTS, parts)
    ]
    assert redraw_stems(plan, FACTS, parts, "a" * 64, played) == []


def test_engines_and_the_record_tell_of_recordings(tmp_path: Path) -> None:
    assert FACTS.engines == {"fluidsynth": "2.5.7", "sampler": "1 (test)"}
    plan = build_plan(values(str(saved(tmp_path))))
    assert plan.compose is not None
    portable = plan.compose.portable()
    assert portable.samples is not None
    assert isinstance(portable.samples.library, SampleLibrary)
    assert portable.samples.library.folder == "."
