"""The drawing of patches: the job of a stem has every constant of its audio."""

from __future__ import annotations

import pytest

from farm.planning.draw import draw_stems, expected_s
from schemas.patch import DRUM_BANK
from schemas.song import SplitResult
from tests.support.ledgers import engine_facts, plan, split_result


def test_every_part_gets_the_plans_engine_at_its_own_program() -> None:
    split = split_result("x", parts=3)
    wanted = plan(output={"rate_hz": 48000, "channels": 1}, tail_max_s=5, engine={"settings": {"gain": 0.7}})
    stems = draw_stems(wanted, engine_facts(), split)
    assert [stem.part for stem in stems] == split.parts
    for stem in stems:
        job = stem.job
        assert (job.midi_sha256, job.rate_hz, job.channels, job.tail_max_s) == (stem.part.midi_sha256, 48000, 1, 5)
        assert (job.patch.bank, job.patch.program, job.patch.settings.gain) == (0, stem.part.program, 0.7)
        assert (job.patch.engine_version, job.patch.asset) == ("2.5.7", engine_facts().soundfont)


def test_drums_play_from_the_drum_bank_whatever_their_own() -> None:
    part = (
        split_result("x", parts=1).parts[0].model_copy(update={"is_drum": True, "bank": 7, "program": 25, "channel": 9})
    )
    stem = draw_stems(plan(), engine_facts(), SplitResult(parts=[part], duration_s=1.0))[0]
    assert (stem.job.patch.bank, stem.job.patch.program, stem.job.patch.is_drum) == (DRUM_BANK, 25, True)


def test_the_draw_depends_on_nothing_but_its_arguments() -> None:
    assert draw_stems(plan(), engine_facts(), split_result("x")) == draw_stems(
        plan(), engine_facts(), split_result("x")
    )


def test_longer_and_denser_parts_and_higher_rates_are_expected_to_take_longer() -> None:
    part = split_result("x", parts=1).parts[0]
    base = expected_s(part, 44100)
    assert base > 0
    assert expected_s(part.model_copy(update={"end_s": part.end_s * 2}), 44100) > base
    assert expected_s(part.model_copy(update={"notes": part.notes * 2}), 44100) > base
    assert expected_s(part, 88200) == pytest.approx(2 * base)
