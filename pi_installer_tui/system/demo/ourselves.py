"""The installed program, as units and steps call it on the demo machine: this one, on the same machine."""

from __future__ import annotations

import asyncio
import sys

from pi_installer_tui.system.demo.players import Call, Refused, player

#: where install.sh puts the interpreter
FOLDER = "/opt/pi-installer-tui/current/bin"
_START = ("-I", "-m", "pi_installer_tui")


@player("python", folder=FOLDER)
async def python(call: Call) -> int:
    """`python -I -m pi_installer_tui WORD...`; the words of `vpn` alone, which change nothing but by the machine."""
    if call.argv[1:4] != _START or call.argv[4:5] != ("vpn",):
        raise Refused(f"{call.program}: the demo machine has this program only, and of that the verb vpn", 2)
    argv = (sys.executable, *_START, "--demo-root", call.machine.folder, *call.argv[4:])
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _nothing = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    await call.out(said.decode("utf-8", "replace"), end="")
    return process.returncode or 0
