"""Empty the store of a song that is published, or of a try at one that was thrown away."""

from __future__ import annotations

from farm.ledger import Ledger, SongWork
from workers.store import Kind, Store


def empty_store(ledger: Ledger, store: Store, work: SongWork, *, published: bool = False) -> None:
    """Remove the song's raw stems and its MIDI from the store, but for what an unfinished song still needs.

    Args:
        ledger: where the song is under way, or was.
        store: of its submission.
        work: the song.
        published: what published songs were made of stays, too, since the plan keeps it.
    """
    needed = ledger.specs_in_use(work.song_id, work.spent, published=published)
    for spec_hash in {stem.job.spec_hash for stem in work.renders} | work.spent:
        if spec_hash not in needed:
            store.drop_stem(spec_hash)
    midi = {work.song.song_hash, *(part.midi_sha256 for part in work.parts)}
    for name in sorted(midi - ledger.midi_in_use(work.song_id)):
        store.remove(Kind.MIDI, name)
