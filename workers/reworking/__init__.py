"""Work on a dataset that is finished: convert its audio, make submixes of its stems."""
