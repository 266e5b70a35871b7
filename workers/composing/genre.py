"""The genre composer: form, then harmony, then each layer's player, and the groove over all of them."""

from __future__ import annotations

from dataclasses import replace

from schemas.score import Layer, Score
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
            layers=[_layer(song, name) for name in song.layers],
            end=song.end,
        )


def _layer(song: SongContext, name: str) -> Layer:
    spec = song.layers[name]
    program = song.draws.stream("program", name).choice(spec.programs)
    notes = groove(play(song, name), song, name)
    return Layer(name=name, role=spec.role, program=program, is_drum=spec.role == "beat", notes=notes)
