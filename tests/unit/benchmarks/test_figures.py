"""What the benchmarks make of their measurements: medians, growth, limits, pictures, and who is missing."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import peers
from benchmarks.again import Line, renders
from benchmarks.breakdown import Breakdown
from benchmarks.contest import FARM, FLOOR, Comparison, summarise
from benchmarks.farmrun import busy_line
from benchmarks.growth import Size, growth, song_more_s
from benchmarks.memory import Figures, over_limits
from benchmarks.peers import Missing
from benchmarks.report import TEXTS, print_breakdown, print_comparison, save
from benchmarks.stages import HOOKS
from benchmarks.watch import FolderWatch, MemoryWatch
from farm.ledger import open_ledger

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


@pytest.fixture
def comparison() -> Comparison:
    setting = {"songs": 6, "stems": 68, "cores": 2, "runs": 5, "effects": False, "soundfont": "some.sf2"}
    times = {FLOOR: [(10.0, 16.0), (11.0, 17.0), (9.0, 15.0)], FARM: [(18.0, 25.0), (14.0, 24.0), (15.0, 23.0)]}
    figures = summarise(times, audio_s=1000.0)
    return Comparison(setting, figures, [Missing(peers.COMMAND, "the fluidsynth command", "apt it")], goal=1.6)


@pytest.fixture
def breakdown() -> Breakdown:
    rows = dict.fromkeys(TEXTS, 1.0)
    return Breakdown(
        wall_s=len(rows) / 2, cores=2, rows=rows, waits=dict.fromkeys(HOOKS, 0.5), calls=dict.fromkeys(HOOKS, 9)
    )


def test_figures_are_medians_and_multiples_of_the_bare_synthesiser(comparison: Comparison) -> None:
    assert comparison.figures[FARM] == {
        "median_s": 15.0, "min_s": 14.0, "max_s": 18.0, "times_bare": 1.5, "times_real_time": 67,
        "cpu_s": 24.0, "times_bare_cpu": 1.5,
    }  # fmt: skip
    assert comparison.ratio == 1.5
    assert comparison.is_met
    assert not replace(comparison, goal=1.35).is_met


def test_the_table_says_who_is_missing_and_how_to_install_it(comparison: Comparison) -> None:
    screen = io.StringIO()
    print_comparison(comparison, Console(file=screen, width=120))
    assert "not installed" in screen.getvalue()
    assert "sh deploy/install-peers, or apt it" in screen.getvalue()


def test_a_busy_machine_is_said(comparison: Comparison) -> None:
    screen = io.StringIO()
    print_comparison(replace(comparison, others=0.41), Console(file=screen, width=120))
    assert "other programs took up to 41% of the cores" in screen.getvalue()
    assert busy_line([0.01, 0.02]) is None


def test_the_breakdown_is_printed_with_its_sum(breakdown: Breakdown) -> None:
    screen = io.StringIO()
    print_breakdown(breakdown, 10.0, Console(file=screen, width=120))
    lines = screen.getvalue().splitlines()
    assert any("cores × wall" in line and f"{breakdown.whole_s:.2f}" in line for line in lines)
    assert all(any(name in line for line in lines) for name in breakdown.rows)


def test_pictures_and_figures_are_written_and_repeatable(
    tmp_path: Path, comparison: Comparison, breakdown: Breakdown
) -> None:
    pytest.importorskip("matplotlib")
    for folder in ("one", "two"):
        save(comparison, breakdown, tmp_path / folder)
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"bench.json", "bench.png", "bench.svg"}
    assert (tmp_path / "one" / "bench.svg").read_bytes() == (tmp_path / "two" / "bench.svg").read_bytes()


def test_a_contestant_that_is_not_installed_comes_with_its_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(peers, "_imports", lambda *_: False)
    assert [missing.name for missing in peers.missing()] == [peers.COMMAND, peers.POOL]
    assert all("fluid" in missing.command for missing in peers.missing())


def _sizes(*walls_s: float) -> list[Size]:
    """Runs of 6, 60 and 600 songs that took so long."""
    return [
        Size(songs, 1, wall_s, 1.0, 1.0, 1.0, 1, 1.0, 1.0, 1.0, 1.0, 0.0)
        for songs, wall_s in zip((6, 60, 600), walls_s, strict=True)
    ]


def test_what_a_song_more_costs_leaves_out_the_start() -> None:
    assert song_more_s(_sizes(4.0, 31.0, 328.0), "wall_s") == pytest.approx([0.5, 0.55])


def test_growth_is_what_later_songs_cost_more_than_the_first_ones() -> None:
    assert growth(_sizes(4.0, 31.0, 328.0), "wall_s") == pytest.approx(0.1)
    assert growth(_sizes(4.0, 31.0, 247.0), "wall_s") == pytest.approx(0.0)
    assert growth(_sizes(3.0, 36.0, 366.0), "wall_s") == pytest.approx(0.22)  # each song among 600 against each among 6


def test_memory_over_a_limit_is_named_with_what_it_is_over_by() -> None:
    within = Figures("song", 9, 1.0, 150.0, 300.0, 80.0, 200.0, 190.0, 350.0, 100.0, 80.0, 500.0)
    assert over_limits(within) == []
    findings = over_limits(replace(within, pair_mb=450.0, slot_mb=1500.0))
    assert [finding.partition(" (")[0] for finding in findings] == [
        "song: a slot beside its soundfont had 450 MB, 50 MB more than 400",
        "song: the process that mixed had 1500 MB, 500 MB more than 1000",
    ]


def test_a_repetition_that_renders_is_not_met() -> None:
    assert Line("again", 1.0, None, rendered=0, cached=9, may_render=0).is_met
    assert not Line("again", 1.0, None, rendered=1, cached=8, may_render=0).is_met
    assert not Line("song", 3.1, 3.0).is_met


def test_an_empty_ledger_has_rendered_nothing(tmp_path: Path) -> None:
    open_ledger(tmp_path / "ledger.sqlite").close()
    assert renders(tmp_path / "ledger.sqlite", 1) == (0, 0)


def test_the_most_of_a_folder_is_seen_though_it_is_emptied(tmp_path: Path) -> None:
    with FolderWatch(tmp_path, every_s=0.01) as watch:
        (tmp_path / "stem").write_bytes(bytes(5000))
        deadline = time.monotonic() + 30
        while watch.bytes < 5000 and time.monotonic() < deadline:
            time.sleep(0.01)
        (tmp_path / "stem").unlink()
    assert (watch.bytes, watch.files) == (5000, 1)


def test_the_most_memory_of_a_process_is_seen() -> None:
    code = "import sys; data = b'x' * 60_000_000; print(flush=True); sys.stdin.read()"
    with MemoryWatch(every_s=0.01) as watch:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            deadline = time.monotonic() + 30
            while watch.most("helper").rss_mb < 60 and time.monotonic() < deadline:
                time.sleep(0.01)
    assert watch.most("helper").rss_mb > 60


def _fake(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def _install(path: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(DEPLOY / "install-peers"), str(venv)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": str(path)}, timeout=240)


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """A PATH with what every system has, and an environment whose Python can import everything."""
    tools, venv = tmp_path / "tools", tmp_path / "venv"
    tools.mkdir()
    (venv / "bin").mkdir(parents=True)
    _fake(venv / "bin", "python", "exit 0")
    for name, target in (("dirname", "/usr/bin/dirname"), ("env", "/usr/bin/env"), ("sh", "/bin/sh")):
        (tools / name).symlink_to(target)
    _fake(tools, "uname", "echo Linux")
    _fake(tools, "id", "echo 1000")
    return tools, venv


def test_peers_that_are_there_are_left_alone(machine: tuple[Path, Path]) -> None:
    tools, venv = machine
    _fake(tools, "fluidsynth", "exit 0")
    _fake(tools, "apt-get", "echo apt >&2; exit 1")
    done = _install(tools, venv)
    assert (done.returncode, done.stderr) == (0, "")


def test_apt_installs_without_recommended_packages_and_without_a_password(machine: tuple[Path, Path]) -> None:
    tools, venv = machine
    log = tools / "log"
    _fake(tools, "sudo", f'echo "sudo $*" >> {log}; [ "$1" = -n ] || exit 1; shift; "$@"')
    _fake(tools, "true", "exit 0")
    _fake(
        tools,
        "apt-get",
        f'echo "$*" >> {log}; printf "#!/bin/sh\\n" > {tools}/fluidsynth; /bin/chmod 755 {tools}/fluidsynth',
    )
    done = _install(tools, venv)
    assert done.returncode == 0, done.stderr
    assert "--no-install-recommends fluidsynth" in log.read_text()
    assert "installed the fluidsynth command" in done.stderr


def test_where_nothing_can_be_installed_the_command_is_said(machine: tuple[Path, Path]) -> None:
    tools, venv = machine
    _fake(tools, "apt-get", "exit 1")
    _fake(tools, "sudo", "exit 1")
    _fake(venv / "bin", "python", "exit 1")
    done = _install(tools, venv)
    assert done.returncode == 1
    assert "sudo apt install --no-install-recommends fluidsynth" in done.stderr
    assert "pip install -c constraints.txt pyfluidsynth" in done.stderr


def test_on_macos_homebrew_installs_it(machine: tuple[Path, Path]) -> None:
    tools, venv = machine
    _fake(tools, "uname", "echo Darwin")
    _fake(
        tools,
        "brew",
        f'echo "$*" > {tools}/log; printf "#!/bin/sh\\n" > {tools}/fluidsynth; /bin/chmod 755 {tools}/fluidsynth',
    )
    done = _install(tools, venv)
    assert done.returncode == 0, done.stderr
    assert "fluid-synth" in (tools / "log").read_text()
