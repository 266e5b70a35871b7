"""What a patch file says of its plug-in's licence becomes a limit when its submission is probed, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from farm.ledger import Ledger
from schemas.patch import AssetRef, Patch
from schemas.patchfile import PatchFile
from schemas.states import LimitScope, TaskKind
from tests.support.ledgers import Worker, engine_facts, plan, sha


def patch_file(name: str, **limit: Any) -> dict[str, Any]:
    settings = {"plugin": "http://example.org/s", "format": "lv2"}
    instances = {"instances": limit} if limit else {}
    return {"name": name, "engine": "dawdreamer", "settings": settings, **instances}


def probed(ledger: Ledger, *files: dict[str, Any], out: str = "out") -> None:
    """Submit a plan whose map names patch files, all of one plug-in, and have it probed."""
    patches = [{"name": item["name"], "patch": item} for item in files]
    groups = [{"name": "G", "programs": [0], "patches": patches}]
    wanted = plan(instruments={"map": {"name": "m", "groups": groups}})
    number = ledger.create_submission(wanted, source_root="/midi", out_dir=out, store_root=f"{out}/store")
    ledger.add_files(number, ["a.mid"])
    ledger.seal(number)
    asset = AssetRef(name="Bought Synth", sha256=sha("s"), size_bytes=1, path="http://example.org/s")
    found = {
        item["name"]: Patch(
            engine="dawdreamer", engine_version="1", asset=asset, title=item["name"],
            settings=PatchFile.model_validate(item).settings,
        )
        for item in files
    }  # fmt: skip
    task = Worker(ledger).claim(TaskKind.PROBE)
    assert task is not None
    assert ledger.complete_probe(task, engine_facts().model_copy(update={"patches": found}))


def limits(ledger: Ledger) -> list[tuple[str, int, LimitScope]]:
    return [(limit.name, limit.max, LimitScope(limit.scope)) for limit in ledger.limits()]


@pytest.mark.parametrize(("per", "scope"), [("slot", LimitScope.INSTANCE), ("host", LimitScope.HOST)])
def test_the_limit_is_that_of_the_plug_in_and_the_smallest_of_its_patches(
    ledger: Ledger, per: str, scope: LimitScope
) -> None:
    probed(ledger, patch_file("a", max=3, per=per), patch_file("b", max=2, per=per), patch_file("c"))
    assert limits(ledger) == [("Bought Synth", 2, scope)]


def test_a_limit_that_a_person_has_set_stays(ledger: Ledger) -> None:
    ledger.set_limit("Bought Synth", 9, LimitScope.INSTANCE)
    probed(ledger, patch_file("a", max=1))
    assert limits(ledger) == [("Bought Synth", 9, LimitScope.INSTANCE)]


def test_a_map_without_such_words_sets_no_limit(ledger: Ledger) -> None:
    probed(ledger, patch_file("a"))
    assert limits(ledger) == []
