"""How a job's runs are recorded: off, or on with a lock, a time limit, further tries, a ping. The line as it is and as
it comes to be stands above."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.cron.making import MakingScreen, Said, borrowed, model, values, wide
from pi_installer_tui.system.cron.lines import escaped
from pi_installer_tui.system.cron.wrapped import KEEP, WAIT, Wrapped, wrap
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.widgets.form.form import Form

#: what curl and the recorder take for a URL; it is a secret, so nothing of it is repeated
_URL = re.compile(r"https?://[!-~]{3,1000}")
_FIELDS = ("name", "lock", "timeout", "retries", "wait", "ping", "keep")


class RecordingScreen(MakingScreen):
    """A row that is a line of a crontab."""

    where = N_("Scheduled jobs: recording")
    about = N_(
        "A recorded job is started by /usr/local/bin/cron-record, which stands in the line for everybody to see, and "
        "can be taken out again here. It keeps begin, end, exit status and the last lines of the output of each run; "
        "what the job prints is mailed as before, and it ends as before.\n"
        "It can keep a run from starting while the one before still works, end it after a time, try again, and tell "
        "a dead man's switch such as healthchecks.io. That URL is typed unseen, and lies in a file that only the "
        "job's user reads.\n"
        "Where the URL stays empty the one that is there is kept."
    )
    LINES: ClassVar[int] = 6

    def __init__(self, row: Row) -> None:
        self._row = row
        super().__init__()

    def form(self) -> Form[Any]:
        from pydantic import Field

        from pi_installer_tui.modules.cron.actions import Record

        on = Field(default=True, title=N_("Recorded"), description=N_("Whether its runs are recorded."))
        url = Field(
            default=None,
            title=N_("URL of the ping"),
            description=N_(
                "It is asked when a run begins, with /start, and when it ended, with /fail where it failed."
            ),
            json_schema_extra={"widget": "secret"},
        )
        before = self._before()
        fields = borrowed(Record, *_FIELDS, begin=before)
        ordered = {"on": (bool, on), **{name: fields[name] for name in _FIELDS[:-1]}, "url": (str | None, url)}
        made = model("Recording", {**ordered, "keep": fields["keep"]})
        return wide(made, made.model_construct(None, **before), lambda _name: (), new=False)

    def _before(self) -> dict[str, Any]:
        found = self._row.wrapped
        if found is None:
            return {"on": True, "name": self._row.name or None, "wait": WAIT, "keep": KEEP}
        return {"on": True, **{name: getattr(found, name) for name in _FIELDS}}

    def begin(self) -> None:
        self.say_where(_("Recording {key}").format(key=printable(self._row.key)))

    def _wrapped(self, said: dict[str, Any]) -> Wrapped:
        entry = self._row.entry
        assert entry is not None
        command = self._row.wrapped.command if self._row.wrapped is not None else entry.shell
        told = {name: said[name] for name in _FIELDS if name in said}
        return Wrapped(**{"name": "", **told, "command": command})

    async def look(self) -> Sequence[Said]:
        said = values(self._form)
        entry = self._row.entry
        assert entry is not None
        told: list[Said] = [(_("now:  {command}").format(command=printable(entry.command)), "quiet")]
        wrapped = self._wrapped(said)
        if not said.get("on"):
            after = escaped(wrapped.command)
        elif not wrapped.name:
            return [*told, (_("It needs a name, under which its record is kept."), "warn")]
        elif self._form.mistakes:
            return [*told, (_("Mend what is marked with ! first."), "warn")]
        else:
            try:
                after = escaped(wrap(wrapped))
            except ValueError as error:
                return [*told, (str(error), "bad")]
        if entry.stdin is not None:
            after += _(" %... (its standard input, as it is)")
        told.append((_("then: {command}").format(command=printable(after)), "strong"))
        if said.get("on") and said.get("ping") and "url" not in self._form.secrets and not self._pinged(wrapped.name):
            told.append((_("The ping needs its URL."), "warn"))
        if said.get("on") and int(said.get("retries") or 0) and not said.get("timeout"):
            told.append((_("Without a time limit a run that hangs is never tried again."), "plain"))
        return told

    def _pinged(self, name: str) -> bool:
        """There is a URL for a record of this name."""
        found = self._row.wrapped
        return found is not None and found.ping and found.name == name

    def act(self) -> str:
        said = values(self._form)
        which = {"job": self._row.key, "text": self._row.text}
        if not said.get("on"):
            if self._row.wrapped is None:
                return _("it isn't recorded now.")
            self.shell.act("cron", "unrecord", which)
            return ""
        if not said.get("name"):
            return _("it needs a name, under which its record is kept.")
        url = self._form.secrets.get("url", "")
        if url and not _URL.fullmatch(url):
            self._form.reject({"url": _("is no URL that begins with https:// or http://")})
            return _("the URL of the ping isn't one.")
        there = self._pinged(said["name"])
        if said.get("ping") and not url and not there:
            self._form.reject({"url": _("is needed for the ping")})
            return _("the ping needs its URL.")
        if self._row.wrapped is not None and not self._form.changed:
            return _("nothing was changed here.")
        told = {name: said[name] for name in _FIELDS if name in said}
        secrets = {f"cron.{self._row.owner}.{told['name']}.ping": url} if url and said.get("ping") else None
        self.shell.act("cron", "record", {**which, **told}, secrets)
        return ""
