"""Looks after stores: compares content with names, makes MIDI anew, removes what is not needed any more."""
