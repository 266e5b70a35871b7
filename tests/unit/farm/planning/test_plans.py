"""Plans: read, overridden, and refused with a message that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.plans import build_plan, load_plan
from schemas.errors import PlanError


def write(folder: Path, text: str) -> Path:
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_plan_and_flags_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "source: midi\nseed: 3\nengine: {soundfont: fonts/a.sf2}\noutput: {bits: 16}\n")
    plan = load_plan(path, {"seed": 5, "output.format": "wav"})
    assert plan.source == str(tmp_path / "midi")
    assert plan.engine.soundfont == str(tmp_path / "fonts/a.sf2")
    assert (plan.seed, plan.output.bits, plan.output.format) == (5, 16, "wav")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("source: a\nsed: 1\n", "unknown key `sed`", "Did you mean `seed`?"),
        ("source: a\noutput: {bit: 16}\n", "unknown key `output.bit`", "Did you mean `output.bits`?"),
        ("source: a\nstem_lufs: -13\n", "unknown key `stem_lufs`", "Did you mean `mix.stem_lufs`?"),
        ("source: a\nzzzz: 1\n", "unknown key `zzzz`", "Known keys here"),
        ("seed: 1\n", "either `source` (where MIDI files are) or `compose`", "docs/plan.md"),
        ("source: a\nseed: -1\n", "`seed` is -1", "docs/plan.md"),
        ("source: a\noutput: {bits: 20}\n", "`output.bits` is 20", "docs/plan.md"),
        ("source: a\noutput: {bits: 32}\n", "FLAC holds integers", "docs/plan.md"),
        ("source: a\nfilters: {min_parts: 9, max_parts: 3}\n", "min_parts must not exceed max_parts", ""),
        ("- a\n- b\n", "holds no keys", "YAML mapping"),
        ("source: [\n", "is not YAML", "line"),
        ("source: a\noutput: 3\n", "`output` is 3", ""),
    ],
)
def test_a_mistake_is_named_with_its_key_and_a_way_out(tmp_path: Path, text: str, message: str, hint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    assert message in caught.value.message
    assert str(path) in caught.value.message
    assert hint in caught.value.hint


def test_an_unreadable_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(PlanError, match="cannot read"):
        load_plan(path)


def test_yaml_cannot_build_python_objects(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="not YAML"):
        load_plan(write(tmp_path, "source: !!python/object/apply:os.getcwd []\n"))


def test_an_override_below_a_plain_value_is_refused() -> None:
    with pytest.raises(PlanError, match="not a group"):
        build_plan({"source": "a", "output": "flac"}, {"output.bits": 16})


def test_the_plan_hash_ignores_where_the_source_lies_and_nothing_that_changes_the_audio() -> None:
    plan = build_plan({"source": "a"})
    assert build_plan({"source": "b", "name": "other"}).plan_hash == plan.plan_hash
    assert build_plan({"source": "a"}, {"engine.soundfont": "/elsewhere/a.sf2"}).plan_hash == plan.plan_hash
    for key, value in (("seed", 1), ("output.bits", 16), ("engine.settings.gain", 0.4), ("mix.stem_lufs", -20.0)):
        assert build_plan({"source": "a"}, {key: value}).plan_hash != plan.plan_hash


def test_dither_is_for_16_bits_and_counts_in_the_plan_hash_where_it_is_wanted() -> None:
    plain, said = build_plan({"source": "a"}), {"bits": 16, "dither": True}
    assert build_plan({"source": "a", "output": {"dither": False}}).plan_hash == plain.plan_hash
    assert "dither" not in plain.model_dump_json()
    dithered = build_plan({"source": "a", "output": said})
    assert type(dithered).model_validate_json(dithered.model_dump_json()) == dithered
    assert dithered.plan_hash != build_plan({"source": "a", "output": {"bits": 16}}).plan_hash
    for form in ({}, {"bits": 24}, {"bits": 32, "format": "wav"}):
        with pytest.raises(PlanError, match="dither: true is for bits: 16"):
            build_plan({"source": "a", "output": {**form, "dither": True}})


def test_a_store_in_a_folder_is_beside_the_plan_and_one_in_a_bucket_stays_as_it_is(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("source: midi\nstore: {url: stems}\n")
    assert load_plan(plan).store.url == str(tmp_path.resolve() / "stems")
    plan.write_text("source: midi\nstore: {url: 's3://bucket/stems'}\n")
    assert load_plan(plan).store.url == "s3://bucket/stems"


def test_a_key_in_a_store_is_refused_and_not_repeated() -> None:
    with pytest.raises(PlanError, match=r"store\.url") as failure:
        build_plan({"source": "a", "store": {"url": "s3://someone:hunter2@bucket"}})
    assert "hunter2" not in str(failure.value)


def test_dither_and_a_limiter_are_refused_together() -> None:
    values = {"source": "midi", "output": {"bits": 16, "dither": True}, "mix": {"loudness_lufs": -16}}
    with pytest.raises(PlanError, match="leave out one or the other"):
        build_plan(values)
