"""How often the tones of a key are heard, and how to compare with that."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Tone profiles of major and minor keys (Krumhansl and Kessler 1982), from the tonic.
MAJOR_PROFILE: Final = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE: Final = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_TINY: Final = 1e-12


def standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors whose products are correlations; where all values are alike, with nothing."""
    centred = values - values.mean(axis=-1, keepdims=True)
    scaled: NDArray[np.float64] = centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), _TINY)
    return scaled


#: (24, 12): the major keys from C on, then the minor ones.
KEY_PROFILES: Final = standard(
    np.array([np.roll(profile, tonic) for profile in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)])
)
