"""What every engine owes, run over every engine that there is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from schemas.errors import EngineError, MidiError
from schemas.job import RenderJob
from schemas.patch import FluidSettings, Patch
from schemas.rules import MidiRules
from tests.support.engines import Audio, Tape
from tests.support.far import Fars
from tests.support.midi import bend, control, note, song
from tests.support.plugins import own_patch
from tests.support.soundfont import ONE_SHOT, SINE, write_soundfont
from workers.engines import ENGINES, engine_class
from workers.engines.base import Engine
from workers.engines.soundfonts import describe
from workers.midi.rules import played_midi


def _presets(engine: Engine, folder: Path) -> tuple[Patch, Patch]:
    asset = describe(write_soundfont(folder / "test.sf2"))
    settings = FluidSettings()
    one, other = (
        Patch(engine=engine.name, engine_version=engine.version, asset=asset, program=program, settings=settings)
        for program in (SINE, ONE_SHOT)
    )
    return one, other


class Variant(NamedTuple):
    """How to test one engine with two patches that sound differently."""

    engine: str
    patches: Callable[[Engine, Path], tuple[Patch, Patch]]
    far: bool  #: whether it must not come into this process


def _far(engine: str, one: str, other: str) -> tuple[str, Variant]:
    return f"{engine} {one}", Variant(engine, lambda *_: (own_patch(one), own_patch(other)), far=True)


#: One row or more per name in `ENGINES`.
VARIANTS = dict(
    [
        ("fluidsynth", Variant("fluidsynth", _presets, far=False)),
        _far("faust", "drawbar-organ", "electric-piano"),
        _far("dawdreamer", "mda-piano", "mda-epiano"),
        _far("dawdreamer", "mda-dx10", "mda-jx10"),
        _far("dawdreamer", "amsynth", "nekobi"),
    ]
)

MELODY = song(
    [
        control(0, 1, 90),
        *note(100, 300, 60),
        bend(200, 12000),
        *note(350, 500, 64),
        control(900, 64, 127),
        *note(950, 100, 67),
        control(1400, 64, 0),
    ]
)
CHORDS = song([event for key in (50, 54, 57) for event in note(0, 900, key, velocity=90)])
#: A note of half a second, a rest of 2.5 seconds, and another note.
RESTED = song([*note(480, 480, 60), *note(480 * 7, 480, 60)])


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Bench:
    """Makes engines of one kind and plays them."""

    def __init__(self, variant: Variant, folder: Path, fars: Fars) -> None:
        self._variant = variant
        self._folder = folder
        self._fars = fars
        self._engines: list[Engine] = []

    def engine(self) -> Engine:
        name = self._variant.engine
        engine = self._fars.engine(name) if self._variant.far else engine_class(name)()
        self._engines.append(engine)
        return engine

    def job(self, engine: Engine, midi: bytes, which: int = 0, **changes: Any) -> RenderJob:
        patch = self._variant.patches(engine, self._folder)[which]
        return RenderJob(midi_sha256=hashlib.sha256(midi).hexdigest(), patch=patch, **changes)

    def play(self, engine: Engine, midi: bytes, which: int = 0, **changes: Any) -> Audio:
        job = self.job(engine, midi, which, **changes)
        tape = Tape(job.channels)
        engine.render(job, midi, tape)
        return tape.audio

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


@pytest.fixture(scope="module")
def fars() -> Iterator[Fars]:
    fars = Fars()
    yield fars
    fars.close()


@pytest.fixture
def bench(variant: str, tmp_path: Path, fars: Fars) -> Iterator[Bench]:
    bench = Bench(VARIANTS[variant], tmp_path, fars)
    yield bench
    bench.close()


def same(engine: Engine, one: Audio, other: Audio) -> bool:
    """Whether two renders are equal within what the engine declares; bit for bit where that is nothing."""
    if engine.warm_tolerance == 0.0:
        return one.tobytes() == other.tobytes()
    return one.shape == other.shape and float(np.abs(one - other).max(initial=0.0)) <= engine.warm_tolerance


def test_every_engine_is_under_contract() -> None:
    assert {variant.engine for variant in VARIANTS.values()} == set(ENGINES)


def test_it_has_its_name_a_version_and_a_library(bench: Bench, variant: str) -> None:
    engine = bench.engine()
    assert engine.name == VARIANTS[variant].engine
    assert engine.version
    assert engine.library


def test_it_plays_what_the_jobs_rules_make_of_the_midi(bench: Bench) -> None:
    rules = MidiRules(shift=3, moves={63: 60})
    engine, midi = bench.engine(), played_midi(MELODY, rules)
    job = bench.job(engine, MELODY)
    tape = Tape(job.channels)
    engine.render(job.model_copy(update={"patch": job.patch.model_copy(update={"rules": rules})}), MELODY, tape)
    assert same(engine, tape.audio, bench.play(engine, midi))
    assert not same(engine, tape.audio, bench.play(engine, MELODY))


def test_it_sounds(bench: Bench) -> None:
    assert np.abs(bench.play(bench.engine(), MELODY)).max() > 0.01


def test_a_warm_render_equals_a_cold_one(bench: Bench) -> None:
    engine = bench.engine()
    cold = bench.play(engine, MELODY)
    assert same(engine, cold, bench.play(engine, MELODY))
    assert same(engine, cold, bench.play(bench.engine(), MELODY))


def test_a_render_between_two_others_changes_neither(bench: Bench) -> None:
    engine = bench.engine()
    first = bench.play(engine, MELODY)
    other = bench.play(engine, CHORDS, which=1)
    assert same(engine, first, bench.play(engine, MELODY))
    assert same(engine, other, bench.play(engine, CHORDS, which=1))
    assert same(engine, other, bench.play(bench.engine(), CHORDS, which=1))


def test_a_render_that_broke_off_leaves_nothing_behind(bench: Bench) -> None:
    class Full(Tape):
        def write(self, block: Audio) -> None:
            raise OSError("no room")

    engine = bench.engine()
    whole = bench.play(engine, MELODY)
    with pytest.raises(OSError, match="no room"):
        engine.render(bench.job(engine, CHORDS), CHORDS, Full())
    assert same(engine, whole, bench.play(engine, MELODY))


def test_another_patch_sounds_differently(bench: Bench) -> None:
    engine = bench.engine()
    one, other = (bench.play(engine, MELODY, which) for which in (0, 1))
    assert one.tobytes() != other.tobytes()


def test_silence_where_the_midi_is_silent(bench: Bench) -> None:
    audio = bench.play(bench.engine(), RESTED)
    assert not audio[: int(0.49 * 44100)].any()
    assert not audio[int(3.0 * 44100) : int(3.49 * 44100)].any()
    assert audio[int(0.6 * 44100)].any()
    assert audio[int(3.6 * 44100)].any()


def test_no_notes_no_sound(bench: Bench) -> None:
    assert not bench.play(bench.engine(), song([control(0, 7, 100)])).any()


@pytest.mark.parametrize(("rate_hz", "tail_max_s"), [(16000, 0.25), (44100, 0.0), (44100, 30.0), (48000, 0.25)])
def test_the_length_is_that_of_the_notes_and_at_most_the_longest_tail(
    bench: Bench, rate_hz: int, tail_max_s: float
) -> None:
    engine = bench.engine()
    audio = bench.play(engine, RESTED, rate_hz=rate_hz, tail_max_s=tail_max_s)
    assert 4.0 * rate_hz - 64 <= len(audio) <= (4.0 + tail_max_s) * rate_hz + 64
    assert len(audio) == len(bench.play(engine, RESTED, rate_hz=rate_hz, tail_max_s=tail_max_s))


def test_mono_is_the_mean_of_both_sides(bench: Bench) -> None:
    engine = bench.engine()
    stereo, mono = (bench.play(engine, MELODY, channels=channels) for channels in (2, 1))
    assert mono.shape == (len(stereo), 1)
    assert mono[:, 0] == pytest.approx(stereo.mean(axis=1), abs=1e-7)


def test_the_expected_length_is_told_first(bench: Bench) -> None:
    engine, tape = bench.engine(), Tape()
    engine.render(bench.job(engine, RESTED), RESTED, tape)
    assert 3.9 * 44100 < tape.expected < 1.5 * len(tape.audio)


def test_it_loads_once_for_patches_of_one_key_and_again_after_a_close(bench: Bench) -> None:
    engine = bench.engine()
    patch = bench.job(engine, MELODY).patch
    seen = [engine.load_key]
    engine.load(patch)
    seen.append(engine.load_key)
    engine.close()
    seen.append(engine.load_key)
    assert seen == [None, patch.load_key, None]
    assert bench.play(engine, MELODY).any()


def test_a_job_for_another_version_is_refused(bench: Bench) -> None:
    engine = bench.engine()
    job = bench.job(engine, MELODY)
    old = job.model_copy(update={"patch": job.patch.model_copy(update={"engine_version": "0.0.1"})})
    with pytest.raises(EngineError, match="planned for"):
        engine.render(old, MELODY, Tape())


def test_what_is_no_midi_is_refused(bench: Bench) -> None:
    engine = bench.engine()
    with pytest.raises(MidiError):
        engine.render(bench.job(engine, b"no"), b"no", Tape())


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(EngineError, match="no engine 'flute'"):
        engine_class("flute")
