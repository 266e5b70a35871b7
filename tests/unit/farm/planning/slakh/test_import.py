"""A whole Slakh set-up becomes a plan: every key has a fate, contradictions are named, and the plan is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from farm.planning.plans import load_plan
from farm.planning.slakh.config import KEYS
from farm.planning.slakh.report import Fate, ImportReport, NoteKind
from farm.planning.slakh.setup import Options
from farm.planning.slakh.write import import_slakh
from schemas.band import Band
from schemas.errors import AssetError, OutputError, PlanError
from schemas.instruments import InstrumentMap
from schemas.plan import DatasetPlan
from tests.support.slakh import LAX, STRICT, group, write_setup


class Imported:
    """A set-up that was written, imported and read back."""

    def __init__(self, folder: Path, options: Options, **setup: Any) -> None:
        config = write_setup(folder / "slakh", **setup)
        self.out = folder / "plan"
        self.report: ImportReport = import_slakh(config, self.out, options)
        self.plan: DatasetPlan = load_plan(self.out / "plan.yaml")

    @property
    def map(self) -> InstrumentMap:
        assert self.plan.instruments.loaded is not None
        return self.plan.instruments.loaded

    def fate(self, key: str) -> tuple[Fate, str, str]:
        found = next(fate for fate in self.report.keys if fate.key == key)
        return found.fate, found.became, found.why

    def notes(self, kind: NoteKind) -> list[str]:
        return [note.text for note in self.report.notes if note.kind is kind]


Import = Callable[..., Imported]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    def make(options: Options | None = None, **setup: Any) -> Imported:
        return Imported(tmp_path, options or Options(), **setup)

    return make


def test_every_key_has_one_fate_in_the_order_of_the_config(imported: Import) -> None:
    assert [fate.key for fate in imported().report.keys] == list(KEYS)


def test_the_plan_says_what_the_config_says(imported: Import) -> None:
    found = imported(random_seed=9, max_num_files=12, renderman_sr=48000, mix_target_peak=-3.0, separate_drums=True)
    plan = found.plan
    assert (plan.seed, plan.limit, plan.output.rate_hz, plan.mix.ceiling_db) == (9, 12, 48000, -3.0)
    assert (plan.mix.stem_lufs, plan.output.format, plan.output.bits, plan.output.channels) == (-13.0, "wav", 16, 1)
    assert (plan.instruments.separate_drums, plan.rerender_existing, plan.tail_max_s) == (True, False, 5.0)
    assert plan.source == str(found.out.parent / "slakh" / "midi")
    assert plan.filters.min_parts == 2


#: Another value for every key that the plan can hold.
_OTHER: dict[str, Any] = {
    "lmd_base_dir": "elsewhere",
    "instrument_classes_file": "own.json",
    "defs_metadata_file": "strict.json",
    "renderman_sr": 48000,
    "random_seed": 1,
    "max_num_files": 1,
    "separate_drums": True,
    "mix_normalization_factor": -20.0,
    "mix_target_peak": -6.0,
    "render_pgm0_as_piano": False,
    "rerender_existing": True,
    "band_definition_file": None,
    "midi_file_list": "list.txt",
    "output_dir": "other_place",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_changes_what_is_written_or_the_report_says_why_not(tmp_path: Path, key: str) -> None:
    config = write_setup(tmp_path, defs=LAX)
    (tmp_path / "strict.json").write_text(json.dumps(STRICT))
    (tmp_path / "list.txt").write_text("midi/a.mid\n")
    own = {str(n): {"class": "Piano" if n < 30 else "Guitar" if n < 32 else "Bass"} for n in range(128)}
    (tmp_path / "own.json").write_text(json.dumps(own))
    first = import_slakh(config, tmp_path / "first" / "plan", Options())
    write_setup(tmp_path, defs=LAX, **{key: _OTHER.get(key, 30)} if key in _OTHER else {})
    second = import_slakh(config, tmp_path / "second" / "plan", Options())
    fate = next(fate for fate in second.keys if fate.key == key)
    if key in _OTHER:
        assert fate.fate is Fate.MAPPED
        assert (_texts(first), _flag(first)) != (_texts(second), _flag(second))
    elif key == "zero_based_midi":
        assert fate.became == "defs.json counts from 0"
    else:
        assert fate.fate in (Fate.DEAD, Fate.NOT_NEEDED, Fate.NOT_PORTABLE)
        assert fate.why


def _texts(report: ImportReport) -> list[str]:
    return [Path(path).read_text() for path in report.written]


def _flag(report: ImportReport) -> str:
    return report.command.partition(" --out ")[2]


def test_a_dead_key_is_called_dead(imported: Import) -> None:
    fate, became, why = imported().fate("renderman_restart_lim")
    assert (fate, became) == (Fate.DEAD, "")
    assert "every 50 stems" in why


def test_missing_and_unknown_keys_are_in_the_report(imported: Import) -> None:
    found = imported(max_num_files=..., max_num_file=3)
    assert found.fate("max_num_files") == (Fate.MAPPED, "limit: 2100", "missing in the config: Slakh stops there")
    assert found.fate("max_num_file")[0] is Fate.UNKNOWN
    assert "perhaps `max_num_files` is meant" in found.fate("max_num_file")[2]


def test_a_base_that_contradicts_the_definitions_is_corrected_and_said(imported: Import) -> None:
    found = imported(zero_based_midi=True)
    fate, became, why = found.fate("zero_based_midi")
    assert (fate, became) == (Fate.CORRECTED, "defs.json counts from 0")
    assert "gives 11 programs to others, such as 7 Clavinet to Chromatic Percussion" in why
    owner = found.map.group_of(7)
    assert owner is not None
    assert owner.name == "Piano"


def test_each_file_states_its_number_base(imported: Import) -> None:
    found = imported(defs=STRICT, zero_based_midi=True, instrument_classes_file="classes_1.json")
    bases = {Path(file.path).name: file.numbers_from for file in found.report.files if file.numbers_from is not None}
    assert bases == {"defs.json": 1, "classes_1.json": 1}
    assert found.fate("zero_based_midi") == (Fate.MAPPED, "defs.json counts from 1", "as the config says")
    assert found.fate("instrument_classes_file")[0] is Fate.CORRECTED


@pytest.mark.parametrize(("zero_based_midi", "first"), [(True, 1), (False, 0)])
def test_the_config_decides_where_the_definitions_do_not_tell(
    imported: Import, zero_based_midi: bool, first: int
) -> None:
    found = imported(defs={"A": group("Piano", [3, 4], "a.nkm")}, zero_based_midi=zero_based_midi)
    owned = [program for program in range(128) if found.map.group_of(program)]
    assert owned == [3 - first, 4 - first]


def test_double_claims_and_unmapped_programs_are_reported(imported: Import) -> None:
    found = imported(defs=STRICT, zero_based_midi=True)
    (claim,) = found.notes(NoteKind.DOUBLE_CLAIM)
    assert claim == (
        "0 Acoustic Grand Piano is claimed by Acoustic Piano and Electric Piano: Acoustic Piano plays it "
        "(its number counts from 1 as the file does)"
    )
    (note,) = [note for note in found.report.notes if note.kind is NoteKind.UNMAPPED]
    assert list(note.programs) == [*range(38, 70), *range(71, 128)] == found.map.unmapped
    assert "55 in groups without patches" in note.text


def test_programs_without_a_patch_are_silent_or_played_as_asked(imported: Import) -> None:
    found = imported(Options(play_unmapped=True))
    assert found.map.unmapped == []
    rest = found.map.group_of(120)
    assert rest is not None
    assert (rest.name, rest.programs) == ("Not in Slakh's definitions", list(range(88, 128)))


def test_stand_ins_keep_the_names_and_weights_of_the_patches(imported: Import) -> None:
    found = imported()
    guitar = found.map.group_of(30)
    assert guitar is not None
    assert [(patch.name, patch.weight, patch.program) for patch in guitar.patches] == [
        ("loud_guitar.nkm (stand-in)", 2.0, None), ("AGX.component (stand-in)", 1.0, None),
    ]  # fmt: skip
    (said,) = found.notes(NoteKind.STAND_IN)
    assert said.startswith("patches with a stand-in under their name: 15;")
    assert "AGX.component played its initial preset" in said


def test_several_soundfonts_play_the_stand_ins_in_turn(imported: Import, tmp_path: Path) -> None:
    fonts = (tmp_path / "a.sf2", tmp_path / "b.sf2")
    for font in fonts:
        font.touch()
    found = imported(Options(soundfonts=fonts))
    drums = found.map.group_of(128)
    assert drums is not None
    assert [patch.soundfont for patch in drums.patches] == [None, str(fonts[1])]
    assert found.plan.engine.soundfont == str(fonts[0])


def test_a_soundfont_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"there is no soundfont at .*gone\.sf2"):
        import_slakh(write_setup(tmp_path), tmp_path / "plan", Options(soundfonts=(tmp_path / "gone.sf2",)))


@pytest.mark.parametrize("keep", [False, True])
def test_enabled_rules_are_written_down_and_played_only_when_asked(imported: Import, keep: bool) -> None:
    found = imported(Options(keep_rules=keep))
    bass, drums, piano = (found.map.group_of(program) for program in (33, 128, 0))
    assert bass is not None and bass.rules is not None  # noqa: PT018 - for the types
    assert (bass.rules.shift, bass.rules.fold, bass.rules.enabled) == (12, None, keep)
    assert bass.rules.key(30) == (42 if keep else 30)
    assert drums is not None and drums.rules is not None  # noqa: PT018
    assert drums.rules.moves == {35: 36}
    assert piano is not None
    assert piano.rules is None
    (left_out,) = found.notes(NoteKind.RULE_LEFT_OUT)
    assert left_out.startswith("Bass: min_max_octave (fold [35, 79]) is not enabled and is left out")


def test_a_group_of_two_classes_is_cut_where_their_rules_differ(imported: Import) -> None:
    found = imported(defs={**LAX, "Guitar": group("Guitar", [*range(24, 32), 96], "g.nkm"), "Bass": group("Bass", []),
                           "Low": group("Guitar", [31, 32, 33], "low.nkm")})  # fmt: skip
    names = {program: owner.name for program in (30, 32, 33) if (owner := found.map.group_of(program))}
    assert names[32] == names[33]
    assert found.map.group_of(32).rules is not None  # type: ignore[union-attr]
    assert found.map.group_of(31).rules is None  # type: ignore[union-attr]


def test_the_band_is_slakhs_and_asks_for_patches(imported: Import) -> None:
    band = imported(band={"key": "class", "band_def": ["Drums", "Bass", "Bass"]}).plan.filters.band
    assert isinstance(band, Band)
    assert [member.inst_class for member in band.members] == ["Drums", "Bass"]
    assert (band.allow_others, band.need_patch) == (True, True)


def test_what_a_band_says_that_slakh_does_not_heed_is_reported(imported: Import) -> None:
    found = imported(band={"key": "program", "band_def": ["Drums", "Bass", "Bass", "Sound Effects"]})
    assert "Bass stands more than once in the band" in found.notes(NoteKind.REPEATED)[-1]
    assert "`key` of the band is 'program'" in found.notes(NoteKind.CLASS_TABLE)[0]
    assert "Sound Effects and Sound effects" in found.notes(NoteKind.SPELLING)[0]


def test_without_a_band_definition_there_is_no_band(imported: Import) -> None:
    found = imported(band_definition_file="")
    assert found.plan.filters.band == DatasetPlan(source="x").filters.band
    assert not (found.out / "band.yaml").exists()


def test_a_list_of_songs_becomes_a_list_beside_the_plan(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "slakh").mkdir()
    (tmp_path / "slakh" / "some").write_text("midi/a.mid\n\nmidi/a.mid\nmidi/b.mid\n")
    found = imported(midi_file_list="some")
    assert found.plan.source == str(found.out / "songs.txt")
    assert (found.out / "songs.txt").read_text().splitlines() == [
        str(tmp_path / "slakh" / "midi" / name) for name in ("a.mid", "b.mid")
    ]
    assert found.fate("midi_file_list")[2] == "2 files; left out: 1 blank line, 1 repeat"
    assert found.fate("lmd_base_dir")[0] is Fate.NOT_NEEDED
    assert "2 of 2 listed files are not on this machine" in found.notes(NoteKind.ABSENT)[0]


def test_an_empty_name_of_a_list_is_none(imported: Import) -> None:
    found = imported(midi_file_list="")
    assert found.fate("midi_file_list")[0] is Fate.CORRECTED
    assert found.plan.source.endswith("/midi")


def test_midi_may_be_named_in_place_of_the_configs(imported: Import, tmp_path: Path) -> None:
    found = imported(Options(source=tmp_path), lmd_base_dir="/path/to/lmd_matched", midi_file_list="gone.txt")
    assert found.plan.source == str(tmp_path)
    assert found.fate("midi_file_list") == (Fate.NOT_NEEDED, "", "--source names the MIDI")


def test_midi_that_is_not_there_is_said(imported: Import) -> None:
    (said,) = imported(lmd_base_dir="/path/to/lmd_matched").notes(NoteKind.ABSENT)
    assert said.startswith("there is no folder /path/to/lmd_matched")


def test_a_second_import_changes_nothing_and_keeps_what_a_person_changed(tmp_path: Path) -> None:
    config = write_setup(tmp_path)
    written = import_slakh(config, tmp_path / "plan", Options()).written
    assert import_slakh(config, tmp_path / "plan", Options()).written == written
    (tmp_path / "plan" / "band.yaml").write_text("members: [Reed]\n")
    with pytest.raises(OutputError, match=r"band\.yaml is there already and differs"):
        import_slakh(config, tmp_path / "plan", Options())
    assert (tmp_path / "plan" / "band.yaml").read_text() == "members: [Reed]\n"


def test_nothing_is_written_of_a_set_up_that_makes_no_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="names no instrument definitions"):
        import_slakh(write_setup(tmp_path, defs_metadata_file=None), tmp_path / "plan", Options())
    with pytest.raises(PlanError, match=r"cannot read the band definition .*gone\.json"):
        import_slakh(write_setup(tmp_path, band_definition_file="gone.json"), tmp_path / "plan", Options())
    with pytest.raises(PlanError, match="names no MIDI"):
        import_slakh(write_setup(tmp_path, lmd_base_dir=...), tmp_path / "plan", Options())
    long = {"A" * 101: group("Piano", [1, 2], "a.nkm")}
    with pytest.raises(PlanError, match=r"config\.json makes no plan: instruments\.yaml: .*at most 100 characters"):
        import_slakh(write_setup(tmp_path, defs=long), tmp_path / "plan", Options())
    assert not (tmp_path / "plan").exists()


def test_the_files_are_plain_yaml_that_names_each_other(imported: Import) -> None:
    found = imported()
    plan = yaml.safe_load((found.out / "plan.yaml").read_text())
    assert (plan["instruments"]["map"], plan["filters"]["band"]) == ("instruments.yaml", "band.yaml")
    assert [Path(path).name for path in found.report.written] == ["plan.yaml", "instruments.yaml", "band.yaml"]
