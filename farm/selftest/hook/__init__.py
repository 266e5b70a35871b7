"""What the worker processes of a trial import as they start."""
