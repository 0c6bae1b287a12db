"""The way from the collector as it is to the collector as it is wanted. Pure: all it knows is the state, the settings,
and the names of the secrets that were given."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from pi_installer_tui.alerts.config import PATH as CONFIG
from pi_installer_tui.alerts.config import Config, dump
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.monitoring import service
from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
from pi_installer_tui.modules.monitoring.state import State
from pi_installer_tui.modules.monitoring.usual import USUAL
from pi_installer_tui.modules.monitoring.wanted import SECRETS, Wanted, secret_path, secrets, secrets_named, wanted
from pi_installer_tui.modules.part import Part
from pi_installer_tui.system.reading import MISSING, Unknown, known
from pi_installer_tui.tasks.checks import UnitActive, WrittenLately
from pi_installer_tui.tasks.plan import Blocked, Mistake, Others, Plan
from pi_installer_tui.tasks.steps import Directory, Probe, RemoveFile, RunCommand, SecretFile, Unit, WriteFile
from pi_installer_tui.tasks.words import size

NAME = "monitoring"
_CONFIG, _UNIT, _SERVICE = f"{NAME}.config", f"{NAME}.unit-file", f"{NAME}.service"


def told(state: State, settings: MonitoringSettings, others: Others) -> Wanted:
    """What the collector is to be told, by the secrets that are there or were given."""
    given = others.secrets - others.to_make
    return wanted(known(state.config) or Config(), settings, _there(state) | given)


def _there(state: State) -> frozenset[str]:
    """The secrets that have a value on the machine."""
    found: frozenset[str] | None = known(state.secrets)
    return found or frozenset()


def step_id(what: str, secret: str) -> str:
    """What a secret's step is called; names that differ in case only stay apart."""
    name = secret.removeprefix(f"{NAME}.")
    capitals = "".join(str(n) for n, c in enumerate(name) if c.isupper())
    return f"{NAME}.{what}.{name.lower()}{'@' + capitals if capitals else ''}"


def plan(state: State, settings: MonitoringSettings, others: Others) -> Plan:
    """The whole plan: what the collector is told, then the service."""
    return _part(state, settings, others).plan(settings)


def _part(state: State, settings: MonitoringSettings, others: Others) -> Part:
    part = Part(NAME)
    if settings == MonitoringSettings():
        return part
    for reading in (state.config, state.secrets, state.enabled.configured, state.enabled.effective):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    told_now, wants = known(state.config) or Config(), told(state, settings, others)
    for setting, secret in wants.lacking.items():
        why = _("no value was given for the secret {name}").format(name=secret)
        part.blocked.append(Blocked(setting=f"{NAME}.{setting}", why=why))
    _configure(part, state, told_now, wants.config, settings, others)
    if settings.enabled is False:
        _off(part, state, settings)
    elif settings.enabled:
        _on(part, state, wants.config)
    elif state.runs and (part.steps or state.stale):
        _reload(part, wants.config)
    elif part.steps and not state.there:
        part.notice(_("the collector isn't switched on (`enabled: true`): nothing is watched"))
    _forget(part, state, told_now, wants.config)
    _warn(part, told_now, wants.config)
    return part


def _configure(
    part: Part, state: State, now: Config, config: Config, settings: MonitoringSettings, others: Others
) -> None:
    """The secrets that were given, and the collector's file."""
    given = sorted(secrets(config) & (others.secrets - others.to_make))
    if given and not state.folder:
        part.steps.append(Directory(id=f"{NAME}.secrets", setting=NAME, path=SECRETS, mode=0o700))
    for name in given:
        needs: tuple[str, ...] = (f"{NAME}.secrets",) if not state.folder else ()
        step = step_id("secret", name)
        part.steps.append(
            SecretFile(id=step, setting=NAME, needs=needs, path=secret_path(name), name=name, sensitive=True)
        )
    missing = state.config == MISSING and (settings.enabled or config != Config())
    if missing or config != now or (state.mode & 0o077 and state.config != MISSING):
        needs = part.ids()
        part.steps.append(
            WriteFile(id=_CONFIG, setting=NAME, needs=needs, path=CONFIG, content=dump(config), mode=0o600)
        )


def _on(part: Part, state: State, config: Config) -> None:
    text = service.unit(state.python)
    changed = bool(part.steps) or state.stale
    if state.unit != text:
        part.steps.append(
            WriteFile(id=_UNIT, setting=NAME, needs=part.ids(), path=service.PATH, content=text, mode=0o644)
        )
    right = known(state.enabled.configured) is True and state.runs
    if state.unit == text and right and changed:
        _reload(part, config)
    elif state.unit != text or not right:
        part.steps.append(
            Unit(
                id=_SERVICE,
                setting=NAME,
                needs=part.ids(),
                name=service.NAME,
                enabled=True,
                active=True,
                restart=state.runs and (state.unit != text or changed),
            )
        )
        part.checks += _proofs(config)


def _reload(part: Part, config: Config) -> None:
    part.steps.append(Unit(id=_SERVICE, setting=NAME, needs=part.ids(), name=service.NAME, reload=True))
    part.checks += _proofs(config)


def _proofs(config: Config) -> Iterator[UnitActive | WrittenLately]:
    """It runs, and writes what it reads: every interval, the first time after one of them."""
    yield UnitActive(id=f"{NAME}.runs", setting=NAME, name=service.NAME)
    lately = 60.0 + 1.5 * config.interval
    yield WrittenLately(id=f"{NAME}.writes", setting=NAME, paths=service.READINGS, seconds=lately, within=lately)


def _off(part: Part, state: State, settings: MonitoringSettings) -> None:
    if state.there:
        if state.runs or known(state.enabled.configured) is True:
            part.steps.append(Unit(id=_SERVICE, setting=NAME, name=service.NAME, enabled=False, active=False))
        if state.unit:
            needs: tuple[str, ...] = (_SERVICE,) if _SERVICE in part.ids() else ()
            part.steps.append(RemoveFile(id=_UNIT, setting=NAME, needs=needs, path=service.PATH))
        part.checks.append(UnitActive(id=f"{NAME}.off", setting=NAME, name=service.NAME, active=False))
    files = known(state.history) or ()
    if not files:
        return
    total = size(sum(file.size for file in files))
    if settings.history != "remove":
        if state.there:
            part.notice(_("the history stays: {folder}, {size}").format(folder=service.FOLDER, size=total))
        return
    needs = tuple(step for step in part.ids() if step in (_SERVICE, _UNIT))
    part.steps.append(
        RunCommand(
            id=f"{NAME}.history",
            setting=f"{NAME}.history",
            needs=needs,
            risks=("irreversible",),
            argv=("rm", "--recursive", "--one-file-system", "--", service.FOLDER),
            probe=Probe(argv=("test", "-e", service.FOLDER), status=1),
        )
    )
    part.notice(_("the history is deleted for good: {folder}, {size}").format(folder=service.FOLDER, size=total))


def _forget(part: Part, state: State, now: Config, config: Config) -> None:
    """Secrets that nothing names any more go."""
    for name in sorted((secrets(now) - secrets(config)) & _there(state)):
        step = step_id("forget", name)
        needs = tuple(s for s in part.ids() if s == _CONFIG)
        part.steps.append(RemoveFile(id=step, setting=NAME, needs=needs, path=secret_path(name), sensitive=True))


def _warn(part: Part, now: Config, config: Config) -> None:
    """What is good to know of what the collector will be told."""
    exporter = config.exporter
    if exporter is not None and exporter != now.exporter and not ipaddress.ip_address(exporter.address).is_loopback:
        text = _(
            "whoever reaches port {port} of {address} reads all metrics, without a password and unencrypted; a rule of "
            "the firewall can let in the one machine that fetches them"
        )
        part.notice(text.format(port=exporter.port, address=exporter.address))
    for channel in config.channels:
        before = next((c for c in now.channels if c.name == channel.name), None)
        if channel.by == "mail" and channel.tls == "none" and channel.host not in _HERE and channel != before:
            text = _("mail of the channel {name} goes unencrypted to {host}, and so does its password")
            part.notice(text.format(name=channel.name, host=channel.host))
        if channel.url.startswith("http://") and channel.secret and channel != before:
            text = _("the token of the channel {name} is sent unencrypted: its URL begins with http://")
            part.notice(text.format(name=channel.name))
    if config.rules and not config.channels and config != now:
        count = len(config.rules)
        text = ngettext("{n} rule, but no channel", "{n} rules, but no channel", count).format(n=count)
        part.notice(_("{what}: alerts are only shown here").format(what=text))


_HERE = ("localhost", "127.0.0.1", "::1")


# mistakes ---------------------------------------------------------------------------------------------------------


def validate(state: State, settings: MonitoringSettings) -> Sequence[Mistake]:
    """What only shows on top of what the collector is told already: a new rule without what it is about, a channel that
    isn't there."""
    if isinstance(state.config, Unknown):
        return ()
    # a secret counts as there: whether it was given is known only when planning
    names = secrets_named(settings)
    now = known(state.config) or Config()
    config = wanted(now, settings, names | _there(state)).config
    return [*_rules_wrong(now, config, settings), *_channels_wrong(config, settings), *_rest_wrong(config)]


def _rules_wrong(now: Config, config: Config, settings: MonitoringSettings) -> Iterator[Mistake]:
    before = {rule.name: rule for rule in (*(USUAL if settings.usual_rules else ()), *now.rules)}
    channels = {channel.name for channel in config.channels}
    rules = {rule.name: rule for rule in config.rules}
    for name, each in (settings.rules or {}).items():
        rule = rules.get(name)
        if each.state == "absent" or rule is None:
            continue
        place = f"{NAME}.rules.{name}"
        field = _ABOUT.get(rule.what)
        if field and not rule.of:
            yield Mistake(f"{place}.{field}", _("is needed"))
        if rule.what == "metric":
            known_already = (old := before.get(name)) is not None and old.what == "metric"
            if each.what == "metric" and each.at is None and not known_already:
                yield Mistake(f"{place}.at", _("is needed"))
            if rule.clears is not None and (rule.clears > rule.at if rule.side == "above" else rule.clears < rule.at):
                yield Mistake(f"{place}.clears", _("it clears on the other side of the threshold"))
        for channel in each.channels or ():
            if channel not in channels:
                yield Mistake(f"{place}.channels", _("there is no channel {name}").format(name=channel))
    for name, rule in rules.items():
        if name not in (settings.rules or {}) and (gone := set(rule.channels) - channels) and settings.channels:
            text = _("the rule {rule} is told by it; name other channels there first").format(rule=name)
            yield from (Mistake(f"{NAME}.channels.{channel}", text) for channel in sorted(gone))


_ABOUT: Mapping[str, str] = {
    "metric": "metric",
    "service": "unit",
    "log": "pattern",
    "reach": "host",
    "certificate": "certificate",
}


def _channels_wrong(config: Config, settings: MonitoringSettings) -> Iterator[Mistake]:
    channels = {channel.name: channel for channel in config.channels}
    needed: Mapping[str, tuple[tuple[str, str], ...]] = {
        "mail": (("host", "host"), ("sender", "sender"), ("to", "to")),
        "ntfy": (("url", "url"),),
        "webhook": (("url", "url"),),
        "telegram": (("chat", "chat"), ("secret", "token")),
        "gotify": (("url", "url"), ("secret", "token")),
        "login-message": (),
    }
    for name, each in (settings.channels or {}).items():
        channel = channels.get(name)
        if each.state == "absent" or channel is None:
            continue
        for key, field in needed[channel.by]:
            if not getattr(channel, key):
                yield Mistake(f"{NAME}.channels.{name}.{field}", _("is needed"))
        if channel.by == "mail" and channel.secret and not channel.user:
            yield Mistake(f"{NAME}.channels.{name}.user", _("is needed where there is a password"))


def _rest_wrong(config: Config) -> Iterator[Mistake]:
    if config.dead_man is not None and not config.dead_man.url:
        yield Mistake(f"{NAME}.dead_man.url", _("is needed"))
    if config.quiet is not None and config.quiet.since == config.quiet.until:
        yield Mistake(f"{NAME}.quiet_hours.until", _("is the same time"))
