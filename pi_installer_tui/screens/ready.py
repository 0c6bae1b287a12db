"""Importing what will be needed, a piece in each idle moment after the first paint, so that no key waits for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module

#: what reading a module takes; big packages in pieces, since an import can't be interrupted
FIRST: tuple[str, ...] = (
    "pi_installer_tui.tasks.store",
    "pydantic_core",
    "pydantic.fields",
    "pydantic.main",
    "pi_installer_tui.tasks.steps.base",
    "pi_installer_tui.tasks.plan",
    "pi_installer_tui.tasks.jobs",
)

#: when the modules' states are being read
LATER: tuple[str, ...] = (
    "textual.widgets._input",
    "pi_installer_tui.screens.palette",
    "pi_installer_tui.screens.history",
    "pi_installer_tui.screens.job",
    "pi_installer_tui.screens.review",
    "pi_installer_tui.planning",
)


async def import_when_idle(pieces: tuple[str, ...], quiet: Callable[[], Awaitable[None]]) -> None:
    """Imports the pieces one by one; before each it waits until nobody is typing."""
    for piece in pieces:
        if piece in sys.modules:
            continue
        await asyncio.sleep(0.02)
        await quiet()
        import_module(piece)
