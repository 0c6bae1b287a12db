"""netplan: the top of a chain. Its YAML files make the files of NetworkManager or systemd-networkd at every boot, so
the file in /etc/netplan that defines an interface is the one to edit; where cloud-init would write it anew, what
cloud-init reads is edited too.

After `netplan generate` the renderer's own commands make it take effect. `netplan apply` isn't used: it stops
NetworkManager first and, if anything after that fails, leaves it stopped.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.system import ask, cloud
from pi_installer_tui.modules.system.cloud import CloudInit
from pi_installer_tui.modules.system.network import networkd
from pi_installer_tui.modules.system.network.base import (
    IPV6_METHODS,
    Addressing,
    Interface,
    in_effect,
    setting_of,
    step_id,
)
from pi_installer_tui.system.formats import FormatError, yaml
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, Reading, Source, Unknown
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import Edit, EditFile, RunCommand, Step, WriteFile

NAME = "netplan"
FOLDERS = ("/lib/netplan", "/etc/netplan", "/run/netplan")
#: the file that cloud-init makes of its network-config
CLOUD_FILE = "/etc/netplan/50-cloud-init.yaml"
KINDS = {"ethernets": "ethernet", "wifis": "wifi"}

_SECRET = re.compile(r"^\s*(?:\"?(?:password|psk|client-key-password|private|shared|key)\"?)\s*:", re.M)
#: netplan has no word for "no IPv6 at all" that it hands to NetworkManager
_PASSTHROUGH = ("networkmanager", "passthrough", "ipv6.method")


@dataclass(frozen=True, slots=True)
class Definition:
    """Where an interface is defined: a file, the path of keys in it, and what stands there."""

    path: str
    key: tuple[str, ...]
    body: Mapping[str, Any]
    renderer: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What `steps` need: the definition; below: the renderer's view of the interface, active: it runs on what netplan
    made; seed: the same in cloud-init's network-config; keep: cloud-init has to be told to leave the network alone."""

    definition: Definition
    below: Interface
    active: bool
    seed: Definition | None = None
    keep: bool = False


# reading --------------------------------------------------------------------------------------------------------


async def definitions(host: Host) -> list[Definition] | Unknown:
    """Every ethernet and Wi-Fi interface that netplan's files define, in the order they are read (netplan(5): by name,
    /run before /etc before /lib where two have the same)."""
    files: dict[str, str] = {}
    for folder in FOLDERS:
        files |= {n: f"{folder}/{n}" for n in await host.listdir(folder) if n.endswith(".yaml")}
    found: list[Definition] = []
    renderer = "networkd"
    documents: list[tuple[str, str, dict[str, Any]]] = []
    for _name, path in sorted(files.items()):
        content = await ask.text(host, path)
        network = ask.entry(yaml, content, path, "network")
        if isinstance(network, Unknown):
            return network
        if isinstance(network, Known) and isinstance(network.value, dict) and isinstance(content, str):
            documents.append((path, content, network.value))
            renderer = network.value.get("renderer", renderer)
    for path, content, document in documents:
        found += _defined(path, content, document, ("network",), renderer)
    return found


def _defined(
    path: str, content: str, document: Mapping[str, Any], root: tuple[str, ...], renderer: str
) -> list[Definition]:
    found: list[Definition] = []
    sensitive = _SECRET.search(content) is not None
    for section in KINDS:
        bodies = document.get(section)
        if not isinstance(bodies, Mapping):
            continue
        inner = bodies.get("renderer", renderer)
        for name, body in bodies.items():
            if isinstance(name, str) and isinstance(body, Mapping | None):
                one = (body or {}).get("renderer", inner)
                found.append(Definition(path, (*root, section, name), body or {}, str(one), sensitive))
    return found


def matching(definition: Definition, name: str, hardware: str) -> bool:
    """Whether a definition is that interface's (netplan(5), `match`)."""
    match = definition.body.get("match")
    if not isinstance(match, Mapping):
        return definition.key[-1] == name
    if definition.body.get("set-name") == name:
        return True
    by_name = fnmatch.fnmatchcase(name, str(match["name"])) if "name" in match else True
    by_hardware = str(match["macaddress"]).lower() == hardware.lower() if "macaddress" in match else True
    return bool(match) and "driver" not in match and by_name and by_hardware


async def interface(
    host: Host, below: Interface, defined: list[Definition], hardware: str, cloud_init: CloudInit | Unknown
) -> Interface | None:
    """An interface as netplan has it, None where none of its files defines it."""
    mine = [d for d in defined if matching(d, below.name, hardware)]
    if not mine:
        return None
    last, refused = mine[-1], ""
    content = await ask.text(host, last.path)
    configured, places = configuration(last, content if isinstance(content, str) else "")
    if len(mine) > 1:
        refused = _("several of netplan's files define it: {files}").format(files=", ".join(d.path for d in mine))
    elif not last.path.startswith("/etc/"):
        refused = _("its file {path} is made by another program").format(path=last.path)
    elif last.renderer not in ("NetworkManager", "networkd"):
        refused = _("netplan's renderer {renderer} isn't supported").format(renderer=last.renderer)
    elif _below(last.renderer) != below.backend:
        refused = _("netplan renders it for {renderer}, which doesn't manage it now").format(renderer=last.renderer)
    seed, keep, owner = None, False, ""
    if last.path == CLOUD_FILE and isinstance(cloud_init, CloudInit) and cloud_init.active and cloud_init.network:
        owner, seed = cloud.NAME, _seed(cloud_init, below.name, hardware)
        keep = seed is None
    pending: Reading[Addressing] | None = None
    if seed is not None:
        pending = configuration(seed, cloud_init.network_text if isinstance(cloud_init, CloudInit) else "")[0]
    profile = getattr(below.form, "path", "")
    active = profile.startswith("/run/NetworkManager/system-connections/netplan-") or below.backend == networkd.NAME
    form = Form(last, below, active, seed, keep)
    return replace(
        below,
        backend=NAME,
        configured=configured,
        owner=owner,
        places=places,
        form=form,
        refused=refused,
        pending=pending,
    )


def _below(renderer: str) -> str:
    return "NetworkManager" if renderer == "NetworkManager" else networkd.NAME


def _seed(cloud_init: CloudInit, name: str, hardware: str) -> Definition | None:
    """The interface in cloud-init's network-config, which has netplan's form with or without the key `network`."""
    try:
        whole = yaml.get(cloud_init.network_text, ("network",))
        document = whole.value if whole else None
        root: tuple[str, ...] = ("network",)
        if not isinstance(document, Mapping):
            root = ()
            document = {s: e.value for s in KINDS if (e := yaml.get(cloud_init.network_text, (s,)))}
    except FormatError:
        return None
    found = _defined(cloud_init.network_config, cloud_init.network_text, document, root, "")
    return next((d for d in found if matching(d, name, hardware)), None)


def configuration(definition: Definition, content: str) -> tuple[Reading[Addressing], dict[str, Source]]:
    """What a definition says of addresses, and where."""
    body = definition.body
    places: dict[str, Source] = {}
    for key, field in _FIELDS.items():
        try:
            entry = yaml.get(content, (*definition.key, key))
        except FormatError:
            break
        if entry is not None:
            places.setdefault(field, Source(definition.path, entry.line))
    try:
        addresses = [IPv4Interface(a) for a in _addresses(body) if ":" not in a]
        via = [r.get("via") for r in body.get("routes", ()) if _default(r)] or [body.get("gateway4")]
        servers = body.get("nameservers") or {}
        dhcp = body.get("dhcp4") is True
        found = Addressing(
            method="dhcp" if dhcp else "static" if addresses else "off",
            addresses=tuple(addresses),
            gateway=IPv4Address(via[0]) if via[0] else None,
            dns=tuple(ip_address(d) for d in servers.get("addresses", ())),
            search=tuple(servers.get("search", ())),
            ipv6=_ipv6(body),
        )
    except (ValueError, TypeError, AttributeError) as error:
        return Unknown(f"{definition.path}: {error}"), {}
    return Known(found, Source(definition.path)), places


_FIELDS = {
    "dhcp4": "method",
    "addresses": "address",
    "routes": "gateway",
    "gateway4": "gateway",
    "nameservers": "dns",
    "accept-ra": "ipv6",
    "dhcp6": "ipv6",
    "link-local": "ipv6",
}


def _addresses(body: Mapping[str, Any]) -> list[str]:
    """The fixed addresses; one may be a mapping with options (a label, a lifetime) of which it is the key."""
    return [next(iter(a)) if isinstance(a, Mapping) else str(a) for a in body.get("addresses", ())]


def _default(route: Mapping[str, Any]) -> bool:
    """Whether a route is the IPv4 default route of the main table."""
    plain = not {"table", "from", "type", "scope"} & set(route)
    return plain and route.get("to") in ("default", "0.0.0.0/0") and ":" not in str(route.get("via", ":"))


def _ipv6(body: Mapping[str, Any]) -> str:
    node: Any = body
    for part in _PASSTHROUGH:
        node = node.get(part) if isinstance(node, Mapping) else None
    if isinstance(node, str):
        return node
    local = body.get("link-local")
    none = isinstance(local, list) and "ipv6" not in local
    if body.get("dhcp6") is True or body.get("accept-ra") is True:
        return "auto"
    if none:
        return "disabled"
    return "link-local" if body.get("accept-ra") is False else "auto"


# planning -------------------------------------------------------------------------------------------------------


def steps(interface: Interface, want: Addressing) -> tuple[list[Step], list[Blocked]]:
    """The way from what is to `want`; nothing where it is so already."""
    form: Form = interface.form
    name, setting, definition = interface.name, setting_of(interface.name), form.definition
    written = isinstance(interface.configured, Known) and interface.configured.value == want
    kept = interface.pending is None or (isinstance(interface.pending, Known) and interface.pending.value == want)
    if written and kept and in_effect(want, interface):
        return [], []
    plan: list[Step] = []
    if not written:
        plan.append(_edit(step_id(name, "netplan"), setting, definition, want))
        if form.keep:
            content = "# The network is set by hand: /etc/netplan\nnetwork: {config: disabled}\n"
            plan.append(WriteFile(id=step_id(name, "cloud"), setting=setting, path=cloud.KEEP_NETWORK, content=content))
    if form.seed is not None and not kept:
        plan.append(_edit(step_id(name, "cloud"), setting, form.seed, want))
    if written and in_effect(want, interface):
        return plan, []
    generate = RunCommand(
        id=step_id(name, "generate"),
        setting=setting,
        needs=tuple(s.id for s in plan),
        argv=("netplan", "generate"),
        probe="repeatable",
        again=True,
        offline=True,
    )
    plan.append(generate)
    if form.below.backend == networkd.NAME:
        return [*plan, *networkd.activation(name, (generate.id,))], []
    reload = RunCommand(
        id=step_id(name, "reload"),
        setting=setting,
        needs=(generate.id,),
        argv=("nmcli", "connection", "reload"),
        probe="repeatable",
        again=True,
    )
    plan.append(reload)
    if interface.connected:
        profile = f"netplan-{definition.key[-1]}"
        up = ("nmcli", "connection", "up", "id", profile, "ifname", name)
        plan.append(
            RunCommand(
                id=step_id(name, "apply"),
                setting=setting,
                needs=(reload.id,),
                risks=("connection",),
                cuts=(f"interface:{name}",),
                argv=("nmcli", "device", "reapply", name) if form.active else up,
                probe="repeatable",
                again=True,
            )
        )
    return plan, []


def _edit(step: str, setting: str, definition: Definition, want: Addressing) -> EditFile:
    return EditFile(
        id=step,
        setting=setting,
        path=definition.path,
        format="yaml",
        edits=tuple(Edit(key=(*definition.key, *key), value=value) for key, value in changes(definition, want)),
        sensitive=definition.sensitive,
    )


def changes(definition: Definition, want: Addressing) -> list[tuple[tuple[str, ...], Any]]:
    """The keys below a definition that make it say `want`, with their values; None takes one away."""
    body = definition.body
    now, _places = configuration(definition, "")
    same = now.value if isinstance(now, Known) else Addressing("")
    found: list[tuple[tuple[str, ...], Any]] = []

    def put(key: tuple[str, ...], value: Any) -> None:
        node: Any = body
        for part in key:
            node = node.get(part) if isinstance(node, Mapping) else None
        if value is not None or node is not None:
            found.append((key, value))

    if want.method == "dhcp" and body.get("dhcp4") is not True:
        put(("dhcp4",), True)
    if want.method != "dhcp" and body.get("dhcp4") is True:
        put(("dhcp4",), False)
    if want.addresses != same.addresses:
        ipv6 = [a for a in body.get("addresses", ()) if ":" in (next(iter(a)) if isinstance(a, Mapping) else str(a))]
        put(("addresses",), (*map(str, want.addresses), *ipv6) or None)
    if want.gateway != same.gateway:
        routes = [r for r in body.get("routes", ()) if not _default(r)]
        if want.gateway is not None:
            routes.append({"to": "default", "via": str(want.gateway)})
        put(("routes",), tuple(routes) or None)
        put(("gateway4",), None)
    if want.dns != same.dns or want.search != same.search:
        servers = {"addresses": tuple(map(str, want.dns)) or None, "search": want.search or None}
        if not any(servers.values()):
            put(("nameservers",), None)
        else:
            for key, value in servers.items():
                put(("nameservers", key), value)
    if want.ipv6 != same.ipv6 and want.ipv6 in IPV6_METHODS:
        put(("dhcp6",), True if want.ipv6 == "auto" else None)
        put(("accept-ra",), None if want.ipv6 == "auto" else False)
        put(("link-local",), () if want.ipv6 == "disabled" else None)
        nm = definition.renderer == "NetworkManager"
        put(_PASSTHROUGH, "disabled" if nm and want.ipv6 == "disabled" else None)
    return found
