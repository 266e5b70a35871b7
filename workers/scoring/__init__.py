"""Scores: of a composed song before it is played, and of audio afterwards."""
