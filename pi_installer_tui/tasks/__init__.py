"""All that changes a machine: plans made of steps, the runner and its journal, jobs, checks, undo."""
