"""`farm fsck` and `farm purge` on real runs: damage is found by hash, lost ledgers are rebuilt, nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from farm.ledger import Ledger, open_ledger
from farm.ledger.models import AttemptRow, StemRow
from farm.scheduling.reconciler import Reconciler
from schemas.states import SongState, StemState, SubmissionState
from tests.support.databases import new_ledger_url
from tests.support.farms import copy_demo, farm, farm_json, published
from tests.support.ledgers import assert_counters_are_true, rows
from workers.config import WorkerSettings
from workers.slot import Slot
from workers.store import Kind, open_store

CHEAP = ("--rate", 16000, "--channels", 1, "--bits", 16)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    copy_demo(folder, 2, seconds=12)
    return folder


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    farm_json("run", source, "--out", out, *CHEAP)
    return out


class Service:
    """A ledger, a reconciler and one slot in this process: work goes on step by step.

    Args:
        url: of the ledger.
    """

    def __init__(self, url: str) -> None:
        from farm.dataset.finish import write_dataset

        self.url = url
        self.env = {"FARM_LEDGER_URL": url}
        self.ledger: Ledger = open_ledger(url)
        self.chief = Reconciler(self.ledger, finish=lambda number: write_dataset(self.ledger, number))
        self.slot = Slot(self.ledger, WorkerSettings())

    def submit(self, source: Path, out: Path, *options: object) -> int:
        return int(farm_json("submit", source, "--out", out, *CHEAP, *options, env=self.env)["submission"])

    def tasks(self) -> None:
        """Run the tasks there are, and the reconciler, until stems wait."""
        while self.slot.run_task() or not self.chief.tick().idle:
            pass

    def finish(self, number: int) -> SubmissionState:
        """Work until the submission has ended."""
        for _ in range(500):
            self.chief.tick()
            if not self.slot.run_task():
                self.slot.render_batch()
            state = self.ledger.submission(number).state
            if state in (SubmissionState.DONE, SubmissionState.FAILED):
                return state
        raise AssertionError(self.ledger.status(number))

    def renders(self, number: int) -> list[bool]:
        """For every recorded render: whether it was found in the store."""
        listed = rows(self.ledger, AttemptRow.stem_id, AttemptRow.cached, submission_id=number, outcome="done")
        return [bool(row.cached) for row in listed if row.stem_id is not None]

    def fsck(self, *arguments: object, exit_code: int = 0) -> Any:
        return farm_json("fsck", *arguments, env=self.env, exit_code=exit_code)

    def close(self) -> None:
        self.slot.close()
        self.ledger.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    with closing(Service(new_ledger_url(request.param, tmp_path))) as service:
        yield service


def files_of(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file())


def half_rendered(service: Service, source: Path, out: Path, *options: object) -> int:
    """Bring a submission to where one song is rendered and waits for its mix, and the other has begun."""
    number = service.submit(source, out, *options)
    service.tasks()
    while not any(song.state is SongState.MIXING for song in service.ledger.songs(number)):
        service.slot.render_batch()
    return number


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(bytes(data))


def test_damage_is_found_by_hash_and_just_that_is_rendered_anew(
    service: Service, source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    number = half_rendered(service, source, out)
    store = open_store(str(out / ".farm" / "store"))
    done = [stem for stem in service.ledger.stem_files(number) if stem.state is StemState.DONE]
    mixing = next(stem for stem in done if stem.song_state is SongState.MIXING)
    assert service.fsck(number)["ok"] is True
    stem_path = out / ".farm" / "store" / "stems" / str(mixing.data_hash)[:2] / f"{mixing.data_hash}.stem"
    flip(stem_path)
    report = service.fsck(number, exit_code=1)
    (finding,) = report["stores"][0]["findings"]
    assert (finding["fault"], finding["stems"]) == ("damaged_audio", [f"{mixing.song}/{mixing.stem}"])
    assert store.find_stem(mixing.spec_hash) is not None, "a look changes nothing"
    before = len(service.renders(number))
    (one,) = service.fsck(number, "--repair")["stores"]
    assert (one["rendered_anew"], [item["mended"] for item in one["findings"]]) == (1, [True])
    (waiting,) = [stem for stem in service.ledger.stem_files(number) if stem.stem_id == mixing.stem_id]
    assert (waiting.state, waiting.song_state) == (StemState.READY, SongState.RENDERING)
    assert_counters_are_true(service.ledger)
    assert service.ledger.audit() == []
    open_stems = sum(stem.state is StemState.READY for stem in service.ledger.stem_files(number))
    assert service.finish(number) is SubmissionState.DONE
    assert service.renders(number)[before:].count(False) == open_stems
    assert published(out) == published(undisturbed)


def test_what_is_lost_is_named_and_made_again(
    service: Service, source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    number = half_rendered(service, source, out)
    root = out / ".farm" / "store"
    first, second, third = [s for s in service.ledger.stem_files(number) if s.state is StemState.DONE][:3]
    (root / "stems" / str(first.data_hash)[:2] / f"{first.data_hash}.stem").unlink()
    (root / "specs" / second.spec_hash[:2] / f"{second.spec_hash}.json").unlink()
    (root / "specs" / third.spec_hash[:2] / f"{third.spec_hash}.json").write_text("{")
    stray = root / "stems" / "ff" / f"{'f' * 64}.stem"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody knows me")
    song = next(iter(service.ledger.all_song_files(number)))
    lost_midi, bad_midi = song.midi[:2]
    (root / "midi" / lost_midi[:2] / f"{lost_midi}.mid").unlink()
    flip(root / "midi" / bad_midi[:2] / f"{bad_midi}.mid")
    found = {finding["fault"] for finding in service.fsck(exit_code=1)["stores"][0]["findings"]}
    assert found == {
        "lost_audio", "lost_stem", "damaged_sidecar", "orphan_audio", "lost_midi", "damaged_midi",
    }  # fmt: skip
    (one,) = service.fsck("--repair")["stores"]
    assert one["rendered_anew"] == 3
    (orphan,) = [finding for finding in one["findings"] if finding["name"] == stray.stem]
    assert orphan["detail"] == "no sidecar names it; removed, no song under way needs it"
    assert not stray.exists()
    assert service.fsck()["ok"] is True
    assert service.finish(number) is SubmissionState.DONE
    assert published(out) == published(undisturbed)
    assert service.ledger.audit() == []


def test_a_midi_file_that_is_lost_is_made_again_without_anybody(
    service: Service, source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    number = service.submit(source, out)
    service.tasks()
    store = open_store(str(out / ".farm" / "store"))
    for name in list(store.names(Kind.MIDI)):
        store.remove(Kind.MIDI, name)
    assert service.finish(number) is SubmissionState.DONE
    assert published(out) == published(undisturbed)
    assert {row.tries for row in rows(service.ledger, StemRow.tries)} == {0}


def test_a_sample_reads_some_files_and_looks_at_all_names(service: Service, source: Path, tmp_path: Path) -> None:
    number = half_rendered(service, source, tmp_path / "out")
    whole = service.fsck(number)["stores"][0]
    one, other = (service.fsck(number, "--sample", "40%", "--seed", seed)["stores"][0] for seed in ("a", "b"))
    assert whole["read"] == whole["stems"] + whole["midi"]
    assert 0 < one["read"] < whole["read"]
    assert (one["stems"], one["midi"]) == (whole["stems"], whole["midi"])
    assert one["read_bytes"] != other["read_bytes"]
    assert farm("fsck", "--sample", "none", env=service.env).returncode == 2


def test_a_lost_ledger_is_rebuilt_from_folder_and_store(
    service: Service, source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    number = half_rendered(service, source, out)
    while service.ledger.status(number).songs_done == 0:
        service.chief.tick()
        service.slot.run_task()
    service.slot.render_batch()
    tracks = [path.name for path in out.glob("Track*")]
    assert len(tracks) == 1
    before = {path: path.stat().st_mtime_ns for path in out.rglob("Track*/**/*")}
    adopted = len(list(open_store(str(out / ".farm" / "store")).names(Kind.SPECS)))
    assert adopted > 0
    (tmp_path / "new").mkdir()
    with closing(Service(new_ledger_url("sqlite", tmp_path / "new"))) as fresh:
        rebuilt = farm_json("fsck", "--rebuild", out, env=fresh.env)
        assert (rebuilt["published"], rebuilt["stems"]) == (1, adopted)
        again = fresh.submit(source, out)
        assert again == rebuilt["submission"]
        assert fresh.finish(again) is SubmissionState.DONE
        renders = fresh.renders(again)
        assert renders.count(True) == adopted
        assert len(renders) == sum(song.stems_total for song in fresh.ledger.songs(again) if song.name not in tracks)
        assert {song.stems_total for song in fresh.ledger.songs(again) if song.name in tracks} == {0}
        assert fresh.ledger.audit() == []
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert published(out) == published(undisturbed)


def test_a_folder_of_another_engine_is_not_taken_for_published(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    farm_json("run", source, "--out", out, *CHEAP)
    annotation = out / "Track00001" / "annotation.json"
    document = json.loads(annotation.read_text())
    document["provenance"]["engine_version"] = "0.1"
    annotation.write_text(json.dumps(document))
    (out / ".farm" / "ledger.sqlite").unlink()
    report = farm_json("run", source, "--out", out, *CHEAP, exit_code=3)
    assert report["songs"] == {"published": 1, "failed": 1, "accepted": 2}
    assert any("another engine_version" in failure["detail"] for failure in report["failures"])


def test_a_local_run_whose_ledger_is_lost_makes_nothing_again(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    farm_json("run", source, "--out", out, *CHEAP)
    before = published(out)
    (out / ".farm" / "ledger.sqlite").unlink()
    report = farm_json("run", source, "--out", out, *CHEAP)
    assert (report["songs"]["published"], report["stems"]) == (2, 0)
    assert published(out) == before


def test_the_store_is_empty_of_a_published_song(undisturbed: Path) -> None:
    assert files_of(undisturbed / ".farm" / "store") == []


def test_midi_that_an_unfinished_song_shares_stays_until_that_is_published(
    service: Service, source: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"source: {source}\nstore: {{url: {tmp_path / 'shared'}}}\n")
    one = service.submit(plan, tmp_path / "one")
    two = service.submit(plan, tmp_path / "two", "--seed", 5)
    service.tasks()
    service.ledger.pause(two)
    assert service.finish(one) is SubmissionState.DONE
    store = open_store(str(tmp_path / "shared"))
    needed = {name for song in service.ledger.all_song_files(two) for name in song.midi}
    assert set(store.names(Kind.MIDI)) == needed
    service.chief.tick()
    service.ledger.resume(two)
    assert service.finish(two) is SubmissionState.DONE
    assert files_of(tmp_path / "shared") == []
    assert 6 not in {row.losses for row in rows(service.ledger, StemRow.losses)}


def test_a_purge_says_first_and_then_leaves_nothing(service: Service, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    number = half_rendered(service, source, out)
    refused = farm("purge", number, env=service.env)
    assert refused.returncode == 2
    assert "is active" in refused.stderr
    (out / ".farm" / "staging" / "Track00001").mkdir(parents=True)
    (out / ".farm" / "staging" / "Track00001" / "mix.flac").write_bytes(bytes(1000))
    part = out / ".farm" / "store" / "tmp" / f"{'a' * 64}.3.77.part"
    part.write_bytes(bytes(500))
    service.ledger.cancel(number)
    there = files_of(out / ".farm" / "store") + files_of(out / ".farm" / "staging")
    told = farm_json("purge", number, "--dry-run", env=service.env)
    assert told["files"] == len(there)
    assert told["bytes"] == sum(path.stat().st_size for path in there)
    assert files_of(out / ".farm" / "store") + files_of(out / ".farm" / "staging") == there
    done = farm_json("purge", number, env=service.env)
    assert (done["files"], done["bytes"]) == (told["files"], told["bytes"])
    assert not (out / ".farm" / "store").exists()
    assert not (out / ".farm" / "staging").exists()
    assert farm_json("purge", number, env=service.env)["files"] == 0
    farm_json("purge", "--older-than", 0, "--forget", env=service.env)
    assert service.ledger.submissions() == []
    assert rows(service.ledger, AttemptRow.id) == []


def test_a_purge_takes_nothing_that_another_submission_needs(service: Service, source: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"source: {source}\nstore: {{url: {tmp_path / 'shared'}}}\n")
    one = half_rendered(service, plan, tmp_path / "one")
    service.ledger.cancel(one)
    two = service.submit(plan, tmp_path / "two", "--seed", 5)
    service.tasks()
    before = files_of(tmp_path / "shared")
    told = farm_json("purge", one, env=service.env)
    # The same songs and patches: every stem of the first is one of the second.
    assert (told["files"], files_of(tmp_path / "shared")) == (0, before)
    service.ledger.cancel(two)
    farm_json("purge", two, env=service.env)
    assert files_of(tmp_path / "shared") == []


def test_a_store_that_a_plan_keeps_is_purged_only_by_name(service: Service, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    number = service.submit(source, out, "--keep-store")
    assert service.finish(number) is SubmissionState.DONE
    assert service.fsck(number)["stores"][0]["stems"] > 0
    assert farm_json("purge", "--older-than", 0, env=service.env)["files"] == 0
    assert farm_json("purge", number, env=service.env)["files"] > 0
    assert files_of(out / ".farm" / "store") == []
