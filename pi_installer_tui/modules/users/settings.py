"""What can be wanted of people's accounts: made, changed, locked, expired, removed; keys, groups, sudo. None leaves a
setting alone, and an account that isn't named is left alone too.

Every text ends up in an argument or in a line of a file, so each has a narrow form here.
"""

from __future__ import annotations

import datetime
import posixpath
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.users import keys as key_lines
from pi_installer_tui.modules.values import Text, no_doubles
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.secrets import reference

#: useradd(8), CAVEATS: at most 32 characters. Wider than what a new account may be called: old ones can be managed.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
#: adduser.conf(5), NAME_REGEX, and useradd(8): what Debian lets a new account be called
NEW_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_FILE = re.compile(r"/[^\x00-\x1f\x7f]{1,1000}")
_KEY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_PATH = re.compile(r"(?:/[A-Za-z0-9._+-]+)+")
MAX_COMMENT = 100
MAX_KEY = 16 * 1024  # bytes: twice what ssh-keygen's longest RSA key has

Role = Literal["administrator", "developer", "user", "guest"]


def _name(name: str) -> str:
    if len(name) > 32:
        raise ValueError(_("is longer than the 32 characters that a name may have"))
    if not _NAME.fullmatch(name):
        raise ValueError(_("may have letters without accents, digits, _, - and ., and starts with a letter or _"))
    return name


def _comment(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text) or not text.isprintable():
        raise ValueError(_("can't have line breaks or control characters"))
    if set(text) & set(":=\\"):
        raise ValueError(_("can't have : = or \\, which have a meaning of their own in that file"))
    if text != text.strip():
        raise ValueError(_("starts or ends with a blank"))
    return text


def _shell(path: str) -> str:
    if len(path) > 200 or not _PATH.fullmatch(path) or "/../" in f"{path}/" or "/./" in f"{path}/":
        raise ValueError(_("isn't the path of a program, such as /bin/bash"))
    return path


def public_key(text: str) -> str:
    """A public key's line, without the blanks around it. Raises ValueError, in words that quote nothing of it."""
    text = text.strip()
    if len(text) > MAX_KEY:
        raise ValueError(_("is too long for a public key"))
    if "PRIVATE KEY" in text:
        raise ValueError(_("this is a private key, which must not leave its owner; the public one ends in .pub"))
    if "\n" in text or not text.isprintable():
        raise ValueError(_("must be one line"))
    found = key_lines.line(text)
    if found is None:
        raise ValueError(_("isn't a public key, such as the line in ~/.ssh/id_ed25519.pub"))
    if found.type not in key_lines.TYPES:
        raise ValueError(_("{type} keys aren't safe any more, or not for logging in").format(type=found.type))
    return text


def _file(path: str) -> str:
    if not _FILE.fullmatch(path) or posixpath.normpath(path) != path:
        raise ValueError(_("isn't the whole path of a file, such as /home/ada/id_ed25519.pub"))
    return path


def secret_of(key: str) -> str:
    """The secret that the private half of a new key becomes."""
    return f"users.{key}"


def _key_name(text: str) -> str:
    if not _KEY_NAME.fullmatch(text):
        raise ValueError(_("may have letters without accents, digits, _, - and ., and starts with a letter or digit"))
    return text


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError(_("isn't a key's fingerprint, such as ssh-keygen -l prints: SHA256:…"))
    return text


def _expiry(text: str) -> str:
    if text == "never":
        return text
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError(_("is a day, such as 2030-12-31, or never")) from None
    if len(text) != 10 or not datetime.date(1970, 1, 3) <= day <= datetime.date(2200, 1, 1):
        raise ValueError(_("is a day, such as 2030-12-31, or never"))
    return text


def _no_double_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    found = [line.fingerprint for line in map(key_lines.line, values) if line is not None]
    if len(set(found)) < len(found):
        raise ValueError(_("the same key is there twice"))
    return values


Name = Annotated[Text, AfterValidator(_name)]
Comment = Annotated[Text, Field(max_length=MAX_COMMENT), AfterValidator(_comment)]
Shell = Annotated[Text, AfterValidator(_shell)]
Key = Annotated[Text, AfterValidator(public_key)]
Fingerprint = Annotated[Text, AfterValidator(_fingerprint)]
KeyFile = Annotated[Text, AfterValidator(_file)]
KeyName = Annotated[Text, AfterValidator(_key_name)]
Expiry = Annotated[Text, AfterValidator(_expiry)]
SecretName = Annotated[str, *reference("users")]


class Account(Frozen):
    """An account of a person."""

    state: Literal["present", "absent"] | None = Field(
        default=None,
        title=N_("State"),
        description=N_("absent: the account is removed. Left out or present: it is made where it isn't there."),
    )
    home: Literal["keep", "archive", "remove"] | None = Field(
        default=None,
        title=N_("Home, once absent"),
        description=N_(
            "What becomes of the home of an account that is removed. keep: it stays (so it is when left out). archive: "
            "it is packed into /var/backups, which an undo brings back. remove: it is deleted for good."
        ),
    )
    comment: Comment | None = Field(
        default=None,
        title=N_("Full name"),
        description=N_("Who this is, in words; anybody on the machine can read it."),
    )
    role: Role | None = Field(
        default=None,
        title=N_("Role"),
        description=N_(
            "A set of groups, of which those count that this machine has. administrator: sudo and the logs. developer: "
            "the ports and buses of the machine. user: sound, video and drives. guest: none of these."
        ),
    )
    groups: Annotated[tuple[Name, ...], Field(max_length=64), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("Groups"),
        description=N_("All groups beside the account's own and those of its role. An empty list means none."),
        json_schema_extra={"choices": "groups"},
    )
    password: SecretName | None = Field(
        default=None,
        title=N_("Password"),
        description=N_(
            "The name of a secret: the password, or its ready hash. Where none is given under that name, one is made "
            "and shown once."
        ),
        json_schema_extra={"widget": "secret", "made": True},
    )
    keys: Annotated[tuple[Key, ...], Field(max_length=100), AfterValidator(_no_double_keys)] | None = Field(
        default=None,
        title=N_("SSH keys"),
        description=N_("Public keys that may log in, each a line as in a .pub file. Others that are there stay."),
        json_schema_extra={"widget": "lines"},
    )
    keys_from: Annotated[tuple[KeyFile, ...], Field(max_length=20), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("SSH keys from files"),
        description=N_("Files on this machine whose public keys may log in: /home/ada/id_ed25519.pub."),
    )
    new_key: KeyName | None = Field(
        default=None,
        title=N_("New SSH key"),
        description=N_(
            "A name, such as ada-laptop: where no key of the account is called so, one is made, and its private half "
            "is shown once, to be taken to the other computer."
        ),
    )
    remove_keys: Annotated[tuple[Fingerprint, ...], Field(max_length=100), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("SSH keys to remove"),
        description=N_("Keys that may not log in any more, by their fingerprints (SHA256:…)."),
    )
    sudo_without_password: StrictBool | None = Field(
        default=None,
        title=N_("sudo without password"),
        description=N_("It may do everything as root without being asked for its password. Rules of others stay."),
    )
    locked: StrictBool | None = Field(
        default=None,
        title=N_("Locked"),
        description=N_("Nobody logs in as it, by password, key or otherwise. Nothing else of it is changed."),
    )
    expires: Expiry | None = Field(
        default=None,
        title=N_("Expires"),
        description=N_("The day from which nobody logs in as it: 2030-12-31, or never."),
    )
    password_days: Annotated[StrictInt, Field(ge=1, le=99999)] | None = Field(
        default=None,
        title=N_("Password lasts"),
        description=N_("So long a password may be used before a new one has to be chosen; 99999: for ever."),
        json_schema_extra={"unit": N_("days")},
    )
    shell: Shell | None = Field(
        default=None,
        title=N_("Shell"),
        description=N_("The program that runs after a login, such as /bin/bash."),
        json_schema_extra={"choices": "shells"},
    )

    @model_validator(mode="after")
    def _one_thing(self) -> Account:
        others = self.model_dump(exclude_none=True).keys() - {"state", "home"}
        if self.state == "absent" and others:
            raise ValueError(_("an absent account has no other settings than home"))
        if self.state != "absent" and self.home is not None:
            raise ValueError(_("home says what becomes of it with `state: absent`; it is never moved otherwise"))
        if self.locked and self.expires is not None:
            raise ValueError(_("a locked account can't have a day on which it expires as well"))
        clash = {line.fingerprint for line in map(key_lines.line, self.keys or ()) if line is not None} & {
            *(self.remove_keys or ())
        }
        if clash:
            raise ValueError(_("a key can't be added and removed at once"))
        return self


class Policy(Frozen):
    """What passwords have to be like, from the next one that is set on."""

    min_length: Annotated[StrictInt, Field(ge=6, le=64)] | None = Field(
        default=None,
        title=N_("Least length"),
        description=N_("How many characters a new password needs."),
        json_schema_extra={"unit": N_("characters")},
    )
    classes: Annotated[StrictInt, Field(ge=1, le=4)] | None = Field(
        default=None,
        title=N_("Kinds of characters"),
        description=N_("How many of these it needs: small letters, capitals, digits, others. Length does more for it."),
    )
    dictionary: StrictBool | None = Field(
        default=None,
        title=N_("Refuse words"),
        description=N_("A password made of a word, forwards or backwards, is refused."),
    )
    max_days: Annotated[StrictInt, Field(ge=1, le=99999)] | None = Field(
        default=None,
        title=N_("Lasts at most"),
        description=N_(
            "So long passwords of accounts may be used that are made from then on; 99999: for ever. For one that is "
            "there already it is set at the account."
        ),
        json_schema_extra={"unit": N_("days")},
    )
    min_days: Annotated[StrictInt, Field(ge=0, le=9999)] | None = Field(
        default=None,
        title=N_("Lasts at least"),
        description=N_("So long a new account's owner can't change the password again."),
        json_schema_extra={"unit": N_("days")},
    )
    warn_days: Annotated[StrictInt, Field(ge=0, le=9999)] | None = Field(
        default=None,
        title=N_("Warned before"),
        description=N_("So long before the end a new account's owner is told at each login."),
        json_schema_extra={"unit": N_("days")},
    )

    @model_validator(mode="after")
    def _in_order(self) -> Policy:
        if self.min_days is not None and self.max_days is not None and self.min_days > self.max_days:
            raise ValueError(_("a password can't last at least longer than at most"))
        return self


class UsersSettings(Settings):
    """The key `users` of a setup file."""

    accounts: Mapping[Name, Account] | None = Field(
        default=None,
        title=N_("Accounts"),
        description=N_("People's accounts by name. One that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Name"), "widget": "text", "choices": "people"},
    )
    policy: Policy | None = Field(
        default=None,
        title=N_("Passwords"),
        description=N_("What new passwords have to be like, and how long they last."),
    )

    @model_validator(mode="after")
    def _own_names(self) -> UsersSettings:
        accounts = (self.accounts or {}).values()
        made = [account.new_key for account in accounts if account.new_key is not None]
        used = {account.password for account in accounts}
        for name in made:
            if made.count(name) > 1 or secret_of(name) in used:
                raise ValueError(_("two secrets can't be called {name}").format(name=secret_of(name)))
        return self
