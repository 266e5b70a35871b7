"""FluidSynth as an engine: presets and what stands in for them, what it reports, and that its shortcuts are exact."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import AssetError, EngineError
from schemas.patch import DRUM_BANK, FluidSettings
from schemas.states import FailureReason
from tests.support.engines import Studio, Tape
from tests.support.midi import bend, channel_pressure, control, key_pressure, note, song
from tests.support.soundfont import HELD, LATE, NARROW, NARROW_KEYS, SINE, write_soundfont
from workers.engines import fluidplayer, fluidsynth
from workers.engines.fluidlib import bundled_libraries, load_library
from workers.engines.fluidplayer import FluidPlayer
from workers.engines.schedule import stem_schedule
from workers.engines.soundfonts import describe

SECOND = 960
NOTE = song(note(0, SECOND, 69))
#: Everything a stem may hold, with rests.
BUSY = song(
    [
        *(event for at in range(0, 12 * SECOND, 700) for event in note(at, 300 + at % 500, 55 + at % 29)),
        *(control(at, 1, at % 128) for at in range(0, 4 * SECOND, 97)),
        *(bend(at, 4000 + at % 8000) for at in range(0, 4 * SECOND, 131)),
        channel_pressure(500, 80),
        key_pressure(800, 60, 70),
        *note(20 * SECOND, 100, 60),
        control(25 * SECOND, 7, 20),
    ]
)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(write_soundfont(tmp_path_factory.mktemp("font") / "test.sf2"))
    yield studio
    studio.engine.close()


def test_the_preset_that_sounds_is_reported(studio: Studio) -> None:
    _, report = studio.play(NOTE, NARROW)
    assert (report.preset_name, report.preset_bank, report.preset_program) == ("Narrow", 0, NARROW)


def test_a_bank_that_is_there_is_played(studio: Studio) -> None:
    variation, report = studio.play(NOTE, LATE, bank=8)
    assert (report.preset_name, report.preset_bank) == ("Late up a fifth", 8)
    assert variation.tobytes() != studio.play(NOTE, LATE)[0].tobytes()


def test_bank_0_stands_in_for_a_bank_that_is_missing(studio: Studio) -> None:
    audio, report = studio.play(NOTE, LATE, bank=5)
    assert (report.preset_name, report.preset_bank, report.preset_program) == ("Late", 0, LATE)
    assert audio.tobytes() == studio.play(NOTE, LATE)[0].tobytes()


def test_the_standard_kit_stands_in_for_a_kit_that_is_missing(studio: Studio) -> None:
    drums = song(note(0, SECOND, 38, channel=9))
    _, report = studio.play(drums, 33, bank=DRUM_BANK)
    assert (report.preset_name, report.preset_bank, report.preset_program) == ("Kit", DRUM_BANK, 0)
    _, report = studio.play(drums, 16, bank=DRUM_BANK)
    assert report.preset_name == "Other kit"


def test_no_other_program_ever_stands_in(studio: Studio) -> None:
    with pytest.raises(EngineError, match="no preset for bank 0, program 99") as caught:
        studio.play(NOTE, 99)
    assert caught.value.cause == FailureReason.MISSING_ASSET


def test_program_changes_in_a_stem_change_nothing(studio: Studio) -> None:
    changed = song([(0, b"\xb0\x00\x08"), (0, b"\xc0\x08"), *note(0, SECOND, 69), (100, b"\xc0\x04")])
    assert studio.play(changed, SINE)[0].tobytes() == studio.play(NOTE, SINE)[0].tobytes()


def test_notes_without_a_sample_are_reported_with_their_time(studio: Studio) -> None:
    low, high = NARROW_KEYS
    events = [*note(0, 100, low), *note(960, 100, low - 1), *note(1440, 100, high), *note(1441, 100, high + 1)]
    audio, report = studio.play(song(events), NARROW)
    assert report.silent_notes == [(1.0, low - 1), (1441 / 960, high + 1)]
    assert (report.notes, report.first_audible_note_s) == (4, 0.0)
    assert not audio[int(0.9 * 44100) : int(1.45 * 44100)].any()


def test_a_struck_again_note_is_not_silent(studio: Studio) -> None:
    _, report = studio.play(song([event for at in range(0, 960, 10) for event in note(at, 9, 69)]), HELD)
    assert report.silent_notes == []


def test_a_note_that_steals_a_voice_is_not_silent(studio: Studio) -> None:
    chord = song([event for key in range(40, 80) for event in note(key, 960, key)])
    _, report = studio.play(chord, HELD, settings=FluidSettings(polyphony=16))
    assert report.silent_notes == []
    assert report.voices_max >= 16


def test_voices_are_counted(studio: Studio) -> None:
    _, report = studio.play(song([event for key in (60, 64, 67) for event in note(0, 960, key)]), SINE)
    assert report.voices_max == 3


def test_muted_notes_are_reported(studio: Studio) -> None:
    audio, report = studio.play(song([control(0, 7, 0), *note(0, 960, 69)]), SINE)
    assert (report.notes, report.muted_notes, report.first_audible_note_s) == (1, 1, None)
    assert np.abs(audio).max() < 1e-5


@pytest.mark.parametrize("rate_hz", [16000, 44100])
@pytest.mark.parametrize("program", [SINE, HELD])
def test_passing_over_silence_changes_no_bit(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, program: int, rate_hz: int
) -> None:
    tape = Tape()
    job = studio.job(BUSY, program, rate_hz=rate_hz)
    report = studio.engine.render(job, BUSY, tape)
    assert tape.skipped > 0
    monkeypatch.setattr(fluidsynth, "FluidPlayer", partial(FluidPlayer, skip_silence=False))
    whole, whole_report = studio.play(BUSY, program, rate_hz=rate_hz)
    assert tape.audio.tobytes() == whole.tobytes()
    assert report == whole_report


@pytest.mark.parametrize("settings", [FluidSettings(reverb=True), FluidSettings(chorus=True)])
def test_effects_that_have_rung_out_leave_exact_silence(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, settings: FluidSettings
) -> None:
    tune = song([control(0, 91, 127), control(0, 93, 127), *note(0, SECOND, 62), *note(10 * SECOND, 11 * SECOND, 62)])
    hushed, report = studio.play(tune, SINE, settings=settings)
    monkeypatch.setattr(fluidsynth, "FluidPlayer", partial(FluidPlayer, skip_silence=False))
    whole, whole_report = studio.play(tune, SINE, settings=settings)
    assert report == whole_report
    assert np.abs(whole - hushed).max() < 2.0**-24
    rest = slice(8 * 44100, 9 * 44100)
    assert whole[rest].any() == settings.reverb
    assert not hushed[rest].any()
    sounding = slice(11 * 44100 - 4096, 11 * 44100)
    assert hushed[sounding].tobytes() == whole[sounding].tobytes()


@pytest.mark.parametrize("blocks", [1, 8, 24, 128])
def test_the_size_of_chunks_changes_no_bit(studio: Studio, monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    expected = studio.play(BUSY, HELD)
    monkeypatch.setattr(fluidplayer, "CHUNK_FRAMES", blocks * 64)
    monkeypatch.setattr(fluidplayer, "_CHUNK_BLOCKS", blocks)
    audio, report = studio.play(BUSY, HELD)
    assert audio.tobytes() == expected[0].tobytes()
    assert report == expected[1]


def test_a_keeper_that_lends_its_soundfont_sounds_as_one_that_loads_it_anew(studio: Studio, tmp_path: Path) -> None:
    lent, _ = studio.play(BUSY, HELD)
    library = load_library()
    job = studio.job(BUSY, HELD)
    wanted = fluidsynth.fluid_settings(job.patch)
    settings = fluidsynth.new_settings(library, wanted, 44100)
    synth = library.new_fluid_synth(settings)
    font = library.fluid_synth_sfload(synth, job.patch.asset.path.encode(), 0)
    library.fluid_synth_set_interp_method(synth, -1, wanted.interpolation)
    library.fluid_synth_program_select(synth, 0, font, 0, HELD)
    schedule = stem_schedule(BUSY, 44100)
    tape = Tape()
    FluidPlayer(library, synth, schedule, tape, rate_hz=44100, channels=2, polyphony=256, effects=False).play(
        30 * 44100 // 64, ("", 0, 0)
    )
    library.delete_fluid_synth(synth)
    library.delete_fluid_settings(settings)
    assert tape.audio.tobytes() == lent.tobytes()


@pytest.mark.parametrize(
    "settings",
    [
        FluidSettings(gain=1.0),
        FluidSettings(reverb=True),
        FluidSettings(chorus=True),
        FluidSettings(interpolation=7),
        FluidSettings(interpolation=0),
    ],
)
def test_every_setting_is_heard_and_gone_with_the_next_patch(studio: Studio, settings: FluidSettings) -> None:
    tune = song([control(0, 91, 127), control(0, 93, 127), *note(0, SECOND, 62)])
    plain, _ = studio.play(tune, SINE)
    changed, _ = studio.play(tune, SINE, settings=settings)
    assert changed.tobytes() != plain.tobytes()
    assert studio.play(tune, SINE)[0].tobytes() == plain.tobytes()
    assert studio.play(tune, SINE, settings=settings)[0].tobytes() == changed.tobytes()


def test_gain_is_a_factor(studio: Studio) -> None:
    soft, loud = (studio.play(NOTE, SINE, settings=FluidSettings(gain=gain))[0] for gain in (0.5, 1.0))
    assert loud[: len(soft)] == pytest.approx(2 * soft[: len(loud)], abs=1e-6)


def test_the_pip_only_library_plays_too(studio: Studio) -> None:
    bundled = Studio(Path(studio.asset.path), bundled_libraries()[0])
    audio, report = bundled.play(NOTE, SINE)
    assert np.abs(audio).max() > 0.01
    assert report.preset_name == "Sine"
    assert bundled.play(NOTE, SINE)[0].tobytes() == audio.tobytes()
    bundled.engine.close()


def test_a_file_that_is_no_soundfont_inside_is_refused(tmp_path: Path) -> None:
    path = write_soundfont(tmp_path / "bad.sf2")
    data = bytearray(path.read_bytes())
    data[data.index(b"phdr") : data.index(b"phdr") + 4] = b"xxxx"
    path.write_bytes(data)
    bad = Studio(path)
    with pytest.raises(AssetError, match=r"cannot load the soundfont bad\.sf2"):
        bad.play(NOTE, SINE)
    assert bad.engine.load_key is None


def test_a_soundfont_with_another_content_than_the_job_says_is_refused(tmp_path: Path) -> None:
    studio = Studio(write_soundfont(tmp_path / "test.sf2"))
    studio.asset = describe(Path(studio.asset.path)).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(AssetError, match="no soundfont test with SHA-256 000000000000"):
        studio.play(NOTE, SINE)
