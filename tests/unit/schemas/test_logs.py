"""Logs for people: every line says what it is about, is one line, and holds no password."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from schemas.logs import say_fields


class Journal:
    """A logger as a process has it that writes to standard error."""

    def __init__(self, name: str) -> None:
        self._text = io.StringIO()
        self._handler = logging.StreamHandler(self._text)
        self._handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.logger = logging.getLogger(name)
        self.logger.addHandler(self._handler)
        self.logger.setLevel(logging.INFO)
        say_fields(self.logger)
        say_fields(self.logger)  # a second call says nothing twice

    @property
    def text(self) -> str:
        return self._text.getvalue()

    def close(self) -> None:
        self.logger.removeHandler(self._handler)


@pytest.fixture
def journal() -> Iterator[Journal]:
    journal = Journal("workers.journal")
    yield journal
    journal.close()


def test_a_line_says_what_it_is_about(journal: Journal) -> None:
    journal.logger.warning("stem %s", "failed", extra={"song": "Track00001", "stem": "S03", "reason": "all_zero"})
    assert journal.text == "WARNING stem failed  song=Track00001 stem=S03 reason=all_zero\n"


def test_a_record_without_fields_stays_as_it_is(journal: Journal) -> None:
    journal.logger.info("ready, 100 % of it")
    assert journal.text == "INFO ready, 100 % of it\n"


def test_no_name_of_a_file_begins_a_line_of_its_own(journal: Journal) -> None:
    journal.logger.info("read", extra={"source": "a.mid\nERROR the disk is full"})
    assert journal.text == "INFO read  source=a.mid\\nERROR the disk is full\n"


def test_no_password_is_said_in_words_in_fields_or_in_an_exception(journal: Journal) -> None:
    try:
        raise ValueError("redis://:hunter2@broker")
    except ValueError:
        journal.logger.exception("at redis://me:hunter2@broker", extra={"url": "postgresql://farm:hunter2@db/farm"})
    assert "hunter2" not in journal.text
    assert "ValueError: redis://:***@broker" in journal.text
    assert "farm:***@db/farm" in journal.text


def test_records_of_others_keep_their_words() -> None:
    journal = Journal("elsewhere.journal")
    journal.logger.info("connected", extra={"data": "much"})
    journal.logger.info("connected", extra={"song": "much"})
    journal.close()
    assert journal.text == "INFO connected\n" * 2
