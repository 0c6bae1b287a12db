"""What proves a job: a small vocabulary of questions to the machine, as data, stored beside the steps.

A check never changes anything. Its result is ok, failed or unknown, with the evidence: what was asked and what the
machine answered.
"""

from __future__ import annotations

import asyncio
import json
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.formats import FormatError, FormatName, get
from pi_installer_tui.system.host import Completed, Host, HostError
from pi_installer_tui.tasks.events import CheckStatus
from pi_installer_tui.tasks.fingerprints import fingerprint as fingerprint_of
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import AbsolutePath, Argument, StepId
from pi_installer_tui.tasks.steps.commands import UnitName, shown
from pi_installer_tui.tasks.steps.diff import printable

#: of a check's evidence
_LINES = 12
_CHARACTERS = 2000

#: seconds between two looks of a check that may still become true
_PAUSE = 0.5
#: seconds that a service may take to read its files again
_RELOADS = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found."""

    status: CheckStatus
    evidence: str


class CheckBase(Frozen):
    """The fields that all checks have."""

    kind: str
    id: StepId
    setting: str = ""
    #: seconds in which it may become true (a lease that has to arrive)
    within: Annotated[float, Field(ge=0, le=600)] = 0

    @abstractmethod
    def describe(self) -> str:
        """The question, a translated phrase: `the hostname is attic`."""

    @abstractmethod
    async def look(self, host: Host) -> Result:
        """Asks once."""


class FileValue(CheckBase):
    """A key of a configuration file has this value (None: isn't set)."""

    kind: Literal["file-value"] = "file-value"
    path: AbsolutePath
    format: FormatName
    key: tuple[str, ...]
    value: str | int | bool | tuple[str, ...] | None

    def describe(self) -> str:
        if self.value is None:
            return _("{path} leaves {key} unset").format(path=self.path, key=".".join(self.key))
        return _("{path} sets {key} to {value}").format(path=self.path, key=".".join(self.key), value=_word(self.value))

    async def look(self, host: Host) -> Result:
        text = await host.text(self.path)
        if text is None:
            return Result("ok" if self.value is None else "failed", _("{path} is missing").format(path=self.path))
        try:
            entry = get(self.format, text, self.key)
        except FormatError as error:
            return Result("unknown", f"{self.path}: {error}")
        name = ".".join(self.key)
        if entry is None:
            return Result(
                "ok" if self.value is None else "failed", _("{path}: {key} isn't set").format(path=self.path, key=name)
            )
        found = tuple(entry.value) if isinstance(entry.value, list) else entry.value
        evidence = f"{self.path}:{entry.line}: {name} = {_word(found)}"
        same = type(found) is type(self.value) and found == self.value
        return Result("ok" if same or _as_text(found) == _as_text(self.value) else "failed", evidence)


def _word(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else json.dumps(value, default=str).strip('"')


def _as_text(value: object) -> object:
    """Numbers as the text that formats without types have them in; booleans stay what they are."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class PathIs(CheckBase):
    """A path has this fingerprint (steps.files.fingerprint): used by undo, and where a whole file counts."""

    kind: Literal["path-is"] = "path-is"
    path: AbsolutePath
    fingerprint: str

    def describe(self) -> str:
        return _("{path} is as it should be").format(path=self.path)

    async def look(self, host: Host) -> Result:
        found = await fingerprint_of(host, self.path)
        if found == self.fingerprint:
            return Result("ok", f"{self.path}: {found}")
        return Result(
            "failed",
            _("{path}: {found}, expected {expected}").format(path=self.path, found=found, expected=self.fingerprint),
        )


class WrittenLately(CheckBase):
    """One of these files was written in the last `seconds`: what keeps writing to it does so now."""

    kind: Literal["written-lately"] = "written-lately"
    paths: Annotated[tuple[AbsolutePath, ...], Field(min_length=1)]
    seconds: Annotated[float, Field(gt=0, le=86400)]

    def describe(self) -> str:
        return _("{path} was written in the last {seconds} s").format(path=self.paths[0], seconds=f"{self.seconds:g}")

    async def look(self, host: Host) -> Result:
        now, told, right = time.time(), [], False
        for path in self.paths:
            found = await host.stat(path)
            if found is None:
                told.append(_("{path} is missing").format(path=path))
                continue
            age = now - found.mtime_ns / 1e9
            right = right or (found.kind == "file" and age <= self.seconds)
            told.append(_("{path} was written {seconds} s ago").format(path=path, seconds=f"{age:.0f}"))
        return Result("ok" if right else "failed", "\n".join(told))


class CommandSays(CheckBase):
    """A command ends with 0 and prints a line (blanks count as one) that equals `line`, or with `contains` has it as a
    word among others separated by blanks; it prints each of `lines`, and no line that equals `without`. quiet: of what
    it prints nothing is kept, since secrets may be in it."""

    kind: Literal["command-says"] = "command-says"
    argv: Annotated[tuple[Argument, ...], Field(min_length=1)]
    line: str = ""
    contains: str = ""
    without: str = ""
    lines: tuple[str, ...] = ()
    quiet: bool = False

    def describe(self) -> str:
        wanted = self.line or self.contains
        command = shown(self.argv)
        if self.without:
            return _("`{command}` doesn't say {unwanted}").format(command=command, unwanted=self.without)
        if self.lines:
            count = len(self.lines)
            said = ngettext("`{command}` says the line wanted", "`{command}` says all {count} lines wanted", count)
            return said.format(command=command, count=count)
        return _("`{command}` says {wanted}").format(command=command, wanted=wanted) if wanted else command

    async def look(self, host: Host) -> Result:
        answer = await host.run(self.argv)
        lines = [" ".join(line.split()) for line in answer.stdout.splitlines()]
        right = answer.ok
        if self.line:
            right = right and " ".join(self.line.split()) in lines
        if self.contains:
            right = right and self.contains in answer.stdout.split()
        if self.without:
            right = right and " ".join(self.without.split()) not in lines
        evidence = _evidence(replace(answer, stdout="") if self.quiet else answer)
        if missing := [line for line in self.lines if " ".join(line.split()) not in lines]:
            said = _("it doesn't say: {missing}").format(missing="; ".join(missing))
            if self.quiet:
                count = len(missing)
                said = ngettext("it lacks {count} line", "it lacks {count} lines", count).format(count=count)
            return Result("failed", f"{evidence}\n{said}")
        return Result("ok" if right else "failed", evidence)


class NoAccount(CheckBase):
    """The machine's name service knows no account of a name."""

    kind: Literal["no-account"] = "no-account"
    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]

    def describe(self) -> str:
        return _("there is no account {name}").format(name=self.name)

    async def look(self, host: Host) -> Result:
        answer = await host.run(["getent", "passwd", self.name])
        # getent(1): 2 where a key isn't found
        status: CheckStatus = "ok" if answer.status == 2 else "failed" if answer.ok else "unknown"
        return Result(status, _evidence(answer))


#: signs of four kinds without a word, a row or a repetition in them, for as long as a password has to be
_SAMPLE = "vK7-qZ3_xW9+jT5=bN8~gD4!rM6?fH2^cY1/pL0:uS#eX%aQ&wO.iG,kV;mB@zR"
#: the same of few kinds, by their number
_FEWER = {1: "vkqzxwjtbngdrmfhcyplusexaqwoigkvmbzrtnyd", 2: "vk7qz3xw9jt5bn8gd4rm6fh2cy1pl0us7ex3aq9w",
          3: "vK7qZ3xW9jT5bN8gD4rM6fH2cY1pL0uS7eX3aQ9w"}  # fmt: skip


class PasswordRules(CheckBase):
    """Whoever sets a password is held to rules (PAM asks pam_pwquality), and these refuse one that is a character too
    short, or of too few kinds of characters, and take one that isn't. Asked of pwscore(1), with samples."""

    kind: Literal["password-rules"] = "password-rules"
    min_length: Annotated[int, Field(ge=6, le=64)] | None = None
    classes: Annotated[int, Field(ge=0, le=4)] = 0

    def describe(self) -> str:
        if self.min_length is None:
            return _("new passwords are held to the rules")
        return _("a new password needs {n} characters").format(n=self.min_length)

    async def look(self, host: Host) -> Result:
        pam = await host.text("/etc/pam.d/common-password") or ""
        used = [line for line in pam.splitlines() if "pam_pwquality.so" in line and not line.lstrip().startswith("#")]
        if not used:
            return Result("failed", _("/etc/pam.d/common-password doesn't ask pam_pwquality"))
        told, right = [f"/etc/pam.d/common-password: {used[0].strip()}"], True
        length = max(self.min_length or 0, 16)
        samples = [(_SAMPLE[:length], True)]
        if self.min_length is not None:
            samples.append((_SAMPLE[: self.min_length - 1], False))
        if self.classes > 1:
            samples.append((_FEWER[self.classes - 1][:length], False))
        for sample, good in samples:
            answer = await host.run(["pwscore"], input=f"{sample}\n".encode())
            right = right and answer.ok is good
            told.append(_evidence(answer, f"pwscore < {sample}"))
        return Result("ok" if right else "failed", "\n".join(told))


class UnitActive(CheckBase):
    """A unit is active and stays so for `seconds` without a restart (or is inactive, with active=False)."""

    kind: Literal["unit-active"] = "unit-active"
    name: UnitName
    active: bool = True
    seconds: Annotated[float, Field(ge=0, le=600)] = 5.0

    def describe(self) -> str:
        if not self.active:
            return _("{unit} doesn't run").format(unit=self.name)
        return _("{unit} runs, {seconds} s without a restart").format(unit=self.name, seconds=f"{self.seconds:g}")

    async def look(self, host: Host) -> Result:
        first, evidence = await self._state(host)
        if not self.active:
            return Result("ok" if first["ActiveState"] in ("inactive", "failed") else "failed", evidence)
        first, evidence = await self._reloaded(host, first, evidence)
        if first["ActiveState"] != "active":
            return Result("failed", evidence)
        await asyncio.sleep(self.seconds)
        second, evidence = await self._reloaded(host, *await self._state(host))
        steady = second["ActiveState"] == "active" and all(
            first.get(name) == second.get(name) for name in ("InvocationID", "NRestarts")
        )
        return Result("ok" if steady else "failed", evidence)

    async def _reloaded(self, host: Host, state: dict[str, str], evidence: str) -> tuple[dict[str, str], str]:
        """Its state once it has read its files again, which it may be at: it runs meanwhile (systemd.service(5))."""
        until = time.monotonic() + _RELOADS
        while state["ActiveState"] in ("reloading", "refreshing") and time.monotonic() < until:
            await asyncio.sleep(_PAUSE)
            state, evidence = await self._state(host)
        return state, evidence

    async def _state(self, host: Host) -> tuple[dict[str, str], str]:
        names = "LoadState,ActiveState,SubState,Result,NRestarts,InvocationID"
        answer = await host.run(["systemctl", "show", f"--property={names}", self.name], check=True)
        state = dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
        if "ActiveState" not in state:
            raise HostError(_("systemctl didn't say whether {unit} runs").format(unit=self.name))
        return state, _evidence(answer)


class AddressUp(CheckBase):
    """An interface has an address (with prefix; "" any, from DHCP) and the default route goes over `gateway`."""

    kind: Literal["address-up"] = "address-up"
    interface: Annotated[str, Field(pattern=r"^[^\s/\x00-]{1}[^\s/\x00]{0,14}$")]
    address: str = ""
    gateway: str = ""

    def describe(self) -> str:
        address = self.address or _("an address")
        if self.gateway:
            return _("{interface} has {address} and its way out over {gateway}").format(
                interface=self.interface, address=address, gateway=self.gateway
            )
        return _("{interface} has {address}").format(interface=self.interface, address=address)

    async def look(self, host: Host) -> Result:
        asked = await host.run(["ip", "-json", "address", "show", "dev", self.interface])
        if not asked.ok:
            return Result("failed", _evidence(asked))
        found = [
            f"{address['local']}/{address['prefixlen']}"
            for link in _json(asked)
            for address in link.get("addr_info", ())
            if address.get("scope") == "global" and "tentative" not in address and "dadfailed" not in address
        ]
        right = self.address in found if self.address else bool(found)
        evidence = f"$ {shown(asked.argv)}\n{', '.join(found) or _('no address')}"
        if self.gateway:
            version = ["-6"] if ":" in self.gateway else []
            asked = await host.run(["ip", *version, "-json", "route", "show", "default"])
            routes = [route for route in _json(asked) if route.get("dev") == self.interface]
            gateways = [str(route["gateway"]) for route in routes if "gateway" in route]
            right = right and self.gateway in gateways
            evidence += "\n" + _("default route over {gateways}").format(gateways=", ".join(gateways) or "-")
        return Result("ok" if right else "failed", evidence)


class Answers(CheckBase):
    """A host answers on the network: ping, or a TCP connection with `port`."""

    kind: Literal["answers"] = "answers"
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9:][A-Za-z0-9:.%_-]{0,252}$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None

    def describe(self) -> str:
        if self.port:
            return _("{host} answers on port {port}").format(host=self.host, port=self.port)
        return _("{host} answers").format(host=self.host)

    async def look(self, host: Host) -> Result:
        if self.port is None:
            answer = await host.run(["ping", "-n", "-c", "1", "-W", "2", self.host])
        else:
            answer = await host.run(["python3", "-I", "-c", _CONNECT, self.host, str(self.port)])
        return Result(
            "ok" if answer.ok else "failed", _evidence(answer, f"connect {self.host} {self.port}" if self.port else "")
        )


#: connects and closes; what happened in one line. Sockets, too, are the machine's own.
_CONNECT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as connection:
        print("connected to", *connection.getpeername()[:2])
except OSError as error:
    sys.exit(f"not connected: {error}")
"""


class RepositoryAnswers(CheckBase):
    """A backup's repository is there, and its password opens it. Of a place that can't be reached nothing is known."""

    kind: Literal["repository-answers"] = "repository-answers"
    place: Place

    def describe(self) -> str:
        return _("the repository at {place} answers").format(place=self.place.name)

    async def look(self, host: Host) -> Result:
        from pi_installer_tui.restic.engine import Restic

        asked = f"$ restic --repo {self.place.repository} cat config"
        try:
            there = await Restic(host, self.place).initialised()
        except Trouble as error:
            what: Literal["failed", "unknown"] = "unknown" if error.reason == "unreachable" else "failed"
            return Result(what, "\n".join((asked, *(error.tail or (str(error),)))))
        return Result("ok" if there else "failed", f"{asked}\n{_('it opens') if there else _('there is none')}")


Check: TypeAlias = Annotated[
    FileValue
    | PathIs
    | WrittenLately
    | CommandSays
    | NoAccount
    | PasswordRules
    | UnitActive
    | AddressUp
    | Answers
    | RepositoryAnswers,
    Field(discriminator="kind"),
]


async def run_check(check: Check, host: Host) -> Result:
    """Looks until the check holds, for as long as it has time (`within`). What can't be asked is unknown."""
    loop = asyncio.get_running_loop()
    until = loop.time() + check.within
    while True:
        result = await _once(check, host)
        if result.status == "ok" or loop.time() + _PAUSE > until:
            return Result(result.status, _bounded(result.evidence))
        await asyncio.sleep(_PAUSE)


async def _once(check: Check, host: Host) -> Result:
    try:
        return await check.look(host)
    except HostError as error:
        return Result("unknown", str(error))
    except OSError as error:
        return Result("unknown", ": ".join(filter(None, (str(error.filename or ""), error.strerror))))


def _json(answer: Completed) -> Sequence[dict[str, Any]]:
    """The objects that `ip -json` printed. Raises HostError where it didn't."""
    if not answer.ok:
        raise HostError(_evidence(answer))
    try:
        found = json.loads(answer.stdout or "[]")
    except ValueError:
        raise HostError(_("{program} printed something else than JSON").format(program=answer.argv[0])) from None
    return [item for item in found if isinstance(item, dict)]


def _evidence(answer: Completed, command: str = "") -> str:
    """A command and what it answered."""
    said = "\n".join(part.strip() for part in (answer.stdout, answer.stderr) if part.strip())
    status = "" if answer.ok else "\n" + _("exit status {status}").format(status=answer.status)
    return f"$ {command or shown(answer.argv)}\n{said}{status}"


def _bounded(evidence: str) -> str:
    lines = evidence.splitlines()
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 2], "…", lines[-1]]
    return printable("\n".join(lines))[:_CHARACTERS]
