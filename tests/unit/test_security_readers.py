"""What the readers of Security make of real files and real output, recorded on Debian 12 and 13."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pi_installer_tui.modules.security import accounts, ufw
from pi_installer_tui.modules.security.accounts import Account
from pi_installer_tui.modules.security.ufw import Rule
from pi_installer_tui.system.reading import Known

PI = Account("pi", 1000, "/home/pi", "/bin/bash", ("pi", "sudo"), Known("set"), Known(True), Known(1))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("deny any any 0.0.0.0/0 any 1.2.3.4 in", Rule("deny", source="1.2.3.4")),
        (
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=7373682068657265",
            Rule("allow", protocol="tcp", port="22", comment="ssh here"),
        ),
        (
            "deny tcp 80,443 0.0.0.0/0 any 10.0.0.0/8 in_eth0",
            Rule("deny", protocol="tcp", port="80,443", source="10.0.0.0/8", interface="eth0"),
        ),
        (
            "allow tcp 22 0.0.0.0/0 any 192.168.1.0/24 OpenSSH - in",
            Rule("allow", application="OpenSSH", source="192.168.1.0/24"),
        ),
        ("reject tcp 25 ::/0 any ::/0 out", Rule("reject", "out", "tcp", "25")),
        ("allow udp 60000:61000 0.0.0.0/0 any 0.0.0.0/0 in", Rule("allow", protocol="udp", port="60000:61000")),
        (
            "route:allow any any 10.8.0.0/24 any 0.0.0.0/0 in_eth0!out_wg0",
            Rule("allow", "route", destination="10.8.0.0/24", interface="eth0", out_interface="wg0"),
        ),
        ("allow esp any 0.0.0.0/0 any 10.0.0.1 in", Rule("allow", protocol="esp", source="10.0.0.1")),
        ("limit_log tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", Rule("limit", protocol="tcp", port="22", log="log")),
        ("allow tcp", None),
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=zz", None),
    ],
)
def test_a_line_of_ufws_files_is_a_rule_or_nothing(line: str, rule: Rule | None) -> None:
    assert ufw.parse(f"### tuple ### {line}") == rule


@pytest.mark.parametrize(
    ("account", "sshd", "ways"),
    [
        (PI, {"passwordauthentication": ("yes",)}, ("key", "password")),
        (PI, {"passwordauthentication": ("no",)}, ("key",)),
        (replace(PI, keys=Known(0)), {"passwordauthentication": ("no",)}, ()),
        (PI, {"allowusers": ("maria", "otto")}, ()),
        (PI, {"allowusers": ("maria pi",)}, ("key",)),
        (PI, {"allowusers": ("pi@10.0.0.*",)}, ()),
        (PI, {"allowgroups": ("sudo",)}, ("key",)),
        (PI, {"allowgroups": ("ssh",)}, ()),
        (PI, {"denyusers": ("p*",)}, ()),
        (PI, {"pubkeyauthentication": ("no",), "passwordauthentication": ("yes",)}, ("password",)),
        (PI, {"authenticationmethods": ("publickey,password",)}, ()),
        (replace(PI, expired=True), {"passwordauthentication": ("yes",)}, ()),
        (replace(PI, name="root", uid=0), {"permitrootlogin": ("no",)}, ()),
        (
            replace(PI, name="root", uid=0),
            {"permitrootlogin": ("without-password",), "passwordauthentication": ("yes",)},
            ("key",),
        ),
    ],
)
def test_how_an_account_gets_in(account: Account, sshd: dict[str, tuple[str, ...]], ways: tuple[str, ...]) -> None:
    assert accounts.ways_in(account, sshd) == ways
