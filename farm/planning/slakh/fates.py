"""The fate of every key of a Slakh config: which key of the plan says the same, or why none does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from farm.planning.slakh.config import KEYS
from farm.planning.slakh.defs import ROLE as DEFS_ROLE
from farm.planning.slakh.mapping import BAND_FILE, MAP_FILE, SONGS_FILE, shown_program
from farm.planning.slakh.numbers import to_program
from farm.planning.slakh.report import Fate, KeyFate
from farm.planning.slakh.setup import Setup
from schemas.words import counted


class _Fate(NamedTuple):
    fate: Fate
    became: str
    why: str = ""


def key_fates(setup: Setup) -> list[KeyFate]:
    """Return the fate of all keys, in the order of Slakh's example, and of what else the config holds behind them."""
    fates = []
    for key in KEYS:
        fate = _OF[key](setup)
        missing = key in setup.read.missing
        why = "; ".join(filter(None, ("missing in the config: Slakh stops there" if missing else "", fate.why)))
        value = None if missing else setup.read.values[key]
        fates.append(KeyFate(key=key, value=value, fate=fate.fate, became=fate.became, why=why))
    return fates + [_unknown(setup, key) for key in setup.read.unknown]


def _unknown(setup: Setup, key: str) -> KeyFate:
    near = setup.read.nearest(key)
    why = "no key of Slakh's, which only logs it" + (f"; perhaps `{near}` is meant" if near else "")
    return KeyFate(key=key, value=None, fate=Fate.UNKNOWN, became="", why=why)


def _lmd_base_dir(setup: Setup) -> _Fate:
    if setup.options.source is not None:
        return _Fate(Fate.NOT_NEEDED, "", "--source names the MIDI")
    if setup.songs is not None:
        return _Fate(Fate.NOT_NEEDED, "", "`midi_file_list` takes its place, as in Slakh")
    why = "also .midi, .smf and .MID; sorted, so that the seed means the same everywhere"
    return _Fate(Fate.MAPPED, f"source: {setup.config.lmd_base_dir or ''}", why)


def _midi_file_list(setup: Setup) -> _Fate:
    if setup.options.source is not None:
        return _Fate(Fate.NOT_NEEDED, "", "--source names the MIDI")
    if setup.songs is None:
        empty = setup.config.midi_file_list == ""
        why = "an empty name ends Slakh; it is read as null" if empty else "`lmd_base_dir` is walked"
        return _Fate(Fate.CORRECTED if empty else Fate.MAPPED, "", why)
    found = setup.songs
    left_out = f"{counted(found.blank, 'blank line')}, {counted(found.repeated, 'repeat')}"
    why = f"{counted(len(found.files), 'file')}; left out: {left_out}"
    return _Fate(Fate.MAPPED, f"source: {SONGS_FILE}", why)


def _classes(setup: Setup) -> _Fate:
    if not setup.config.instrument_classes_file:
        return _Fate(Fate.MAPPED, "", "General MIDI's classes are taken")
    if setup.table.base.first == 1:
        why = "it counts from 1, and Slakh looks it up from 0: every class and name is one off there, and right here"
        return _Fate(Fate.CORRECTED, _band_of(setup), why)
    return _Fate(Fate.MAPPED, _band_of(setup), "the classes of the band; metadata has the farm's own")


def _band_of(setup: Setup) -> str:
    return f"filters.band: {BAND_FILE}" if setup.band else ""


def _defs(setup: Setup) -> _Fate:
    return _Fate(Fate.MAPPED, f"instruments.map: {MAP_FILE}", f"counts programs from {setup.defs.base.first}")


def _band(setup: Setup) -> _Fate:
    if setup.band is None:
        return _Fate(Fate.MAPPED, "", "no band is asked for")
    return _Fate(
        Fate.MAPPED, _band_of(setup), f"{len(dict.fromkeys(setup.band.classes))} classes, at least one of each"
    )


def _zero_based(setup: Setup) -> _Fate:
    first = setup.defs.base.first
    became = f"{setup.defs.path.name} counts from {first}"
    if int(setup.config.zero_based_midi) == first:
        return _Fate(Fate.MAPPED, became, "as the config says")
    moved = _moved(setup)
    example = f", such as {shown_program(moved[0][0])} to {moved[0][1]}" if moved else ""
    takes = "takes 1 off all numbers" if setup.config.zero_based_midi else "takes all numbers as they are"
    why = f"the config contradicts {DEFS_ROLE}: Slakh {takes} and gives {len(moved)} programs to others{example}"
    return _Fate(Fate.CORRECTED, became, why)


def _moved(setup: Setup) -> list[tuple[int, str]]:
    """Return the programs that Slakh gives to another group than the file means, and that group."""
    claims = setup.defs.claims()
    wrong: dict[int, str] = {}
    for group in setup.defs.groups:
        for number in group.numbers:
            program = to_program(number, group.inst_class, int(setup.config.zero_based_midi))
            if program is not None:
                wrong[program] = group.name
    meant = {program: found[0].group.name for program, found in claims.items()}
    return [(program, name) for program, name in sorted(wrong.items()) if meant.get(program, name) != name]


def _output_dir(setup: Setup) -> _Fate:
    if not setup.config.output_dir:
        return _Fate(Fate.NOT_NEEDED, "", "`farm run --out` names the folder")
    return _Fate(Fate.MAPPED, "--out", "of `farm run`, see the command below; metadata holds relative paths")


def _drums(setup: Setup) -> _Fate:
    separate = setup.config.separate_drums
    why = "each drum part is a stem" if separate else "songs with several drum parts are rejected by name"
    return _Fate(Fate.MAPPED, f"instruments.separate_drums: {str(separate).lower()}", why)


def _program_0(setup: Setup) -> _Fate:
    if setup.config.render_pgm0_as_piano:
        return _Fate(Fate.MAPPED, "", "program 0 is a piano here as well")
    if setup.band is None:
        return _Fate(Fate.NOT_NEEDED, "", "no band asks for its class")
    why = "program 0 fills no place in the band; it is played, as in Slakh, and metadata calls it what it is"
    return _Fate(Fate.MAPPED, _band_of(setup), why)


def _rerender(setup: Setup) -> _Fate:
    if setup.config.rerender_existing:
        why = "makes everything anew, also where the folder is empty (where Slakh finds no file)"
        return _Fate(Fate.MAPPED, "rerender_existing: true", why)
    return _Fate(Fate.MAPPED, "rerender_existing: false", "finished songs are kept, and their metadata with them")


def _is(fate: Fate, became: str = "", why: str = "") -> Callable[[Setup], _Fate]:
    return lambda _: _Fate(fate, became, why)


def _says(plan_key: str, key: str, why: str = "") -> Callable[[Setup], _Fate]:
    def fate(setup: Setup) -> _Fate:
        value: Any = getattr(setup.config, key)
        return _Fate(Fate.MAPPED, f"{plan_key}: {value}", why)

    return fate


_NO_KONTAKT: Final = "no Kontakt and no Audio Unit here: stand-ins play its patches"

_OF: Final[dict[str, Callable[[Setup], _Fate]]] = {
    "lmd_base_dir": _lmd_base_dir,
    "kontakt_path": _is(Fate.NOT_PORTABLE, "engine.name: fluidsynth", _NO_KONTAKT),
    "kontakt_defs_dir": _is(Fate.NOT_PORTABLE, "", "nothing is copied into another program's folder"),
    "user_nkms_dir": _is(Fate.NOT_PORTABLE, f"instruments.map: {MAP_FILE}", "the names of its patches are kept"),
    "instrument_classes_file": _classes,
    "defs_metadata_file": _defs,
    "output_dir": _output_dir,
    "renderman_sr": _says("output.rate_hz", "renderman_sr"),
    "renderman_buf": _is(Fate.NOT_NEEDED, "", "lengths are exact, not whole numbers of blocks"),
    "renderman_sleep": _is(Fate.NOT_NEEDED, "", "an engine says itself when it is ready (and plug-ins slept 7 s in Slakh)"),
    "renderman_restart_lim": _is(Fate.DEAD, "", "Slakh restarts every 50 stems whatever it says; here: FARM_ENGINE_RENDERS"),
    "random_seed": _says("seed", "random_seed", "the same on every machine; Slakh's own draw of songs and patches is another"),
    "max_num_files": _says("limit", "max_num_files"),
    "separate_drums": _drums,
    "mix_normalization_factor": _says("mix.stem_lufs", "mix_normalization_factor"),
    "mix_target_peak": _says("mix.ceiling_db", "mix_target_peak"),
    "render_pgm0_as_piano": _program_0,
    "rerender_existing": _rerender,
    "band_definition_file": _band,
    "midi_file_list": _midi_file_list,
    "zero_based_midi": _zero_based,
    "logfile_basename": _is(Fate.NOT_NEEDED, "", "`farm logs` and `farm failures` answer, with every rejection and its reason"),
}  # fmt: skip
