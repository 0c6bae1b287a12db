"""One file or folder for each screen. A screen never runs a command: it asks planning, jobs and the modules."""
