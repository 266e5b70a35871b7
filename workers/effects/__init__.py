"""Effects of a mix: chains of Faust sources and plug-ins, run by DawDreamer in a process of their own."""
