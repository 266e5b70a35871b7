"""How far it is, when it will be done and what happened, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.cli import logs, watch
from farm.cli.logs import kind_of
from farm.ledger import Ledger
from schemas.errors import PlanError
from schemas.logs import LogLine, log_file
from schemas.states import EventKind, SubmissionState
from tests.support.ledgers import Worker, reconciler, rendering, submit
from tests.unit.farm.cli.conftest import Call, finish, lose_stem


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let things happen where a command would sleep; the person stops it after the last of them."""

    def script(module: object, *steps: Callable[[], object]) -> None:
        left = list(steps)

        def sleep(_: float) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr(module.time, "sleep", sleep)  # type: ignore[attr-defined]

    return script


@pytest.mark.parametrize(
    "command", [("eta",), ("logs",), ("status",), ("status", "--watch"), ("songs",), ("failures",)]
)
def test_an_unknown_submission_is_named(command: tuple[str, ...], ledger: Ledger, call: Call) -> None:
    answer = call(command[0], 77, *command[1:])
    assert answer.code == 2
    assert "77" in answer.err
    assert call(command[0], 77, *command[1:], "--json").json["reason"] == "unknown_id"


def test_status_lists_all_or_shows_one(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger, songs=2, name="two [songs]")
    assert "two [songs]" in call("status").out
    assert "0 of 2 songs published" in call("status", number).out
    assert [row["submission_id"] for row in call("status", "--json").json] == [number]
    assert call("status", number, "--json").json["songs_total"] == 2


def test_the_live_screen_ends_with_the_submission(ledger: Ledger, call: Call, sleeps: Callable[..., None]) -> None:
    number, worker = rendering(ledger, songs=2)
    sleeps(watch, worker.render, lambda: finish(ledger, worker, number))
    answer = call("status", number, "--watch")
    assert answer.code == 0
    assert "2 of 2 songs published" in answer.out
    assert "100.0 %" in answer.out


def test_the_live_screen_of_a_submission_that_fails_ends_with_3_and_shows_why(
    ledger: Ledger, call: Call, sleeps: Callable[..., None]
) -> None:
    number, worker = rendering(ledger, songs=2)
    sleeps(watch, lambda: (lose_stem(worker), finish(ledger, worker, number)))
    answer = call("status", number, "--watch")
    assert answer.code == 3
    assert "failures by fingerprint: 1" in answer.out
    assert "engine_crash" in answer.out


def test_watching_in_json_is_a_line_for_every_look(ledger: Ledger, call: Call, sleeps: Callable[..., None]) -> None:
    number, worker = rendering(ledger)
    sleeps(watch, worker.render, lambda: finish(ledger, worker, number))
    looks = [json.loads(line) for line in call("status", number, "--watch", "--json").out.splitlines()]
    assert [look["status"]["stems_done"] for look in looks] == [0, 5, 5]
    assert looks[0]["eta"]["stems_left"] == 5
    assert looks[0]["patches"][0]["ready"] == 5
    assert looks[-1]["eta"] is None


def test_a_person_who_stops_watching_has_done_nothing_wrong(
    ledger: Ledger, call: Call, sleeps: Callable[..., None]
) -> None:
    number, _ = rendering(ledger)
    sleeps(watch)
    assert call("status", number, "--watch").code == 0


def test_all_submissions_are_watched_until_all_have_ended(
    ledger: Ledger, call: Call, sleeps: Callable[..., None]
) -> None:
    number, worker = rendering(ledger)
    sleeps(watch, lambda: finish(ledger, worker, number))
    looks = [json.loads(line) for line in call("status", "--watch", "--json").out.splitlines()]
    assert [look[0]["state"] for look in looks] == ["active", "done"]


def test_a_forecast_without_measurements_says_why(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    answer = call("eta", number)
    assert answer.code == 0
    assert "nobody can say" in answer.out
    assert "5 stems of open songs" in answer.out
    found = call("eta", number, "--json").json
    assert found["p50_s"] is None
    assert found["unknown"]
    assert found["stems_left"] == 5


def test_a_forecast_from_measurements_names_both_times_and_the_bottleneck(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger, songs=4)
    _render_some(worker, 10)
    found = call("eta", number, "--json").json
    assert 0 < found["p50_s"] <= found["p90_s"]
    assert found["bottleneck"]["load_key"] == ledger.patches()[0].load_key
    text = call("eta", number).out
    assert "(p50)" in text
    assert "(p90)" in text
    assert "bottleneck: " in text


def _render_some(worker: Worker, count: int) -> None:
    from tests.support.ledgers import commit_of

    for _ in range(count):
        assert all(worker.ledger.commit_stems(worker.slot, [commit_of(lease) for lease in worker.lease(limit=1)]))


@pytest.mark.parametrize(("command", "words"), [("pause", "it is paused"), (None, "still being read")])
def test_a_submission_that_stands_still_has_no_end_in_sight(
    command: str | None, words: str, ledger: Ledger, call: Call
) -> None:
    number = submit(ledger, ["a.mid"]) if command is None else rendering(ledger)[0]
    if command is not None:
        call(command, number)
    assert words in call("eta", number).out
    assert call("eta", number, "--json").json["p50_s"] is None


def test_a_submission_that_has_ended_needs_no_forecast(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    finish(ledger, worker, number)
    assert call("eta", number).out.startswith(f"submission {number}: done, it took")
    assert call("eta", number, "--json").json["state"] == "done"


def test_held_work_is_told_with_the_forecast(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger, songs=4)
    _render_some(worker, 3)
    call("quarantine", ledger.patches()[0].load_key)
    assert "held: 17 stems of quarantined patches" in call("eta", number).out


def test_logs_tell_what_happened_the_oldest_first(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    call("pause", number)
    call("resume", number)
    text = call("logs", number).out
    assert text.index("paused") < text.index("resumed")
    kinds = [json.loads(line)["kind"] for line in call("logs", number, "--json").out.splitlines()]
    assert kinds.index("paused") < kinds.index("resumed")
    assert [json.loads(line)["kind"] for line in call("logs", "-n", 1, "--json").out.splitlines()] == kinds[-1:]


def test_logs_of_one_kind_or_one_host(ledger: Ledger, call: Call) -> None:
    rendering(ledger)
    ledger.note_event(EventKind.RECYCLED, "growth: 600 MB", host="render-1")
    ledger.note_event(EventKind.SLOT_GONE, "no sign of life", host="render-2")
    assert [line["host"] for line in _lines(call("logs", "--kind", "slot-gone", "--json").out)] == ["render-2"]
    assert [line["kind"] for line in _lines(call("logs", "--host", "render-1", "--json").out)] == ["recycled"]
    assert "growth: 600 MB" in call("logs", "--host", "render-1").out
    assert "nothing like that" in call("logs", "--kind", "disk-full").out


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_unknown_kind_names_the_known_ones(ledger: Ledger, call: Call) -> None:
    answer = call("logs", "--kind", "explosion", "--json")
    assert answer.code == 2
    assert "slot-gone" in answer.json["hint"]


@pytest.mark.parametrize("text", ["slot gone", "slot-gone", "SLOT_GONE"])
def test_a_kind_is_named_with_or_without_its_space(text: str) -> None:
    assert kind_of(text) is EventKind.SLOT_GONE
    assert kind_of(None) is None
    with pytest.raises(PlanError):
        kind_of("")


def test_logs_go_on_with_what_happens(ledger: Ledger, call: Call, sleeps: Callable[..., None]) -> None:
    def happens(detail: str) -> Callable[[], object]:
        return lambda: ledger.note_event(EventKind.RECYCLED, detail, host="render-1")

    happens("first")()
    sleeps(logs, happens("second"), lambda: None, happens("third"))
    answer = call("logs", "--kind", "recycled", "--follow", "--json")
    assert answer.code == 0
    assert [line["detail"] for line in _lines(answer.out)] == ["first", "second", "third"]


def _write(folder: Path, host: str, at: float, message: str, **fields: int | str) -> None:
    line = LogLine(at=at, host=host, pid=7, level="info", logger="workers.slot", message=message, fields={**fields})
    folder.mkdir(exist_ok=True)
    with open(log_file(folder, host), "a", encoding="utf-8") as handle:
        handle.write(line.model_dump_json() + "\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARM_LOG_DIR", str(tmp_path / "logs"))
    return tmp_path / "logs"


def test_lines_of_the_hosts_logs_are_read_without_a_ledger(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FARM_LEDGER_URL", raising=False)
    _write(folder, "render-1", 2.0, "rendered", submission=3, stem="Track00001/S01")
    _write(folder, "render-2", 1.0, "rendered", submission=4)
    text = call("logs", "--lines").out
    assert text.index("render-2 7  rendered") < text.index("render-1 7  rendered")
    assert "stem=Track00001/S01" in text
    assert [line["host"] for line in _lines(call("logs", 4, "--lines", "--json").out)] == ["render-2"]
    assert [line["at"] for line in _lines(call("logs", "--lines", "--host", "render-1", "--json").out)] == [2.0]


def test_lines_are_followed(folder: Path, call: Call, sleeps: Callable[..., None]) -> None:
    _write(folder, "a", 1.0, "one", submission=3)
    sleeps(logs, lambda: _write(folder, "b", 2.0, "two", submission=3), lambda: _write(folder, "b", 3.0, "other"))
    found = _lines(call("logs", 3, "--lines", "--follow", "--json").out)
    assert [line["message"] for line in found] == ["one", "two"]


def test_logs_that_are_not_here_are_said_to_be_elsewhere(folder: Path, call: Call) -> None:
    answer = call("logs", "--lines", "--host", "render-9", "--json")
    assert answer.code == 2
    assert "render-9" in answer.json["error"]
    assert "FARM_LOG_DIR" in answer.json["hint"]


def test_a_cancelled_submission_ends_the_watch_with_3(ledger: Ledger, call: Call, sleeps: Callable[..., None]) -> None:
    number, _ = rendering(ledger)
    sleeps(watch, lambda: ledger.cancel(number), reconciler(ledger).tick)
    assert call("status", number, "--watch").code == 3
    assert ledger.submission(number).state is SubmissionState.CANCELLED
