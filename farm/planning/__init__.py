"""From what a person asks to songs and stems: plan files, sources, selection and draws."""
