"""The loop that drives a FluidSynth synthesiser through a schedule: every message at its block, every block once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.result import EngineReport
from workers.engines.base import BlockSink
from workers.engines.fluidlib import FluidLibrary
from workers.engines.schedule import BLOCK_FRAMES, Schedule
from workers.midi.model import BEND, CHANNEL_PRESSURE, CONTROL, KEY_PRESSURE, NOTE_OFF, NOTE_ON, PROGRAM

#: Frames that are handed on at once: float stereo of 256 KB, which stays in the second-level cache.
CHUNK_FRAMES: Final = 32768
_CHUNK_BLOCKS: Final = CHUNK_FRAMES // BLOCK_FRAMES
_BLOCK_BYTES: Final = BLOCK_FRAMES * 2 * 4

#: In the tail, voices are counted wherever a multiple of this many blocks is reached: the length of a stem is
#: a multiple of 512 frames unless it ends with a message.
_TAIL_STEP: Final = 8
#: A gap between messages of at least this many blocks is worth a look whether any voice sounds in it.
_GAP_BLOCKS: Final = 16

#: With reverb or chorus a tail has ended when it has been below -100 dB of full scale for half a second.
_EFFECT_FLOOR: Final = 1e-5
_EFFECT_FLOOR_S: Final = 0.5
#: FluidSynth's effects never come to rest: a constant of some 1e-8, which keeps them clear of denormal numbers, goes round
#: in them for ever (fluid_rev.c, DC_OFFSET). Stretches that stay below half of the last bit of 24-bit audio are silence.
_HUSH_FLOOR: Final = 2.0**-24
_HUSH_FRAMES: Final = 4096


class FluidPlayer:
    """One render: plays a schedule on a new synthesiser into a sink.

    Spans in which no voice sounds are not rendered, since FluidSynth would write exact zeros there and no state of
    it moves on that a later voice could hear. With reverb or chorus there is such state, and everything is rendered; what
    rings on below half of the last bit of 24-bit audio is made exact zeros.

    Args:
        synth: the synthesiser, presets selected.
        channels: 2, or 1 for the mean of left and right.
        polyphony: of the synthesiser; above it a new note silences an old one.
        effects: whether reverb or chorus is on.
        skip_silence: False renders the silent spans too, and leaves what rings on; the samples are the same, or with
            effects differ by 2^-24 at most.
    """

    def __init__(
        self,
        library: FluidLibrary,
        synth: int,
        schedule: Schedule,
        sink: BlockSink,
        *,
        rate_hz: int,
        channels: int,
        polyphony: int,
        effects: bool,
        skip_silence: bool = True,
    ) -> None:
        self._library = library
        self._synth = synth
        self._schedule = schedule
        self._sink = sink
        self._polyphony = polyphony
        self._effects = effects
        self._quiet_blocks = int(_EFFECT_FLOOR_S * rate_hz / BLOCK_FRAMES) + 1
        self._skip = skip_silence and not effects
        self._hush = skip_silence and effects
        self._stereo = np.zeros((CHUNK_FRAMES, 2), np.float32)
        self._mono = np.zeros((CHUNK_FRAMES, 1), np.float32) if channels == 1 else None
        self._address: int = self._stereo.ctypes.data
        self._write: Any = library.fluid_synth_write_float
        self._voices: Any = library.fluid_synth_get_active_voice_count
        self._fill = 0  # blocks in the chunk
        self._block = 0  # blocks rendered
        self._silent: list[tuple[float, int]] = []
        self._first_s = math.inf
        self._voices_max = 0

    def play(self, tail_blocks: int, preset: tuple[str, int, int]) -> EngineReport:
        """Render everything; the tail goes on until no voice sounds, at most `tail_blocks` after the last release."""
        schedule = self._schedule
        end = schedule.release_block + tail_blocks
        self._sink.expect((schedule.release_block + min(tail_blocks, _TAIL_STEP)) * BLOCK_FRAMES)
        behind = self._send(schedule.release_block)
        tail_cut = self._ring_out(end, behind)
        self._flush()
        return EngineReport(
            preset_name=preset[0],
            preset_bank=preset[1],
            preset_program=preset[2],
            notes=schedule.notes,
            silent_notes=self._silent,
            muted_notes=schedule.muted,
            first_audible_note_s=self._first_s if self._first_s < math.inf else None,
            last_release_s=schedule.release_s,
            voices_max=self._voices_max,
            tail_cut=tail_cut,
        )

    def _messages(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        s = self._schedule
        return zip(s.block, s.kind, s.channel, s.d1, s.d2, range(len(s.block)), strict=True)

    def _send(self, release_block: int) -> Iterator[tuple[int, int, int, int, int, int]]:
        """Send every message up to the last release, each at its block; return those behind it."""
        messages = self._messages()
        for message in messages:
            block, kind, channel, d1, d2, index = message
            if block > release_block:
                return iter([message, *messages])
            if block > self._block:
                self._render_to(block)
            self._dispatch(kind, channel, d1, d2, index)
        return messages

    def _dispatch(self, kind: int, channel: int, d1: int, d2: int, index: int) -> None:
        library, synth = self._library, self._synth
        if kind == NOTE_ON:
            self._note_on(channel, d1, d2, index)
        elif kind == NOTE_OFF:
            library.fluid_synth_noteoff(synth, channel, d1)
        elif kind == CONTROL:
            library.fluid_synth_cc(synth, channel, d1, d2)
        elif kind == BEND:
            library.fluid_synth_pitch_bend(synth, channel, d1 | d2 << 7)
        elif kind == CHANNEL_PRESSURE:
            library.fluid_synth_channel_pressure(synth, channel, d1)
        elif kind == KEY_PRESSURE:
            library.fluid_synth_key_pressure(synth, channel, d1, d2)
        elif kind == PROGRAM:
            library.fluid_synth_program_change(synth, channel, d1)

    def _note_on(self, channel: int, key: int, velocity: int, index: int) -> None:
        """Strike a note; it is silent when that started no voice (with all voices taken, that cannot be told)."""
        before = self._voices(self._synth)
        self._library.fluid_synth_noteon(self._synth, channel, key, velocity)
        after = self._voices(self._synth)
        if after <= before < self._polyphony:
            self._silent.append((self._schedule.onset_s[index], key))
            return
        self._voices_max = max(self._voices_max, after)
        self._first_s = min(self._first_s, self._schedule.audible_s[index])

    def _ring_out(self, end: int, messages: Iterator[tuple[int, int, int, int, int, int]]) -> bool:
        """Render the tail, sending what still comes; return whether it was cut at block `end`."""
        quiet = 0
        waiting = next(messages, None)
        while self._sounding() and not (self._effects and quiet >= self._quiet_blocks):
            if self._block >= end:
                return not self._effects or quiet == 0
            while waiting is not None and waiting[0] <= self._block:
                self._dispatch(*waiting[1:])
                waiting = next(messages, None)
            edge = min(end, self._block - self._block % _TAIL_STEP + _TAIL_STEP)
            if waiting is not None:
                edge = min(edge, waiting[0])
            fill = self._fill
            blocks = self._render(edge - self._block)
            quiet = self._still_quiet(fill, blocks, quiet)
        return False

    def _sounding(self) -> bool:
        return self._effects or self._voices(self._synth) > 0

    def _still_quiet(self, fill: int, blocks: int, quiet: int) -> int:
        """Return for how many blocks everything has been below the floor of effects, the last `blocks` included."""
        if not self._effects:
            return 0
        fresh = self._stereo[fill * BLOCK_FRAMES : (fill + blocks) * BLOCK_FRAMES]
        loud = self._voices(self._synth) > 0 or float(np.abs(fresh).max(initial=0.0)) >= _EFFECT_FLOOR
        return 0 if loud else quiet + blocks

    def _render_to(self, block: int) -> None:
        """Render up to `block`, or only count the blocks in which no voice sounds."""
        while self._block < block:
            blocks = block - self._block
            if self._skip and blocks >= _GAP_BLOCKS and self._voices(self._synth) == 0:
                self._pass_silence(blocks)
                return
            self._render(blocks)

    def _render(self, blocks: int) -> int:
        """Render at most so many blocks, as many as fit into the chunk; return how many."""
        blocks = min(blocks, _CHUNK_BLOCKS - self._fill)
        left = self._address + self._fill * _BLOCK_BYTES
        self._write(self._synth, blocks * BLOCK_FRAMES, left, 0, 2, left, 1, 2)
        self._fill += blocks
        self._block += blocks
        if self._fill == _CHUNK_BLOCKS:
            self._flush()
        return blocks

    def _pass_silence(self, blocks: int) -> None:
        self._block += blocks
        into = min(blocks, (_CHUNK_BLOCKS - self._fill) % _CHUNK_BLOCKS)
        if into:
            self._stereo[self._fill * BLOCK_FRAMES : (self._fill + into) * BLOCK_FRAMES] = 0.0
            self._fill += into
            if self._fill == _CHUNK_BLOCKS:
                self._flush()
        rest = blocks - into
        whole = rest - rest % _CHUNK_BLOCKS
        if whole:
            self._sink.silence(whole * BLOCK_FRAMES)
        if rest > whole:
            self._stereo[: (rest - whole) * BLOCK_FRAMES] = 0.0
            self._fill = rest - whole

    def _flush(self) -> None:
        """Hand the chunk on."""
        frames = self._fill * BLOCK_FRAMES
        self._fill = 0
        if not frames:
            return
        if self._hush:
            _hush(self._stereo[:frames])
        if self._mono is None:
            self._sink.write(self._stereo[:frames])
            return
        mono = self._mono[:frames]
        np.add(self._stereo[:frames, :1], self._stereo[:frames, 1:], out=mono)
        mono *= np.float32(0.5)
        self._sink.write(mono)


def _hush(samples: NDArray[np.float32]) -> None:
    """Make zeros of every stretch that stays below the floor, in place; the first frame is the first of a stretch."""
    for start in range(0, len(samples), _HUSH_FRAMES):
        stretch = samples[start : start + _HUSH_FRAMES]
        if max(float(stretch.max()), -float(stretch.min())) < _HUSH_FLOOR:
            stretch[:] = 0.0
