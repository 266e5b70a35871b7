"""What people say of a recording in its file name: what it is, how fast, in which key, and whether it is a loop."""

from __future__ import annotations

import re
from typing import Final

from schemas.genre import key_mode
from schemas.samples import Category

#: Words in names, the first hit of which decides; a word may go on, as `drums` and `leads` do.
_WORDS: Final[tuple[tuple[Category, tuple[str, ...]], ...]] = (
    ("beat", ("beat", "kick", "hat", "snare", "drum", "perc", "clap", "hh", "hihat", "cymbal", "ride", "crash", "shaker",
              "tom", "rim", "break", "groove", "conga", "bongo", "tamb")),
    ("bassline", ("bass", "sub", "808")),
    ("harmony", ("pad", "chord", "harm", "atmo", "ambient", "string", "vox", "choir", "keys", "piano", "organ", "rhodes",
                 "guitar", "strum")),
    ("melody", ("lead", "melody", "lick", "riff", "synth", "arp", "melo", "hook", "solo", "flute", "sax", "vocal")),
)  # fmt: skip
_TEMPO: Final = re.compile(r"(?<!\d)(\d{2,3}(?:\.\d+)?)[ _-]?bpm|bpm[ _-]?(\d{2,3}(?:\.\d+)?)(?!\d)", re.IGNORECASE)
_KEY: Final = re.compile(
    r"(?:^|[ _-])([A-G])(#|b|sharp|flat)?[ _-]?(major|minor|maj|min|m|M)?(?=$|[ _.-])"
)  # fmt: skip
_LOOP: Final = re.compile(r"loop", re.IGNORECASE)
_SHOT: Final = re.compile(r"one[ _-]?shot|(?:^|[ _-])(hit|shot)s?(?=$|[ _.-])", re.IGNORECASE)
_SIGNS: Final = {"sharp": "#", "flat": "b"}
_TEMPOS: Final = (40.0, 260.0)


def category_of(path: str) -> Category | None:
    """Return what a recording is by its path: of its file first, then of the folders around it, the nearest first."""
    for part in reversed(path.lower().rsplit(".", 1)[0].split("/")):
        hits = [
            (place, category)
            for category, words in _WORDS
            for word in words
            if (place := _place(word, part)) is not None
        ]
        if hits:
            return min(hits)[1]
    return None


def _place(word: str, text: str) -> int | None:
    """Return where a word begins in a text; words of two or three letters stand alone."""
    ends = r"(?![a-z])" if len(word) < 4 else ""
    found = re.search(rf"(?<![a-z0-9]){word}s?{ends}", text)
    return None if found is None else found.start()


def tempo_of(name: str) -> float | None:
    """Return the tempo that a name says, such as `120bpm`."""
    found = _TEMPO.search(name)
    tempo_bpm = 0.0 if found is None else float(found[1] or found[2])
    return tempo_bpm if _TEMPOS[0] <= tempo_bpm <= _TEMPOS[1] else None


def key_of(name: str) -> str | None:
    """Return the key that a name says, such as `_F#m_` or `Bb major`; a lone `A` or `a` is a word."""
    for found in _KEY.finditer(name):
        letter, sign, mode = found.groups()
        if not sign and not mode and letter == "A":
            continue
        key = letter + _SIGNS.get(sign or "", sign or "") + ("m" if mode in ("m", "min", "minor") else "")
        key_mode(key)
        return key
    return None


def is_loop(name: str) -> bool | None:
    """Return whether a name says loop (true) or single hit (false); None where it says neither."""
    if _LOOP.search(name):
        return True
    return False if _SHOT.search(name) else None
