"""Share clusters of songs out among splits: a pure function of seed, ratios and clusters, whatever their order.

Every cluster has a home that depends on (seed, cluster) alone: the split in whose share of [0, 1) its draw falls. The
homes meet the ratios only on average (1,000 songs at a tenth: 100 give or take 10), so that as few clusters as it
takes leave their home for a split that is short, those first whose draw lies nearest to its share. Homes never change
when songs are added; only who has to leave may, which is of the order of the square root of the number of songs.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from schemas.base import draw

#: Where each split's share of [0, 1) begins and ends.
_Shares = dict[str, tuple[float, float]]
#: Size of a cluster, and its name.
_Cluster = tuple[int, str]
#: A cluster that leaves a split for another, and one that comes back in exchange, if any.
_Exchange = tuple[str, str, _Cluster, _Cluster | None]

_PURPOSE: Final = "split"


def share_out(seed: int, ratios: Mapping[str, float], sizes: Mapping[str, int]) -> dict[str, str]:
    """Return the split of every cluster.

    No single cluster could go elsewhere, and no two could change places, so that the numbers of songs would come
    nearer to the ratios; where single songs abound, they are met exactly.

    Args:
        seed: of the draws.
        ratios: name of each split -> its share, in any unit.
        sizes: cluster -> number of its songs.
    """
    shares = _shares(ratios)
    at = {cluster: draw(seed, cluster, _PURPOSE) for cluster in sizes}
    found = {cluster: _home(shares, at[cluster]) for cluster in sorted(sizes)}
    over = _excess(ratios, sizes, found)
    _move_nearest(shares, sizes, at, found, over)
    while exchange := _best_exchange(shares, sizes, at, found, over):
        source, target, gone, back = exchange
        moved = gone[0] - (back[0] if back else 0)
        found[gone[1]] = target
        if back:
            found[back[1]] = source
        over[source] -= moved
        over[target] += moved
    return found


def homes(seed: int, ratios: Mapping[str, float], clusters: Iterable[str]) -> dict[str, str]:
    """Return the home of every cluster: the ratios are met on average, and no cluster ever makes room for another."""
    shares = _shares(ratios)
    return {cluster: _home(shares, draw(seed, cluster, _PURPOSE)) for cluster in clusters}


def wanted(ratios: Mapping[str, float], songs: int) -> dict[str, int]:
    """Return how many of so many songs each split is to have: whole numbers by the largest remainder."""
    total = sum(ratios.values())
    exact = {split: songs * ratio / total for split, ratio in ratios.items()}
    counts = {split: math.floor(count) for split, count in exact.items()}
    order = sorted(ratios, key=lambda split: (counts[split] - exact[split], split))
    for split in order[: songs - sum(counts.values())]:
        counts[split] += 1
    return counts


def _shares(ratios: Mapping[str, float]) -> _Shares:
    total, edges = sum(ratios.values()), [0.0]
    for ratio in ratios.values():
        edges.append(edges[-1] + ratio / total)
    edges[-1] = 1.0
    return dict(zip(ratios, pairwise(edges), strict=True))


def _home(shares: _Shares, at: float) -> str:
    return next(split for split, (_, end) in shares.items() if at < end)


def _excess(ratios: Mapping[str, float], sizes: Mapping[str, int], found: Mapping[str, str]) -> dict[str, int]:
    """Return how many songs each split has too many; negative where it has too few."""
    counts: Counter[str] = Counter()
    for cluster, split in found.items():
        counts[split] += sizes[cluster]
    return {split: counts[split] - count for split, count in wanted(ratios, counts.total()).items()}


def _move_nearest(
    shares: _Shares, sizes: Mapping[str, int], at: Mapping[str, float], found: dict[str, str], over: dict[str, int]
) -> None:
    """Move clusters from splits that have too many songs to those that have too few, as long as neither is overdone."""
    for source in shares:
        mine = [cluster for cluster, split in found.items() if split == source] if over[source] > 0 else []
        for target in shares:
            if over[target] >= 0 or over[source] <= 0:
                continue
            for cluster in sorted(mine, key=lambda cluster: (_distance(shares[target], at[cluster]), cluster)):
                size = sizes[cluster]
                if found[cluster] == source and size <= min(over[source], -over[target]):
                    found[cluster] = target
                    over[source] -= size
                    over[target] += size


def _distance(share: tuple[float, float], at: float) -> float:
    return max(share[0] - at, at - share[1], 0.0)


def _best_exchange(
    shares: _Shares,
    sizes: Mapping[str, int],
    at: Mapping[str, float],
    found: Mapping[str, str],
    over: Mapping[str, int],
) -> _Exchange | None:
    """Return what brings the numbers nearest to the ratios, the nearest cluster first; None when nothing does."""
    if not any(over.values()):
        return None
    candidates: list[tuple[int, float, _Exchange]] = []
    for source in shares:
        for target in shares:
            if source != target:
                leave = _of_each_size(shares[target], sizes, at, _members(found, source))
                come = _of_each_size(shares[source], sizes, at, _members(found, target))
                candidates += _exchanges(source, target, leave, come, over)
    if not candidates:
        return None
    return min(candidates, key=lambda item: (item[0], item[1], item[2][2], item[2][3] or (0, "")))[2]


def _members(found: Mapping[str, str], split: str) -> list[str]:
    return [cluster for cluster, place in found.items() if place == split]


def _of_each_size(
    share: tuple[float, float], sizes: Mapping[str, int], at: Mapping[str, float], clusters: Sequence[str]
) -> dict[int, tuple[float, str]]:
    """Return the cluster of each size that lies nearest to a share, and how far that is."""
    by_size: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for cluster in clusters:
        by_size[sizes[cluster]].append((_distance(share, at[cluster]), cluster))
    return {size: min(found) for size, found in by_size.items()}


def _exchanges(
    source: str, target: str, leave: dict[int, tuple[float, str]], come: dict[int, tuple[float, str]],
    over: Mapping[str, int],
) -> Iterator[tuple[int, float, _Exchange]]:  # fmt: skip
    """Yield (change of the error, distance, exchange) of all that lessen the error."""
    before = abs(over[source]) + abs(over[target])
    for size, (way, cluster) in leave.items():
        for back, (way_back, other) in (*come.items(), (0, (0.0, ""))):
            moved = size - back
            change = abs(over[source] - moved) + abs(over[target] + moved) - before
            if change < 0:
                yield change, way + way_back, (source, target, (size, cluster), (back, other) if back else None)
