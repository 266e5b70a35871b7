"""FluidSynth as an engine: one soundfont kept warm, a new synthesiser for every render.

A synthesiser that is used again does not start from the same state, whatever is reset: each voice keeps the gain it
had last and ramps from there, and reverb and chorus keep their phase. So every render gets a new one. It costs 0.3 ms,
since it borrows the soundfont that a "keeper" synthesiser holds and need not read it again.

Where the grid lies: FluidSynth renders blocks of 64 frames, and a message takes effect at the start of a block, here
at the one nearest to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import AssetError, EngineError
from schemas.job import RenderJob
from schemas.patch import DRUM_BANK, FluidSettings, Patch
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.engines.base import BlockSink, Engine
from workers.engines.fluidlib import FLUID_FAILED, FluidLibrary, load_library
from workers.engines.fluidplayer import FluidPlayer
from workers.engines.schedule import Schedule, song_schedule, stem_schedule
from workers.engines.sends import presets_that_reach_chorus, stem_reaches_chorus
from workers.engines.soundfonts import locate

#: What a synthesiser is set to besides the patch's own settings: everything that may change the sound, so that the
#: defaults of one version or another do not. Reverb and chorus have the values of FluidSynth 2.5.
_INTEGERS = {
    "synth.cpu-cores": 1,
    "synth.threadsafe-api": 0,
    "synth.lock-memory": 0,
    "synth.dynamic-sample-loading": 0,
    "synth.midi-channels": 16,
    "synth.audio-channels": 1,
    "synth.audio-groups": 1,
    "synth.min-note-length": 10,
    "synth.chorus.nr": 3,
}
_NUMBERS = {
    "synth.reverb.room-size": 0.2,
    "synth.reverb.damp": 0.0,
    "synth.reverb.width": 0.5,
    "synth.reverb.level": 0.9,
    "synth.chorus.level": 0.6,
    "synth.chorus.speed": 0.2,
    "synth.chorus.depth": 4.25,
}


class FluidSynthEngine(Engine):
    """Plays MIDI with the presets of a soundfont.

    Args:
        library: path of libfluidsynth; None searches.

    Raises:
        MissingDependencyError: there is no libfluidsynth.
    """

    name = "fluidsynth"

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._library = load_library(self._library_path)
        self._font: _Soundfont | None = None

    @property
    def version(self) -> str:
        """Version of libfluidsynth."""
        return self._library.version

    @property
    def library(self) -> str:
        """Path or name under which libfluidsynth was loaded."""
        return self._library.path

    def close(self) -> None:
        """Free the soundfont."""
        self._load_key = None
        if self._font is not None:
            self._font.close()
            self._font = None

    def render_song(
        self, midi: bytes, sink: BlockSink, *, rate_hz: int = 44100, channels: int = 2, tail_max_s: float = 30.0
    ) -> EngineReport:
        """Play a whole song through one synthesiser, with the soundfont and settings that are loaded.

        Programs, banks and their fallbacks are FluidSynth's own (`gs`). It is what the stems of the song must add up
        to, and takes the same path as they do.
        """
        schedule = song_schedule(midi, rate_hz)
        font = self._warm_font()
        with font.synth(rate_hz) as synth:
            self._library.fluid_synth_program_reset(synth)
            player = self._player(synth, schedule, sink, rate_hz, channels)
            return player.play(_tail_blocks(tail_max_s, rate_hz), ("", 0, 0))

    def _load(self, patch: Patch) -> None:
        self.close()
        path = locate(patch.asset)
        self._font = _Soundfont(self._library, path, fluid_settings(patch))

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        if job.patch.whole:
            return self.render_song(midi, sink, rate_hz=job.rate_hz, channels=job.channels, tail_max_s=job.tail_max_s)
        schedule = stem_schedule(midi, job.rate_hz)
        font = self._warm_font()
        with font.synth(job.rate_hz, chorus=font.needs_chorus(job.patch, schedule)) as synth:
            preset = ("", 0, 0)
            for channel in sorted(set(schedule.channel)) or [0]:
                preset = _select(self._library, synth, channel, font.font_id, job.patch)
            player = self._player(synth, schedule, sink, job.rate_hz, job.channels)
            return player.play(_tail_blocks(job.tail_max_s, job.rate_hz), preset)

    def _player(self, synth: int, schedule: Schedule, sink: BlockSink, rate_hz: int, channels: int) -> FluidPlayer:
        settings = self._warm_font().settings
        return FluidPlayer(
            self._library,
            synth,
            schedule,
            sink,
            rate_hz=rate_hz,
            channels=channels,
            polyphony=settings.polyphony,
            effects=settings.reverb or settings.chorus,
        )

    def _warm_font(self) -> _Soundfont:
        if self._font is None:
            raise EngineError("no patch is loaded", cause=FailureReason.ENGINE_FAILED)
        return self._font


class _Soundfont:
    """A soundfont in memory, held by a keeper synthesiser that never sounds, and lent to one new one per render."""

    font_id = 1  #: the id that FluidSynth gives to the first soundfont of a synthesiser

    def __init__(self, library: FluidLibrary, path: Path, settings: FluidSettings) -> None:
        self.settings = settings
        self._library = library
        self._path = path
        self._setups: dict[tuple[int, bool], int] = {}
        self._keeper = library.new_fluid_synth(self._setup(44100, chorus=settings.chorus))
        loaded = library.fluid_synth_sfload(self._keeper, str(path).encode(), 0)
        self._font = library.fluid_synth_get_sfont_by_id(self._keeper, loaded) if loaded != FLUID_FAILED else None
        if not self._font:
            self.close()
            raise AssetError(
                f"FluidSynth cannot load the soundfont {path.name}: {library.last_error() or 'no reason given'}",
                hint="Fetch the file again, or name another soundfont",
            )

    def needs_chorus(self, patch: Patch, schedule: Schedule) -> bool:
        """Whether a stem would sound different without chorus: it is on, and something may be sent to it."""
        if not self.settings.chorus or stem_reaches_chorus(schedule):
            return self.settings.chorus
        known = presets_that_reach_chorus(self._path)
        found = [known[place] for place in _places(patch) if place in known]
        return any(found) or not found

    @contextmanager
    def synth(self, rate_hz: int, *, chorus: bool = True) -> Iterator[int]:
        """Lend the soundfont to a new synthesiser, which has the id `font_id` for it and no presets selected.

        Without `chorus` it has none even where the settings say so.
        """
        library = self._library
        synth = library.new_fluid_synth(self._setup(rate_hz, chorus=chorus and self.settings.chorus))
        if not synth:
            raise EngineError("FluidSynth gave no synthesiser", cause=FailureReason.OUT_OF_MEMORY)
        try:
            library.fluid_synth_add_sfont(synth, self._font)
            library.fluid_synth_set_interp_method(synth, -1, self.settings.interpolation)
            library.last_error()
            yield synth
        finally:
            library.fluid_synth_remove_sfont(synth, self._font)
            library.delete_fluid_synth(synth)

    def close(self) -> None:
        self._library.delete_fluid_synth(self._keeper)
        for setup in self._setups.values():
            self._library.delete_fluid_settings(setup)
        self._setups.clear()

    def _setup(self, rate_hz: int, *, chorus: bool) -> int:
        """Return the settings object for a sample rate; a synthesiser keeps hold of the one it was made with."""
        if (rate_hz, chorus) not in self._setups:
            settings = self.settings.model_copy(update={"chorus": chorus})
            self._setups[rate_hz, chorus] = new_settings(self._library, settings, rate_hz)
        return self._setups[rate_hz, chorus]


def fluid_settings(patch: Patch) -> FluidSettings:
    """Return the settings of a patch that is for FluidSynth.

    Raises:
        EngineError: it is for another engine.
    """
    if not isinstance(patch.settings, FluidSettings):
        raise EngineError(f"{patch.name} is no preset of a soundfont", cause=FailureReason.MISSING_ASSET)
    return patch.settings


def new_settings(library: FluidLibrary, settings: FluidSettings, rate_hz: int) -> int:
    """Return a settings object of FluidSynth in which everything that changes the sound is set explicitly."""
    made: int = library.new_fluid_settings()
    integers = {
        **_INTEGERS,
        "synth.polyphony": settings.polyphony,
        "synth.reverb.active": int(settings.reverb),
        "synth.chorus.active": int(settings.chorus),
    }
    numbers = {**_NUMBERS, "synth.sample-rate": float(rate_hz), "synth.gain": settings.gain}
    library.fluid_settings_setstr(made, b"synth.midi-bank-select", b"gs")
    for name, value in integers.items():
        library.fluid_settings_setint(made, name.encode(), value)
    for name, number in numbers.items():
        library.fluid_settings_setnum(made, name.encode(), number)
    return made


def _select(library: FluidLibrary, synth: int, channel: int, font_id: int, patch: Patch) -> tuple[str, int, int]:
    """Choose the patch's preset on a channel; return name, bank and program of the one that was there.

    Where the soundfont lacks it, a variation bank gives way to bank 0 and a drum kit to the standard kit, as General
    MIDI players do. Another program never stands in: the stem would not be what its label says.
    """
    for bank, program in _places(patch):
        if library.fluid_synth_program_select(synth, channel, font_id, bank, program) != FLUID_FAILED:
            preset = library.fluid_synth_get_channel_preset(synth, channel)
            name = library.fluid_preset_get_name(preset).decode(errors="replace")
            return name, library.fluid_preset_get_banknum(preset), library.fluid_preset_get_num(preset)
    library.last_error()
    raise EngineError(
        f"the soundfont {patch.asset.name} has no preset for bank {patch.bank}, program {patch.program}",
        hint="Name a soundfont that has it",
        cause=FailureReason.MISSING_ASSET,
    )


def _places(patch: Patch) -> list[tuple[int, int]]:
    """Return bank and program of a patch, and of the preset that stands in where the soundfont lacks it."""
    return [(patch.bank, patch.program), (DRUM_BANK, 0) if patch.is_drum else (0, patch.program)]


def _tail_blocks(tail_max_s: float, rate_hz: int) -> int:
    return int(tail_max_s * rate_hz / 64 + 0.5)
