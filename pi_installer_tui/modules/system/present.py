"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.system.network.base import IPV6_METHODS, Addressing, Interface, setting_of
from pi_installer_tui.modules.system.plan import parts_of
from pi_installer_tui.modules.system.settings import SystemSettings
from pi_installer_tui.modules.system.state import Keys, State
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value, known, mapped, value_json


def present(state: State) -> SystemSettings:
    """The machine as settings. What isn't settled (half done, unknown, or in a form that can't be wanted here) is left
    out, so that planning them changes nothing."""
    found: dict[str, Any] = {}
    for name, reading in (
        ("hostname", state.hostname.configured),
        ("timezone", state.timezone.configured),
        ("ntp", state.ntp.configured),
        ("locale", state.locale.configured),
    ):
        if isinstance(reading, Known) and _settled(state, {name: reading.value}):
            found[name] = reading.value
    keys = known(state.keyboard.configured)
    if keys and _settled(state, {"keyboard": _keyboard(keys)}):
        found["keyboard"] = _keyboard(keys)
    network = {}
    for name, interface in () if isinstance(state.network, Unknown) else state.network.items():
        addressing = known(interface.configured)
        if addressing and _settled(state, {"network": {name: _interface(addressing)}}):
            network[name] = _interface(addressing)
    if network:
        found["network"] = network
    return SystemSettings.model_validate(found)


def _settled(state: State, model: dict[str, Any]) -> bool:
    try:
        settings = SystemSettings.model_validate(model)
    except ValueError:
        return False
    return all(part.settled for part in parts_of(state, settings))


def _keyboard(keys: Keys) -> dict[str, Any]:
    # an empty variant is a choice of its own, an empty model isn't
    return {"layout": keys.layout, "variant": keys.variant or None, "model": keys.model or None}


def _interface(addressing: Addressing) -> dict[str, Any]:
    found: dict[str, Any] = {"method": addressing.method}
    if addressing.method == "static":
        found["address"] = str(addressing.addresses[0]) if addressing.addresses else ""
        found["gateway"] = str(addressing.gateway) if addressing.gateway else None
    found["dns"] = [str(d) for d in addressing.dns] or None
    found["search"] = list(addressing.search) or None
    found["ipv6"] = addressing.ipv6 if addressing.ipv6 in IPV6_METHODS else None
    return {key: value for key, value in found.items() if value is not None}


# for people -----------------------------------------------------------------------------------------------------


def summary(state: State) -> str:
    """One phrase: the name, the zone, who does the network."""
    parts = [known(state.hostname.best), known(state.timezone.best), state.network_service]
    return ", ".join(p for p in parts if p) or _("unknown")


def facts(state: State) -> Sequence[Fact]:
    """What is, a line a value."""
    lines = [
        Fact("hostname", _("Hostname"), _differing(state.hostname)),
        Fact("timezone", _("Time zone"), state.timezone),
        Fact("ntp", _("Time synchronisation"), mapped(state.ntp, lambda on: _("on") if on else _("off"))),
        Fact("locale", _("Locale"), state.locale),
        Fact("keyboard", _("Keyboard"), mapped(state.keyboard, _keys)),
        Fact("", _("Network service"), Value(_service(state), _service(state))),
    ]
    if isinstance(state.network, Unknown):
        return [*lines, Fact("network", _("Network"), Value(state.network, state.network))]
    for name, interface in state.network.items():
        title = _("{name} address").format(name=name)
        value = _value(interface)
        lines.append(Fact(setting_of(name).removeprefix("system."), title, mapped(value, _addressing)))
        lines.append(Fact("", _("{name} DNS").format(name=name), mapped(value, _dns)))
    return lines


def _service(state: State) -> Reading[str]:
    return Known(state.network_service) if state.network_service else MISSING


def _value(interface: Interface) -> Value[Addressing]:
    owner = interface.owner or interface.backend
    return _differing(Value(interface.configured, interface.effective, interface.pending, owner))


def _differing(value: Value[Any]) -> Value[Any]:
    """A value without what will be after a reboot, where that is what is configured."""
    same = value.pending is not None and known(value.pending) == known(value.configured)
    return replace(value, pending=None) if same else value


def _keys(keys: Keys) -> str:
    return " ".join(p for p in (keys.layout, keys.variant, keys.model and f"({keys.model})") if p)


def _addressing(found: Addressing) -> str:
    addresses = " ".join(map(str, found.addresses))
    method = {"dhcp": "DHCP", "static": _("static"), "off": _("off")}.get(found.method, found.method)
    via = _("via {gateway}").format(gateway=found.gateway) if found.gateway else ""
    return " ".join(p for p in (method, addresses, via) if p)


def _dns(found: Addressing) -> str:
    return " ".join([*map(str, found.dns), *found.search]) or _("none")


# for programs ---------------------------------------------------------------------------------------------------


def state_json(state: State) -> dict[str, Any]:
    """Every value as {configured, effective, pending, owner, source}; missing: null, unknown: {"unknown": reason}."""
    found: dict[str, Any] = {
        "hostname": value_json(_differing(state.hostname)),
        "timezone": value_json(state.timezone),
        "ntp": value_json(state.ntp),
        "locale": value_json(state.locale),
        "keyboard": value_json(state.keyboard, _keyboard),
        "network_service": state.network_service or None,
    }
    if isinstance(state.network, Unknown):
        found["network"] = {"unknown": state.network.reason}
        return found
    found["network"] = {
        name: {
            "kind": i.kind,
            "connected": i.connected,
            "backend": i.backend or None,
            "refused": i.refused or None,
            **value_json(_value(i), _plain),
        }
        for name, i in state.network.items()
    }
    return found


def _plain(found: Addressing) -> dict[str, Any]:
    return {
        "method": found.method,
        "addresses": [str(a) for a in found.addresses],
        "gateway": str(found.gateway) if found.gateway else None,
        "dns": [str(d) for d in found.dns],
        "search": list(found.search),
        "ipv6": found.ipv6 or None,
    }


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that the settings' fields name."""
    match name:
        case "timezones":
            return state.zones
        case "locales":
            known_ones = (n for n, charset in state.locales_known.items() if charset == "UTF-8")
            return tuple(dict.fromkeys(["C.UTF-8", *known_ones]))
        case "keyboard_layouts":
            return state.layouts
        case "keyboard_models":
            return state.models
        case "keyboard_variants":
            keys = known(state.keyboard.configured)
            first = keys.layout.split(",")[0] if keys else ""
            others = (v for layout in sorted(state.variants) for v in state.variants[layout])
            return tuple(dict.fromkeys([*state.variants.get(first, ()), *others]))
        case "interfaces" if not isinstance(state.network, Unknown):
            return tuple(n for n, i in state.network.items() if not i.refused)
    return ()
