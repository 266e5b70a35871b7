"""Look through a store: every name, and of all or some files whether the content is what the name says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from schemas.base import draw
from schemas.errors import StoreError
from schemas.result import StemResult
from schemas.upkeep import CheckOrder, CheckTotals, Finding, NamedSong, NamedStem, Progress, StoreFault
from workers.fsck.mend import is_sound, mend_midi
from workers.store import Kind, Store

#: A file under way that nothing was written to for so long belongs to a killed process.
OLD_PART_S: Final = 86_400.0
_PROGRESS_EVERY: Final = 50


@dataclass
class Check:
    """One look through a store.

    Args:
        store: the open store.
        order: what is asked.
        stems: what must be there.
        songs: whose MIDI must be there.
        find: told of every fault.
        progress: told how far it is.
    """

    store: Store
    order: CheckOrder
    stems: Iterable[NamedStem]
    songs: Iterable[NamedSong]
    find: Callable[[Finding], None]
    progress: Callable[[Progress], None] = lambda _: None
    _told: set[str] = field(default_factory=set, init=False)  #: names of which something was told
    _stems: int = field(default=0, init=False)
    _midi: int = field(default=0, init=False)
    _read: int = field(default=0, init=False)
    _read_bytes: int = field(default=0, init=False)

    def run(self) -> CheckTotals:
        """Look at everything; stems first, then MIDI, then what nobody names.

        Raises:
            StoreAwayError, DiskFullError, OutputError: the store cannot be read, or written where that was asked for.
        """
        # Audio is listed before sidecars, since it is written before them.
        audio = set(self.store.names(Kind.STEMS))
        wanted = {stem.spec: stem.data for stem in self.stems}
        results = self._check_stems(wanted)
        self._check_wanted(wanted, results)
        self._check_midi()
        # A stem without a sidecar is rendered anew, whether its audio is there or not.
        named = {result.data_hash for result in results.values()} | {
            data for spec, data in wanted.items() if data is not None and spec in results
        }
        self._check_orphans(audio - named, set(results))
        self._check_parts()
        return CheckTotals(stems=self._stems, midi=self._midi, read=self._read, read_bytes=self._read_bytes)

    # ------------------------------------------------------------ stems

    def _check_stems(self, wanted: Mapping[str, str | None]) -> dict[str, StemResult]:
        """Check every sidecar and its audio; returns those that can be read."""
        results: dict[str, StemResult] = {}
        specs = sorted(self.store.names(Kind.SPECS))
        self._stems = len(specs)
        for number, spec in enumerate(specs):
            if number % _PROGRESS_EVERY == 0:
                self.progress(Progress(done=number, total=len(specs)))
            result = self.store.read_result(spec)
            if result is not None:
                results[spec] = result
                self._check_audio(result, expected=wanted.get(spec))
            elif self.store.has(Kind.SPECS, spec):  # a published song's stems go while this looks
                self._found(StoreFault.DAMAGED_SIDECAR, spec, "the sidecar cannot be read", stem=spec)
        self.progress(Progress(done=len(specs), total=len(specs)))
        return results

    def _check_audio(self, result: StemResult, *, expected: str | None) -> None:
        spec = result.spec_hash
        if not self.store.has_audio(result):
            fault, detail = StoreFault.LOST_AUDIO, f"its audio {result.data_hash[:12]} is not there"
        elif expected is not None and expected != result.data_hash and not self.store.has(Kind.STEMS, expected):
            fault, detail = StoreFault.LOST_AUDIO, f"the ledger's audio {expected[:12]} is not there"
        elif not self._is_drawn(spec):
            return
        else:
            self._read += 1
            self._read_bytes += self.store.size_bytes(Kind.STEMS, result.data_hash)
            try:
                self.store.check_stem(result, fresh=True)
            except StoreError as error:
                fault, detail = StoreFault.DAMAGED_AUDIO, error.message
            else:
                return
        if self.store.has(Kind.SPECS, spec):
            self._found(fault, spec, detail, stem=spec, size=self.store.size_bytes(Kind.STEMS, result.data_hash))

    def _check_wanted(self, wanted: Mapping[str, str | None], results: Mapping[str, StemResult]) -> None:
        for spec in wanted:
            if spec not in results and spec not in self._told and not self.store.has(Kind.SPECS, spec):
                self._found(StoreFault.LOST_STEM, spec, "the ledger says rendered, the store has no sidecar")

    def _is_drawn(self, name: str) -> bool:
        return self.order.share >= 1 or draw(self.order.seed, name) < self.order.share

    # ------------------------------------------------------------ MIDI

    def _check_midi(self) -> None:
        names = sorted(self.store.names(Kind.MIDI))
        self._midi = len(names)
        bad = {name: StoreFault.DAMAGED_MIDI for name in names if self._is_drawn(name) and not self._reads(name)}
        there = set(names)
        for song in self.songs:
            here = {name for name in (song.song, *song.midi) if name is not None}
            faults = {name: bad.pop(name) for name in here & set(bad)}
            faults |= {name: StoreFault.LOST_MIDI for name in here - there if not self.store.has(Kind.MIDI, name)}
            if faults:
                self._found_midi(song, faults)
                there |= set(faults)  # told once
        for name, fault in bad.items():  # of no song under way: nobody misses it
            if self.store.has(Kind.MIDI, name):
                if self.order.repair:
                    self.store.remove(Kind.MIDI, name)
                self._tell(fault, name, "no song under way needs it", mended=self.order.repair)

    def _reads(self, name: str) -> bool:
        self._read += 1
        self._read_bytes += self.store.size_bytes(Kind.MIDI, name)
        return is_sound(self.store, name)

    def _found_midi(self, song: NamedSong, faults: Mapping[str, StoreFault]) -> None:
        mended: list[str] = []
        detail = "made again by splitting its song" if self.order.repair else "it can be made again from its song"
        if self.order.repair and song.song is not None and song.source is not None:
            try:
                mended = mend_midi(self.store, song.song, Path(song.source), list(faults), song.plan, song.rejected)
            except StoreError as error:
                detail = error.message
        for name, fault in sorted(faults.items()):
            self._tell(fault, name, detail, mended=name in mended)

    # ------------------------------------------------------------ what nobody names

    def _check_orphans(self, orphans: set[str], known: set[str]) -> None:
        if orphans:  # a stem that was committed meanwhile has its sidecar by now
            for spec in set(self.store.names(Kind.SPECS)) - known:
                result = self.store.read_result(spec)
                if result is not None:
                    orphans.discard(result.data_hash)
        for name in sorted(orphans):
            size = self.store.size_bytes(Kind.STEMS, name)
            if self.order.repair:
                self.store.remove(Kind.STEMS, name)
            if size:
                self._tell(StoreFault.ORPHAN_AUDIO, name, "no sidecar names it", size=size, mended=self.order.repair)

    def _check_parts(self) -> None:
        for part in self.store.leftovers():
            if part.age_s >= OLD_PART_S:
                if self.order.repair:
                    self.store.remove_leftover(part.name)
                detail = f"half-written, untouched for {part.age_s / 3600:.0f} h"
                self._tell(StoreFault.OLD_PART, part.name, detail, size=part.size_bytes, mended=self.order.repair)

    # ------------------------------------------------------------ findings

    def _found(self, fault: StoreFault, name: str, detail: str, *, stem: str | None = None, size: int = 0) -> None:
        """Tell of a stem, and remove what there is of it, so that it is rendered anew and never found again."""
        if stem is not None and self.order.repair:
            self.store.drop_stem(stem)
        self._tell(fault, name, detail, size=size, mended=stem is not None and self.order.repair)

    def _tell(self, fault: StoreFault, name: str, detail: str, *, size: int = 0, mended: bool = False) -> None:
        self._told.add(name)
        self.find(Finding(fault=fault, name=name, detail=detail, size_bytes=size, mended=mended))
