"""What a person asks of patches before they play for a dataset: which there are, what works here, how they sound."""
