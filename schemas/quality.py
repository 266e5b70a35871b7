"""What the check of a render found, in numbers: to keep, to filter by, to leave out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, model_validator

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


#: Of the formula of `AudioScore`; raised when audio would get other scores.
SCORE_VERSION: Final = 2


class AudioScore(FarmModel):
    """How far audio sounds like music that was played: 0 is none, and what is well made lies above 0.6.

    It is no taste. It falls where sound stops, clips or is pushed off its zero, where noise lies over it, where its tones
    are of no key or of one key only for a moment, and where sounds swell instead of being struck.
    """

    version: int  #: of the formula
    score: Share  #: of all that follows
    tempo: Share  #: how clear a pulse is
    harmony: Share  #: how far all moments share the tones of one key
    rhythm: Share  #: how far sounds begin at once and die away slowly
    noise: Share  #: 1 without any noise floor
    spectrum: Share  #: 1 where the power lies where instruments have it
    labels: Share | None = None  #: how well sounds begin where the labels have notes; None without labels
    clipping_share: Share  #: of the samples, in flat runs at the peak
    dc_offset: Share  #: largest mean of a channel, relative to its RMS
    silence_share: Share  #: of the time, below -60 dB of the RMS
    gaps_per_s: Annotated[float, Field(ge=0)]  #: how often sound stops dead, in less than 20 ms
    crest_db: float | None  #: peak over RMS; None for silence


class Flaw(StrEnum):
    """Why a composed song was thrown away and written anew."""

    EMPTY_LAYER = "empty_layer"  #: a layer plays no note in the whole song
    STUCK_MELODY = "stuck_melody"  #: most of the melody's notes are one and the same
    WIDE_MELODY = "wide_melody"  #: its highest note lies more than three octaves above its lowest
    NOTE_OUTSIDE = "note_outside"  #: a note begins before the song or reaches beyond it
    SAME_KEY_TWICE = "same_key_twice"  #: a key is struck while it sounds
    LOW_SCORE = "low_score"  #: the plan asks for more
    OUTSIDE_FILTERS = "outside_filters"  #: written anew, it breaks a rule of the plan's filters
    LOW_AUDIO_SCORE = "low_audio_score"  #: it was played, and the plan asks for more of its mix


class SymbolicScore(FarmModel):
    """How well a composed song is made, before it is played: the mean of what its melody is measured by."""

    score: Share  #: 0 where a flaw but the last was found
    key: Share  #: correlation with the profile of the best key, from -1 to 1 put on 0 to 1
    scale: Share  #: notes of the song's own scale
    steps: Share  #: intervals of a whole tone at most
    variety: Share  #: entropy of three notes in a row, relative to the most that there could be
    texture: Share  #: how little the keys in order can be compressed
    chords: Share  #: its time on notes of the chord that sounds
    flaws: list[Flaw]


class Rejection(FarmModel):
    """One try at a song that was thrown away."""

    attempt: Annotated[int, Field(ge=0)]
    flaws: list[Flaw]
    score: Share  #: of its mix where that was made, else of the check before
    symbolic: SymbolicScore | None = None  #: what the check before it was played found; None from an older farm
    audio: AudioScore | None = None  #: what its mix got; None where it was never played
    detail: str = ""  #: what else there is to say

    @property
    def is_late(self) -> bool:
        """Whether it was found out after the song had been chosen: what is known of the song is another's since."""
        return self.audio is not None or Flaw.OUTSIDE_FILTERS in self.flaws


#: Rejections of a song as one text, in order.
REJECTIONS: Final = TypeAdapter(list[Rejection])


def in_words(rejected: Sequence[Rejection]) -> str:
    """Say what all tries at a song came to."""
    return "; ".join(f"{', '.join(item.flaws)} ({item.score:.2f})" for item in rejected)


class QualityPlan(FarmModel):
    """What is asked of the finished mixes."""

    #: Score every mix, see the guide to scores. Left out, songs that are composed are scored, and others are not.
    score: bool | None = None
    #: Songs whose mix scores less are not published: a song that is composed is composed anew, up to `compose.tries` in all,
    #: and fails as `low_score` when the last try was no better; others fail at once.
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _scored_where_asked(self) -> QualityPlan:
        if self.min_score and self.score is False:
            raise ValueError("quality.min_score needs scores: leave `score: false` out")
        return self
