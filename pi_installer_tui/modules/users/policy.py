"""The rules for passwords: what libpwquality asks of a new one, and how long those of new accounts last.

Sources: pwquality.conf(5), pam_pwquality(8), login.defs(5). Rules only count when a password is set, never when
somebody logs in: they can't lock anybody out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.users.settings import Policy
from pi_installer_tui.system.formats import FormatError, get
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, known
from pi_installer_tui.tasks.checks import FileValue, PasswordRules
from pi_installer_tui.tasks.steps import Edit, EditFile, InstallPackages, WriteFile

SETTING = "users.policy"
CONF = "/etc/security/pwquality.conf"
FOLDER = f"{CONF}.d"
#: the last one of the folder; what pwquality.conf itself sets is read after it
OWN = f"{FOLDER}/zz-pi-installer-tui.conf"
PAM = "/etc/pam.d/common-password"
#: comes with libpam-pwquality; pam-auth-update(8) puts it into PAM's stacks
PROFILE = "/usr/share/pam-configs/pwquality"
LOGIN_DEFS = "/etc/login.defs"
#: the module for PAM, the tool that asks the same library, the words
PACKAGES = ("libpam-pwquality", "libpwquality-tools", "cracklib-runtime")
_HEAD = "# Made by pi-installer-tui. What pwquality.conf itself sets is read after this file.\n"
#: settings of pwquality.conf(5) by ours, with what counts where nothing is set
QUALITY: Mapping[str, tuple[str, int]] = {
    "min_length": ("minlen", 8),
    "classes": ("minclass", 0),
    "dictionary": ("dictcheck", 1),
}
#: names of login.defs(5) by ours
AGES: Mapping[str, str] = {"min_days": "PASS_MIN_DAYS", "max_days": "PASS_MAX_DAYS", "warn_days": "PASS_WARN_AGE"}
_LINE = re.compile(r"\s*([a-z_]+)\s*=\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules as they are.

    asked: a new password is held to the rules (PAM's stack for passwords has pam_pwquality).
    quality: what libpwquality's files set, by its own names; a number each. own: our file, as it is.
    installed: pam_pwquality is there, whether it is asked or not.
    ages: what login.defs says, by its own names.
    """

    asked: Reading[bool] = MISSING
    quality: Mapping[str, Reading[int]] = field(default_factory=dict)
    own: str | None = None
    installed: bool = False
    ages: Mapping[str, Reading[int]] = field(default_factory=dict)

    def least(self) -> int:
        """The length that a password has to have, in characters; 0 where nothing is asked."""
        if known(self.asked) is not True:
            return 0
        found = known(self.quality.get("minlen", MISSING))
        return QUALITY["min_length"][1] if found is None else found


async def read(host: Host) -> Rules:
    """Looks at the files. Never raises for what the machine lacks."""
    return Rules(
        asked=await _asked(host),
        quality=await _quality(host),
        own=await _text(host, OWN),
        installed=await host.stat(PROFILE) is not None,
        ages=await _ages(host),
    )


async def _text(host: Host, path: str) -> str | None:
    try:
        return await host.text(path)
    except OSError:
        return None


async def _asked(host: Host) -> Reading[bool]:
    try:
        text = await host.text(PAM)
    except OSError as error:
        return Unknown(f"{PAM}: {error.strerror or error}")
    for number, line in enumerate((text or "").splitlines(), 1):
        if not line.lstrip().startswith("#") and re.search(r"\bpam_pwquality\.so\b", line):
            return Known(True, Source(PAM, number))
    return Known(False, Source(PAM))


async def _quality(host: Host) -> Mapping[str, Reading[int]]:
    """libpwquality reads the folder's files in ASCII order, then pwquality.conf; the last value counts."""
    found: dict[str, Reading[int]] = {}
    try:
        names = [name for name in await host.listdir(FOLDER) if name.endswith(".conf")]
        for path in (*(f"{FOLDER}/{name}" for name in names), CONF):
            for number, line in enumerate((await host.text(path) or "").splitlines(), 1):
                match = _LINE.fullmatch(line.partition("#")[0])
                if match and re.fullmatch(r"-?[0-9]{1,9}", match[2]):
                    found[match[1]] = Known(int(match[2]), Source(path, number))
    except OSError as error:
        reason = f"{error.filename or FOLDER}: {error.strerror or error}"
        return {name: Unknown(reason) for name, _default in QUALITY.values()}
    return found


async def _ages(host: Host) -> Mapping[str, Reading[int]]:
    try:
        text = await host.text(LOGIN_DEFS)
    except OSError as error:
        return {name: Unknown(f"{LOGIN_DEFS}: {error.strerror or error}") for name in AGES.values()}
    found: dict[str, Reading[int]] = {}
    for name in AGES.values():
        try:
            entry = get("logindefs", text or "", (name,))
        except FormatError as error:
            found[name] = Unknown(f"{LOGIN_DEFS}: {error}")
            continue
        if entry is not None and re.fullmatch(r"-?[0-9]{1,9}", str(entry.value)):
            found[name] = Known(int(str(entry.value)), Source(LOGIN_DEFS, entry.line))
    return found


# the way --------------------------------------------------------------------------------------------------------


def parts(rules: Rules, policy: Policy | None) -> Iterable[Part]:
    """The steps to what is wanted."""
    if policy is not None:
        yield quality(rules, policy)
        yield ages(rules, policy)


def wanted_quality(policy: Policy) -> dict[str, int]:
    """What is wanted of libpwquality, by its own names."""
    return {
        name: int(value) for ours, (name, _default) in QUALITY.items() if (value := getattr(policy, ours)) is not None
    }


def quality(rules: Rules, policy: Policy) -> Part:
    """What a new password has to be like."""
    part = Part(SETTING)
    wanted = wanted_quality(policy)
    if not wanted:
        return part
    if isinstance(rules.asked, Unknown):
        return part.block(rules.asked.reason)
    for name in wanted:
        if isinstance(found := rules.quality.get(name, MISSING), Unknown):
            return part.block(found.reason)
    asked = known(rules.asked) is True
    if asked and all(known(rules.quality.get(name, MISSING)) == value for name, value in wanted.items()):
        return part
    for name, value in wanted.items():
        found = rules.quality.get(name, MISSING)
        if isinstance(found, Known) and found.value != value and _outranks(found.source):
            text = _("{place} sets {name} to {value}, which is read after our file and would win")
            return part.block(text.format(place=found.source, name=name, value=found.value))
    if rules.installed and not asked:
        return part.block(_("PAM was told not to ask pam_pwquality; `pam-auth-update --enable pwquality` mends it"))
    text = _file(rules.own, wanted)
    if rules.own != text:
        part.steps.append(WriteFile(id="users.policy.quality", setting=SETTING, path=OWN, content=text))
    if not asked:
        part.steps.append(
            InstallPackages(
                id="users.policy.packages", setting=SETTING, needs=part.ids(), risks=("download",), packages=PACKAGES
            )
        )
        part.notice(_("passwords that are set from then on are held to the rules; those that are stay as they are"))
    part.checks.append(
        PasswordRules(
            id="users.policy.rules",
            setting=SETTING,
            min_length=policy.min_length if policy.min_length is not None else rules.least() or None,
            classes=policy.classes or 0,
        )
    )
    return part


def _outranks(source: Source | None) -> bool:
    return source is not None and source.path != OWN and (source.path == CONF or source.path > OWN)


def _file(own: str | None, wanted: Mapping[str, int]) -> str:
    """Our file with what is wanted; what else it has stays."""
    values = {}
    for line in (own or "").splitlines():
        if match := _LINE.fullmatch(line.partition("#")[0]):
            values[match[1]] = match[2]
    values |= {name: str(value) for name, value in wanted.items()}
    return _HEAD + "".join(f"{name} = {value}\n" for name, value in sorted(values.items()))


def ages(rules: Rules, policy: Policy) -> Part:
    """How long a new account's password lasts."""
    part = Part(SETTING)
    edits = []
    for ours, name in AGES.items():
        value, found = getattr(policy, ours), rules.ages.get(name, MISSING)
        if value is None:
            continue
        if isinstance(found, Unknown):
            return part.block(found.reason)
        if known(found) != value:
            edits.append(Edit(key=(name,), value=value))
            part.checks.append(
                FileValue(
                    id=f"users.policy.{ours}".replace("_", "-"),
                    setting=SETTING,
                    path=LOGIN_DEFS,
                    format="logindefs",
                    key=(name,),
                    value=value,
                )
            )
    if edits:
        part.steps.append(
            EditFile(id="users.policy.ages", setting=SETTING, path=LOGIN_DEFS, format="logindefs", edits=tuple(edits))
        )
        part.notice(_("accounts that are made from then on get these days; those that are keep theirs"))
    return part


def present(rules: Rules) -> dict[str, int | bool]:
    """The rules as settings; what isn't set anywhere is left out."""
    found: dict[str, int | bool] = {}
    for ours, (name, _default) in QUALITY.items():
        value = known(rules.quality.get(name, MISSING))
        if value is not None and known(rules.asked) is True:
            found[ours] = bool(value) if ours == "dictionary" else value
    for ours, name in AGES.items():
        value = known(rules.ages.get(name, MISSING))
        if value is not None:
            found[ours] = value
    return found
