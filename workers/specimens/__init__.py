"""Songs and a soundfont that are made and not found, for trials of an installation."""
