"""How much room a dataset will take, told before it is rendered: a rough figure, so that nobody finds out after a night."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from farm.cli.output import size
from farm.ledger import SubmissionStatus
from schemas.plan import OutputPlan
from schemas.states import SubmissionState

#: FLAC of a stem, its share of the mix and its labels included, relative to its samples as integers. Measured over 400 stems
#: of real songs (benchmarks/README.md: 126,000 bytes a second at 24 bits in stereo, 22,000 at 16 bits in mono, 44.1 kHz).
_FLAC_SHARE: Final = {16: 0.25, 24: 0.48}
#: WAV keeps silence at full size; a mix is a stem more, of the ten or so that songs have.
_WAV_SHARE: Final = 1.1
#: How much of that is there where not all is published.
_PARTS: Final = {"full": 1.0, "stems": 0.9, "mix": 0.1, "midi": 0.0}
#: Smaller datasets are not worth a line.
_WORTH_A_LINE: Final = 1_000_000_000


def published_bytes(stem_audio_s: float, output: OutputPlan) -> int:
    """Return about how large a dataset will be, bytes.

    Args:
        stem_audio_s: seconds of all its stems.
        output: form of its files.
    """
    share = _WAV_SHARE if output.format == "wav" else _FLAC_SHARE[output.bits]
    rate = output.rate_hz * output.channels * output.bits / 8
    return round(stem_audio_s * rate * share * _PARTS[output.parts])


class Room:
    """Tells once, as soon as all songs are planned, how much room they will take and how much there is.

    Args:
        out: folder of the dataset.
        output: form of its files.
        say: takes a line for a person.
    """

    def __init__(self, out: Path, output: OutputPlan, say: Callable[[str], None]) -> None:
        self._out, self._output, self._say = out, output, say
        self._told = False

    def look(self, status: SubmissionStatus) -> None:
        """Look at a submission under way."""
        if self._told or status.state is not SubmissionState.ACTIVE or not status.work_total:
            return
        self._told = True
        wanted = published_bytes(status.work_total - status.work_done, self._output)
        free = shutil.disk_usage(self._out).free
        if wanted > free:
            self._say(
                f"warning: about {size(wanted)} will be published, and {size(free)} are free in {self._out}: free some space, or "
                "choose fewer songs, 16 bits or --mode mix. What is finished when the disk is full is kept"
            )
        elif wanted >= _WORTH_A_LINE:
            self._say(f"about {size(wanted)} will be published; {size(free)} are free")
