"""`python -m tests.machines`: can test machines boot here? Exit status 1 with the reason in words where not.

Makes the base images on the way, so that no test has to wait for them.
"""

from __future__ import annotations

import sys

from .lab import SUITES, CannotRun, Lab

try:
    with Lab.open() as lab:
        for suite in SUITES:
            print(f"{suite}: {lab.base(suite).layers[0]}", flush=True)
        with lab.machine(lab.base(SUITES[-1])) as machine:
            print(f"{machine} is up")
except CannotRun as error:
    sys.exit(str(error))
