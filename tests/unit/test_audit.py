"""The audit's judgement: pure, by outputs that real machines gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import modules
from pi_installer_tui.modules.security import updates as reader
from pi_installer_tui.modules.security.audit import (
    accounts,
    base,
    exposure,
    files,
    firewall,
    kernel,
    lynis,
    mounts,
    permissions,
    report,
    services,
    sshd,
    sudo,
    updates,
)
from pi_installer_tui.modules.security.audit.base import AREAS, Check, Finding, Verdict
from pi_installer_tui.modules.security.audit.netfilter.ruleset import Ruleset
from pi_installer_tui.modules.security.audit.report import CHECKS, Report, score
from pi_installer_tui.modules.security.auditd import Auditd
from pi_installer_tui.modules.security.fail2ban import Ban, Fail2ban, Jail
from pi_installer_tui.modules.security.sysctl import Sysctl
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.reading import MISSING, Known, Unknown, Value
from pi_installer_tui.system.sockets import Socket

ANY = Check("x.y", "files", 1, "?", "risk", "fix")


def finding(verdict: Verdict, weight: int = 1) -> Finding:
    return Finding(Check("x.y", "files", weight, "?", "risk", "fix"), verdict)


# the score ----------------------------------------------------------------------------------------------------------


def test_every_check_has_an_area_a_weight_and_an_id_of_its_own() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.area in AREAS and 1 <= check.weight <= 10
        assert check.question.endswith("?") and check.risk.endswith(".") and check.fix


def test_the_score_is_the_weight_of_what_is_good() -> None:
    assert score([finding("good", 3), finding("bad", 1)]) == 75
    assert score([finding("good"), finding("bad", 2)]) == 33
    assert score([finding("good", 10)]) == 100 and score([finding("bad")]) == 0
    # 100 is all good, however light what is bad
    assert score([finding("good", 10) for _ in range(99)] + [finding("bad")]) == 99


def test_what_is_unknown_or_does_not_arise_counts_neither_way() -> None:
    known = [finding("good", 3), finding("bad", 1)]
    assert score([*known, finding("unknown", 10), finding("not-here", 10)]) == score(known)
    assert score([finding("unknown"), finding("not-here")]) is None


def test_the_gain_is_what_mending_brings() -> None:
    nothing = exposure.expose((), Ruleset({4: (), 6: ()}, ("eth0",), (), {4: (), 6: ()}))
    bad = finding("bad", 2)
    made = Report((finding("good", 3), bad, finding("bad", 5)), nothing, Unknown("not yet"))
    assert made.score == 30 and made.gain(bad) == 20


def test_a_setting_is_named_only_where_its_module_has_it() -> None:
    assert modules.can_be_set("system.timezone") and modules.can_be_set("system.keyboard.layout")
    for nothing in ("", "system", "system.nothing", "system.timezone.more", "nothing.x", "system.keyboard.nothing"):
        assert not modules.can_be_set(nothing)


# receipts -----------------------------------------------------------------------------------------------------------


def test_a_receipt_is_bounded() -> None:
    receipt = base.evidence("x", ["a" * 5000] * 5000)
    assert len(receipt.output) < 25 * 310 and "and 4980 more" in receipt.output


async def test_the_demo_has_a_finding_for_every_check(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path))
    made = await report.look(host, await report.scan(host))
    assert [f.check.id for f in made.findings] == [c.id for c in CHECKS]
    for each in made.findings:
        assert each.reason if each.verdict in ("unknown", "not-here") else each.evidence, each.check.id


# accounts -----------------------------------------------------------------------------------------------------------

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n"
    "guest:x:1001:1001::/home/guest:\ntoor:x:0:0::/root:/bin/sh\n"
)
SHADOW = "root:*:20781:0:99999:7:::\nwww-data:!:1::::::\npi:$y$j9T$SALTSALT$HASHHASH:1::::::\nguest::1::::::\n"


def test_an_account_without_a_password_is_named_and_no_hash_is_shown() -> None:
    found, hashes = accounts.parse(PASSWD, SHADOW)
    assert hashes == {"pi": "$y$j9T$SALTSALT$HASHHASH"}
    facts = accounts.Accounts(found, "", ("pi",), ("pi",))
    empty, default, root = accounts.judge(facts)
    assert (empty.verdict, empty.items) == ("bad", ("guest",))
    assert (default.verdict, default.items) == ("bad", ("pi",))
    assert (root.verdict, root.items) == ("bad", ("toor",))
    assert "HASH" not in repr((empty, default, root)) and "HASH" not in repr(facts)


def test_what_shadow_hides_is_unknown() -> None:
    found, _hashes = accounts.parse(PASSWD, None)
    facts = accounts.Accounts(found, "no permission", Unknown("no permission"))
    assert [f.verdict for f in accounts.judge(facts)] == ["unknown", "unknown", "bad"]


# sudo ---------------------------------------------------------------------------------------------------------------


def rule(user: dict[str, Any], command: str, *, asks: bool | None = None) -> dict[str, Any]:
    options = [] if asks is None else [{"authenticate": asks}]
    return {
        "User_List": [user],
        "Host_List": [{"hostname": "ALL"}],
        "Cmnd_Specs": [{"Options": options, "Commands": [{"command": command}]}],
    }


@pytest.mark.parametrize(
    ("document", "bad"),
    [
        ({"User_Specs": [rule({"username": "pi"}, "ALL", asks=False)]}, ("pi",)),
        ({"User_Specs": [rule({"username": "pi"}, "ALL")]}, ()),
        ({"User_Specs": [rule({"username": "pi"}, "/sbin/reboot", asks=False)]}, ()),
        ({"User_Specs": [rule({"usergroup": "sudo"}, "ALL", asks=False)]}, ("%sudo",)),
        ({"User_Specs": [rule({"usergroup": "nobody-is-in"}, "ALL", asks=False)]}, ()),
        ({"User_Specs": [rule({"username": "root"}, "ALL", asks=False)]}, ()),
        (
            {
                "User_Aliases": {"ADMINS": [{"username": "pi"}]},
                "User_Specs": [rule({"useralias": "ADMINS"}, "ALL", asks=False)],
            },
            ("pi",),
        ),
        (
            {"Defaults": [{"Options": [{"authenticate": False}]}], "User_Specs": [rule({"username": "pi"}, "ALL")]},
            ("pi",),
        ),
        (
            {
                "Defaults": [{"Binding": [{"username": "pi"}], "Options": [{"authenticate": False}]}],
                "User_Specs": [rule({"username": "pi"}, "ALL"), rule({"username": "eve"}, "ALL")],
            },
            ("pi",),
        ),
    ],
)
def test_who_becomes_root_without_a_password(document: dict[str, Any], bad: tuple[str, ...]) -> None:
    facts = sudo.Sudo(sudo.parse(document), sudo.members(PASSWD, "sudo:x:27:pi\nnobody-is-in:x:99:\n"))
    (found,) = sudo.judge(facts)
    assert found.items == bad and found.verdict == ("bad" if bad else "good")


def test_without_sudo_the_question_does_not_arise() -> None:
    assert sudo.judge(sudo.Sudo(None, {}))[0].verdict == "not-here"
    assert sudo.judge(sudo.Sudo(Unknown("no permission"), {}))[0].verdict == "unknown"


# updates ------------------------------------------------------------------------------------------------------------

UPGRADE = """\
Inst libk5crypto3 [1.21.3-5+deb13u1] (1.21.3-5+deb13u2 Debian-Security:13/stable-security [amd64]) []
Inst tzdata [2025b] (2026f Debian:13.8/stable [all])
Inst perl-base [5.36.0-7+deb12u3] (5.36.0-7+deb12u4 Debian:12/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst new (1.0 Debian:13/stable [amd64])
Conf libk5crypto3 (1.21.3-5+deb13u2 Debian-Security:13/stable-security [amd64])
"""
SECURITY_SOURCE = ({"o": "Debian", "l": "Debian-Security", "a": "stable-security"},)


def by_themselves(*config: tuple[str, str], installed: bool = True, running: bool = True) -> reader.Updates:
    values: dict[str, tuple[str, ...]] = {}
    for name, value in config:
        values[name.lower()] = (*values.get(name.lower(), ()), value)
    timer = Value(Known(running), Known(running))
    return reader.Updates(installed, Known(values), dict.fromkeys(reader.TIMERS, timer))


def updates_of(**more: Any) -> updates.Updates:
    facts = {"pending": (), "age": 60.0, "archives": SECURITY_SOURCE, "automatic": by_themselves()}
    return updates.Updates(**{**facts, **more})


def test_security_updates_are_told_from_others() -> None:
    found = updates.parse_upgrade(UPGRADE)
    assert [u.package for u in found] == ["libk5crypto3", "tzdata", "perl-base", "new"]
    pending, _source, _automatic = updates.judge(updates_of(pending=found))
    assert pending.items == ("libk5crypto3", "perl-base")


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, "good"),
        ({"age": None}, "unknown"),
        ({"age": 8 * 86400.0}, "unknown"),
        ({"age": 8 * 86400.0, "pending": updates.parse_upgrade(UPGRADE)}, "bad"),
        ({"archives": ({"o": "Debian", "l": "Debian"},)}, "unknown"),
        ({"pending": Unknown("locked")}, "unknown"),
    ],
)
def test_old_lists_do_not_prove_that_nothing_is_due(more: dict[str, Any], verdict: Verdict) -> None:
    assert updates.judge(updates_of(**more))[0].verdict == verdict


def test_an_installed_package_alone_does_not_make_updates_automatic() -> None:
    on = (
        (reader.LISTS, "1"),
        (reader.UPGRADE, "1"),
        (reader.ORIGINS, "origin=Debian,codename=${distro_codename},label=Debian-Security"),
    )

    def verdict(*config: tuple[str, str], **more: bool) -> Verdict:
        return updates.judge(updates_of(automatic=by_themselves(*config, **more)))[2].verdict

    assert verdict(*on) == "good"
    for left_out in range(len(on)):
        assert verdict(*on[:left_out], *on[left_out + 1 :]) == "bad"
    assert verdict(*on, running=False) == "bad"
    assert verdict(*on, installed=False) == "bad"
    assert verdict(*on, (updates.ENABLE, "0")) == "bad"
    assert verdict(*on[:2], (reader.ORIGINS, "origin=Debian,label=Debian")) == "bad"


# files --------------------------------------------------------------------------------------------------------------


def scanned(*lines: str, **more: Any) -> files.Scan:
    found, left_off = files.parse("".join(f"{line}\0" for line in lines))
    facts: dict[str, Any] = {"at": 1.0, "took": 1.0, "command": "find /", "files": found, "left_off": left_off}
    return files.Scan(**{**facts, **more})


@pytest.mark.parametrize(
    ("line", "owned", "overrides", "bad"),
    [
        ("f 4755 root root /usr/bin/passwd", "passwd", (), False),
        ("f 4755 root root /bin/mount", "mount", (), False),
        ("f 4755 root root /usr/bin/passwd", "", (), True),  # of no package
        ("f 4755 root root /usr/bin/find", "findutils", (), True),  # Debian ships it otherwise
        ("f 4755 root root /usr/bin/find", "findutils", ("root root 4755 /usr/bin/find",), False),
        ("f 4777 root root /usr/bin/passwd", "passwd", (), True),
        ("f 6755 root shadow /usr/bin/chage", "passwd", (), True),  # set-gid only
        ("f 4755 pi pi /home/pi/x", "", (), True),
    ],
)
def test_a_set_uid_program_is_a_surprise_unless_debian_ships_it_so(
    line: str, owned: str, overrides: tuple[str, ...], bad: bool
) -> None:
    path = line.split(" ", 4)[4]
    found = files.judge(scanned(line, owned={path: owned} if owned else {}, overrides=overrides))
    assert found[2].items == ((path,) if bad else ())


def test_names_with_newlines_and_blanks_are_one_path() -> None:
    found = files.judge(scanned("f 666 root root /srv/a b\nc", "d 777 root root /srv/d", "d 1777 root root /srv/tmp"))
    assert (found[0].items, found[1].items) == (("/srv/a b\nc",), ("/srv/d",))


def test_folders_that_cannot_be_read_leave_it_unknown_unless_something_was_found() -> None:
    assert files.judge(scanned(unreadable=3))[0].verdict == "unknown"
    assert files.judge(scanned("f 666 root root /srv/a", unreadable=3))[0].verdict == "bad"
    assert {f.verdict for f in files.judge(Unknown("not yet"))} == {"unknown"}


def test_a_walk_is_kept_for_root_alone_and_a_damaged_one_is_unknown(tmp_path: Path) -> None:
    made = scanned("f 4755 root root /usr/bin/passwd", owned={"/usr/bin/passwd": "passwd"})
    assert isinstance(files.kept(tmp_path), Unknown)
    files.keep(tmp_path, made)
    assert files.kept(tmp_path) == made
    (tmp_path / "audit-files.json").write_text('{"version": 1, "at": ')
    assert isinstance(files.kept(tmp_path), Unknown)


# mounts, kernel, services -------------------------------------------------------------------------------------------

TMP = "109 108 0:41 / /tmp rw,nosuid,nodev shared:3 - tmpfs tmpfs rw,size=2468412k\n"
SHM = "112 111 0:44 / /dev/shm rw,nosuid,nodev shared:7 - tmpfs tmpfs rw\n"


@pytest.mark.parametrize(
    ("text", "tmp", "shm"),
    [
        (TMP + SHM, "good", "good"),
        (SHM, "bad", "good"),
        (TMP + SHM.replace(",nodev", ""), "good", "bad"),
        (TMP, "good", "not-here"),
        (TMP + TMP.replace("nosuid,", "") + SHM, "bad", "good"),  # the later mount counts
    ],
)
def test_mounts(text: str, tmp: Verdict, shm: Verdict) -> None:
    assert [f.verdict for f in mounts.judge(mounts.parse(text))] == [tmp, shm]


def test_a_kernel_that_is_not_this_machines_is_not_judged() -> None:
    names = [name for names in kernel.WANTED.values() for name in names]

    def verdicts(**writable: bool) -> list[Verdict]:
        values = {name: Value(MISSING, Known("77")) for name in names}
        return [f.verdict for f in kernel.judge(Sysctl(values, {n: writable[n.split(".")[0]] for n in names}))]

    assert verdicts(net=True, kernel=True, fs=True) == ["bad", "bad", "bad"]
    assert verdicts(net=True, kernel=False, fs=False) == ["bad", "not-here", "not-here"]


def units(**states: str) -> dict[str, dict[str, str]]:
    return {
        f"{n}.service": {"LoadState": "loaded", "ActiveState": s, "UnitFileState": "enabled"} for n, s in states.items()
    }


OFF = Value(MISSING, Known(False))
ON = Value(Known(True), Known(True))


def services_of(found: dict[str, dict[str, str]], **more: Any) -> services.Services:
    facts: dict[str, Any] = {
        "nfs": False,
        "printers": False,
        "adapters": (),
        "fail2ban": Fail2ban(False, OFF),
        "auditd": Auditd(False, OFF),
        "ssh": True,
    }
    return services.Services(found, **{**facts, **more})


def verdict_of(check: Check, facts: services.Services) -> Verdict:
    return next(f.verdict for f in services.judge(facts) if f.check is check)


def test_a_service_is_needless_only_where_nothing_uses_it() -> None:
    running = units(rpcbind="active", cups="active", bluetooth="active")
    assert next(f.items for f in services.judge(services_of(running)) if f.check is services.NEEDLESS) == (
        "rpcbind.service",
        "cups.service",
        "bluetooth.service",
    )
    assert verdict_of(services.NEEDLESS, services_of(running, nfs=True, printers=True, adapters=("hci0",))) == "good"
    assert verdict_of(services.NEEDLESS, services_of(units(cups="active"), printers=Unknown("no"))) == "unknown"
    assert verdict_of(services.NEEDLESS, services_of(units(cups="inactive"))) == "good"


def test_fail2ban_without_a_jail_for_sshd_does_not_count() -> None:
    def verdict(bans: Fail2ban, *, ssh: bool = True) -> Verdict:
        return verdict_of(services.FAIL2BAN, services_of({}, fail2ban=bans, ssh=ssh))

    jails = (Jail("sshd", (Ban("10.1.1.1"),), 3, 1), Jail("nginx", (), 0, 0))
    assert verdict(Fail2ban(True, ON, Known(jails))) == "good"
    assert verdict(Fail2ban(True, ON, Known(jails[1:]))) == "bad"
    assert verdict(Fail2ban(True, ON, Unknown("no permission"))) == "unknown"
    assert verdict(Fail2ban(True, Value(Known(True), Known(False)))) == "bad"
    assert verdict(Fail2ban(False, OFF)) == "bad"
    assert verdict(Fail2ban(False, OFF), ssh=False) == "not-here"


def test_auditd_counts_with_rules_only() -> None:
    def verdict(log: Auditd) -> Verdict:
        return verdict_of(services.AUDITD, services_of({}, auditd=log))

    assert verdict(Auditd(True, ON, loaded=Known(("-w /etc/passwd -p wa",)))) == "good"
    assert verdict(Auditd(True, ON, loaded=Known(()))) == "bad"
    assert verdict(Auditd(True, ON, loaded=Unknown("no permission"))) == "unknown"
    assert verdict(Auditd(False, OFF)) == "bad"
    assert verdict(Auditd(True, ON, here=False)) == "not-here"


# ssh, permissions, firewall -----------------------------------------------------------------------------------------


def test_weak_algorithms_are_named_and_modern_ones_are_not() -> None:
    values = {
        "ciphers": "chacha20-poly1305@openssh.com,aes128-cbc,aes256-gcm@openssh.com",
        "macs": "umac-128@openssh.com,umac-64@openssh.com,hmac-sha2-256,hmac-sha1",
        "kexalgorithms": "curve25519-sha256,diffie-hellman-group14-sha1",
        "hostkeyalgorithms": "ssh-ed25519,ssh-rsa,rsa-sha2-512",
    }
    weak = ["aes128-cbc", "umac-64@openssh.com", "hmac-sha1", "diffie-hellman-group14-sha1", "ssh-rsa"]
    assert sshd.weak(values) == weak


def test_without_sshd_or_its_answer_nothing_is_guessed() -> None:
    assert {f.verdict for f in sshd.judge(None)} == {"not-here"}
    assert {f.verdict for f in sshd.judge(Unknown("no hostkeys"))} == {"unknown"}
    assert "bad" not in {f.verdict for f in sshd.judge({})}


def test_a_firewall_that_is_not_known_is_neither_there_nor_gone() -> None:
    rules = Ruleset({4: Unknown("no permission"), 6: Unknown("no permission")}, ("eth0",), (), {4: (), 6: ()})
    found = {f.check: f.verdict for f in firewall.judge(firewall.Boot({}, True), exposure.expose((), rules))}
    assert (found[firewall.IPV4], found[firewall.IPV6]) == ("unknown", "unknown")


@pytest.mark.parametrize(("package", "verdict"), [("openssh-server", "good"), ("", "bad"), (None, "unknown")])
def test_a_program_whose_package_is_not_known_is_no_stray(package: str | None, verdict: Verdict) -> None:
    rules = Ruleset({4: (), 6: ()}, ("eth0",), (), {4: (), 6: ()})
    listening = (Socket("tcp", "", 22, (4,), "sshd", 9, "ssh.service", "/usr/sbin/sshd", package),)
    found = firewall.judge(firewall.Boot({}, True), exposure.expose(listening, rules))
    assert next(f.verdict for f in found if f.check is firewall.STRAYS) == verdict


def test_paths_that_are_not_there_are_no_fault(tmp_path: Path) -> None:
    empty = permissions.Permissions({c.id: () for c in permissions.CHECKS}, {}, {}, False)
    assert {f.verdict for f in permissions.judge(empty)} == {"not-here"}


# Lynis --------------------------------------------------------------------------------------------------------------


def test_a_report_of_lynis() -> None:
    text = "lynis_version=3.1.4\nwarning[]=PKGS-7392|Found one or more vulnerable packages.|-|-|\nhardening_index=63\n"
    found = lynis.parse(text + "report_datetime_end=2026-11-24 19:56:00\n")
    assert isinstance(found, Known) and found.value.index == 63
    assert found.value.warnings == ("PKGS-7392 Found one or more vulnerable packages.",)
    assert isinstance(lynis.parse("hardening_index=\n"), Unknown)
    assert isinstance(lynis.parse("hardening_index=630\n"), Unknown)
    assert json.dumps(found.value.index) == "63"
