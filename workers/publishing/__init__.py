"""From a finished song to its folder in the dataset."""
