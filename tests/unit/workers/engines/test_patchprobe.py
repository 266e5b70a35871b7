"""What patch files stand for on a host: found in a process of its own, and refused by patch, thing and remedy."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import AssetError, MissingDependencyError
from schemas.patch import PluginSettings
from schemas.patchfile import PatchFile
from tests.support.plugins import needs_dawdreamer
from workers.engines import patchfacts, patchprobe
from workers.engines.patchprobe import probe_patches

SAW = 'declare license "CC0-1.0";\nprocess = 0;\n'


def faust(folder: Path, **values: Any) -> PatchFile:
    (folder / "saw.dsp").write_text(SAW)
    base = {"name": "my-saw", "engine": "faust", "settings": {"source": "saw.dsp"}, "folder": str(folder)}
    return PatchFile.model_validate({**base, **values})


def by_name(*files: PatchFile) -> dict[str, PatchFile]:
    return {file.name: file for file in files}


@pytest.fixture
def _works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchfacts, "attempt", lambda name: {"engine": name, "version": "7"})


@pytest.mark.usefixtures("_works")
def test_a_source_is_described_by_its_content_its_licence_and_the_engines_version(tmp_path: Path) -> None:
    patch = patchfacts.describe_patches([faust(tmp_path, octave_offset=1)])["my-saw"]
    assert (patch.engine, patch.engine_version, patch.title, patch.octave_offset) == ("faust", "7", "my-saw", 1)
    assert (patch.asset.name, patch.asset.licence) == ("saw", "CC0-1.0")
    assert patch.asset.sha256 == hashlib.sha256(SAW.encode()).hexdigest()
    assert Path(patch.asset.path) == tmp_path / "saw.dsp"
    assert patchfacts.describe_patches([faust(tmp_path, licence="mine")])["my-saw"].asset.licence == "mine"


@pytest.mark.usefixtures("_works")
def test_another_source_than_the_patch_file_was_made_with_is_refused(tmp_path: Path) -> None:
    assert patchfacts.describe_patches([faust(tmp_path, sha256=hashlib.sha256(SAW.encode()).hexdigest())])
    with pytest.raises(AssetError, match=r"patch my-saw: saw at .*saw.dsp has SHA-256 .* says 000000000000") as caught:
        patchfacts.describe_patches([faust(tmp_path, sha256="0" * 64)])
    assert "take its `sha256` out" in caught.value.hint


def test_an_engine_that_does_not_work_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patchfacts, "attempt", lambda _: {"reason": "missing_dependency", "message": "no libGL.so.1"})
    with pytest.raises(
        MissingDependencyError, match=r"patch my-saw: the engine faust does not work here: no libGL"
    ) as caught:
        patchfacts.describe_patches([faust(tmp_path)])
    assert "stemfarm[plugins]" in caught.value.hint


def test_a_preset_is_known_by_its_content(tmp_path: Path) -> None:
    preset = tmp_path / "warm.fxp"
    preset.write_bytes(b"CcnK")
    settings = PluginSettings(plugin="s.so", format="vst2", preset=str(preset))
    found = patchfacts.with_preset(settings)
    assert found.preset_sha256 == hashlib.sha256(b"CcnK").hexdigest()
    assert patchfacts.with_preset(found) == found
    preset.write_bytes(b"other")
    with pytest.raises(AssetError, match=r"no preset warm\.fxp with SHA-256"):
        patchfacts.with_preset(found)
    preset.unlink()
    with pytest.raises(AssetError, match=r"no preset warm\.fxp"):
        patchfacts.with_preset(settings)
    assert patchfacts.with_preset(PluginSettings(plugin="s.so", format="vst2")).preset_sha256 is None


@needs_dawdreamer
def test_the_search_is_a_process_of_its_own_whose_answer_and_errors_come_back(tmp_path: Path) -> None:
    found = probe_patches(by_name(faust(tmp_path)))["my-saw"]
    assert "libfaust" in found.engine_version
    assert (found.asset.name, found.settings) == ("saw", faust(tmp_path).settings)
    gone = faust(tmp_path, name="gone", settings={"source": "gone.dsp"})
    with pytest.raises(AssetError, match=r"patch gone: there is no Faust source gone.dsp"):
        probe_patches(by_name(faust(tmp_path), gone))


def test_a_search_that_breaks_off_says_which_patches_and_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patchprobe, "_MODULE", "workers.no_such_module")
    with pytest.raises(MissingDependencyError, match=r"the patches my-saw broke off: .* No module named") as caught:
        probe_patches(by_name(faust(tmp_path)))
    assert "farm doctor" in caught.value.hint


def test_without_patch_files_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchprobe, "_MODULE", "workers.no_such_module")
    assert probe_patches({}) == {}
