"""Do one thing for every track, so many at a time, each in a process of its own that never outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import TypeVar

from schemas.errors import DiskFullError, FarmError, OutputError, PlanError

Result = TypeVar("Result")
#: Errors that say nothing about one track: the work stops.
_GENERAL = (DiskFullError, OutputError, PlanError)


def each_track(calls: Mapping[str, Callable[[], Result]], jobs: int) -> Iterator[tuple[str, Result | FarmError]]:
    """Yield (track, result) as they come; for a track that fails, its error.

    Args:
        calls: track -> what to do; it can be pickled.
        jobs: at most so many at a time; with one, everything is done in this process.

    Raises:
        DiskFullError, OutputError, PlanError: what would end every other track as well; no further ones are begun.
    """
    if min(jobs, len(calls)) <= 1:
        for track, call in calls.items():
            yield track, _done(call)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(calls)), mp_context=context, initializer=_end_with_parent) as pool:
        waiting: dict[Future[Result | FarmError], str] = {
            pool.submit(_done, call): track for track, call in calls.items()
        }
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _done(call: Callable[[], Result]) -> Result | FarmError:
    try:
        return call()
    except _GENERAL:
        raise
    except FarmError as error:
        return error


def _end_with_parent() -> None:
    """Have this process end at once when the one that started it does, however it ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
