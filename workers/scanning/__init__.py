"""The scan of a source: facts of every MIDI file, or the named reason why it is no song."""
