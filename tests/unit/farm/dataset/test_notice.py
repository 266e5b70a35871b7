"""The NOTICE of a dataset."""

from __future__ import annotations

from typing import Any

from farm.dataset.notice import notice
from schemas.assets import Credit
from schemas.dataset import DatasetRecord
from schemas.plan import DatasetPlan
from tests.support.datasets import FONT


def record(plan: dict[str, Any], *credits_: Credit) -> DatasetRecord:
    return DatasetRecord(
        name="Mine", plan=DatasetPlan.model_validate(plan), plan_sha256="0" * 64, farm_version="1", engine="e",
        engine_version="1", soundfont=FONT.name, soundfont_sha256=FONT.sha256, soundfont_licence="", tracks=0, failed=0,
        rejected=[], duration_s=0, stem_audio_s=0, credits=list(credits_),
    )  # fmt: skip


SOUND = Credit(
    kind="soundfont", name="Grand", licence="CC-BY-4.0", licence_url="https://licence", author="A. Builder",
    attribution="Grand by A. Builder, CC BY 4.0", url="https://grand", sha256="1" * 64,
)  # fmt: skip


def test_every_asset_is_there_with_licence_and_the_words_it_asks_for() -> None:
    songs = Credit(kind="midi", name="Songs", licence="CC0-1.0")
    text = notice(record({"source": "x"}, SOUND, songs, Credit(kind="recording", name="Loops")))
    assert text.startswith("Mine\n")
    music, sounds, recordings = (
        text.index(word) for word in ("Songs; licence: CC0-1.0", "Grand, by", "Loops; licence not")
    )
    assert music < sounds < recordings
    for words in ("by A. Builder; licence: CC-BY-4.0", SOUND.attribution, "https://licence", "https://grand", "1" * 64):
        assert words in text


def test_music_of_which_nobody_said_a_licence_is_said_to_be_so() -> None:
    assert "lakh: nobody said under which licence" in notice(record({"source": "lakh"}, SOUND))


def test_composed_music_is_nobodys() -> None:
    text = notice(record({"compose": {"genres": []}}, SOUND))
    assert "Composed by the farm" in text
    assert "nobody said" not in text
