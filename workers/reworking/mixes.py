"""What the other mixes of a song say of themselves once they were converted."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.convert import Conversion
from schemas.roles import MixedStem, OtherMix
from workers.mixing.gains import decibels
from workers.reworking.passes import Sound


def converted_mix(
    mix: OtherMix, conversion: Conversion, moved: Mapping[str, str], sounds: Mapping[str, Sound] | None
) -> OtherMix:
    """Return another mix as it is now.

    Args:
        mix: as it was.
        conversion: what was done.
        moved: where every file is now.
        sounds: what the files sound like now; None where every sample is what it was.
    """
    stems = [_stem(stem, conversion, moved, sounds) for stem in mix.stems]
    audio = moved[mix.audio]
    if sounds is None:
        return mix.model_copy(update={"audio": audio, "stems": stems})
    sound = sounds[audio]
    return mix.model_copy(
        update={
            "audio": audio,
            "common_gain_db": round(mix.common_gain_db + conversion.gain_db, 4),
            "peak_dbfs": decibels(sound.peak),
            "true_peak_dbtp": None if sound.true_peak is None else decibels(sound.true_peak),
            "loudness_lufs": sound.loudness_lufs,
            "stems": stems,
        }
    )


def _stem(
    stem: MixedStem, conversion: Conversion, moved: Mapping[str, str], sounds: Mapping[str, Sound] | None
) -> MixedStem:
    """Return a stem of the mix; how loud one is that is not published, nobody knows once it was changed."""
    audio = None if stem.audio is None else moved[stem.audio]
    if sounds is None:
        return stem.model_copy(update={"audio": audio})
    sound = None if audio is None else sounds[audio]
    return stem.model_copy(
        update={
            "audio": audio,
            "gain_db": round(stem.gain_db + conversion.gain_db, 4),
            "relative": _in_channels(stem.relative, conversion.channels),
            "loudness_lufs": None if sound is None else sound.loudness_lufs,
            "peak_dbfs": None if sound is None else decibels(sound.peak),
        }
    )


def _in_channels(relative: list[float | None], channels: int) -> list[float | None]:
    """Return the factors for so many channels: of both sides in one there is a factor where both have the same."""
    if len(relative) <= channels:
        return relative
    return [relative[0] if relative[0] == relative[1] else None]
