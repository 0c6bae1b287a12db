"""Timers of systemd: made, changed, switched, deleted; and cron's lines as timers and back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron.actions import OfTimer, ToCron, ToTimer
from pi_installer_tui.modules.cron.drafts import Drafts
from pi_installer_tui.modules.cron.lines import OPEN, Edited, Wrong, delete, find, line_of, place
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.modules.cron.values import slug
from pi_installer_tui.system.cron.environment import SECRET
from pi_installer_tui.system.cron.lines import escaped
from pi_installer_tui.system.timers import conversion, unit
from pi_installer_tui.system.timers.conversion import CannotConvert, Timing
from pi_installer_tui.system.timers.read import Timer
from pi_installer_tui.system.timers.unit import FOLDER, CannotWrite, Job
from pi_installer_tui.tasks.checks import Check, CommandSays, UnitActive
from pi_installer_tui.tasks.steps import Probe, RemoveFile, RunCommand, Step, Unit, WriteFile

_SHELL = ("/bin/sh", "-c")
#: cron begins in the home folder, a service in /
_HOME = "cd || exit; "
#: what a crontab's settings mean to cron and to nobody else
_CRONS_OWN = ("MAILTO", "MAILFROM", "LOGNAME", "CRON_TZ")
#: variables that say where a secret is
_PLACE = re.compile(r"_(?:FILE|PATH|DIR|SOCK)$|^XAUTHORITY$")
#: UnitFileState of a timer without a switch of its own (systemctl(1), is-enabled)
_NO_SWITCH = ("static", "indirect", "generated", "transient", "alias", "masked", "masked-runtime", "")


def job_of(told: OfTimer) -> Job:
    """What the unit files are to say. Raises Wrong."""
    if bool(told.command) == bool(told.words):
        raise Wrong("command", _("name either a line for the shell, or a program and its arguments"))
    return Job(
        name=told.name,
        command=(*_SHELL, told.command) if told.command else told.words,
        timing=Timing(told.calendars, told.on_boot, (), told.persistent, float(told.random_delay)),
        description=told.description,
        user="" if told.user == "root" else told.user,
        environment=environment(told.environment),
    )


def environment(lines: Sequence[str]) -> Mapping[str, str]:
    """Variables out of NAME=value."""
    return MappingProxyType({name: value for name, _equals, value in (line.partition("=") for line in lines)})


def secrets(names: Iterable[str]) -> Iterator[str]:
    """Variables whose values are secrets, by their names."""
    return (name for name in names if SECRET.search(name) and not _PLACE.search(name))


def public(job: Job) -> list[str]:
    """What everybody will be able to read, as sentences."""
    text = _("Everybody on the machine can read {name}: a unit's environment is no secret.")
    return [text.format(name=name) for name in secrets(job.environment)]


def looked_over(state: State, job: Job) -> None:
    """Raises Wrong for what systemd wouldn't take, and for a name that is another unit's."""
    for each in job.timing.calendars:
        answer = state.calendars.get(each)
        if answer is not None and answer.mistake is not None:
            raise Wrong("calendars", f"{each}: {answer.mistake.text}")
    if job.user and state.cron.users and job.user not in state.cron.users:
        raise Wrong("user", _("there is no user {user}").format(user=job.user))
    try:
        unit.service_text(job)
    except CannotWrite as error:
        raise Wrong("words" if job.command[:2] != _SHELL else "command", _phrase(error)) from None
    try:
        unit.units(job)
    except CannotWrite as error:
        raise Wrong("calendars", _phrase(error)) from None
    files = {f"{job.name}.service", f"{job.name}.timer"}
    if job.name not in state.units and files & state.files:
        why = _("there is a unit of this name, whose files have more settings than can be changed here")
        raise Wrong("name", why)
    if job.name not in state.units and files & state.elsewhere:
        raise Wrong("name", _("a package has a unit of this name"))


def _phrase(error: Exception) -> str:
    text = str(error).removesuffix(".")
    return text[:1].lower() + text[1:]


def named(state: State, name: str, owner: str = "") -> Timer | None:
    """A timer of the system, or of a user. name: with .timer."""
    return next((each for each in state.timers.timers if (each.name, each.owner) == (name, owner)), None)


def write(state: State, job: Job, setting: str, *, enabled: bool, needs: Sequence[str] = ()) -> list[Step]:
    """The steps to a timer. Empty where it is so already."""
    timer, before = named(state, f"{job.name}.timer"), state.units.get(job.name)
    steps: list[Step] = []
    part = slug(job.name)
    changed = before != job
    if changed:
        for file, text in unit.units(job).items():
            step = WriteFile(
                id=f"cron.unit.{part}.{file.rpartition('.')[2]}",
                setting=setting,
                needs=tuple(needs),
                path=f"{FOLDER}/{file}",
                content=text,
                mode=0o644,
            )
            steps.append(step)
    files = tuple(step.id for step in steps)
    if changed and state.verifies:
        argv = ("systemd-analyze", "verify", "--recursive-errors=no", *(f"{FOLDER}/{job.name}.{k}" for k in _KINDS))
        step_id = f"cron.unit.{part}.verify"
        steps.append(RunCommand(id=step_id, setting=setting, needs=files, argv=argv, probe="repeatable"))
        files = (*files, step_id)
    runs = timer is not None and timer.active
    on = timer is not None and timer.enabled == "enabled"
    if changed or on is not enabled or runs is not enabled:
        again = changed and runs and enabled
        switch = Unit(
            id=f"cron.timer.{part}",
            setting=setting,
            needs=files,
            name=f"{job.name}.timer",
            enabled=enabled,
            active=enabled,
            restart=again,
        )
        steps.append(switch)
    return steps


_KINDS = ("service", "timer")


def checks(name: str, setting: str, *, enabled: bool) -> list[Check]:
    """That systemd has it so. name: without .timer."""
    asks = ("systemctl", "show", "--property=UnitFileState", "--value", f"{name}.timer")
    word = "enabled" if enabled else "disabled"
    return [
        UnitActive(
            id=f"cron.timer.{slug(name)}.runs", setting=setting, name=f"{name}.timer", active=enabled, seconds=1
        ),
        CommandSays(id=f"cron.timer.{slug(name)}.set", setting=setting, argv=asks, line=word),
    ]


def switch(state: State, timer: Timer, setting: str, *, on: bool) -> list[Step]:
    """A timer is switched on or off, now and from the next start on. Raises Wrong."""
    if timer.enabled in _NO_SWITCH:
        raise Wrong(
            "jobs",
            _("{timer} can't be switched: systemd calls it {word}").format(
                timer=timer.name, word=timer.enabled or _("without a file")
            ),
        )
    if (timer.enabled == "enabled", timer.active) == (on, on):
        return []
    if timer.owner:
        return [_of_user(state, timer, setting, on=on)]
    number = f"cron.timer.{slug(timer.name)}"
    return [Unit(id=number, setting=setting, name=timer.name, enabled=on, active=on)]


def _of_user(state: State, timer: Timer, setting: str, *, on: bool) -> RunCommand:
    before = control(state, timer.owner)
    verbs = ("enable", "disable") if on else ("disable", "enable")
    return RunCommand(
        id=f"cron.timer.{slug(timer.owner)}.{slug(timer.name)}",
        setting=setting,
        argv=(*before, verbs[0], "--now", timer.name),
        probe=Probe(argv=(*before, "is-active", timer.name), status=0 if on else 3),
        undo_argv=(*before, verbs[1], "--now", timer.name),
    )


def control(state: State, owner: str) -> tuple[str, ...]:
    """systemctl, as it speaks with a user's manager without a login. Raises Wrong."""
    account = state.cron.users.get(owner)
    if account is None:
        raise Wrong("jobs", _("there is no user {user}").format(user=owner))
    who = (f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--")
    return ("setpriv", *who, "env", f"XDG_RUNTIME_DIR=/run/user/{account.uid}", "systemctl", "--user")


def remove(state: State, timer: Timer, setting: str, needs: Sequence[str] = ()) -> list[Step]:
    """A timer goes, and the service that nothing else starts. Raises Wrong."""
    name = timer.name.removesuffix(".timer")
    part = slug(f"{timer.owner}-{name}" if timer.owner else name)
    account = state.cron.users.get(timer.owner)
    own = f"{account.home}/.config/systemd/user" if account is not None else ""
    folder = timer.file.rpartition("/")[0]
    if folder not in (FOLDER, own) or bool(timer.owner) != (folder == own):
        why = _("{timer} came with a package, whose file it is; it can be switched off")
        raise Wrong("jobs", why.format(timer=timer.name))
    first: list[Step] = []
    if timer.owner:
        before = control(state, timer.owner)
        argv, back = (*before, "disable", "--now", timer.name), (*before, "enable", "--now", timer.name)
        first.append(
            RunCommand(id=f"cron.timer.{part}", setting=setting, argv=argv, probe="repeatable", undo_argv=back)
        )
    else:
        step = Unit(id=f"cron.timer.{part}", setting=setting, name=timer.name, enabled=False, active=False)
        first.append(step.model_copy(update={"needs": tuple(needs)}))
    shared = any(each.starts == timer.starts and each is not timer for each in state.timers.timers)
    files = [f"{name}.timer"]
    if timer.starts == f"{name}.service" and not shared and (timer.owner or timer.starts in state.files):
        files.append(timer.starts)
    for file in files:
        kind = file.rpartition(".")[2]
        number = f"cron.unit.{part}.{kind}"
        first.append(RemoveFile(id=number, setting=setting, needs=(first[0].id,), path=f"{folder}/{file}"))
    return first


# from one to the other --------------------------------------------------------------------------------------------


def to_timer(state: State, told: ToTimer) -> tuple[Job, Edited]:
    """The timer that does what the line does, and the crontab without it. Raises Wrong."""
    made = Edited(Drafts(state))
    found = find(state, made.drafts, told.job, told.text)
    entry = found.entry
    if entry.stdin is not None:
        raise Wrong("job", _("it has a standard input, what is behind its first %, which a timer's service can't have"))
    try:
        converted = conversion.to_timer(entry.schedule.text)
    except CannotConvert as error:
        raise Wrong("job", str(error).removesuffix(".")) from None
    timing = converted.timing
    timing = Timing(timing.calendars, timing.on_boot, (), told.persistent, float(told.random_delay))
    shell = entry.settings.get("SHELL", "/bin/sh")
    own = {name: value for name, value in entry.settings.items() if name not in (*_CRONS_OWN, "SHELL")}
    if hidden := next(secrets(own), ""):
        why = _(
            "its crontab sets {name}, which everybody could read in a timer's file: let the command read it from a file"
        )
        raise Wrong("job", why.format(name=hidden))
    if found.draft.user:
        made.notices.append(_(OPEN))
    if entry.settings.get("MAILTO") != "":
        made.notices.append(_("What it prints goes to the journal; nobody gets it by mail."))
    if "PATH" not in own:
        own["PATH"] = "/usr/bin:/bin"
    job = Job(
        name=told.name,
        command=(shell, "-c", _HOME + entry.shell.removesuffix("\r")),
        timing=timing,
        user="" if found.owner == "root" else found.owner,
        environment=MappingProxyType(own),
    )
    made.notices += converted.notes
    looked_over(state, job)
    if job.name in state.units:
        raise Wrong("name", _("there is a timer of this name"))
    delete(state, found)
    return job, made


def to_cron(state: State, told: ToCron) -> tuple[Timer, Edited]:
    """The crontab with lines that do what the timer does. Raises Wrong."""
    name = told.job.removesuffix(".timer")
    timer, job = named(state, f"{name}.timer"), state.units.get(name)
    if timer is None:
        raise Wrong("job", _("there is no such timer of the system: {job}").format(job=told.job))
    if job is None:
        raise Wrong("job", _("it isn't in {folder}, or has more settings than cron could have").format(folder=FOLDER))
    try:
        converted = conversion.to_cron(timer.timing)
    except CannotConvert as error:
        raise Wrong("job", str(error).removesuffix(".")) from None
    made = Edited(Drafts(state), list(converted.notes))
    draft = place(state, made.drafts, told.user, told.file)
    owner = job.user or "root"
    if draft.user and draft.user != owner:
        raise Wrong("user", _("it runs as {user}: only that user's crontab does the same").format(user=owner))
    shell = job.command[2] if job.command[:2] == _SHELL and len(job.command) == 3 else shlex.join(job.command)
    if shell.startswith(_HOME):
        shell = shell.removeprefix(_HOME)
    else:
        made.notices.append(_("It began in /, and will begin in the home folder."))
    own = dict(job.environment)
    if own.get("PATH") == "/usr/bin:/bin":
        del own["PATH"]
    elif "PATH" not in own:
        made.notices.append(
            _("cron looks for programs in /usr/bin and /bin only, where its crontab has no other PATH.")
        )
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in own.items())
    try:
        command = escaped(exports + shell)
    except ValueError as error:
        raise Wrong("job", str(error)) from None
    for schedule in converted.schedules:
        draft.add(line_of(schedule, command, owner if draft.system else None))
    return timer, made
