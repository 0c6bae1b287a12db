"""What a module was applied with last, where the machine's own files can't tell: a file of the program's, root's and
0600, in the form that the module has as a key of a setup file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import yaml
from pydantic import ValidationError

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown

VERSION = 1

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Applied(Generic[S]):
    """Such a file. head: the comment that it begins with, a line."""

    path: str
    model: type[S]
    head: str

    def load(self, text: str) -> S:
        """The settings in the file. Raises ValueError, without what stands in it."""
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ValueError(_("isn't YAML")) from None
        if not isinstance(data, dict) or data.pop("version", None) != VERSION:
            raise ValueError(_("isn't a file of this version"))
        try:
            return self.model.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    def dump(self, settings: S) -> str:
        """The file's text."""
        data = {"version": VERSION, **settings.model_dump(mode="json", exclude_none=True)}
        return self.head + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)

    async def read(self, host: Host) -> tuple[Reading[S], int]:
        """What the machine's says, and its mode."""
        try:
            found, text = await host.stat(self.path), await host.text(self.path)
        except PermissionError:
            return Unknown(_("no permission for {path}").format(path=self.path)), 0
        if found is None or text is None:
            return MISSING, 0
        try:
            return Known(self.load(text), Source(self.path)), found.mode
        except ValueError as error:
            return Unknown(f"{self.path}: {error}"), found.mode
