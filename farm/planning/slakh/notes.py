"""What a person should know of an imported set-up beside the fates of its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

from farm.planning.slakh.band import CLASS_KEY
from farm.planning.slakh.band import ROLE as BAND_ROLE
from farm.planning.slakh.classes import ROLE as CLASSES_ROLE
from farm.planning.slakh.config import ROLE as CONFIG_ROLE
from farm.planning.slakh.defs import ROLE as DEFS_ROLE
from farm.planning.slakh.defs import Claim
from farm.planning.slakh.mapping import shown_program, silent_programs
from farm.planning.slakh.report import FileFacts, Note, NoteKind
from farm.planning.slakh.rules import ROLE as RULES_ROLE
from farm.planning.slakh.setup import BUILT_IN, Setup
from farm.planning.slakh.songs import ROLE as SONGS_ROLE
from schemas.gm import DRUM_PROGRAM
from schemas.words import counted

#: Why the better of two claims is better, in the order of `Claim.rank`.
_BETTER: Final = ("its number counts from 1 as the file does", "it has patches", "it is of the program's class")


def file_facts(setup: Setup) -> list[FileFacts]:
    """Return the files of the set-up, what is in them, and how they number programs."""
    defs, table = setup.defs, setup.table
    files = [FileFacts(role=CONFIG_ROLE, path=str(setup.read.path), says=f"{len(setup.read.values)} of Slakh's keys")]
    if table.path != BUILT_IN:
        says = f"{counted(len(table.classes), 'program')} in {counted(len(table.names()), 'class', 'classes')}"
        files.append(_numbered(CLASSES_ROLE, table.path, says, table.base))
    with_patches = sum(bool(group.defs) for group in defs.groups)
    listed = sum(len(group.defs) for group in defs.groups)
    says = f"{counted(len(defs.groups), 'group')}, {with_patches} with patches, {counted(listed, 'patch', 'patches')} listed"
    files.append(_numbered(DEFS_ROLE, defs.path, says, defs.base))
    if setup.band is not None:
        files.append(FileFacts(role=BAND_ROLE, path=str(setup.band.path), says=", ".join(setup.band.classes)))
    if setup.songs is not None:
        files.append(
            FileFacts(role=SONGS_ROLE, path=str(setup.songs.path), says=counted(len(setup.songs.files), "file"))
        )
    if setup.rules_path is not None:
        on = sum(rule.enabled for rule in setup.rules)
        says = f"{len(setup.rules)} rules, {on} enabled"
        files.append(FileFacts(role=RULES_ROLE, path=str(setup.rules_path), says=says))
    return files


def _numbered(role: str, path: object, says: str, base: tuple[int, str]) -> FileFacts:
    return FileFacts(role=role, path=str(path), says=says, numbers_from=base[0], evidence=base[1])


def notes(setup: Setup) -> list[Note]:
    """Return all notes, the weightiest first."""
    return [note for kind in _ALL for note in kind(setup)]


def _double_claims(setup: Setup) -> Iterator[Note]:
    for program, claims in setup.defs.claims().items():
        if len(claims) > 1:
            names = " and ".join(claim.group.name for claim in claims)
            reason = _reason(setup, program, claims)
            text = f"{shown_program(program)} is claimed by {names}: {claims[0].group.name} plays it ({reason})"
            yield Note(kind=NoteKind.DOUBLE_CLAIM, text=text, programs=(program,))


def _reason(setup: Setup, program: int, claims: list[Claim]) -> str:
    first = setup.defs.base.first
    best, second = claims[0].rank(program, first), claims[1].rank(program, first)
    told = (reason for reason, one, other in zip(_BETTER, best, second, strict=True) if one != other)
    return next(told, "it stands first")


def _unmapped(setup: Setup) -> Iterator[Note]:
    silent = silent_programs(setup)
    if not silent:
        return
    claims = setup.defs.claims()
    empty = [program for program in silent if program in claims]
    if setup.options.play_unmapped:
        became = "the soundfont's own program plays them"
    else:
        became = "their parts get no audio, as in Slakh, and say so in the metadata; --play-unmapped plays them"
    words = f"{len(silent)} of {DRUM_PROGRAM + 1} programs have no patch ({_ranges(silent)}"
    words += f"; of these {_ranges(empty)} in groups without patches)" if empty else ")"
    yield Note(kind=NoteKind.UNMAPPED, text=f"{words}: {became}", programs=tuple(silent))


def _stand_ins(setup: Setup) -> Iterator[Note]:
    names = {name for group in setup.defs.groups for name in group.patches()}
    if not names:
        return
    plugins = sorted(name for name in names if not name.endswith(".nkm"))
    fonts = max(1, len(setup.options.soundfonts))
    text = f"patches with a stand-in under their name: {len(names)}; it is each part's own program of the soundfont"
    text += (
        f", in turn from {fonts} soundfonts"
        if fonts > 1
        else ", one sound whatever the patch; --soundfont twice or more varies it"
    )
    if plugins:
        text += f"; {', '.join(plugins)} played its initial preset in Slakh, whatever was meant"
    yield Note(kind=NoteKind.STAND_IN, text=text)


def _repeated(setup: Setup) -> Iterator[Note]:
    for group in setup.defs.groups:
        for name, count in group.patches().items():
            if count > 1:
                text = f"{name} stands {count} times in {group.name}: its weight is {count}"
                yield Note(kind=NoteKind.REPEATED, text=text)
    for name in setup.band.repeated if setup.band else ():
        text = f"{name} stands more than once in the band; Slakh asks for one, and so does the plan (`count: 2` asks for two)"
        yield Note(kind=NoteKind.REPEATED, text=text)


def _class_table(setup: Setup) -> Iterator[Note]:
    other = setup.table.other_than_gm()
    if other:
        text = (
            f"{_ranges(other)}: the class table has other classes than General MIDI; band and metadata use the table's"
        )
        yield Note(kind=NoteKind.CLASS_TABLE, text=text, programs=tuple(other))
    missing = setup.table.missing()
    if missing:
        text = f"{_ranges(missing)}: not in the class table; General MIDI's classes are taken"
        yield Note(kind=NoteKind.CLASS_TABLE, text=text, programs=tuple(missing))
    if setup.band is not None and setup.band.key != CLASS_KEY:
        text = f"`key` of the band is {setup.band.key!r}; Slakh never reads it and looks for classes: so does the plan"
        yield Note(kind=NoteKind.CLASS_TABLE, text=text)


def _spelling(setup: Setup) -> Iterator[Note]:
    for name in dict.fromkeys(setup.band.classes if setup.band else ()):
        spellings = setup.table.spellings(name)
        if spellings != [name]:
            text = (
                f"{name}: the class table spells it {' and '.join(spellings)}; the band takes all of them for one class"
            )
            yield Note(kind=NoteKind.SPELLING, text=text)


def _rules(setup: Setup) -> Iterator[Note]:
    by_class = groupby(setup.rules, key=lambda rule: rule.inst_class)
    for _, listed in by_class:
        rules = list(listed)
        ran = (
            " Slakh ran it all the same, since another rule of its class is enabled"
            if any(r.enabled for r in rules)
            else ""
        )
        for rule in rules:
            if not rule.enabled:
                text = f"{rule.words} is not enabled and is left out;{ran}".rstrip(";")
                yield Note(kind=NoteKind.RULE_LEFT_OUT, text=text)
    enabled = [rule.words for rule in setup.rules if rule.enabled]
    if enabled:
        became = "played, and the labels have what sounds" if setup.options.keep_rules else (
            "written down and switched off: they mend Kontakt's patches, and a soundfont sounds as it is written; "
            "--keep-rules plays them"
        )  # fmt: skip
        yield Note(kind=NoteKind.RULES, text=f"{'; '.join(enabled)}: {became}")


def _selection(_: Setup) -> Iterator[Note]:
    yield Note(
        kind=NoteKind.SELECTION,
        text="songs whose parts are all of different classes are taken, and Slakh's test against them, which does the "
        "opposite of what it is for, is gone: expect more songs",
    )
    yield Note(
        kind=NoteKind.SELECTION,
        text="the farm's own filters hold as well: 5 s to 20 minutes, at most 64 parts; change them under `filters`",
    )


def _absent(setup: Setup) -> Iterator[Note]:
    if setup.songs is not None:
        if setup.songs.absent:
            listed = f"{setup.songs.absent} of {len(setup.songs.files)} listed files"
            text = f"{listed} are not on this machine: the run rejects them as `not_found`"
            yield Note(kind=NoteKind.ABSENT, text=text)
    elif setup.options.source is None:
        folder = setup.path(setup.config.lmd_base_dir or "")
        if not setup.config.lmd_base_dir or not folder.is_dir():
            text = f"there is no folder {folder}: put the MIDI there, or import again with --source"
            yield Note(kind=NoteKind.ABSENT, text=text)


_ALL: Final[tuple[Callable[[Setup], Iterator[Note]], ...]] = (
    _absent, _double_claims, _unmapped, _stand_ins, _rules, _class_table, _spelling, _repeated, _selection,
)  # fmt: skip


def _ranges(programs: list[int]) -> str:
    """Return programs as people write them: 38-39, 96-127."""
    runs: list[list[int]] = []
    for program in programs:
        if runs and program == runs[-1][-1] + 1:
            runs[-1].append(program)
        else:
            runs.append([program])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
