"""Own templates: YAML files in /etc/pi-installer-tui/cron-templates. One that is wrong is listed with what is wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host

from .templates import NAME, Template

FOLDER = "/etc/pi-installer-tui/cron-templates"
#: bytes; a template is a page of text
_MOST = 64 * 1024
#: so many aliases in a file are no template
_ALIASES = 50

EXAMPLE = """\
# /etc/pi-installer-tui/cron-templates/photos.yaml
title: Photos to the NAS
summary: Copies what is new or changed in a folder to another one.
schedule: "{at} * * *"
user: pi
parameters:
  at: {kind: time, title: Time, default: "02:30"}
  source: {kind: path, title: Folder, default: /home/pi/photos}
  target: {kind: path, title: Where to, system: false}
  limit: {kind: number, title: Speed, unit: kB/s, least: 0, most: 100000, default: 0}
apart: [[target, source]]
needs: [/usr/bin/rsync]
command: rsync -a --bwlimit={limit} {source}/ {target}/
record: {lock: true, timeout: 14400}
"""


@dataclass(frozen=True, slots=True)
class Own:
    """An own template. name: its file's, without `.yaml`. template: None where it is wrong; mistakes: what, sentences
    in words."""

    name: str
    path: str
    template: Template | None = None
    mistakes: tuple[str, ...] = ()


async def read(host: Host) -> tuple[Own, ...]:
    """All own templates, by name. Never raises: a folder that isn't there has none, and one that can't be read is told
    as a template with a mistake."""
    try:
        names = await host.listdir(FOLDER)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (Own("", FOLDER, None, (_unreadable(FOLDER, error),)),)
    wanted = [name for name in sorted(names) if name.endswith(".yaml") and not name.startswith(".")]
    return tuple(await asyncio.gather(*(_one(host, name) for name in wanted)))


async def _one(host: Host, file: str) -> Own:
    path, name = f"{FOLDER}/{file}", file.removesuffix(".yaml")
    try:
        if why := await _distrusted(host, path, name):
            return Own(name, path, None, (why,))
        part = await host.read_part(path, 0, _MOST + 1)
        data = part.data
    except OSError as error:
        return Own(name, path, None, (_unreadable(path, error),))
    if len(data) > _MOST:
        return Own(name, path, None, (_("It is larger than {most} bytes.").format(most=_MOST),))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Own(name, path, None, (_("It isn't UTF-8."),))
    found = parse(text)
    return Own(name, path, found) if isinstance(found, Template) else Own(name, path, None, found)


async def _distrusted(host: Host, path: str, name: str) -> str:
    """Why a file isn't taken: whoever may write it says what root will run."""
    if not NAME.fullmatch(name):
        return _("A template's name has small letters, digits, _ and -.")
    stat = await host.stat(path)
    if stat is None or stat.kind != "file":
        return _("It is no file.")
    if stat.uid != 0 or stat.mode & 0o022:
        return _("It isn't root's alone to write: whoever may change it says what is run.")
    return ""


def parse(text: str) -> Template | tuple[str, ...]:
    """A template's text; or what is wrong with it, sentences in words."""
    import yaml
    from pydantic import ValidationError

    from pi_installer_tui.wording import explain

    try:
        if sum(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.BaseLoader)) > _ALIASES:
            return (_("It has too many aliases."),)
        # every scalar is text: 12:30 stays a time, and `off` a word
        data: Any = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        return (_("Line {line}: this isn't YAML: {why}").format(line=line, why=error.problem or error.context or ""),)
    except yaml.YAMLError:
        return (_("It has a character that YAML doesn't allow."),)
    except RecursionError:
        return (_("It is nested too deeply."),)
    if not isinstance(data, dict):
        return (_("A template is one key and its value a line, such as `title: Photos`."),)
    try:
        return Template.model_validate(data)
    except ValidationError as error:
        found = explain(error, data)
        return tuple(f"{'.'.join(map(str, path))} {words}".strip() for path, words in found.items())


def _unreadable(path: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return _("No permission for {path}.").format(path=path)
    return error.strerror or str(error)
