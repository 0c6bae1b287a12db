"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.users import policy
from pi_installer_tui.modules.users.plan import ROLES, parts_of
from pi_installer_tui.modules.users.settings import Policy, UsersSettings
from pi_installer_tui.modules.users.state import Key, Person, State, rule_text
from pi_installer_tui.system.accounts import NEVER, PASSWD
from pi_installer_tui.system.reading import (
    MISSING,
    Known,
    Reading,
    Source,
    Unknown,
    Value,
    known,
    reading_json,
    value_json,
)
from pi_installer_tui.tasks.plan import Others
from pi_installer_tui.tasks.steps.accounts import day


def present(state: State) -> UsersSettings:
    """The accounts as settings. What can't be wanted here, or isn't known, is left out."""
    rules = {}
    for key, value in policy.present(state.rules).items():
        if _settled(state, {"policy": {key: value}}):
            rules[key] = value
    document: dict[str, Any] = {"policy": rules} if rules else {}
    if found := _accounts(state):
        document["accounts"] = found
    return UsersSettings.model_validate(document)


def _accounts(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, one in {} if isinstance(state.people, Unknown) else state.people.items():
        item: dict[str, Any] = {}
        for key, value in _values(one).items():
            if _settled(state, {"accounts": {name: {key: value}}}):
                item[key] = value
        if item:
            found[name] = item
    return found


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


def _settled(state: State, document: dict[str, Any]) -> bool:
    try:
        settings = UsersSettings.model_validate(document)
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
    return standing(state, one) == "yes"


def standing(state: State, one: Person) -> Literal["yes", "no", "locked", "expired", "unknown"]:
    """Whether somebody can log in as it, and why not. Unknown where a password or keys that can't be read decide."""
    now = one.account
    if isinstance(one.password, Known) and now.locked:
        return "locked"
    if isinstance(one.password, Known) and now.expires != NEVER and now.expires <= state.today:
        return "expired"
    if not one.login_shell:
        return "no"
    if isinstance(one.password, Unknown):
        return "unknown"
    has_password = isinstance(one.password, Known) and one.password.value in ("set", "empty")
    if has_password or (isinstance(one.keys, Known) and one.keys.value):
        return "yes"
    return "unknown" if isinstance(one.keys, Unknown) else "no"


def facts(state: State) -> Sequence[Fact]:
    """Who can log in, and how: a few lines each."""
    if isinstance(state.people, Unknown):
        return [Fact("accounts", _("Accounts"), Value(state.people, state.people)), *_rules(state.rules)]
    found = []
    for one in (*state.people.values(), *((state.root,) if state.root else ())):
        name = one.account.name
        place = f"accounts.{name}"
        found.append(Fact(place, name, _same(Known(_standing(state, one), Source(PASSWD)))))
        found.append(Fact(f"{place}.password", _("{name}: password").format(name=name), _same(password(one))))
        found.append(Fact(f"{place}.keys", _("{name}: keys").format(name=name), _same(_keys(one.keys))))
        groups = Known(one.account.groups, Source("/etc/group"))
        found.append(Fact(f"{place}.groups", _("{name}: groups").format(name=name), _same(groups)))
        rights: Reading[Any] = Known(one.sudo.value, Source("sudo")) if isinstance(one.sudo, Known) else one.sudo
        rule = f"{place}.sudo_without_password"
        found.append(Fact(rule, _("{name}: sudo").format(name=name), _same(rights)))
    return [*found, *_rules(state.rules)]


def _rules(rules: policy.Rules) -> list[Fact]:
    """The rules for passwords, each as its file sets it, and as it is asked: not at all without pam_pwquality."""
    titles = {ours: str(found.title) for ours, found in Policy.model_fields.items()}
    facts = []
    for ours, (name, default) in policy.QUALITY.items():
        found = rules.quality.get(name, MISSING)
        effective: Reading[Any] = found if isinstance(found, Known) else Known(default)
        if isinstance(rules.asked, Unknown):
            effective = rules.asked
        elif not known(rules.asked):
            effective = MISSING
        facts.append(
            Fact(f"policy.{ours}", _("Passwords: {rule}").format(rule=_(titles[ours])), Value(found, effective))
        )
    for ours, name in policy.AGES.items():
        found = rules.ages.get(name, MISSING)
        facts.append(Fact(f"policy.{ours}", _("Passwords: {rule}").format(rule=_(titles[ours])), _same(found)))
    return facts


def _same(reading: Reading[Any]) -> Value[Any]:
    return Value(reading, reading)


def _standing(state: State, one: Person) -> str:
    """In a few words: can somebody log in, is it an administrator, when did somebody last."""
    now, said = one.account, []
    if now.locked:
        said.append(_("locked"))
    elif now.expires != NEVER:
        said.append(expiry(state, one))
    if not now.locked:
        words = {"yes": _("can log in"), "unknown": _("unknown whether somebody can log in")}
        said.append(words.get(standing(state, one), _("can't log in")))
    if one.everything() or now.uid == 0:
        said.append(_("administrator"))
    if isinstance(one.last_login, Known):
        said.append(_("last login {when}").format(when=moment(one.last_login.value)))
    return ", ".join(said)


def expiry(state: State, one: Person) -> str:
    """When it expires, in words."""
    now = one.account
    if isinstance(one.password, Unknown):
        return _("unknown: {reason}").format(reason=one.password.reason)
    if now.locked:
        return _("locked")
    if now.expires == NEVER:
        return _("never")
    words = _("expired {day}") if now.expires <= state.today else _("expires {day}")
    return words.format(day=day(now.expires))


def moment(seconds: int) -> str:
    """A time as people write it, in the machine's own zone."""
    return f"{datetime.datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


def password(one: Person) -> Reading[str]:
    """A password's state in words, and how long it lasts."""
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
    rules = {fact.setting.partition(".")[2]: value_json(fact.value) for fact in _rules(state.rules)}
    if isinstance(state.people, Unknown):
        return {"accounts": {"unknown": state.people.reason}, "policy": rules}
    people = {name: _json(state, one) for name, one in state.people.items()}
    return {"accounts": people, "root": _json(state, state.root) if state.root else None, "policy": rules}


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
        "can_log_in": _can(standing(state, one)),
        "keys": _keys_json(one.keys),
        "sudo": reading_json(one.sudo),
        "last_login": _time(one.last_login),
    }


def _can(standing: str) -> bool | None:
    """For programs: null where it isn't known."""
    return None if standing == "unknown" else standing == "yes"


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
