"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.alerts.config import Config
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.metrics.names import KINDS, named
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.monitoring import wanted
from pi_installer_tui.modules.monitoring.plan import plan
from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
from pi_installer_tui.modules.monitoring.state import File, State
from pi_installer_tui.system.reading import (
    MISSING,
    Known,
    Missing,
    Reading,
    Unknown,
    Value,
    known,
    mapped,
    reading_json,
    value_json,
)
from pi_installer_tui.tasks.plan import Others
from pi_installer_tui.tasks.words import size


def present(state: State) -> MonitoringSettings:
    """The collector as settings. What can't be wanted here is left out, and so is what isn't settled: a service that is
    enabled and doesn't run."""
    config = Config() if state.config == MISSING else known(state.config)
    found: dict[str, Any] = {} if config is None else wanted.present(config)
    document: dict[str, Any] = {}
    for key, value in {"enabled": bool(state.unit) and state.runs, **found}.items():
        if key in ("rules", "channels"):
            items = {name: item for name, item in value.items() if _settled(state, {key: {name: item}})}
            if items:
                document[key] = items
        elif _settled(state, {key: value}):
            document[key] = value
    return MonitoringSettings.model_validate(document)


def _settled(state: State, model: Mapping[str, Any]) -> bool:
    try:
        settings = MonitoringSettings.model_validate(model)
    except ValueError:
        return False
    made = plan(state, settings, Others())
    return not made.steps and not made.blocked


def summary(state: State) -> str:
    """One phrase: what fires, and whether it collects."""
    if isinstance(state.enabled.effective, Unknown):
        return _("unknown")
    parts = []
    if (collected := known(state.collected)) is not None and collected.firing and state.runs:
        parts.append(ngettext("{n} alert", "{n} alerts", collected.firing).format(n=collected.firing))
    if state.failed:
        parts.append(_("the collector failed"))
    elif state.runs:
        parts.append(_("collecting"))
    else:
        return _("no history is kept")
    config = known(state.config)
    if config is not None and config.rules and not config.channels:
        parts.append(_("no channel"))
    return ", ".join(parts)


def facts(state: State) -> Sequence[Fact]:
    """What is, a line a value."""
    config = state.config
    lines = [
        Fact("enabled", _("Collector"), mapped(state.enabled, _on)),
        Fact("interval", _("Interval"), _single(_of(config, lambda c: f"{c.interval} s"))),
        Fact("rules", _("Rules"), _single(_of(config, lambda c: str(len(c.rules))))),
        Fact("channels", _("Channels"), _single(_of(config, _channels))),
        Fact("quiet_hours.enabled", _("Quiet hours"), _single(_of(config, _quiet))),
        Fact("dead_man.enabled", _("Sign of life"), _single(_of(config, lambda c: _on(c.dead_man is not None)))),
        Fact("exporter.enabled", _("Exporter"), _single(_of(config, _exporter))),
    ]
    beside = (
        (_("Firing"), _of(state.collected, lambda c: str(c.firing))),
        (_("Last reading"), _of(state.collected, lambda c: _moment(c.last) if c.last else _("none"))),
        (_("Not written"), _of(state.collected, lambda c: c.trouble)),
        (_("Running since"), _of(state.since, _moment)),
        (_("Its memory"), _of(state.memory, size)),
        (_("History"), _of(state.history, lambda files: size(sum(f.size for f in files)))),
        (_("Power"), _of(state.power, lambda p: ", ".join(p.now) or _("fine"))),
    )
    lines += [Fact("", title, _single(value)) for title, value in beside if _says(value)]
    return lines


def _says(reading: Reading[str]) -> bool:
    """There is something to say: what isn't there, or is fine by itself, is no line."""
    return not isinstance(reading, Missing) and known(reading) != ""


def _of(reading: Reading[Any], shown: Any) -> Reading[str]:
    return Known(shown(reading.value), reading.source) if isinstance(reading, Known) else reading


def _single(reading: Reading[Any]) -> Value[Any]:
    return Value(reading, reading)


def _on(on: bool) -> str:
    return _("on") if on else _("off")


def _moment(at: float) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _channels(config: Config) -> str:
    return ", ".join(channel.name for channel in config.channels) or _("none")


def _quiet(config: Config) -> str:
    return f"{config.quiet.since}-{config.quiet.until}" if config.quiet is not None else _("off")


def _exporter(config: Config) -> str:
    return f"{config.exporter.address} {config.exporter.port}" if config.exporter is not None else _("off")


def state_json(state: State) -> dict[str, Any]:
    """Every value as {configured, effective, pending, owner, source}; missing: null, unknown: {"unknown": reason}. Of
    secrets only whether they are there."""
    return {
        "collector": {
            "enabled": value_json(state.enabled),
            "failed": state.failed,
            "since": reading_json(state.since),
            "memory": reading_json(state.memory),
            "restarts": reading_json(state.restarts),
            "to_be_reloaded": state.stale,
        },
        "history": reading_json(state.history, _history),
        "collected": reading_json(
            state.collected,
            lambda c: {"last": c.last, "trouble": c.trouble or None, "firing": c.firing, "unseen": c.unseen},
        ),
        "settings": reading_json(state.config, _settings),
        "secrets": reading_json(state.secrets, sorted),
        "power": reading_json(state.power, lambda p: {"now": list(p.now), "since_boot": _listed(p.since_boot)}),
    }


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)


def _history(files: tuple[File, ...]) -> dict[str, Any]:
    return {"bytes": sum(f.size for f in files), "written": max(f.at for f in files), "files": [f.path for f in files]}


def _settings(config: Config) -> dict[str, Any]:
    return wanted.present(config)


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that the settings' fields name."""
    match name:
        case "metrics":
            kinds = [kind for kind in KINDS if not kind.field.endswith("-since-boot")]
            return tuple(named(kind.family, kind.field, "*" if kind.several else "") for kind in kinds)
        case "channels":
            config = known(state.config)
            return tuple(channel.name for channel in config.channels) if config is not None else ()
    return ()
