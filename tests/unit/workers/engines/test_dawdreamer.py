"""Real plug-ins in the engine: formats, presets, parameters, latency, and what it says where something is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from schemas.errors import AssetError, EngineError
from schemas.job import RenderJob
from schemas.patch import AssetRef, Patch, PluginSettings
from schemas.result import EngineReport
from tests.support.engines import Audio, Tape
from tests.support.far import FarEngine, Fars
from tests.support.midi import bend, control, note, song
from tests.support.plugins import needs_dawdreamer, needs_debians_plugins
from tests.support.tinysine import TinySine, build_tinysine, save_octave_up
from workers.engines.plugins import find_plugin

pytestmark = needs_dawdreamer

RATE = 44100
#: From half a second to a second and a half.
MIDI = song(note(480, 960, 69))
PIANO = "http://drobilla.net/plugins/mda/Piano"


class Take(NamedTuple):
    """One render."""

    audio: Audio
    report: EngineReport


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinySine:
    return build_tinysine(tmp_path_factory.mktemp("tinysine"))


@pytest.fixture(scope="module")
def fars() -> Iterator[Fars]:
    fars = Fars()
    yield fars
    fars.close()


@pytest.fixture
def engine(fars: Fars) -> FarEngine:
    return fars.engine("dawdreamer")


def patch_of(engine: FarEngine, plugin: Path | str, asset: AssetRef | None = None, **changes: Any) -> Patch:
    kind = {".so": "vst2", ".vst3": "vst3"}.get(Path(plugin).suffix, "lv2")
    values = {"plugin": str(plugin), "format": kind, "plays": (), "tail_s": 0.5, **changes}
    settings = PluginSettings.model_validate(values)
    found = find_plugin(settings) if asset is None else asset
    return Patch(engine="dawdreamer", engine_version=engine.version, asset=found, settings=settings, title="tiny")


def play(engine: FarEngine, patch: Patch, midi: bytes = MIDI, **changes: Any) -> Take:
    job = RenderJob(midi_sha256=hashlib.sha256(midi).hexdigest(), patch=patch, **changes)
    tape = Tape(job.channels)
    report = engine.render(job, midi, tape)
    return Take(tape.audio, report)


def pitch_hz(audio: Audio, rate_hz: int = RATE) -> float:
    """Return the loudest frequency of the middle of the note."""
    part = audio[round(0.7 * rate_hz) : round(1.3 * rate_hz), 0]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18))
    return float(np.argmax(spectrum) * rate_hz / (1 << 18))


def plugin_of(tiny: TinySine, kind: str) -> Path:
    found: Path = getattr(tiny, kind)
    return found


@pytest.mark.parametrize("kind", ["vst2", "vst3"])
@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_notes_begin_and_end_at_their_frame_whatever_latency_the_plug_in_has(
    tiny: TinySine, engine: FarEngine, kind: str, rate_hz: int
) -> None:
    audio = play(engine, patch_of(engine, plugin_of(tiny, kind)), song(note(481, 959, 69)), rate_hz=rate_hz).audio
    sounding = np.flatnonzero(np.abs(audio[:, 0]) > 0)
    assert sounding[0] == round(481 / 960 * rate_hz)
    assert sounding[-1] == round(1.5 * rate_hz) - 1
    assert len(audio) == -(-round(1.5 * rate_hz) // 64) * 64
    assert pitch_hz(audio, rate_hz) == pytest.approx(440, abs=0.5)


def test_both_formats_play_the_same(tiny: TinySine, engine: FarEngine) -> None:
    one, other = (play(engine, patch_of(engine, plugin)).audio for plugin in tiny)
    assert np.abs(one - other).max() < 1e-6


@pytest.mark.parametrize(
    ("kind", "ending"), [("vst2", ".fxb"), ("vst2", ".state"), ("vst3", ".vstpreset"), ("vst3", ".state")]
)
def test_a_preset_is_loaded_and_parameters_come_on_top(
    tiny: TinySine, engine: FarEngine, tmp_path: Path, kind: str, ending: str
) -> None:
    plugin = plugin_of(tiny, kind)
    preset = save_octave_up(plugin, tmp_path / f"up{ending}")
    plain = play(engine, patch_of(engine, plugin)).audio
    up = play(engine, patch_of(engine, plugin, preset=str(preset))).audio
    quiet = play(engine, patch_of(engine, plugin, preset=str(preset), parameters={"Level": 0.25})).audio
    assert pitch_hz(up) == pytest.approx(2 * pitch_hz(plain), rel=1e-3)
    assert pitch_hz(quiet) == pytest.approx(pitch_hz(up))
    assert np.abs(quiet).max() == pytest.approx(0.5 * np.abs(up).max(), rel=1e-3)


@needs_debians_plugins
def test_an_lv2_preset_sets_the_control_inputs(engine: FarEngine, tmp_path: Path) -> None:
    preset = tmp_path / "narrow.ttl"
    preset.write_text(
        "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .\n@prefix pset: <http://lv2plug.in/ns/ext/presets#> .\n"
        f"<urn:narrow> a pset:Preset ; lv2:appliesTo <{PIANO}> ;\n"
        '  lv2:port [ lv2:symbol "stereo_width" ; pset:value 0.0 ] .\n'
    )
    wide = play(engine, patch_of(engine, PIANO)).audio
    narrow = play(engine, patch_of(engine, PIANO, preset=str(preset))).audio
    assert (wide[:, 0] != wide[:, 1]).any()
    assert (narrow[:, 0] == narrow[:, 1]).all()
    assert narrow.any()


@needs_debians_plugins
def test_a_parameter_holds_against_the_program_that_was_chosen_before(engine: FarEngine) -> None:
    def width(**changes: Any) -> float:
        audio = play(engine, patch_of(engine, PIANO, program=0, **changes)).audio
        return float(np.abs(audio[:, 0] - audio[:, 1]).max())

    assert width() > 0.01
    assert width(parameters={"stereo width": 0.0}) == 0.0


def test_what_the_plug_in_does_not_play_the_farm_does(tiny: TinySine, engine: FarEngine) -> None:
    patch = patch_of(engine, tiny.vst2)
    loud = play(engine, patch).audio
    soft = play(engine, patch, song([control(0, 7, 50), *note(480, 960, 69)])).audio
    left = play(engine, patch, song([control(0, 10, 0), *note(480, 960, 69)])).audio
    held = play(engine, patch, song([control(500, 64, 127), *note(480, 480, 69), control(1440, 64, 0)])).audio
    assert np.abs(soft).max() == pytest.approx(np.abs(loud).max() * (50 / 100) ** 2, rel=1e-5)
    assert not left[:, 1].any()
    assert left[:, 0].any()
    assert held.tobytes() == loud.tobytes()


def test_drums_are_sent_to_the_keys_that_the_plug_in_has_for_them(tiny: TinySine, engine: FarEngine) -> None:
    patch = patch_of(engine, tiny.vst2, drums=True, drum_map={38: 69})
    assert pitch_hz(play(engine, patch, song(note(480, 960, 38))).audio) == pytest.approx(440, abs=0.5)


def test_bends_that_nothing_plays_are_counted(tiny: TinySine, engine: FarEngine) -> None:
    take = play(engine, patch_of(engine, tiny.vst2), song([bend(480, 16383), *note(480, 960, 69)]))
    assert take.report.ignored_bends == 1
    assert pitch_hz(take.audio) == pytest.approx(440, abs=0.5)


def test_a_note_that_makes_no_sound_is_reported(tiny: TinySine, engine: FarEngine) -> None:
    muted = [control(0, 7, 0), *note(10, 20, 60), control(400, 7, 100)]
    silent = play(engine, patch_of(engine, tiny.vst2), song([*muted, *note(480, 960, 69)]))
    assert (silent.report.notes, silent.report.muted_notes, silent.report.silent_notes) == (2, 1, [])
    assert silent.report.first_audible_note_s == pytest.approx(0.5)


def test_an_unknown_parameter_is_told_with_the_nearest(tiny: TinySine, engine: FarEngine) -> None:
    with pytest.raises(EngineError, match=r"no parameter `Levle`.*Did you mean `Level`") as caught:
        play(engine, patch_of(engine, tiny.vst2, parameters={"Levle": 1.0}))
    assert caught.value.cause == "missing_asset"


def test_a_plug_in_that_stays_silent_is_not_ready(tiny: TinySine, engine: FarEngine) -> None:
    with pytest.raises(EngineError, match=r"stays silent within 0\.2 s") as caught:
        play(engine, patch_of(engine, tiny.vst2, parameters={"Level": 0.0}, ready_s=0.2))
    assert caught.value.cause == "load_timeout"


def test_another_version_of_a_plug_in_is_refused(tiny: TinySine, engine: FarEngine) -> None:
    asset = patch_of(engine, tiny.vst2).asset.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(AssetError, match="is not the one that was planned for"):
        play(engine, patch_of(engine, tiny.vst2, asset))


def test_what_cannot_be_loaded_is_told_with_the_reason(tiny: TinySine, engine: FarEngine, tmp_path: Path) -> None:
    cut = tmp_path / "Cut.so"
    cut.write_bytes(tiny.vst2.read_bytes()[:200])
    with pytest.raises(AssetError, match=r"Cut.* cannot be loaded: .*(file too short|cannot read file data)"):
        play(engine, patch_of(engine, cut))


@pytest.mark.parametrize(
    ("name", "content"), [("none.fxb", b"CcnK"), ("of-another.vstpreset", b"VST3"), ("x.txt", b"")]
)
def test_a_preset_that_is_none_is_refused(
    tiny: TinySine, engine: FarEngine, tmp_path: Path, name: str, content: bytes
) -> None:
    preset = tmp_path / name
    preset.write_bytes(content)
    with pytest.raises(AssetError, match=f"cannot take the preset {name}"):
        play(engine, patch_of(engine, tiny.vst2, preset=str(preset)))


def test_a_preset_must_be_the_one_that_was_planned_for(tiny: TinySine, engine: FarEngine, tmp_path: Path) -> None:
    preset = tmp_path / "a.fxb"
    preset.write_bytes(b"other")
    with pytest.raises(AssetError, match=r"no preset a\.fxb with SHA-256 000000000000"):
        play(engine, patch_of(engine, tiny.vst2, preset=str(preset), preset_sha256="0" * 64))
