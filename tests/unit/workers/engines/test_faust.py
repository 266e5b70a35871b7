"""Faust sources: finding them by their content, and refusing what is no instrument."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from schemas.errors import AssetError, EngineError
from schemas.patch import AssetRef, FaustSettings, FluidSettings, Patch
from tests.support.faust import FOLDER, perform_all, refusal
from workers.engines.faust import describe_source, faust_settings, find_source, left_to_the_farm, locate_source

VOICE = """
freq = hslider("freq", 440, 8, 20000, 0.001);
gain = hslider("gain", 0.8, 0, 1, 0.001);
gate = button("gate");
bright = hslider("bright", 0.5, 0, 1, 0.01);
process = os.osc(freq) * gain * gate * bright;
"""
ABSENT = AssetRef(name="gone", sha256="0" * 64, size_bytes=1, path="gone.dsp")


def test_a_source_is_described_by_its_content_and_its_own_licence(tmp_path: Path) -> None:
    path = tmp_path / "own.dsp"
    path.write_text('declare license "CC0-1.0";\nprocess = 0;\n')
    found = describe_source(path)
    assert (found.name, found.licence) == ("own", "CC0-1.0")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert describe_source(path, "MIT").licence == "MIT"


def test_a_source_of_the_farm_is_found_by_name_and_another_beside_its_patch_file(tmp_path: Path) -> None:
    assert find_source("organ.dsp") == FOLDER / "organ.dsp"
    (tmp_path / "own.dsp").write_text("process = 0;")
    assert find_source("own.dsp", str(tmp_path)) == (tmp_path / "own.dsp").resolve()
    with pytest.raises(AssetError, match="no Faust source own"):
        find_source("own.dsp")


def test_a_source_is_located_by_its_hash_wherever_it_lies() -> None:
    asset = describe_source(FOLDER / "organ.dsp").model_copy(update={"path": "elsewhere/organ.dsp"})
    assert locate_source(asset, "organ.dsp") == (FOLDER / "organ.dsp").read_bytes()
    with pytest.raises(AssetError, match="no Faust source organ"):
        locate_source(ABSENT, "organ.dsp")


def test_a_source_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot be read"):
        describe_source(tmp_path / "absent.dsp")


def test_a_patch_of_another_engine_is_refused() -> None:
    patch = Patch(engine="fluidsynth", engine_version="2", asset=ABSENT, settings=FluidSettings())
    with pytest.raises(EngineError, match="no instrument in Faust"):
        faust_settings(patch)


def test_faust_plays_bends_and_modulation_and_the_farm_the_rest() -> None:
    assert left_to_the_farm(FaustSettings(source="own.dsp")).plays == ("bend", "modulation")
    assert left_to_the_farm(FaustSettings(source="own.dsp", plays=("volume",))).plays == ()


def test_the_instrument_of_the_guide_is_one(tmp_path: Path) -> None:
    page = (FOLDER.parents[2] / "docs" / "how-to" / "write-an-instrument-in-faust.md").read_text("utf-8")
    source = page.split("```faust\n")[1].split("```")[0]
    [[take]] = perform_all([refusal(source, plays=["bend"], parameters={"bright": 0.7})], tmp_path)
    assert take.report.preset_name == ""


def test_what_is_no_instrument_is_refused_with_its_reason(tmp_path: Path) -> None:
    asked = {
        "": refusal(VOICE, plays=[]),
        "does not compile": refusal("process = nothing;", plays=[]),
        "no parameter freq or key or note": refusal('process = button("gate") <: _, _;', plays=[]),
        "it needs no input, and one or two outputs": refusal("process = _;", plays=[]),
        "no parameter brigth | Did you mean bright?": refusal(VOICE, plays=[], parameters={"brigth": 1}),
        "no parameter freq | It has bright": refusal(VOICE, plays=[], parameters={"freq": 100}),
        "its patch file says that it plays bends": refusal(VOICE, plays=["bend"]),
    }  # fmt: skip
    answers = perform_all(list(asked.values()), tmp_path)
    for why, [take] in zip(asked, answers, strict=True):
        assert why in take.report.preset_name
        assert take.report.preset_name.startswith("missing_asset: own ") is bool(why)
