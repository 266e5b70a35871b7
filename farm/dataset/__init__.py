"""What stands on top of the published songs: the manifest, the record of the dataset, its guard against other plans."""
