"""Faust instruments and effects for tests, rendered in a process of its own: DawDreamer never comes into that of the tests.

`python -m tests.support.faust REQUESTS ANSWERS` reads a JSON list of requests and writes the audio (NumPy) and the reports.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from farm.planning.patchfiles import load_patch
from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.patch import FaustSettings, Patch
from schemas.patchfile import PatchFile
from schemas.result import EngineReport
from tests.support.engines import Audio, Tape
from tests.support.plugins import HAS_DAWDREAMER

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "presets" / "patches" / "faust"
EFFECTS = FOLDER / "effects"


class Take(NamedTuple):
    """One render."""

    audio: Audio
    report: EngineReport


def faust_patches() -> dict[str, PatchFile]:
    """Return the farm's own patch files in Faust."""
    return {path.stem: load_patch(path.stem) for path in sorted(FOLDER.glob("*.yaml"))}


def settings_of(file: PatchFile) -> FaustSettings:
    assert isinstance(file.settings, FaustSettings)
    return file.settings


def instrument(name: str, midi: bytes, *, times: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a request to play MIDI on a patch so many times, one after the other; `changes` go to the job."""
    return {"patch": name, "midi": midi.hex(), "times": times, "changes": changes}


def refusal(source: str, **settings: Any) -> dict[str, Any]:
    """Return a request to load a source; the name of the report's preset is why it is refused, or nothing."""
    return {"source": source, "settings": settings}


def effect(name: str, sound: str, seconds: float, rate_hz: int = 44100, **parameters: float) -> dict[str, Any]:
    """Return a request to send a sound through an effect: `sine`, `steps` (soft, then loud) or `click`."""
    return {"effect": name, "sound": sound, "seconds": seconds, "rate_hz": rate_hz, "parameters": parameters}


def perform_all(requests: Sequence[dict[str, Any]], folder: Path) -> list[list[Take]]:
    """Answer requests in one process; skip where DawDreamer is not installed."""
    if not HAS_DAWDREAMER:
        pytest.skip("DawDreamer does not work here")
    asked, answered = folder / "requests.json", folder / "answers.npz"
    asked.write_text(json.dumps(list(requests)))
    command = [sys.executable, "-m", "tests.support.faust", str(asked), str(answered)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(answered) as answers:
        reports = json.loads(str(answers["reports"]))
        return [
            [Take(answers[f"{at}-{time}"], EngineReport(**report)) for time, report in enumerate(row)]
            for at, row in enumerate(reports)
        ]


def sound(kind: str, seconds: float, rate_hz: int) -> NDArray[np.float32]:
    """Return what an effect is sent, float32 [2, frames]: a second or half of it is silent at the end, but for steps."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * 440.0 * time_s)
    if kind == "sine":
        wave *= 0.3 * np.clip(time_s * 100, 0, 1) * np.clip((seconds / 2 - time_s) * 100, 0, 1)
    elif kind == "steps":
        wave *= np.where(time_s < seconds / 2, 0.02, 0.5)
    else:
        wave = (time_s < 1.5 / rate_hz).astype(float)
    return np.stack([wave, wave]).astype(np.float32)


def _played(request: dict[str, Any]) -> list[tuple[Audio, dict[str, Any]]]:
    from workers.engines.faust import FaustEngine, describe_source, find_source

    file = load_patch(request["patch"])
    engine = FaustEngine()
    asset = describe_source(find_source(settings_of(file).source))
    patch = Patch(engine="faust", engine_version=engine.version, asset=asset, settings=file.settings, title=file.name)
    midi = bytes.fromhex(request["midi"])
    job = RenderJob(midi_sha256=hashlib.sha256(midi).hexdigest(), patch=patch, **request["changes"])
    takes = []
    for _ in range(request["times"]):
        tape = Tape(job.channels)
        report = engine.render(job, midi, tape)
        takes.append((tape.audio, report.model_dump(mode="json")))
    return takes


def _processed(request: dict[str, Any]) -> list[tuple[Audio, dict[str, Any]]]:
    from workers.engines.faustvoice import load_dawdreamer

    dawdreamer = load_dawdreamer()
    rate_hz = request["rate_hz"]
    desk = dawdreamer.RenderEngine(rate_hz, 512)
    source = desk.make_playback_processor("source", sound(request["sound"], request["seconds"], rate_hz))
    box = desk.make_faust_processor("effect")
    box.set_dsp_string((EFFECTS / f"{request['effect']}.dsp").read_text("utf-8"))
    assert box.compile()
    paths = {row["label"]: row["name"] for row in box.get_parameters_description()}
    for parameter, value in request["parameters"].items():
        box.set_parameter(paths[parameter], float(value))
    desk.load_graph([(source, []), (box, ["source"])])
    desk.render(request["seconds"])
    report = EngineReport(preset_name=",".join(sorted(paths)), preset_bank=0, preset_program=0, notes=0)
    return [(desk.get_audio().T.copy(), report.model_dump(mode="json"))]


def _loaded(request: dict[str, Any]) -> list[tuple[Audio, dict[str, Any]]]:
    from workers.engines.faustvoice import FaustVoice

    why = ""
    try:
        FaustVoice(request["source"], FaustSettings(source="own.dsp", **request["settings"]), 44100, "own")
    except EngineError as error:
        why = f"{error.cause}: {error.message} | {error.hint}"
    report = EngineReport(preset_name=why, preset_bank=0, preset_program=0, notes=0)
    return [(np.zeros((0, 2), np.float32), report.model_dump(mode="json"))]


def _answer(request: dict[str, Any]) -> list[tuple[Audio, dict[str, Any]]]:
    if "effect" in request:
        return _processed(request)
    return _played(request) if "patch" in request else _loaded(request)


def main(asked: str, answered: str) -> None:
    """Answer every request of a file."""
    arrays: dict[str, Any] = {}
    reports = []
    for at, request in enumerate(json.loads(Path(asked).read_text())):
        takes = _answer(request)
        reports.append([report for _, report in takes])
        arrays.update({f"{at}-{time}": audio for time, (audio, _) in enumerate(takes)})
    np.savez(answered, reports=np.array(json.dumps(reports)), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
