"""Submixes after the fact: exact sums, residuals, empty groups, true records; and the same bytes as in the pipeline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from farm.planning.submixes import read_recipe
from schemas.convert import ConvertOrder, NoteCode, ReworkReport, SubmixOrder
from schemas.errors import PlanError, UnknownIdError
from schemas.submix import SubmixRecipe
from tests.support.datasets import read_annotation
from tests.support.farms import published as files_of
from tests.support.killing import killed_at_every_step
from tests.support.slakh_tracks import RENDERED, write_track
from workers.audio.files import read_audio
from workers.reworking.run import convert_dataset
from workers.reworking.submix import submix_dataset
from workers.verifying import Code, verify_dataset

TRACK = "Track00001"
BAND = read_recipe("band")


def submix(folder: Path, *recipes: SubmixRecipe, **wanted: Any) -> ReworkReport:
    order = SubmixOrder(folder=str(folder), recipes=list(recipes or [BAND]), **wanted)
    return submix_dataset(order, lambda done, tracks: None)


def sum_of(paths: list[Path]) -> Any:
    return np.sum([read_audio(path).astype(np.int64) for path in paths], axis=0)


def test_groups_are_exact_sums_and_together_with_the_residuals_they_are_the_mix(dataset: Path) -> None:
    assert submix(dataset).reworked == 1
    folder, song = dataset / TRACK, read_annotation(dataset)
    groups = {group.name: group for group in song.submixes[0].groups}
    # the song has a flute (73), a bass (33), an organ (19) and drums
    assert {name: group.stems for name, group in groups.items()} == {
        "piano": [], "guitar": [], "bass": ["S01"], "drums": ["S03"], "residuals": ["S00", "S02"],
    }  # fmt: skip
    for group in groups.values():
        there = read_audio(folder / group.audio)
        wanted = [folder / "stems" / f"{stem}.flac" for stem in group.stems]
        np.testing.assert_array_equal(there, sum_of(wanted) if wanted else np.zeros_like(there))
    np.testing.assert_array_equal(
        sum_of([folder / group.audio for group in groups.values()]), read_audio(folder / "mix.flac")
    )
    assert (groups["piano"].peak_dbfs, groups["piano"].loudness_lufs) == (None, None)
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
    assert metadata["stemfarm"]["submixes"]["band"]["residuals"] == ["S00", "S02"]
    assert verify_dataset(dataset, processes=1).findings == []


def test_the_layout_musicgen_gets_the_same_submixes_and_is_left_alone_the_second_time(musicgen: Path) -> None:
    assert submix(musicgen).reworked == 1
    groups = {group.name: group.stems for group in read_annotation(musicgen).submixes[0].groups}
    assert (groups["bass"], groups["drums"], groups["residuals"]) == (["S01"], ["S03"], ["S00", "S02"])
    assert verify_dataset(musicgen, processes=1).findings == []
    before = files_of(musicgen)
    assert submix(musicgen).reworked == 0
    assert files_of(musicgen) == before
    with pytest.raises(PlanError, match="no stem of any track has this key"):
        submix(musicgen, SubmixRecipe(name="other", key="colour", groups={"a": ["x"]}))


def test_made_again_nothing_changes_and_a_changed_recipe_replaces_what_was_made(dataset: Path) -> None:
    submix(dataset)
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    assert submix(dataset).reworked == 0
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before
    other = BAND.model_copy(update={"groups": {"Organ": [19]}})
    assert submix(dataset, other).reworked == 1
    names = sorted(path.name for path in (dataset / TRACK / "submixes" / "band").iterdir())
    assert names == ["organ.flac", "residuals.flac"]
    assert verify_dataset(dataset, processes=1).findings == []


def test_submixes_are_converted_with_their_song(dataset: Path, tmp_path: Path) -> None:
    submix(dataset)
    order = ConvertOrder(source=str(dataset), target=str(tmp_path / "out"), rate_hz=16000, mono=True)
    convert_dataset(order, lambda done, tracks: None)
    assert verify_dataset(tmp_path / "out", processes=1).findings == []
    folder = tmp_path / "out" / TRACK
    residuals = read_audio(folder / "submixes" / "band" / "residuals.flac")
    np.testing.assert_array_equal(residuals, sum_of([folder / "stems" / f"{stem}.flac" for stem in ("S00", "S02")]))


def test_slakhs_own_tracks_get_their_submixes(release: Path) -> None:
    report = submix(release, tracks=["Track00002"])
    assert (report.tracks, report.reworked, report.verifiable) == (1, 1, False)
    assert not (release / "train" / TRACK / "submixes").exists()
    folder = release / "train" / "Track00002"
    groups = sorted(path.name for path in (folder / "submixes" / "band").iterdir())
    assert groups == ["bass.flac", "drums.flac", "guitar.flac", "piano.flac", "residuals.flac"]
    total = sum_of([folder / "submixes" / "band" / name for name in groups])
    np.testing.assert_array_equal(total, sum_of([folder / "stems" / f"{stem}.flac" for stem in RENDERED]))
    strings = read_audio(folder / "submixes" / "band" / "residuals.flac")
    np.testing.assert_array_equal(strings, read_audio(folder / "stems" / "S04.flac"))


@pytest.mark.parametrize(
    ("key", "groups", "wanted"),
    [
        ("inst_class", {"Keys": ["Piano"], "Strings": ["Strings (continued)"]}, {"keys": "S00", "strings": "S04"}),
        ("plugin_name", {"Kit": ["room_kit.nkm"]}, {"kit": "S03"}),
        ("is_drum", {"Drums": [True]}, {"drums": "S03"}),
    ],
)
def test_any_key_of_the_metadata_can_be_mixed_by(
    release: Path, key: str, groups: dict[str, list[Any]], wanted: dict[str, str]
) -> None:
    submix(release, SubmixRecipe(name="other", key=key, groups=groups), tracks=[TRACK])
    folder = release / "train" / TRACK
    for group, stem in wanted.items():
        there = read_audio(folder / "submixes" / "other" / f"{group}.flac")
        np.testing.assert_array_equal(there, read_audio(folder / "stems" / f"{stem}.flac"))


def test_a_key_that_no_stem_has_is_refused_before_anything_is_done(release: Path) -> None:
    before = files_of(release)
    with pytest.raises(PlanError, match=r"mixes by 'colour', and no stem of any track.*inst_class"):
        submix(release, BAND, SubmixRecipe(name="other", key="colour", groups={"A": ["red"]}))
    with pytest.raises(PlanError, match="Did you mean `program_num`"):
        submix(release, SubmixRecipe(name="other", key="program_nam", groups={"A": [0]}))
    assert files_of(release) == before


def test_a_key_that_one_track_lacks_fails_that_track_alone(release: Path) -> None:
    sign = release / "train" / TRACK / "metadata.yaml"
    metadata = yaml.safe_load(sign.read_text())
    for stem in metadata["stems"].values():
        del stem["plugin_name"]
    sign.write_text(yaml.safe_dump(metadata))
    report = submix(release, SubmixRecipe(name="kit", key="plugin_name", groups={"Kit": ["room_kit.nkm"]}))
    assert [note.track for note in report.failed] == [f"train/{TRACK}"]
    assert "has the key 'plugin_name'" in report.failed[0].message


@pytest.mark.parametrize(
    ("key", "groups", "messages"),
    [
        (
            "inst_class",
            {"Keys": ["Paino", "Piano"]},
            ["group Keys: no stem has the inst_class 'Paino'; the nearest that there is: 'Piano'"],
        ),
        ("inst_class", {"Choir": ["Organ", "Synth Pad"]}, []),  # classes that there are, and not in these songs
        (
            "program_num",
            {"Keys": [0, 127, "0", 300]},
            ["no stem has the program_num '0'; the nearest that there is: 0", "the program_num 300"],
        ),
        ("plugin_name", {"Kit": ["room_kit.nkn"]}, ["the nearest that there is: 'room_kit.nkm'"]),
        ("is_drum", {"Kit": [1, True]}, ["no stem has the is_drum 1"]),
    ],
)  # fmt: skip
def test_a_value_that_nothing_ever_matches_is_told_with_the_nearest_one(
    release: Path, key: str, groups: dict[str, list[Any]], messages: list[str]
) -> None:
    report = submix(release, SubmixRecipe(name="other", key=key, groups=groups))
    notes = [note for note in report.notes if note.code == NoteCode.UNKNOWN_VALUE]
    assert len(notes) == len(messages)
    assert all(message in note.message for note, message in zip(notes, messages, strict=True))
    assert report.failed == []


def test_an_index_for_mirdata_goes_with_the_metadata_that_it_was_made_of(dataset: Path) -> None:
    index = dataset / "slakh_index_baby.json"
    index.write_text("{}")
    report = submix(dataset)
    assert not index.exists()
    assert [note.code for note in report.notes if note.code == NoteCode.INDEX_REMOVED] == ["index_removed"]
    index.write_text("{}")
    assert submix(dataset).reworked == 0
    assert index.exists(), "nothing was changed"


def test_a_group_louder_than_integers_can_say_fails_its_track_by_name(tmp_path: Path) -> None:
    """Two stems that cancel a third are louder together than the song is."""
    folder = write_track(tmp_path / "release" / TRACK, seconds=0.2)
    loud = 0.9 * np.sin(np.arange(8820) * 0.05)
    for stem, sign in (("S00", 1), ("S01", 1), ("S03", -1), ("S04", -1)):
        soundfile.write(folder / "stems" / f"{stem}.flac", sign * loud, 44100, subtype="PCM_16")
    report = submix(tmp_path / "release", SubmixRecipe(name="keys", key="program_num", groups={"Keys": [0, 33]}))
    assert "the group keys of keys would reach" in report.failed[0].message
    assert not list((folder / "submixes").iterdir())


def test_a_track_that_is_not_there_is_named(dataset: Path) -> None:
    with pytest.raises(UnknownIdError, match="there is no track Track99999"):
        submix(dataset, tracks=["Track99999"])


def test_killed_at_any_moment_the_same_command_finishes_it(pair: Path, tmp_path: Path) -> None:
    start = Path(shutil.copytree(pair, tmp_path / "start"))
    shutil.copytree(start, tmp_path / "undisturbed")
    kits = SubmixRecipe(name="kits", key="is_drum", groups={"Drums": [True]})
    submix(tmp_path / "undisturbed", kits, tracks=[TRACK])
    wanted = files_of(tmp_path / "undisturbed")

    def check(root: Path) -> None:
        submix(root, kits, tracks=[TRACK])
        assert files_of(root) == wanted

    moments = killed_at_every_step(start, tmp_path / "steps", lambda root: submix(root, kits, tracks=[TRACK]), check)
    assert moments > 10


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("drums.flac", "residuals.flac"), Code.NOT_THE_SUM),
        (('["S01"]', "[]"), Code.SUBMIX_WRONG),
    ],
)
def test_the_verifier_finds_a_submix_that_is_not_what_it_says(
    dataset: Path, change: tuple[str, str], code: Code
) -> None:
    submix(dataset)
    folder = dataset / TRACK
    if code is Code.NOT_THE_SUM:
        shutil.copy(folder / "submixes" / "band" / change[1], folder / "submixes" / "band" / change[0])
    else:
        text = (folder / "annotation.json").read_text()
        (folder / "annotation.json").write_text(text.replace(f'"stems":{change[0]}', f'"stems":{change[1]}'))
    assert code in {finding.code for finding in verify_dataset(dataset, processes=1).findings}
