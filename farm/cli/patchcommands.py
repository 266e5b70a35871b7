"""The commands of `farm patches` with their arguments: the work by patch, and everything about patches themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from farm.cli.options import Json, MaybeId

#: What `farm patches` does where none of its words follows.
_FALLBACK: Final = "work"


class _Patches(TyperGroup):
    """Words of `farm patches`; without one, or with a number or an option, it lists the work."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if not args or first.isdecimal() or (first.startswith("-") and first != "--help"):
            args = [_FALLBACK, *args]
        return super().parse_args(ctx, args)


patch_commands = typer.Typer(
    cls=_Patches,
    help="Tend patches: the work by patch, and which instruments this host can play, how they sound and behave.\n\n"
    "farm patches\n\nfarm patches 3\n\nfarm patches scan && farm patches list",
)

PatchName = Annotated[
    str,
    typer.Argument(
        metavar="PATCH",
        help="A patch file: the name of one of the farm's own or a path; or SOUNDFONT:bank:program.",
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Longest time for one plug-in, seconds.")]


@patch_commands.command("work")
def work(
    submission: MaybeId = None,
    presets: Annotated[bool, typer.Option("--presets", help="A line for every patch, not for what it is loaded with.")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """List patches with their work, measured load time and speed, and which ones are quarantined. The word may be left out.

    farm patches

    farm patches 3 --json | jq '.[] | select(.failed > 0)'

    farm patches 3 --presets
    """
    from farm.cli.patches import patches_command, presets_command

    raise typer.Exit((presets_command if presets else patches_command)(submission, as_json=json_))


@patch_commands.command("list")
def list_(
    folder: Annotated[Path | None, typer.Argument(help="Patch files of a folder; left out, the farm's own.")] = None,
    json_: Json = False,
) -> None:
    """List patch files: engine, programs, keys, licence, and whether this host can play them.

    farm patches list

    farm patches list ~/my-patches --json | jq '.[] | select(.playable | not)'
    """
    from farm.cli.patchlist import list_command

    raise typer.Exit(list_command(folder, as_json=json_))


@patch_commands.command("scan")
def scan(
    words: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only what has this in name or file.")] = None,
    formats: Annotated[list[str] | None, typer.Option("--format", help="lv2, vst2, vst3 or au; may be repeated.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Load those, too, that are known and unchanged.")] = False,
    timeout: Timeout = 60.0,
    json_: Json = False,
) -> None:  # fmt: skip
    """Find this host's plug-ins and load each once, in a process of its own: what works, is silent, crashes or hangs.

    Exit code 0, whatever becomes of them. What was found is kept until a plug-in changes.

    farm patches scan

    farm patches scan mda amsynth --again --json
    """
    from farm.cli.patchlist import scan_command

    raise typer.Exit(scan_command(words or [], formats or [], again=again, timeout_s=timeout, as_json=json_))


@patch_commands.command("show")
def show(patch: PatchName, json_: Json = False) -> None:
    """Show what a patch file says, and what it stands for on this host.

    farm patches show mda-piano
    """
    from farm.cli.patchlist import show_command

    raise typer.Exit(show_command(patch, as_json=json_))


@patch_commands.command("audition")
def audition(
    patch: PatchName,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for audio and picture; default: audition/PATCH.")
    ] = None,
    json_: Json = False,
) -> None:
    """Play a scale, a chord and a phrase on a patch: audio files, a spectrogram, levels, latency, keys and speed.

    farm patches audition mda-piano

    farm patches audition TimGM6mb:0:33 --out bass
    """
    from farm.cli.patchtrial import audition_command

    raise typer.Exit(audition_command(patch, out, as_json=json_))


@patch_commands.command("check")
def check(patch: PatchName, json_: Json = False) -> None:
    """Try what every patch owes: warm equals cold, nothing left of other stems, length, silence, onsets, its keys.

    Exit code 1 where it does not keep to it, or not to what its file declares.

    farm patches check mda-piano

    farm patches check ./my-synth.yaml --json
    """
    from farm.cli.patchtrial import check_command

    raise typer.Exit(check_command(patch, as_json=json_))


@patch_commands.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and hyphens.")],
    plugin: Annotated[str, typer.Option("--plugin", help="URI, path or name of the plug-in; `farm patches scan` lists them.")],
    preset: Annotated[Path | None, typer.Option("--preset", help="File with a preset or state for it.")] = None,
    program: Annotated[int | None, typer.Option("--program", min=0, max=16383, help="Its own program, from 0.")] = None,
    values: Annotated[list[str] | None, typer.Option("--set", metavar="PARAM=VALUE", help="0 to 1; may be repeated.")] = None,
    programs: Annotated[list[int] | None, typer.Option("--for", min=0, max=128, help="Program that it is for; 128: drums.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it sounds like.")] = "",
    drums: Annotated[bool, typer.Option("--drums", help="It is a drum kit.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; default: NAME.yaml here.")] = None,
    json_: Json = False,
) -> None:  # fmt: skip
    """Write the patch file of a plug-in, with everything measured that it says.

    Hash, keys, tail, attack, what a stem leaves behind, how equal two renders are, and which controllers it plays.

    farm patches new my-piano --plugin http://drobilla.net/plugins/mda/Piano --for 0 --for 1

    farm patches new my-pad --plugin amsynth_vst --set amp_attack=0.4 --out patches/my-pad.yaml
    """
    from farm.cli.patchtrial import Asked, new_command

    asked = Asked(name, plugin, preset, program, tuple(values or ()), tuple(programs or ()), description, drums, out)
    raise typer.Exit(new_command(asked, as_json=json_))
