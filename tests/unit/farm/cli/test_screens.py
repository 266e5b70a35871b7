"""What a person reads at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from farm.cli.screens import LISTED, summary, table


def report(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "out": "/data/[2026]/set", "error": "", "did_anything": True, "stems": 12, "stem_audio_s": 1234.0, "wall_s": 2.0,
        "times_real_time": 617.0, "parts": "full", "rejected": {}, "rejected_tries": {}, "warnings": {},
        "failures": [],
        "songs": {"published": 3, "failed": 0, "accepted": 3},
    }  # fmt: skip
    return {**values, **changes}


def printed(capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    summary(report(**changes))
    return capsys.readouterr().out


def test_figures_reasons_and_the_place_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(
        capsys, rejected={"unreadable": 2}, rejected_tries={"low_audio_score": 3}, warnings={"silent_notes": 1}
    )
    assert "rejected tries: 3 × low_audio_score" in text
    wanted = (
        "3 of 3 songs published",
        "1,234 s of stem audio",
        "617 × real time",
        "2 × unreadable",
        "1 × silent_notes",
    )
    for words in wanted:
        assert words in text
    assert "farm failures /data/[2026]/set" in text


def test_brackets_of_paths_and_details_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    failure = {"kind": "stem", "name": "Track00001/S03", "reason": "all_zero", "detail": "no sound [bold]here[/bold]"}
    text = printed(capsys, failures=[failure], songs={"published": 2, "failed": 1, "accepted": 3})
    assert "listen: /data/[2026]/set/Track*/mix.*" in text
    assert "no sound [bold]here[/bold]" in text
    assert "1 failed" in text


def test_where_nothing_was_published_there_is_nothing_to_listen_to(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = {"published": 0, "failed": 0, "accepted": 0}
    text = printed(capsys, songs=nothing, rejected={"band_not_met": 4}, error="no file of the source became a song")
    assert "listen:" not in text
    assert "farm verify" not in text
    assert text.count("farm failures /data/[2026]/set") == 1


def test_only_so_many_failures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [{"kind": "song", "name": f"Track{n:05d}", "reason": "stem_failed", "detail": ""} for n in range(50)]
    assert printed(capsys, failures=failures).count("stem_failed") == LISTED


def test_a_place_below_the_working_folder_is_shown_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "farm verify out/set" in printed(capsys, out=str(tmp_path / "out" / "set"))


def test_a_run_that_had_nothing_to_do_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing to do" in printed(capsys, did_anything=False, times_real_time=None)


def test_cells_of_a_table_are_text_and_never_markup() -> None:
    console = Console(record=True, width=60)
    console.print(table("t", ["a"], [["[red]x"]]))
    assert "[red]x" in console.export_text()
