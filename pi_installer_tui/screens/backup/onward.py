"""From a place that was set up to backups that are proven: its kit is read back, a job goes there, runs, is drilled.
What is next of that, and the screen that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.proof import JobStanding
    from pi_installer_tui.modules.backup.state import State
    from pi_installer_tui.screens.backup.seen import PlaceSeen, Seen
    from pi_installer_tui.screens.base import ShellScreen

Next = Literal["kit", "job", "run", "drill", ""]


def following(place: str, kit: bool, standings: tuple[JobStanding, ...]) -> tuple[Next, str]:
    """What comes next of a place, and of which job. kit: it was read back."""
    here = [at for job in standings for at in job.places if at.place == place]
    if not kit:
        return "kit", ""
    if not here:
        return "job", ""
    for at in here:
        if at.good is None:
            return "run", at.job
    for at in here:
        if at.drilled is None:
            return "drill", at.job
    return "", ""


def said(one: PlaceSeen) -> str:
    """The next thing in words, with its key; "" nothing is left to be done."""
    match one.following:
        case "kit":
            return _("Next: read its recovery kit back; without the password nothing comes back. `o` leads there.")
        case "job":
            return _("Next: a job that goes there; nothing is backed up to it yet. `o` opens one.")
        case "run":
            return _("Next: the first run of {job} to it. `o` plans it.").format(job=one.following_job)
        case "drill":
            return _("Next: a restore drill of {job}, which proves it. `o` plans it.").format(job=one.following_job)
    return ""


async def job_form(screen: ShellScreen, place: str, seen: Seen) -> None:
    """The form of a job that goes to the place too: of a new one, out of what is worth keeping here, or of one that is
    there. Called in a worker."""
    from pi_installer_tui.modules.backup import MODULE
    from pi_installer_tui.screens.backup.module import BackupForm
    from pi_installer_tui.screens.module import Start
    from pi_installer_tui.widgets.form.choose import ChooseScreen

    new = _("(a new job)")
    name = new
    if seen.jobs:
        options = (*seen.jobs, new)
        title = _("Which job goes to {place}?").format(place=place)
        chosen = await screen.app.push_screen_wait(ChooseScreen(title, options, None, None, leave=False))
        if chosen is None:
            return
        name = str(chosen[1])
    if name != new:
        wanted: dict[str, Any] = {"places": [*seen.jobs[name].places, place]}
    else:
        name = next(each for n in range(100) if (each := "nightly" if not n else f"nightly-{n + 1}") not in seen.jobs)
        wanted = proposal(await MODULE.read(screen.shell.host), place)
    if not screen.closing:
        screen.app.push_screen(BackupForm("backup", Start({"jobs": {name: wanted}}, ("jobs", name))))


def proposal(state: State, place: str) -> dict[str, Any]:
    """A job as the wizard proposes it, to one place."""
    from pi_installer_tui.modules.backup.offer import KEEP, NIGHT, whats

    schedule = {"times": [NIGHT], "enabled": True}
    return {"what": list(whats(state)), "places": [place], "schedule": schedule, "keep": KEEP}
