"""Draws from a map whose groups have patches of several engines."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from farm.planning.draw import draw_stems, expected_s
from schemas.errors import LedgerError
from schemas.patch import AssetRef, EngineFacts, FaustSettings, Patch, PluginSettings
from schemas.patchfile import PatchFile
from schemas.plan import DatasetPlan
from schemas.song import SplitResult
from tests.support.ledgers import engine_facts, plan, sha, split_result

SAW = {"name": "saw", "engine": "faust", "settings": {"source": "saw.dsp"}}
SYNTH = {"name": "synth", "engine": "dawdreamer", "settings": {"plugin": "http://example.org/s", "format": "lv2"}}


def found(values: dict[str, Any], **settings: Any) -> Patch:
    """Return what a probe would find for a patch file."""
    file = PatchFile.model_validate(values)
    asset = AssetRef(name=f"{file.name}!", sha256=sha(file.name), size_bytes=3, licence="GPL-2.0-only", path="here")
    return Patch(
        engine=file.engine, engine_version="9", asset=asset, title=file.name,
        settings=file.settings.model_copy(update=settings),
    )  # fmt: skip


def facts(*values: dict[str, Any]) -> EngineFacts:
    return engine_facts().model_copy(update={"patches": {item["name"]: found(item) for item in values}})


def mapped(*patches: dict[str, Any], **switches: Any) -> DatasetPlan:
    group = {"name": "G", "programs": list(range(8)), "patches": list(patches), "rules": {"shift": 12}}
    return plan(instruments={"map": {"name": "m", "groups": [group]}, **switches})


def drawn(wanted: DatasetPlan, known: EngineFacts, *, song: object = "song", parts: int = 1) -> list[Patch]:
    split = split_result("x", parts=parts)
    return [
        stem.job.patch for stem in draw_stems(wanted, known, SplitResult(parts=split.parts, duration_s=1), sha(song))
    ]


def test_a_patch_of_another_engine_is_what_the_probe_found_with_what_the_map_says_of_it() -> None:
    choice = {"name": "S", "patch": SYNTH, "licence": "bought", "octave_offset": 1}
    [patch] = drawn(mapped(choice), facts(SYNTH))
    assert (patch.engine, patch.engine_version, patch.title, patch.name) == ("dawdreamer", "9", "synth", "synth")
    assert (patch.asset.name, patch.asset.sha256, patch.asset.licence) == ("synth!", sha("synth"), "bought")
    assert (patch.group, patch.choice, patch.octave_offset) == ("G", "S", 1)
    assert patch.rules is not None
    assert patch.rules.shift == 12
    assert drawn(mapped({"name": "S", "patch": SYNTH}), facts(SYNTH))[0].asset.licence == "GPL-2.0-only"


def test_several_engines_are_drawn_by_weight_from_one_group() -> None:
    wanted = mapped(
        {"name": "font"}, {"name": "saw", "patch": SAW, "weight": 2}, {"name": "synth", "patch": SYNTH, "weight": 5}
    )
    counts = Counter(drawn(wanted, facts(SAW, SYNTH), song=number)[0].engine for number in range(2000))
    shares = {engine: count / 2000 for engine, count in counts.items()}
    assert shares == pytest.approx({"fluidsynth": 1 / 8, "faust": 2 / 8, "dawdreamer": 5 / 8}, abs=0.03)


def test_distinct_patches_are_distinct_across_engines() -> None:
    wanted = mapped(
        {"name": "a", "patch": SAW}, {"name": "b", "patch": SYNTH}, {"name": "c", "program": 0}, distinct_patches=True
    )
    for song in range(20):
        assert len({patch.name for patch in drawn(wanted, facts(SAW, SYNTH), song=song, parts=3)}) == 3


def test_a_patch_file_that_nobody_probed_is_an_error() -> None:
    with pytest.raises(LedgerError, match="the patch file saw of the patch S was never probed"):
        drawn(mapped({"name": "S", "patch": SAW}), engine_facts())


def test_where_a_plug_in_lies_changes_no_spec_and_what_it_is_does() -> None:
    def key(**values: Any) -> str:
        settings = PluginSettings.model_validate(
            {"plugin": "/a/s.so", "format": "vst2", "preset": "/a/p.fxp", **values}
        )
        return found(SYNTH).model_copy(update={"settings": settings}).load_key

    assert key() == key(plugin="/b/s.so") == key(preset="/b/p.fxp")
    others: list[dict[str, Any]] = [
        {"plugin": "/a/t.so"},
        {"preset_sha256": sha("p")},
        {"program": 1},
        {"parameters": {"Volume": 0.5}},
    ]
    others += [{"plays": ["bend"]}, {"drum_map": {36: 60}}, {"leaves": "none"}]
    assert len({key(), *(key(**other) for other in others)}) == len(others) + 1
    lv2: dict[str, Any] = {"format": "lv2", "preset": None}
    assert key(plugin="http://a/s", **lv2) != key(plugin="http://b/s", **lv2), "a URI is a name and no place"


def test_engines_whose_instruments_always_compute_are_expected_to_take_time_by_the_second_of_audio() -> None:
    part = split_result("x", parts=1).parts[0]
    dense = part.model_copy(update={"notes": part.notes * 10})
    for engine in ("dawdreamer", "faust"):
        assert expected_s(part, 44100, engine) > expected_s(part, 44100)
        assert expected_s(dense, 44100, engine) == expected_s(part, 44100, engine)
        assert expected_s(part, 88200, engine) == pytest.approx(2 * expected_s(part, 44100, engine))
    wanted = mapped({"name": "S", "patch": SAW})
    [stem] = draw_stems(wanted, facts(SAW), SplitResult(parts=[part], duration_s=1), sha("x"))
    assert stem.est_s == expected_s(part, 44100, "faust")


def test_a_drum_kit_of_another_engine_is_one_by_its_patch_file() -> None:
    kit = found(SAW).model_copy(update={"settings": FaustSettings(source="kit.dsp", drums=True)})
    assert kit.is_drum
    assert not found(SAW).is_drum
    assert found(SAW).repeats
    assert not found(SYNTH, repeat_db=-60.0).repeats
