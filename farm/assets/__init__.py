"""Soundfonts and MIDI corpora: listed, fetched, added and checked."""
