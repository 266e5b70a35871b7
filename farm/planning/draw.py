"""Draw the patches of a split song: a pure function of plan, engine facts, song and split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from farm.ledger.records import DrawnStem
from schemas.base import draw
from schemas.errors import LedgerError
from schemas.instruments import InstrumentGroup, InstrumentPlan, PatchChoice
from schemas.job import RenderJob
from schemas.patch import DRUM_BANK, AssetRef, EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.song import Part, SplitResult

#: Rate for which the expected times below hold.
_REFERENCE_RATE_HZ: Final = 44100
#: Seconds that FluidSynth takes for a second of audio without a sounding voice, and for a note: rough means over real
#: songs on one core (a stem of 240 s with 400 notes takes about half a second). Only their proportion matters: the
#: ledger corrects them by what it measures.
_SECOND_S: Final = 1 / 4000
_NOTE_S: Final = 1e-3
#: The same of engines whose instruments compute their sound whether a note is down or not, by engine class: seconds for a
#: second of audio (of plug-ins, measured over mda's, amsynth and Nekobi, 0.01 to 0.1; of Faust's, 0.005 to 0.05).
_STEADY_S: Final = {"dawdreamer": 1 / 40, "faust": 1 / 50}

#: What makes parts of a song share a patch: the program, of drums the kit, and where the plan says so the part itself.
_Sharing = tuple[int, int, str]


def draw_stems(plan: DatasetPlan, facts: EngineFacts, split: SplitResult, song_hash: str = "") -> list[DrawnStem]:
    """Give every part of a song its patch and render job, in the order of parts.

    Without an instrument map the patch is the plan's engine and soundfont at the part's own bank and program. With one
    it is drawn by hash of (seed, song, program) among those of its group that have its keys; a part for which there is
    none gets no stem.

    Raises:
        LedgerError: a soundfont or patch file of the map was never probed.
    """
    patches = (
        _own_patches(plan, facts, split) if plan.instruments.loaded is None else drawn(plan, facts, split, song_hash)
    )
    return [
        DrawnStem(part, _job(plan, patch, part), expected_s(part, plan.output.rate_hz, patch.engine))
        for part in split.parts
        if (patch := patches.get(part.name)) is not None
    ]


def _own_patches(plan: DatasetPlan, facts: EngineFacts, split: SplitResult) -> dict[str, Patch]:
    return {part.name: _patch(plan, facts, part, PatchChoice(name="own"), facts.soundfont) for part in split.parts}


def drawn(plan: DatasetPlan, facts: EngineFacts, split: SplitResult, song_hash: str) -> dict[str, Patch]:
    """Draw a patch for every part that has one, by the part's name."""
    instruments = plan.instruments
    sharing: dict[_Sharing, list[Part]] = {}
    for part in split.parts:
        sharing.setdefault(_shares(instruments, part), []).append(part)
    found: dict[str, Patch] = {}
    for key, parts in sorted(sharing.items()):
        together = instruments.choices(key[0], {pitch for part in parts for pitch in part.struck})
        taken = {patch.name for patch in found.values()} if instruments.distinct_patches else set()
        for part in parts:
            # Parts that no patch can play together are each drawn for alone.
            choices = together or instruments.choices(key[0], part.struck)
            free = [c for c in choices if _mapped_patch(plan, facts, part, c).name not in taken] if taken else choices
            choice = choose(free or choices, plan.seed, song_hash, key)
            if choice is not None:
                found[part.name] = _mapped_patch(plan, facts, part, choice)
    return found


def _shares(instruments: InstrumentPlan, part: Part) -> _Sharing:
    alone = "" if instruments.same_program_same_patch else part.name
    return (part.map_program, part.program if part.is_drum else 0, alone)


def choose(choices: Sequence[PatchChoice], seed: int, song_hash: str, key: _Sharing) -> PatchChoice | None:
    """Draw one patch by weight; the order in which a map lists them does not matter. None where there is none."""
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
    base_s = part.end_s * _SECOND_S + part.notes * _NOTE_S if steady_s is None else part.end_s * steady_s
    return base_s * rate_hz / _REFERENCE_RATE_HZ
