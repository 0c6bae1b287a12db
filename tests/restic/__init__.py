"""What restic is used for, as cases that run with the host's restic (tests/unit/test_restic_engine.py) and with Debian
12's and 13's on real machines (tests/machines/test_restic.py)."""
