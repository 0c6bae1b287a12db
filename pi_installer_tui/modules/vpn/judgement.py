"""The verdict in words: one case after the other, each with what it is and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn.mapping import Kept
from pi_installer_tui.modules.vpn.ranges import family, public
from pi_installer_tui.system.router.mapped import Protocol
from pi_installer_tui.system.router.uplink import Way

_NAMES: Mapping[Protocol, str] = {"pcp": "PCP", "nat-pmp": "NAT-PMP", "upnp": "UPnP"}
Kind = Literal["direct", "one-nat", "two-nats", "carrier-nat", "ipv6-only", "unknown"]
#: how the port can be had. needless: nothing translates; granted: it is; pcp, nat-pmp, upnp: the router may be asked;
#: proven: a peer came in by it, set by hand; by-hand: it has to be; impossible; unknown
How = Literal["needless", "granted", "pcp", "nat-pmp", "upnp", "proven", "by-hand", "impossible", "unknown"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A fact, and where it came from: a command, or who was asked in which way."""

    what: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found. way4, way6: the default routes. router: its address outside as it told, "" it says that it has
    none, None it told nothing; router_by: in which way. answers: the protocols that it speaks; refused: what it refused
    when it was asked for a port before. outside, outside6: as the public service saw us, "" not asked or no answer.
    at_router: the address outside is the router's own, seen by a packet that got no further; None not known. beyond:
    who stands behind the router, as such a packet told. kept: the mapping that was granted. came: a peer's address,
    from which it came in by IPv4 from outside. answers6, kept6: of the router's firewall for IPv6 the same as answers
    and kept."""

    port: int = 51820
    way4: Way = field(default_factory=Way)
    way6: Way = field(default_factory=Way)
    router: str | None = None
    router_by: str = ""
    maker: str = ""
    answers: tuple[Protocol, ...] = ()
    refused: Mapping[Protocol, str] = field(default_factory=dict)
    outside: str = ""
    outside6: str = ""
    at_router: bool | None = None
    beyond: str = ""
    kept: Kept | None = None
    came: str = ""
    answers6: tuple[Protocol, ...] = ()
    kept6: Kept | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """kind: see `Kind`; mapping: see `How`. words: what it is, in sentences; todo: what to do, the best first. address:
    by which the machine is found from outside, "" unknown; address6: the same of IPv6. evidence: what it rests on."""

    kind: Kind
    mapping: How
    words: tuple[str, ...]
    todo: tuple[str, ...] = ()
    address: str = ""
    address6: str = ""
    evidence: tuple[Evidence, ...] = ()


def judge(seen: Seen) -> Verdict:
    """What the facts mean."""
    own = family(seen.way4.source)
    if own in ("none", "ds-lite"):
        return _without_ipv4(seen, own == "ds-lite")
    if own == "public":
        return _own_public(seen)
    if own == "carrier":
        return _carrier(
            seen, _("This machine's own address, {address}, is of a carrier's NAT.").format(address=seen.way4.source)
        )
    return _behind_router(seen)


def _made(seen: Seen, kind: Kind, how: How, words: list[str], todo: list[str], address: str = "") -> Verdict:
    return Verdict(kind, how, tuple(words), tuple(todo), address, _address6(seen), seen.evidence)


def _address6(seen: Seen) -> str:
    found = [one.partition("/")[0] for one in seen.way6.addresses if public(one)]
    return found[0] if found and seen.way6.gateway else ""


def _ipv6(seen: Seen) -> tuple[list[str], list[str]]:
    """What IPv6 gives beside, and what that takes."""
    address = _address6(seen)
    if not address:
        return [], []
    own = _("By IPv6 it has an address of its own, {address}, which nothing translates.").format(address=address)
    if _let_through(seen, address):
        return [own, _through(seen)], []
    if seen.answers6:
        return [own], [_ask_firewall(seen)]
    return [own], [
        _(
            "IPv6 serves beside: let UDP port {port} through to this machine in the router's firewall for IPv6. A "
            "phone reaches it where its own network has IPv6 too. In a FRITZ!Box: Internet > Freigaben > "
            "Portfreigaben, with `Internetzugriff über IPv4 und IPv6`."
        ).format(port=seen.port)
    ]


def _let_through(seen: Seen, address: str) -> bool:
    kept = seen.kept6
    return kept is not None and not kept.failed and kept.mapped.inner_address == address


def _through(seen: Seen) -> str:
    assert seen.kept6 is not None
    return _("The router's firewall lets UDP port {port} through to it ({protocol}).").format(
        port=seen.port, protocol=_NAMES[seen.kept6.mapped.protocol]
    )


def _ask_firewall(seen: Seen) -> str:
    return _(
        "Let the program ask the router to let UDP port {port} through its firewall for IPv6 ({protocol}), and again "
        "before it forgets: pi-installer-tui vpn map."
    ).format(port=seen.port, protocol=_NAMES[seen.answers6[0]])


def _relay() -> str:
    return _(
        "Or let a small server with an address of its own (a VPS) stand in between: this machine connects to it as a "
        "peer, and the phones do too."
    )


def _own_public(seen: Seen) -> Verdict:
    address = seen.way4.source
    if seen.outside and seen.outside not in [one.partition("/")[0] for one in seen.way4.addresses]:
        return _made(
            seen, "unknown", "unknown",
            [
                _("Its address {address} is a public one, but outside it is seen as {outside}.").format(
                    address=address, outside=seen.outside
                ),
                _("What it sends goes another way than what comes to it, or somebody translates it."),
            ],
            [_("Try it: connect a peer from outside to {address}.").format(address=address)],
            address,
        )  # fmt: skip
    words = [
        _("This machine has a public address of its own, {address}. Nothing translates it.").format(address=address)
    ]
    todo = [
        _(
            "Nothing at a router. A firewall of the provider's (a cloud's security group) must let UDP port {port} "
            "through."
        ).format(port=seen.port)
    ]
    return _made(seen, "direct", "needless", words, todo, address)


def _without_ipv4(seen: Seen, ds_lite: bool) -> Verdict:
    address6 = _address6(seen)
    why = (
        _("Its IPv4 is DS-Lite's ({address}): it leads out, and nothing leads in.").format(address=seen.way4.source)
        if ds_lite
        else _("This machine has no way out by IPv4.")
    )
    if not address6:
        return _made(
            seen, "unknown", "unknown", [why, _("It has no public address of IPv6 either.")],
            [_("Look after the connection first: cable, Wi-Fi, the router.")],
        )  # fmt: skip
    return _only_ipv6(seen, [why])


def _only_ipv6(seen: Seen, words: list[str]) -> Verdict:
    address6 = _address6(seen)
    words = [*words, _("It is reached by IPv6 only, at {address}.").format(address=address6)]
    how: How = "impossible"
    first: list[str] = []
    if _let_through(seen, address6):
        how = "granted"
        words.append(_through(seen))
    elif seen.answers6:
        how = seen.answers6[0]
        first = [_ask_firewall(seen)]
    else:
        first = [
            _(
                "Let UDP port {port} through to this machine in the router's firewall for IPv6. In a FRITZ!Box: "
                "Internet > Freigaben > Portfreigaben, choose this machine, `Neue Freigabe`, UDP {port}, for IPv6."
            ).format(port=seen.port)
        ]
    return _made(
        seen, "ipv6-only", how, words,
        [
            *first,
            _(
                "Take as endpoint a name with an AAAA record (dynamic DNS that knows IPv6): the address changes with "
                "the provider's prefix."
            ),
            _("Networks without IPv6 (hotels, some offices) don't reach it."),
            _("Ask the provider for an IPv4 address of its own (dual stack); some give it for nothing."),
            _relay(),
        ],
    )  # fmt: skip


def _carrier(seen: Seen, why: str) -> Verdict:
    if _address6(seen):
        more, todo = _ipv6(seen)
    else:
        more, todo = [], []
    return _made(
        seen, "carrier-nat", "impossible",
        [
            why,
            _("The provider translates its customers' addresses (carrier NAT). No setting at the router opens a "
                "port there."),
            *more,
        ],
        [
            *todo,
            _("Ask the provider for a public IPv4 address (`dual stack`, `öffentliche IPv4-Adresse`); some take a "
                "fee."),
            _relay(),
        ],
    )  # fmt: skip


def _behind_router(seen: Seen) -> Verdict:
    if seen.router is None:
        return _silent_router(seen)
    kind = family(seen.router)
    if kind == "carrier":
        return _carrier(
            seen, _("The router's address outside, {address}, is of a carrier's NAT.").format(address=seen.router)
        )
    if kind in ("none", "ds-lite"):
        return _no_address(seen)
    if kind == "private":
        return _two_nats(
            seen, _("The router's own address outside, {address}, is a private one.").format(address=seen.router)
        )
    if seen.outside and seen.outside != seen.router:
        return _carrier(
            seen,
            _(
                "The router has {address}, but outside this machine is seen as {outside}: somebody translates in "
                "between."
            ).format(address=seen.router, outside=seen.outside),
        )
    return _one_nat(seen, seen.router)


def _no_address(seen: Seen) -> Verdict:
    """The router has no address that could be reached: DS-Lite, or another router before it, whose own address some
    routers don't tell then."""
    stands = _("Behind it stands {address}.").format(address=seen.beyond) if seen.beyond else ""
    why = " ".join(word for word in (_("The router says that it has no public IPv4 address."), stands) if word)
    beyond = family(seen.beyond)
    if beyond == "private" and (not _address6(seen) or seen.beyond.startswith("192.168.")):
        return _two_nats(seen, why)
    if _address6(seen):
        return _only_ipv6(seen, [why, _("Its connection is DS-Lite, or of IPv6 alone.")])
    return _carrier(seen, why)


def _two_nats(seen: Seen, why: str) -> Verdict:
    more, todo = _ipv6(seen)
    how: How = "proven" if seen.came else "by-hand"
    words = [why, _("Two routers translate, one behind the other; or the provider does (some use such addresses).")]
    if seen.came:
        words.append(_("A peer came in from {address} all the same: both pass the port on.").format(address=seen.came))
        return _made(seen, "two-nats", how, [*words, *more], [], seen.outside)
    return _made(
        seen, "two-nats", how, [*words, *more],
        [
            _(
                "Make the inner router a bridge or an access point (in a FRITZ!Box: Internet > Zugangsdaten > "
                "`vorhandener Zugang über LAN`, IP client), or plug this machine into the outer one."
            ),
            _(
                "Or pass UDP port {port} on twice: the outer router to the inner one's address {router}, the inner one "
                "to {address}."
            ).format(port=seen.port, router=seen.router or _("(see its page)"), address=seen.way4.source),
            _("If there is no outer router in the house, it is the provider's: ask for a public IPv4 address."),
            *todo,
            _relay(),
        ],
        seen.outside,
    )  # fmt: skip


def _one_nat(seen: Seen, address: str) -> Verdict:
    more, todo6 = _ipv6(seen)
    words = [
        _("One router translates: it has the public address {address}, this machine {own}.").format(
            address=address, own=seen.way4.source
        )
    ]
    if seen.kept is not None and not seen.kept.failed:
        outer = seen.kept.mapped.outer_port
        words.append(
            _("The router passes UDP port {outer} on to this machine ({protocol}).").format(
                outer=outer, protocol=seen.kept.mapped.protocol
            )
        )
        todo = (
            []
            if outer == seen.port
            else [
                _("Peers must be told the outer port {outer}, since the router had no {port} to give.").format(
                    outer=outer, port=seen.port
                )
            ]
        )
        return _made(seen, "one-nat", "granted", [*words, *more], todo, address)
    if seen.came:
        words.append(_("A peer came in from {address}: the router passes the port on.").format(address=seen.came))
        return _made(seen, "one-nat", "proven", [*words, *more], [], address)
    for protocol in seen.answers:
        if protocol not in seen.refused:
            words.append(_("It can be asked for the port by {protocol}.").format(protocol=_NAMES[protocol]))
            ask = _("Let the program ask the router for UDP port {port}, and again before it forgets.").format(
                port=seen.port
            )
            return _made(seen, "one-nat", protocol, [*words, *more], [ask, _by_hand(seen), *todo6], address)
    refused = dict.fromkeys(seen.refused[one] for one in seen.answers)
    words.append(
        _("It was asked for the port, and refused: {why}.").format(why="; ".join(refused))
        if refused
        else _("It can't be asked for the port.")
    )
    todo = [_by_hand(seen)]
    if "avm" in seen.maker.lower() or "fritz" in seen.maker.lower():
        todo.append(
            _(
                "Or allow it: Internet > Freigaben > Portfreigaben, this machine, `Selbstständige Portfreigaben für "
                "dieses Gerät erlauben`."
            )
        )
    if refused:
        todo.append(_("When it is allowed there, ask again: pi-installer-tui vpn map."))
    return _made(seen, "one-nat", "by-hand", [*words, *more], [*todo, *todo6], address)


def _by_hand(seen: Seen) -> str:
    return _(
        "By hand at the router: pass UDP port {port} on to {address}, port {port}. In a FRITZ!Box: Internet > "
        "Freigaben > Portfreigaben."
    ).format(port=seen.port, address=seen.way4.source)


def _silent_router(seen: Seen) -> Verdict:
    more, todo6 = _ipv6(seen)
    if seen.at_router and seen.outside:
        return _one_nat(seen, seen.outside)
    if seen.at_router is False:
        why = _("Outside this machine is seen as {outside}, and that isn't the router's own address.").format(
            outside=seen.outside
        )
        if family(seen.beyond) == "private":
            return _two_nats(seen, why)
        return _carrier(seen, why)
    if seen.came:
        return _made(
            seen, "one-nat", "proven",
            [
                _("A router translates, and doesn't tell its address."),
                _("A peer came in from {address}: the port is passed on.").format(address=seen.came),
                *more,
            ],
            [], seen.outside,
        )  # fmt: skip
    words = [
        _("A router translates ({gateway}), and doesn't tell its address outside.").format(gateway=seen.way4.gateway)
    ]
    if seen.outside:
        compare = _(
            "Look at the router's page for its own IPv4 address. Is it {outside}, one router translates and the port "
            "can be passed on by hand; is it another one, the provider translates (carrier NAT). In a FRITZ!Box: "
            "Internet > Online-Monitor."
        ).format(outside=seen.outside)
    else:
        compare = _(
            "Look at the router's page for its own IPv4 address. One that begins with 10., 172.16. to 172.31., "
            "192.168. or 100.64. to 100.127. means that a second one translates. In a FRITZ!Box: Internet > "
            "Online-Monitor; `DS-Lite` there means that it is reached by IPv6 only."
        )
    todo = [compare, _("Or allow a public service to be asked, which sees the address from outside."), _by_hand(seen)]
    return _made(seen, "unknown", "unknown", [*words, *more], [*todo, *todo6], seen.outside)
