"""What a dataset holds, counted: songs, hours, splits, classes, programs, patches, lengths, tempos, levels."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from farm.dataset.catalogue import Entry, Facts
from farm.dataset.query import Value
from farm.dataset.records import Shelf
from schemas.base import FarmModel
from schemas.gm import DRUM_PROGRAM, program_name
from schemas.splits import OMITTED

#: Widths of the bars of distributions.
_SECONDS, _BPM, _LUFS, _STEMS, _PERCENT = 30, 20, 3, 2, 10
#: A distribution has at most so many; what lies beyond is in the last.
_BARS: Final = 24


class Spread(FarmModel):
    """How a number is spread over songs or stems."""

    of: str  #: songs or stems
    count: int  #: of those of which it is known
    least: float
    median: float
    mean: float
    most: float
    width: int  #: of a bar
    bars: list[tuple[float, int]]  #: (where a bar begins, how many are in it), without gaps; the last takes all beyond


class Group(FarmModel):
    """What stems of one kind add up to."""

    name: str
    songs: int
    stems: int
    notes: int
    audio_s: float  #: length of their audio, silence included
    active_s: float  #: seconds in which they sound


class SplitGroup(FarmModel):
    """What the songs of one split add up to."""

    name: str  #: empty for songs that are in none
    songs: int
    clusters: int  #: songs, where versions of one count once
    stems: int
    duration_s: float


class Statistics(FarmModel):
    """The numbers of a dataset; what Slakh's own metadata does not tell is 0 or left out."""

    name: str
    songs: int
    clusters: int
    stems: int
    rendered: int
    silent: int
    bent: int
    notes: int
    duration_s: float  #: of the mixtures
    stem_audio_s: float
    active_s: float
    size_bytes: int
    mixes: dict[str, int]  #: name of another mix -> songs that have it
    failed: int
    rejected: dict[str, int]
    leak_free: bool | None  #: None without splits
    splits: list[SplitGroup]
    classes: list[Group]
    programs: list[Group]
    patches: list[Group]
    genres: dict[str, int]  #: of composed songs -> songs
    layers: dict[str, int]  #: of composed songs -> stems
    soundfonts: dict[str, int]  #: name -> stems that it plays
    meters: dict[str, int]
    keys: dict[str, int]
    spreads: dict[str, Spread]


def count(shelf: Shelf, entries: Sequence[Entry]) -> Statistics:
    """Return the statistics of a dataset."""
    stems = [(entry, stem) for entry in entries for stem in entry.stems]
    record = shelf.record
    splits = _splits(entries)
    return Statistics(
        name=shelf.folder.resolve().name if record is None else record.name,
        songs=len(entries),
        clusters=len({_cluster(entry) for entry in entries}),
        stems=len(stems),
        rendered=sum(bool(stem.get("rendered")) for _, stem in stems),
        silent=sum(bool(stem.get("silent")) for _, stem in stems),
        bent=sum(bool(stem.get("bent")) for _, stem in stems),
        notes=int(_sum(entry.song.get("all_notes") for entry in entries)),
        duration_s=_sum(entry.song.get("duration") for entry in entries),
        stem_audio_s=_sum(entry.song.get("duration") for entry, stem in stems if stem.get("rendered")),
        active_s=_sum(stem.get("active") for _, stem in stems),
        size_bytes=sum(file.size_bytes for track in shelf.tracks for file in track.files),
        mixes=_ranked(word for entry in entries for word in _words(entry.song.get("mixes"))),
        failed=0 if record is None else record.failed,
        rejected={} if record is None else _ranked(item.reason for item in record.rejected),
        leak_free=_is_leak_free(entries) if any(group.name for group in splits) else None,
        splits=splits,
        classes=_groups(stems, lambda stem: str(stem.get("class"))),
        programs=_groups(stems, _program),
        patches=_groups(stems, lambda stem: str(stem.get("preset") or stem.get("patch") or "none")),
        genres=_ranked(word for entry in entries for word in _words(entry.song.get("genre"))),
        layers=_ranked(str(stem["layer"]) for _, stem in stems if stem.get("layer")),
        soundfonts=_ranked(str(stem["soundfont"]) for _, stem in stems if stem.get("soundfont")),
        meters=_ranked(word for entry in entries for word in _words(entry.song.get("meter"))),
        keys=_ranked(word for entry in entries for word in _words(entry.song.get("key"))),
        spreads=_spreads(entries),
    )


def _spreads(entries: Sequence[Entry]) -> dict[str, Spread]:
    stems = [stem for entry in entries for stem in entry.stems]
    songs = [entry.song for entry in entries]
    found = {
        "duration, s": _spread("songs", [song.get("duration") for song in songs], _SECONDS),
        "number of stems": _spread("songs", [song.get("stems") for song in songs], _STEMS),
        "tempo, bpm": _spread("songs", [song.get("tempo") for song in songs], _BPM),
        "score of the mix, percent": _spread("songs", [_percent(song.get("score")) for song in songs], _PERCENT),
        "loudness of the mix, LUFS": _spread("songs", [song.get("mix_lufs") for song in songs], _LUFS),
        "loudness as rendered, LUFS": _spread("stems", [stem.get("lufs") for stem in stems], _LUFS),
        "loudness as published, LUFS": _spread("stems", [stem.get("published_lufs") for stem in stems], _LUFS),
    }
    return {name: spread for name, spread in found.items() if spread is not None}


def _percent(value: Value) -> float | None:
    return round(100.0 * value, 4) if isinstance(value, int | float) else None


def _spread(of: str, values: Iterable[Value], width: int) -> Spread | None:
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if not numbers:
        return None
    first = math.floor(min(numbers) / width)
    bars = Counter(min(math.floor(number / width), first + _BARS - 1) for number in numbers)
    return Spread(
        of=of, count=len(numbers), least=min(numbers), median=statistics.median(numbers),
        mean=round(statistics.fmean(numbers), 6), most=max(numbers), width=width,
        bars=[(bar * width, bars[bar]) for bar in range(min(bars), max(bars) + 1)],
    )  # fmt: skip


def _splits(entries: Sequence[Entry]) -> list[SplitGroup]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[str(entry.song.get("split") or "")].append(entry)
    order = sorted(groups, key=lambda name: (name == OMITTED, -len(groups[name]), name))
    return [
        SplitGroup(
            name=name, songs=len(groups[name]), clusters=len({_cluster(entry) for entry in groups[name]}),
            stems=sum(len(entry.stems) for entry in groups[name]),
            duration_s=_sum(entry.song.get("duration") for entry in groups[name]),
        )
        for name in order
    ]  # fmt: skip


def _groups(stems: Sequence[tuple[Entry, Facts]], name: Callable[[Facts], str]) -> list[Group]:
    """Group stems by a name; most stems first."""
    groups: dict[str, list[tuple[Entry, Facts]]] = defaultdict(list)
    for entry, stem in stems:
        groups[name(stem)].append((entry, stem))
    found = [
        Group(
            name=key, songs=len({str(entry.song["track"]) for entry, _ in some}), stems=len(some),
            notes=int(_sum(stem.get("notes") for _, stem in some)),
            audio_s=_sum(entry.song.get("duration") for entry, stem in some if stem.get("rendered")),
            active_s=_sum(stem.get("active") for _, stem in some),
        )
        for key, some in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda group: (-group.stems, group.name))


def _program(stem: Facts) -> str:
    number = stem.get("program")
    if not isinstance(number, int):
        return "none"
    return f"{number:3d} {'Drums' if number >= DRUM_PROGRAM else program_name(number, is_drum=False)}"


def _cluster(entry: Entry) -> str:
    song = entry.song
    return str(song.get("cluster") or song.get("song") or song["track"])


def _is_leak_free(entries: Sequence[Entry]) -> bool:
    homes = {(_cluster(entry), entry.song.get("split")) for entry in entries if entry.song.get("split") != OMITTED}
    return len(homes) == len({cluster for cluster, _ in homes})


def _ranked(words: Iterable[str]) -> dict[str, int]:
    counts: Mapping[str, int] = Counter(words)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _words(value: Value) -> list[str]:
    return value if isinstance(value, list) else []


def _sum(values: Iterable[Value]) -> float:
    return round(math.fsum(value for value in values if isinstance(value, int | float)), 6)


class Chart(FarmModel):
    """Bars with names, to be drawn in any form."""

    key: str  #: short, for file names
    title: str
    bars: list[tuple[str, int]]


def charts(found: Statistics) -> list[Chart]:
    """Return what is worth drawing of a dataset."""
    drawn = [
        Chart(key="splits", title="songs of each split", bars=[(x.name or "no split", x.songs) for x in found.splits]),
        *(
            Chart(key=key, title=f"stems of each {one}", bars=[(x.name.strip(), x.stems) for x in groups])
            for key, one, groups in (
                ("classes", "class", found.classes),
                ("programs", "program", found.programs),
                ("patches", "patch", found.patches),
            )
        ),
        Chart(key="genres", title="songs of each genre", bars=list(found.genres.items())),
        Chart(key="layers", title="stems of each layer", bars=list(found.layers.items())),
        Chart(key="soundfonts", title="stems of each soundfont", bars=list(found.soundfonts.items())),
        Chart(key="keys", title="songs of each key", bars=list(found.keys.items())),
        Chart(key="meters", title="songs of each meter", bars=list(found.meters.items())),
    ]
    for name, spread in found.spreads.items():
        key = name.partition(",")[0].replace(" ", "-")
        bars = [(f"{start:g} to {start + spread.width:g}", size) for start, size in spread.bars]
        if spread.most >= spread.bars[-1][0] + spread.width:
            bars[-1] = (f"{spread.bars[-1][0]:g} and more", bars[-1][1])
        drawn.append(Chart(key=key, title=f"{spread.of} by {name}", bars=bars))
    return [chart for chart in drawn if chart.bars]
