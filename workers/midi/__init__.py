"""Standard MIDI Files: a lossless reader and writer, the tempo map, the split into parts, and the notes of a stem."""
