"""RunAsCron: a job of a crontab is run once, now, with the environment, the shell, the folder and the standard input
that cron would give it; or by its user's login shell, to compare."""

from __future__ import annotations

import hashlib
import re
import shlex
import time
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.accounts import Account
from pi_installer_tui.system.cron import environment
from pi_installer_tui.system.cron.environment import Start
from pi_installer_tui.system.cron.lines import Entry
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.steps.base import AbsolutePath, Before, Overlay, Preview, StepBase, StepContext, StepError
from pi_installer_tui.tasks.steps.commands import Tail, shown
from pi_installer_tui.tasks.steps.crontab import Bytes, coded
from pi_installer_tui.tasks.steps.diff import clipped

#: bytes of output that the job's journal has, so that one that never stops printing doesn't fill the disk
MOST_OUTPUT = 1024 * 1024
#: a command that looks as if it left something running
_LEAVES = re.compile(r"(?<![&>|<])&(?![&>])|\b(?:nohup|setsid|disown|daemonize|start-stop-daemon|tmux|screen)\b")


class RunAsCron(StepBase):
    """A job of a crontab is run now. It is read from the line when the step is applied, and refused (`line-changed`)
    where that says something else than `text`. user: whose crontab, "" where its lines name the user. script: is run
    in place of the line's command, which is the one that runs its folder.

    where: cron: SHELL -c as cron calls it; shell: the same command by the user's login shell.

    A status other than 0 ends the step as failed (`job-failed`, `job-killed`). What it did can't be taken back. Of its
    output the first MOST_OUTPUT bytes and the last lines are kept. What it leaves running is ended with the job's unit:
    cron would let it go on."""

    kind: Literal["run-as-cron"] = "run-as-cron"
    path: AbsolutePath
    user: str = ""
    line: Annotated[int, Field(ge=1)]
    text: Bytes
    script: AbsolutePath | None = None
    where: Literal["cron", "shell"] = "cron"

    def describe(self) -> str:
        name = self.script or f"{self.path}:{self.line}"
        return clipped(_("run {path} as cron does") if self.where == "cron" else _("run {path} in a shell"), name)

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        said = await self._said(host)
        return {f"line:{self.path}:{self.line}": hashlib.sha256(said.encode()).hexdigest()}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        entry, account = await self._job(host)
        began = await self._start(host, entry, account)
        told = [
            "# " + _("as {user}, in {folder}").format(user=account.name, folder=began.home),
            "# " + _("environment: {names}").format(names=", ".join(sorted(began.variables))),
        ]
        if entry.stdin is not None and self.script is None:
            told.append("# " + _("standard input: what is behind the first %"))
        if self.script is None and _LEAVES.search(entry.shell):
            told.append("# " + _("what it leaves running is ended with it; cron would let it go on"))
        return Preview("command", "\n".join((*told, shown(began.words))))

    async def done(self, host: Host) -> bool:
        return False

    async def apply(self, context: StepContext) -> None:
        entry, account = await self._job(context.host)
        began = await self._start(context.host, entry, account)
        stdin = None if entry.stdin is None or self.script is not None else entry.stdin
        given = None if stdin is None else stdin.encode("utf-8", "surrogateescape")
        tail, at, printed = Tail(), time.monotonic(), 0
        context.reached("command:starting")
        async with context.host.start(began.argv, input=given, env=began.env) as process:
            async for chunk in process.chunks():
                tail.feed(chunk)
                if room := chunk[: max(0, MOST_OUTPUT - printed)]:
                    context.output(room)
                printed += len(chunk)
            status = await process.wait()
        context.reached("command:ended")
        left_out = max(0, printed - MOST_OUTPUT)
        if left_out:
            context.output("\n[...]\n{}\n".format("\n".join(tail.lines())).encode())
        more = {"left_out": left_out} if left_out else {}
        context.report({"status": status, "seconds": round(time.monotonic() - at, 3), **more})
        if status < 0:
            raise StepError("job-killed", tail.lines(), signal=str(-status))
        if status:
            raise StepError("job-failed", tail.lines(), status=str(status))

    async def undo(self, context: StepContext, before: Before) -> None:
        pass

    async def _said(self, host: Host) -> str:
        try:
            return coded(Table(await host.read(self.path, follow=not self.user)).text(self.line))
        except (FileNotFoundError, KeyError):
            return ""

    async def _job(self, host: Host) -> tuple[Entry, Account]:
        changed = StepError("line-changed", path=self.path, line=str(self.line))
        try:
            table = Table(await host.read(self.path, follow=not self.user), system=not self.user)
            if coded(table.text(self.line)) != self.text:
                raise changed
            entry = table.entry(self.line)
        except (FileNotFoundError, KeyError):
            raise changed from None
        name = self.user or entry.user or ""
        account = await environment.account_of(host, name)
        if account is None:
            raise StepError("unknown-user", name=name)
        return entry, account

    async def _start(self, host: Host, entry: Entry, account: Account) -> Start:
        command = entry.shell if self.script is None else f"cd / && {shlex.quote(self.script)}"
        if self.where == "shell":
            env = await environment.of_login(host, account)
            return environment.start(account, env, (env["SHELL"], "-l", "-c", command), account.home)
        env = await environment.of_cron(host, entry, account)
        return environment.start(
            account, env, (env["SHELL"], "-c", command), await environment.folder(host, env["HOME"])
        )
