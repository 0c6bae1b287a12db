"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.users.plan import ROLES, parts_of
from pi_installer_tui.modules.users.settings import UsersSettings
from pi_installer_tui.modules.users.state import Key, Person, State, rule_text
from pi_installer_tui.system.accounts import NEVER, PASSWD
from pi_installer_tui.system.reading import Known, Reading, Source, Unknown, Value, known, reading_json
from pi_installer_tui.tasks.plan import Others
from pi_installer_tui.tasks.steps.accounts import day


def present(state: State) -> UsersSettings:
    """The accounts as settings. What can't be wanted here, or isn't known, is left out."""
    if isinstance(state.people, Unknown):
        return UsersSettings()
    found = {}
    for name, one in state.people.items():
        item: dict[str, Any] = {}
        for key, value in _values(one).items():
            if _settled(state, name, {key: value}):
                item[key] = value
        if item:
            found[name] = item
    return UsersSettings.model_validate({"accounts": found} if found else {})


def _values(one: Person) -> dict[str, Any]:
    now = one.account
    values: dict[str, Any] = {"comment": now.comment, "shell": now.shell, "groups": list(now.groups)}
    if isinstance(one.keys, Known) and one.keys.value:
        values["keys"] = [key.line for key in one.keys.value]
    if known(one.rule) == rule_text(now.name):
        values["sudo_without_password"] = True
    if not isinstance(one.password, Unknown):
        values["locked"] = now.locked
        if not now.locked:
            values["expires"] = "never" if now.expires == NEVER else day(now.expires)
        values["password_days"] = now.max_days
    return values


def _settled(state: State, name: str, item: dict[str, Any]) -> bool:
    try:
        settings = UsersSettings.model_validate({"accounts": {name: item}})
    except ValueError:
        return False
    return all(part.settled for part in parts_of(state, settings, Others()))


# for people -----------------------------------------------------------------------------------------------------


def summary(state: State) -> str:
    """One phrase: who can log in."""
    if isinstance(state.people, Unknown):
        return _("unknown")
    inside = [name for name, one in state.people.items() if may_log_in(state, one)]
    return ", ".join(inside) or _("nobody can log in")


def may_log_in(state: State, one: Person) -> bool:
    """Whether somebody can log in as it, by password or key."""
    now = one.account
    expired = now.expires != NEVER and now.expires <= state.today
    password = isinstance(one.password, Known) and one.password.value in ("set", "empty")
    ways = password or (isinstance(one.keys, Known) and bool(one.keys.value))
    return one.login_shell and not expired and ways


def facts(state: State) -> Sequence[Fact]:
    """Who can log in, and how: a few lines each."""
    if isinstance(state.people, Unknown):
        return [Fact("accounts", _("Accounts"), Value(state.people, state.people))]
    found = []
    for one in (*state.people.values(), *((state.root,) if state.root else ())):
        name = one.account.name
        place = f"accounts.{name}"
        found.append(Fact(place, name, _same(Known(_standing(state, one), Source(PASSWD)))))
        found.append(Fact(f"{place}.password", _("{name}: password").format(name=name), _same(_password(one))))
        found.append(Fact(f"{place}.keys", _("{name}: keys").format(name=name), _same(_keys(one.keys))))
        groups = Known(one.account.groups, Source("/etc/group"))
        found.append(Fact(f"{place}.groups", _("{name}: groups").format(name=name), _same(groups)))
        rights: Reading[Any] = Known(one.sudo.value, Source("sudo")) if isinstance(one.sudo, Known) else one.sudo
        rule = f"{place}.sudo_without_password"
        found.append(Fact(rule, _("{name}: sudo").format(name=name), _same(rights)))
    return found


def _same(reading: Reading[Any]) -> Value[Any]:
    return Value(reading, reading)


def _standing(state: State, one: Person) -> str:
    """In a few words: can somebody log in, is it an administrator, when did somebody last."""
    now, said = one.account, []
    if now.locked:
        said.append(_("locked"))
    elif now.expires != NEVER:
        words = _("expired {day}") if now.expires <= state.today else _("expires {day}")
        said.append(words.format(day=day(now.expires)))
    if not now.locked:
        said.append(_("can log in") if may_log_in(state, one) else _("can't log in"))
    if one.everything() or now.uid == 0:
        said.append(_("administrator"))
    if isinstance(one.last_login, Known):
        said.append(_("last login {when}").format(when=moment(one.last_login.value)))
    return ", ".join(said)


def moment(seconds: int) -> str:
    """A time as people write it, in the machine's own zone."""
    return f"{datetime.datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


def _password(one: Person) -> Reading[str]:
    if not isinstance(one.password, Known):
        return one.password
    words = {"none": _("none"), "set": _("set"), "locked": _("locked"), "empty": _("empty: none is asked for")}
    said = words[one.password.value]
    if one.password.value == "set" and 0 < one.account.max_days < 10_000:
        days = one.account.max_days
        said += ", " + ngettext("lasts {n} day", "lasts {n} days", days).format(n=days)
    return Known(said, one.password.source)


def _keys(keys: Reading[tuple[Key, ...]]) -> Reading[tuple[str, ...]]:
    return Known(tuple(map(shown, keys.value)), keys.source) if isinstance(keys, Known) else keys


def shown(key: Key) -> str:
    """A key in a line: type, bits, comment, fingerprint, last use."""
    used = _("last used {when}").format(when=moment(key.last_used)) if key.last_used is not None else ""
    return " ".join(part for part in (key.kind, str(key.bits), key.comment, key.fingerprint, key.options, used) if part)


# for programs ---------------------------------------------------------------------------------------------------


def state_json(state: State) -> dict[str, Any]:
    """The accounts by name."""
    if isinstance(state.people, Unknown):
        return {"accounts": {"unknown": state.people.reason}}
    people = {name: _json(state, one) for name, one in state.people.items()}
    return {"accounts": people, "root": _json(state, state.root) if state.root else None}


def _json(state: State, one: Person) -> dict[str, Any]:
    now = one.account
    return {
        "uid": now.uid,
        "gid": now.gid,
        "comment": now.comment,
        "home": now.home,
        "shell": now.shell,
        "groups": list(now.groups),
        "role": role_of(state, now.groups),
        "password": reading_json(one.password),
        "password_days": now.max_days if now.max_days != NEVER else None,
        "locked": now.locked if not isinstance(one.password, Unknown) else {"unknown": one.password.reason},
        "expires": day(now.expires) if now.expires != NEVER and not now.locked else None,
        "expired": now.expires != NEVER and now.expires <= state.today,
        "can_log_in": may_log_in(state, one),
        "keys": _keys_json(one.keys),
        "sudo": reading_json(one.sudo),
        "last_login": _time(one.last_login),
    }


def role_of(state: State, groups: Sequence[str]) -> str | None:
    """The role whose groups these are, None where they are another set."""
    for role, names in ROLES.items():
        if {name for name in names if name in state.groups} == set(groups):
            return role
    return None


def _keys_json(keys: Reading[tuple[Key, ...]]) -> Any:
    if not isinstance(keys, Known):
        return reading_json(keys)
    return [
        {
            "type": key.kind,
            "bits": key.bits,
            "fingerprint": key.fingerprint,
            "comment": key.comment,
            "options": key.options or None,
            "last_used": _iso(key.last_used),
        }
        for key in keys.value
    ]


def _time(reading: Reading[int]) -> Any:
    return _iso(reading.value) if isinstance(reading, Known) else reading_json(reading)


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that the settings' fields name."""
    people: Mapping[str, Person] = {} if isinstance(state.people, Unknown) else state.people
    match name:
        case "groups":
            return tuple(sorted(state.groups))
        case "shells":
            return state.shells
        case "people":
            return tuple(people)
    return ()
