"""Every store keeps the same promises: content has its name, nothing is half, no name leaves it, same bytes."""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import StoreError
from schemas.store import StoreAddress
from tests.support.objects import object_server
from tests.support.stems import SPEC, result_of, stored
from workers.store import FolderStore, Kind, Store
from workers.store.base import key_of
from workers.store.cache import Cache
from workers.store.objects import ObjectStore, open_filesystem

_numbers = itertools.count(1)


class Place(ABC):
    """Where the stores of a test keep their content, seen from behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def host(self, name: str = "one") -> Store:
        """Return the store as a process of another host opens it."""

    @abstractmethod
    def read(self, key: str) -> bytes: ...

    @abstractmethod
    def write(self, key: str, data: bytes) -> None: ...

    @abstractmethod
    def remove(self, key: str) -> None: ...

    @abstractmethod
    def list(self) -> list[str]: ...

    def close(self) -> None:
        return


class FolderPlace(Place):
    def host(self, name: str = "one") -> Store:
        return FolderStore(self.folder / "store")

    def read(self, key: str) -> bytes:
        return (self.folder / "store" / key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        (self.folder / "store" / key).write_bytes(data)

    def remove(self, key: str) -> None:
        (self.folder / "store" / key).unlink()

    def list(self) -> list[str]:
        root = self.folder / "store"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


class ObjectPlace(Place):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        server = object_server()
        patch = pytest.MonkeyPatch()
        for name, value in server.keys.environment.items():
            patch.setenv(name, value)
        self._undo = patch.undo
        self.address = StoreAddress.parse(f"s3://contract/{next(_numbers)}")._replace(endpoint=server.endpoint)
        self.fs: Any = open_filesystem(self.address)
        self.fs.makedirs("contract", exist_ok=True)
        self._caches: dict[str, Cache] = {}

    def host(self, name: str = "one") -> Store:
        if name not in self._caches:
            self._caches[name] = Cache(self.folder / f"cache-{name}", 10**8)
        return ObjectStore(self.address, self._caches[name], self.fs, patience_s=0.0)

    def read(self, key: str) -> bytes:
        return bytes(self.fs.cat_file(f"{self.address.path}/{key}"))

    def write(self, key: str, data: bytes) -> None:
        self.fs.pipe_file(f"{self.address.path}/{key}", data)

    def remove(self, key: str) -> None:
        self.fs.rm_file(f"{self.address.path}/{key}")

    def list(self) -> list[str]:
        try:
            found = self.fs.find(self.address.path)
        except FileNotFoundError:
            return []
        # What is left of a prefix that is empty again is a folder's own mark in this server.
        root = f"{self.address.path}/"
        return sorted(path.removeprefix(root) for path in found if path.startswith(root))

    def close(self) -> None:
        for cache in self._caches.values():
            cache.close()
        self._undo()


@pytest.fixture(params=[FolderPlace, pytest.param(ObjectPlace, marks=pytest.mark.services)], ids=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made: Place = request.param(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(place: Place) -> Store:
    return place.host()


class TestStores:
    """The contract of `workers.store.base.Store`."""

    def test_midi_comes_back_as_it_went_in(self, place: Place, store: Store) -> None:
        sha256 = store.put_midi(b"MThd")
        assert store.put_midi(b"MThd") == sha256
        for host in (store, place.host("two")):
            assert host.get_midi(sha256) == b"MThd"
            assert host.midi_path(sha256).read_bytes() == b"MThd"
        assert place.list() == [key_of(Kind.MIDI, sha256)]

    def test_damaged_or_missing_midi_is_named(self, place: Place, store: Store) -> None:
        sha256 = store.put_midi(b"MThd")
        place.write(key_of(Kind.MIDI, sha256), b"MThx")
        with pytest.raises(StoreError, match="damaged"):
            store.get_midi(sha256)
        with pytest.raises(StoreError, match="has no MIDI"):
            store.get_midi("0" * 64)

    def test_a_committed_stem_is_found_and_read_on_every_host(self, place: Place, store: Store) -> None:
        known = stored(store, chunks=3)
        for host in (store, place.host("two")):
            assert host.find_stem(SPEC) == known
            host.check_stem(known)
            host.check_stem(known, fresh=True)
            with host.open_stem(known) as reader:
                assert reader.frames == 3 * 4096 + 100
                assert [(start, len(samples)) for start, samples in reader.stretches()] == [(0, 3 * 4096 + 100)]
        assert place.list() == sorted([key_of(Kind.SPECS, SPEC), key_of(Kind.STEMS, known.data_hash)])

    def test_a_stem_larger_than_one_request_comes_back_whole(self, place: Place, store: Store) -> None:
        known = stored(store, chunks=1100)
        key = key_of(Kind.STEMS, known.data_hash)
        assert len(place.read(key)) > 2 * (16 << 20)
        place.host("two").check_stem(known, fresh=True)

    def test_a_reader_keeps_what_he_opened_when_the_stem_is_dropped(self, place: Place, store: Store) -> None:
        known = stored(store)
        with place.host("two").open_stem(known) as reader:
            store.drop_stem(SPEC)
            place.host("two").drop_stem(SPEC)
            assert float(reader.stretches()[0][1][0, 0]) == 0.5

    def test_content_has_a_size_and_what_is_not_there_has_none(self, place: Place, store: Store) -> None:
        known = stored(store)
        midi = store.put_midi(b"MThd")
        for host in (store, place.host("two")):
            assert host.size_bytes(Kind.MIDI, midi) == 4
            assert host.size_bytes(Kind.STEMS, known.data_hash) == len(place.read(key_of(Kind.STEMS, known.data_hash)))
            assert host.size_bytes(Kind.SPECS, "0" * 64) == 0
            assert (host.has(Kind.SPECS, SPEC), host.has(Kind.SPECS, "0" * 64)) == (True, False)
            assert list(host.leftovers()) == []

    def test_a_stem_without_its_audio_is_not_found(self, place: Place, store: Store) -> None:
        known = stored(store)
        place.remove(key_of(Kind.STEMS, known.data_hash))
        for host in (store, place.host("two")):
            assert host.find_stem(SPEC) is None
            assert host.read_result(SPEC) == known
            assert not host.has_audio(known)
            with pytest.raises(StoreError):
                host.check_stem(known)

    @pytest.mark.parametrize("sidecar", [b'{"spec_hash": ', b"", b"[]", b"\xff\x00"])
    def test_a_stem_with_a_broken_sidecar_is_not_found(self, place: Place, store: Store, sidecar: bytes) -> None:
        stored(store)
        place.write(key_of(Kind.SPECS, SPEC), sidecar)
        assert store.find_stem(SPEC) is None

    def test_a_sidecar_under_another_name_is_not_believed(self, place: Place, store: Store) -> None:
        stored(store)
        other = "6" * 64
        store.part_path(other, 1)
        stored(store, other)
        place.write(key_of(Kind.SPECS, other), place.read(key_of(Kind.SPECS, SPEC)))
        assert store.find_stem(other) is None

    def test_damaged_audio_is_found_by_its_hash(self, place: Place, store: Store) -> None:
        known = stored(store)
        key = key_of(Kind.STEMS, known.data_hash)
        data = bytearray(place.read(key))
        data[17] ^= 1
        place.write(key, bytes(data))
        with pytest.raises(StoreError):
            store.check_stem(known, fresh=True)
        with pytest.raises(StoreError):
            place.host("two").check_stem(known)

    def test_a_stem_rendered_again_heals_damage(self, place: Place, store: Store) -> None:
        known = stored(store)
        place.write(key_of(Kind.STEMS, known.data_hash), b"rubbish")
        assert stored(store) == known
        place.host("two").check_stem(known)

    def test_a_dropped_stem_leaves_nothing(self, place: Place, store: Store) -> None:
        stored(store)
        store.drop_stem(SPEC)
        store.drop_stem(SPEC)
        assert place.list() == []
        assert [path for path in store.workplace.rglob("*") if path.is_file() and path.name != "lock"] == []

    @pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 63, "0" * 65, "G" * 64, "0" * 63 + "\n", "/" * 64])
    def test_no_name_leaves_the_root(self, store: Store, name: str) -> None:
        asks: list[Callable[[str], object]] = [
            store.midi_path, store.get_midi, store.find_stem, store.read_result, store.drop_stem,
            lambda wrong: store.part_path(wrong, 1), lambda wrong: store.remove(Kind.MIDI, wrong),
            lambda wrong: store.has_audio(result_of(wrong)), lambda wrong: store.open_stem(result_of(wrong)),
        ]  # fmt: skip
        for ask in asks:
            with pytest.raises(StoreError, match="no hash"):
                ask(name)

    def test_what_there_is_can_be_listed_and_removed(self, place: Place, store: Store) -> None:
        assert list(store.names(Kind.STEMS)) == []
        known, sha256 = stored(store), store.put_midi(b"MThd")
        place.write("stems/ab/readme.txt", b"") if isinstance(place, ObjectPlace) else None
        assert list(store.names(Kind.STEMS)) == [known.data_hash]
        assert list(store.names(Kind.SPECS)) == [SPEC]
        assert list(store.names(Kind.MIDI)) == [sha256]
        store.remove(Kind.MIDI, sha256)
        store.remove(Kind.MIDI, sha256)
        assert list(store.names(Kind.MIDI)) == []

    def test_a_store_in_order_passes_its_check_and_keeps_nothing_of_it(self, place: Place, store: Store) -> None:
        store.check()
        assert place.list() == []

    def test_every_lease_writes_to_a_path_of_its_own(self, store: Store) -> None:
        first, second = store.part_path(SPEC, 1), store.part_path(SPEC, 2)
        assert first != second
        assert first.parent.is_dir()
        assert first.is_relative_to(store.workplace)

    def test_many_at_once_store_the_same_stem_and_it_is_whole(self, place: Place) -> None:
        hosts = [place.host(str(number)) for number in range(4)]
        barrier, results = threading.Barrier(4), []

        def work(number: int) -> None:
            spec = str(number) * 64
            barrier.wait()
            results.extend([stored(hosts[number], spec) for _ in range(3)])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({result.data_hash for result in results}) == 1
        place.host("5").check_stem(results[0], fresh=True)


def test_a_folder_tells_what_was_left_half_written_and_vanishes_when_it_is_empty(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    known = stored(store)
    part = store.part_path(SPEC, 3)
    part.write_bytes(b"half")
    (left,) = store.leftovers()
    assert (left.name, left.size_bytes, left.age_s < 3600) == (part.name, 4, True)
    with pytest.raises(StoreError, match="is no file of"):
        store.remove_leftover("../specs")
    store.remove_leftover(part.name)
    assert list(store.leftovers()) == []
    store.prune()
    assert store.find_stem(SPEC) == known, "what is there stays"
    store.drop_stem(SPEC)
    store.prune()
    assert not (tmp_path / "store").exists()
    assert list(store.leftovers()) == []


def test_stores_hold_the_same_bytes_under_the_same_keys(tmp_path: Path) -> None:
    places = [FolderPlace(tmp_path / "a"), ObjectPlace(tmp_path / "b")]
    for made in places:
        store = made.host()
        store.put_midi(b"MThd")
        stored(store, chunks=2)
    folder, objects = ({key: made.read(key) for key in made.list()} for made in places)
    assert folder == objects
    assert len(folder) == 3
    places[1].close()
