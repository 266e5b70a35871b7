"""Facts of songs, those of older farms included."""

from __future__ import annotations

import json

from schemas.song import SongFacts
from tests.support.releases import FIRST_RELEASE


def test_facts_of_the_first_release_are_read_and_say_what_they_lack() -> None:
    texts = [row["facts"] for row in json.loads(FIRST_RELEASE.read_text(encoding="utf-8"))["source_file"]]
    facts = [SongFacts.model_validate_json(text) for text in texts if text]
    assert facts
    for song in facts:
        assert (song.fingerprint, song.sketch) == ("", "")
        assert {(part.active_s, part.low_key, part.high_key) for part in song.parts} == {(0.0, None, None)}
