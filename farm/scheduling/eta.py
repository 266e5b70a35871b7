"""When a submission will be done: pure functions from measured times to a forecast, with what holds it up.

Work that is left is what was expected of it times what such work took lately over what was expected (the pace of its
load key, or the real-time factor where nothing is known but the length of the audio). It is shared by the slots, and no
end comes before the last piece is done (Graham 1966). The margin between p50 and p90 is measured, too: how far stems of
a key scatter, how far keys that were never rendered may lie from the others, and how much the whole farm drifts.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from farm.ledger.times import KeyTimes, StemTimes
from schemas.words import counted

#: Standard deviations from the middle of a normal distribution to its 90th percentile.
_P90: Final = 1.2816
#: Tries from which the drift of the farm is measured, in as many blocks.
_DRIFT_TRIES: Final = 80
_BLOCKS: Final = 8
#: Relative drift of the farm's speed: before it was measured, and at least, since tomorrow is not yesterday.
_UNKNOWN_DRIFT: Final = 0.25
_LEAST_DRIFT: Final = 0.06
#: Relative scatter of the pace of load keys among one another before any was measured.
_UNKNOWN_SCATTER: Final = 0.5
#: Weight of that, in load keys, beside the scatter of those that were measured.
_PRIOR_KEYS: Final = 3.0
#: Weight, in stems, of what is known of all keys in the forecast of one: a few of its own tell more.
_PRIOR_STEMS: Final = 3.0
#: A patch that alone takes this share of the time until the end decides when that is.
_DECIDES: Final = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A time with its uncertainty, seconds."""

    mean_s: float = 0.0
    variance_s2: float = 0.0

    def __add__(self, other: Estimate) -> Estimate:
        """Return the sum of independent times."""
        return Estimate(self.mean_s + other.mean_s, self.variance_s2 + other.variance_s2)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The patch that is done last if every slot that may work on it does nothing else."""

    load_key: str
    label: str
    stems: int
    work_s: float  #: seconds of slot time
    share: float  #: of all the work that is left, 0 to 1
    slots: int  #: slots that may work on it at once
    alone_s: float  #: until it is done with all of them
    decides: bool  #: whether the end waits for it, however many other slots there are
    reason: str  #: in words


@dataclass(frozen=True, slots=True)
class Eta:
    """The forecast of a submission's end."""

    p50_s: float | None  #: seconds from now, as likely to be passed as not; None where nothing can be said
    p90_s: float | None  #: seconds from now, passed in one case of ten
    unknown: str  #: why nothing can be said; empty if something can
    work_s: float  #: seconds of slot time that are left: renders, song tasks and loads
    stems_left: int  #: stems that wait or are leased; songs that are not open yet have none
    held_stems: int  #: stems that nobody may render until a person releases their patch; the forecast leaves them out
    slots: int
    tries: int  #: recent renders that the forecast is made from
    bottleneck: Bottleneck | None


def forecast(times: StemTimes) -> Eta:
    """Forecast when everything that is left is done."""
    open_keys = [key for key in times.keys if not key.held and key.stems > 0]
    slots = dict(times.slots or {})
    prior = prior_of(times)
    works = {key.load_key: render_work(key, prior) for key in open_keys}
    renders = _sum(works.values())
    undrawn = undrawn_work(times, prior)
    tasks = _sum(task_work(task.left, task.seconds) for task in times.tasks)
    undrawn_s = undrawn.mean_s if undrawn else 0.0
    total = renders + (undrawn or Estimate()) + tasks + load_work(open_keys, undrawn_s * times.load_share)
    bottleneck = find_bottleneck(open_keys, works, slots, total.mean_s)
    live = sum(slots.values()) if times.live_slots is None else times.live_slots
    unknown = _unknown(open_keys, times, undrawn, slots)
    p50_s, p90_s = (None, None) if unknown else _end(total, open_keys, works, slots, live, times)
    if bottleneck is not None and p50_s is not None:
        bottleneck = _judge(bottleneck, p50_s)
    return Eta(
        p50_s=p50_s,
        p90_s=p90_s,
        unknown=unknown,
        work_s=total.mean_s,
        stems_left=sum(key.stems for key in times.keys),
        held_stems=sum(key.stems for key in times.keys if key.held),
        slots=live,
        tries=len(times.tries),
        bottleneck=bottleneck,
    )


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of all load keys together, and so of one that was never rendered."""

    pace: float  #: mean over keys
    between: float  #: relative scatter of keys among one another
    within: float  #: relative scatter of the stems of one key
    tried: float  #: load keys among the recent tries, those with few tries counting less


def rate(tries: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return what tries took over what they were measured against, and how far single ones scatter about it.

    Long ones count more: short ones have a fixed cost that says nothing of the whole.

    Args:
        tries: (seconds taken, seconds expected or of audio) of each; the latter above 0.
    """
    against = sum(size for _, size in tries)
    if against <= 0:
        return 0.0, 0.0
    mean = sum(taken for taken, _ in tries) / against
    if len(tries) < 2:
        return mean, mean * _UNKNOWN_SCATTER
    variance = sum(size * (taken / size - mean) ** 2 for taken, size in tries) / against
    return mean, math.sqrt(variance * len(tries) / (len(tries) - 1))


def prior_of(times: StemTimes) -> Prior:
    """Return what the farm knows of its load keys."""
    known = times.known_paces
    mean = statistics.fmean(known) if known else 1.0
    between = statistics.pstdev(known) / mean if known and mean > 0 else 0.0
    doubt = _PRIOR_KEYS / (len(known) + _PRIOR_KEYS)
    rates = [rate(key.tries) for key in times.keys if len(key.tries) > 1]
    spreads = [spread / pace for pace, spread in rates if pace > 0]
    counts = [len(key.tries) for key in times.keys if key.tries]
    return Prior(
        pace=mean,
        between=math.sqrt((1 - doubt) * between**2 + doubt * _UNKNOWN_SCATTER**2),
        within=statistics.fmean(spreads) if spreads else _UNKNOWN_SCATTER,
        tried=sum(counts) ** 2 / sum(count**2 for count in counts) if counts else 1.0,
    )


def render_work(key: KeyTimes, prior: Prior) -> Estimate:
    """Return the slot time that a key's stems will take.

    The pace is that of the key's recent stems, drawn towards the smoothed pace of the ledger while they are few;
    without any it is the smoothed pace, and of a key that was never rendered the mean over all keys, with their scatter.
    """
    if not key.tries and not key.measured:
        return Estimate(key.est_s * prior.pace, (key.est_s * prior.pace * prior.between) ** 2)
    before = key.pace if key.measured else prior.pace
    recent, spread = rate(key.tries)
    count = len(key.tries)
    pace = (count * recent + _PRIOR_STEMS * before) / (count + _PRIOR_STEMS)
    if count < 2:
        spread = pace * prior.within
    # The mean of what was seen is uncertain, and the mean of what is to come scatters about it.
    return Estimate(key.est_s * pace, (key.est_s * spread) ** 2 * (1 / (count + _PRIOR_STEMS) + 1 / key.stems))


def undrawn_work(times: StemTimes, prior: Prior) -> Estimate | None:
    """Return the slot time of songs that have no stems yet, by the real-time factor; None where none was measured.

    It is uncertain by how few patches it was measured on, and how far patches lie apart.
    """
    if times.undrawn_audio_s <= 0:
        return Estimate()
    if not times.tries:
        return None
    mean_s = times.undrawn_audio_s * rate(times.tries)[0]
    return Estimate(mean_s, (mean_s * prior.between) ** 2 / prior.tried)


def load_work(keys: Sequence[KeyTimes], later_s: float) -> Estimate:
    """Return the slot time of loads: of each waiting key that no slot has loaded, and `later_s` for songs to come."""
    return Estimate(sum(key.load_s for key in keys if key.slots == 0) + later_s)


def task_work(left: int, seconds: Sequence[float]) -> Estimate:
    """Return the slot time of song tasks; tasks of a kind that was never run are taken to cost nothing."""
    if not seconds or left <= 0:
        return Estimate()
    spread = statistics.stdev(seconds) if len(seconds) > 1 else statistics.fmean(seconds) * _UNKNOWN_SCATTER
    return Estimate(left * statistics.fmean(seconds), left**2 * spread**2 * (1 / len(seconds) + 1 / left))


def drift(tries: Sequence[tuple[float, float]]) -> float:
    """Return how far the farm's speed drifts, relative: the scatter of blocks of tries beyond that of single ones.

    Args:
        tries: (seconds taken, seconds of audio) of recent renders, in order.
    """
    if len(tries) < _DRIFT_TRIES:
        return _UNKNOWN_DRIFT
    size = len(tries) // _BLOCKS
    mean, spread = rate(tries)
    blocks = [rate(tries[start : start + size])[0] for start in range(0, size * _BLOCKS, size)]
    beyond = statistics.variance(blocks) - spread**2 / size
    return max(_LEAST_DRIFT, math.sqrt(max(0.0, beyond)) / mean if mean > 0 else 0.0)


def slots_for(key: KeyTimes, slots: Mapping[str, int]) -> int:
    """Return how many slots may work on a key at once."""
    found = slots.get(key.engine, 0)
    return found if key.slots_max is None else min(found, key.slots_max)


def find_bottleneck(
    keys: Sequence[KeyTimes], works: Mapping[str, Estimate], slots: Mapping[str, int], total_s: float
) -> Bottleneck | None:
    """Return the key that is done last with all slots that may work on it; None when no stem is left.

    Keys that share a limit share its slots.
    """
    if not keys:
        return None
    sharing_s: defaultdict[str, float] = defaultdict(float)
    for key in keys:
        sharing_s[key.limit or key.load_key] += works[key.load_key].mean_s

    def alone_s(key: KeyTimes) -> float:
        allowed = slots_for(key, slots)
        load_s = 0.0 if key.slots else key.load_s
        return sharing_s[key.limit or key.load_key] / allowed + load_s if allowed else math.inf

    key = max(keys, key=lambda key: (alone_s(key), works[key.load_key].mean_s, key.load_key))
    work_s, allowed = works[key.load_key].mean_s, slots_for(key, slots)
    return Bottleneck(
        load_key=key.load_key,
        label=key.label,
        stems=key.stems,
        work_s=work_s,
        share=min(1.0, work_s / total_s) if total_s > 0 else 0.0,
        slots=allowed,
        alone_s=alone_s(key) if allowed else 0.0,
        decides=allowed == 0,
        reason=_reason(key, allowed, slots),
    )


def _reason(key: KeyTimes, allowed: int, slots: Mapping[str, int]) -> str:
    if key.slots_max == 0:
        return f"limit {key.limit} allows no slot"
    if allowed == 0:
        return f"no slot with {key.engine} is alive"
    if key.slots_max is not None and key.slots_max < slots.get(key.engine, 0):
        return f"limit {key.limit} allows {key.slots_max} of {counted(slots.get(key.engine, 0), 'slot')}"
    return "it has the most work left"


def _judge(bottleneck: Bottleneck, p50_s: float) -> Bottleneck:
    """Mark a bottleneck that takes as long as everything."""
    return replace(bottleneck, decides=bottleneck.alone_s >= _DECIDES * p50_s)


def _unknown(keys: Sequence[KeyTimes], times: StemTimes, undrawn: Estimate | None, slots: Mapping[str, int]) -> str:
    """Say why nothing can be forecast, or return an empty text."""
    if times.waits:
        return times.waits
    if not keys and not times.tasks and not times.undrawn_audio_s:
        return ""
    if not sum(slots.values()):
        return "no slot is alive"
    stuck = next((key for key in keys if slots_for(key, slots) == 0), None)
    if stuck is not None:
        return f"patch {stuck.label}: {_reason(stuck, 0, slots)}"
    if undrawn is None or (keys and not times.known_paces):
        return "no stem has been rendered lately"
    return ""


def _end(
    total: Estimate,
    keys: Sequence[KeyTimes],
    works: Mapping[str, Estimate],
    slots: Mapping[str, int],
    live: int,
    times: StemTimes,
) -> tuple[float, float]:
    """Return the p50 and p90 of the time until all is done: of what takes longest.

    That is the whole on all slots, or what an engine, a limit or a patch has on the slots that may work on it.
    """
    piece_s = _longest_piece_s(keys, works)
    wander = drift(times.tries)
    shares: list[tuple[Estimate, int]] = [(total, live)]
    together: defaultdict[tuple[str, int], list[Estimate]] = defaultdict(list)
    for key in keys:
        together[key.engine, slots[key.engine]].append(works[key.load_key])
        together[key.limit or key.load_key, slots_for(key, slots)].append(works[key.load_key])
    shares += [(_sum(some), count) for (_, count), some in together.items()]
    ends = [_quantiles(work, count, piece_s, wander) for work, count in shares]
    return max(p50 for p50, _ in ends), max(p90 for _, p90 in ends)


def _quantiles(work: Estimate, slots: int, piece_s: float, wander: float) -> tuple[float, float]:
    """Return p50 and p90 of the time that slots need for shared work: the last piece adds up to its length."""
    if work.mean_s <= 0:
        return 0.0, 0.0
    shared_s = work.mean_s / slots
    last_s = min(piece_s, work.mean_s) * (1 - 1 / slots)
    spread_s = math.sqrt(work.variance_s2 + (work.mean_s * wander) ** 2) / slots
    return shared_s + last_s / 2, shared_s + last_s + _P90 * spread_s


def _longest_piece_s(keys: Iterable[KeyTimes], works: Mapping[str, Estimate]) -> float:
    return max((works[key.load_key].mean_s / key.stems for key in keys), default=0.0)


def _sum(estimates: Iterable[Estimate]) -> Estimate:
    total = Estimate()
    for estimate in estimates:
        total += estimate
    return total
