"""restic, spoken to through `Host`: where a repository lies (place.py), the program itself (engine.py) and what it
answers (answers.py). Nothing here knows jobs, settings or screens."""
