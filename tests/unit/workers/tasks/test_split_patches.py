"""The warning of parts that no patch of the plan's instrument map plays."""

from __future__ import annotations

from schemas.plan import DatasetPlan
from schemas.song import SplitResult
from tests.support.midi import note, program, song
from workers.midi.split import split_song
from workers.tasks.split import warn_of_patches


def split() -> SplitResult:
    """Return the split of a song: program 0 on keys 40 and 60, program 5 on key 70."""
    one = [program(0, 0), *note(0, 100, 40), *note(100, 100, 60)]
    other = [program(0, 5, channel=1), *note(0, 100, 70, channel=1)]
    return split_song(song(one, other))[0]


def warned(*patches: dict[str, object], programs: tuple[int, ...] = (0, 5)) -> dict[str, int]:
    groups = [{"name": "All", "programs": programs, "patches": patches}]
    made = DatasetPlan.model_validate({"source": "s", "instruments": {"map": {"name": "m", "groups": groups}}})
    return warn_of_patches(split(), made).warnings


def test_parts_without_a_patch_are_counted_by_program_and_by_key_range() -> None:
    assert warned({"name": "P"}) == {}
    assert warned({"name": "P"}, programs=(0,)) == {"no_patch": 1}
    assert warned({"name": "P", "key_range": [50, 127]}) == {"no_patch": 1}
    assert warned({"name": "P", "key_range": [50, 65]}) == {"no_patch": 2}
    assert warned() == {"no_patch": 2}


def test_without_a_map_nothing_is_counted() -> None:
    assert warn_of_patches(split(), DatasetPlan(source="s")) == split()
