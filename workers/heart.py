"""A thread that writes a slot's sign of life, and ends the process when its parent is gone."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from schemas.errors import FarmError

_log = logging.getLogger(__name__)


class Heart:
    """Beats until it is stopped.

    Args:
        beat: writes a sign of life; False when the slot was given up.
        every_s: time between two beats.
    """

    def __init__(self, beat: Callable[[], bool], every_s: float) -> None:
        self.lost = False  #: the slot was given up; set back by who registers it anew
        self._beat = beat
        self._every_s = every_s
        self._parent = os.getppid()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        next_beat = time.monotonic() + self._every_s
        while not self._done.wait(min(1.0, self._every_s)):
            if os.getppid() != self._parent:
                _log.error("the process that started this slot is gone; the slot ends")
                os._exit(75)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._every_s
                self._try_beat()

    def _try_beat(self) -> None:
        try:
            if not self._beat():
                self.lost = True
        except FarmError as error:
            _log.warning("no sign of life could be written", extra={"error": str(error)})
