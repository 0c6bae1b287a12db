"""Runs the contract's cases on the machine that it runs on, as root: `python3 -m tests.contract.run`. Prints one JSON
object: each case with its traceback, or null where it held. Needs nothing but Python's standard library."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback

from pi_installer_tui.system.local import LocalHost
from tests.contract.backups import CASES


async def main() -> None:
    host = LocalHost()
    results: dict[str, str | None] = {}
    for name in sys.argv[1:] or CASES:
        try:
            await CASES[name](host)
            results[name] = None
        except Exception:
            results[name] = traceback.format_exc()
    print(json.dumps(results))


asyncio.run(main())
