"""Trials of the scores themselves: songs that are good, what can go wrong with them, and whether the scores can tell."""
