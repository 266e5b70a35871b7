"""A real ledger, a real store, and slots with a real engine that breaks on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from farm.ledger import DrawnStem, Ledger
from farm.ledger.records import Event
from schemas.job import RenderJob
from schemas.patch import Patch
from schemas.states import EventKind, TaskKind
from tests.support.broken import ALWAYS, ENGINE, HURRY, TWIN, patch
from tests.support.ledgers import Worker, plan, reconciler
from tests.support.midi import name as track_name
from tests.support.midi import note, song
from workers.config import WorkerSettings
from workers.slot import Slot
from workers.store import Store, open_store

#: Clocks that no sound engine needs, and no test waits long for.
CLOCKS: dict[str, Any] = {
    "engine_load_s": 4.0, "engine_render_s": 0.8, "engine_silence_s": 1.5, "engine_growth_mb": 60.0,
    "engine_memory_mb": 260.0,
}  # fmt: skip


class Stage:
    """A ledger with stems of the test engine to render, and slots that render them.

    Args:
        ledger: the open ledger.
        url: its address.
        folder: for the store and the slots' state.
    """

    def __init__(self, ledger: Ledger, url: str, folder: Path) -> None:
        self.ledger = ledger
        self.url = url
        self.folder = folder
        self.root = folder / "store"
        self.counts = folder / "counts"
        self.counts.mkdir()
        self._submissions = 0
        self._slots: list[Slot] = []

    @property
    def store(self) -> Store:
        """The store of all submissions."""
        return open_store(str(self.root))

    def submit(self, *songs: Sequence[tuple[str, int] | str], **values: Any) -> int:
        """Bring a submission to where its stems are ready; each song is a list of faults, or of (fault, times).

        A fault that begins with `twin:` is one of the other engine class.
        """
        self._submissions += 1
        number = self.ledger.create_submission(
            plan(**values), source_root="midi", out_dir=str(self.folder / f"out{self._submissions}"),
            store_root=str(self.root),
        )  # fmt: skip
        names = [f"{self._submissions}-{index:03d}.mid" for index in range(len(songs))]
        self.ledger.add_files(number, names)
        self.ledger.seal(number)
        worker, chief = Worker(self.ledger, parts=max(map(len, songs)), pid=0), reconciler(self.ledger)
        worker.work()
        chief.tick(number)
        chief.tick(number)
        worker.work(TaskKind.SPLIT)
        for undrawn in self.ledger.undrawn_songs(number, len(songs)):
            index = names.index(undrawn.spec.source)
            drawn = [
                DrawnStem(part, self._job(self._patch(fault), f"{number} {index} {part.name}"), 1.0)
                for part, fault in zip(undrawn.split.parts, songs[index], strict=False)
            ]
            self.ledger.draw_song(undrawn.song_id, drawn)
        self.ledger.retire_slot(worker.slot)
        return number

    def slot(
        self, *, engines: Sequence[str] = (ENGINE,), service: bool = True, host: str = "here", **settings: Any
    ) -> Slot:
        """Start a slot; it is closed with the stage."""
        values = {
            "ledger_url": self.url, "home": self.folder / "home", "host": host, "heartbeat_s": 0.3, **CLOCKS, **settings,
        }  # fmt: skip
        slot = Slot(self.ledger, WorkerSettings(**values), engines=engines, service=service)
        self._slots.append(slot)
        return slot

    def hurry(self) -> None:
        """Let slow stems be slow no longer: for what is left when a test has seen what it waited for."""
        (self.counts / HURRY).touch()

    def events(self, kind: EventKind) -> list[Event]:
        """Return the events of a kind, the oldest first."""
        return sorted(self.ledger.events(kind=kind, limit=1000), key=lambda event: event.id)

    def causes(self) -> list[str]:
        """Return the causes of all recycles, in order."""
        return [event.detail.partition(":")[0] for event in self.events(EventKind.RECYCLED)]

    def states(self, number: int) -> dict[str, int]:
        """Count the stems of a submission by state, those that there are."""
        return {state: count for state, count in self.ledger.status(number).stems.items() if count}

    def close(self) -> None:
        """Close all slots."""
        for slot in self._slots:
            slot.close()

    def _patch(self, fault: tuple[str, int] | str) -> Patch:
        name, times = (fault, ALWAYS) if isinstance(fault, str) else fault
        engine = TWIN if name.startswith("twin:") else ENGINE
        return patch(name.removeprefix("twin:"), self.counts, times, engine=engine)

    def _job(self, played: Patch, name: str) -> RenderJob:
        pitch = 40 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % 48
        midi = song([track_name(0, name), *note(0, 960, pitch)])
        return RenderJob(midi_sha256=self.store.put_midi(midi), patch=played)
