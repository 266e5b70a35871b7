"""Draw the patches of a split song: a pure function of plan, engine facts, song and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from farm.ledger.choosing import NOTE_S
from farm.ledger.drawn import DrawnStem, PlayedStem
from farm.planning.balance import patch_in_turn
from farm.planning.pools import drawn_from
from farm.planning.samples import sample_patch
from schemas.base import draw
from schemas.choices import choices_of, is_drawn, pool_of
from schemas.errors import LedgerError
from schemas.instruments import InstrumentGroup, InstrumentPlan, PatchChoice
from schemas.job import RenderJob
from schemas.patch import DRUM_BANK, AssetRef, EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.pools import SoundfontChoice
from schemas.replaced import Spent
from schemas.song import Part, SplitResult
from schemas.states import FailureReason

#: Rate for which the expected times below hold.
_REFERENCE_RATE_HZ: Final = 44100
#: Seconds that FluidSynth takes for a second of audio without a sounding voice: a rough mean over real songs on one core (a
#: stem of 240 s with 400 notes takes about half a second). Only its proportion to `NOTE_S` matters: the ledger corrects
#: them by what it measures.
_SECOND_S: Final = 1 / 4000
#: The same of engines whose instruments compute their sound sample by sample, by engine class: seconds for a second of audio,
#: rough means over the demo songs on the farm's own patches (0.002 to 0.05 s in Faust, 0.01 to 0.02 s for MDA's plug-ins).
#: Recordings are stretched once and then copied.
_STEADY_S: Final = {"dawdreamer": 1 / 60, "faust": 1 / 60, "sampler": 1 / 100}

#: What makes parts of a song share a patch: the program, of drums the kit, and where the plan says so the part itself.
_Sharing = tuple[int, int, str]


def draw_stems(
    plan: DatasetPlan,
    facts: EngineFacts,
    split: SplitResult,
    song_hash: str = "",
    places: Mapping[str, int] | None = None,
) -> list[DrawnStem]:
    """Give every part of a song its patch and render job, in the order of parts.

    A layer of a composed song that has a pool of soundfonts is played by one of them, see `farm.planning.pools`. Without an
    instrument map the patch of every other part is the plan's engine and soundfont at the part's own bank and program. With one
    it is drawn by hash of (seed, song, program) among those of its group that have its keys; a part for which there is
    none gets no stem. Where the plan balances patches, `places` (see `SongSpec.places`) says whose turn it is, and
    the hash only where that patch does not have the keys.

    Raises:
        LedgerError: a soundfont or patch file of the map was never probed.
    """
    patches = _own_patches(plan, facts, split) | drawn(plan, facts, split, song_hash, places)
    return [
        DrawnStem(
            part, _job(plan, patch, part), expected_s(part, plan.output.rate_hz, patch.engine), song_hash=song_hash
        )
        for part in split.parts
        if (patch := patches.get(part.name)) is not None
    ]


def _own_patches(plan: DatasetPlan, facts: EngineFacts, split: SplitResult) -> dict[str, Patch]:
    own = PatchChoice(name="own")
    parts = [part for part in split.parts if not is_drawn(plan, part, split.genre)]
    return {
        part.name: _patch(plan, facts, part, own, facts.soundfont)
        if part.sample is None
        else sample_patch(plan, facts, part, part.sample)
        for part in parts
    }


def drawn(
    plan: DatasetPlan,
    facts: EngineFacts,
    split: SplitResult,
    song_hash: str,
    places: Mapping[str, int] | None = None,
) -> dict[str, Patch]:
    """Draw a patch for every part whose patch is drawn and that has one, by the part's name."""
    instruments = plan.instruments
    found: dict[str, Patch] = {}
    turns = dict(places or {})
    for key, parts in sorted(_sharing(plan, split).items()):
        turn = None if pool_of(plan, parts[0], split.genre) is not None else _turn(plan, key[0], turns)
        together = choices_of(plan, parts[0], split.genre, {pitch for part in parts for pitch in part.struck})
        taken = {patch.name for patch in found.values()} if instruments.distinct_patches else set()
        for part in parts:
            # Parts that no patch can play together are each drawn for alone.
            choices = together or choices_of(plan, part, split.genre, part.struck)
            free = [c for c in choices if _mapped_patch(plan, facts, part, c).name not in taken] if taken else choices
            choice = next((c for c in free or choices if c.name == turn), None)
            choice = choice or choose(free or choices, plan.seed, song_hash, key)
            if choice is not None:
                found[part.name] = _mapped_patch(plan, facts, part, choice)
    return found


def _turn(plan: DatasetPlan, program: int, turns: dict[str, int]) -> str | None:
    """Return the patch whose turn it is in a program's group, and count it; None where nothing is balanced."""
    made = plan.instruments.loaded
    group = None if made is None else made.group_of(program)
    if group is None or group.name not in turns:
        return None
    turns[group.name] += 1
    return patch_in_turn(plan.seed, group, turns[group.name] - 1)


def redraw_stems(
    plan: DatasetPlan, facts: EngineFacts, split: SplitResult, song_hash: str, played: Sequence[PlayedStem]
) -> list[DrawnStem]:
    """Return the stems of a song that get another patch since theirs failed; none where there is no other for one.

    Parts that share a patch change together, those that were rendered well, too. The next patch is drawn by hash among
    those of the group that have the parts' keys and were not tried for them.

    Args:
        plan: what the song is made from.
        facts: of the engine.
        split: the song's parts.
        song_hash: its identity.
        played: its stems in the order of parts, all of which have ended.
    """
    stems = {stem.name: stem for stem in played}
    found = {name: stem.job.patch for name, stem in stems.items()}
    changed: list[DrawnStem] = []
    if any(part.name in stems and stems[part.name].failed is not None and part.sample for part in split.parts):
        return []  # there is no other for a recording
    for key, parts in sorted(_sharing(plan, split).items()):
        together = choices_of(plan, parts[0], split.genre, {pitch for part in parts for pitch in part.struck})
        mine = [part for part in parts if part.name in stems]
        for unit in [mine] if together else [[part] for part in mine]:
            failed = [stems[part.name] for part in unit if stems[part.name].failed is not None]
            if not failed:
                continue
            choices = together or choices_of(plan, unit[0], split.genre, unit[0].struck)
            choice = _another(plan, facts, song_hash, key, [(part, stems[part.name]) for part in unit], choices, found)
            if choice is None:
                return []
            for part in unit:
                patch = _mapped_patch(plan, facts, part, choice)
                instead_of = (*stems[part.name].replaced, _spent(stems[part.name], failed[0]))
                est_s = expected_s(part, plan.output.rate_hz)
                changed.append(DrawnStem(part, _job(plan, patch, part), est_s, instead_of, song_hash))
                found[part.name] = patch
    return changed


def _another(
    plan: DatasetPlan,
    facts: EngineFacts,
    song_hash: str,
    key: _Sharing,
    unit: Sequence[tuple[Part, PlayedStem]],
    choices: Sequence[PatchChoice],
    found: Mapping[str, Patch],
) -> PatchChoice | None:
    """Draw a patch that none of the parts that share one was tried with, under whatever name."""
    tried = {name for _, stem in unit for name in (stem.job.patch.choice, *(spent.choice for spent in stem.replaced))}
    if len(tried) > plan.instruments.tries:
        return None

    def is_new(choice: PatchChoice) -> bool:
        return all(
            _mapped_patch(plan, facts, part, choice).identity != _mapped_patch(plan, facts, part, old).identity
            for part, _ in unit
            for old in choices
            if old.name in tried
        )

    fresh = [choice for choice in choices if choice.name not in tried and is_new(choice)]
    ours = {part.name for part, _ in unit}
    others = {patch.name for name, patch in found.items() if name not in ours}
    taken = others if plan.instruments.distinct_patches else set()
    free = [c for c in fresh if _mapped_patch(plan, facts, unit[0][0], c).name not in taken]
    return choose(free or fresh, plan.seed, song_hash, (*key, f"other {len(tried)}"))


def _spent(stem: PlayedStem, failed: PlayedStem) -> Spent:
    """Return how a stem's patch ended: by its own failure, or else by that of a stem that shares it."""
    cause = failed if stem.failed is None else stem
    return Spent(
        choice=stem.job.patch.choice,
        patch=stem.job.patch.name,
        reason=cause.failed or FailureReason.ENGINE_FAILED,
        stem=cause.name,
        spec_hash=stem.job.spec_hash if stem.rendered else None,
    )


def _sharing(plan: DatasetPlan, split: SplitResult) -> dict[_Sharing, list[Part]]:
    """Return the parts of a song whose patches are drawn, by what makes them share one."""
    sharing: dict[_Sharing, list[Part]] = {}
    for part in split.parts:
        if is_drawn(plan, part, split.genre):
            sharing.setdefault(_shares(plan, part, split.genre), []).append(part)
    return sharing


def _shares(plan: DatasetPlan, part: Part, genre: str) -> _Sharing:
    alone = "" if plan.instruments.same_program_same_patch else part.name
    if pool_of(plan, part, genre) is not None:
        alone = f"layer {part.track_name}"
    return (part.map_program, part.program if part.is_drum else 0, alone)


def choose(choices: Sequence[PatchChoice], seed: int, song_hash: str, key: Sequence[object]) -> PatchChoice | None:
    """Draw one patch by weight; the order in which a map lists them does not matter. None where there is none.

    Of a pool it is drawn so that a change of the pool changes no more than it must.
    """
    pool = [choice for choice in choices if isinstance(choice, SoundfontChoice)]
    if pool:
        return drawn_from(pool, seed, song_hash, key[2:])
    ordered = sorted(choices, key=lambda choice: choice.name)
    if not ordered:
        return None
    left = draw(seed, song_hash, ":".join(str(part) for part in key), "patch") * sum(c.weight for c in ordered)
    for choice in ordered:
        left -= choice.weight
        if left < 0:
            return choice
    return ordered[-1]


def _mapped_patch(plan: DatasetPlan, facts: EngineFacts, part: Part, choice: PatchChoice) -> Patch:
    if isinstance(choice, SoundfontChoice):
        patch = _patch(plan, facts, part, choice, _soundfont(facts, choice))
        return patch.model_copy(update=_of_the_pool(plan.instruments, part, choice))
    made = plan.instruments.loaded
    group = None if made is None else made.group_of(part.map_program)
    if group is None:
        raise LedgerError(
            f"{part.name} has no group in the map", hint="The ledger was changed from outside: restore it"
        )
    patch = _found(facts, choice) or _patch(plan, facts, part, choice, _soundfont(facts, choice))
    return patch.model_copy(update=_of_the_map(plan.instruments, group, choice))


def _of_the_map(instruments: InstrumentPlan, group: InstrumentGroup, choice: PatchChoice) -> dict[str, object]:
    return {
        "group": group.name,
        "choice": choice.name,
        "octave_offset": choice.octave_offset,
        "rules": instruments.rules_of(group, choice),
    }


def _found(facts: EngineFacts, choice: PatchChoice) -> Patch | None:
    """Return what the probe found for the patch file of a choice; None for a preset of a soundfont."""
    file = choice.file
    if file is None:
        return None
    if file.name not in facts.patches:
        raise LedgerError(
            f"the patch file {file.name} of the patch {choice.name} was never probed",
            hint="Submit the plan again: its workers are asked for it first",
        )
    patch = facts.patches[file.name]
    return patch.model_copy(update={"asset": _licensed(patch.asset, choice)})


def _licensed(asset: AssetRef, choice: PatchChoice) -> AssetRef:
    return asset if choice.licence is None else asset.model_copy(update={"licence": choice.licence})


def _of_the_pool(instruments: InstrumentPlan, part: Part, choice: SoundfontChoice) -> dict[str, object]:
    rules = choice.rules if instruments.rules and choice.rules is not None and choice.rules.changes else None
    return {"group": part.track_name, "choice": choice.name, "octave_offset": choice.octave_offset, "rules": rules}


def _soundfont(facts: EngineFacts, choice: PatchChoice) -> AssetRef:
    """Return the soundfont of a choice, with the licence that the map gives it."""
    if choice.soundfont is None:
        font = facts.soundfont
    elif choice.soundfont in facts.soundfonts:
        font = facts.soundfonts[choice.soundfont]
    else:
        raise LedgerError(
            f"the soundfont {choice.soundfont} of the patch {choice.name} was never probed",
            hint="Submit the plan again: its workers are asked for it first",
        )
    return _licensed(font, choice)


def _patch(plan: DatasetPlan, facts: EngineFacts, part: Part, choice: PatchChoice, asset: AssetRef) -> Patch:
    bank = choice.bank
    if bank is None:
        bank = DRUM_BANK if part.is_drum else part.bank if choice.program is None else 0
    return Patch(
        engine=facts.engine,
        engine_version=facts.version,
        asset=asset,
        bank=bank,
        program=part.program if choice.program is None else choice.program,
        settings=plan.engine.settings,
    )


def _job(plan: DatasetPlan, patch: Patch, part: Part) -> RenderJob:
    return RenderJob(
        midi_sha256=part.midi_sha256,
        patch=patch,
        rate_hz=plan.output.rate_hz,
        channels=plan.output.channels,
        tail_max_s=plan.tail_max_s,
    )


def expected_s(part: Part, rate_hz: int, engine: str = "fluidsynth") -> float:
    """Return the seconds that a part's render is expected to take on one core of an engine class."""
    steady_s = _STEADY_S.get(engine)
    base_s = part.end_s * _SECOND_S + part.notes * NOTE_S if steady_s is None else part.end_s * steady_s
    return base_s * rate_hz / _REFERENCE_RATE_HZ
