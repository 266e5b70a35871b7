"""Composers: from a few words and a seed to a score whose labels are true."""
