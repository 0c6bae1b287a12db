"""What the collector is told: /etc/pi-installer-tui/collector.json, root's and 0600, written by the plans of the module
Monitoring. It is JSON and of plain dataclasses, since the collector imports neither YAML nor pydantic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

PATH = "/etc/pi-installer-tui/collector.json"
VERSION = 1

Severity = Literal["info", "warning", "critical"]
What = Literal["metric", "service", "log", "reach", "certificate", "updates"]
Above = Literal["above", "below"]
By = Literal["mail", "ntfy", "webhook", "telegram", "gotify", "login-message"]
Tls = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    name:      its key in the settings
    what:      metric:      `of` is a metric's name or a pattern of them (`disk.*.used`: each for itself)
               service:     `of` is a unit or a pattern of them; it fires while the unit is failed, or isn't active
                            though enabled
               log:         `of` is a regular expression (Perl's: journalctl takes it); it fires when lines of `unit`
                            ("" all) match `count` times within `lasts` seconds
               reach:       `of` is `host` (ping) or `host:port` (TCP)
               certificate: `of` is a file, a pattern of files or `host:port`; the value is days until its end
               updates:     the value is the number of pending security updates
    side, at:  fires where the value is above or below `at`
    clears:    recovers only once the value is back beyond this one (hysteresis); None: `at`
    lasts:     seconds that it must have been so, without a gap, before it fires; and to recover
    repeats:   seconds after which it is told again while it lasts; 0: once
    quiet:     it waits for the end of the quiet hours (critical ones never do)
    channels:  names; empty: all
    """

    name: str
    what: What
    of: str = ""
    side: Above = "above"
    at: float = 0.0
    clears: float | None = None
    lasts: float = 0.0
    severity: Severity = "warning"
    repeats: float = 0.0
    quiet: bool = True
    unit: str = ""
    count: int = 1
    channels: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Channel:
    """One way out.

    name:    its key in the settings
    by:      what it is; login-message needs nothing else
    host, port, tls, user, sender, to:  of mail
    url:     of ntfy (with the topic), webhook and gotify; of telegram the API's base, usually https://api.telegram.org
    chat:    of telegram
    secret:  a file (root's, 0600) that holds the password or token; "" where there is none. Of a webhook it takes the
             place of `{secret}` in the URL, or goes as a bearer's token
    least:   alerts below this severity aren't sent by it
    """

    name: str
    by: By
    host: str = ""
    port: int = 587
    tls: Tls = "starttls"
    user: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    url: str = ""
    chat: str = ""
    secret: str = ""
    least: Severity = "info"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local time, `HH:MM`; over midnight where `until` is the earlier one."""

    since: str = "22:00"
    until: str = "07:00"


@dataclass(frozen=True, slots=True)
class DeadMan:
    """A ping that goes out while the machine lives. url: a file that holds it, since it is a secret. every: seconds."""

    url: str
    every: int = 300


@dataclass(frozen=True, slots=True)
class Exporter:
    """Metrics for Prometheus over HTTP."""

    address: str = "127.0.0.1"
    port: int = 9105


@dataclass(frozen=True, slots=True)
class Config:
    """All of it. interval: seconds between two readings. minutes, hours: how many of each are kept; raw: minutes of
    single readings, in memory only."""

    interval: int = 10
    raw: int = 120
    minutes: int = 7 * 24 * 60
    hours: int = 400 * 24
    rules: tuple[Rule, ...] = ()
    channels: tuple[Channel, ...] = ()
    quiet: QuietHours | None = None
    dead_man: DeadMan | None = None
    exporter: Exporter | None = None


def dump(config: Config) -> str:
    """As the file has it."""
    return json.dumps({"version": VERSION, **asdict(config)}, indent=1, ensure_ascii=False) + "\n"


def load(text: str) -> Config:
    """From the file's text. Raises ValueError with the place of what is wrong, and none of the values."""
    try:
        raw = json.loads(text)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(raw, dict) or raw.pop("version", None) != VERSION:
        raise ValueError(f"version is not {VERSION}")
    made: Config = _made(Config, raw, "")
    return made


def _made(model: Any, raw: object, place: str) -> Any:
    if not isinstance(raw, Mapping):
        raise ValueError(f"{place or 'all'}: not a table")
    hints = get_type_hints(model)
    known = {each.name for each in fields(model)}
    if strange := sorted(set(map(str, raw)) - known):
        raise ValueError(f"{place}{strange[0]}: unknown")
    try:
        return model(**{name: _value(hints[name], value, f"{place}{name}") for name, value in raw.items()})
    except TypeError:
        raise ValueError(f"{place or 'all'}: incomplete") from None


def _value(hint: Any, value: object, place: str) -> Any:
    choices = get_args(hint)
    if type(None) in choices:
        if value is None:
            return None
        return _value(next(each for each in choices if each is not type(None)), value, place)
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{place}: not a list")
        return tuple(_value(choices[0], each, f"{place}[{n}]") for n, each in enumerate(value))
    if getattr(hint, "__origin__", None) is Literal:
        if value not in choices:
            raise ValueError(f"{place}: not one of {', '.join(choices)}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and hint not in (str, int, float, bool):
        return _made(hint, value, f"{place}.")
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise ValueError(
            f"{place}: not {'a text' if hint is str else 'a number' if hint is not bool else 'true or false'}"
        )
    return value
