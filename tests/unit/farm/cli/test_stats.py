"""`farm stats` counts what is there, in every form."""

from __future__ import annotations

import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from farm.dataset.catalogue import Entry, read_catalogue
from farm.dataset.page import SHOWN, shortened
from farm.dataset.plots import draw
from farm.dataset.records import Shelf
from farm.dataset.splits import resplit
from farm.dataset.stats import charts, count
from tests.support.datasets import make_dataset, read_annotation, read_records
from tests.unit.farm.cli.conftest import Call


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = make_dataset(tmp_path_factory.mktemp("made"), tracks=3)
    resplit(dataset, {"Track00001": "train", "Track00002": "train", "Track00003": "test"})
    return dataset


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "dataset")


def test_the_sums_are_those_of_manifest_and_annotations(dataset: Path, call: Call) -> None:
    found = call("stats", dataset, "--format", "json").json
    records = read_records(dataset)
    songs = [read_annotation(dataset, record.folder) for record in records]
    stems = [stem for song in songs for stem in song.stems]
    assert (found["songs"], found["stems"], found["rendered"]) == (3, len(stems), len(stems))
    assert found["notes"] == sum(record.notes for record in records)
    assert found["duration_s"] == pytest.approx(sum(record.duration_s for record in records))
    assert found["stem_audio_s"] == pytest.approx(sum(record.stem_audio_s for record in records))
    regions = [end - start for stem in stems for start, end in stem.active_regions]
    assert found["active_s"] == pytest.approx(sum(regions), abs=1e-4)
    files = [path for path in dataset.rglob("Track*/**/*") if path.is_file()]
    assert found["size_bytes"] == sum(path.stat().st_size for path in files)
    assert found["spreads"]["duration, s"]["most"] == max(record.duration_s for record in records)


def test_splits_classes_programs_and_patches_are_counted(dataset: Path, call: Call) -> None:
    found = call("stats", dataset, "--json").json
    assert [(split["name"], split["songs"], split["stems"]) for split in found["splits"]] == [
        ("train", 2, 8),
        ("test", 1, 4),
    ]
    assert found["leak_free"] is True
    assert {group["name"]: (group["songs"], group["stems"]) for group in found["classes"]} == {
        "Bass": (3, 3), "Drums": (3, 3), "Organ": (3, 3), "Pipe": (3, 3),
    }  # fmt: skip
    assert [group["name"] for group in found["programs"]] == [
        " 19 Church Organ", " 33 Electric Bass (finger)", " 73 Flute", "128 Drums",
    ]  # fmt: skip
    assert sum(group["notes"] for group in found["classes"]) == found["notes"]
    assert found["keys"] == {"C major": 3}
    assert found["meters"] == {"3/4": 3, "4/4": 3}


def test_versions_of_a_song_in_two_splits_are_said(dataset: Path, call: Call) -> None:
    lines = [{**json.loads(line), "cluster": "same"} for line in (dataset / "manifest.jsonl").read_text().splitlines()]
    (dataset / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = call("stats", dataset, "--json").json
    assert (found["leak_free"], found["clusters"]) == (False, 1)
    text = call("stats", dataset).out
    assert "versions in two splits" in text
    assert "3 (1 without versions)" in text


def test_the_text_has_a_bar_for_every_group(dataset: Path, call: Call) -> None:
    text = call("stats", dataset).out
    assert "leak-free splits  yes" in text
    for chart in charts(count(*read_catalogue(dataset))):
        for name, size in chart.bars if chart.key != "splits" else ():
            assert re.search(rf"^  {re.escape(name)} +{size:,.0f}(  █+|$)", text, flags=re.MULTILINE)


class _Page(HTMLParser):
    """Checks that tags are closed, and collects what is on the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.outside += [str(value) for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(dataset: Path, call: Call) -> None:
    record = json.loads((dataset / "dataset.json").read_text())
    record["name"] = "<b>pop</b> & rock"
    (dataset / "dataset.json").write_text(json.dumps(record))
    page = _Page(call("stats", dataset, "--format", "html").out)
    assert (page.open, page.outside) == ([], [])
    assert "<b>pop</b> & rock" in page.words
    assert {"Bass", "128 Drums", "leak-free splits", "songs by duration, s"} <= set(page.words)


@pytest.mark.parametrize(("form", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_pictures_are_drawn_the_same_each_time(
    dataset: Path, tmp_path: Path, call: Call, form: str, head: bytes
) -> None:
    answer = call("stats", dataset, "--plots", tmp_path / "one", "--plot-format", form)
    assert answer.code == 0
    drawn = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {f"splits.{form}", f"classes.{form}", f"programs.{form}", f"duration.{form}"} <= set(drawn)
    assert f"{len(drawn)} pictures" in answer.err
    assert (tmp_path / "one" / f"splits.{form}").read_bytes().startswith(head)
    few = count(*read_catalogue(dataset)).model_copy(update={"programs": [], "patches": [], "spreads": {}, "keys": {}})
    for path in draw(few, tmp_path / "two", form):
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()


def test_without_matplotlib_the_error_names_the_command(
    dataset: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = call("stats", dataset, "--plots", tmp_path / "pictures")
    assert answer.code == 2
    assert "pip install 'stemfarm[plots]'" in answer.err
    assert not (tmp_path / "pictures").exists()
    assert call("stats", dataset, "--format", "html").code == 0


def test_a_long_list_ends_in_the_sum_of_the_rest() -> None:
    bars = [(str(number), 1) for number in range(100)]
    short = shortened(bars)
    assert len(short) == SHOWN
    assert short[-1] == (f"{100 - SHOWN + 1} others", 100 - SHOWN + 1)


def test_what_is_far_off_is_in_the_last_bar(dataset: Path) -> None:
    shelf, (first, *rest) = read_catalogue(dataset)
    far = Entry({**first.song, "tempo": 60_000_000.0}, first.stems)
    found = count(shelf, [far, *rest])
    spread = found.spreads["tempo, bpm"]
    assert (len(spread.bars), sum(size for _, size in spread.bars)) == (24, 3)
    (chart,) = [chart for chart in charts(found) if chart.key == "tempo"]
    assert chart.bars[-1] == ("580 and more", 1)


def test_what_is_counted_is_told_in_whole_numbers(dataset: Path, call: Call) -> None:
    text = call("stats", dataset).out
    least, most = re.search(r"number of stems: (\S+) to (\S+),", text).groups()  # type: ignore[union-attr]
    assert (least.isdigit(), most.isdigit()) == (True, True)
    assert re.search(r"loudness of the mix, LUFS: -\d+\.\d to -\d+\.\d, median", text)


def test_an_empty_dataset_has_statistics_too(tmp_path: Path) -> None:
    found = count(Shelf(tmp_path, {}, None, []), [])
    assert (found.songs, found.leak_free, charts(found)) == (0, None, [])


def test_slakhs_own_folder_is_counted(tmp_path: Path, call: Call) -> None:
    for split, number in (("train", 1), ("omitted", 2)):
        track = tmp_path / "slakh" / split / f"Track{number:05d}"
        track.mkdir(parents=True)
        stem = {
            "inst_class": "Drums",
            "is_drum": True,
            "midi_program_name": "Drums",
            "program_num": 128,
            "plugin_name": "x.nkm",
        }
        (track / "metadata.yaml").write_text(json.dumps({"UUID": "same", "stems": {"S00": stem}}))
    found = call("stats", tmp_path / "slakh", "--json").json
    assert (found["songs"], found["stems"], found["rendered"], found["clusters"]) == (2, 2, 0, 1)
    assert found["leak_free"] is True
    text = call("stats", tmp_path / "slakh").out
    assert "0.0 min" not in text  # its metadata does not tell how long it is
    assert text.count("unknown") == 2  # of either split


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--format", "pdf"], "text, json or html"), (["--plots", "p", "--plot-format", "gif"], "png or svg")],
)
def test_a_form_that_there_is_not_is_refused(dataset: Path, call: Call, arguments: list[str], message: str) -> None:
    answer = call("stats", dataset, *arguments)
    assert answer.code == 2
    assert message in answer.err


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path, call: Call) -> None:
    assert call("stats", tmp_path).code == 2
