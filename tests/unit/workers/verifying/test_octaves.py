"""A stem that sounds octaves away from its notes: found by many notes that agree, and by nothing less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import midi
from tests.support.damage import found
from tests.support.datasets import make_song, song_spec, write_records
from tests.support.stems import Audio
from workers.midi.split import split_song
from workers.publishing.publish import publish_song
from workers.verifying import Code, verify_dataset
from workers.verifying.octaves import Partials, octave_of

RATE_HZ = 16000
SCALE = (48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67)

#: Partials in decibels: odd ones, half-way ones, quarters.
RIGHT = (-3.0, -40.0, -40.0)


def song(keys: tuple[int, ...] = SCALE, *, program: int = 73) -> bytes:
    """Return a song of one slow line and a short other part."""
    notes = [event for place, key in enumerate(keys) for event in midi.note(place * 960, 480, key)]
    other = [event for place in range(4) for event in midi.note(place * 960, 240, 36, channel=9)]
    return midi.song(
        [midi.tempo(0, 120)],
        [midi.name(0, "line"), midi.program(0, program, 0), *notes],
        [midi.name(0, "drums"), midi.program(0, 0, 9), *other],
    )


def sounding(keys: tuple[int, ...], octaves: float, like: Audio, *, body: float = 0.0) -> Audio:
    """Return the line as an instrument with falling harmonics plays it, so many octaves above its notes.

    `body` is the level of a single partial half-way below each note.
    """
    audio = np.zeros_like(like)
    for place, key in enumerate(keys):
        time_s = np.arange(round(0.45 * RATE_HZ)) / RATE_HZ
        hertz = 440.0 * 2 ** ((key - 69) / 12 + octaves)
        parts = [np.sin(2 * np.pi * hertz * k * time_s) / k for k in range(1, 9) if hertz * k < RATE_HZ / 2]
        wave = np.sum(parts, axis=0) + body * np.sin(np.pi * hertz * time_s)
        start = place * RATE_HZ
        audio[start : start + len(wave), 0] = 0.1 * wave * np.minimum(1.0, (0.45 - time_s) * 20)
    return audio


def dataset(root: Path, octaves: float, *, keys: tuple[int, ...] = SCALE, program: int = 73, body: float = 0.0) -> Path:
    data = song(keys, program=program)
    split, _ = split_song(data)
    assert song_spec(data, split).name == "Track00001"

    def spoil(stems: dict[str, Audio]) -> dict[str, Audio]:
        return {**stems, "S00": sounding(keys, octaves, stems["S00"], body=body)}

    contents = make_song(root / "work", data, spoil=spoil)
    record = publish_song(root / "work" / "staging", root / "dataset" / "Track00001", contents)
    write_records(root / "dataset", [record])
    return root / "dataset"


@pytest.mark.parametrize(
    ("octaves", "where"),
    [(1, "an octave or more above"), (2, "an octave or more above"), (-1, "an octave below"), (-2, "two octaves or more below")],
)  # fmt: skip
def test_a_sound_octaves_away_from_its_notes_is_found(tmp_path: Path, octaves: int, where: str) -> None:
    """Files, sums, levels and pitch classes all agree here."""
    report = verify_dataset(dataset(tmp_path, octaves), processes=1)
    assert found(report) == {("stems/S00.flac", Code.OCTAVE_WRONG)}
    assert f"its sound lies {where} its notes" in report.findings[0].message


def test_a_sound_where_its_notes_are_is_no_finding(tmp_path: Path) -> None:
    assert verify_dataset(dataset(tmp_path, 0), processes=1).findings == []


def test_a_body_that_rings_with_one_lower_partial_is_no_finding(tmp_path: Path) -> None:
    assert verify_dataset(dataset(tmp_path, 0, body=0.4), processes=1).findings == []


def test_few_notes_prove_nothing(tmp_path: Path) -> None:
    assert verify_dataset(dataset(tmp_path, 1, keys=SCALE[:7]), processes=1).findings == []


def test_organs_with_registers_in_other_octaves_are_left_alone(tmp_path: Path) -> None:
    assert verify_dataset(dataset(tmp_path, -1, program=16), processes=1).findings == []


@pytest.mark.parametrize(
    ("wrong", "right", "where"),
    [
        ((-30.0, -40.0, -40.0), 2, "an octave or more above"),
        ((-30.0, -40.0, -40.0), 4, None),
        ((-3.0, 6.0, -30.0), 2, "an octave below"),
        ((-3.0, 6.0, -30.0), 4, None),
        ((-3.0, 6.0, 4.0), 2, "two octaves or more below"),
        ((-30.0, 6.0, -30.0), 2, "an octave below"),
    ],
)
def test_three_of_four_keys_must_agree(wrong: tuple[float, float, float], right: int, where: str | None) -> None:
    windows = [Partials(36 + place, *(RIGHT if place < right else wrong)) for place in range(12)]
    assert octave_of(windows) == where


@pytest.mark.parametrize(("others", "where"), [((), None), ((38,), None), ((38, 40), "an octave below")])
def test_a_key_counts_once_however_often_it_is_struck(others: tuple[int, ...], where: str | None) -> None:
    """One key of a soundfont may ring with a body an octave below, and be all that a bass plays alone."""
    windows = [Partials(key, -3.0, -9.5, -40.0) for key in (*[37] * 16, *others)]
    assert octave_of(windows) == where
    assert octave_of([*windows, Partials(50, *RIGHT), Partials(52, *RIGHT)]) is None
