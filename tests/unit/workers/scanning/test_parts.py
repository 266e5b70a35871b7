"""Facts of parts: notes, seconds with a key down, range of keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.support import midi as smf
from workers.scanning.parts import active_seconds
from workers.scanning.scan import scan_file

NOTE = st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 20))


@given(st.lists(NOTE, max_size=30))
def test_a_part_is_active_while_any_of_its_keys_is_down(notes: list[tuple[int, int, int]]) -> None:
    ordered = sorted(notes, key=lambda note: note[1])
    part, onset, length = (np.array([note[index] for note in ordered], np.int64) for index in range(3))
    active = active_seconds(part, onset.astype(float), (onset + length).astype(float), 4)
    expected = [
        len({second for where, begin, long in notes if where == number for second in range(begin, begin + long)})
        for number in range(4)
    ]
    assert active.tolist() == expected


def test_facts_of_parts_say_how_long_they_play_and_between_which_keys(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    chord = [*smf.note(0, 480, 50), *smf.note(240, 480, 71)]
    path.write_bytes(
        smf.song(
            [smf.tempo(0, 60)],
            [smf.program(0, 33, 1), *smf.note(0, 480, 40, channel=1), *smf.note(960, 120, 31, channel=1)],
            sorted([smf.program(0, 0, 0), *chord], key=lambda event: event[0]),
        )
    )
    assert [(part.notes, part.active_s, part.low_key, part.high_key) for part in scan_file(path).parts] == [
        (2, 1.25, 31, 40), (2, 1.5, 50, 71),
    ]  # fmt: skip
