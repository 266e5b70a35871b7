"""Whose work is in a dataset, and whether the plan's licences allow it."""

from __future__ import annotations

from typing import Any

import pytest

from farm.planning.licences import check_named
from farm.planning.plans import build_plan
from schemas.assets import Credit
from schemas.errors import LicenceError
from schemas.patch import AssetRef, EngineFacts
from schemas.permits import check_facts, credits_of, of_the_sound
from schemas.plan import DatasetPlan
from tests.support.ledgers import sha


def font(name: str, licence: str) -> AssetRef:
    return AssetRef(name=name, sha256=sha(name), size_bytes=1, licence=licence, path=f"/fonts/{name}.sf2")


MAIN, OTHER, POOLED = font("Main", "GPL-2.0-only"), font("Other", "MIT"), font("Pooled", "CC-BY-3.0")
FACTS = EngineFacts(
    engine="fluidsynth", version="2", library="lib", soundfont=MAIN,
    soundfonts={"Other": OTHER, "Pooled": POOLED},
    credits=[Credit(kind="soundfont", name="Pooled", licence="CC-BY-3.0", attribution="Pooled by Me", sha256=POOLED.sha256)],
)  # fmt: skip
CORPUS = {"kind": "midi", "name": "Songs", "licence": "CC-BY-4.0", "attribution": "Songs by Them"}


def plan(**values: Any) -> DatasetPlan:
    return build_plan({"source": "songs", "corpus": CORPUS, **values})


def composed(pools: dict[str, Any], **values: Any) -> DatasetPlan:
    return build_plan({"compose": {"genres": ["pop"], "soundfonts": pools}, **values})


def mapped(*patches: dict[str, Any]) -> dict[str, Any]:
    return {"map": {"name": "m", "groups": [{"name": "All", "programs": [0], "patches": list(patches)}]}}


def heard(made: DatasetPlan) -> dict[str, str]:
    return {item.name: item.licence for item in of_the_sound(made, FACTS)}


def pooled(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "soundfont": name, **more}


def test_a_plan_without_a_map_is_heard_on_its_own_soundfont() -> None:
    assert heard(plan()) == {"Main": "GPL-2.0-only"}


def test_a_map_is_heard_patch_by_patch_with_the_licence_that_it_gives_them() -> None:
    own, other, said = {"name": "Own"}, {"name": "A", "soundfont": "Other"}, {"name": "B", "licence": "CC0-1.0"}
    made = plan(instruments=mapped(own, other, said))
    assert heard(made) == {
        "Main": "GPL-2.0-only", "Own of the group All": "GPL-2.0-only", "A of the group All": "MIT",
        "B of the group All": "CC0-1.0",
    }  # fmt: skip
    assert heard(plan(instruments=mapped(other))) == {"A of the group All": "MIT"}


def test_pools_for_every_layer_leave_the_plans_own_soundfont_unheard() -> None:
    assert heard(composed({"melody": [pooled("Pooled")]})) == {
        "Main": "GPL-2.0-only", "Pooled for melody": "CC-BY-3.0",
    }  # fmt: skip
    assert heard(composed({"*": [pooled("Pooled"), pooled("Other", licence="ISC")]})) == {
        "Pooled": "CC-BY-3.0", "Other": "ISC",
    }  # fmt: skip


def test_midi_alone_is_heard_on_nothing() -> None:
    made = composed({}, output={"parts": "midi"}, licences={"deny": ["*"]})
    check_facts(made, FACTS)
    assert credits_of(made, FACTS) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"licences": {"deny": ["GPL-*"]}}, "denies GPL-.*the soundfont Main is under GPL-2.0-only"),
        ({"licences": {"allow": ["MIT", "GPL-*"]}}, "allows MIT, GPL-.*the corpus Songs is under CC-BY-4.0"),
        ({"licences": {"allow": ["GPL-*"]}, "corpus": None}, "the MIDI of songs is under no licence that is known"),
        (
            {"licences": {"deny": ["MIT"]}, "instruments": mapped({"name": "A", "soundfont": "Other"})},
            "the patch A of the group All is under MIT",
        ),
        (
            {"licences": {"deny": ["CC0-*"]}, "instruments": mapped({"name": "A", "licence": "CC0-1.0"})},
            "the patch A of the group All is under CC0-1.0",
        ),
    ],
)
def test_what_is_forbidden_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(LicenceError, match=words) as caught:
        check_facts(plan(**values), FACTS)
    assert caught.value.hint
    assert caught.value.reason == "licence_forbidden"


def test_all_that_is_forbidden_is_named_at_once() -> None:
    with pytest.raises(LicenceError) as caught:
        check_facts(plan(licences={"allow": ["MIT"]}), FACTS)
    assert "Songs" in caught.value.message
    assert "Main" in caught.value.message


def test_what_is_allowed_passes() -> None:
    check_facts(plan(), FACTS)
    check_facts(plan(licences={"allow": ["CC-BY-*", "GPL-2.0-*"]}), FACTS)
    check_facts(composed({"*": [pooled("Pooled")]}, licences={"deny": ["GPL-*"]}), FACTS)


def test_what_a_name_tells_is_refused_before_anything_begins() -> None:
    check_named(plan(licences={"deny": ["GPL-*"]}))  # which soundfont it will be, only a worker knows
    for refused in (
        plan(licences={"deny": ["GPL-*"]}, instruments=mapped({"name": "A", "soundfont": "TimGM6mb"})),
        plan(licences={"deny": ["CC0-*"]}, instruments=mapped({"name": "A", "licence": "CC0-1.0"})),
        composed({"melody": ["TimGM6mb"]}, licences={"deny": ["GPL-*"]}),
        plan(licences={"deny": ["CC-BY-*"]}),
    ):
        with pytest.raises(LicenceError):
            check_named(refused)
    check_named(composed({"melody": ["TimGM6mb"]}, licences={"deny": ["GPL-*"]}, output={"parts": "midi"}))


def test_credits_are_of_the_music_and_of_every_soundfont_once() -> None:
    made = plan(instruments=mapped({"name": "Own"}, {"name": "A", "soundfont": "Other"}))
    found = credits_of(made, FACTS)
    assert [(item.kind, item.name, item.licence) for item in found] == [
        ("midi", "Songs", "CC-BY-4.0"),
        ("soundfont", "Main", "GPL-2.0-only"),
        ("soundfont", "Other", "MIT"),
        ("soundfont", "Pooled", "CC-BY-3.0"),
    ]
    assert found[-1].attribution == "Pooled by Me"


def test_licences_make_another_plan_and_the_corpus_does_not() -> None:
    assert plan().plan_hash == plan(corpus=None).plan_hash
    assert plan().plan_hash != plan(licences={"deny": ["GPL-*"]}).plan_hash
    assert plan().plan_hash == plan(licences={"allow": [], "deny": []}).plan_hash
