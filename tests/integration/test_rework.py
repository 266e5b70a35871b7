"""`farm convert` and `farm submix` on songs that FluidSynth played: verified results, the same bytes, no harm by kills."""

from __future__ import annotations

import random
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.farms import DEMO, farm, farm_json, kill_tree, published, start, wait_until

#: In Slakh's form.
RECIPE = "Mixing key: inst_class\nRecipes:\n  Rhythm Section: [Drums, Bass]\n  Sitars: [Ethnic]\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for song in sorted(DEMO.glob("*.mid"))[:2]:
        shutil.copy(song, folder)
    (folder / "rhythm.yaml").write_text(RECIPE)
    (folder / "plan.yaml").write_text("source: .\noutput:\n  rate_hz: 22050\n  submixes: [band, rhythm.yaml]\n")
    return folder


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs, 22.05 kHz and stereo, with submixes from the pipeline."""
    out = tmp_path_factory.mktemp("made") / "out"
    farm_json("run", source / "plan.yaml", "--out", out, "--slots", 2)
    return out


@pytest.fixture(scope="module")
def converted(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("converted") / "out"
    report = farm_json("convert", made, out, "--rate", 16000, "--mono", "--bits", 16, "--format", "wav", "--jobs", 2)
    assert (report["reworked"], report["failed"]) == (2, [])
    return out


def test_a_plan_with_submixes_makes_a_dataset_that_verifies(made: Path) -> None:
    done = farm("verify", made)
    assert done.returncode == 0, done.stdout
    groups = sorted(path.name for path in (made / "Track00001" / "submixes" / "rhythm").iterdir())
    assert groups == ["residuals.flac", "rhythm_section.flac", "sitars.flac"]


def test_submixes_after_the_fact_are_those_of_the_plan(made: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(made, tmp_path / "out", ignore=shutil.ignore_patterns(".farm")))
    (tmp_path / "afterwards.yaml").write_text(RECIPE)
    assert farm_json("submix", out, tmp_path / "afterwards.yaml")["reworked"] == 2
    for track in ("Track00001", "Track00002"):
        submixes = out / track / "submixes"
        assert published(submixes / "afterwards") == published(submixes / "rhythm")
    done = farm("verify", out)
    assert done.returncode == 0, done.stdout


def test_what_was_converted_verifies(converted: Path) -> None:
    done = farm("verify", converted)
    assert done.returncode == 0, done.stdout


def test_killed_at_random_moments_the_same_command_gives_the_same_bytes(
    made: Path, converted: Path, tmp_path: Path
) -> None:
    """The command alone is killed, and not the processes that it started: they must end by themselves."""
    dataset = Path(shutil.copytree(made, tmp_path / "out", ignore=shutil.ignore_patterns(".farm")))
    wanted = ("convert", dataset, "--in-place", "--rate", 16000, "--mono", "--bits", 16, "--format", "wav", "--jobs", 2)
    chance = random.Random(7)
    for _ in range(3):
        process = start(*wanted, log=tmp_path / "log")
        time.sleep(chance.uniform(0.3, 1.8))
        process.kill()
        process.wait(240)
    report = farm_json(*wanted)
    assert report["failed"] == []
    assert published(dataset) == published(converted)


def test_a_killed_command_leaves_no_process_behind(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    process = start("convert", made, target, "--rate", 48000, "--jobs", 2, log=tmp_path / "log")
    wait_until(lambda: any((target / ".farm").glob("convert/*.part/stems/*")), what="a song to be under way")
    names = processes_below(process.pid)
    assert len(names) > 1
    process.kill()
    process.wait(240)
    wait_until(lambda: not names & alive(), what="all that it started to end")


def test_control_c_says_that_the_same_command_goes_on(made: Path, tmp_path: Path) -> None:
    """Songs at a high rate take long enough for the signal to come in their midst on any machine."""
    out = tmp_path / "out"
    process = start("convert", made, out, "--rate", 96000, "--jobs", 1, log=tmp_path / "log")
    wait_until(partial(has_begun, out), what="a song to be under way")
    kill_tree(process, signal.SIGINT)
    assert process.returncode == 130
    assert (tmp_path / "log").read_text() == "farm: interrupted; run the same command to go on\n"


def has_begun(out: Path) -> bool:
    return any((out / ".farm").glob("convert/*.part"))


def processes_below(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def alive() -> set[int]:
    return {one.pid for one in psutil.process_iter() if one.status() != psutil.STATUS_ZOMBIE}


def test_errors_are_one_line_with_what_to_do(made: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("Mixing key: program_num\nRecipes: {A: [1], B: [1]}\n")
    for arguments, code, words in (
        (("convert", made), 2, "--in-place"),
        (("convert", made, tmp_path / "out"), 2, "--format"),
        (("convert", made, tmp_path / "out", "--rate", 12345), 2, "16000"),
        (("convert", tmp_path / "gone", tmp_path / "out", "--mono"), 2, "Name the folder of a dataset"),
        (("submix", made, tmp_path / "bad.yaml"), 2, "used more than once (in A, B)"),
        (("submix", made, "band", "--track", "Track77777"), 2, "no track Track77777"),
    ):
        done = farm(*arguments)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (code, 1), done.stderr
        assert words in done.stderr
