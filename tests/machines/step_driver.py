"""Runs one step inside a machine, as a job would, and prints what it tells as JSON lines:

python -m tests.machines.step_driver preview|apply|undo FOLDER STEP.json [kill=POINT | cancel=POINT]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.steps import Step, StepBase, StepContext, StepError
from pi_installer_tui.tasks.steps.base import Overlay


def tell(kind: str, *values: Any) -> None:
    print(json.dumps([kind, *values]), flush=True)


async def main(verb: str, folder: str, text: str, ending: str = "") -> None:
    adapter: TypeAdapter[StepBase] = TypeAdapter(Step)
    step = adapter.validate_json(text)
    host = LocalHost()
    before = Before(Path(folder), host)
    here = asyncio.current_task()

    def reached(point: str) -> None:
        tell("reached", point)
        if ending == f"kill={point}":
            os.kill(os.getpid(), signal.SIGKILL)
        if ending == f"cancel={point}" and here is not None:
            here.cancel()

    context = StepContext(
        host=host,
        before=before,
        output=lambda chunk: None,
        progress=lambda fraction, phase="", detail="": tell("progress", fraction, phase),
        waiting=lambda what, holder: tell("waiting", what, holder),
        reached=reached,
    )
    try:
        if verb == "preview":
            shown = await step.preview(host, Overlay())
            tell("shown", shown.download, shown.disk)
        elif verb == "undo":
            await step.undo(context, before)
        else:
            if not before.complete:
                await step.capture(context)
                before.finish()
            await step.apply(context)
        tell("done", await step.done(host))
    except StepError as error:
        tell("failed", error.reason, error.values, error.tail)
    except asyncio.CancelledError:
        tell("cancelled")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
