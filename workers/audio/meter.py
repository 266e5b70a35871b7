"""Integrated loudness after ITU-R BS.1770-4, measured while the audio passes by in blocks of any size.

The standard filters every channel (a shelf and a high-pass, "K weighting"), takes the energy of blocks of 400 ms that
overlap by 75 %, and averages those above an absolute gate of -70 LUFS and a relative gate 10 LU below their mean.

A recursive filter over single samples cannot be written in numpy, and 5 ns a sample (what SciPy's takes) would be too
slow for a farm. So the filter runs on rows of samples at once. For a row x of L samples that begins in state s, the
output is the vector T x + O s, with T the triangular matrix of the impulse response and O the response to the state;
and the state moves on linearly. Two things make that fast:
* Only the energy |T x + O s|^2 is wanted, and a rotation U of R^L leaves it as it is. U is chosen so that the state
  reaches only the last four coordinates: U (T x + O s) = U T x + (0, s). One matrix product of width L remains.
* The states at the starts of all rows follow from the rows' contributions by a few small products, level by level:
  rows in a group, groups in a hop of 100 ms, hops in a batch.
All of it is done in 64-bit floats, so that the last digits, which the processor's own order of additions decides, stay
far below what is recorded: the same stem has the same loudness on every machine.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

#: Analogue prototype of the K weighting's two stages: centre frequency, gain and quality, which at 48 kHz give the
#: coefficients of BS.1770-4, tables 1 and 2, to all their digits (re-derivation of B. de Man, 2018; as libebur128).
_SHELF_HZ: Final = 1681.974450955533
_SHELF_DB: Final = 3.999843853973347
_SHELF_Q: Final = 0.7071752369554196
_SHELF_BAND_POWER: Final = 0.4996667741545416
_HIGHPASS_HZ: Final = 38.13547087602444
_HIGHPASS_Q: Final = 0.5003270373238773

#: BS.1770-4: offset of the loudness scale, gates, and the 400 ms block as hops of 100 ms.
_OFFSET_LU: Final = -0.691
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0
_BLOCK_HOPS: Final = 4
_HOPS_PER_SECOND: Final = 10

#: Longest and shortest row that is looked for; around 30 the products take least time.
_ROW_RANGE: Final = (12, 64)
_BEST_ROW: Final = 30
#: Hops that are filtered at once.
_BATCH_HOPS: Final = 16
#: Every so many samples of both sides are compared first: most stems that are unlike there are so within a moment.
_GLANCE: Final = 509
#: States of the filter.
_ORDER: Final = 4
#: States are kept so small that they may stay in the vectors whose energy is taken: 2^-80 of it is nothing.
_STATE_SCALE: Final = 2.0**-40
#: A filter that rings on below this has come to rest: -400 dB.
_REST: Final = 1e-20 * _STATE_SCALE


class LoudnessMeter:
    """Measures the integrated loudness of a stream.

    Args:
        rate_hz: sample rate, 8000 or more.
        channels: 1 or 2; both have weight 1, as left, right and centre have in the standard.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._filter = _design(rate_hz)
        self._channels = channels
        self._hop = self._filter.hop_frames
        self._samples = np.zeros((channels, _BATCH_HOPS * self._hop))
        self._rotated = np.empty((channels * _BATCH_HOPS * self._filter.rows, self._filter.row + _ORDER))
        self._state = np.zeros((channels, _ORDER))
        self._fill = 0
        self._quiet = True  # what is in the batch so far, is zero
        self._energies: list[Matrix] = []

    def write(self, block: NDArray[np.float32]) -> None:
        """Take the next frames: float [frames, channels] of any length."""
        start, frames = 0, len(block)
        self._quiet = False
        while start < frames:
            count = min(frames - start, self._samples.shape[1] - self._fill)
            self._samples[:, self._fill : self._fill + count] = block[start : start + count].T
            start += count
            self._advance(count)
            self._quiet = self._quiet and start == frames

    def silence(self, frames: int) -> None:
        """Take `frames` frames of zeros; almost free once the filter has come to rest."""
        while frames:
            if self._fill == 0 and self._quiet and not self._state.any():
                hops = frames // self._hop
                self._energies.append(np.zeros((self._channels, hops)))
                frames -= hops * self._hop
            count = min(frames, self._samples.shape[1] - self._fill)
            self._samples[:, self._fill : self._fill + count] = 0.0
            frames -= count
            self._advance(count)

    def side_power(self) -> Matrix:
        """Return the K-weighted mean square of every whole hop of 100 ms so far, [channels, hops]."""
        energies = np.concatenate([*self._energies, self._measure(self._fill // self._hop, keep=False)], axis=1)
        power: Matrix = energies / self._hop
        return power

    def hop_power(self) -> Matrix:
        """Return the K-weighted mean square of every whole hop of 100 ms so far, summed over the channels, [hops]."""
        power: Matrix = self.side_power().sum(axis=0)
        return power

    def integrated(self) -> float | None:
        """Return the loudness of all whole blocks so far, LUFS; None when none is above the gate of -70 LUFS.

        The frames behind the last whole hop of 100 ms do not count, as the standard has it.
        """
        return integrated_loudness(self.hop_power())

    def _advance(self, frames: int) -> None:
        self._fill += frames
        if self._fill == self._samples.shape[1]:
            self._energies.append(self._measure(_BATCH_HOPS, keep=True))
            self._fill, self._quiet = 0, True

    def _measure(self, hops: int, *, keep: bool) -> Matrix:
        """Return the energy of each of the batch's first `hops` hops, [channels, hops]; `keep` the state then."""
        if hops == 0 or (self._quiet and not self._state.any()):
            return np.zeros((self._channels, hops))
        lanes = 1 if self._twins(hops) else self._channels  # sides that are alike, are measured once
        samples = self._samples[:lanes, : hops * self._hop].reshape(-1, self._filter.row)
        rotated = self._rotated[: len(samples)]
        np.matmul(samples, self._filter.matrix, out=rotated)
        moves = rotated[:, self._filter.row :].reshape(lanes, -1)
        states, final = self._filter.scan.run(moves, self._state[:lanes], hops)
        rotated[:, self._filter.row - _ORDER : self._filter.row] += states
        if keep:
            final[np.abs(final) < _REST] = 0.0
            self._state[:] = final
        vectors = rotated.reshape(lanes * hops, -1)
        energy: Matrix = np.vecdot(vectors, vectors).reshape(lanes, hops)
        return np.repeat(energy, self._channels // lanes, axis=0)

    def _twins(self, hops: int) -> bool:
        """Return whether the batch's first hops, and what rings on from before, are the same on both sides."""
        if self._channels == 1:
            return True
        left, right = self._samples[0, : hops * self._hop], self._samples[-1, : hops * self._hop]
        return (
            np.array_equal(left[::_GLANCE], right[::_GLANCE])
            and np.array_equal(self._state[0], self._state[-1])
            and np.array_equal(left, right)
        )


def hop_frames(rate_hz: int) -> int:
    """Return the frames of a hop of 100 ms at a sample rate."""
    return _grid(rate_hz)[0]


def integrated_loudness(hop_power: Matrix) -> float | None:
    """Gate and average the K-weighted power of successive hops of 100 ms (BS.1770-4, equations 2 to 7).

    Args:
        hop_power: mean square of each hop, summed over the channels, shape [hops].

    Returns:
        The integrated loudness, LUFS; None when no block of 400 ms is above -70 LUFS.
    """
    if len(hop_power) < _BLOCK_HOPS:
        return None
    power = np.convolve(hop_power, np.full(_BLOCK_HOPS, 1.0 / _BLOCK_HOPS), "valid")
    power = power[power > _to_power(_ABSOLUTE_GATE_LUFS)]
    if not len(power):
        return None
    gate = float(power.mean()) * 10 ** (_RELATIVE_GATE_LU / 10)
    return _OFFSET_LU + 10 * math.log10(float(power[power > gate].mean()))


def _to_power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LU) / 10))


class _Levels:
    """Carries states along: from what each row adds to the state, to what the state before each row adds to the output.

    The matrices act on row vectors from the right: state @ step.
    """

    def __init__(self, step: Matrix, group_rows: int, groups: int) -> None:
        self._group_rows = group_rows
        self._groups = groups
        group_step = np.linalg.matrix_power(step, group_rows)
        self._in_group = _carry(step, group_rows, out_scale=1 / _STATE_SCALE)
        self._in_hop = _carry(group_step, groups)
        self._in_batch = _carry(np.linalg.matrix_power(group_step, groups), _BATCH_HOPS)

    def run(self, moves: Matrix, state: Matrix, hops: int) -> tuple[Matrix, Matrix]:
        """Return what the states before all rows add [channels * rows, 4], and the state behind the last [channels, 4].

        Args:
            moves: what each row adds, [channels, hops * rows * 4], C-contiguous.
            state: state at the start, [channels, 4].
        """
        channels = len(state)
        rows = moves.reshape(-1, self._group_rows * _ORDER)
        row_states, group_moves = _apply(self._in_group, rows)
        group_states, hop_moves = _apply(self._in_hop, group_moves.reshape(-1, self._groups * _ORDER))
        padded = np.zeros((channels, _BATCH_HOPS, _ORDER))
        padded[:, :hops] = hop_moves.reshape(channels, hops, _ORDER)
        inner, behind = _apply(self._in_batch, padded.reshape(channels, -1))
        hop_states = np.concatenate([inner, behind], axis=1) + state @ self._in_batch.spread
        hop_states = hop_states.reshape(channels, _BATCH_HOPS + 1, _ORDER)
        starts = hop_states[:, :hops].reshape(-1, _ORDER)
        group_states += starts @ self._in_hop.spread[:, :-_ORDER]
        row_states += group_states.reshape(-1, _ORDER) @ self._in_group.spread[:, :-_ORDER]
        return row_states.reshape(-1, _ORDER), hop_states[:, hops].copy()


class _Carry(NamedTuple):
    """For n successive members of a level."""

    lower: Matrix  #: [n * 4, (n + 1) * 4]: what each adds -> the state before each, and behind the last
    spread: Matrix  #: [4, (n + 1) * 4]: the state before the first -> the same


def _carry(step: Matrix, count: int, *, out_scale: float = 1.0) -> _Carry:
    """Build the matrices of a level; the states before its members, but not the one behind, times `out_scale`."""
    powers = [np.eye(_ORDER)]
    for _ in range(count):
        powers.append(powers[-1] @ step)
    lower = np.zeros((count, _ORDER, count + 1, _ORDER))
    for member in range(count):
        for later in range(member + 1, count + 1):
            lower[member, :, later] = powers[later - 1 - member]
    scale = np.repeat([out_scale, 1.0], [count * _ORDER, _ORDER])
    return _Carry(lower.reshape(count * _ORDER, -1) * scale, np.hstack(powers) * scale)


def _apply(carry: _Carry, moves: Matrix) -> tuple[Matrix, Matrix]:
    """Return the states before each member, starting from rest, and what the whole level adds."""
    states = moves @ carry.lower
    return np.ascontiguousarray(states[:, :-_ORDER]), states[:, -_ORDER:]


class _Filter(NamedTuple):
    """The K weighting of one sample rate, made ready for rows."""

    hop_frames: int
    row: int  #: L
    rows: int  #: per hop
    matrix: Matrix  #: [L, L + 4]: a row -> its rotated output from rest, and what it adds to the state
    scan: _Levels


@cache
def _design(rate_hz: int) -> _Filter:
    hop_frames, row = _grid(rate_hz)
    step, push, read, through = _state_space(rate_hz)
    powers = [np.eye(_ORDER)]
    for _ in range(row):
        powers.append(powers[-1] @ step)
    response = np.array([through, *(float(read @ power @ push) for power in powers[: row - 1])])
    lags = np.subtract.outer(np.arange(row), np.arange(row))
    transfer = np.where(lags >= 0, response[np.maximum(lags, 0)], 0.0)  # T
    observe = np.array([read @ power for power in powers[:row]])  # O
    adds = np.array([powers[row - 1 - sample] @ push for sample in range(row)])
    basis, triangle = np.linalg.qr(observe, mode="complete")
    rotation = np.roll(basis, -_ORDER, axis=1)  # U, its last four columns span O
    change = triangle[:_ORDER].T  # states are kept in the coordinates in which O is those four columns
    matrix = np.hstack([transfer.T @ rotation, adds @ change * _STATE_SCALE])
    row_step = np.linalg.solve(change, powers[row].T @ change)
    rows = hop_frames // row
    group_rows = _divisor_near(rows, round(math.sqrt(rows / 2)))
    return _Filter(hop_frames, row, rows, matrix, _Levels(row_step, group_rows, rows // group_rows))


def _grid(rate_hz: int) -> tuple[int, int]:
    """Return the frames of a hop and of a row, the one a multiple of the other.

    A hop has exactly 100 ms at every rate that is a multiple of 10 Hz and has a divisor in the range of rows, as all
    usual ones have; elsewhere it is off by the few frames that are needed (0.5 % at worst).
    """
    exact = round(rate_hz / _HOPS_PER_SECOND)
    low, high = _ROW_RANGE
    for off in range(high):
        for hop in (exact + off, exact - off):
            rows = [row for row in range(low, high + 1) if hop % row == 0]
            if rows:
                return hop, min(rows, key=lambda row: abs(row - _BEST_ROW))
    raise AssertionError("unreachable: every multiple of a row length is a hop")


def _divisor_near(number: int, wish: int) -> int:
    return min((d for d in range(1, number + 1) if number % d == 0), key=lambda d: abs(d - wish))


def _state_space(rate_hz: int) -> tuple[Matrix, Matrix, Matrix, float]:
    """Return the cascade of both stages as state' = A state + B x, y = C state + D x; A is [4, 4]."""
    stages = [_realise(numerator, denominator) for numerator, denominator in k_weighting(rate_hz)]
    (a1, b1, c1, d1), (a2, b2, c2, d2) = stages
    step = np.block([[a1, np.zeros((2, 2))], [np.outer(b2, c1), a2]])
    return step, np.concatenate([b1, b2 * d1]), np.concatenate([d2 * c1, c2]), d1 * d2


def _realise(numerator: Matrix, denominator: Matrix) -> tuple[Matrix, Matrix, Matrix, float]:
    """Write a biquad as a state space, transposed direct form II."""
    step = np.array([[-denominator[1], 1.0], [-denominator[2], 0.0]])
    push = numerator[1:] - denominator[1:] * numerator[0]
    return step, push, np.array([1.0, 0.0]), float(numerator[0])


def k_weighting(rate_hz: int) -> list[tuple[Matrix, Matrix]]:
    """Return (numerator, denominator) of the shelf and of the high-pass at a sample rate; denominators begin with 1."""
    warped = math.tan(math.pi * _SHELF_HZ / rate_hz)
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_BAND_POWER
    unit = 1 + warped / _SHELF_Q + warped**2
    damping, square = warped / _SHELF_Q, warped**2
    shelf = np.array([high + band * damping + square, 2 * (square - high), high - band * damping + square]) / unit
    shelf_poles = np.array([1.0, 2 * (square - 1) / unit, (1 - damping + square) / unit])
    warped = math.tan(math.pi * _HIGHPASS_HZ / rate_hz)
    damping, square = warped / _HIGHPASS_Q, warped**2
    unit = 1 + damping + square
    poles = np.array([1.0, 2 * (square - 1) / unit, (1 - damping + square) / unit])
    return [(shelf, shelf_poles), (np.array([1.0, -2.0, 1.0]), poles)]
