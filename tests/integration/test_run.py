"""`farm run` on the demo songs: one machine, no server, real FluidSynth."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.corpus import damaged, songs
from tests.support.farms import DEMO, FARM, farm, farm_json, kill_tree, published, start, wait_until


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the demo songs: enough for several stems at a time, quick enough to render often."""
    folder = tmp_path_factory.mktemp("source")
    for song in sorted(DEMO.glob("*.mid"))[:2]:
        shutil.copy(song, folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of an undisturbed run with two slots."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    report = farm_json("run", source, "--out", out, "--slots", 2, "--seed", 1)
    assert report["songs"] == {"published": 2, "failed": 0, "accepted": 2}
    return out


def test_the_finished_dataset_verifies(undisturbed: Path) -> None:
    done = farm("verify", undisturbed, "--json")
    assert done.returncode == 0, done.stdout


def test_one_slot_makes_the_same_bytes(source: Path, undisturbed: Path, tmp_path: Path) -> None:
    farm_json("run", source, "--out", tmp_path / "out", "--slots", 1, "--seed", 1)
    assert published(tmp_path / "out") == published(undisturbed)


def test_a_second_run_does_nothing_and_says_so(source: Path, undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("Track*/**/*")}
    report = farm_json("run", source, "--out", undisturbed, "--seed", 1)
    assert report["did_anything"] is False
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("Track*/**/*")} == before


def test_the_store_is_emptied_of_what_is_published(undisturbed: Path) -> None:
    assert list((undisturbed / ".farm" / "store").rglob("*.stem")) == []


def test_killed_at_three_random_moments_and_run_again_the_bytes_are_the_same(
    source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    chance = random.Random(20)
    for _ in range(3):
        process = start("run", source, "--out", tmp_path / "out", "--slots", 2, "--seed", 1, log=tmp_path / "log")
        time.sleep(chance.uniform(0.8, 3.0))
        kill_tree(process)
    farm_json("run", source, "--out", tmp_path / "out", "--slots", 2, "--seed", 1)
    assert published(tmp_path / "out") == published(undisturbed)
    assert not list((tmp_path / "out" / ".farm" / "staging").glob("*"))


def test_killing_a_run_leaves_no_process_behind(source: Path, tmp_path: Path) -> None:
    process = start("run", source, "--out", tmp_path / "out", "--slots", 2, log=tmp_path / "log")
    wait_until(lambda: any((tmp_path / "out" / ".farm").glob("store/tmp/*")), what="a stem to be under way")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(240)
    wait_until(lambda: not _mentions(str(tmp_path / "out")), what="slots and engines to end by themselves")


def _mentions(text: str) -> list[str]:
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if text in line and "ps -eo" not in line]


def test_control_c_stops_cleanly_and_the_same_command_goes_on(source: Path, undisturbed: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start("run", source, "--out", out, "--slots", 2, "--seed", 1, log=log)
    wait_until(lambda: any((out / ".farm").glob("store/tmp/*")), what="a stem to be under way")
    kill_tree(process, signal.SIGINT)
    assert process.returncode == 130, log.read_text()
    assert "run the same command to go on" in log.read_text()
    farm_json("run", source, "--out", out, "--slots", 2, "--seed", 1)
    assert published(out) == published(undisturbed)


def test_bad_files_are_rejected_by_name_and_the_run_succeeds(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    shutil.copytree(source, folder)
    good = next(iter(sorted(source.glob("*.mid"))))
    shutil.copy(good, folder / "zz-copy.mid")
    (folder / "empty.mid").write_bytes(b"")
    (folder / "text.MID").write_text("not music")
    report = farm_json("run", folder, "--out", tmp_path / "out", "--slots", 2)
    assert report["rejected"] == {"duplicate": 1, "unreadable": 2}
    assert report["songs"]["published"] == 2
    listed = farm_json("failures", tmp_path / "out")
    assert {(item["name"], item["reason"]) for item in listed} == {
        ("zz-copy.mid", "duplicate"), ("empty.mid", "unreadable"), ("text.MID", "unreadable"),
    }  # fmt: skip


def test_every_part_with_notes_of_the_real_songs_is_a_stem(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    shortest = min(songs(), key=lambda path: path.stat().st_size)
    for path in [shortest, *damaged()]:
        shutil.copy(path, folder)
    report = farm_json("run", folder, "--out", tmp_path / "out", "--rate", 16000, "--channels", 1)
    assert report["songs"]["failed"] == 0
    assert report["songs"]["published"] + sum(report["rejected"].values()) == 4
    for track in (tmp_path / "out").glob("Track*"):
        annotation = json.loads((track / "annotation.json").read_text())
        assert (
            len(list((track / "stems").iterdir())) == len(annotation["stems"]) == len(list((track / "MIDI").iterdir()))
        )


@pytest.mark.parametrize(
    ("make", "arguments", "exit_code", "message"),
    [
        ("", ["--soundfont", "nowhere.sf2"], 2, "there is no soundfont at"),
        ("source: x\nsed: 3\n", [], 2, "Did you mean `seed`?"),
        ("source: [", [], 2, "is not YAML"),
        ("source: nowhere\n", [], 2, "there is nothing at"),
        ("", ["--bits", "32"], 2, "FLAC holds integers"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    source: Path, tmp_path: Path, make: str, arguments: list[str], exit_code: int, message: str
) -> None:
    where = source
    if make:
        where = tmp_path / "plan.yaml"
        where.write_text(make)
    done = farm("run", where, "--out", tmp_path / "out", *arguments)
    assert done.returncode == exit_code
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_soundfont_that_is_none_fails_with_its_name(source: Path, tmp_path: Path) -> None:
    (tmp_path / "fake.sf2").write_bytes(b"RIFFxxxxWAVE")
    done = farm("run", source, "--out", tmp_path / "out", "--soundfont", tmp_path / "fake.sf2")
    assert done.returncode == 2
    assert "fake.sf2" in done.stderr


def test_the_folder_of_another_plan_is_refused(source: Path, undisturbed: Path) -> None:
    done = farm("run", source, "--out", undisturbed, "--seed", 2)
    assert done.returncode == 2
    assert "another plan (it differs in seed)" in done.stderr


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root may write anywhere; the same error is caused by a read-only mount below"
)
def test_a_read_only_folder_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    done = farm("run", source, "--out", tmp_path / "locked" / "out")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def _in_mount(options: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `farm` where `folder` is a tmpfs of its own, in a private mount namespace (Linux; needs no root)."""
    quoted = " ".join(f"'{item}'" for item in (*FARM, *arguments))
    script = f"mount -t tmpfs -o {options} tmpfs '{folder}' && exec {quoted}"
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=240, check=False
    )


def _can_mount() -> bool:
    probe = ["unshare", "-rm", "true"]
    return (
        shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not _can_mount(), reason="this system lets no user make a mount namespace")
@pytest.mark.parametrize("size_mb", [1, 24, 60])
def test_a_full_disk_is_one_line_and_publishes_nothing_half(source: Path, tmp_path: Path, size_mb: int) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = _in_mount(f"size={size_mb}m", folder, "run", source, "--out", folder / "out", "--slots", 2)
    assert done.returncode == 3, done.stderr
    assert "no room" in done.stderr.splitlines()[-1]
    assert "Free some space" in done.stderr


@pytest.mark.skipif(not _can_mount(), reason="this system lets no user make a mount namespace")
def test_a_read_only_mount_is_refused(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = _in_mount("ro", folder, "run", source, "--out", folder / "out")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_where_source_soundfont_and_dataset_lie_is_in_no_published_byte(source: Path, tmp_path: Path) -> None:
    soundfont = Path(json.loads(_probe())["soundfont"]["path"])
    datasets = []
    for place in ("here", "there"):
        folder = tmp_path / place
        shutil.copytree(source, folder / "midi")
        shutil.copy(soundfont, folder / "font.sf2")
        farm_json("run", folder / "midi", "--out", folder / "out", "--soundfont", folder / "font.sf2", "--limit", 1)
        datasets.append(published(folder / "out"))
    assert datasets[0] == datasets[1]


def _probe() -> str:
    probe = [sys.executable, "-P", "-m", "workers.probing", "--json"]
    return subprocess.run(probe, capture_output=True, text=True, check=True).stdout
