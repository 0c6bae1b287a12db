"""Steps that start or tell something: RunCommand and Unit."""

from __future__ import annotations

import contextlib
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import (
    AbsolutePath,
    Argument,
    Before,
    Overlay,
    Preview,
    StepBase,
    StepContext,
    StepError,
)
from pi_installer_tui.tasks.steps.diff import clipped, printable
from pi_installer_tui.tasks.way_back import Back, PutLink, Run, paths_back

if TYPE_CHECKING:
    from pi_installer_tui.tasks.before import Before as Kept

#: systemd.unit(5): the name, with its type
UnitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.[a-z]+$", max_length=255)]

#: of a command that failed
_LAST_LINES = 25
_LAST_BYTES = 16 * 1024


def shown(argv: Sequence[str]) -> str:
    """A command as one would type it."""
    return printable(shlex.join(argv)).replace("\n", "\\n")


class Tail:
    """The last lines of a command's output, as they can be shown."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, chunk: bytes) -> None:
        self._bytes = (self._bytes + chunk)[-_LAST_BYTES:]

    def lines(self) -> tuple[str, ...]:
        text = self._bytes.decode("utf-8", "replace")
        lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
        return tuple(printable(line) for line in lines if line.strip())[-_LAST_LINES:]


async def run(context: StepContext, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    """Runs a command to its end, its output into the job's. Raises StepError `command-failed`, CommandNotFound."""
    tail = Tail()
    async with context.host.start(argv, env=env) as process:
        async for chunk in process.chunks():
            tail.feed(chunk)
            context.output(chunk)
        status = await process.wait()
    if status:
        raise StepError("command-failed", tail.lines(), command=shown(argv), status=str(status))


class Probe(Frozen):
    """A command that tells whether another one is done: by its exit status and, with `output`, by its whole standard
    output (blanks and tabs, however many, count as one blank)."""

    argv: Annotated[tuple[Argument, ...], Field(min_length=1)]
    status: int = 0
    output: str | None = None


class RunCommand(StepBase):
    """A command. It says how to tell that it is done (`probe`, or `repeatable`: running it again does no harm), which
    files it changes (`touches`: kept and restored by undo) and what takes it back: `undo`, or `again`: the undo runs
    the same command after the files of the steps before it were put back (a reload); or `covered`: the way back of the
    steps beside it takes it back too. `offline`: it works on files alone, so it can also run before services do."""

    kind: Literal["run-command"] = "run-command"
    argv: Annotated[tuple[Argument, ...], Field(min_length=1)]
    probe: Probe | Literal["repeatable"]
    touches: tuple[AbsolutePath, ...] = ()
    undo_argv: tuple[Argument, ...] = ()
    again: bool = False
    covered: bool = False
    offline: bool = False

    @model_validator(mode="after")
    def _one_way_back(self) -> RunCommand:
        if self.again and self.undo_argv:
            raise ValueError("`again` and `undo_argv` exclude each other")
        return self

    @property
    def activates(self) -> bool:
        return self.again and not self.touches

    def activation(self) -> StepBase | None:
        # the probe asks for what the undo has just taken back
        return self.model_copy(update={"probe": "repeatable"}) if self.again else None

    def describe(self) -> str:
        words = shown(self.argv)
        template = _("run {name}")
        spare = 70 - len(template.format(name=""))
        return template.format(name=words if len(words) <= spare else words[: spare - 1] + "…")

    def paths(self) -> tuple[str, ...]:
        return self.touches

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {path: await fingerprint(host, path) for path in self.touches}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        back = self.argv if self.again else self.undo_argv
        return Preview("command", shown(self.argv), undo_text=shown(back) if back else "")

    async def done(self, host: Host) -> bool:
        if self.probe == "repeatable":
            return False
        try:
            answer = await host.run(self.probe.argv)
        except CommandNotFound:
            return False
        right = self.probe.output is None or answer.stdout.split() == self.probe.output.split()
        return answer.status == self.probe.status and right

    async def capture(self, context: StepContext) -> None:
        for path in self.touches:
            await context.before.save_path(path)
            real = await context.host.realpath(path)
            if real != path and real.startswith("/etc/"):
                await context.before.save_path(real)

    async def apply(self, context: StepContext) -> None:
        context.reached("command:starting")
        await run(context, self.argv)
        context.reached("command:ended")

    def way_back(self, before: Kept) -> tuple[Back, ...]:
        back = (Run(self.undo_argv, sensitive=self.sensitive),) if self.undo_argv else ()
        return (*back, *paths_back(before))

    async def undo(self, context: StepContext, before: Before) -> None:
        if self.undo_argv:
            context.reached("command:starting")
            await run(context, self.undo_argv)
        await super().undo(context, before)

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        return Preview("command", shown(self.undo_argv)) if self.undo_argv else None


#: words of `systemctl is-enabled` (systemctl(1)) by which a unit is as enabled as it can be
_ENABLED = frozenset({"enabled", "alias", "static", "generated"})
#: and by which there is nothing to disable
_DISABLED = frozenset(
    {"disabled", "masked", "masked-runtime", "static", "indirect", "linked", "generated", "not-found"}
)
_ACTIVE = frozenset({"active", "reloading", "refreshing"})
_INACTIVE = frozenset({"inactive", "failed", "unknown"})

#: where `systemctl enable` makes links
_LINKS = "/etc/systemd/system"


class Unit(StepBase):
    """A systemd unit's state. None leaves it as it is. `restart` restarts one that runs (and starts one that should be
    active); `reload` asks it to read its files again (reload-or-restart)."""

    kind: Literal["unit"] = "unit"
    name: UnitName
    enabled: bool | None = None
    active: bool | None = None
    restart: bool = False
    reload: bool = False

    @property
    def activates(self) -> bool:
        return (self.restart or self.reload) and self.enabled is None and self.active is None

    def activation(self) -> StepBase | None:
        if not (self.restart or self.reload) or self.active is False:
            return None
        return self.model_copy(update={"enabled": None, "active": None})

    def describe(self) -> str:
        words = [_("enable") if self.enabled else _("disable")] if self.enabled is not None else []
        if self.active is False:
            words.append(_("stop"))
        elif self.restart:
            words.append(_("restart"))
        elif self.reload:
            words.append(_("reload"))
        elif self.active:
            words.append(_("start"))
        return clipped("{name} {path}", self.name, name=", ".join(words) or _("leave"))

    def commands(self, name: str = "") -> tuple[tuple[str, ...], ...]:
        """The commands that it runs, in their order. name: the unit's own, where the step has an alias."""
        verbs = [] if self.enabled is None else ["enable" if self.enabled else "disable"]
        if self.active is False:
            verbs.append("stop")
        elif self.restart:
            verbs.append("restart" if self.active else "try-restart")
        elif self.reload:
            verbs.append("reload-or-restart" if self.active else "try-reload-or-restart")
        elif self.active:
            verbs.append("start")
        return tuple(("systemctl", verb, name or self.name) for verb in verbs)

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        if self.enabled is None and self.active is None:
            return {}
        words = []
        if self.enabled is not None:
            words.append(await _ask(host, "is-enabled", self.name))
        if self.active is not None:
            words.append(await _ask(host, "is-active", self.name))
        return {f"unit:{self.name}": ",".join(words)}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        name, back = await _own_name(host, self.name), []
        if self.enabled is not None:
            word = await _ask(host, "is-enabled", name)
            if self.enabled != (word in _ENABLED):
                back.append("disable" if self.enabled else "enable")
        if self.active is not None:
            word = await _ask(host, "is-active", name)
            if self.active != (word in _ACTIVE):
                back.append("stop" if self.active else "start")
        if (self.restart or self.reload) and "stop" not in back:
            back.append("try-restart" if self.restart else "try-reload-or-restart")
        text = "\n".join(shown(argv) for argv in self.commands(name))
        return Preview("command", text, undo_text="\n".join(shown(("systemctl", verb, name)) for verb in back))

    async def done(self, host: Host) -> bool:
        if self.restart or self.reload:
            return False
        if self.enabled is not None:
            word = await _ask(host, "is-enabled", self.name)
            if word not in (_ENABLED if self.enabled else _DISABLED):
                return False
        if self.active is not None:
            word = await _ask(host, "is-active", self.name)
            return word in (_ACTIVE if self.active else _INACTIVE)
        return True

    async def capture(self, context: StepContext) -> None:
        if self.enabled is not None:
            # an alias is gone as soon as the unit is disabled
            name = await _own_name(context.host, self.name)
            context.before.put("name", name)
            context.before.put("enabled", await _ask(context.host, "is-enabled", name))
            context.before.put("links", await _links(context.host))
        if self.active is not None:
            context.before.put("active", await _ask(context.host, "is-active", self.name))

    async def apply(self, context: StepContext) -> None:
        await _reload_manager(context, self.name)
        name = context.before.get("name") or await _own_name(context.host, self.name)
        for argv in self.commands(name):
            context.reached(f"unit:{argv[1]}")
            await run(context, argv)
        if self.enabled is not None:
            context.before.put("links-after", await _links(context.host))
        context.reached("unit:ended")

    def way_back(self, before: Kept) -> tuple[Back, ...]:
        enabled, active = before.get("enabled"), before.get("active")
        name = str(before.get("name") or self.name)
        back: list[Back] = []
        if active is not None and active not in _ACTIVE:
            back.append(Run(("systemctl", "stop", name), offline=True))
        if enabled is not None:
            verb = "enable" if enabled in ("enabled", "alias") else "disable"
            back.append(Run(("systemctl", verb, name), offline=True))
            links: Mapping[str, str] = before.get("links") or {}
            back += [PutLink(path, target) for path, target in links.items() if target and _link_of(name, path, target)]
        if active in _ACTIVE:
            back.append(Run(("systemctl", "start", name), offline=True))
        return tuple(back)

    async def undo(self, context: StepContext, before: Before) -> None:
        host = context.host
        enabled, active = before.get("enabled"), before.get("active")
        name = before.get("name") or self.name
        if await _ask(host, "is-enabled", name) == "not-found":
            return
        runs = await _ask(host, "is-active", name) in _ACTIVE
        if active is not None and active not in _ACTIVE and runs:
            context.reached("unit:stop")
            await run(context, ("systemctl", "stop", name))
        if enabled is not None:
            was, left, now = before.get("links") or {}, before.get("links-after") or {}, await _links(host)
            own = [path for path in {*was, *left} if was.get(path) != left.get(path) == now.get(path)] if left else []
            if await _ask(host, "is-enabled", name) != enabled:
                verb = "enable" if enabled in ("enabled", "alias") else "disable"
                context.reached(f"unit:{verb}")
                await run(context, ("systemctl", verb, name))
            await _restore_links(context, was, own)
        if active in _ACTIVE and not runs:
            context.reached("unit:start")
            await run(context, ("systemctl", "start", name))

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        enabled, active = before.get("enabled"), before.get("active")
        name = before.get("name") or self.name
        verbs = []
        runs = await _ask(host, "is-active", name) in _ACTIVE
        if active is not None and active not in _ACTIVE and runs:
            verbs.append("stop")
        if enabled is not None and await _ask(host, "is-enabled", name) != enabled:
            verbs.append("enable" if enabled in ("enabled", "alias") else "disable")
        if active in _ACTIVE and not runs:
            verbs.append("start")
        text = "\n".join(shown(("systemctl", verb, name)) for verb in verbs)
        return Preview("command", text) if text else None


def _link_of(unit: str, path: str, target: str) -> bool:
    """Whether a link below /etc/systemd/system is one of this unit's."""
    return unit in (posixpath.basename(path), posixpath.basename(target))


async def _ask(host: Host, question: str, unit: str) -> str:
    """The word that `systemctl is-enabled` or `is-active` answers. Its exit status says less than the word."""
    answer = await host.run(["systemctl", question, unit])
    word = answer.stdout.strip()
    if not word and question == "is-enabled":  # before systemd 253 it names a missing unit on standard error only
        return "not-found"
    return word or "unknown"


async def _own_name(host: Host, unit: str) -> str:
    """The name of the unit that an alias stands for (sshd.service: ssh.service)."""
    answer = await host.run(["systemctl", "show", "--property=Id", unit])
    return answer.stdout.strip().removeprefix("Id=") or unit


async def _reload_manager(context: StepContext, unit: str) -> None:
    """Lets systemd read unit files that earlier steps changed."""
    answer = await context.host.run(["systemctl", "show", "--property=NeedDaemonReload,LoadState", unit])
    words = answer.stdout.split()
    if "NeedDaemonReload=yes" in words or "LoadState=not-found" in words:
        await run(context, ("systemctl", "daemon-reload"))


async def _links(host: Host) -> dict[str, str]:
    """What `systemctl enable` made: the links below /etc/systemd/system with their targets, and its folders of links
    (`*.wants`, `*.requires`, `*.upholds`) with an empty text."""
    found: dict[str, str] = {}
    for name in await host.listdir(_LINKS):
        path = f"{_LINKS}/{name}"
        seen = await host.stat(path)
        if seen is None:
            continue
        if seen.kind == "link":
            found[path] = seen.target or ""
        elif seen.kind == "directory" and name.endswith((".wants", ".requires", ".upholds")):
            found[path] = ""
            for below in await host.listdir(path):
                link = await host.stat(f"{path}/{below}")
                if link is not None and link.kind == "link":
                    found[f"{path}/{below}"] = link.target or ""
    return found


async def _restore_links(context: StepContext, was: Mapping[str, str], own: Sequence[str]) -> None:
    """Makes these links and folders exactly what they were: `systemctl disable` also takes what `Also=` names, and
    `enable` writes a link's target in its own way."""
    host = context.host
    now = await _links(host)
    wrong = sorted(path for path in own if now.get(path) != was.get(path))
    for path in reversed(wrong):
        if path not in was:
            with contextlib.suppress(OSError):  # a folder that others use by now
                await host.remove(path)
    for path in wrong:
        if path in was and not was[path]:
            await host.mkdir(path, mode=0o755, uid=0, gid=0)
        elif path in was:
            await host.symlink(path, was[path])
    if wrong:
        await run(context, ("systemctl", "daemon-reload"))


async def unit_states(host: Host, names: Sequence[str]) -> dict[str, Any]:
    """How units are enabled and whether they run, as JSON for `restore_units`."""
    words = {name: [await _ask(host, question, name) for question in ("is-enabled", "is-active")] for name in names}
    return {"units": words, "links": await _links(host)}


async def restore_units(context: StepContext, kept: Mapping[str, Any]) -> None:
    """Gives units that are there again the links they had, and starts or stops them. Others' links stay."""
    host, units, was = context.host, kept["units"], kept["links"]
    now = await _links(host)
    own = set()
    for path in {*was, *now}:
        ends = {each.rpartition("/")[2] for each in (path, was.get(path, ""), now.get(path, ""))}
        if was.get(path) != now.get(path) and ends & {*units}:
            own |= {path, path.rpartition("/")[0]}
    await _restore_links(context, was, sorted(own - {_LINKS}))
    for name, (_enabled, active) in units.items():
        runs = await _ask(host, "is-active", name) in _ACTIVE
        if runs != (active in _ACTIVE):
            await run(context, ("systemctl", "stop" if runs else "start", name))
