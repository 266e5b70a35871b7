"""Reading finished datasets for training: aligned random crops of stems."""
