"""What a check is, and what it found: a verdict with its receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import Unknown

#: not-here: the question doesn't arise on this machine
Verdict: TypeAlias = Literal["good", "bad", "unknown", "not-here"]

#: the areas in the order they are shown
AREAS: Mapping[str, str] = {
    "firewall": N_("Firewall and what listens"),
    "ssh": N_("SSH"),
    "updates": N_("Updates"),
    "accounts": N_("Accounts and sudo"),
    "permissions": N_("Keys and secrets"),
    "files": N_("Files"),
    "services": N_("Services"),
    "kernel": N_("Kernel and mounts"),
}

#: lines of a receipt, and characters of a line; what is cut is counted or marked
LINES, WIDTH = 20, 300


@dataclass(frozen=True, slots=True)
class Check:
    """A question about the machine. weight: what it counts in the score, 1 to 10. question, risk and fix are marked
    with N_. setting: where it can be mended here (`security.ssh.root_login`) once its module has it, "" where only
    by hand. scans: it needs
    the walk through all files."""

    id: str
    area: str
    weight: int
    question: str
    risk: str
    fix: str
    setting: str = ""
    scans: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A receipt. asked: the command or the file; output: what it said about the question, bounded, no secret in it."""

    asked: str
    output: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. reason: why it is unknown or not here, in words. items: what is bad, as the machine calls
    it (paths, accounts, packages)."""

    check: Check
    verdict: Verdict
    reason: str = ""
    items: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def evidence(asked: str | Sequence[str], lines: str | Iterable[str]) -> Evidence:
    """A receipt of a command's lines: at most LINES of them, the rest counted."""
    kept = lines.splitlines() if isinstance(lines, str) else list(lines)
    shown = [line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in kept[:LINES]]
    if len(kept) > LINES:
        shown.append(_("... and {n} more").format(n=len(kept) - LINES))
    return Evidence(asked if isinstance(asked, str) else " ".join(asked), "\n".join(shown))


def found(check: Check, items: Iterable[str], *receipts: Evidence) -> Finding:
    """Good where there are no items, else bad."""
    bad = tuple(items)
    return Finding(check, "bad" if bad else "good", items=bad, evidence=receipts)


def unknown(check: Check, why: Unknown | str, *receipts: Evidence) -> Finding:
    """It could not be found out."""
    return Finding(check, "unknown", why if isinstance(why, str) else why.reason, evidence=receipts)


def not_here(check: Check, why: str, *receipts: Evidence) -> Finding:
    """The question doesn't arise here."""
    return Finding(check, "not-here", why, evidence=receipts)


async def say(host: Host, *argv: str, stdin: bytes | None = None) -> str | Unknown:
    """What a command prints, where it ends with 0."""
    try:
        done = await host.run(argv, input=stdin)
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    except HostError as error:
        return Unknown(str(error))
    if done.ok:
        return done.stdout
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return Unknown(_("{program} says: {what}").format(program=argv[0], what=said[-1] if said else done.status))


async def text(host: Host, path: str) -> str | Unknown | None:
    """A file's text, None where there is none."""
    try:
        return await host.text(path)
    except PermissionError:
        return Unknown(_("no permission to read {path}").format(path=path))
    except OSError as error:
        return Unknown(f"{path}: {error.strerror or error}")


async def names(host: Host, path: str) -> tuple[str, ...] | Unknown:
    """The names in a folder; none where it doesn't exist."""
    try:
        return await host.listdir(path)
    except PermissionError:
        return Unknown(_("no permission to read {path}").format(path=path))
    except OSError as error:
        return Unknown(f"{path}: {error.strerror or error}")


def properties(output: str) -> dict[str, dict[str, str]]:
    """What `systemctl show --property=Id,...` prints, by unit."""
    units: dict[str, dict[str, str]] = {}
    for block in output.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines() if "=" in line)
        values = {key: value for key, _equals, value in pairs}
        if "Id" in values:
            units[values["Id"]] = values
    return units
