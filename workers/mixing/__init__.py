"""From raw stems to published audio: gains, the quantised stems, and their exact sum."""
