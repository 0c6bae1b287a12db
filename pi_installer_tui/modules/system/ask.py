"""Questions to the machine whose answer may be `unknown`: each gives a value or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from pi_installer_tui.i18n import _
from pi_installer_tui.system.formats import Entry, FormatError
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import Known, Missing, Reading, Source, Unknown


async def say(host: Host, *argv: str) -> str | Unknown:
    """What a command prints, where it ends with 0."""
    try:
        done = await host.run(argv)
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
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


def entry(known_format: ModuleType, content: str | Unknown | None, path: str, *key: str) -> Reading[object]:
    """One key of a file that was read by `text`, with its line."""
    if isinstance(content, Unknown):
        return content
    if content is None:
        return Missing(Source(path))
    try:
        found: Entry | None = known_format.get(content, key)
    except FormatError as error:
        return Unknown(f"{path}: {error}")
    return Missing(Source(path)) if found is None else Known(found.value, Source(path, found.line))


def words(reading: Reading[object]) -> Reading[str]:
    """A reading as text."""
    return Known(str(reading.value), reading.source) if isinstance(reading, Known) else reading


def properties(output: str) -> list[dict[str, str]]:
    """The blocks of KEY=value that `systemctl show` and `timedatectl show` print, one for each unit."""
    blocks: list[dict[str, str]] = []
    for block in output.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines() if "=" in line)
        if found := {key: value for key, _equals, value in pairs}:
            blocks.append(found)
    return blocks


_UNIT_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic"


async def units(host: Host, *names: str) -> Mapping[str, Mapping[str, str]] | Unknown:
    """Properties of systemd units by name; those that aren't there have LoadState=not-found."""
    said = await say(host, "systemctl", "show", f"--property={_UNIT_PROPERTIES}", "--", *names)
    if isinstance(said, Unknown):
        return said
    return {block["Id"]: block for block in properties(said) if "Id" in block}
