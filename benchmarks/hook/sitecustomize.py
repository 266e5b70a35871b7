"""Imported by every Python process of a profiled run as it starts: sets the timers of `benchmarks.stages`."""

from __future__ import annotations

from benchmarks.stages import install

install()
