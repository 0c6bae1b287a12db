"""What stands still during a backup, and starts again whatever happens: units of systemd and containers. What was
stopped is in `before` first, so that whoever comes after a crash finds it (tasks/work.py)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from pi_installer_tui.system.host import CommandNotFound, Host, HostError

#: the names in `before`
STOPPED, STARTED = "stopped", "started"


class Kept(Protocol):
    """What is needed of `before`."""

    def put(self, name: str, value: Any) -> None: ...

    def get(self, name: str) -> Any: ...


async def running(host: Host, stops: Sequence[str]) -> tuple[str, ...]:
    """Those that run now. Raises HostError where that can't be told."""
    return tuple([each for each in stops if await _runs(host, each)])


async def stop(host: Host, what: str) -> None:
    """Stops one and waits until it stands still. Raises CommandFailed, CommandNotFound."""
    kind, program, name = _parts(what)
    await host.run(["systemctl", "stop", "--", name] if kind == "unit" else [program, "stop", name], check=True)


async def start(host: Host, what: str) -> None:
    """Starts one. Raises CommandFailed, CommandNotFound."""
    kind, program, name = _parts(what)
    await host.run(["systemctl", "start", "--", name] if kind == "unit" else [program, "start", name], check=True)


async def start_again(before: Kept, host: Host, *, but: Collection[str] = ()) -> dict[str, str]:
    """Starts what was stopped, the last one first. Returns what couldn't be started, and why. Raises OSError."""
    stopped = before.get(STOPPED) or []
    if not stopped or before.get(STARTED):
        return {}
    failed: dict[str, str] = {}
    for each in reversed(stopped):
        if each not in but:
            try:
                await start(host, each)
            except HostError as error:
                failed[each] = str(error)
    if not failed:
        before.put(STARTED, True)
    return failed


async def _runs(host: Host, what: str) -> bool:
    kind, program, name = _parts(what)
    if kind == "unit":
        return (await host.run(["systemctl", "is-active", "--quiet", "--", name])).ok
    try:
        said = await host.run([program, "inspect", "--format", "{{.State.Running}}", "--type", "container", name])
    except CommandNotFound:
        return False
    return said.ok and said.stdout.strip() == "true"


def _parts(what: str) -> tuple[str, str, str]:
    """Kind, program and name: `container:podman:NAME` is Podman's, `container:NAME` Docker's."""
    kind, _colon, name = what.partition(":")
    podman = kind == "container" and name.startswith("podman:")
    return kind, "podman" if podman else "docker", name.removeprefix("podman:") if kind == "container" else name
