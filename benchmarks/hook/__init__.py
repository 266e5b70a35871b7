"""A folder for PYTHONPATH: Python imports `sitecustomize` from it when a process starts. Nothing imports this package."""
