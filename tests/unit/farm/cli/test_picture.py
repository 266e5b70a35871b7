"""What the live screen shows: progress, the forecast, the bottleneck, and failures by fingerprint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, RenderableType

from farm.cli.eta import lines
from farm.cli.output import clock_time
from farm.cli.picture import LISTED, View, listing, picture, share_done
from farm.cli.watch import Pace
from farm.ledger import FailureGroup, HoldReport, PatchReport, SubmissionStatus
from farm.scheduling.eta import Bottleneck, Eta
from schemas.states import SubmissionState

BOTTLENECK = Bottleneck(
    load_key="5e0f" * 16, label="Grand [big].sf2", stems=3200, work_s=4000.0, share=0.61, slots=2, alone_s=2000.0, decides=True,
    reason="its limit allows 2 of 8 slots",
)  # fmt: skip
ETA = Eta(
    p50_s=2000.0, p90_s=2600.0, unknown="", work_s=6500.0, stems_left=5000, held_stems=0, slots=8, tries=900,
    bottleneck=BOTTLENECK,
)  # fmt: skip


def status(**changes: Any) -> SubmissionStatus:
    values: dict[str, Any] = {
        "submission_id": 3, "name": "lakh [clean]", "state": SubmissionState.ACTIVE, "error": "", "files_total": 4000,
        "files_scanned": 4000, "songs_total": 2800, "songs_done": 1204, "songs_failed": 3, "songs": {}, "stems_total": 22400,
        "stems_done": 9812, "stems": {}, "stem_audio_s": 7384.0, "render_s": 10.0, "rejected": {"too_short": 12},
        "failures": {}, "stem_failures": {}, "warnings": {}, "work_total": 1000.0, "work_done": 432.0,
        "elapsed_s": 3720.0, "live_slots": 8,
    }  # fmt: skip
    return SubmissionStatus(**{**values, **changes})


def patch(number: int, **changes: Any) -> PatchReport:
    values: dict[str, Any] = {
        "load_key": f"{number:064d}", "label": f"font {number}", "engine": "fluidsynth", "ready": 10, "leased": 2, "done": 5,
        "failed": 0, "est_s": float(number), "load_s": 0.5, "rtf": 0.005, "quarantined": False, "reason": "",
    }  # fmt: skip
    return PatchReport(**{**values, **changes})


def group(number: int, **changes: Any) -> FailureGroup:
    values: dict[str, Any] = {
        "fingerprint": f"f{number}", "reason": "engine_crash", "sample": f"signal {number} [11]", "count": number,
        "patches": ("Grand", "Brass", "Choir"), "hosts": ("render-1",),
    }  # fmt: skip
    return FailureGroup(**{**values, **changes})


def drawn(view: View) -> str:
    return printed(picture(view))


def printed(shown: RenderableType) -> str:
    console = Console(width=150, force_terminal=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_progress_names_songs_stems_slots_and_time() -> None:
    text = drawn(View(status(), pace=312.4))
    for words in ("submission 3", "lakh [clean]", "active", "43.2 %", "1,204 of 2,800 songs published", "3 failed",
                  "9,812 stems rendered, 2 h 03 min of audio", "312 × real time", "8 slots", "1 h 02 min so far",
                  "too_short"):  # fmt: skip
        assert words in text


def test_the_forecast_and_the_bottleneck_are_told() -> None:
    text = drawn(View(status(), eta=ETA))
    assert "in 33 min 20 s" in text
    assert "(p50)" in text
    assert "in 43 min 20 s" in text
    assert "(p90)" in text
    assert "Grand [big].sf2 (5e0f5e0f5e0f) holds it up: 3,200 stems, 61 % of what is left, its limit allows" in text
    assert "quarantined" not in text


def test_a_forecast_that_nobody_can_make_says_why_and_what_is_held() -> None:
    told = "\n".join(lines(replace(ETA, p50_s=None, p90_s=None, unknown="no slot is alive", held_stems=7)))
    assert "nobody can say, no slot is alive" in told
    assert "7 stems of quarantined patches" in told


def test_a_patch_that_is_last_but_not_alone_is_said_to_be_that() -> None:
    told = lines(replace(ETA, bottleneck=replace(BOTTLENECK, decides=False)))
    assert any("is done last" in line for line in told)


def test_a_time_of_another_day_has_its_date() -> None:
    assert clock_time(1_000_000.0, 1_000_000.0).count(":") == 2
    assert clock_time(1_000_000.0 + 3 * 86400, 1_000_000.0).startswith("1970-01-1")


def test_failures_come_by_fingerprint_the_largest_first() -> None:
    text = drawn(View(status(), failures=[group(number) for number in range(1, 20)]))
    assert "failures by fingerprint: 19" in text
    assert "signal 19 [11]" in text
    assert text.index("f19 ") < text.index("f12 ")
    assert "f11 " not in text
    assert text.count("engine_crash") == LISTED
    assert "Grand, Brass and 1 more" in text


def test_quarantined_patches_come_first_and_finished_ones_are_left_out() -> None:
    patches = [patch(number) for number in range(1, 20)]
    patches += [patch(50, ready=0, leased=0), patch(51, est_s=0.0, ready=0, leased=0, quarantined=True)]
    hold = HoldReport("0", "font 52:000:055", "fluidsynth", 3, True, "it hums", "font 52:000:055")
    patches += [patch(52, est_s=0.5, held=3, held_patches=(hold,))]
    text = drawn(View(status(), patches=patches))
    assert "patches with work left: 21" in text
    assert text.index("font 51") < text.index("font 52") < text.index("font 19") < text.index("font 14")
    assert "3 stems held" in text
    assert "font 13" not in text
    assert "font 50" not in text
    assert "200 ×" in text


@pytest.mark.parametrize(
    ("state", "share"),
    [
        (SubmissionState.SUBMITTING, 0.0), (SubmissionState.SCANNING, 0.0), (SubmissionState.ACTIVE, 0.432),
        (SubmissionState.PAUSED, 0.432), (SubmissionState.CANCELLED, 0.43), (SubmissionState.DONE, 1.0),
        (SubmissionState.FAILED, 0.43),
    ],
)  # fmt: skip
def test_how_much_is_behind(state: SubmissionState, share: float) -> None:
    assert share_done(status(state=state)) == share
    assert share_done(status(state=SubmissionState.ACTIVE, work_total=0.0)) == 0.0


def test_before_the_plan_files_are_counted_and_after_the_end_the_whole_time() -> None:
    assert "17 of 4,000 files read" in drawn(View(status(state=SubmissionState.SCANNING, files_scanned=17)))
    assert "in 1 h 02 min" in drawn(View(status(state=SubmissionState.DONE)))


def test_an_error_is_shown() -> None:
    assert "no file [of] the source" in drawn(View(status(error="no file [of] the source")))


@pytest.mark.parametrize("state", SubmissionState)
def test_every_state_has_a_picture(state: SubmissionState) -> None:
    assert state.value in drawn(View(status(state=state)))


def test_all_submissions_are_listed() -> None:
    text = printed(listing([status(), status(submission_id=4, priority=50)]))
    assert "lakh [clean]" in text
    assert "50" in text


def test_the_pace_is_that_of_the_last_looks() -> None:
    pace = Pace(looks=2)
    assert pace.measure(10.0, status(stem_audio_s=0.0)) is None
    assert pace.measure(11.0, status(stem_audio_s=300.0)) == 300.0
    assert pace.measure(12.0, status(stem_audio_s=400.0)) == 200.0
    assert pace.measure(13.0, status(stem_audio_s=400.0)) == 50.0
