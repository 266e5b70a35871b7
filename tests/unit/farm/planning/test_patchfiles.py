"""Patch files: found by name or path, read into the map that names them, and wrong ones refused by file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from farm.planning.instruments import build_map, check_map, load_map
from farm.planning.patchfiles import FOLDER, load_patch, patch_names
from farm.planning.plans import build_plan, load_plan
from schemas.errors import PlanError
from schemas.instruments import InstrumentMap, PatchChoice
from schemas.patch import FaustSettings, PluginSettings
from schemas.plan import DatasetPlan

LV2 = "settings: {plugin: 'http://example.org/synth', format: lv2}\n"
SYNTH = "name: my-synth\nengine: dawdreamer\nlicence: GPL-3.0-only\nkey_range: [30, 90]\noctave_offset: -1\n" + LV2
SAW = "name: my-saw\nengine: faust\nsettings: {source: saw.dsp}\n"
MAP = "name: mine\ngroups:\n  - name: All\n    programs: [0, 1]\n    patches:\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def first(made: InstrumentMap) -> PatchChoice:
    return made.groups[0].patches[0]


def test_a_map_holds_the_contents_of_the_patch_files_that_it_names(tmp_path: Path) -> None:
    write(tmp_path / "maps" / "patches" / "saw.yaml", SAW)
    made = load_map(str(write(tmp_path / "maps" / "map.yaml", MAP + "      - {name: A, patch: patches/saw.yaml}\n")))
    file = first(made).file
    assert file is not None
    assert (file.name, file.settings) == ("my-saw", FaustSettings(source="saw.dsp"))
    assert file.folder == str(tmp_path / "maps" / "patches"), "where its source lies"
    assert list(made.patch_files) == ["my-saw"]


def test_what_a_choice_leaves_out_its_patch_file_says_and_what_it_gives_wins(tmp_path: Path) -> None:
    write(tmp_path / "synth.yaml", SYNTH)
    text = MAP + "      - {name: A, patch: synth.yaml}\n"
    choice = first(load_map(str(write(tmp_path / "a.yaml", text))))
    assert (choice.key_range, choice.octave_offset, choice.licence) == ((30, 90), -1, "GPL-3.0-only")
    assert choice.fits([30, 90])
    assert not choice.fits([29])
    own = text.replace("synth.yaml}", "synth.yaml, octave_offset: 0, key_range: [40, 50], licence: X}")
    choice = first(load_map(str(write(tmp_path / "b.yaml", own))))
    assert (choice.key_range, choice.octave_offset, choice.licence) == ((40, 50), 0, "X")


def test_a_licence_that_the_patch_file_does_not_know_is_left_to_the_plug_in(tmp_path: Path) -> None:
    write(tmp_path / "saw.yaml", SAW)
    assert (
        first(load_map(str(write(tmp_path / "a.yaml", MAP + "      - {name: A, patch: saw.yaml}\n")))).licence is None
    )


def test_a_patch_may_be_written_out_in_a_map_and_a_map_in_a_plan(tmp_path: Path) -> None:
    patch = {
        "name": "here",
        "engine": "dawdreamer",
        "settings": {"plugin": "a/b.so", "format": "vst2", "preset": "p.fxp"},
    }
    groups = [{"name": "All", "programs": [0], "patches": [{"name": "A", "patch": patch}]}]
    plan = build_plan({"source": "x", "instruments": {"map": {"name": "m", "groups": groups}}}, folder=tmp_path)
    assert plan.instruments.loaded is not None
    file = first(plan.instruments.loaded).file
    assert file is not None
    assert isinstance(file.settings, PluginSettings)
    assert (file.settings.plugin, file.settings.preset) == (str(tmp_path / "a/b.so"), str(tmp_path / "p.fxp"))
    again = DatasetPlan.model_validate_json(plan.model_dump_json())
    assert again == plan, "and the ledger reads it as it was written"


def test_the_hash_of_a_plan_does_not_know_where_its_patch_files_lie(tmp_path: Path) -> None:
    def hashed(folder: str, text: str, patch: str = "{name: A, patch: p.yaml}") -> str:
        home = tmp_path / folder
        write(home / "p.yaml", text)
        write(home / "map.yaml", MAP + f"      - {patch}\n")
        return load_plan(write(home / "plan.yaml", "source: midi\ninstruments: {map: map.yaml}\n")).plan_hash

    vst = "name: v\nengine: dawdreamer\nsettings: {plugin: ./v.so, format: vst2, preset: v.fxp}\n"
    assert hashed("a", vst) == hashed("b", vst)
    assert hashed("a", vst) != hashed("c", vst.replace("v.fxp", "w.fxp"))
    assert hashed("a", SAW) == hashed("b", SAW)
    assert hashed("a", SAW) != hashed("c", SAW.replace("saw.dsp}", "saw.dsp, tail_s: 2}"))
    assert hashed("a", SAW) != hashed("c", SAW, "{name: A}")


def test_maps_without_patch_files_keep_the_hash_that_they_had_before_there_were_any() -> None:
    patches = [{"name": "A", "soundfont": "fonts/a.sf2"}, {"name": "B", "octave_offset": -1}]
    values = {"name": "mine", "groups": [{"name": "All", "programs": [0, 1], "patches": patches}]}
    plan = build_plan({"source": "x", "instruments": {"map": values}})
    assert plan.plan_hash == "d6199f5314c5aee9df0ab9f02d508c016d637b1d4ce94ad1aec7868ebc9e4bf6"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SYNTH + "kind: x\n", r"`kind`: unknown key"),
        (SYNTH.replace("format: lv2", "format: lv3"), r"`settings.format`: Input should be 'lv2', 'vst2'"),
        (
            SYNTH.replace("format: lv2", "format: lv2, source: a.dsp"),
            r"`settings.source`: unknown key\. A patch file has",
        ),
        (SAW.replace("source: saw.dsp", "source: saw.dsp, voice: 3"), r"unknown key\. Did you mean `voices`\?"),
        (SAW.replace("saw.dsp", "../saw.dsp"), r"`settings.source`: String should match"),
        (SAW.replace("my-saw", "My Saw"), r"`name`: String should match"),
        (SAW.replace("faust", "fluidsynth"), r"`engine`: Input should be 'dawdreamer' or 'faust'"),
        (SYNTH.replace("[30, 90]", "[90, 30]"), r"`key_range`: the lowest key must not be above the highest"),
        ("name: x\n", r"`engine`: Field required \(and 1 more\)"),
        ("[]", r"holds no keys"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "bad.yaml", text)
    with pytest.raises(PlanError, match=message) as caught:
        load_patch("bad.yaml", tmp_path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_mistake_in_a_map_names_the_patch_too_and_a_check_of_the_map_finds_it(tmp_path: Path) -> None:
    write(tmp_path / "saw.yaml", SAW)
    path = write(
        tmp_path / "map.yaml", MAP + "      - {name: A, patch: saw.yaml}\n      - {name: B, patch: gone.yaml}\n"
    )
    with pytest.raises(PlanError, match=r"map.yaml: the patch B: cannot read the patch file .*gone.yaml"):
        load_map(str(path))
    assert ["gone.yaml" in error for error in check_map(path).errors] == [True]
    written = write(
        tmp_path / "b.yaml", MAP + "      - {name: A, patch: {name: x, engine: faust, settings: {sauce: 1}}}\n"
    )
    assert ["`groups.0.patches.0.patch`" in error for error in check_map(written).errors] == [True]


def test_two_patch_files_of_one_name_that_are_not_the_same_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", SAW)
    write(tmp_path / "b.yaml", SAW.replace("saw.dsp", "other.dsp"))
    text = MAP + "      - {name: A, patch: a.yaml}\n      - {name: B, patch: %s.yaml, weight: 2}\n"
    assert len(load_map(str(write(tmp_path / "same.yaml", text % "a"))).patch_files) == 1
    with pytest.raises(PlanError, match="two different patch files are called `my-saw`"):
        load_map(str(write(tmp_path / "other.yaml", text % "b")))


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "faust" / "my-saw.yaml", SAW)
    monkeypatch.setattr("farm.planning.patchfiles.FOLDER", tmp_path)
    assert load_patch("my-saw").folder is None, "of the farm's own the source is found wherever it is installed"
    with pytest.raises(PlanError) as caught:
        load_patch("my-saww")
    assert "Did you mean `my-saw`?" in caught.value.hint
    with pytest.raises(PlanError) as caught:
        load_patch("qqqq")
    assert "The farm's own are my-saw." in caught.value.hint


def test_a_choice_is_a_patch_file_or_a_preset_and_never_both() -> None:
    values: dict[str, Any] = {"name": "A", "patch": "x", "program": 3}
    with pytest.raises(PlanError, match="leave out one or the other"):
        build_map({"name": "m", "groups": [{"name": "G", "programs": [0], "patches": [values]}]}, where="here")


def test_a_map_that_was_not_read_as_maps_are_is_no_base_for_a_draw() -> None:
    with pytest.raises(PlanError, match="the patch file x was never read"):
        _ = PatchChoice(name="A", patch="x").file


# ---------------------------------------------------------------- the farm's own patch files


@pytest.mark.parametrize("name", patch_names())
def test_the_farms_own_patch_files_are_named_after_their_files_and_say_what_a_person_needs(name: str) -> None:
    file = load_patch(name)
    assert file.name == name
    assert file.description
    assert file.known_licence
    assert file.programs
    if isinstance(file.settings, FaustSettings):
        assert (FOLDER / "faust" / file.settings.source).is_file()
