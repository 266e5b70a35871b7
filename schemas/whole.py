"""A mix that is a render of the whole song, and not the sum of its stems (Flakh2100's mix)."""

from __future__ import annotations

from schemas.base import FarmModel


class WholeMix(FarmModel):
    """What is known of such a mix."""

    loudness_lufs: float | None  #: of the render, before gains; None for silence
    gain_db: float  #: what was applied to it: loudness match and common gain
    #: Power of the mix less the sum of the published stems, relative to that of the mix, dB; None where there is no
    #: difference, or no sound in the mix.
    difference_db: float | None
