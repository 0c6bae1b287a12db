"""The way from the accounts as they are to the accounts as they are wanted. Pure: all it knows is the state, the
settings, and the names of the secrets that were given."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.users import checks, policy
from pi_installer_tui.modules.users import keys as key_lines
from pi_installer_tui.modules.users.settings import NEW_NAME, Account, Role, UsersSettings, secret_of
from pi_installer_tui.modules.users.state import (
    BACKUPS,
    HOMES,
    PEOPLE,
    Person,
    State,
    keys_path,
    rule_path,
    rule_text,
)
from pi_installer_tui.system.accounts import NEVER
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.plan import Mistake, Others, Plan
from pi_installer_tui.tasks.secrets import LENGTH
from pi_installer_tui.tasks.steps import Account as AccountStep
from pi_installer_tui.tasks.steps import Directory, NewKey, RemoveFile, SudoersFile, WriteFile
from pi_installer_tui.tasks.steps.accounts import day

NAME = "users"
SHELL = "/bin/bash"
#: sets of groups; of each those count that the machine has (groups(7) of Debian, and Raspberry Pi OS's own)
ROLES: Mapping[Role, tuple[str, ...]] = {
    "administrator": ("sudo", "adm", "systemd-journal"),
    "developer": ("dialout", "plugdev", "gpio", "i2c", "spi", "video", "render"),
    "user": ("audio", "video", "plugdev", "cdrom", "users"),
    "guest": (),
}
_MANAGED = frozenset(group for groups in ROLES.values() for group in groups)
#: groups that make root of their members, in another way than sudo
_ROOTS = frozenset({"docker", "disk", "lxd", "libvirt", "shadow"})


def setting_of(name: str) -> str:
    """An account's place in a setup file."""
    return f"users.accounts.{name}"


def step_id(name: str) -> str:
    """What an account's steps are called; names that differ in case only stay apart."""
    capitals = "".join(str(n) for n, c in enumerate(name) if c.isupper())
    return f"users.{name.lower()}{'@' + capitals if capitals else ''}"


def plan(state: State, settings: UsersSettings, others: Others) -> Plan:
    """The whole plan: rules for passwords, accounts that come or change first, in their order, then those that go."""
    parts = list(parts_of(state, settings, others))
    return Plan(
        modules=(NAME,),
        settings={NAME: settings.model_dump(mode="json", exclude_none=True)},
        steps=tuple(s for p in parts for s in p.steps),
        checks=tuple(c for p in parts for c in p.checks if p.steps),
        blocked=tuple(b for p in parts for b in p.blocked),
        notices=tuple(n for p in parts for n in p.notices if p.steps),
    )


def parts_of(state: State, settings: UsersSettings, others: Others) -> Iterable[Part]:
    """The rules for passwords first, then each account that is wanted, with its part of the plan."""
    yield from policy.parts(state.rules, settings.policy)
    taken: set[int] = set()
    wanted = sorted((settings.accounts or {}).items(), key=lambda item: item[1].state == "absent")
    for name, account in wanted:
        part = Part(setting_of(name))
        if isinstance(state.people, Unknown):
            yield part.block(state.people.reason)
        elif account.state == "absent":
            yield remove(state, name, account, part)
        elif name in state.people:
            yield _held(state, settings, change(state, state.people[name], account, others, part))
        else:
            uid = free_uid(state, name, taken)
            taken.add(uid)
            yield _held(state, settings, make(state, name, uid, account, others, part))


def _held(state: State, settings: UsersSettings, part: Part) -> Part:
    """Passwords are held to the rules that there are, or will be."""
    wanted = policy.wanted_quality(settings.policy) if settings.policy is not None else {}
    if wanted or known(state.rules.asked) is True:
        length = max(LENGTH, state.rules.least(), wanted.get("minlen", 0))
        held = {"held": True, "length": length}
        part.steps[:] = [
            step.model_copy(update=held) if isinstance(step, AccountStep) and step.password is not None else step
            for step in part.steps
        ]
    return part


# groups ---------------------------------------------------------------------------------------------------------


def groups_for(state: State, account: Account, now: Sequence[str]) -> tuple[str, ...] | None:
    """All supplementary groups that an account will have, None where nothing is wanted of them. A role without a list
    leaves groups alone that belong to no role."""
    role = [] if account.role is None else [g for g in ROLES[account.role] if g in state.groups]
    if account.groups is not None:
        return tuple(dict.fromkeys((*account.groups, *role)))
    if account.role is None:
        return None
    return tuple(dict.fromkeys((*(g for g in now if g not in _MANAGED), *role)))


# accounts -------------------------------------------------------------------------------------------------------


def free_uid(state: State, name: str, taken: Collection[int]) -> int:
    """The number of a new account: that of a home which an earlier account of the name left, else the first one that
    is free as a user's and as a group's, after the highest (useradd(8))."""
    people = {} if isinstance(state.people, Unknown) else state.people
    users = {one.account.uid for one in people.values()} | set(state.others.values()) | set(taken)
    used = users | set(state.groups.values())
    owner: int | None = state.homes.get(name)
    if owner is not None and owner in PEOPLE and owner not in used:
        return owner
    owners = set(state.homes.values())
    highest = max((uid for uid in used if uid in PEOPLE), default=PEOPLE.start - 1)
    candidates: Iterable[int] = (*range(highest + 1, PEOPLE.stop), *PEOPLE)
    return next(uid for uid in candidates if uid not in used and uid not in owners)


def make(state: State, name: str, uid: int, account: Account, others: Others, part: Part) -> Part:
    """A new account, with home, keys and rights."""
    home = f"{HOMES}/{name}"
    groups = groups_for(state, account, ())
    shell = account.shell or (SHELL if SHELL in state.shells or not state.shells else state.shells[0])
    fields: dict[str, Any] = {
        "uid": uid,
        "home": home,
        "comment": account.comment or "",
        "shell": shell,
        "groups": groups,
        "locked": True if account.locked else None,
        "expires": _expires(account),
        "max_days": account.password_days,
        "password": account.password,
    }
    if name in state.homes:
        owner = state.homes[name]
        if owner != uid:
            return part.block(_("{home} is there already, and belongs to number {uid}").format(home=home, uid=owner))
        part.notice(_("{home} is there already; it is taken as it is").format(home=home))
    base = step_id(name)
    part.steps.append(_step(part, name, fields))
    part.checks += checks.there(base, part.setting, f"{name}:x:{uid}:{uid}:{account.comment or ''}:{home}:{shell}")
    _prove(part, name, fields)
    if not (account.password or account.keys or account.keys_from or account.new_key):
        part.notice(_("{name} has neither a password nor a key: nobody can log in as it yet").format(name=name))
    _tell_secret(part, name, account, others)
    _warn_of_groups(part, name, groups or ())
    _keys(part, name, home, uid, uid, None, False, account)
    _rule(state, part, name, None, account)
    return part


def change(state: State, one: Person, account: Account, others: Others, part: Part) -> Part:
    """An account that is there."""
    now = one.account
    fields = _changes(state, one, account, others)
    if fields and isinstance(one.password, Unknown):
        return part.block(one.password.reason)
    if fields:
        part.steps.append(_step(part, now.name, fields))
        shell, comment = fields.get("shell", now.shell), fields.get("comment", now.comment)
        line = f"{now.name}:x:{now.uid}:{now.gid}:{comment}:{now.home}:{shell}"
        part.checks += checks.there(step_id(now.name), part.setting, line)
        _prove(part, now.name, fields)
    if "password" in fields:
        _tell_secret(part, now.name, account, others)
    if new := set(fields.get("groups") or ()) - set(now.groups):
        _warn_of_groups(part, now.name, new)
        part.notice(_("who is logged in already has new groups only after logging in again"))
    if account.keys or account.remove_keys or account.new_key:
        if isinstance(one.keys, Unknown):
            return part.block(one.keys.reason)
        _keys(part, now.name, now.home, now.uid, now.gid, one.keys_text, one.has_ssh, account)
    _rule(state, part, now.name, one, account)
    return part


def _changes(state: State, one: Person, account: Account, others: Others) -> dict[str, Any]:
    now, fields = one.account, dict[str, Any]()
    if account.comment is not None and account.comment != now.comment:
        fields["comment"] = account.comment
    if account.shell is not None and account.shell != now.shell:
        fields["shell"] = account.shell
    groups = groups_for(state, account, now.groups)
    if groups is not None and set(groups) != set(now.groups):
        fields["groups"] = groups
    if account.password_days is not None and account.password_days != now.max_days:
        fields["max_days"] = account.password_days
    hashed = known(one.password)
    if account.password is not None and (account.password in others.secrets or hashed in ("none", "empty")):
        fields["password"] = account.password
    expires = _expires(account)
    if expires is not None and expires != now.expires:
        fields["expires"] = expires
    if account.locked is True and (not now.locked or hashed in ("set", "empty") or "password" in fields):
        fields["locked"] = True
    if account.locked is False and (now.locked or hashed == "locked"):
        fields["locked"] = False
    return fields


def _expires(account: Account) -> int | None:
    if account.expires is None:
        return None
    if account.expires == "never":
        return NEVER
    return (datetime.date.fromisoformat(account.expires) - datetime.date(1970, 1, 1)).days


def _step(part: Part, name: str, fields: Mapping[str, Any]) -> AccountStep:
    values = {k: v for k, v in fields.items() if v is not None}
    return AccountStep(
        id=step_id(name), setting=part.setting, name=name, sensitive=fields.get("password") is not None, **values
    )


def _prove(part: Part, name: str, fields: Mapping[str, Any]) -> None:
    base = step_id(name)
    part.checks += checks.groups(base, part.setting, name, tuple(fields.get("groups") or ()))
    if fields.get("locked"):
        part.checks += checks.expires(base, part.setting, name, "Jan 02, 1970")
    elif fields.get("expires") is not None or fields.get("locked") is False:
        number = fields.get("expires")
        shown = "never" if number in (None, NEVER) else _chage_day(number)
        part.checks += checks.expires(base, part.setting, name, shown)
    if fields.get("password") is not None and not fields.get("locked"):
        part.checks += checks.password(base, part.setting, name)


def _chage_day(number: int) -> str:
    date = datetime.date.fromisoformat(day(number))
    return f"{_MONTHS[date.month - 1]} {date.day:02}, {date.year}"


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _tell_secret(part: Part, name: str, account: Account, others: Others) -> None:
    if account.password is not None and (account.password not in others.secrets or account.password in others.to_make):
        text = _("no password was given for {name}: one is made; `pi-installer-tui secret {secret}` shows it, once")
        part.notice(text.format(name=name, secret=account.password))


def _warn_of_groups(part: Part, name: str, groups: Iterable[str]) -> None:
    for group in sorted(_ROOTS & set(groups)):
        text = _("whoever is in the group {group} can become root: {name} will be")
        part.notice(text.format(group=group, name=name))


def _keys(
    part: Part, name: str, home: str, uid: int, gid: int, text: str | None, has_ssh: bool, account: Account
) -> None:
    """authorized_keys with the keys that are wanted and without those that aren't; every other line stays."""
    new = key_lines.changed(text or "", account.keys or (), account.remove_keys or ())
    made = account.new_key if not _called(text or "", account.new_key) else None
    if new == (text or "") and made is None:
        return
    if new.encode("utf-8", "surrogateescape") != new.encode("utf-8", "replace"):
        part.block(_("{path} isn't UTF-8, so it is left as it is").format(path=keys_path(home)))
        return
    base, needs, path = step_id(name), part.ids(), keys_path(home)
    if not has_ssh:
        folder = path.rpartition("/")[0]
        part.steps.append(
            Directory(
                id=f"{base}.ssh",
                setting=part.setting,
                needs=needs,
                path=folder,
                mode=0o700,
                owner=str(uid),
                group=str(gid),
            )
        )
        needs = part.ids()
    if new != (text or ""):
        _write_keys(part, base, needs, path, new, None if text is not None else (uid, gid))
        added = tuple(line.fingerprint for line in map(key_lines.line, account.keys or ()) if line is not None)
        part.checks += checks.keys(base, part.setting, home, added)
    if made is not None:
        part.steps.append(
            NewKey(
                id=f"{base}.new-key",
                setting=part.setting,
                needs=part.ids(),
                path=path,
                name=made,
                private=secret_of(made),
                uid=uid,
                gid=gid,
            )
        )
        part.checks += checks.called(base, part.setting, home, made)
        text = _(
            "the private half of {name} is shown once: at the end of the job, or by `pi-installer-tui secret {name}`"
        )
        part.notice(text.format(name=made))


def _called(text: str, name: str | None) -> bool:
    """A key is called so."""
    return name is None or any(line.comment == name for line in key_lines.lines(text))


def _write_keys(
    part: Part, base: str, needs: tuple[str, ...], path: str, new: str, owner: tuple[int, int] | None
) -> None:
    fresh = {"mode": 0o600, "owner": str(owner[0]), "group": str(owner[1])} if owner is not None else {}
    part.steps.append(
        WriteFile.model_validate(
            {"id": f"{base}.keys", "setting": part.setting, "needs": needs, "path": path, "content": new, **fresh}
        )
    )


def _rule(state: State, part: Part, name: str, one: Person | None, account: Account) -> None:
    """Our drop-in for sudo."""
    wanted = account.sudo_without_password
    rule = one.rule if one is not None else None
    if wanted is None:
        return
    if isinstance(rule, Unknown):
        part.block(rule.reason)
        return
    base, path = step_id(name), rule_path(name)
    if wanted and known(rule) != rule_text(name):
        if not state.has_sudo:
            part.block(_("sudo is not installed"))
            return
        needs = tuple(s.id for s in part.steps if isinstance(s, AccountStep) and s.uid is not None)
        part.steps.append(
            SudoersFile(id=f"{base}.sudo", setting=part.setting, needs=needs, path=path, content=rule_text(name))
        )
        part.checks += checks.sudo(base, part.setting, name)
    elif not wanted and isinstance(rule, Known):
        part.steps.append(RemoveFile(id=f"{base}.sudo", setting=part.setting, path=path))


def remove(state: State, name: str, account: Account, part: Part) -> Part:
    """An account goes, and our drop-in for sudo with it."""
    assert not isinstance(state.people, Unknown)
    one = state.people.get(name)
    if one is None:
        return part
    if isinstance(one.password, Unknown):
        return part.block(one.password.reason)
    base, then = step_id(name), account.home or "keep"
    part.steps.append(
        AccountStep(
            id=base,
            setting=part.setting,
            risks=("irreversible",) if then == "remove" else (),
            name=name,
            absent=True,
            home=one.account.home,
            home_then=then,
            archive=_archive(state, one) if then == "archive" else None,
        )
    )
    if isinstance(one.rule, Known):
        part.steps.append(RemoveFile(id=f"{base}.sudo", setting=part.setting, needs=(base,), path=rule_path(name)))
    part.checks += checks.gone(base, part.setting, name)
    if then == "keep":
        text = _("{home} stays, and belongs to nobody but the number {uid}")
        part.notice(text.format(home=one.account.home, uid=one.account.uid))
    elif then == "remove":
        part.notice(_("{home} is deleted for good; an undo can't bring it back").format(home=one.account.home))
    return part


def _archive(state: State, one: Person) -> str:
    """A name in /var/backups that isn't taken."""
    base = f"home-{one.account.name}-{one.account.uid}"
    number = 1
    while (found := f"{base}{f'-{number}' if number > 1 else ''}.tar.gz") in state.backups:
        number += 1
    return f"{BACKUPS}/{found}"


# mistakes that the machine shows --------------------------------------------------------------------------------


def validate(state: State, settings: UsersSettings) -> list[Mistake]:
    """What is wrong with the settings on this machine, and what would lock its owner out."""
    wrong: list[Mistake] = []
    if isinstance(state.people, Unknown):
        return wrong
    for name, account in (settings.accounts or {}).items():
        wrong += _mistakes(state, name, account)
    return wrong or list(_nobody_left(state, settings))


def _mistakes(state: State, name: str, account: Account) -> Iterable[Mistake]:
    assert not isinstance(state.people, Unknown)
    place = setting_of(name)
    one = state.people.get(name)
    if name in state.others:
        text = _("is an account of the system (number {uid}), which isn't changed here")
        yield Mistake(place, text.format(uid=state.others[name]))
        return
    if account.state == "absent":
        if name == state.starter:
            yield Mistake(
                place, _("you are at work as {name}: another administrator has to remove it").format(name=name)
            )
        home = one.account.home if one is not None else f"{HOMES}/{name}"
        if account.home in ("archive", "remove") and not re.fullmatch(r"/home/[^/]+", home):
            text = _("its home is {path}; only a folder in /home is packed or removed")
            yield Mistake(f"{place}.home", text.format(path=home))
        return
    if one is None:
        yield from _new_name(state, name)
    elif name == state.starter and (account.locked or _past(state, account)):
        yield Mistake(place, _("you are at work as {name}: it would lock you out").format(name=name))
    for group in account.groups or ():
        if group not in state.groups:
            yield Mistake(f"{place}.groups", _("there is no group {name}").format(name=group))
    if account.shell and state.shells and account.shell not in (*state.shells, *_REFUSING):
        text = _("isn't a shell of this machine; it has {there}")
        yield Mistake(f"{place}.shell", text.format(there=", ".join(state.shells)))


#: shells that let nobody in, which aren't in /etc/shells for that very reason
_REFUSING = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")


def _new_name(state: State, name: str) -> Iterable[Mistake]:
    place = setting_of(name)
    if not NEW_NAME.fullmatch(name):
        text = _("a new account's name has small letters, digits, _ and -, and starts with a letter or _ (adduser)")
        yield Mistake(place, text)
    elif name in state.groups:
        text = _("there is a group of that name already (number {gid}), so the account can't have its own")
        yield Mistake(place, text.format(gid=state.groups[name]))


def _past(state: State, account: Account) -> bool:
    expires = _expires(account)
    return expires is not None and expires != NEVER and expires <= state.today


def _nobody_left(state: State, settings: UsersSettings) -> Iterable[Mistake]:
    """Refuses what leaves nobody who may use sudo and has a way in."""
    assert not isinstance(state.people, Unknown)
    wanted = settings.accounts or {}
    before = {name for name, one in state.people.items() if administrates(state, one, None)}
    after = {name for name, one in state.people.items() if administrates(state, one, wanted.get(name))}
    after |= {
        name for name, account in wanted.items() if name not in state.people and _new_administrator(state, account)
    }
    if not before or after:
        return
    for name in wanted:
        if name in before:
            yield Mistake(setting_of(name), _("is the last one who can log in and use sudo; nobody could any more"))


def administrates(state: State, one: Person, account: Account | None) -> bool:
    """Whether an account can be logged in to and run everything with sudo: as it is (`account` None), or once the
    settings are applied."""
    now = one.account
    account = account or Account()
    if account.state == "absent" or not state.has_sudo:
        return False
    groups = groups_for(state, account, now.groups)
    after = now.groups if groups is None else groups
    ruled = isinstance(one.rule, Known)
    rights = one.everything() - ("sudo" in now.groups) - ruled
    rights += ("sudo" in after) + (ruled if account.sudo_without_password is None else account.sudo_without_password)
    if isinstance(one.sudo, Unknown):
        rights = ("sudo" in after) + ruled
    shell = account.shell or now.shell
    return rights > 0 and shell not in _REFUSING and one.login_shell and _way_in(state, one, account)


def _way_in(state: State, one: Person, account: Account) -> bool:
    now = one.account
    if account.locked or (now.locked and account.locked is None and account.expires is None):
        return False
    expires = _expires(account)
    expires = now.expires if expires is None else expires
    if expires != NEVER and expires <= state.today and not (now.locked and account.locked is False):
        return False
    keys = one.keys.value if isinstance(one.keys, Known) else ()
    left = {key.fingerprint for key in keys} - {*(account.remove_keys or ())}
    hashed = known(one.password)
    counts = hashed == "set" or (hashed == "locked" and account.locked is False)
    return bool(left or account.keys or account.keys_from) or account.password is not None or counts


def _new_administrator(state: State, account: Account) -> bool:
    if account.state == "absent" or account.locked or _past(state, account) or not state.has_sudo:
        return False
    rights = "sudo" in (groups_for(state, account, ()) or ()) or bool(account.sudo_without_password)
    shell = account.shell or SHELL
    return rights and shell not in _REFUSING and bool(account.password or account.keys or account.keys_from)
