"""Libraries of recordings: made from a folder, each recording measured once."""
