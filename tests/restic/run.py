"""Runs all cases on this machine and prints their results as one line of JSON: {case: null | what went wrong}.

python3 -m tests.restic.run [CASE...]
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from .bench import Bench, CannotRun
from .cases import CASES


def main(names: list[str]) -> None:
    results: dict[str, str | None] = {}
    with TemporaryDirectory(dir="/var/tmp", prefix="restic-") as folder:
        for name in names or CASES:
            try:
                asyncio.run(CASES[name](Bench(Path(folder), name)))
                results[name] = None
            except CannotRun as error:
                results[name] = f"can't run: {error}"
            except Exception:
                results[name] = traceback.format_exc()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
