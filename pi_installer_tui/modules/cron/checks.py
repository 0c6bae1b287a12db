"""What proves that a crontab is as wanted: crontab(1) shows the lines, and cron runs."""

from __future__ import annotations

from collections.abc import Iterator

from pi_installer_tui.modules.cron.drafts import Draft
from pi_installer_tui.modules.cron.state import State, shut_out
from pi_installer_tui.tasks.checks import Check, CommandSays, UnitActive

SERVICE = "cron.service"


def of_crontab(state: State, draft: Draft, number: int, setting: str) -> Iterator[Check]:
    after = draft.after()
    texts = [after.text(line) for line in sorted(draft.changed())]
    said = tuple(text for text in texts if text.isascii() and text.strip())
    if draft.user and said:
        # crontab(1) shows root no crontab of a user who may not use it, or who is gone
        hidden = shut_out(state, draft.user) or draft.user not in (state.cron.users or (draft.user,))
        argv = ("cat", draft.path) if hidden else ("crontab", "-l", "-u", draft.user)
        yield CommandSays(id=f"cron.crontab.{number}", setting=setting, argv=argv, lines=said, quiet=True)
    if texts and number == 1 and state.cron.daemon in ("", "cron"):
        yield UnitActive(id="cron.daemon", setting=setting, name=SERVICE, seconds=1)
