"""The form of a song: key, tempo, meter, swing, sections with their bars and layers, composed to a length where one is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.compose import ComposePlan, filling_meters
from schemas.errors import PlanError
from schemas.genre import Genre, LayerSpec, tempo_bucket
from schemas.score import PPQ, Bar, Meter, Section
from workers.composing.context import SongContext
from workers.composing.draws import Draws
from workers.composing.meters import bar_ticks, parse_meter
from workers.composing.theory import parse_key

#: Bars of a section of one meter, in place of the bars that the genre gives it in quarters of four: so that sections of
#: short bars last about as long as those of long ones.
_USUAL_BAR: Final = 4 * PPQ
#: Songs lie so near the value of swing that was drawn for them.
_SWING_ABOUT: Final = 0.02


@dataclass(frozen=True)
class _Plan:
    """A section before it has its place."""

    name: str
    meter: Meter
    bars: int

    @property
    def quarters(self) -> float:
        return self.bars * bar_ticks(self.meter) / PPQ


def write_form(genre: Genre, plan: ComposePlan, draws: Draws) -> SongContext:
    """Draw the form of a song.

    The genre is complete: it says everything that is drawn here.

    Raises:
        PlanError: no tempo of the genre gives the length that is asked.
    """
    key = parse_key(draws.stream("key").choice(genre.keys))
    tempo_bpm, swing = _tempo(genre, draws), _swing(genre, draws)
    parts = _parts(genre, plan, draws)
    if plan.length_s is not None:
        parts, tempo_bpm = _fitted(parts, genre, plan, draws, tempo_bpm)
    layers = _layers_of_the_song(genre, draws)
    bars, sections = _placed(parts, _layers_of_sections(parts, layers, genre, draws))
    return SongContext(genre, draws, key, tempo_bpm, swing, bars, sections, layers)


def _tempo(genre: Genre, draws: Draws) -> float:
    """Draw a whole tempo of the genre's range: from one of its buckets, where it has some."""
    low, high = genre.tempo_bpm
    buckets = {tempo_bucket(word): weight for word, weight in genre.tempos.items()}
    inside = {(a, b): weight for (a, b), weight in buckets.items() if weight > 0 and a <= high and b >= low}
    bucket = draws.stream("tempo bucket").choice(inside) if inside else genre.tempo_bpm
    drawn = float(round(draws.stream("tempo").uniform(max(low, bucket[0]), min(high, bucket[1]))))
    return min(max(drawn, low), high)


def _swing(genre: Genre, draws: Draws) -> float:
    """Draw where off-beats lie: near one of the genre's values, where it has some, and always in its range."""
    low, high = genre.swing
    stream = draws.stream("swing")
    if not genre.swings:
        return round(stream.uniform(low, high), 3)
    drawn = draws.stream("swing value").choice(genre.swings) + stream.uniform(-_SWING_ABOUT, _SWING_ABOUT)
    return round(min(max(drawn, low), high), 3)


def _parts(genre: Genre, plan: ComposePlan, draws: Draws) -> list[_Plan]:
    names = draws.stream("structure").choice(genre.structures).split("-")
    song_meter = draws.stream("meter").choice(genre.meters)
    made = {name: _part(name, song_meter, genre, plan, draws) for name in sorted(set(names))}
    return [made[name] for name in names]


def _part(name: str, song_meter: str, genre: Genre, plan: ComposePlan, draws: Draws) -> _Plan:
    """Draw meter and bars of a section; all that have its name are alike."""
    others = {meter: weight for meter, weight in genre.meters.items() if meter != song_meter and weight > 0}
    stream = draws.stream("section meter", name)
    changes = stream.chance(genre.meter_change) and bool(others)
    meter = parse_meter(stream.choice(others) if changes else song_meter)
    if name in plan.bars:
        return _Plan(name, meter, plan.bars[name])
    drawn = draws.stream("bars", name).choice(genre.section_bars[name])
    return _Plan(name, meter, _even(drawn * _USUAL_BAR / bar_ticks(meter)))


def _even(bars: float) -> int:
    """Round to bars of which phrases can be made: to a multiple of two, from four on of four."""
    step = 4 if bars >= 4 else 2 if bars >= 2 else 1
    return max(1, round(bars / step) * step)


def _fitted(
    parts: list[_Plan], genre: Genre, plan: ComposePlan, draws: Draws, tempo_bpm: float
) -> tuple[list[_Plan], float]:
    """Return the form at the length that the plan asks for, and its tempo; where the drawn meters have none, in others."""
    length_s = plan.length_s or 0.0
    found = _to_length(parts, genre, length_s, tempo_bpm)
    if found is None:
        meters = {meter: genre.meters[meter] for meter in filling_meters(genre, length_s)}
        if meters:
            filling = genre.model_copy(update={"meters": meters, "meter_change": 0.0})
            found = _to_length(_parts(filling, plan, draws), genre, length_s, tempo_bpm)
    if found is None:
        low, high = genre.tempo_bpm
        raise PlanError(
            f"compose.length_s: no tempo of {genre.name} ({low:g} to {high:g} a minute) fills {length_s:g} s with "
            f"whole bars of {parts[0].meter[0]}/{parts[0].meter[1]}",
            hint="Ask for a longer song, or give the genre a wider range of tempos",
        )
    return found


def _to_length(parts: list[_Plan], genre: Genre, length_s: float, tempo_bpm: float) -> tuple[list[_Plan], float] | None:
    """Give the sections so many bars, and the song such a tempo, that it lasts so long; None where no tempo does it.

    Sections that would be shorter than a bar go, the last ones first, but for the ending.
    """
    wanted = length_s * tempo_bpm / 60
    parts = _again(parts, wanted)
    while True:
        factor = wanted / sum(part.quarters for part in parts)
        scaled = [_Plan(part.name, part.meter, max(1, round(part.bars * factor))) for part in parts]
        if len(parts) == 1 or sum(part.quarters for part in scaled) <= wanted * 1.25:
            break
        parts = [part for number, part in enumerate(parts) if number != max(0, len(parts) - 2)]
    scaled = _adjusted(scaled, wanted)
    tempo = sum(part.quarters for part in scaled) * 60 / length_s
    low, high = genre.tempo_bpm
    while not low <= tempo <= high:
        longer = tempo < low
        scaled = _one_bar(scaled, 1 if longer else -1)
        before, tempo = tempo, sum(part.quarters for part in scaled) * 60 / length_s
        if tempo == before or (tempo > high if longer else tempo < low):
            return None
    return scaled, tempo


def _again(parts: list[_Plan], wanted: float) -> list[_Plan]:
    """Repeat what stands between first and last section while the form is less than half as long as is wanted."""
    body = parts[1:-1] or parts[:1]
    quarters = sum(part.quarters for part in body)
    missing = wanted - sum(part.quarters for part in parts)
    times = round(missing / quarters) if missing > sum(part.quarters for part in parts) else 0
    return [*parts[:-1], *body * times, *parts[-1:]]


def _adjusted(parts: list[_Plan], wanted: float) -> list[_Plan]:
    """Add or take single bars while that brings the song nearer to what is wanted, quarters."""
    while True:
        total = sum(part.quarters for part in parts)
        changed = _one_bar(parts, 1 if total < wanted else -1)
        if abs(sum(part.quarters for part in changed) - wanted) >= abs(total - wanted):
            return parts
        parts = changed


def _one_bar(parts: list[_Plan], step: int) -> list[_Plan]:
    """Add a bar to the shortest section, or take one from the longest; where none has two, the last but one goes."""
    order = sorted(range(len(parts)), key=lambda number: (parts[number].quarters * step, number))
    for number in order:
        if parts[number].bars + step >= 1:
            chosen = parts[number]
            changed = _Plan(chosen.name, chosen.meter, chosen.bars + step)
            return [*parts[:number], changed, *parts[number + 1 :]]
    return parts if len(parts) == 1 else [*parts[:-2], parts[-1]]


def _layers_of_the_song(genre: Genre, draws: Draws) -> dict[str, LayerSpec]:
    """Draw which layers the song has: at least two, or all where the genre has fewer."""
    drawn = {name: draws.stream("layer", name).unit() for name in genre.layers}
    inside = {name for name, spec in genre.layers.items() if drawn[name] < spec.probability}
    spare = sorted(genre.layers.keys() - inside, key=lambda name: (-genre.layers[name].probability, name))
    while len(inside) < 2 and spare:
        inside.add(spare.pop(0))
    return {name: spec for name, spec in genre.layers.items() if name in inside}


def _layers_of_sections(
    parts: list[_Plan], layers: Mapping[str, LayerSpec], genre: Genre, draws: Draws
) -> dict[str, list[str]]:
    """Draw which layers play in which sections: one at least in each, and each in one at least."""
    names = sorted({part.name for part in parts})
    chance = {name: {layer: _probability(genre, name, layer, layers[layer]) for layer in layers} for name in names}
    playing = {
        name: {layer for layer in layers if draws.stream("plays", name, layer).chance(chance[name][layer])}
        for name in names
    }
    for name in names:
        if not playing[name]:
            playing[name].add(max(sorted(layers), key=lambda layer: chance[name][layer]))
    for layer in sorted(layers):
        if not any(layer in playing[name] for name in names):
            playing[max(names, key=lambda name: chance[name][layer])].add(layer)
    return {name: [layer for layer in layers if layer in playing[name]] for name in names}


def _probability(genre: Genre, section: str, layer: str, spec: LayerSpec) -> float:
    """Return how likely a layer plays in a section: what is said of the layer itself, else of its role."""
    table = genre.sections.get(section, {})
    return table.get(layer, table.get(spec.role, 1.0))


def _placed(parts: list[_Plan], layers: Mapping[str, list[str]]) -> tuple[list[Bar], list[Section]]:
    bars: list[Bar] = []
    sections: list[Section] = []
    tick = 0
    for number, part in enumerate(parts):
        start = tick
        for _ in range(part.bars):
            bars.append(Bar(start=tick, meter=part.meter, section=number))
            tick += bar_ticks(part.meter)
        occurrence = 1 + sum(section.name == part.name for section in sections)
        sections.append(Section(name=part.name, occurrence=occurrence, start=start, end=tick, layers=layers[part.name]))
    return bars, sections
