"""From a rendered song to its annotation: what the labels say is what the audio does."""
