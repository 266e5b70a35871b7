"""Pools of soundfonts, licences and the NOTICE, from the plan to the published dataset."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from numpy.typing import NDArray

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import DatasetRecord
from tests.support.assets import own_registry, tone
from tests.support.farms import DEMO, farm, farm_json

OUTPUT = {"format": "wav", "bits": 32, "rate_hz": 16000, "channels": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registry: two soundfonts for everything, one with a single preset, and a corpus."""
    folder = tmp_path_factory.mktemp("home")
    fonts = []
    for name, overtone, licence, program in (
        ("Plain", 0.0, "CC0-1.0", None), ("Rich", 0.7, "CC-BY-NC-4.0", None), ("Solo", 0.4, "CC-BY-4.0", 3),
    ):  # fmt: skip
        path = tone(folder / f"{name}.sf2", overtone, program=program)
        more = {} if program is None else {"bank": 0, "program": program, "attribution": "Solo by Somebody"}
        known = {"name": name, "files": [path.name], "path": str(path), "licence": licence}
        fonts.append({**known, "tags": [f"{name.lower()}-like"], **more})
    (folder / "songs").mkdir()
    shutil.copy(DEMO / "saints.mid", folder / "songs")
    songs = {"name": "Saints", "path": str(folder / "songs"), "licence": "CC-BY-4.0", "attribution": "Saints by All"}
    own_registry(folder / "assets", soundfonts=fonts, midi=[songs])
    return folder


def run(home: Path, name: str, compose: dict[str, Any] | None = None, **plan: Any) -> Path:
    """Run a plan of one short song; returns the folder of its dataset."""
    done, out = attempt(home, name, compose, **plan)
    assert done == (0, ""), done
    return out


def attempt(home: Path, name: str, compose: dict[str, Any] | None, **plan: Any) -> tuple[tuple[int, str], Path]:
    values = {"name": "mine", "seed": 5, "output": OUTPUT, **plan}
    if compose is not None:
        values["compose"] = {"genres": ["reggae"], "count": 1, "length_s": 5.5, **compose}
    (home / f"{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    env = {"FARM_ASSETS": str(home / "assets")}
    done = farm("run", home / f"{name}.yaml", "--out", home / name, "--slots", 1, env=env)
    return (done.returncode, "" if done.returncode == 0 else done.stderr + done.stdout), home / name


def stems(out: Path) -> dict[str, StemAnnotation]:
    """Return the stems of the song by their layers."""
    text = (out / "Track00001" / "annotation.json").read_text()
    return {stem.track_name: stem for stem in SongAnnotation.model_validate_json(text).stems}


def played(out: Path, stem: StemAnnotation) -> NDArray[np.float64]:
    """Return a stem's audio as its instrument gave it, without the gain of the mix."""
    assert stem.audio is not None
    audio, _ = soundfile.read(out / "Track00001" / stem.audio)
    return np.asarray(audio, dtype=np.float64) / 10 ** (stem.gain_db / 20)


@pytest.fixture(scope="module")
def plain(home: Path) -> Path:
    return run(home, "plain", {"soundfonts": {"*": ["Plain"]}})


@pytest.fixture(scope="module")
def changed(home: Path) -> Path:
    return run(home, "changed", {"soundfonts": {"*": ["Plain"], "melody": ["solo-like"]}})


def test_a_change_of_one_pool_changes_what_used_it_and_nothing_else(plain: Path, changed: Path) -> None:
    before, after = stems(plain), stems(changed)
    assert {stem.soundfont for stem in before.values()} == {"Plain"}
    assert {layer: stem.soundfont for layer, stem in after.items() if stem.soundfont != "Plain"} == {"melody": "Solo"}
    assert (after["melody"].choice, after["melody"].licence, after["melody"].preset) == ("Solo", "CC-BY-4.0", "Tone 3")
    for layer, stem in before.items():
        assert stem.notes == after[layer].notes
        one, two = played(plain, stem), played(changed, after[layer])
        frames = min(len(one), len(two))  # a song is as long as its longest stem sounds
        assert np.allclose(one[:frames], two[:frames], atol=1e-6) is (layer != "melody"), layer


def test_what_pools_made_is_as_it_claims(changed: Path) -> None:
    assert farm_json("verify", changed)["ok"] is True


def test_the_notice_names_every_soundfont_that_may_be_heard_and_no_other(plain: Path, changed: Path) -> None:
    text = (changed / "NOTICE").read_text()
    assert "Plain; licence: CC0-1.0" in text
    assert "Solo; licence: CC-BY-4.0" in text
    assert "to be named as: Solo by Somebody" in text
    assert "Composed by the farm" in text
    assert "TimGM6mb" not in text, "the plan's own soundfont plays nothing"
    assert "Solo" not in (plain / "NOTICE").read_text()


def test_the_record_has_the_credits_and_no_path_of_this_machine(home: Path, changed: Path) -> None:
    text = (changed / "dataset.json").read_text()
    record = DatasetRecord.model_validate_json(text)
    assert [credit.name for credit in record.credits] == ["Plain", "Solo"]
    assert str(home) not in text
    assert record.plan.soundfont_words == ["Plain", "Solo"]


def test_a_name_that_the_licences_forbid_is_refused_before_anything_begins(home: Path) -> None:
    pools = {"*": ["Plain"], "melody": ["Rich"]}
    (code, said), out = attempt(home, "name", {"soundfonts": pools}, licences={"deny": ["*-NC-*"]})
    assert code == 2
    assert "the soundfont Rich for melody is under CC-BY-NC-4.0" in said
    assert not out.exists()


def test_what_only_the_worker_can_tell_is_refused_before_any_render(home: Path) -> None:
    hidden = Path(shutil.copy(home / "Rich.sf2", home / "other name.sf2"))
    contents = [{"name": "Rich2", "files": ["none.sf2"], "contents": [digest(hidden)], "licence": "CC-BY-NC-4.0"}]
    own_registry(home / "assets2", soundfonts=contents)
    env = {"FARM_ASSETS": str(home / "assets2")}
    plan = {"source": str(DEMO), "limit": 1, "engine": {"soundfont": str(hidden)}, "licences": {"deny": ["*-NC-*"]}}
    (home / "hidden.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    done = farm("run", home / "hidden.yaml", "--out", home / "hidden", "--slots", 1, env=env)
    said = " ".join((done.stderr + done.stdout).split())
    assert done.returncode == 3
    assert "the soundfont other name is under CC-BY-NC-4.0" in said
    assert not list((home / "hidden").glob("Track*"))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_corpus_of_the_registry_is_known_by_where_it_lies(home: Path) -> None:
    engine = {"soundfont": str(home / "Plain.sf2")}
    out = run(home, "corpus", source=str(home / "songs"), licences={"allow": ["CC0-*", "CC-BY-4.0"]}, engine=engine)
    assert "Saints; licence: CC-BY-4.0\n    to be named as: Saints by All" in (out / "NOTICE").read_text()
