"""Tries an installation: a private broker, ledger, scheduler and workers make a dataset while they are killed, if wanted."""
