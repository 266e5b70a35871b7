"""The two trials of the score: validity, whether it tells good from bad, and reliability, whether it stays the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import soxr

from schemas.errors import PlanError
from schemas.evaluation import (
    LEAST_AUROC,
    MOST_DEVIATION,
    MOST_VOID,
    THRESHOLD,
    EvalOrder,
    FaultReport,
    GenreSpread,
    ReliabilityReport,
    ValidityReport,
    most_render_deviation,
)
from workers.evaluating.faults import EIGHT, FAULTS, TEN, VOID, Audio, spoil
from workers.evaluating.figures import Scores, auroc_interval, effect
from workers.evaluating.material import Good, good_songs, other_programs
from workers.evaluating.songs import Player
from workers.scoring.audio import score_audio

Progress = Callable[[int, int], None]
_BLOCK_FRAMES: Final = 65536
_DIGITS: Final = 4
_QUIETER: Final = 0.25
_OTHER_RATE_HZ: Final = 22050


def validity(order: EvalOrder, player: Player | None, progress: Progress) -> ValidityReport:
    """Score good songs and each of them with every fault.

    Raises:
        PlanError: there are fewer than two songs.
        DatasetError, MidiError: a song cannot be read.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    seconds = 0.0
    for number, song in enumerate(good_songs(order, player)):
        scores["good"].append(score_of(song.audio, song.rate_hz))
        for name in FAULTS:
            scores[name].append(score_of(spoil(name, song.audio, song.rate_hz, number), song.rate_hz))
        seconds += len(song.audio) / song.rate_hz
        progress(number + 1, order.songs)
    _check_count(len(scores["good"]))
    good = np.array(scores["good"])
    bad = {name: np.array(scores[name]) for name in FAULTS}
    eight, ten = (
        auroc_interval(good, np.concatenate([bad[name] for name in names]), times=order.bootstrap, seed=order.seed)
        for names in (EIGHT, TEN)
    )
    void = max(float(bad[name].max()) for name in VOID)
    return ValidityReport(
        songs=len(good),
        seconds=round(seconds, 3),
        good_mean=_round(good.mean()),
        good_deviation=_round(good.std()),
        good_least=_round(good.min()),
        good_rejected_share=_round(np.mean(good < THRESHOLD)),
        faults=[_fault(name, good, scores, order) for name, scores in bad.items()],
        eight=eight,
        ten=ten,
        void_most=_round(void),
        passed=eight.value >= LEAST_AUROC and void < MOST_VOID,
    )


def _fault(name: str, good: Scores, bad: Scores, order: EvalOrder) -> FaultReport:
    return FaultReport(
        name=name,
        judged=name in EIGHT,
        auroc=auroc_interval(good, bad, times=order.bootstrap, seed=order.seed),
        effect=effect(good, bad),
        rejected_share=_round(np.mean(bad < THRESHOLD)),
        mean=_round(bad.mean()),
        most=_round(bad.max()),
    )


def reliability(order: EvalOrder, player: Player | None, progress: Progress) -> ReliabilityReport:
    """Score the same audio again and again, and the same songs played in several ways.

    Raises:
        PlanError: there are fewer than two songs.
        DatasetError, MidiError: a song cannot be read.
    """
    same: list[float] = []
    moved: dict[str, list[float]] = defaultdict(list)
    spreads: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, song in enumerate(good_songs(order, player)):
        first = score_of(song.audio, song.rate_hz)
        blocks = [_BLOCK_FRAMES >> (turn % 3) for turn in range(1, order.repeats)]
        same.append(float(np.std([first, *(score_of(song.audio, song.rate_hz, block) for block in blocks)])))
        others = {way: score_of(*audio) for way, audio in _ways(song, player, order.repeats)}
        for way, score in others.items():
            moved[way.rstrip("0123456789 ")].append(abs(score - first))
        spreads[song.genre].append((first, float(np.std([first, *others.values()]))))
        progress(number + 1, order.songs)
    _check_count(len(same))
    genres = [
        GenreSpread(
            genre=genre, songs=len(pairs), mean=_round(np.mean([score for score, _ in pairs])),
            deviation=_round(np.std([score for score, _ in pairs])),
            render_deviation=_round(np.mean([spread for _, spread in pairs])),
        )
        for genre, pairs in sorted(spreads.items())
    ]  # fmt: skip
    played = float(np.mean([spread for pairs in spreads.values() for _, spread in pairs]))
    return ReliabilityReport(
        songs=len(same), repeats=order.repeats, deviation=max(same), render_deviation=_round(played),
        by_way={way: _round(np.mean(values)) for way, values in sorted(moved.items())}, genres=genres,
        passed=max(same) < MOST_DEVIATION and played < most_render_deviation(len(same)),
    )  # fmt: skip


def score_of(audio: Audio, rate_hz: int, block_frames: int = _BLOCK_FRAMES) -> float:
    """Return the score of audio that is known whole."""
    blocks = (audio[start : start + block_frames] for start in range(0, len(audio), block_frames))
    return score_audio(blocks, rate_hz).score


def _ways(song: Good, player: Player | None, repeats: int) -> Iterator[tuple[str, tuple[Audio, int]]]:
    """Yield a song played in other ways, none of which makes it a worse one."""
    yield "quieter", ((song.audio * np.float32(_QUIETER)).astype(np.float32), song.rate_hz)
    yield "other rate", (soxr.resample(song.audio, song.rate_hz, _OTHER_RATE_HZ).astype(np.float32), _OTHER_RATE_HZ)
    if player is None or song.midi is None:
        return
    frames = len(song.audio)
    yield "with reverb", (player.play(song.midi, rate_hz=song.rate_hz, effects=True)[:frames], song.rate_hz)
    if song.score is None:
        return
    for way in range(1, repeats - 2):
        midi = other_programs(song.score, way)
        yield f"other instruments {way}", (player.play(midi, rate_hz=song.rate_hz)[:frames], song.rate_hz)


def _check_count(songs: int) -> None:
    if songs < 2:
        raise PlanError(
            f"the trial has {songs} songs, and needs two", hint="Name more with --songs, or another dataset"
        )


def _round(value: float | np.floating) -> float:
    return round(float(value), _DIGITS)
