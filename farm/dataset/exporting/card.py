"""The card of a dataset: what it holds and how it is loaded, for people, and the same on top for programs."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from farm.dataset.exporting.base import Source
from farm.dataset.exporting.order import What
from schemas.assets import UNKNOWN, Credit
from schemas.dataset import TrackRecord

#: What the library calls data that have no splits.
NO_SPLIT: Final = "train"
#: Table of the songs of a split; the loader of audio folders looks for this name.
SONGS: Final = "metadata"
#: Table of the stems of a split.
STEMS: Final = "stems"

#: The hub's own classes of size: rows up to a number.
_SIZES: Final = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M"}
_LARGEST: Final = "1M<n<10M"


def split_name(split: str | None) -> str:
    """Return what the library may call a split: it knows letters, digits and underscores."""
    return re.sub(r"\W", "_", split or NO_SPLIT)


def folder_name(split: str | None) -> str:
    """Return the folder of a split."""
    return split or NO_SPLIT


def card(source: Source) -> str:
    """Return `README.md`."""
    head = yaml.safe_dump(_head(source), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{head}---\n\n{_body(source)}"


def _head(source: Source) -> dict[str, Any]:
    rows = len(source.tracks)
    return {
        "pretty_name": source.record.name,
        "license": "other",
        "license_name": "of-its-soundfonts",
        "tags": ["audio", "music", "midi", "source-separation", "automatic-music-transcription"],
        "size_categories": [next((name for most, name in _SIZES.items() if rows < most), _LARGEST)],
        "configs": _configs(source),
    }


def _configs(source: Source) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = [
        {"config_name": "songs", "default": True, "data_files": _files(source, SONGS)},
    ]
    if What.STEMS in source.order.what:
        name = f"{STEMS}.parquet"
        configs.append({"config_name": "stems", "data_files": _files(source, STEMS), "metadata_filenames": [name]})
    return configs


def _files(source: Source, table: str) -> list[dict[str, Any]]:
    """Return the audio and the table of every split."""
    audio = source.record.form.format
    return [
        {"split": split_name(split), "path": [f"{folder}/**/*.{audio}", f"{folder}/{table}.parquet"]}
        for split in source.splits
        if (folder := folder_name(split))
    ]


def _body(source: Source) -> str:
    record, form = source.record, source.record.form
    lines = [
        f"# {record.name}", "",
        f"Multitrack music rendered from MIDI with {record.engine} {record.engine_version}: {form.words}.", "",
        "| split | songs | stems | hours |", "| --- | --- | --- | --- |",
        *(_line(split_name(split), [track for track in source.tracks if track.split == split]) for split in source.splits),
        "", "```python", "from datasets import load_dataset", "",
        'songs = load_dataset("PATH")  # a row a song: `mix`, `stems`, and what is known of them',
        *(['stems = load_dataset("PATH", "stems")  # a row a stem: `audio`, `mix`'] if What.STEMS in source.order.what else []),
        "```", "",
        "Column names and units are those of the annotations; every column of the tables has its meaning in the table's schema.",
        "", "## Licences", "",
        "The audio was made with these, whose licences hold. The rights in the music are those of the MIDI files.", "",
        *_soundfonts(source),
        "", "## Provenance", "", f"Seed {record.plan.seed}, plan {record.plan_sha256}, farm {record.farm_version}.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _line(name: str, tracks: list[TrackRecord]) -> str:
    hours = sum(track.duration_s for track in tracks) / 3600
    return f"| {name} | {len(tracks)} | {sum(track.stems for track in tracks)} | {hours:.2f} |"


def _soundfonts(source: Source) -> list[str]:
    record = source.record
    if record.credits:
        return [_credit(credit) for credit in record.credits]
    found = {record.soundfont: f"SHA-256 {record.soundfont_sha256}, licence: {record.soundfont_licence or 'not known'}"}
    found |= {name: f"SHA-256 {sha256}" for name, sha256 in record.soundfonts.items() if name not in found}
    return [f"* {name}: {said}" for name, said in found.items()]


def _credit(credit: Credit) -> str:
    said = [
        f"SHA-256 {credit.sha256}" if credit.sha256 else "",
        f"licence: {'not known' if credit.licence == UNKNOWN else credit.licence}",
        f"to be named as: {credit.attribution}" if credit.attribution else "",
    ]
    return f"* {credit.name}: {', '.join(filter(None, said))}"
