"""Values that settings are made of: names, ports, networks, rules' words.

Every text ends up in a file or an argument list, so each has a narrow form: no blank, quote, control character or
leading dash gets past this file.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.values import no_doubles

#: what useradd(8) of Debian takes, capitals too, which older accounts may have
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(_("isn't the name of a user or group: up to 32 letters, digits, _, . and -"))
    return name


def _several(value: object) -> object:
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
#: sshd takes 16 sockets (sshd.c, MAX_LISTEN_SOCKS), one for each version of IP
SshPorts = Annotated[
    tuple[Port, ...],
    Field(min_length=1, max_length=8),
    BeforeValidator(_several, json_schema_input_type=int | tuple[int, ...]),
    AfterValidator(no_doubles),
    AfterValidator(lambda ports: tuple(sorted(ports))),
]
Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=64), AfterValidator(no_doubles)]


#: net/core/dev.c, dev_valid_name; ufw takes no other characters (0.36, common.py)
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_PORTS = re.compile(r"[0-9]{1,5}(?::[0-9]{1,5})?(?:,[0-9]{1,5}(?::[0-9]{1,5})?)*")
#: ufw(8), APPLICATION INTEGRATION
_APPLICATION = re.compile(r"[A-Za-z][A-Za-z0-9 ._+-]{0,63}")
_RULE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
#: which ufw takes for its own wherever they stand (0.36, parser.py)
_WORDS = frozenset(("in", "out", "on", "log", "log-all", "delete", "comment", "from", "to", "proto", "port", "app"))
_COMMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.:;()/_+-]{0,99}")
#: ufw takes 15 ports in one rule, a range counting twice (multiport)
_MOST_PORTS = 15


def _port(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _PORTS.fullmatch(text):
        raise ValueError(_("isn't a port (22), several (80,443) or a range (6000:6010)"))
    count = 0
    for part in text.split(","):
        ends = [int(end) for end in part.split(":")]
        count += len(ends)
        if not all(1 <= end <= 65535 for end in ends) or ends != sorted(set(ends)):
            raise ValueError(_("ports go from 1 to 65535, a range from the smaller to the larger"))
    if count > _MOST_PORTS:
        raise ValueError(_("a rule has at most 15 ports, a range counting twice"))
    parts = [[int(end) for end in part.split(":")] for part in text.split(",")]
    return ",".join(":".join(map(str, ends)) for ends in sorted(parts))  # the order in which ufw keeps them


def _network(value: object) -> str:
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        network = ip_network(value)
    except ValueError:
        raise ValueError(_("isn't an address or a network, such as 192.168.1.0/24")) from None
    if network.prefixlen == 0:
        raise ValueError(_("leave it out for everywhere"))
    address = inet_ntop(AF_INET6 if network.version == 6 else AF_INET, network.network_address.packed)  # as ufw does
    return address if network.prefixlen == network.max_prefixlen else f"{address}/{network.prefixlen}"


def matching(pattern: re.Pattern[str], why: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(_(why))
        return value

    return AfterValidator(check)


def _not_a_word() -> AfterValidator:
    def check(value: str) -> str:
        if value in _WORDS:
            raise ValueError(_("{word} is a word of ufw's own").format(word=value))
        return value

    return AfterValidator(check)


Origin = Annotated[
    str,
    matching(
        re.compile(r"[a-z]+=[A-Za-z0-9 ._${}*/:+-]{1,80}(?:,[a-z]+=[A-Za-z0-9 ._${}*/:+-]{1,80}){0,5}"),
        N_("isn't a pattern of an origin, such as origin=Debian,label=Debian-Security"),
    ),
]
ClockTime = Annotated[str, matching(re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"), N_("isn't a time, such as 04:00"))]
_MAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?")
Mail = Annotated[str, matching(_MAIL, N_("isn't an address"))]
Ports = Annotated[str, BeforeValidator(_port)]
Net = Annotated[str, BeforeValidator(_network)]
InterfaceName = Annotated[str, matching(_INTERFACE, N_("isn't the name of an interface")), _not_a_word()]
Application = Annotated[str, matching(_APPLICATION, N_("isn't the name of an application profile")), _not_a_word()]
RuleName = Annotated[
    str, matching(_RULE, N_("a rule's name has small letters, digits, - and _, up to 40")), _not_a_word()
]
Comment = Annotated[
    str, matching(_COMMENT, N_("may have letters, digits, blanks and , . : ; ( ) / _ + -")), _not_a_word()
]
