"""The language of `farm find`: comparisons of fields with values, joined by and, or, not; Python never evaluates it.

program=33 and not class=Drums and duration>60
class in (Bass, Guitar) and notes=100..500 and patch~"rock"
any(class=Piano) and no(drums) and split=train
"""

from __future__ import annotations

import difflib
import fnmatch
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.errors import QueryError

Value = str | float | int | bool | list[str] | None
Facts = Mapping[str, Value]


class Kind(StrEnum):
    """What a field holds."""

    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    WORDS = "words"  #: several texts, of which one has to fit


@dataclass(frozen=True, slots=True)
class Row:
    """A stem with the facts of its song, and all stems of that song likewise."""

    facts: Facts
    siblings: Sequence[Facts]


Test = Callable[[Row], bool]

_LONGEST: Final = 10_000
_DEEPEST: Final = 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<sign><=|>=|!=|!~|==|[=<>~(),])|(?P<word>[^\s()=<>!~,"']+))"""
)
_SIGNS = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "~", "!~"})
_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_MANY: Final = ("any", "all", "no")
_EXAMPLE: Final = "Write it as program=33 and not class=Drums and duration>60"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    is_sign: bool = False
    is_quoted: bool = False


def parse(text: str, fields: Mapping[str, Kind]) -> Test:
    """Return the test that a question stands for; an empty one is passed by all.

    Raises:
        QueryError: it cannot be read; the message shows where.
    """
    if not text.strip():
        return lambda _: True
    if len(text) > _LONGEST:
        raise QueryError(f"the query has {len(text)} characters", hint=f"At most {_LONGEST} are read")
    return _Parser(text, fields).whole()


class _Parser:
    """Recursive descent over or, and, not, comparisons."""

    def __init__(self, text: str, fields: Mapping[str, Kind]) -> None:
        self._text = text
        self._fields = fields
        self._tokens = list(self._read())
        self._next = 0
        self._depth = 0

    def whole(self) -> Test:
        """Parse all of it."""
        test = self._either()
        if (token := self._peek()) is not None:
            raise self._error(f"`{token.text}` was not expected", token.at, "Join comparisons with and, or, not")
        return test

    def _read(self) -> list[_Token]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._error("this cannot be read", at + len(text[at:]) - len(text[at:].lstrip()), _EXAMPLE)
            name = str(found.lastgroup)
            inner = found[name][1:-1] if name == "quoted" else found[name]
            tokens.append(_Token(inner, found.start(name), is_sign=name == "sign", is_quoted=name == "quoted"))
            at = found.end()
        return tokens

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._unless()]
        while self._takes("and"):
            tests.append(self._unless())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _unless(self) -> Test:
        if not self._takes("not"):
            return self._single()
        test = self._deeper(self._unless)
        return lambda row: not test(row)

    def _single(self) -> Test:
        token = self._take("a field, `not` or `(`")
        if token.is_sign and token.text == "(":
            return self._closed()
        following = self._peek()
        if _is_word(token, *_MANY) and following is not None and following.is_sign and following.text == "(":
            self._next += 1
            return _of_song(token.text.lower(), self._closed())
        return self._comparison(token)

    def _closed(self) -> Test:
        test = self._deeper(self._either)
        token = self._take("`)`")
        if not (token.is_sign and token.text == ")"):
            raise self._error(f"`)` was expected and not `{token.text}`", token.at, "Close what was opened")
        return test

    def _deeper(self, part: Callable[[], Test]) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("too many brackets", self._tokens[self._next - 1].at, f"At most {_DEEPEST} deep")
        test = part()
        self._depth -= 1
        return test

    def _comparison(self, token: _Token) -> Test:
        name = token.text.lower()
        if token.is_sign or _is_word(token, "and", "or", "in"):
            raise self._error(f"a field was expected and not `{token.text}`", token.at, _EXAMPLE)
        if token.is_quoted or name not in self._fields:
            raise self._error(f"there is no field `{token.text}`", token.at, self._suggest(name))
        kind, sign = self._fields[name], self._peek()
        if sign is not None and _is_word(sign, "in"):
            self._next += 1
            return self._one_of(name, kind)
        if sign is None or not sign.is_sign or sign.text not in _SIGNS:
            if kind is Kind.FLAG:
                return lambda row: bool(row.facts.get(name))
            raise self._error(f"`{name}` needs a comparison", token.at, f"Such as {_sample(name, kind)}")
        self._next += 1
        value = self._take(f"what `{name}` is compared with")
        if value.is_sign:
            raise self._error(f"`{value.text}` is no value", value.at, 'Put a text with signs between quotes: "..."')
        return self._compare(name, kind, sign, value)

    def _one_of(self, name: str, kind: Kind) -> Test:
        opening = self._take("`(`")
        if opening.text != "(" or not opening.is_sign:
            raise self._error(f"`(` was expected and not `{opening.text}`", opening.at, f"Write it as {name} in (a, b)")
        tests = []
        while True:
            value = self._take("a value")
            if value.is_sign:
                raise self._error(f"`{value.text}` is no value", value.at, f"Write it as {name} in (a, b)")
            tests.append(self._compare(name, kind, _Token("=", value.at, is_sign=True), value))
            after = self._take("`,` or `)`")
            if not after.is_sign or after.text not in {",", ")"}:
                raise self._error("`,` or `)` was expected", after.at, f"Write it as {name} in (a, b)")
            if after.text == ")":
                return lambda row: any(test(row) for test in tests)

    def _compare(self, name: str, kind: Kind, sign: _Token, value: _Token) -> Test:
        if not value.is_quoted and value.text.lower() == "none" and sign.text in {"=", "==", "!="}:
            is_none: Test = lambda row: row.facts.get(name) in (None, [])  # noqa: E731
            return is_none if sign.text != "!=" else lambda row: not is_none(row)
        if sign.text in {"!=", "!~"}:
            test = self._compare(name, kind, _Token(sign.text[-1], sign.at, is_sign=True), value)
            return lambda row: not test(row)
        if kind is Kind.NUMBER:
            return self._number(name, sign, value)
        if sign.text in _ORDER:
            raise self._error(f"`{name}` is no number and has no order", sign.at, f"Such as {_sample(name, kind)}")
        if kind is Kind.FLAG:
            return self._flag(name, value)
        return _text_test(name, value.text, part=sign.text == "~")

    def _number(self, name: str, sign: _Token, value: _Token) -> Test:
        if sign.text == "~":
            raise self._error(f"`{name}` is a number and holds no text", sign.at, f"Such as {name}=33 or {name}=30..40")
        low, dots, high = value.text.partition("..")
        try:
            first = float(low)
            last = float(high) if dots else first
        except ValueError as error:
            message = f"`{name}` is a number, and `{value.text}` is none"
            raise self._error(message, value.at, f"Such as {name}=33 or {name}=30..40") from error
        if sign.text in _ORDER:
            if dots:
                raise self._error("a range has no order", value.at, f"Such as {name}=30..40")
            compare = _ORDER[sign.text]
            return lambda row: isinstance(at := row.facts.get(name), int | float) and compare(at, first)
        return lambda row: isinstance(at := row.facts.get(name), int | float) and first <= at <= last

    def _flag(self, name: str, value: _Token) -> Test:
        wanted = {"true": True, "yes": True, "false": False, "no": False}.get(value.text.lower())
        if wanted is None:
            raise self._error(
                f"`{name}` is true or false, not `{value.text}`", value.at, f"Such as {name} or not {name}"
            )
        return lambda row: bool(row.facts.get(name)) is wanted

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _takes(self, word: str) -> bool:
        token = self._peek()
        if token is None or not _is_word(token, word):
            return False
        self._next += 1
        return True

    def _take(self, what: str) -> _Token:
        token = self._peek()
        if token is None:
            raise self._error(f"it ends where {what} was expected", len(self._text), _EXAMPLE)
        self._next += 1
        return token

    def _suggest(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._fields, n=1, cutoff=0.6)
        return f"Did you mean `{close[0]}`?" if close else f"Fields: {', '.join(sorted(self._fields))}"

    def _error(self, what: str, at: int, hint: str) -> QueryError:
        return QueryError(
            f"cannot read the query at character {at + 1}, {self._text[:at]}»{self._text[at:]}: {what}", hint=hint
        )


def _is_word(token: _Token, *words: str) -> bool:
    return not token.is_sign and not token.is_quoted and token.text.lower() in words


def _of_song(word: str, test: Test) -> Test:
    """Ask all stems of a song."""

    def passed(row: Row) -> list[bool]:
        return [test(Row(facts, row.siblings)) for facts in row.siblings]

    if word == "all":
        return lambda row: all(passed(row))
    if word == "any":
        return lambda row: any(passed(row))
    return lambda row: not any(passed(row))


def _text_test(name: str, wanted: str, *, part: bool) -> Test:
    """Compare texts without regard to capitals; `*` and `?` stand for any letters, `part` looks inside."""
    pattern = re.compile(fnmatch.translate(f"*{wanted.lower()}*" if part else wanted.lower()))

    def fits(row: Row) -> bool:
        value = row.facts.get(name)
        texts = value if isinstance(value, list) else [value]
        return any(pattern.match(text.lower()) is not None for text in texts if isinstance(text, str))

    return fits


def _sample(name: str, kind: Kind) -> str:
    return {Kind.NUMBER: f"{name}>10", Kind.FLAG: f"not {name}"}.get(kind, f"{name}=word or {name}~part")
