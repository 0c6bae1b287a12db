"""Tries that block (HTTP, boto3), in a thread of their own beside the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Generator

from pi_installer_tui.modules.backup.trial.tried import Tried

Tries = Generator[Tried, None, None]


async def in_thread(start: Callable[[], Tries]) -> AsyncIterator[Tried]:
    """What `start()` tries, as it comes. Left early or cancelled, this returns at once; the thread ends the request at
    work, and closes the generator, whose `finally` takes away what it has put there."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Tried | BaseException | None] = asyncio.Queue()
    left = threading.Event()

    def put(item: Tried | BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def work() -> None:
        try:
            with contextlib.closing(start()) as tries:
                for tried in tries:
                    put(tried)
                    if left.is_set():
                        break
        except BaseException as error:
            put(error)
        else:
            put(None)

    threading.Thread(target=work, name="backup-trial").start()
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
