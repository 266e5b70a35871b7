"""The NOTICE of a dataset: whose music and whose sounds are in it, under which licences, and how to name them."""

from __future__ import annotations

from typing import Final

from schemas.assets import UNKNOWN, Credit
from schemas.dataset import DatasetRecord

NOTICE: Final = "NOTICE"
_INDENT: Final = "  "
_SOUNDS: Final = {
    "soundfont": "Soundfonts that the stems were played on",
    "patch": "Instruments that the stems were played on",
    "recording": "Recordings that play along",
}


def notice(record: DatasetRecord) -> str:
    """Return the text of a dataset's NOTICE; it depends on its record alone."""
    lines = [
        record.name,
        "",
        f"Made with Stemfarm {record.farm_version}, which has no rights in it. What is in it is under these licences; where one",
        "asks to be named, the words to do it with stand below. Each stem's own licence stands in its song's annotation.json.",
        "",
        *_music(record),
    ]
    for kind, title in _SOUNDS.items():
        made = [credit for credit in record.credits if credit.kind == kind]
        if made:
            lines += ["", title, *(line for credit in made for line in _entry(credit))]
    return "\n".join(lines) + "\n"


def _music(record: DatasetRecord) -> list[str]:
    corpora = [credit for credit in record.credits if credit.kind == "midi"]
    if corpora:
        return ["Music", *(line for credit in corpora for line in _entry(credit))]
    if record.plan.compose is not None:
        return ["Music", f"{_INDENT}Composed by the farm, of its own patterns and those of the plan's genres."]
    return [
        "Music",
        f"{_INDENT}{record.plan.source}: nobody said under which licence. The rights are those of its authors.",
    ]


def _entry(credit: Credit) -> list[str]:
    licence = "licence not known" if credit.licence == UNKNOWN else f"licence: {credit.licence}"
    by = f", by {credit.author}" if credit.author else ""
    more = [
        f"to be named as: {credit.attribution}" if credit.attribution else "",
        f"licence text: {credit.licence_url}" if credit.licence_url else "",
        f"from: {credit.url}" if credit.url else "",
        f"SHA-256: {credit.sha256}" if credit.sha256 else "",
    ]
    return [f"{_INDENT}{credit.name}{by}; {licence}", *(f"{_INDENT * 2}{line}" for line in more if line)]
