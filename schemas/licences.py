"""Licences: which of them a plan allows. An SPDX identifier, or an expression of some with AND, OR and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from schemas.assets import UNKNOWN
from schemas.base import FarmModel

_Pattern = Annotated[str, Field(min_length=1, max_length=100)]


class LicencePlan(FarmModel):
    """Licences that the audio and the music of a dataset may be under."""

    #: Only these; names are SPDX identifiers, and `*` stands for any letters: `[MIT, CC0-1.0, "CC-BY-*"]`. Left out, all
    #: that are not denied. Of what nobody said a licence, it is `unknown`.
    allow: list[_Pattern] = []
    #: None of these: `["GPL-*", "CC-BY-NC-*", unknown]`.
    deny: list[_Pattern] = []

    def allows(self, licence: str) -> bool:
        """Whether something under a licence may be used; of `A OR B` one must be allowed, of `A AND B` both."""
        words = _words(licence or UNKNOWN)
        try:
            return _Expression(words, self._allows_one).holds()
        except IndexError:  # it is no expression, hence a name
            return self._allows_one(" ".join(words))

    def _allows_one(self, licence: str) -> bool:
        return not _matches(licence, self.deny) and (not self.allow or _matches(licence, self.allow))


def _matches(licence: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(licence.lower(), pattern.lower()) for pattern in patterns)


def _words(licence: str) -> list[str]:
    """Return names, operators and parentheses; a name may have several words, such as `GPL-2.0-only WITH FLTK-exception`."""
    made: list[str] = []
    for word in re.findall(r"[()]|[^()\s]+", licence):
        if made and not _is_sign(word) and not _is_sign(made[-1]):
            made[-1] += f" {word}"
        else:
            made.append(word)
    return made


def _is_sign(word: str) -> bool:
    return word in ("(", ")") or word.upper() in ("AND", "OR")


class _Expression:
    """Reads an expression from the left; AND binds more strongly than OR. An IndexError says that it is none."""

    def __init__(self, words: list[str], allowed: Callable[[str], bool]) -> None:
        self._left = list(reversed(words))
        self._allowed = allowed

    def holds(self) -> bool:
        value = self._either()
        if self._left:
            raise IndexError
        return value

    def _either(self) -> bool:
        value = self._both()
        while self._follows("OR"):
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._follows("AND"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        word = self._left.pop()
        if word != "(":
            if _is_sign(word):
                raise IndexError
            return self._allowed(word)
        value = self._either()
        if not self._follows(")"):
            raise IndexError
        return value

    def _follows(self, sign: str) -> bool:
        if self._left and self._left[-1].upper() == sign:
            self._left.pop()
            return True
        return False
