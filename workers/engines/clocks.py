"""When a watched engine process has taken too long, too much or too little: pure judgements, no process in sight."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.states import FailureReason


@dataclass(frozen=True)
class Limits:
    """What an engine process may take.

    The defaults are far from anything that a sound engine was seen to need (FluidSynth loads 150 MB in 0.2 s and renders
    some 300 times as fast as the music plays), so that only what hangs runs into them on the slowest of machines.
    """

    load_s: float = 120.0  #: longest load of a patch, the start of the process included
    render_floor_s: float = 30.0  #: no render is cut off before this
    render_factor: float = 10.0  #: else a render may take so many times what is expected
    expected_speed: float = 20.0  #: seconds of audio that an engine is expected to render in one second, at least
    no_progress_s: float = 20.0  #: longest time between two signs of life
    max_speed: float = 50_000.0  #: seconds of sounding audio that no engine renders in one second
    memory_mb: float = 4096.0  #: the process is ended above this
    growth_mb: float = 512.0  #: the process is replaced when it has grown by this since its patch was loaded
    renders: int = 500  #: the process is replaced after so many renders


@dataclass
class Progress:
    """What a watcher knows of a render under way; times in seconds on any one clock."""

    started_s: float  #: the job was sent
    last_sign_s: float  #: the last message came
    loaded_s: float | None = None  #: the patch was loaded
    expected_audio_s: float = 0.0


def overdue(limits: Limits, progress: Progress, now_s: float) -> FailureReason | None:
    """Return which clock has run out, or None."""
    if progress.loaded_s is None:
        return FailureReason.LOAD_TIMEOUT if now_s - progress.started_s > limits.load_s else None
    if now_s - progress.loaded_s > render_limit_s(limits, progress.expected_audio_s):
        return FailureReason.RENDER_TIMEOUT
    if now_s - progress.last_sign_s > limits.no_progress_s:
        return FailureReason.NO_PROGRESS
    return None


def next_check_s(limits: Limits, progress: Progress, now_s: float) -> float:
    """Return in how many seconds the first clock runs out."""
    if progress.loaded_s is None:
        return max(0.0, progress.started_s + limits.load_s - now_s)
    whole = progress.loaded_s + render_limit_s(limits, progress.expected_audio_s)
    return max(0.0, min(whole, progress.last_sign_s + limits.no_progress_s) - now_s)


def render_limit_s(limits: Limits, expected_audio_s: float) -> float:
    """Return how long a render of so much audio may take."""
    expected_s = expected_audio_s / limits.expected_speed
    return max(limits.render_floor_s, limits.render_factor * expected_s)


def too_fast(limits: Limits, sounding_s: float, render_s: float) -> bool:
    """Whether so much sounding audio cannot have been rendered in that time: the engine did not play.

    Less than a second of sound proves nothing.
    """
    return sounding_s >= 1.0 and sounding_s > limits.max_speed * render_s


def wants_recycling(limits: Limits, *, renders: int, rss_mb: float, loaded_rss_mb: float) -> str | None:
    """Return why a process should be replaced before its next render, or None."""
    if renders >= limits.renders:
        return f"{renders} renders"
    if rss_mb - loaded_rss_mb > limits.growth_mb:
        return f"grown from {loaded_rss_mb:.0f} to {rss_mb:.0f} MB"
    return None
