"""The containers of Docker and Podman, where one of them is there, by their own JSON, which isn't the same.

Docker's client waits for its daemon for ever, and asking it starts a daemon that sleeps behind its socket. So it is
only asked while its service runs, and an answer that takes longer than `PATIENCE` counts as a daemon that hangs.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Completed, Host
from pi_installer_tui.system.reading import MISSING, Known, Missing, Reading, Unknown

ENGINES = ("docker", "podman")
#: seconds after which an engine hangs: `ps` answers from the daemon's memory, on a Pi Zero too within one or two
PATIENCE = 8.0
#: the same of `stats`, which measures for a second or two before it answers
STATS_PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Container:
    """engine: docker or podman. state: running, exited, restarting, paused, created, dead. status: the engine's own
    words (`Up 3 hours (healthy)`). ports: those that are published, as the engine writes them."""

    engine: str
    id: str
    name: str
    image: str
    state: str
    status: str = ""
    ports: str = ""

    @property
    def troubled(self) -> bool:
        """Whether it failed, is started again and again, or says itself that it is ill."""
        if self.state in ("restarting", "dead") or "(unhealthy)" in self.status:
            return True
        ended = re.match(r"Exited \((\d+)\)", self.status)
        # 137 and 143: ended by `stop`, by SIGKILL and SIGTERM
        return self.state == "exited" and ended is not None and int(ended[1]) not in (0, 137, 143)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container takes, in the engine's own words: `1.25%`, `38.2MiB / 3.7GiB`; memory: "" where the kernel
    doesn't count it."""

    cpu: str
    memory: str


async def read(host: Host, *, docker_sleeps: bool = False) -> dict[str, Reading[list[Container]]]:
    """The containers by engine; no entry for an engine that isn't installed. docker_sleeps: Docker has a service here,
    and that doesn't run."""
    asked = await asyncio.gather(*(_read(host, e, asleep=docker_sleeps and e == "docker") for e in ENGINES))
    return {e: found for e, found in zip(ENGINES, asked, strict=True) if not isinstance(found, Missing)}


async def _read(host: Host, engine: str, *, asleep: bool) -> Reading[list[Container]]:
    if await host.which(engine) is None:
        return MISSING
    if asleep:
        return Unknown(_("Docker doesn't run"))
    form = "{{json .}}" if engine == "docker" else "json"
    answer = await _ask(host, [engine, "ps", "--all", "--no-trunc", f"--format={form}"], PATIENCE)
    if not isinstance(answer, Completed):
        return answer
    try:
        rows = parsed(answer.stdout)
        return Known([_container(engine, row) for row in rows])
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unknown(_("{engine} answered something that isn't understood").format(engine=engine))


async def usage(host: Host, container: Container) -> Reading[Usage]:
    """What one takes now. It takes a second or two, and means nothing for one that doesn't run."""
    if container.state != "running":
        return MISSING
    form = "{{json .}}" if container.engine == "docker" else "json"
    argv = [container.engine, "stats", "--no-stream", f"--format={form}", container.id]
    answer = await _ask(host, argv, STATS_PATIENCE)
    if not isinstance(answer, Completed):
        return answer
    try:
        (row,) = parsed(answer.stdout)
        # Docker: CPUPerc, MemUsage; Podman: cpu_percent, mem_usage
        cpu, memory = str(row.get("CPUPerc") or row["cpu_percent"]), str(row.get("MemUsage") or row["mem_usage"])
        return Known(Usage(cpu, "" if memory.startswith("0B / 0B") else memory))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unknown(_("{engine} answered something that isn't understood").format(engine=container.engine))


def parsed(text: str) -> list[dict[str, Any]]:
    """What an engine printed: Docker an object a line, Podman one list. Raises ValueError."""
    text = text.strip()
    if text.startswith("["):
        return [dict(row) for row in json.loads(text)]
    return [dict(json.loads(line)) for line in text.splitlines() if line.strip()]


def _container(engine: str, row: Mapping[str, Any]) -> Container:
    names, ports = row.get("Names") or "", row.get("Ports") or ""
    return Container(
        engine=engine,
        id=str(row.get("ID") or row["Id"]),
        name=", ".join(names) if isinstance(names, list) else str(names),
        image=str(row.get("Image") or ""),
        state=str(row["State"]).lower(),
        status=str(row.get("Status") or ""),
        ports=ports if isinstance(ports, str) else _ports(ports),
    )


def _ports(ports: Sequence[Mapping[str, Any]]) -> str:
    """Podman's list as Docker writes it: `0.0.0.0:8080->80/tcp`."""
    said = []
    for port in ports:
        first, inner, count = int(port["host_port"]), int(port["container_port"]), int(port.get("range") or 1)
        more = f"-{first + count - 1}" if count > 1 else ""
        said.append(f"{port.get('host_ip') or '0.0.0.0'}:{first}{more}->{inner}/{port.get('protocol') or 'tcp'}")
    return ", ".join(said)


async def _ask(host: Host, argv: Sequence[str], patience: float) -> Completed | Missing | Unknown:
    """A command's answer, or why there is none."""
    engine = argv[0]
    try:
        async with asyncio.timeout(patience):
            answer = await host.run(argv)
    except CommandNotFound:
        return MISSING
    except TimeoutError:
        said = _("{engine} hasn't answered for {seconds} s: its daemon hangs")
        return Unknown(said.format(engine=engine, seconds=f"{patience:g}"))
    if answer.ok:
        return answer
    error = answer.stderr.strip()
    if "permission denied" in error.lower():
        return Unknown(_("no permission to ask {engine}").format(engine=engine))
    if "Is the docker daemon running" in error:
        return Unknown(_("Docker doesn't run"))
    last = error.splitlines()[-1:] or [_("exit status {status}").format(status=answer.status)]
    return Unknown(_("{engine} doesn't answer: {why}").format(engine=engine, why=last[0]))
