"""What the collector is to be told: the settings on top of what it is told now, and the way back from that to settings.
`present` and `wanted` are each other's inverse, which a test holds them to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pi_installer_tui.alerts.config import Channel, Config, DeadMan, Exporter, QuietHours, Rule
from pi_installer_tui.modules.monitoring.channels import AnyChannel
from pi_installer_tui.modules.monitoring.rules import AnyRule
from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
from pi_installer_tui.modules.monitoring.usual import NAMES, USUAL
from pi_installer_tui.system.paths import ETC

#: where the values lie that the collector sends: each in a file that is called as the secret is
SECRETS = f"{ETC}/secrets"
TELEGRAM = "https://api.telegram.org"
#: the days left below which a certificate's rule fires, and the gap until it clears
CERTIFICATE_DAYS, CERTIFICATE_GAP = 14.0, 1.0

#: by what a rule is about: its settings, and what they are called in the collector's file
_RULE_KEYS: Mapping[str, Mapping[str, str]] = {
    "metric": {"metric": "of", "side": "side", "at": "at", "clears": "clears", "lasts": "lasts"},
    "service": {"unit": "of", "lasts": "lasts"},
    "log": {"pattern": "of", "unit": "unit", "count": "count", "within": "lasts"},
    "reach": {"host": "of", "lasts": "lasts"},
    "certificate": {"certificate": "of", "days": "at"},
    "updates": {"more_than": "at", "lasts": "lasts"},
}
_COMMON = ("severity", "repeats", "quiet", "channels", "enabled")
#: where a new rule starts, by what it is about
_FRESH: Mapping[str, Mapping[str, Any]] = {
    "metric": {},
    "service": {"lasts": 30.0},
    "log": {"lasts": 60.0},
    "reach": {"lasts": 60.0},
    "certificate": {
        "side": "below",
        "at": CERTIFICATE_DAYS,
        "clears": CERTIFICATE_DAYS + CERTIFICATE_GAP,
    },
    "updates": {},
}
_SECRET_KEYS = ("password", "token")


def secret_path(name: str) -> str:
    """The file that holds a secret."""
    return f"{SECRETS}/{name}"


def secret_name(path: str) -> str:
    """The secret that a file of ours holds."""
    return path.removeprefix(f"{SECRETS}/")


def secrets(config: Config) -> frozenset[str]:
    """The secrets that the collector's file names."""
    found = [channel.secret for channel in config.channels] + ([config.dead_man.url] if config.dead_man else [])
    return frozenset(secret_name(path) for path in found if path.startswith(f"{SECRETS}/"))


def secret_of(channel: AnyChannel) -> str | None:
    """The secret that a channel's settings name."""
    return next((value for key in _SECRET_KEYS if (value := getattr(channel, key, None)) is not None), None)


def secrets_named(settings: MonitoringSettings) -> frozenset[str]:
    """The secrets that settings name."""
    found = [secret_of(channel) for channel in (settings.channels or {}).values()]
    found += [settings.dead_man.url] if settings.dead_man is not None else []
    return frozenset(name for name in found if name is not None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the collector is to be told. lacking: the settings' paths that need a secret which isn't there, with its
    name; what needs it is left as it is now."""

    config: Config
    lacking: Mapping[str, str]


def wanted(now: Config, settings: MonitoringSettings, there: Collection[str]) -> Wanted:
    """What is told now, changed as the settings say. there: the secrets that have a value."""
    lacking: dict[str, str] = {}
    config = now
    if settings.interval is not None:
        config = replace(config, interval=settings.interval)
    config = replace(config, rules=_rules(now, settings), channels=_channels(now, settings, there, lacking))
    if (hours := settings.quiet_hours) is not None:
        base = now.quiet or QuietHours()
        on = hours.enabled if hours.enabled is not None else now.quiet is not None
        fresh = QuietHours(hours.since or base.since, hours.until or base.until)
        config = replace(config, quiet=fresh if on else None)
    if settings.dead_man is not None:
        config = replace(config, dead_man=_dead_man(now.dead_man, settings, there, lacking))
    if (exporter := settings.exporter) is not None:
        listens = now.exporter or Exporter()
        on = exporter.enabled if exporter.enabled is not None else now.exporter is not None
        told = Exporter(exporter.address or listens.address, exporter.port or listens.port)
        config = replace(config, exporter=told if on else None)
    return Wanted(config, lacking)


def _dead_man(
    now: DeadMan | None, settings: MonitoringSettings, there: Collection[str], lacking: dict[str, str]
) -> DeadMan | None:
    ping = settings.dead_man
    assert ping is not None
    if ping.enabled is False or (ping.enabled is None and now is None):
        return None
    if ping.url is not None and ping.url not in there:
        lacking["dead_man.url"] = ping.url
        return now
    url = secret_path(ping.url) if ping.url is not None else now.url if now is not None else ""
    return DeadMan(url, ping.every or (now.every if now is not None else 300))


def _rules(now: Config, settings: MonitoringSettings) -> tuple[Rule, ...]:
    rules = {rule.name: rule for rule in now.rules}
    if settings.usual_rules:
        rules = {**{rule.name: rule for rule in USUAL}, **rules}
    elif settings.usual_rules is False:
        rules = {name: rule for name, rule in rules.items() if name not in NAMES}
    for name, each in (settings.rules or {}).items():
        if each.state == "absent":
            rules.pop(name, None)
        else:
            rules[name] = _rule(name, each, rules.get(name))
    return tuple(rules.values())


def _rule(name: str, settings: AnyRule, now: Rule | None) -> Rule:
    what = settings.what
    base = now if now is not None and now.what == what else Rule(name, what, **_FRESH[what])
    given = settings.model_dump(exclude_none=True)
    change: dict[str, Any] = {key: given[key] for key in _COMMON if key in given}
    change |= {to: given[key] for key, to in _RULE_KEYS[what].items() if key in given}
    for key in ("at", "clears", "lasts", "repeats"):
        if key in change:
            change[key] = float(change[key])
    if what == "certificate" and "at" in change:
        change["clears"] = change["at"] + CERTIFICATE_GAP
    return replace(base, **change)


def _channels(
    now: Config, settings: MonitoringSettings, there: Collection[str], lacking: dict[str, str]
) -> tuple[Channel, ...]:
    channels = {channel.name: channel for channel in now.channels}
    for name, each in (settings.channels or {}).items():
        if each.state == "absent":
            channels.pop(name, None)
            continue
        old = channels.get(name)
        given = each.model_dump(exclude_none=True, exclude={"state", *_SECRET_KEYS})
        if (secret := secret_of(each)) is not None:
            key = "password" if each.by == "mail" else "token"
            if secret not in there:
                lacking[f"channels.{name}.{key}"] = secret
                continue
            given["secret"] = secret_path(secret)
        base = old if old is not None and old.by == each.by else Channel(name, each.by)
        if each.by == "telegram" and not base.url:
            base = replace(base, url=TELEGRAM)
        channels[name] = replace(base, **given)
    return tuple(channels.values())


# the way back -----------------------------------------------------------------------------------------------------


#: what only says something where it isn't empty
_OFTEN_EMPTY = ("unit", "clears", "channels", "user", "host", "sender", "to", "url", "chat")


def rule_settings(rule: Rule) -> dict[str, Any]:
    """A rule as a setup file has it, with all that it has."""
    found: dict[str, Any] = {"what": rule.what}
    keys = {**_RULE_KEYS[rule.what], **{key: key for key in _COMMON}}
    for key, to in keys.items():
        value = getattr(rule, to)
        if to in ("lasts", "repeats") or key in ("days", "more_than"):
            value = int(value)
        if value or key not in _OFTEN_EMPTY or (key == "clears" and value is not None) or to == "of":
            found[key] = list(value) if isinstance(value, tuple) else value
    return found


_CHANNEL_KEYS: Mapping[str, tuple[str, ...]] = {
    "mail": ("host", "port", "tls", "user", "sender", "to"),
    "ntfy": ("url", "user"),
    "webhook": ("url",),
    "telegram": ("chat", "url"),
    "gotify": ("url",),
    "login-message": (),
}


def channel_settings(channel: Channel) -> dict[str, Any]:
    """A channel as a setup file has it, with all that it has; of its secret only the name."""
    found: dict[str, Any] = {"by": channel.by}
    for key in (*_CHANNEL_KEYS[channel.by], "least"):
        value = getattr(channel, key)
        if value or key not in _OFTEN_EMPTY:
            found[key] = list(value) if isinstance(value, tuple) else value
    if channel.secret.startswith(f"{SECRETS}/"):
        found["password" if channel.by == "mail" else "token"] = secret_name(channel.secret)
    return found


def present(config: Config) -> dict[str, Any]:
    """All that the collector is told, as a setup file has it."""
    found: dict[str, Any] = {"interval": config.interval}
    there = {rule.name for rule in config.rules}
    if there >= NAMES:
        found["usual_rules"] = True
    elif not there & NAMES:
        found["usual_rules"] = False
    found["rules"] = {rule.name: rule_settings(rule) for rule in config.rules}
    found["channels"] = {channel.name: channel_settings(channel) for channel in config.channels}
    quiet, ping, exporter = config.quiet, config.dead_man, config.exporter
    found["quiet_hours"] = (
        {"enabled": True, "since": quiet.since, "until": quiet.until} if quiet else {"enabled": False}
    )
    found["dead_man"] = {"enabled": False}
    if ping is not None:
        found["dead_man"] = {"enabled": True, "every": ping.every}
        if ping.url.startswith(f"{SECRETS}/"):
            found["dead_man"]["url"] = secret_name(ping.url)
    found["exporter"] = {"enabled": False}
    if exporter is not None:
        found["exporter"] = {"enabled": True, "address": exporter.address, "port": exporter.port}
    return found
