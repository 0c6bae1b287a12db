"""The packet rules of a tunnel, as nft(8) reads them: what each peer may reach, masquerading for what leaves by another
interface, and a counter of what arrived at the port. One table of its own, replaced in one transaction."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pi_installer_tui.modules.vpn.settings import Reach

#: of the counter for packets that came to the port
COUNTER = "arrived"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A peer as the rules know it. sources: its addresses and the networks behind it; nets: what it may reach beside
    what `reach` says."""

    sources: tuple[str, ...]
    reach: Reach
    nets: tuple[str, ...] = ()


def table(tunnel: str) -> str:
    """The table's name, of the family inet."""
    return f"pi_installer_tui_{tunnel}"


def path(tunnel: str) -> str:
    """The file of its rules."""
    return f"/etc/wireguard/{tunnel}.nft"


def text(
    tunnel: str,
    port: int,
    inside: Sequence[str],
    peers: Sequence[Allowed],
    *,
    lan: Sequence[str],
    between: bool,
    upstream: str = "",
) -> str:
    """The file. inside: the tunnel's own networks; lan: those that the machine is in. It is safe to load again: rules
    are flushed first, the counter keeps its number (nft(8), flush table). A peer's packets can only come from its own
    addresses: WireGuard drops others (its AllowedIPs)."""
    mine = table(tunnel)
    behind = [one for peer in peers for one in peer.sources if not _inside(one, inside)]
    lines = [
        "# Made by pi-installer-tui.",
        f"table inet {mine} {{",
        f"\tcounter {COUNTER} {{ }}",
        "\tchain input { type filter hook input priority filter - 10; policy accept; }",
        "\tchain forward { type filter hook forward priority filter - 10; policy accept; }",
        "\tchain peers { }",
        "\tchain postrouting { type nat hook postrouting priority srcnat; policy accept; }",
        "}",
        f"flush table inet {mine}",
        f"table inet {mine} {{",
        "\tchain input {",
        f'\t\tudp dport {port} counter name "{COUNTER}"',
        "\t}",
        "\tchain forward {",
        f'\t\tiifname "{tunnel}" jump peers',
        "\t}",
        "\tchain peers {",
        "\t\tct direction reply ct state established,related accept",
    ]
    lines += _between(tunnel, peers, inside, between=between)
    lines += [f"\t\t{each}" for peer in peers for each in _to(peer.sources, peer.nets)]
    if some := _of(peers, "lan"):
        lines += [f"\t\t{each}" for each in _to(some, [net for net in lan if not _inside(net, inside)])]
    lines += [f"\t\t{each}" for each in _from(_of(peers, "everything"))]
    lines += ["\t\treject with icmpx admin-prohibited", "\t}", "\tchain postrouting {"]
    way = f'oifname "{upstream}"' if upstream else f'oifname != "{tunnel}"'
    for six in (False, True):
        sources = [one for one in dict.fromkeys((*inside, *behind)) if (":" in one) is six]
        if sources:
            lines.append(f"\t\t{_family(six)} saddr {_set(sources)} {way} masquerade")
    return "\n".join([*lines, "\t}", "}", ""])


def _inside(one: str, inside: Sequence[str]) -> bool:
    net = ipaddress.ip_network(one, strict=False)
    nets = [ipaddress.ip_network(each, strict=False) for each in inside]
    return any(net.version == each.version and net.subnet_of(each) for each in nets)  # type: ignore[arg-type]


def _of(peers: Sequence[Allowed], reach: Reach) -> list[str]:
    return [one for peer in peers if peer.reach == reach for one in peer.sources]


def _between(tunnel: str, peers: Sequence[Allowed], inside: Sequence[str], *, between: bool) -> Iterable[str]:
    """From peer to peer. What is behind a peer is one of the networks here, for those that may reach these."""
    if between:
        yield from (f'\t\toifname "{tunnel}" {each}' for each in _to((), inside))
    behind = [one for peer in peers for one in peer.sources if not _inside(one, inside)]
    if some := [*_of(peers, "lan"), *_of(peers, "everything")]:
        yield from (f'\t\toifname "{tunnel}" {each}' for each in _to(some, behind))
    yield from (
        f'\t\toifname "{tunnel}" {each}' for peer in peers for each in _to(peer.sources, peer.nets) if peer.nets
    )
    yield f'\t\toifname "{tunnel}" reject with icmpx admin-prohibited'


def _to(sources: Sequence[str], targets: Sequence[str]) -> Iterable[str]:
    """Accepts what goes from these (from anywhere where there are none) to those."""
    for six in (False, True):
        to = [one for one in targets if (":" in one) is six]
        by = [one for one in sources if (":" in one) is six]
        if to and (by or not sources):
            source = f"{_family(six)} saddr {_set(by)} " if by else ""
            yield f"{source}{_family(six)} daddr {_set(to)} accept"


def _from(sources: Sequence[str]) -> Iterable[str]:
    for six in (False, True):
        by = [one for one in sources if (":" in one) is six]
        if by:
            yield f"{_family(six)} saddr {_set(by)} accept"


def _set(nets: Sequence[str]) -> str:
    """An anonymous set; networks in one another are joined, for intervals must not overlap (nft(8), sets)."""
    parsed = [ipaddress.ip_network(net, strict=False) for net in nets]
    joined = [str(net) for net in ipaddress.collapse_addresses(parsed)]  # type: ignore[type-var]
    return "{ " + ", ".join(joined) + " }"


def _family(six: bool) -> str:
    return "ip6" if six else "ip"
