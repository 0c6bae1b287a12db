"""What actions do to lines of crontabs. Nothing is written here: the edits go to drafts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.cron.actions import Change, Create, Elsewhere, OfLine, Record
from pi_installer_tui.modules.cron.drafts import Draft, Drafts, crontab, path_of, unread
from pi_installer_tui.modules.cron.listing import mark, marking, name_of, named, shown
from pi_installer_tui.modules.cron.state import ALLOW, DENY, State, shut_out
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.lines import NEWEST, OFF, Broken, Entry, escaped, parse, split
from pi_installer_tui.system.cron.read import Crontab
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.cron.wrapped import Wrapped, unwrap, wrap

#: of a job that leaves a crontab that only its user and root read
OPEN = N_("Everybody on the machine can read its command from then on, in a file of /etc.")


class Wrong(ValueError):
    """It can't be done so. place: the argument's name; the message is a phrase in words."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass
class Edited:
    """drafts: the crontabs as they will be; notices: what to know of it; recorded: of whom what is recorded from now
    on."""

    drafts: Drafts
    notices: list[str] = field(default_factory=list)
    recorded: list[tuple[str, Wrapped]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """A job of a crontab. owner: as whom it runs."""

    draft: Draft
    entry: Entry

    @property
    def line(self) -> int:
        return self.entry.line

    @property
    def text(self) -> str:
        return self.draft.text(self.line)

    @property
    def owner(self) -> str:
        return self.draft.user or self.entry.user or ""


def find(state: State, drafts: Drafts, key: str, text: str = "", place: str = "job") -> Found:
    """The job that a key names. Raises Wrong."""
    path, _colon, number = key.rpartition(":")
    there = crontab(state, path)
    if there is None:
        why = unread(state, path)
        raise Wrong(place, why or _("there is no such job: {job}").format(job=key))
    draft = drafts.of(path)
    try:
        entry = there.table.entry(int(number))
    except (KeyError, ValueError):
        raise Wrong(place, _("there is no such job: {job}").format(job=key)) from None
    if text and shown(there.table.text(entry.line)) != text:
        raise Wrong("text", _("the line says something else by now: look at it again"))
    return Found(draft, entry)


# one line ---------------------------------------------------------------------------------------------------------


def create(state: State, told: Create, into: Edited | None = None) -> Edited:
    """A line at the end of a crontab. into: where more is edited."""
    made = into if into is not None else Edited(Drafts(state))
    draft = place(state, made.drafts, told.user, told.file)
    if told.record and not told.name:
        raise Wrong("name", _("is needed: the record is called so"))
    if told.user and told.as_user and told.as_user != told.user:
        raise Wrong("as_user", _("a user's own crontab runs its jobs as that user"))
    owner = told.user or told.as_user or "root"
    _user(state, owner, "user" if told.user else "as_user")
    command = told.command if told.raw else _escaped(told.command)
    if told.name:
        _free(state, draft, owner, told.name)
    if told.record:
        wrapped = _kept(told, told.name, "")
        command = _recorded(command, wrapped)
        made.recorded.append((owner, wrapped))
    text = line_of(told.schedule, command, owner if draft.system else None)
    if told.name:
        draft.add(marking(told.name))
    draft.add(text if told.enabled else OFF + text)
    noted(state, made, draft, owner)
    return made


def change(state: State, told: Change) -> Edited:
    """Another schedule, command, name or user; the rest of the line stays."""
    made = Edited(Drafts(state))
    found = find(state, made.drafts, told.job, told.text)
    draft, entry, line = found.draft, found.entry, found.line
    table = draft.before
    wrapped = unwrap(entry.shell)
    owner = found.owner
    if told.as_user:
        if not draft.system:
            raise Wrong("as_user", _("a user's own crontab runs its jobs as that user"))
        _user(state, told.as_user, "as_user")
        table = _as_user(table, entry, told.as_user)
        owner = told.as_user
    try:
        if told.schedule:
            table = table.with_schedule(line, told.schedule)
        if told.name and told.name != name_of(_crontab(state, draft), entry):
            _free(state, draft, owner, told.name)
        command = (told.command if told.raw else _escaped(told.command)) if told.command else ""
        if wrapped is not None and (command or told.name):
            shell, behind = halves(command) if command else (wrapped.command, halves(entry.command)[1])
            renamed = _copy(wrapped, name=told.name or wrapped.name, command=shell)
            table = table.with_command(line, escaped(wrap(renamed)) + behind)
            made.recorded.append((owner, renamed))
            if renamed.name != wrapped.name:
                made.notices.append(_("What was recorded of it stays under its old name."))
        elif command:
            table = table.with_command(line, command)
    except fields.Mistake as mistake:
        raise Wrong("schedule" if mistake.field not in ("command", "user") else "command", mistake.what) from None
    except ValueError as error:
        raise Wrong("command", str(error)) from None
    draft.replace(line, table.text(line))
    if told.name:
        _mark(state, draft, line, told.name, wrapped is not None)
    noted(state, made, draft, owner)
    return made


def copy(state: State, told: Elsewhere, *, away: bool = False) -> Edited:
    """away: the job goes where it was."""
    made = Edited(Drafts(state))
    found = find(state, made.drafts, told.job, told.text)
    target = place(state, made.drafts, told.user, told.file) if told.user or told.file else found.draft
    if away and target is found.draft:
        raise Wrong("user", _("it is in that crontab already"))
    owner = target.user or told.as_user or found.owner
    _user(state, owner, "user" if target.user else "as_user")
    if target.user and told.as_user and told.as_user != target.user:
        raise Wrong("as_user", _("a user's own crontab runs its jobs as that user"))
    text, entry = _for(found, target, owner)
    name = name_of(_crontab(state, found.draft), found.entry)
    wrapped = unwrap(entry.shell)
    marked = mark(_crontab(state, found.draft), found.line) if target is not found.draft else ""
    if wrapped is not None:
        if not away or owner != found.owner:
            free = _unused(state, target, owner, wrapped.name)
            renamed = _copy(wrapped, name=free)
            text = text[: entry.columns[2] - 1] + escaped(wrap(renamed)) + halves(entry.command)[1]
            marked = marked and free
            made.recorded.append((owner, renamed))
    elif marked and name in _names(state, target):
        marked = ""
    if marked:
        target.add(marking(marked))
    target.add(text)
    if away:
        _gone(state, found)
    if owner != found.owner:
        made.notices.append(_("It ran as {before}, and will run as {after}.").format(before=found.owner, after=owner))
    if found.draft.user and target.system:
        made.notices.append(_(OPEN))
    if target is not found.draft:
        before, after = found.entry.settings, {each.name: each.value for each in target.before.settings}
        for variable in dict.fromkeys((*before, *after)):
            if before.get(variable) != after.get(variable):
                made.notices.append(_changed(variable, before.get(variable), after.get(variable)))
    noted(state, made, target, owner)
    return made


def switch(found: Found, *, on: bool) -> None:
    """A job is switched on or off."""
    if found.entry.enabled == on:
        return
    text = found.draft.before.text(found.line)
    found.draft.replace(found.line, text.removeprefix(OFF) if on else OFF + text)


def delete(state: State, found: Found) -> None:
    """A job's line goes, and the comment with its name."""
    _gone(state, found)


def record(state: State, told: Record) -> Edited:
    """The command is put behind the program that records; how, where it is already."""
    made = Edited(Drafts(state))
    found = find(state, made.drafts, told.job, told.text)
    entry, draft = found.entry, found.draft
    before = unwrap(entry.shell)
    shell, behind = (before.command, halves(entry.command)[1]) if before is not None else halves(entry.command)
    if told.name != name_of(_crontab(state, draft), entry):
        _free(state, draft, found.owner, told.name)
    wrapped = _kept(told, told.name, shell)
    try:
        table = draft.before.with_command(found.line, escaped(wrap(wrapped)) + behind)
    except ValueError as error:
        raise Wrong("job", str(error)) from None
    draft.replace(found.line, table.text(found.line))
    if mark(_crontab(state, draft), found.line):
        _mark(state, draft, found.line, told.name, True)
    made.recorded.append((found.owner, wrapped))
    return made


def unrecord(state: State, told: OfLine) -> Edited:
    """The command stands alone again."""
    made = Edited(Drafts(state))
    found = find(state, made.drafts, told.job, told.text)
    wrapped = unwrap(found.entry.shell)
    if wrapped is None:
        return made
    command = escaped(wrapped.command) + halves(found.entry.command)[1]
    try:
        table = found.draft.before.with_command(found.line, command)
    except ValueError as error:
        raise Wrong("job", str(error)) from None
    found.draft.replace(found.line, table.text(found.line))
    made.notices.append(_("What was recorded of it stays."))
    return made


# parts of it ------------------------------------------------------------------------------------------------------


def halves(command: str) -> tuple[str, str]:
    """A command as it is written: what the shell gets, and the rest from its first `%` on, as it is written."""
    escape = False
    for at, letter in enumerate(command):
        if letter == "%" and not escape:
            return _shell(command[:at]), command[at:]
        escape = letter == "\\" and not escape
    return _shell(command), ""


def _shell(written: str) -> str:
    return split(written)[0]


def _escaped(command: str) -> str:
    try:
        return escaped(command)
    except ValueError as error:
        raise Wrong("command", str(error)) from None


def _recorded(command: str, wrapped: Wrapped) -> str:
    shell, behind = halves(command)
    try:
        return escaped(wrap(_copy(wrapped, command=shell))) + behind
    except ValueError as error:
        raise Wrong("command", str(error)) from None


def _copy(wrapped: Wrapped, **changes: str) -> Wrapped:
    return replace(wrapped, **changes)  # type: ignore[arg-type]


def _kept(told: Create | Record, name: str, command: str) -> Wrapped:
    return Wrapped(name, command, told.lock, told.timeout, told.retries, told.wait, told.ping, told.keep)


def line_of(schedule: str, command: str, user: str | None) -> str:
    """A whole line that cron takes for this job and nothing else."""
    text = " ".join([schedule, *([] if user is None else [user]), command])
    found = parse(text, 1, system=user is not None, settings={})
    if isinstance(found, Broken):
        raise Wrong("schedule" if found.mistake.field not in ("command", "user") else "command", found.mistake.what)
    whole = isinstance(found, Entry) and (found.user, found.command) == (user, command.lstrip(" \t"))
    if not whole or "\n" in text or "\0" in text:
        raise Wrong("command", _("cron would take this line for something else"))
    return text


def _for(found: Found, target: Draft, owner: str) -> tuple[str, Entry]:
    """A job's line as it is written in another crontab."""
    text, entry = found.draft.before.text(found.line).removesuffix("\r"), found.entry
    if found.draft.system != target.system:
        columns = [entry.schedule.text, owner] if target.system else [entry.schedule.text]
        text = ("" if entry.enabled else OFF) + " ".join([*columns, entry.command.removesuffix("\r")])
    elif target.system and owner != entry.user:
        begin = entry.columns[1] - 1
        text = text[:begin] + owner + text[begin + len(entry.user or "") :]
    landed = parse(text, 1, system=target.system, settings={})
    if not isinstance(landed, Entry) or landed.command != entry.command.removesuffix("\r"):
        raise Wrong("job", _("in the other crontab cron would take this line for something else"))
    return text, landed


def _as_user(table: Table, entry: Entry, user: str) -> Table:
    text, begin = table.text(entry.line), entry.columns[1] - 1
    return table.replaced(entry.line, text[:begin] + user + text[begin + len(entry.user or "") :])


def _gone(state: State, found: Found) -> None:
    found.draft.remove(found.line)
    if mark(_crontab(state, found.draft), found.line):
        found.draft.remove(found.line - 1)


def _mark(state: State, draft: Draft, line: int, name: str, recorded: bool) -> None:
    """The comment with a job's name, which one that is recorded needn't have."""
    if mark(_crontab(state, draft), line):
        draft.replace(line - 1, marking(name))
    elif not recorded:
        draft.add(marking(name), line - 1)


def place(state: State, drafts: Drafts, user: str, file: str) -> Draft:
    if bool(user) == bool(file):
        raise Wrong("user", _("name either a user, or a file"))
    if user:
        _user(state, user, "user")
    path = path_of(user, file)
    if why := unread(state, path):
        raise Wrong("user" if user else "file", why)
    return drafts.of(path)


def _user(state: State, user: str, place: str) -> None:
    if state.cron.users and user not in state.cron.users:
        raise Wrong(place, _("there is no user {user}").format(user=user))


def _names(state: State, draft: Draft) -> frozenset[str]:
    there = crontab(state, draft.path)
    return frozenset(named(there)) if there is not None else frozenset()


def _taken(state: State, draft: Draft, owner: str) -> frozenset[str]:
    """Names that a job of this crontab, or one that runs as this user and is recorded, has already."""
    found = set(_names(state, draft))
    for each in state.cron.crontabs:
        for entry in each.table.entries:
            wrapped = unwrap(entry.shell) if (each.user or entry.user) == owner else None
            if wrapped is not None:
                found.add(wrapped.name)
    return frozenset(found)


def _free(state: State, draft: Draft, owner: str, name: str) -> None:
    if name in _taken(state, draft, owner):
        raise Wrong("name", _("another job is called {name}").format(name=name))


def _unused(state: State, draft: Draft, owner: str, name: str) -> str:
    taken, number, free = _taken(state, draft, owner), 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _crontab(state: State, draft: Draft) -> Crontab:
    there = crontab(state, draft.path)
    assert there is not None, "a job was found in it"
    return there


def _changed(variable: str, was: str | None, now: str | None) -> str:
    """What another crontab's settings change. The value isn't shown: it may be a secret."""
    if now is None:
        return _("Its crontab sets {name}, the other one doesn't.").format(name=variable)
    if was is None:
        return _("The other crontab sets {name}, its own doesn't.").format(name=variable)
    return _("The other crontab sets {name} to something else.").format(name=variable)


def noted(state: State, made: Edited, draft: Draft, owner: str) -> None:
    """What keeps jobs of this crontab from running, or its user from editing it."""
    there = crontab(state, draft.path)
    if there is not None and there.refused:
        made.notices.append(_("cron ignores {path}: {why}.").format(path=draft.path, why=there.refused))
    revision = state.cron.revision or NEWEST
    first = next(draft.after().refused(revision=revision, users=state.cron.users or None), None)
    if first is not None:
        text = _("cron ignores all of {path}, for line {line}: {why}.")
        made.notices.append(text.format(path=draft.path, line=first.line, why=first.mistake.what))
    if state.cron.daemon not in ("", "cron"):
        text = _("{daemon} runs the jobs here; all that is said of schedules goes for Debian's cron.")
        made.notices.append(text.format(daemon=state.cron.daemon))
    if draft.user and shut_out(state, owner):
        text = _("{user} may not edit the crontab by hand ({path}); its jobs run all the same.")
        made.notices.append(text.format(user=owner, path=ALLOW if state.allow is not None else DENY))
