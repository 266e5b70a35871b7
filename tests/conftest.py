"""What holds in every test: a clean environment, the profile of generated examples, and no silent skip in CI."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.plugins import HAS_DAWDREAMER

#: Continuous integration sets this; there a test that lacks what it needs fails.
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
#: Words in the reason of a skip that is right even in CI: what the machine's user or system is, and songs that are
#: no part of the project.
MAY_SKIP = ("corpus", "root may", "lets no user", "only on")

#: Words of test files in which an instrument or an effect of DawDreamer is heard, or probed for.
NEEDS_DAWDREAMER = ("dawdreamer", "faust", "Faust", "plugins", "compose", "composing", "effects", "ENGINES")

#: Room that the tests need where temporary files go: with less, slots rest because their disk is full, as they should.
ROOM_BYTES = 8e9

#: How pytest calls the ends that a test may have.
ENDS = ("passed", "failed", "skipped", "error", "xfailed", "xpassed")

CALM = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, deadline=None, database=None, suppress_health_check=CALM)
settings.register_profile("here", deadline=None, max_examples=50)
settings.load_profile("ci" if IN_CI else "here")


def pytest_configure() -> None:
    """Take the person's own farm out of the environment, so that no test speaks to it, and let Ctrl-C be heard."""
    for name in [name for name in os.environ if name.startswith("FARM_")]:
        del os.environ[name]
    # A shell that starts the tests in the background has them ignore Ctrl-C; what they start must not inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    """Stop at once where the disk has no room for the tests, instead of failing much later for reasons hard to see."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        pytest.exit(
            f"{folder}: {free / 1e9:.1f} GB are free, and the tests need {ROOM_BYTES / 1e9:.0f} GB; "
            "make room, or name a larger disk in TMPDIR",
            returncode=4,
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs DawDreamer where that does not load, but never in CI: on Linux it needs libGL of the system."""
    if IN_CI or HAS_DAWDREAMER:
        return
    reason = "DawDreamer does not load here: sudo sh deploy/install-plugins"
    for path in sorted({item.path for item in items}):
        if any(word in path.read_text(encoding="utf-8") for word in NEEDS_DAWDREAMER):
            for item in items:
                if item.path == path:
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Forget which tests failed where others never ran, so that `--last-failed` does not take those for passed.

    That is so where the process of a parallel worker died: the run ends there, since pytest-xdist cannot be relied on to
    finish it with another worker (3.8.0 waits for ever in one of two such runs).
    """
    reporter, last = (session.config.pluginmanager.getplugin(name) for name in ("terminalreporter", "lfplugin"))
    if hasattr(session.config, "workerinput") or reporter is None or last is None:
        return
    ended = {report.nodeid for kind in ENDS for report in reporter.getreports(kind)}
    if len(ended) < session.testscollected:
        last.lastfailed.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips in CI because something that belongs there is missing."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        _refuse(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a whole file that skips in CI, such as one that misses a library."""
    report = yield
    if IN_CI and report.skipped:
        _refuse(report, report.nodeid)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport, nodeid: str) -> None:
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not any(words in reason for words in MAY_SKIP):
        report.outcome = "failed"
        report.longrepr = f"{nodeid} skipped, which is a failure in CI: {reason}"
