"""The language of `farm find`: what it means, and that whatever cannot be read is refused with its place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.dataset.catalogue import FIELDS
from farm.dataset.query import Facts, Kind, Row, parse
from schemas.errors import QueryError

BASS: Facts = {
    "class": "Bass", "program": 33, "notes": 120, "lufs": -20.5, "drums": False, "duration": 61.0, "patch": "TimGM6mb 0:33",
    "key": ["C major", "A minor"], "split": None, "findings": [], "name": 'the "low" one',
}  # fmt: skip
DRUMS: Facts = {**BASS, "class": "Drums", "program": 128, "drums": True, "lufs": None, "notes": 400}
STRINGS: Facts = {**BASS, "class": "Strings (continued)", "program": 48}
SONG = [BASS, DRUMS, STRINGS]


def _passes(query: str) -> list[str]:
    """Return the classes of the stems that pass."""
    test = parse(query, FIELDS)
    return [str(facts["class"]) for facts in SONG if test(Row(facts, SONG))]


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("", ["Bass", "Drums", "Strings (continued)"]),
        ("program=33 and not class=Drums and duration>60", ["Bass"]),
        ("program==33", ["Bass"]),
        ("PROGRAM=33 AND NOT drums", ["Bass"]),
        ("program!=33", ["Drums", "Strings (continued)"]),
        ("program=32..48", ["Bass", "Strings (continued)"]),
        ("program in (33, 128)", ["Bass", "Drums"]),
        ("class in (bass, 'strings (continued)')", ["Bass", "Strings (continued)"]),
        ("class=strings*", ["Strings (continued)"]),
        ("class~ums", ["Drums"]),
        ("class!~s", []),
        ("class=D", []),
        ("drums", ["Drums"]),
        ("drums=false", ["Bass", "Strings (continued)"]),
        ("not not drums", ["Drums"]),
        ("notes>120 or program=48", ["Drums", "Strings (continued)"]),
        ("program=48 or notes>120 and class=Bass", ["Strings (continued)"]),
        ("(program=48 or notes>=120) and class=Bass", ["Bass"]),
        ("lufs<-20", ["Bass", "Strings (continued)"]),
        ("lufs>=-20.5", ["Bass", "Strings (continued)"]),
        ("lufs=none", ["Drums"]),
        ("lufs!=none", ["Bass", "Strings (continued)"]),
        ("not lufs<0", ["Drums"]),
        ("split=none and drums", ["Drums"]),
        ("findings=none and drums", ["Drums"]),
        ('key="a minor" and drums', ["Drums"]),
        ("key~minor and drums", ["Drums"]),
        ("key=minor", []),
        ("patch~'gm6mb 0:' and drums", ["Drums"]),
        ("name~'\"low\"' and drums", ["Drums"]),
        ("any(drums) and class=Bass", ["Bass"]),
        ("no(class=Piano) and class=Bass", ["Bass"]),
        ("all(notes>100) and class=Bass", ["Bass"]),
        ("all(drums)", []),
        ("no(drums)", []),
        ("any(program=48 and not drums) and drums", ["Drums"]),
    ],
)
def test_what_a_query_means(query: str, passed: list[str]) -> None:
    assert _passes(query) == passed


@pytest.mark.parametrize(
    ("query", "message", "hint"),
    [
        ("progam=33", r"character 1, »progam=33: there is no field `progam`", "Did you mean `program`"),
        ("xyzzy=33", "there is no field `xyzzy`", "Fields: active"),
        ("program", "`program` needs a comparison", "program>10"),
        ("program=", "it ends where what `program` is compared with was expected", "Write it as"),
        ("program=many", "character 9, program=»many: `program` is a number, and `many` is none", "program=33"),
        ("program~3", "holds no text", "program=33"),
        ("program>3..5", "a range has no order", "30..40"),
        ("class>Bass", "has no order", "class=word"),
        ("drums=perhaps", "true or false", "not drums"),
        ("program=33 class=Bass", "`class` was not expected", "and, or, not"),
        ("(program=33", "ends where `\\)` was expected", "Write it as"),
        ("program=33)", "`\\)` was not expected", "and, or, not"),
        ("program in 33", "`\\(` was expected", "in \\(a, b\\)"),
        ("program in (33", "ends where `,` or `\\)`", "Write it as"),
        ("class=(Bass)", "`\\(` is no value", "quotes"),
        ("class='Bass", "character 7, class=»'Bass: this cannot be read", "Write it as"),
        ("not", "ends where a field", "Write it as"),
        ("and", "a field was expected and not `and`", "Write it as"),
        ("=33", "a field was expected and not `=`", "Write it as"),
        ("(" * 200 + "drums" + ")" * 200, "too many brackets", "50 deep"),
        ("not " * 200 + "drums", "too many brackets", "50 deep"),
        ("drums or " * 2000 + "drums", "18005 characters", "10000"),
        ("__import__('os').system('true')", "there is no field `__import__`", "Fields"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(query: str, message: str, hint: str) -> None:
    with pytest.raises(QueryError, match=message) as refused:
        parse(query, FIELDS)
    assert re.search(hint, refused.value.hint)


@given(st.text(alphabet="ab=<>!~()\"', .*1and or not in any(program class drums", max_size=40))
def test_any_text_is_a_test_or_refused_by_name(text: str) -> None:
    try:
        test = parse(text, {"program": Kind.NUMBER, "class": Kind.TEXT, "drums": Kind.FLAG, "key": Kind.WORDS})
    except QueryError:
        return
    assert test(Row(BASS, SONG)) in (True, False)
