"""The splits of a plan: clusters whole, files in Slakh's form obeyed, what they omit rejected by name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import mido
import pytest

from farm.ledger.records import ChosenSong
from farm.planning.plans import load_plan
from farm.planning.select import Selection, select_songs
from farm.planning.splits import place_songs, read_split_file, with_split_file
from schemas.errors import PlanError
from schemas.plan import DatasetPlan
from schemas.song import SongSpec
from schemas.splits import SplitFile, slakh_split
from schemas.states import RejectReason
from tests.support.farms import DEMO
from tests.support.ledgers import sha, song_facts
from workers.scanning.scan import scan_files

RATIOS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def _plan(**splits: Any) -> DatasetPlan:
    return DatasetPlan.model_validate({"source": "midi", "splits": splits})


def _chosen(songs: int, per_cluster: int = 1) -> Selection:
    chosen = []
    for number in range(1, songs + 1):
        facts = song_facts(number)
        spec = SongSpec(
            song_hash=facts.song_hash, track=number, name=f"Track{number:05d}", source=f"a/song{number}.mid",
            facts=facts, cluster=sha(("cluster", number // per_cluster))[:16],
        )  # fmt: skip
        chosen.append(ChosenSong(number, spec))
    return Selection(chosen, [])


def _splits(selection: Selection) -> dict[str, str | None]:
    return {song.spec.name: song.spec.split for song in selection.chosen}


def test_without_ratios_and_file_no_song_has_a_split() -> None:
    assert set(_splits(place_songs(_plan(), _chosen(5))).values()) == {None}


@pytest.mark.parametrize("per_cluster", [1, 2, 3, 5])
def test_no_cluster_spans_two_splits_and_the_ratios_are_met(per_cluster: int) -> None:
    placed = place_songs(_plan(ratios=RATIOS), _chosen(200, per_cluster))
    homes = {(song.spec.cluster, song.spec.split) for song in placed.chosen}
    assert len(homes) == len({cluster for cluster, _ in homes})
    counts = Counter(_splits(placed).values())
    for split, ratio in RATIOS.items():
        assert abs(counts[split] - 200 * ratio) < per_cluster


def test_by_song_versions_of_a_song_may_be_parted() -> None:
    placed = place_songs(_plan(ratios=RATIOS, by="song"), _chosen(200, 4))
    assert Counter(_splits(placed).values()) == {"train": 160, "validation": 20, "test": 20}
    homes = {(song.spec.cluster, song.spec.split) for song in placed.chosen}
    assert len(homes) > len({cluster for cluster, _ in homes})


def test_the_split_of_a_song_comes_from_seed_and_cluster_and_not_from_its_track() -> None:
    placed = place_songs(_plan(ratios=RATIOS), _chosen(100))
    turned = _chosen(100)
    turned.chosen.reverse()
    assert _splits(place_songs(_plan(ratios=RATIOS), turned)) == _splits(placed)


def test_a_split_file_names_songs_by_track_hash_or_file_name() -> None:
    songs = {"Track00001": "test", sha(2): "validation", "song3": "test"}
    placed = _splits(place_songs(_plan(songs=songs), _chosen(4)))
    assert placed == {"Track00001": "test", "Track00002": "validation", "Track00003": "test", "Track00004": None}


def test_versions_follow_the_song_that_the_file_names() -> None:
    songs = _chosen(30, per_cluster=10)
    named = {song.spec.name: "test" for song in songs.chosen[:1]}
    placed = place_songs(_plan(ratios={"train": 1}, songs=named), songs)
    followers = {song.spec.split for song in placed.chosen if song.spec.cluster == songs.chosen[0].spec.cluster}
    assert followers == {"test"}
    assert "train" in _splits(placed).values()


def test_what_the_file_omits_is_rejected_by_name() -> None:
    placed = place_songs(_plan(songs={"Track00002": "omitted"}), _chosen(3))
    assert sorted(_splits(placed)) == ["Track00001", "Track00003"]
    (rejected,) = placed.rejected
    assert (rejected.file_id, rejected.reason) == (2, RejectReason.OMITTED)
    assert "Track00002" in rejected.detail


def test_a_plan_reads_its_split_file_beside_it_and_keeps_what_it_says(tmp_path: Path) -> None:
    entries = {"Track00001": {"action": "move", "source_split": "train", "destination_split": "test"}}
    (tmp_path / "splits.json").write_text(json.dumps(entries))
    (tmp_path / "plan.yaml").write_text("source: midi\nsplits: {file: splits.json}\n")
    plan = with_split_file(load_plan(tmp_path / "plan.yaml"))
    assert plan.splits.songs == {"Track00001": "test"}
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("splits.json", "plan.yaml"):
        (tmp_path / name).rename(moved / name)
    assert with_split_file(load_plan(moved / "plan.yaml")).plan_hash == plan.plan_hash


def test_the_original_splits_of_slakh_need_no_file(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("source: midi\nsplits: {file: orig}\n")
    songs = with_split_file(load_plan(tmp_path / "plan.yaml")).splits.songs
    assert Counter(songs.values()) == {"train": 1500, "validation": 375, "test": 225}
    assert [songs[f"Track{number:05d}"] for number in (1, 1500, 1501, 1875, 1876, 2100)] == [
        "train", "train", "validation", "validation", "test", "test"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[]", "is no split file"),
        ('{"Track00001": {"action": "burn"}}', "is no split file: Track00001"),
        ('{"Track00001": {"action": "move", "to": "test"}}', "is no split file: Track00001"),
        ('{"Track00001": {"action": "move", "source_split": "test"}}', "needs a destination_split"),
        ('{"Track00001": "../up"}', "is no split file: Track00001"),
        ('{"Track00001": {"action": "move", "destination_split": "/etc"}}', "is no split file: Track00001"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "splits.json").write_text(text)
    with pytest.raises(PlanError, match=message):
        read_split_file(str(tmp_path / "splits.json"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"gone\.json: No such file"):
        read_split_file(str(tmp_path / "gone.json"))


def test_a_split_must_not_take_the_name_of_what_is_omitted() -> None:
    with pytest.raises(ValueError, match="omitted"):
        _plan(ratios={"omitted": 1})


def _version(source: Path, target: Path, shift: int, speed: float) -> None:
    """Write a song in another key and tempo."""
    song = mido.MidiFile(source)
    for track in song.tracks:
        for message in track:
            if message.type in {"note_on", "note_off"} and message.channel != 9:
                message.note += shift
            elif message.type == "set_tempo":
                message.tempo = round(message.tempo / speed)
    song.save(target)


def test_versions_of_real_songs_never_part_whatever_the_seed(tmp_path: Path) -> None:
    for source in sorted(DEMO.glob("*.mid")):
        for shift, speed in ((0, 1.0), (2, 1.0), (-3, 1.1)):
            _version(source, tmp_path / f"{source.stem}{shift}.mid", shift, speed)
    paths = list(enumerate(sorted(tmp_path.glob("*.mid"))))
    facts = {result.file_id: result.facts for result in scan_files(paths)}
    files = [(number, path.name, song) for number, path in paths if (song := facts[number]) is not None]
    seen = set()
    for seed in range(8):
        plan = DatasetPlan.model_validate(
            {"source": "midi", "seed": seed, "splits": {"ratios": {"train": 1, "test": 1}}}
        )
        placed = place_songs(plan, select_songs(plan, files))
        splits = {song.spec.source: song.spec.split for song in placed.chosen}
        assert len(splits) == 12
        titles = {(source.rstrip("-0123456789.mid"), split) for source, split in splits.items()}
        assert len(titles) == 4
        assert Counter(splits.values()) == {"train": 6, "test": 6}
        seen.add(tuple(sorted(titles)))
    assert len(seen) > 1


class TestSlakhsForms:
    """What the three forms of Slakh2100 mean, in files of their form."""

    def test_a_track_without_action_belongs_to_its_original_split(self) -> None:
        file = SplitFile.model_validate(
            {
                "Track00001": {"action": None},
                "Track00003": {"action": "move", "source_split": "train", "destination_split": "test"},
                "Track01501": {"action": None},
                "Track01990": {"action": "omit", "source_split": "test"},
            }
        )
        assert file.destinations() == {
            "Track00001": "train", "Track00003": "test", "Track01501": "validation", "Track01990": "omitted",
        }  # fmt: skip

    def test_of_other_tracks_than_slakhs_it_stays_where_it_was_at_first(self) -> None:
        file = SplitFile.model_validate(
            {
                "Track00001": {"action": None},
                "Track00002": {"action": "move", "source_split": "test", "destination_split": "train"},
            }
        )
        assert file.destinations() == {"Track00001": None, "Track00002": "train"}

    def test_only_tracks_of_slakh_have_an_original_split(self) -> None:
        assert [slakh_split(name) for name in ("Track00000", "Track02101", "Song00001")] == [None, None, None]
