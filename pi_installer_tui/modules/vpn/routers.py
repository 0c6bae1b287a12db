"""What to type in at a router by hand: the values, and where common routers have them. The menus are written as the
router writes them, in German where that is the language of most of them."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _


@dataclass(frozen=True, slots=True)
class Hint:
    """A router's way. steps: in their order, with {name}, {port}, {outer} and {address} for the values."""

    router: str
    steps: tuple[str, ...]
    words: tuple[str, ...] = ()  # what its maker or model has in its name, in small letters


#: AVM's knowledge base and the routers' own menus
HINTS: tuple[Hint, ...] = (
    Hint(
        "FRITZ!Box",
        (
            N_("Open http://fritz.box and sign in."),
            N_("Internet > Freigaben > Portfreigaben (in English: Internet > Permit Access > Port Sharing)."),
            N_("`Gerät für Freigaben hinzufügen`, and choose {address} as the device."),
            N_(
                "`Neue Freigabe` > `Portfreigabe` > `Andere Anwendung`: name {name}, protocol UDP, `Port an Gerät` "
                "{port} to {port}, `Port extern gewünscht` {outer}; `Internetzugriff über IPv4 und IPv6` where both "
                "are offered."
            ),
            N_("OK, and OK again. The list then shows the port with a green dot."),
            N_(
                "Or let it be asked: tick `Selbstständige Portfreigaben für dieses Gerät erlauben` for this device, "
                "and the program opens the port by itself."
            ),
        ),
        ("avm", "fritz"),
    ),
    Hint(
        "Speedport",
        (
            N_("Open http://speedport.ip and sign in."),
            N_("Internet > Portfreischaltung > Port-Umleitungen und Port-Weiterleitungen."),
            N_("A new rule: name {name}, device {address}, UDP, public port {outer}, port of the device {port}."),
            N_("Save it, and see that the rule is switched on."),
        ),
        ("speedport", "telekom", "arcadyan", "sercomm"),
    ),
    Hint(
        "Vodafone Station",
        (
            N_("Open http://192.168.0.1 and sign in."),
            N_("Internet > Port-Weiterleitung (in older ones behind the expert mode, `Expertenmodus`)."),
            N_("A new rule: name {name}, address {address}, UDP, public port {outer}, local port {port}."),
            N_("Without that menu the connection is DS-Lite: the router has no IPv4 address that could be reached."),
        ),
        ("vodafone", "technicolor", "arris", "compal"),
    ),
    Hint(
        N_("another router"),
        (
            N_("Open its page (mostly the address of the gateway) and sign in."),
            N_("Look for: port forwarding, port sharing, virtual server, NAT; often below Internet, WAN or Advanced."),
            N_("A new rule: name {name}, UDP, outer port {outer}, to {address}, inner port {port}."),
            N_("See that the router always gives this machine the same address (a DHCP reservation)."),
        ),
    ),
)


def values_for_router(
    address: str, port: int, outer_port: int = 0, *, tunnel: str = "wg0"
) -> tuple[tuple[str, str], ...]:
    """What has to be typed in, each with its label. address: this machine's, as the router knows it."""
    return (
        (_("Name"), f"WireGuard {tunnel}"),
        (_("Protocol"), "UDP"),
        (_("Outer port"), str(outer_port or port)),
        (_("To the device"), address),
        (_("Its port"), str(port)),
    )


def steps_for_router(
    address: str, port: int, outer_port: int = 0, *, tunnel: str = "wg0", maker: str = ""
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Routers with their steps, in words. maker: what the router calls itself; where that is one of ours only its own
    steps come, otherwise all, the FRITZ!Box first."""
    called = maker.lower()
    known = [hint for hint in HINTS if called and any(word in called for word in hint.words)]
    values = {"name": f"WireGuard {tunnel}", "port": port, "outer": outer_port or port, "address": address}
    return tuple(
        (_(hint.router), tuple(_(step).format(**values) for step in hint.steps)) for hint in known[:1] or HINTS
    )
