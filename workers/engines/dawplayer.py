"""What becomes of a plug-in's audio: cut to its length, silenced where nothing sounds, given its gains, handed on in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.result import EngineReport
from workers.audio.levels import SOUND_FLOOR
from workers.engines.base import BlockSink
from workers.engines.controls import Performance

#: Frames that are handed on at once, and the grid of a stem's length and of what is known of its loudness.
CHUNK_FRAMES: Final = 32768
_GRID_FRAMES: Final = 64
_CHUNK_HOPS: Final = CHUNK_FRAMES // _GRID_FRAMES
#: Stretches of so many hops (93 ms at 44.1 kHz) become exact zeros: everywhere if they stay below half of the last bit of
#: 24-bit audio, and where no key is down if they stay below the floor at which a stem ends.
_HUSH_HOPS: Final = 64
_HUSH_FLOOR: Final = 2.0**-24
#: A stem has ended when it was silent for so long.
_END_S: Final = 0.05
#: What is said of the tail before it is known.
_EXPECTED_TAIL_S: Final = 1.0
#: How long at least a note is listened for before it is called silent.
_LISTEN_S: Final = 0.05

Audio = NDArray[np.float32]
#: Plays so many frames of the stem from its beginning: float32 [channels, frames].
Play = Callable[[int], Audio]


class PluginPlayer:
    """One render: plays a stem on a plug-in into a sink.

    Args:
        channels: 2, or 1 for the mean of left and right.
        tail_s: how long is rendered after the last release at first; more where it still sounds.
        tail_max_s: longest time after the last release during which it may sound.
        onset_s: how late a note may begin to sound by the nature of the instrument.
    """

    def __init__(
        self,
        play: Play,
        sink: BlockSink,
        *,
        rate_hz: int,
        channels: int,
        tail_s: float,
        tail_max_s: float,
        onset_s: float,
    ) -> None:
        self._play = play
        self._sink = sink
        self._rate_hz = rate_hz
        self._channels = channels
        self._tail = round(min(tail_s, tail_max_s) * rate_hz)
        self._tail_max = round(tail_max_s * rate_hz)
        self._onset_s = onset_s

    def play(self, performance: Performance, preset: tuple[str, int, int]) -> EngineReport:
        """Render everything; see `Engine.render`."""
        release = round(performance.release_s * self._rate_hz)
        self._sink.expect(release + min(self._tail, round(_EXPECTED_TAIL_S * self._rate_hz)))
        audio, peaks, cut = self._rendered(release, bool(performance.notes))
        quiet = self._quiet(peaks, performance)
        self._hand_on(audio, quiet, performance)
        silent = self._silent_notes(peaks, performance)
        heard = [note.audible_s for note in performance.notes if (note.start_s, note.key) not in set(silent)]
        first_s = min(heard, default=math.inf)
        return EngineReport(
            preset_name=preset[0],
            preset_bank=preset[1],
            preset_program=preset[2],
            notes=len(performance.notes),
            silent_notes=silent,
            muted_notes=performance.muted,
            first_audible_note_s=first_s if first_s < math.inf else None,
            last_release_s=performance.release_s,
            voices_max=_most_at_once(performance),
            tail_cut=cut,
        )

    def _rendered(self, release: int, sounds: bool) -> tuple[Audio, NDArray[np.float32], bool]:
        """Return the audio up to its end, the peak of every hop of it, and whether it would have sounded on."""
        if not sounds:
            return np.zeros((1, 0), np.float32), np.zeros(0, np.float32), False
        tail = self._tail
        while True:
            frames = -(-(release + tail) // _GRID_FRAMES) * _GRID_FRAMES
            audio = self._play(frames)
            peaks = _peaks(audio)
            loud = np.flatnonzero(~(peaks < SOUND_FLOOR))
            end = max(
                (int(loud[-1]) + 1) * _GRID_FRAMES if len(loud) else 0, -(-release // _GRID_FRAMES) * _GRID_FRAMES
            )
            is_over = frames - end >= min(round(_END_S * self._rate_hz), tail)
            if is_over or tail >= self._tail_max:
                hops = min(end, release + tail) // _GRID_FRAMES
                return audio[:, : hops * _GRID_FRAMES], peaks[:hops], not is_over
            tail = min(max(2 * tail, self._rate_hz), self._tail_max)

    def _quiet(self, peaks: NDArray[np.float32], performance: Performance) -> NDArray[np.bool_]:
        """Return the hops that become exact zeros."""
        held = np.zeros(len(peaks) + 1, np.int64)
        for note in performance.notes:
            held[min(int(note.start_s * self._rate_hz) // _GRID_FRAMES, len(peaks))] += 1
            held[min(int(note.end_s * self._rate_hz) // _GRID_FRAMES + 1, len(peaks))] -= 1
        floor = np.where(np.cumsum(held[:-1]) > 0, _HUSH_FLOOR, SOUND_FLOOR)
        return _long_runs(peaks < floor)

    def _hand_on(self, audio: Audio, quiet: NDArray[np.bool_], performance: Performance) -> None:
        for start in range(0, len(quiet), _CHUNK_HOPS):
            hushed = quiet[start : start + _CHUNK_HOPS]
            frames = len(hushed) * _GRID_FRAMES
            if hushed.all():
                self._sink.silence(frames)
                continue
            first = start * _GRID_FRAMES
            block = np.empty((frames, 2), np.float32)
            block[:] = audio[:, first : first + frames].T
            block.reshape(len(hushed), -1)[hushed] = 0.0
            performance.apply_gains(block, first, self._rate_hz)
            self._sink.write(block if self._channels == 2 else block.mean(axis=1, keepdims=True, dtype=np.float32))

    def _silent_notes(self, peaks: NDArray[np.float32], performance: Performance) -> list[tuple[float, int]]:
        """Return the notes in whose time nothing sounds at all, of those that should; (seconds, key)."""
        sounding = np.concatenate([[0], np.cumsum(~(peaks < SOUND_FLOOR))])
        silent = []
        for note in performance.notes:
            until_s = max(note.end_s, note.start_s + _LISTEN_S) + self._onset_s
            first, last = (min(int(at * self._rate_hz) // _GRID_FRAMES, len(peaks)) for at in (note.start_s, until_s))
            if note.audible_s < math.inf and sounding[min(last + 1, len(peaks))] == sounding[first]:
                silent.append((note.start_s, note.key))
        return silent


def _peaks(audio: Audio) -> NDArray[np.float32]:
    """Return the largest absolute sample of each hop; NaN where one is."""
    peaks = np.empty(audio.shape[1] // _GRID_FRAMES, np.float32)
    for start in range(0, audio.shape[1], CHUNK_FRAMES):
        part = np.abs(audio[:, start : start + CHUNK_FRAMES]).max(axis=0).reshape(-1, _GRID_FRAMES)
        while part.shape[1] > 1:  # by halves: ten times as fast as one reduction of short rows
            half = part.shape[1] // 2
            part = np.maximum(part[:, :half], part[:, half:])
        peaks[start // _GRID_FRAMES : start // _GRID_FRAMES + len(part)] = part[:, 0]
    return peaks


def _long_runs(quiet: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is true in runs that are long enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    found = np.zeros(len(quiet), np.bool_)
    for start, stop in edges.reshape(-1, 2).tolist():
        found[start:stop] = stop - start >= _HUSH_HOPS
    return found


def _most_at_once(performance: Performance) -> int:
    """Return how many keys are down together at most."""
    moves = [(note.start_s, 1) for note in performance.notes] + [(note.end_s, -1) for note in performance.notes]
    return int(np.cumsum([step for _, step in sorted(moves)]).max(initial=0)) if moves else 0
