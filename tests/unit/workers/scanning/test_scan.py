"""The scan: facts of good files, named rejections of all others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import symusic

from schemas.errors import MidiError, MidiNotFoundError, NoNotesError
from schemas.states import RejectReason
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.smf import read_midi
from workers.midi.split import split_song
from workers.scanning import scan
from workers.scanning.scan import scan_file, scan_files


def _write(folder: Path, data: bytes, name: str = "song.mid") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_facts_say_what_the_file_is(tmp_path: Path) -> None:
    data = smf.song(
        [smf.tempo(0, 60)],
        [smf.program(0, 33, 1), *smf.note(0, 480, 40, channel=1), *smf.note(480, 480, 41, channel=1)],
        [smf.program(0, 8, 9), *smf.note(0, 10, 36, channel=9)],
    )
    facts = scan_file(_write(tmp_path, data))
    assert facts.song_hash == hashlib.sha256(data).hexdigest()
    assert facts.md5 == hashlib.md5(data).hexdigest()
    assert (facts.size_bytes, facts.midi_type, facts.notes, facts.duration_s) == (len(data), 1, 3, 2.0)
    assert [(part.program, part.is_drum, part.inst_class, part.notes) for part in facts.parts] == [
        (33, False, "Bass", 2), (8, True, "Drums", 1),
    ]  # fmt: skip
    assert facts.classes == ["Bass", "Drums"]


def test_rests_and_tempi_are_those_of_all_parts_together(tmp_path: Path) -> None:
    """480 ticks are a quarter: two parts that rest together from 1 to 3 s, and tempi of 60 and, from 4 s on, 120."""
    data = smf.song(
        [smf.tempo(0, 60), smf.tempo(480 * 4, 120), smf.tempo(480 * 100, 30)],
        [smf.program(0, 33, 1), *smf.note(0, 480, 40, channel=1), *smf.note(480 * 3, 960, 41, channel=1)],
        [smf.program(0, 8, 2), *smf.note(240, 120, 60, channel=2)],
    )
    facts = scan_file(_write(tmp_path, data))
    assert (facts.longest_rest_s, facts.tempo_bpm) == (2.0, (60.0, 120.0))


def test_the_time_before_the_first_note_is_a_rest(tmp_path: Path) -> None:
    facts = scan_file(_write(tmp_path, smf.song([smf.tempo(0, 60)], [*smf.note(480 * 5, 480, 60)])))
    assert facts.longest_rest_s == 5.0


def test_facts_of_real_songs_are_those_of_their_split() -> None:
    for path in corpus.songs():
        facts, (result, _) = scan_file(path), split_song(path.read_bytes())
        assert [(part.program, part.is_drum, part.notes) for part in facts.parts] == [
            (part.program, part.is_drum, part.notes) for part in result.parts
        ], path.name
        assert facts.duration_s == result.duration_s, path.name
        assert facts.notes == sum(part.notes for part in result.parts), path.name


def test_symusic_finds_the_same_notes_in_real_songs() -> None:
    for path in corpus.songs():
        facts = scan_file(path)
        score = symusic.Score(str(path))
        assert facts.parser == scan.CONFIRMED, path.name
        assert facts.notes == score.note_num(), path.name  # type: ignore[attr-defined]  # its stubs lack it


@pytest.mark.parametrize(
    "data",
    [
        smf.song([smf.note_on(0, 60), smf.note_on(10, 60), smf.note_off(20, 60)]),  # one note-off for two notes
        smf.song(smf.note(0, 10, 60), smf.note(0, 10, 61), midi_type=2),
        smf.song(smf.note(0, 10, 60), division=0xE728),
    ],
)
def test_a_file_that_symusic_does_not_confirm_is_read_and_marked(tmp_path: Path, data: bytes) -> None:
    facts = scan_file(_write(tmp_path, data))
    assert facts.parser == scan.UNCONFIRMED
    assert facts.notes == sum(part.notes for part in facts.parts) > 0


def test_a_file_that_symusic_refuses_is_read_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        @staticmethod
        def from_midi(_data: bytes) -> None:
            raise RuntimeError("Get program=208")

    monkeypatch.setattr(symusic, "Score", Refusing)
    facts = scan_file(_write(tmp_path, smf.song(smf.note(0, 10, 60))))
    assert (facts.parser, facts.notes) == (scan.UNCONFIRMED, 1)


def test_programs_of_other_tracks_count_in_the_facts(tmp_path: Path) -> None:
    data = smf.song([smf.program(0, 40, 3)], smf.note(0, 10, 60, channel=3))
    assert [part.inst_class for part in scan_file(_write(tmp_path, data)).parts] == ["Strings"]


@pytest.mark.parametrize(
    ("data", "error", "why"),
    [
        (b"", MidiError, "MThd"),
        (b"not midi at all", MidiError, "MThd"),
        (smf.song([smf.control(0, 7, 9)]), NoNotesError, "no notes"),
        (smf.file([smf.chunk(b"MTrk", b"\x00\x90\x3c\xa8")]), MidiError, "track 0, byte 25"),
    ],
)
def test_a_file_that_is_no_song_says_why(tmp_path: Path, data: bytes, error: type[MidiError], why: str) -> None:
    with pytest.raises(error, match=why):
        scan_file(_write(tmp_path, data))


def test_a_missing_file_is_not_an_unreadable_one(tmp_path: Path) -> None:
    with pytest.raises(MidiNotFoundError) as caught:
        scan_file(tmp_path / "gone.mid")
    assert caught.value.reason == RejectReason.NOT_FOUND


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.mid"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(MidiError, match="1099511627776 bytes"):
        scan_file(path)


def test_every_file_of_a_batch_has_its_own_fate_in_order(tmp_path: Path) -> None:
    files = [
        (7, _write(tmp_path, smf.song(smf.note(0, 10, 60)), "a.mid")),
        (3, tmp_path / "gone.mid"),
        (5, _write(tmp_path, b"MThd", "b.mid")),
        (9, _write(tmp_path, smf.song([]), "c.mid")),
        (1, tmp_path),
        (2, _write(tmp_path, smf.song(smf.note(0, 10, 61)), "d.mid")),
    ]
    results = scan_files(files)
    assert [(result.file_id, result.reason) for result in results] == [
        (7, None), (3, RejectReason.NOT_FOUND), (5, RejectReason.UNREADABLE), (9, RejectReason.NO_NOTES),
        (1, RejectReason.UNREADABLE), (2, None),
    ]  # fmt: skip
    assert all((result.facts is None) != (result.reason is None) for result in results)
    assert all(result.detail for result in results if result.reason)


def test_a_failure_of_the_reader_itself_stops_no_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = _write(tmp_path, smf.song(smf.note(0, 10, 60)), "good.mid")
    bad = _write(tmp_path, smf.song(smf.note(0, 10, 61)), "bad.mid")
    broken = bad.read_bytes()

    def failing(data: bytes) -> object:
        if data == broken:
            raise IndexError("boom")
        return read_midi(data)

    monkeypatch.setattr("workers.scanning.scan.read_midi", failing)
    first, second = scan_files([(1, bad), (2, good)])
    assert first.reason == RejectReason.UNREADABLE
    assert "IndexError: boom" in first.detail
    assert second.facts is not None
    assert [record.message for record in caplog.records] == ["the reader failed on a file"]


def test_damaged_files_are_read_or_rejected_and_none_stops_the_scan() -> None:
    paths = [*corpus.damaged(), *corpus.songs()]
    results = scan_files(list(enumerate(paths)))
    fates = {paths[result.file_id].stem: result.reason for result in results}
    assert {name: reason for name, reason in fates.items() if reason} == {
        "issue104_bizarre_love_triangle2": RejectReason.UNREADABLE,
        "valueerror_control168": RejectReason.UNREADABLE,
    }
    assert len(fates) == len(paths)
