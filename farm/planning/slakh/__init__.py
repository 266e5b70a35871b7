"""Reads a set-up of slakh-generation (config, instrument definitions, class table, band, rules) and makes a plan of it."""
