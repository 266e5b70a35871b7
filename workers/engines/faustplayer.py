"""The loop that plays a stem on a Faust voice: note by note, added up and handed on as far as nothing more can be added."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.result import EngineReport
from workers.audio.levels import SOUND_FLOOR
from workers.engines.base import BlockSink
from workers.engines.controls import Curve, Performance, PlayedNote
from workers.engines.faustvoice import BLOCK_FRAMES, Line, Pressed, Stereo

#: Frames that are handed on at once.
CHUNK_FRAMES: Final = 32768
#: The shortest time for which a key is down, seconds, as FluidSynth has it (synth.min-note-length).
_SHORTEST_S: Final = 0.01
#: How long a note takes to fade where another drum or the lack of voices ends it, seconds.
_FADE_S: Final = 0.008
#: Of a kit or a chime most notes have decayed long before the longest: where a patch's tail is longer than this, seconds, a
#: note is rendered for an eighth of it at first, and a second time where it still sounds then.
_LONG_TAIL_S: Final = 3.0
#: A stem is as long as a multiple of so many frames, as FluidSynth's are.
_GRID_FRAMES: Final = 64


class Voice(Protocol):
    """Plays one note at a call, from its beginning; `FaustVoice` is one."""

    rate_hz: int

    def play(self, pressed: Pressed, frames: int) -> Stereo:
        """Return a note, float32 [frames, 2]; not to be written to."""


class _Sounding(NamedTuple):
    start: int  #: frame of the stem
    audio: Stereo

    @property
    def end(self) -> int:
        return self.start + len(self.audio)


class FaustPlayer:
    """One render: plays a stem on a voice into a sink.

    Args:
        channels: 2, or 1 for the mean of left and right.
        tail_s: how long a note is rendered after its release at first; more where it still sounds.
        tail_max_s: longest time after its release for which any note may sound.
        voices: most notes at once; one more ends the oldest.
    """

    def __init__(
        self, voice: Voice, sink: BlockSink, *, channels: int, tail_s: float, tail_max_s: float, voices: int
    ) -> None:
        self._voice = voice
        self._rate_hz = voice.rate_hz
        self._sink = sink
        self._channels = channels
        self._tail = round(min(tail_s, tail_max_s) * self._rate_hz)
        self._tail_max = round(tail_max_s * self._rate_hz)
        self._longest = self._tail_max + 2 * BLOCK_FRAMES  # so that what is cut is seen to be
        self._voices = voices
        self._sounding: list[_Sounding] = []
        self._frame = 0  # everything before it is handed on
        self._silent: list[tuple[float, int]] = []
        self._first_s = math.inf
        self._voices_max = 0

    def play(self, performance: Performance, preset: tuple[str, int, int]) -> EngineReport:
        """Render everything; see `Engine.render`."""
        release = round(performance.release_s * self._rate_hz)
        last = release + self._tail_max
        self._sink.expect(release + min(self._tail, self._tail_max))
        for note in performance.notes:
            start = round(note.start_s * self._rate_hz)
            self._hand_on(start, performance)
            self._strike(note, start, performance)
        end = max([release, *(note.end for note in self._sounding)])
        end = min(-(-end // _GRID_FRAMES) * _GRID_FRAMES, last)
        cut = any(note.end > end and _peak(note.audio[end - note.start :]) > SOUND_FLOOR for note in self._sounding)
        self._hand_on(end, performance)
        return EngineReport(
            preset_name=preset[0],
            preset_bank=preset[1],
            preset_program=preset[2],
            notes=len(performance.notes),
            silent_notes=self._silent,
            muted_notes=performance.muted,
            first_audible_note_s=self._first_s if self._first_s < math.inf else None,
            last_release_s=performance.release_s,
            voices_max=self._voices_max,
            tail_cut=cut,
        )

    def _strike(self, note: PlayedNote, start: int, performance: Performance) -> None:
        """Render a note, and let it sound from now on."""
        audio = self._note(note, start, performance)
        if not len(audio):
            self._silent.append((note.start_s, note.key))
            return
        if note.choke_s < math.inf:
            audio = self._faded(audio, round(note.choke_s * self._rate_hz) - start)
        if len(self._sounding) >= self._voices:
            oldest = self._sounding.pop(0)
            self._sounding.append(_Sounding(oldest.start, self._faded(oldest.audio, start - oldest.start)))
        self._sounding.append(_Sounding(start, audio))
        self._first_s = min(self._first_s, note.audible_s)
        self._voices_max = max(self._voices_max, min(len(self._sounding), self._voices))

    def _note(self, note: PlayedNote, start: int, performance: Performance) -> Stereo:
        """Return a note until it has decayed; of no length where it makes no sound."""
        held_s = max(note.end_s - note.start_s, _SHORTEST_S)
        hold = max(round(held_s * self._rate_hz / BLOCK_FRAMES), 1) * BLOCK_FRAMES
        tail = self._tail // 8 if self._tail > _LONG_TAIL_S * self._rate_hz else self._tail
        while True:
            frames = hold + tail
            audio = self._voice.play(self._pressed(note, start, hold, frames, performance), frames)
            heard = _heard(audio)
            if heard < frames - BLOCK_FRAMES or tail >= self._longest:
                return audio[:heard]
            tail = self._tail if tail < self._tail else min(max(2 * tail, self._rate_hz), self._longest)

    def _pressed(self, note: PlayedNote, start: int, hold: int, frames: int, performance: Performance) -> Pressed:
        bend = self._line(performance.bend, start, frames)
        modulation = self._line(performance.modulation, start, frames)
        return Pressed(note.key, note.velocity, hold, bend, modulation)

    def _line(self, curve: Curve, start: int, frames: int) -> Line:
        """Return a part of a curve, as one value where it has but one."""
        start_s, end_s = start / self._rate_hz, (start + frames) / self._rate_hz
        if not curve.varies(start_s, end_s):
            return float(curve.at(np.array([start_s]))[0])
        return curve.frames(start, frames, self._rate_hz).astype(np.float32)

    def _faded(self, audio: Stereo, at: int) -> Stereo:
        """Return a note that fades away from frame `at` on."""
        fade = round(_FADE_S * self._rate_hz)
        faded = audio[: max(at, 0) + fade].copy()
        ramp = np.linspace(1.0, 0.0, fade, dtype=np.float32)[: len(faded) - max(at, 0), None]
        faded[max(at, 0) :] *= ramp
        return faded

    def _hand_on(self, until: int, performance: Performance) -> None:
        """Hand on everything before frame `until`, and forget the notes that have ended there."""
        while self._frame < until:
            if not any(note.end > self._frame for note in self._sounding):
                self._sounding.clear()
                self._sink.silence(until - self._frame)
                self._frame = until
                return
            stop = min(until, self._frame + CHUNK_FRAMES, max(note.end for note in self._sounding))
            self._sink.write(self._mixed(stop, performance))
            self._frame = stop
            self._sounding = [note for note in self._sounding if note.end > stop]

    def _mixed(self, stop: int, performance: Performance) -> NDArray[np.float32]:
        mixed = np.zeros((stop - self._frame, 2), np.float32)
        for note in self._sounding:
            until = min(note.end, stop)
            mixed[: until - self._frame] += note.audio[self._frame - note.start : until - note.start]
        performance.apply_gains(mixed, self._frame, self._rate_hz)
        return mixed if self._channels == 2 else (mixed[:, :1] + mixed[:, 1:]) * np.float32(0.5)


def _heard(audio: Stereo) -> int:
    """Return for how many frames a note can be heard."""
    for stop in range(len(audio), 0, -CHUNK_FRAMES):
        loud = np.abs(audio[max(stop - CHUNK_FRAMES, 0) : stop]) > SOUND_FLOOR
        either = loud[:, 0] | loud[:, 1]
        if either.any():
            return stop - int(np.argmax(either[::-1]))
    return 0


def _peak(audio: Stereo) -> float:
    return float(np.abs(audio).max(initial=0.0))
