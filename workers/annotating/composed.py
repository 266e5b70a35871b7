"""Labels that only the composer knows: sections, chords, bars, layers and swing, in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.annotation import ComposedBar, ComposedChord, ComposedLayer, ComposedSection, ComposedSong
from schemas.base import content_hash
from schemas.score import PPQ
from schemas.song import Part
from workers.annotating.notes import TIME_DIGITS
from workers.composing.meters import quarter_us
from workers.composing.song import Composed
from workers.composing.theory import harte, parse_key


def composed_labels(song: Composed, parts: Sequence[Part], *, number: int, duration_s: float) -> ComposedSong:
    """Return the labels of a composed song.

    Args:
        song: as it was written.
        parts: of the split song; the name of a part's track is that of its layer.
        number: of the song.
        duration_s: length of the audio; nothing ends later.
    """
    score = song.score
    key = parse_key(score.key)
    tick_s = quarter_us(score.tempo_bpm) / 1e6 / PPQ  # as the MIDI file has it

    def at(tick: int) -> float:
        return min(round(tick * tick_s, TIME_DIGITS), duration_s)

    return ComposedSong(
        number=number,
        genres=score.genres,
        genre_sha256=content_hash(song.genre),
        key=score.key,
        mode=score.mode,
        tempo_bpm=score.tempo_bpm,
        swing=score.swing,
        end_s=at(score.end),
        bars=[
            ComposedBar(time_s=at(bar.start), numerator=bar.meter[0], denominator=bar.meter[1], section=bar.section)
            for bar in score.bars
        ],
        sections=[
            ComposedSection(
                name=section.name,
                occurrence=section.occurrence,
                start_s=at(section.start),
                end_s=at(section.end),
                layers=section.layers,
            )
            for section in score.sections
        ],
        chords=[
            ComposedChord(
                start_s=at(chord.start),
                end_s=at(chord.end),
                inversion=chord.inversion,
                numeral=chord.numeral,
                root=key.pitch_name(chord.root),
                quality=chord.quality,
                label=harte(key.pitch_name(chord.root), chord.quality, chord.inversion),
            )
            for chord in score.chords
        ],
        layers=[
            ComposedLayer(
                name=layer.name,
                role=layer.role,
                program=layer.program,
                stems=[part.name for part in parts if part.track_name == layer.name],
            )
            for layer in score.layers
        ],
        attempt=song.attempt,
        symbolic=song.check,
        rejected=song.rejected,
    )
