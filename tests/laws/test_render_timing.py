"""When a note sounds: at the edge of a 64-frame block nearest to its time, measured in the audio."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from schemas.patch import FluidSettings
from tests.support.engines import Audio, Studio
from tests.support.midi import Event, control, note, song, tempo
from tests.support.soundfont import DC, ENDLESS, HELD, SINE, write_soundfont

GRID = 64
#: 960 ticks are a second: 480 ticks a quarter, 120 quarters a minute.
SECOND = 960
#: FluidSynth fades a voice in over its first block, from nothing: its first frame may still be zero.
FADE_IN = 2


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(write_soundfont(tmp_path_factory.mktemp("font") / "test.sf2"))
    yield studio
    studio.engine.close()


def onsets(audio: Audio) -> list[int]:
    """Return the frames at which sound begins after exact silence of at least 100 frames."""
    sounding = np.flatnonzero(audio.any(axis=1))
    starts = np.flatnonzero(np.diff(sounding, prepend=-1000) > 100)
    frames: list[int] = sounding[starts].tolist()
    return frames


def nearest_edge(time_s: float, rate_hz: int) -> int:
    return int(np.floor(time_s * rate_hz / GRID + 0.5)) * GRID


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100, 48000, 88200, 96000])
def test_notes_begin_at_the_edge_nearest_to_their_time(studio: Studio, rate_hz: int) -> None:
    ticks = [0, 333, 1001, 1777, 2500, 3001, 4242, 5555]
    audio, _ = studio.play(song([event for tick in ticks for event in note(tick, 100, 69)]), DC, rate_hz=rate_hz)
    expected = [nearest_edge(tick / SECOND, rate_hz) for tick in ticks]
    heard = onsets(audio)
    assert len(heard) == len(ticks)
    # The shortest delay that a soundfont's envelope can have is 1 ms: a whole block from 65,536 Hz on.
    delay = int(rate_hz * 2**-10 / GRID) * GRID
    assert all(0 <= frame - edge - delay <= FADE_IN for frame, edge in zip(heard, expected, strict=True))


def test_no_note_is_off_by_more_than_half_a_block(studio: Studio) -> None:
    ticks = list(range(100, 40_000, 997))
    audio, _ = studio.play(song([event for tick in ticks for event in note(tick, 50, 69)]), DC)
    off = np.array(onsets(audio)) - np.array(ticks) / SECOND * 44100
    assert np.abs(off).max() <= GRID / 2 + FADE_IN
    assert off.min() < -GRID / 4
    assert off.max() > GRID / 4


def test_tempo_changes_move_the_audio(studio: Studio) -> None:
    events = [tempo(0, 60), *note(480, 100, 69), tempo(960, 240), *note(1920, 100, 69)]
    audio, _ = studio.play(song(events), DC)
    assert [round(frame / 44100, 2) for frame in onsets(audio)] == [1.0, 2.5]


def level(audio: Audio, time_s: float) -> float:
    start = int(time_s * 44100)
    return float(np.abs(audio[start : start + 441]).max(initial=0.0))


def held(*pedals: Event) -> bytes:
    """Return a note of one second under pedals; the song's last message comes at five seconds."""
    return song([*pedals, *note(100, SECOND, 69), control(5 * SECOND, 10, 64)])


def test_a_pedal_holds_a_note_until_it_is_lifted(studio: Studio) -> None:
    plain, _ = studio.play(held(), SINE)
    pedalled, report = studio.play(held(control(0, 64, 127), control(3 * SECOND, 64, 0)), SINE)
    assert level(plain, 1.5) == 0.0
    assert level(pedalled, 2.9) == pytest.approx(level(pedalled, 0.5), rel=0.1)
    assert level(pedalled, 3.2) == 0.0
    assert report.last_release_s == 3.0


def test_a_pedal_that_nobody_lifts_is_lifted_where_the_tracks_end(studio: Studio) -> None:
    audio, report = studio.play(held(control(0, 64, 127)), SINE)
    assert report.last_release_s == 5.0
    assert level(audio, 4.9) > 0.01
    assert len(audio) < 5.2 * 44100
    assert not report.tail_cut


def test_a_tail_is_never_cut_before_it_has_died_away(studio: Studio) -> None:
    audio, report = studio.play(song(note(0, SECOND, 69)), HELD)
    assert not report.tail_cut
    assert np.abs(audio[-64:]).max() < np.abs(audio).max() * 1e-4
    assert 2.0 < len(audio) / 44100 < 3.5


@pytest.mark.parametrize("tail_max_s", [0.0, 0.1, 1.0, 12.0])
def test_a_tail_that_does_not_end_is_cut_where_the_job_says(studio: Studio, tail_max_s: float) -> None:
    audio, report = studio.play(song(note(0, SECOND, 69)), ENDLESS, tail_max_s=tail_max_s)
    assert report.tail_cut
    assert len(audio) == nearest_edge(1.0, 44100) + nearest_edge(tail_max_s, 44100)


@pytest.mark.parametrize("effect", ["reverb", "chorus"])
def test_effects_ring_out_below_100_db(studio: Studio, effect: str) -> None:
    midi = song([control(0, 91, 127), control(0, 93, 127), *note(0, SECOND, 69)])
    dry, _ = studio.play(midi, SINE)
    wet, report = studio.play(midi, SINE, settings=FluidSettings(**{effect: True}))
    assert not report.tail_cut
    assert len(wet) >= len(dry) + 22050
    assert np.abs(wet[-22050:]).max() < 1e-5
    cut, report = studio.play(midi, SINE, settings=FluidSettings(**{effect: True}), tail_max_s=0.2)
    assert len(cut) == nearest_edge(1.0, 44100) + nearest_edge(0.2, 44100)
    assert np.array_equal(cut, wet[: len(cut)])


def test_late_messages_do_not_make_a_stem_longer(studio: Studio) -> None:
    audio, _ = studio.play(song([*note(0, SECOND, 69), control(100 * SECOND, 7, 5)]), HELD)
    assert len(audio) < 4 * 44100


def test_messages_in_the_tail_are_heard(studio: Studio) -> None:
    faded, _ = studio.play(song([*note(0, SECOND, 69), control(2 * SECOND, 7, 0), control(9 * SECOND, 7, 1)]), HELD)
    plain, _ = studio.play(song(note(0, SECOND, 69)), HELD)
    assert level(faded, 1.9) == level(plain, 1.9) > 0
    assert level(faded, 2.2) < level(plain, 2.2) * 1e-2
