"""A real ledger as the book of a simulated farm, so that its leases can be compared with the simulator's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.simulation import Batch, Rendered, key_of
from benchmarks.worlds import World
from farm.ledger import DrawnStem, Ledger, SlotRef, StemCommit, StemLease, TaskRef
from farm.planning.draw import draw_stems
from schemas.base import draw
from schemas.patch import EngineFacts, FluidSettings
from schemas.plan import DatasetPlan
from schemas.result import RenderCost
from schemas.song import ScanResult, SplitResult
from schemas.states import TaskKind
from tests.support.ledgers import (
    ENGINE,
    Worker,
    plan,
    reconciler,
    sha,
    song_facts,
    split_result,
    stem_result,
    submit,
)


class LedgerBook:
    """Lets a ledger and a reconciler decide.

    Args:
        ledger: an empty ledger.
        world: the dataset; its songs become tracks in order.
        slots: how many slots ask.
        limit: most stems in a batch.
        window: open songs of the whole farm.
    """

    def __init__(self, ledger: Ledger, world: World, *, slots: int, limit: int, window: int) -> None:
        self._ledger = ledger
        self._world = world
        self._limit = limit
        names = [f"{index:04d}.mid" for index in range(len(world.songs))]
        # Tracks are numbered by a draw; the songs of the world take these places.
        tracks = sorted(names, key=lambda name: (draw(plan().seed, sha(name), "order"), sha(name)))
        self._songs = {sha(name): song for song, name in enumerate(tracks)}
        self._stems = {
            sha((sha(name), index)): stem
            for song, name in enumerate(tracks)
            for index, stem in enumerate(world.songs[song])
        }
        self._keys: dict[str, str] = {}
        self._leases: dict[int, StemLease] = {}
        self._number = submit(ledger, names)
        # Song tasks are done by somebody who never leases; it counts as a slot where songs are admitted.
        self._worker = _SongWorker(ledger, world, self._songs)
        self._slots = [ledger.register_slot("here", 100 + slot, ENGINE) for slot in range(slots)]
        self._chief = reconciler(ledger, window_per_slot=window // (slots + 1))
        self._worker.work()
        self._chief.tick()

    @property
    def busy(self) -> bool:
        """Whether any song is planned or open."""
        status = self._ledger.status(self._number)
        return status.songs_done < status.songs_total

    def tick(self, live_slots: int) -> None:
        """Let the reconciler look, and split what it opens."""
        assert live_slots == len(self._slots)
        self._chief.tick()
        self._worker.work(TaskKind.SPLIT)

    def lease(self, slot: int, warm_key: str | None, /) -> Batch | None:
        """Lease from the ledger."""
        leases = self._ledger.lease_stems(
            self._slots[slot], engine=ENGINE, warm_key=self._real(warm_key), limit=self._limit
        )
        if not leases:
            return None
        stems = [self._stems[lease.job.midi_sha256] for lease in leases]
        self._leases.update(zip(stems, leases, strict=True))
        patch = {self._world.stems[stem].patch for stem in stems}
        assert len(patch) == 1, "a batch is of one load key"
        name = key_of(patch.pop())
        self._keys[name] = leases[0].job.patch.load_key
        return Batch(name, stems)

    def _real(self, name: str | None) -> str | None:
        return None if name is None else self._keys[name]

    def rest(self, slot: int, warm_key: str | None, /) -> None:
        """Let the slot write a sign of life, which says that it is idle."""
        assert self._ledger.heartbeat(self._slots[slot], self._real(warm_key))

    def commit(self, slot: int, group: Sequence[Rendered], /) -> list[int]:
        """Commit to the ledger, and finish the songs that this completes."""
        before = self._done()
        commits = [self._commit(item) for item in group]
        assert all(self._ledger.commit_stems(self._slots[slot], commits))
        self._worker.work()
        return sorted(self._done() - before)

    def _commit(self, item: Rendered) -> StemCommit:
        lease = self._leases[item.stem]
        cost = RenderCost(render_s=item.render_s, load_s=item.load_s or 0.0, cold=item.load_s is not None)
        return StemCommit(lease.stem_id, lease.epoch, stem_result(lease.job), cost)

    def _done(self) -> set[int]:
        return {song.track - 1 for song in self._ledger.songs(self._number) if song.state.value == "done"}

    def draw_stems(
        self,
        wanted: DatasetPlan,
        facts: EngineFacts,
        split: SplitResult,
        song_hash: str,
        places: Mapping[str, int] | None,
    ) -> list[DrawnStem]:
        """Draw the world's patches instead of the plan's: each is a setting of its own."""
        drawn = []
        for stem in draw_stems(wanted, facts, split, song_hash, places):
            known = self._world.stems[self._stems[stem.part.midi_sha256]]
            settings = FluidSettings(gain=0.5 + known.patch / 1000)
            patch = stem.job.patch.model_copy(update={"settings": settings})
            drawn.append(DrawnStem(stem.part, stem.job.model_copy(update={"patch": patch}), known.est_s))
        return drawn


class _SongWorker(Worker):
    """Does song tasks for songs as the world has them."""

    def __init__(self, ledger: Ledger, world: World, songs: dict[str, int]) -> None:
        super().__init__(ledger)
        ledger.retire_slot(self.slot)
        self.slot: SlotRef = ledger.register_slot("here", 1, "songs")
        self._world = world
        self._songs = songs

    def step(self, kind: TaskKind | None = None) -> bool:
        task = self.claim(kind)
        return task is not None and self.do(task)

    def scan(self, file_id: int, path: str) -> ScanResult:
        stems = self._world.songs[self._songs[sha(path)]]
        audio_s = sum(self._world.stems[stem].audio_s for stem in stems) / len(stems)
        return ScanResult(file_id=file_id, facts=song_facts(path, duration_s=audio_s, parts=len(stems)))

    def do(self, task: TaskRef) -> bool:
        if task.kind is not TaskKind.SPLIT:
            return super().do(task)
        name = self.ledger.song_for(task).song.song_hash
        return self.ledger.complete_split(task, split_result(name, parts=len(self._world.songs[self._songs[name]])))
