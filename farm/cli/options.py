"""Arguments and options that several commands share, and the groups under which `farm --help` lists the commands."""

from __future__ import annotations

from typing import Annotated, Final

import typer

MAKE: Final = "Make a dataset"
USE: Final = "Use a dataset"
WATCH: Final = "See how far it is"
STEER: Final = "Steer a submission"
TEND: Final = "Tend the farm"
SERVE: Final = "Start the service"
#: Every command belongs to one of these.
PANELS: Final = (MAKE, USE, SERVE, WATCH, STEER, TEND)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of text.")]
Slots = Annotated[int | None, typer.Option(min=1, max=256, help="Slots of this host; default: one per core.")]
Id = Annotated[int, typer.Argument(help="Number of the submission, as `farm submit` and `farm status` print it.")]
MaybeId = Annotated[int | None, typer.Argument(help="Number of the submission; left out, all of them.")]
