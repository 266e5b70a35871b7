"""Whether a song has the band that a plan asks for: every rule by its own name. Pure functions of facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from schemas.band import Band, BandMember
from schemas.song import PartFacts
from schemas.states import RejectReason
from schemas.words import counted

#: Whether there is a patch that can play a part.
HasPatch = Callable[[PartFacts], bool]
Broken = tuple[RejectReason, str]


def always(_part: PartFacts) -> bool:
    """Say that any part can be played: what holds where every program has its preset."""
    return True


def broken_band_rules(band: Band, parts: Sequence[PartFacts], has_patch: HasPatch = always) -> Iterator[Broken]:
    """Yield every rule of a band that the parts of a song break, the plainest first."""
    missing = sorted(member.words for member in band.members if member.count and not any(map(member.takes, parts)))
    if missing:
        yield RejectReason.BAND_NOT_MET, f"it has no {', '.join(missing)}"
    for excluded in band.exclude:
        found = [part for part in parts if excluded.takes(part)]
        if found:
            yield RejectReason.BAND_EXCLUDED, f"it has {excluded.words}, which {band.name} excludes"
    if not band.allow_others:
        others = {part.inst_class for part in parts if not any(member.takes(part) for member in band.members)}
        if others:
            yield RejectReason.BAND_OTHERS, f"it has {', '.join(sorted(others))}, and {band.name} takes no others"
    who_plays = has_patch if band.need_patch else always
    for member in band.members:
        yield from _broken_rules_of(member, parts, who_plays)
    if not _all_placed(band.members, parts, who_plays):
        yield RejectReason.BAND_TOO_FEW, f"its parts cannot take all places of {band.name} at once"


def _broken_rules_of(member: BandMember, parts: Sequence[PartFacts], has_patch: HasPatch) -> Iterator[Broken]:
    there = [part for part in parts if member.takes(part)]
    count, words = member.count, member.words
    if member.max_count is not None and len(there) > member.max_count:
        yield RejectReason.BAND_TOO_MANY, f"{len(there)} × {words}, at most {member.max_count} are wanted"
    if len(there) < count:
        yield RejectReason.BAND_TOO_FEW, f"{len(there)} × {words}, at least {count} are wanted"
        return
    busy = [part for part in there if part.notes >= member.min_notes]
    if len(busy) < count:
        most = max((part.notes for part in there if part not in busy), default=0)
        wanted = f"{len(busy)} × {words} with at least {counted(member.min_notes, 'note')}, {count} are wanted"
        yield RejectReason.BAND_TOO_FEW_NOTES, f"{wanted}; the next has {most}"
        return
    active = [part for part in busy if part.active_s >= member.min_active_s]
    if len(active) < count:
        longest = max((part.active_s for part in busy if part not in active), default=0.0)
        wanted = f"{len(active)} × {words} that sound for at least {member.min_active_s:g} s, {count} are wanted"
        yield RejectReason.BAND_TOO_LITTLE_PLAYED, f"{wanted}; the next sounds for {longest:.1f} s"
        return
    playable = sum(map(has_patch, active))
    if playable < count:
        yield RejectReason.BAND_NO_PATCH, f"{playable} × {words} that a patch can play, {count} are wanted"


def counts_for(member: BandMember, part: PartFacts, has_patch: HasPatch = always) -> bool:
    """Whether a part may take a place of the band: the instrument, enough played, and a patch to play it."""
    plays_enough = part.notes >= member.min_notes and part.active_s >= member.min_active_s
    return plays_enough and member.takes(part) and has_patch(part)


def _all_placed(members: Sequence[BandMember], parts: Sequence[PartFacts], has_patch: HasPatch) -> bool:
    """Whether every place can be taken by a part of its own (augmenting paths: Kuhn, 1955)."""
    places = [member for member in members for _ in range(member.count)]
    fits = [[index for index, part in enumerate(parts) if counts_for(member, part, has_patch)] for member in places]
    holder: dict[int, int] = {}

    def seat(place: int, seen: set[int]) -> bool:
        for part in fits[place]:
            if part not in seen:
                seen.add(part)
                if part not in holder or seat(holder[part], seen):
                    holder[part] = place
                    return True
        return False

    return all(seat(place, set()) for place in range(len(places)))
