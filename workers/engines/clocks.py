"""When a watched engine process has taken too long, too much or too little: pure judgements, no process in sight."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.states import FailureReason, RecycleCause

#: Signals that reach a process from outside only: a person, a service manager, the system when memory is short.
_FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})

#: A process that uses no more processor time than this, seconds, does not work: it looks at a clock now and then at most.
#: The system counts in hundredths.
_IDLE_S: Final = 0.02

_RECYCLE_CAUSES: Final = {
    FailureReason.ENGINE_CRASH: RecycleCause.CRASH,
    FailureReason.ENGINE_KILLED: RecycleCause.KILLED,
    FailureReason.LOAD_TIMEOUT: RecycleCause.LOAD_TIMEOUT,
    FailureReason.RENDER_TIMEOUT: RecycleCause.RENDER_TIMEOUT,
    FailureReason.NO_PROGRESS: RecycleCause.NO_PROGRESS,
    FailureReason.TOO_FAST: RecycleCause.TOO_FAST,
    FailureReason.OUT_OF_MEMORY: RecycleCause.OUT_OF_MEMORY,
}


@dataclass(frozen=True)
class Limits:
    """What an engine process may take.

    The defaults are far from anything that a sound engine was seen to need (FluidSynth loads 150 MB in 0.2 s and renders
    some 300 times as fast as the music plays), so that only what hangs runs into them on the slowest of machines.
    """

    load_s: float = 120.0  #: longest load of a patch, the start of the process included
    render_floor_s: float = 30.0  #: no render is cut off before this
    render_factor: float = 10.0  #: else a render may take so many times what is expected; both of processor time
    expected_speed: float = 20.0  #: seconds of audio that an engine is expected to render in one second, at least
    no_progress_s: float = 20.0  #: longest time between two signs of life
    max_speed: float = 50_000.0  #: seconds of sounding audio that no engine renders in one second
    patience: float = 6.0  #: a process that gets little of the processor may take so many times the wall time
    memory_mb: float = 4096.0  #: the process is ended above this
    growth_mb: float = 512.0  #: the process is replaced when it has grown by this since its patch was loaded
    renders: int = 500  #: the process is replaced after so many renders


class Moment(NamedTuple):
    """A moment by two clocks, seconds: the wall's, and the processor time that a process has used up to then."""

    wall_s: float
    cpu_s: float

    def since(self, earlier: Moment) -> Moment:
        """Return what has passed since then: no more processor time than time, however many threads there are."""
        wall_s = max(0.0, self.wall_s - earlier.wall_s)
        return Moment(wall_s, min(wall_s, max(0.0, self.cpu_s - earlier.cpu_s)))


#: Before anything was seen.
NEVER: Final = Moment(0.0, 0.0)


@dataclass
class Progress:
    """What a watcher knows of a render under way."""

    started: Moment  #: the job was sent
    last_sign: Moment  #: the last message came
    last_work: Moment  #: the process was last seen to have used the processor
    loaded: Moment | None = None  #: the patch was loaded
    expected_audio_s: float = 0.0

    def look(self, now: Moment, *, sign: bool = False) -> None:
        """Note how much processor time is used up, and with `sign` that a message has come."""
        if sign:
            self.last_sign = now
        if now.since(self.last_work).cpu_s > _IDLE_S:
            self.last_work = now

    @property
    def last_life_s(self) -> float:
        """When the process was last seen to say or do anything, by the wall's clock."""
        return max(self.last_sign.wall_s, self.last_work.wall_s)


def overdue(limits: Limits, progress: Progress, now: Moment) -> FailureReason | None:
    """Return which clock has run out, or None.

    A load waits for disks, and has so much time. A render is work, and has so much processor time: on a starved host the
    wall's clock says nothing of it, until it is long past. Without a sign of progress a process is at fault that works on
    and on, and one that does nothing at all (it waits, sleeps, or was stopped); one that gets a little of the processor
    now and then is given more time.
    """
    if progress.loaded is None:
        waited_s = now.since(progress.started).wall_s
        return FailureReason.LOAD_TIMEOUT if waited_s > limits.load_s else None
    limit_s = render_limit_s(limits, progress.expected_audio_s)
    if _is_past(limit_s, limits, now.since(progress.loaded)):
        return FailureReason.RENDER_TIMEOUT
    is_idle = now.wall_s - progress.last_life_s > limits.no_progress_s
    if is_idle or _is_past(limits.no_progress_s, limits, now.since(progress.last_sign)):
        return FailureReason.NO_PROGRESS
    return None


def _is_past(limit_s: float, limits: Limits, passed: Moment) -> bool:
    return passed.cpu_s > limit_s or passed.wall_s > limits.patience * limit_s


def next_check_s(limits: Limits, progress: Progress, now: Moment) -> float:
    """Return in how many seconds the first clock can run out."""
    if progress.loaded is None:
        return max(0.0, limits.load_s - now.since(progress.started).wall_s)
    limit_s = render_limit_s(limits, progress.expected_audio_s)
    left_s = _left_s(limit_s, limits, now.since(progress.loaded))
    quiet_s = _left_s(limits.no_progress_s, limits, now.since(progress.last_sign))
    return max(0.0, min(left_s, quiet_s, progress.last_life_s + limits.no_progress_s - now.wall_s))


def _left_s(limit_s: float, limits: Limits, passed: Moment) -> float:
    return min(limit_s - passed.cpu_s, limits.patience * limit_s - passed.wall_s)


def render_limit_s(limits: Limits, expected_audio_s: float) -> float:
    """Return how much processor time a render of so much audio may take."""
    expected_s = expected_audio_s / limits.expected_speed
    return max(limits.render_floor_s, limits.render_factor * expected_s)


def too_fast(limits: Limits, sounding_s: float, render_s: float) -> bool:
    """Whether so much sounding audio cannot have been rendered in that time: the engine did not play.

    Less than a second of sound proves nothing.
    """
    return sounding_s >= 1.0 and sounding_s > limits.max_speed * render_s


def wants_recycling(
    limits: Limits, *, renders: int, rss_mb: float, loaded_rss_mb: float
) -> tuple[RecycleCause, str] | None:
    """Return why a process should be replaced before its next render, and that in words, or None."""
    if renders >= limits.renders:
        return RecycleCause.RENDERS, f"{renders} renders"
    if rss_mb - loaded_rss_mb > limits.growth_mb:
        return RecycleCause.GROWTH, f"grown from {loaded_rss_mb:.0f} to {rss_mb:.0f} MB"
    return None


def cause_of_end(exit_code: int, *, memory_kills: int) -> FailureReason:
    """Return what it means that an engine process has ended by itself.

    What a program does to itself (a fault, an abort, an exit) is held against the stem; a signal that only others send
    is not, or a person who kills an engine twice would make a stem fail for good.

    Args:
        exit_code: as `subprocess` gives it, negative for a signal.
        memory_kills: processes that the system killed for want of memory while this one lived.
    """
    if exit_code == -signal.SIGKILL and memory_kills > 0:
        return FailureReason.OUT_OF_MEMORY
    if -exit_code in _FROM_OUTSIDE:
        return FailureReason.ENGINE_KILLED
    return FailureReason.ENGINE_CRASH


def recycle_cause(reason: FailureReason) -> RecycleCause:
    """Return the cause under which an engine process is replaced after a failure."""
    return _RECYCLE_CAUSES.get(reason, RecycleCause.ENGINE_FAILED)
