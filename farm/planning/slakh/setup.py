"""A whole Slakh set-up: the config and every file that it names, read once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from farm.planning.slakh.band import BandDefinition, read_band
from farm.planning.slakh.classes import GM_CLASSES, ClassTable, read_classes
from farm.planning.slakh.config import ReadConfig, SlakhConfig, read_config
from farm.planning.slakh.defs import Defs, read_defs
from farm.planning.slakh.numbers import NumberBase
from farm.planning.slakh.rules import PLACE, MidiRule, class_rules, read_rules
from farm.planning.slakh.songs import SongList, read_songs
from schemas.errors import PlanError

#: Name that stands for the class table where the config names none.
BUILT_IN: Final = Path("General MIDI")


@dataclass(frozen=True, slots=True)
class Options:
    """What a person adds to the config on the command line."""

    root: Path | None = None  #: folder that relative paths count from; None is the config's own
    first_program: int | None = None  #: 0 or 1: how the instrument definitions count, where they do not tell
    soundfonts: tuple[Path, ...] = ()
    source: Path | None = None  #: MIDI in place of what the config names
    keep_rules: bool = False  #: play the MIDI rules on the stand-ins as well
    play_unmapped: bool = False  #: play programs that the definitions leave without a patch


@dataclass(frozen=True, slots=True)
class Setup:
    """The config and what its files say."""

    read: ReadConfig
    options: Options
    root: Path
    table: ClassTable
    defs: Defs
    band: BandDefinition | None
    songs: SongList | None
    rules_path: Path | None
    rules: tuple[MidiRule, ...]

    @property
    def config(self) -> SlakhConfig:
        """The values of the config's keys."""
        return self.read.config

    @property
    def class_rules(self) -> dict[str, dict[str, object]]:
        """What the enabled rules of each class do."""
        return class_rules(self.rules)

    def path(self, named: str) -> Path:
        """Return the place of a path in the config: relative ones count from the root."""
        return (self.root / Path(named).expanduser()).resolve()


def read_setup(path: Path, options: Options) -> Setup:
    """Read a config and every file that it names.

    Raises:
        PlanError: a file that is missing or not in Slakh's form; the message names it.
    """
    path = path.expanduser().resolve()
    read = read_config(path)
    config = read.config
    root = path.parent if options.root is None else options.root.expanduser().resolve()
    if not config.defs_metadata_file:
        raise PlanError(
            f"the config {path} names no instrument definitions (`defs_metadata_file`)",
            hint="They say which patch plays which program; without them, `farm run` needs no import",
        )
    if not (config.lmd_base_dir or config.midi_file_list or options.source):
        raise PlanError(
            f"the config {path} names no MIDI, neither by `lmd_base_dir` nor by `midi_file_list`",
            hint="Name a folder, a list or a file with --source",
        )
    rules = root / PLACE if (root / PLACE).is_file() else None
    return Setup(
        read=read,
        options=options,
        root=root,
        table=_classes(root, config.instrument_classes_file),
        defs=read_defs(
            root / Path(config.defs_metadata_file).expanduser(),
            first=options.first_program,
            otherwise=int(config.zero_based_midi),
        ),
        band=read_band(root / Path(config.band_definition_file).expanduser()) if config.band_definition_file else None,
        songs=read_songs(root, config.midi_file_list) if config.midi_file_list and options.source is None else None,
        rules_path=rules,
        rules=() if rules is None else tuple(read_rules(rules)),
    )


def _classes(root: Path, named: str | None) -> ClassTable:
    if not named:
        return ClassTable(BUILT_IN, NumberBase(0, "the farm's own"), dict(GM_CLASSES))
    return read_classes(root / Path(named).expanduser())
