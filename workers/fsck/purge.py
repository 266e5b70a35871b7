"""Remove content from a store: what is named, or all of it; or count what that would be."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from schemas.upkeep import Count, NamedSong, NamedStem, PurgeOrder, PurgeTotals
from workers.audio.files import disk_errors
from workers.store import Kind, Store

_FIELDS = {Kind.STEMS: "audio", Kind.SPECS: "sidecars", Kind.MIDI: "midi"}


class Purge:
    """One purge of a store.

    Args:
        store: the open store.
        order: what is asked.
        stems: what is to be removed.
        songs: MIDI that is to be removed.
    """

    def __init__(self, store: Store, order: PurgeOrder, stems: Iterable[NamedStem], songs: Iterable[NamedSong]) -> None:
        self._store = store
        self._order = order
        self._stems = stems
        self._songs = songs
        self._files: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def run(self) -> PurgeTotals:
        """Remove, or count; what was removed before is no error.

        Raises:
            StoreAwayError, OutputError: something cannot be removed; what was removed by then stays removed.
        """
        specs, audio, midi = self._named()
        if self._order.everything:
            audio |= set(self._store.names(Kind.STEMS))
            midi |= set(self._store.names(Kind.MIDI))
        # Sidecars first: the store never names audio that it does not have.
        for kind, names in ((Kind.SPECS, specs), (Kind.STEMS, audio), (Kind.MIDI, midi)):
            for name in sorted(names):
                self._drop(kind, name)
        self._drop_parts(specs | audio | midi)
        for folder in self._order.folders:
            self._drop_folder(Path(folder))
        if self._order.everything and not self._order.dry_run:
            self._store.prune()
        kinds = (*_FIELDS.values(), "parts", "folders")
        return PurgeTotals(**{kind: Count(files=self._files[kind], size_bytes=self._bytes[kind]) for kind in kinds})

    def _named(self) -> tuple[set[str], set[str], set[str]]:
        stems = list(self._stems)
        specs = {stem.spec for stem in stems}
        if self._order.everything:
            specs |= set(self._store.names(Kind.SPECS))
        audio = {stem.data for stem in stems if stem.data is not None}
        for spec in specs:
            result = self._store.read_result(spec)
            if result is not None:
                audio.add(result.data_hash)
        midi = {name for song in self._songs for name in (song.song, *song.midi) if name is not None}
        return specs, audio, midi

    def _drop(self, kind: Kind, name: str) -> None:
        size = self._store.size_bytes(kind, name)
        if size or self._store.has(kind, name):
            self._count(_FIELDS[kind], size)
            if not self._order.dry_run:
                self._store.remove(kind, name)

    def _drop_parts(self, names: set[str]) -> None:
        for part in self._store.leftovers():
            if self._order.everything or part.name.partition(".")[0] in names:
                self._count("parts", part.size_bytes)
                if not self._order.dry_run:
                    self._store.remove_leftover(part.name)

    def _drop_folder(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                self._count("folders", path.stat().st_size)
        if not self._order.dry_run and folder.exists():
            with disk_errors(folder):
                shutil.rmtree(folder)

    def _count(self, kind: str, size: int) -> None:
        self._files[kind] += 1
        self._bytes[kind] += size
