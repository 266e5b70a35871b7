"""Tar shards after the convention of WebDataset, with an index of the place of every member.

A sample is a song. Its key is what stands before the first dot of a member's name: `train/Track00001.S00.flac` is the
member `S00.flac` of the sample `train/Track00001`. Shards hold songs of one split, and each song whole.
(Aizman, Maltby, Breuel: High Performance I/O For Large Scale Deep Learning, IEEE Big Data 2019.)
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any, Final

from farm.dataset.exporting.base import HashedFile, Source, Target
from farm.dataset.exporting.song import Copy, key_of
from schemas.base import canonical_json
from schemas.dataset import TrackRecord

#: Size of a shard if no other is asked for, bytes.
SHARD_BYTES: Final = 10**9
INDEX: Final = "index.jsonl"
#: Name of the shards of songs that lie in no split.
_NO_SPLIT: Final = "songs"


def write_webdataset(source: Source, target: Target) -> None:
    """Write the shards, and the index of their members."""
    with target.create(INDEX) as index:
        for name, tracks in shards(source, source.order.shard_size_bytes or SHARD_BYTES):
            with target.create(name) as shard:
                for track in tracks:
                    line = {"shard": name, **_add(source, track, shard)}
                    index.write((canonical_json(line) + "\n").encode())
                    source.tick()
                shard.write(bytes(_whole_bytes(shard.tell()) - shard.tell()))


def shards(source: Source, limit_bytes: int) -> Iterator[tuple[str, list[TrackRecord]]]:
    """Yield the name of every shard with its songs, in their order.

    No shard is larger than the limit, unless it holds one song alone.
    """
    for split in source.splits:
        number, size_bytes, held = 0, 0, list[TrackRecord]()
        for track in (track for track in source.tracks if track.split == split):
            more = sum(len(_header(track, copy)) + _padded(copy.file.size_bytes) for copy in source.copies(track))
            if held and _whole_bytes(size_bytes + more) > limit_bytes:
                yield _name(split, number), held
                number, size_bytes, held = number + 1, 0, []
            held.append(track)
            size_bytes += more
        yield _name(split, number), held


def _add(source: Source, track: TrackRecord, shard: HashedFile) -> dict[str, Any]:
    """Append the members of a song; return its line of the index."""
    members = {}
    for copy in source.copies(track):
        shard.write(_header(track, copy))
        members[copy.name] = {"offset": shard.tell(), "size": copy.file.size_bytes, "sha256": copy.file.sha256}
        for piece in source.read(track, copy.file):
            shard.write(piece)
        shard.write(bytes(_padded(copy.file.size_bytes) - copy.file.size_bytes))
    return {"key": key_of(track), "split": track.split, "cluster": track.cluster or None, "members": members}


def _header(track: TrackRecord, copy: Copy) -> bytes:
    """Return what stands before a member: it belongs to nobody and is from the beginning of time."""
    member = tarfile.TarInfo(f"{key_of(track)}.{copy.name}")
    member.size = copy.file.size_bytes
    return member.tobuf(tarfile.PAX_FORMAT)


def _name(split: str | None, number: int) -> str:
    return f"{split or _NO_SPLIT}-{number:06d}.tar"


def _padded(size_bytes: int) -> int:
    """Return a size in whole blocks."""
    return -(-size_bytes // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _whole_bytes(size_bytes: int) -> int:
    """Return the size of an archive of so many bytes: two empty blocks end it, and it is made of whole records."""
    return -(-(size_bytes + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
