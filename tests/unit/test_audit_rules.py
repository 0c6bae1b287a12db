"""What happens to a connection from outside, by rule sets that were recorded on a Debian 13 (ufw, nftables, Docker)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.modules.security.audit import exposure
from pi_installer_tui.modules.security.audit.netfilter import ruleset
from pi_installer_tui.modules.security.audit.netfilter.ruleset import Passage, Ruleset
from pi_installer_tui.system import sockets
from pi_installer_tui.system.netfilter import iptables, nft
from pi_installer_tui.system.netfilter.rules import Table
from pi_installer_tui.system.reading import Unknown

RECORDED = Path(__file__).with_name("recorded") / "audit"
OWN = {4: ("192.168.7.2",), 6: ("fd00::2",)}


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def rules(*tables: Table, version: int = 4, inside: tuple[str, ...] = ()) -> Ruleset:
    return Ruleset({version: tables, 10 - version: ()}, ("eth0",), inside, OWN)


UFW = rules(*iptables.parse(recorded("ufw-iptables-save.txt"), "ip"))
UFW6 = rules(*iptables.parse(recorded("ufw-ip6tables-save.txt"), "ip6"), version=6)
MINE = rules(*nft.parse(recorded("mine-nft.json")))
MINE6 = rules(*nft.parse(recorded("mine-nft.json")), version=6)


@pytest.mark.parametrize(
    ("proto", "port", "four", "six"),
    [
        ("tcp", 22, "open", "open"),
        ("udp", 22, "closed", "closed"),
        ("tcp", 2222, "open", "open"),  # ufw limit: a first connection is within it
        ("tcp", 8080, "limited", "closed"),  # from 192.168.1.0/24
        ("udp", 6003, "open", "open"),
        ("udp", 6008, "closed", "closed"),
        ("tcp", 25, "closed", "closed"),
        ("tcp", 65535, "closed", "closed"),
        ("udp", 5353, "closed", "closed"),  # multicast only
        ("udp", 68, "limited", "closed"),  # from port 67
    ],
)
def test_ufw(proto: str, port: int, four: Passage, six: Passage) -> None:
    assert ruleset.passage(UFW, 4, proto, port) == four
    assert ruleset.passage(UFW6, 6, proto, port) == six


@pytest.mark.parametrize(
    ("proto", "port", "four", "six"),
    [
        ("tcp", 22, "open", "open"),
        ("tcp", 85, "open", "open"),
        ("tcp", 91, "closed", "closed"),
        ("udp", 22, "closed", "closed"),
        ("tcp", 8080, "limited", "closed"),
        ("udp", 53, "limited", "closed"),
        ("tcp", 443, "open", "open"),  # a jump in a verdict map
        ("tcp", 25, "closed", "closed"),
        ("udp", 5353, "closed", "closed"),
        ("tcp", 2222, "open", "open"),
        ("tcp", 9000, "unknown", "unknown"),  # a mark that another program sets
        ("tcp", 7000, "closed", "limited"),
        ("tcp", 9100, "open", "closed"),  # ip saddr != 10.0.0.0/8
    ],
)
def test_a_table_of_nftables_own(proto: str, port: int, four: Passage, six: Passage) -> None:
    assert ruleset.passage(MINE, 4, proto, port) == four
    assert ruleset.passage(MINE6, 6, proto, port) == six


def test_a_drop_in_any_table_closes_and_an_accept_in_one_opens_nothing() -> None:
    ufw = iptables.parse(recorded("ufw-iptables-save.txt"), "ip")
    both = rules(*ufw, *nft.parse(recorded("mine-nft.json")))
    assert ruleset.passage(both, 4, "tcp", 22) == "open"
    assert ruleset.passage(both, 4, "tcp", 443) == "closed"
    assert ruleset.passage(both, 4, "udp", 6003) == "closed"


def test_no_rules_let_everything_through() -> None:
    assert ruleset.passage(rules(), 4, "tcp", 1) == "open"


def saved(*lines: str, policy: str = "DROP") -> Ruleset:
    text = "\n".join(["*filter", f":INPUT {policy} [0:0]", ":own - [0:0]", *lines, "COMMIT"])
    return rules(*iptables.parse(text, "ip"), inside=("wg0",))


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "open"),
        ("-A INPUT -p tcp -m tcp ! --dport 81 -j ACCEPT", "open"),
        ("-A INPUT -i wg0 -j ACCEPT", "limited"),
        ("-A INPUT -i eth+ -p tcp -m multiport --dports 22,79:81 -j ACCEPT", "open"),
        ("-A INPUT ! -i lo -j ACCEPT", "open"),
        ('-A INPUT -p tcp -m comment --comment "a -j DROP b" -j ACCEPT', "open"),
        ("-A INPUT ! -s 10.0.0.0/8 -p tcp -j ACCEPT", "open"),
        ("-A INPUT -d 192.168.7.2/32 -p tcp -j ACCEPT", "open"),
        ("-A INPUT -d 192.168.7.3/32 -p tcp -j ACCEPT", "closed"),
        ("-A INPUT -m mark --mark 0x1 -j ACCEPT", "unknown"),
        ("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT", "open"),
        ("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "closed"),
        ("-A INPUT -m set --match-set friends src -j ACCEPT", "limited"),
        ("-A INPUT -p tcp -j nowhere", "unknown"),
        ("-A INPUT -p tcp -j NFQUEUE --queue-num 1", "unknown"),
        ("-A INPUT -p icmp -j ACCEPT", "closed"),
        ("-A INPUT -p tcp -m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT", "limited"),
    ],
)
def test_one_rule_over_a_policy_that_drops(line: str, verdict: Passage) -> None:
    assert ruleset.passage(saved(line), 4, "tcp", 80) == verdict


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        (["-A INPUT -s 10.9.8.7/32 -j REJECT --reject-with icmp-port-unreachable"], "open"),  # fail2ban
        (["-A INPUT -m set --match-set f2b-sshd src -j REJECT"], "open"),
        (["-A INPUT -p tcp -j own", "-A own -s 10.0.0.0/8 -j RETURN", "-A own -j DROP"], "limited"),
        (["-A INPUT -p tcp -g own", "-A INPUT -j DROP"], "open"),
        (["-A INPUT -m recent --update --seconds 9 --hitcount 3 --name x --rsource -j DROP"], "open"),
        (["-A INPUT -m mark --mark 0x1 -j DROP"], "unknown"),
        (["-A INPUT -p tcp -j own", "-A own -j own", "-A INPUT -j DROP"], "unknown"),
    ],
)
def test_rules_over_a_policy_that_accepts(lines: list[str], verdict: Passage) -> None:
    assert ruleset.passage(saved(*lines, policy="ACCEPT"), 4, "tcp", 80) == verdict


def test_what_is_no_rule_set_is_refused_and_never_read_as_no_rules() -> None:
    for text in ("Permission denied", "{}", '{"nftables": 3}', "nonsense *filter"):
        assert isinstance(ruleset.combine(4, text, "", None), Unknown)
        assert isinstance(ruleset.combine(4, "", text, None), Unknown)
    assert isinstance(ruleset.combine(4, Unknown("no permission"), "", None), Unknown)
    assert isinstance(ruleset.combine(4, "", Unknown("no permission"), None), Unknown)
    assert isinstance(ruleset.combine(4, "", Unknown("not there"), "filter\n"), Unknown)
    assert isinstance(ruleset.combine(4, "", "# Table `x' is incompatible, use 'nft' tool.\n", None), Unknown)


@given(
    st.lists(
        st.sampled_from(
            [
                "-A",
                "INPUT",
                "-j",
                "-p",
                "tcp",
                "-m",
                "!",
                "--dport",
                "80",
                "-s",
                "x",
                "ACCEPT",
                ":INPUT",
                "*filter",
                "COMMIT",
                "\n",
            ]
        )
    )
)
def test_no_text_is_taken_for_an_open_or_closed_port_by_a_crash(words: list[str]) -> None:
    found = ruleset.combine(4, "", " ".join(words), None)
    assert isinstance(found, Unknown | tuple)


# Docker -------------------------------------------------------------------------------------------------------------


def docker(more: str = "", *, proxy: bool = True) -> exposure.Exposure:
    text = recorded("docker-iptables-save.txt")
    if not proxy:  # without its proxy Docker leads connections from its own bridge on too
        text = text.replace("-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080", "-A DOCKER -p tcp -m tcp --dport 8080")
    text = text.replace("-A DOCKER-USER -j RETURN", f"{more}\n-A DOCKER-USER -j RETURN")
    outside, inside, own = ruleset.interfaces(recorded("docker-ip-address.json"), recorded("route.txt"), None)
    networks = ruleset.networks(recorded("docker-ip-address.json"))
    assert (outside, "docker0" in inside) == (("eth0",), True)
    tables = iptables.parse(text, "ip")
    return exposure.expose(
        sockets.parse(recorded("docker-ss.txt")), Ruleset({4: tables, 6: ()}, outside, inside, own, (), networks)
    )


def of(found: exposure.Exposure, port: int, version: Literal["ipv4", "ipv6"] = "ipv4") -> list[str]:
    assert not isinstance(found.sockets, Unknown)
    return [getattr(r, version) for r in found.sockets if r.socket.port == port and getattr(r, version) != "none"]


def test_a_port_that_docker_publishes_is_open_though_the_firewall_says_otherwise() -> None:
    found = docker()
    assert ruleset.passage(found.rules, 4, "tcp", 8080) == "limited"  # ufw: from 192.168.1.0/24
    assert of(found, 8080) == ["open"] and of(found, 8081) == ["local"]
    assert not isinstance(found.sockets, Unknown)
    assert {r.published for r in found.sockets if r.socket.port == 8080 and r.ipv4 == "open"} == {"172.17.0.2:80"}


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("-A DOCKER-USER -i eth0 -j DROP", "closed"),
        ("-A DOCKER-USER -p tcp -m conntrack --ctorigdstport 8080 -j DROP", "closed"),
        ("-A DOCKER-USER -p tcp -m conntrack --ctorigdstport 8081 -j DROP", "open"),
        ("-A DOCKER-USER -i eth0 ! -s 192.168.7.0/24 -j DROP", "limited"),
    ],
)
def test_the_chain_docker_user_counts(rule: str, verdict: Passage) -> None:
    assert of(docker(rule), 8080) == [verdict]


def test_a_published_port_that_no_process_holds_is_found_in_the_rules() -> None:
    found = docker(proxy=False)
    alone = exposure.expose((), found.rules)
    assert of(alone, 8080) == ["open"]


@pytest.mark.parametrize(
    ("to", "verdict"),
    [("172.17.0.2:80", "open"), ("172.17.0.2:81", "closed"), ("172.17.0.2-172.17.0.9:80", "unknown"), ("x", "unknown")],
)
def test_where_a_port_leads_decides(to: str, verdict: Passage) -> None:
    lines = recorded("docker-iptables-save.txt").replace("--to-destination 172.17.0.2:80", f"--to-destination {to}")
    rules = Ruleset({4: iptables.parse(lines, "ip"), 6: ()}, ("eth0",), (), OWN, (), docker().rules.networks)
    assert [p.passage for p in ruleset.published(rules) if p.port == 8080] == [verdict]


# sockets ------------------------------------------------------------------------------------------------------------


def test_the_lines_of_ss() -> None:
    text = "\n".join(
        (
            'tcp LISTEN 0      128      0.0.0.0:22    0.0.0.0:* users:(("sshd",pid=89,fd=6))         ',
            "tcp   LISTEN 0      4096               *:9090            *:*          ",
            'udp   UNCONN 0      0      127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=2))',
            'udp   UNCONN 0 0 [fe80::1%eth0]:546 [::]:*    users:(("Network (x)",pid=5,fd=2),("b",pid=6,fd=1))',
            "tcp   LISTEN 0      5      [::ffff:127.0.0.1]:631    *:*",
            "tcp   LISTEN 0      5      [::1]:631    [::]:*",
        )
    )
    found = {(s.proto, s.where): s for s in sockets.parse(text)}
    assert found["tcp", "0.0.0.0:22"].versions == (4,) and found["tcp", "0.0.0.0:22"].pid == 89
    assert found["tcp", "*:9090"].versions == (4, 6) and found["tcp", "*:9090"].process == ""
    assert found["udp", "127.0.0.53:53"].local
    assert found["udp", "[fe80::1]:546"].process == "Network (x)"
    assert found["tcp", "127.0.0.1:631"].versions == (4,) and found["tcp", "[::1]:631"].local


@pytest.mark.parametrize("line", ["tcp LISTEN", "Netid State", "tcp ESTAB 0 0 1.2.3.4:5 1.2.3.4:6", "x\x1b[2J"])
def test_a_line_that_looks_different_is_not_passed_over(line: str) -> None:
    with pytest.raises(ValueError):
        sockets.parse(line)
