"""The control plane: plans, schedules, records and exports. It decides on facts; it never touches a sample of audio."""
