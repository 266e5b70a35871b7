"""The genre composer: form, then harmony, then each layer's player, and the groove over all of them."""

from __future__ import annotations

from dataclasses import replace

from schemas.score import Layer, Score, ScoreNote
from workers.composing.base import Brief, Composer
from workers.composing.context import SongContext
from workers.composing.draws import Draws
from workers.composing.form import write_form
from workers.composing.groove import groove
from workers.composing.harmony import write_chords
from workers.composing.players import play


class GenreComposer(Composer):
    """Writes songs from the data of genres."""

    name = "genre"

    def compose(self, brief: Brief, draws: Draws) -> Score:
        """Write one song."""
        song = write_form(brief.genre, brief.plan, draws)
        song = replace(song, chords=write_chords(song))
        return Score(
            title=f"{brief.genre.name} {brief.number}",
            genres=brief.genre.name.split("+"),
            key=song.key.name,
            mode=song.key.mode,
            tempo_bpm=song.tempo_bpm,
            swing=song.swing,
            bars=song.bars,
            sections=song.sections,
            chords=song.chords,
            layers=_layers(song),
            end=song.end,
        )


def _layers(song: SongContext) -> list[Layer]:
    """Return what every layer plays; of drum layers that strike one key at one time the first does it."""
    layers: list[Layer] = []
    for name, spec in song.layers.items():
        is_drum = spec.role == "beat"
        notes = groove(play(song, name), song, name)
        if is_drum:
            notes = _apart(notes, [layer for layer in layers if layer.is_drum])
        layers.append(Layer(name=name, role=spec.role, program=song.program_of(name), is_drum=is_drum, notes=notes))
    return layers


def _apart(notes: list[ScoreNote], others: list[Layer]) -> list[ScoreNote]:
    """Leave out what another drum layer sounds at the same time with the same key: they share a channel."""
    taken: dict[int, list[ScoreNote]] = {}
    for layer in others:
        for note in layer.notes:
            taken.setdefault(note.key, []).append(note)
    return [
        note
        for note in notes
        if not any(other.start < note.end and note.start < other.end for other in taken.get(note.key, []))
    ]
