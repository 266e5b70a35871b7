"""What the check of a render found, in numbers: to keep, to filter by, to leave out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import FarmModel

Share = Annotated[float, Field(ge=0, le=1)]
#: `pass`, or `warn`: true to the MIDI and the patch, and worth knowing; what cannot be right is never published.
Grade = Literal["pass", "warn"]


class StemQuality(FarmModel):
    """A rendered stem, measured at the level that the engine gave, before any gain; a stem without audio has none.

    Levels are None where the stem is digital silence.
    """

    verdict: Grade
    sounding_share: Share  #: of its notes: neither without a sample in the patch nor at a volume of zero
    onset_lag_s: float | None  #: from the first note that can be heard to the first sound above -100 dBFS
    peak_dbfs: float | None  #: largest sample
    rms_dbfs: float | None  #: over the whole stem, all channels
    tail_db: float | None  #: peak of the last 50 ms relative to the stem's
    tail_cut: bool  #: something still sounded when the longest tail of the plan had passed
    flatness: (
        float | None
    )  #: spectral flatness where it is loud: 0 tone .. 1 white noise; None where that cannot be told
    dc_share: float | None  #: constant offset relative to the RMS
    flat_run_frames: int  #: longest run of equal samples at the peak: above 7 it counts as clipped


class SongQuality(FarmModel):
    """A song: the sum of its stems."""

    verdict: Grade  #: `warn` where a stem has a finding, or no audio
    findings: dict[str, int]  #: stems by finding, those without audio among them
    sounding_share: Share  #: of the notes of all stems
    onset_lag_s: float | None  #: the longest of its stems
    flatness: float | None  #: the highest of its pitched stems
