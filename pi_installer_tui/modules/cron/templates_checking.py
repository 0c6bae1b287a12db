"""What a template needs of the machine: programs, files, and paths that lead where they say."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import FileStat, Host

from .templates import Template
from .templates_parameters import as_written, mistake, refused


async def missing(host: Host, template: Template, values: Mapping[str, str], *, user: str = "root") -> list[str]:
    """What isn't there, or isn't safe, sentences in words. user: as whom the job runs."""
    told = []
    for program in template.needs:
        if await _stat(host, program) is None:
            told.append(_("{program} isn't installed.").format(program=program))
    for name, parameter in template.parameters.items():
        value = values.get(name, parameter.default)
        if mistake(parameter, value):
            continue
        if parameter.kind == "secret":
            told += await _secret(host, as_written(parameter, value))
        elif parameter.kind == "path" and not parameter.system and user == "root":
            told += await _of_others(host, as_written(parameter, value))
    return [*told, *(f"{_(template.parameters[name].title)} {why}." for name, why in (
        await led_astray(host, template, values)
    ).items())]  # fmt: skip


async def led_astray(host: Host, template: Template, values: Mapping[str, str]) -> dict[str, str]:
    """Paths that may not be of the system, and lead there by a link; by parameter, a phrase that follows its title."""
    found = {}
    for name, parameter in template.parameters.items():
        value = values.get(name, parameter.default)
        if parameter.kind != "path" or parameter.system or mistake(parameter, value):
            continue
        path = as_written(parameter, value)
        try:
            real = await host.realpath(path)
        except OSError:
            real = path
        if real != path and (why := refused(real)):
            found[name] = _("leads to {real}, which {why}").format(real=real, why=why)
    return found


async def _of_others(host: Host, path: str) -> list[str]:
    """That somebody else than root could put a link in a folder's place, which root's job would follow."""
    parts = path.strip("/").split("/")
    for number in range(1, len(parts) + 1):
        place = "/" + "/".join(parts[:number])
        stat = await _stat(host, place)
        if stat is not None and (stat.uid != 0 or (stat.mode & 0o022 and not stat.mode & 0o1000)):
            said = _(
                "{place} isn't root's alone: others could lead root elsewhere by a link. Let the job be its owner's."
            )
            return [said.format(place=place)]
    return []


async def _secret(host: Host, path: str) -> list[str]:
    stat = await _stat(host, path)
    if stat is None:
        return [_("There is no {path} yet: write it before the job runs.").format(path=path)]
    if stat.kind == "file" and stat.mode & 0o077:
        return [_("Others may read {path}: chmod 600 it.").format(path=path)]
    return []


async def _stat(host: Host, path: str) -> FileStat | None:
    """Of what a path leads to; None where nothing is there, or it can't be looked at."""
    try:
        found = await host.stat(path)
        if found is not None and found.kind == "link":
            found = await host.stat(await host.realpath(path))
    except OSError:
        return None
    return found
