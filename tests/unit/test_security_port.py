"""The plan for the ports of SSH as a table: what is opened, on probation, and what is closed only afterwards. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from pi_installer_tui.modules.security import MODULE, fail2ban
from pi_installer_tui.modules.security.plans.port import DROP_IN, in_jail
from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.sshd import CONFIG, OWN, Line
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.ufw import Rule, Ufw
from pi_installer_tui.system.reading import MISSING, Known, Unknown, Value
from pi_installer_tui.tasks.plan import Others, Plan, merge
from pi_installer_tui.tasks.steps import Probation, RunCommand, Step, Unit, WriteFile
from pi_installer_tui.tasks.steps.probation import Confirmation

from .test_security_firewall import SSH
from .test_security_firewall import state as with_firewall
from .test_security_ssh import line
from .test_security_ssh import state as plain

JAIL = "# ours\n[sshd]\nenabled = true\nport = 22\nmaxretry = 5\n[other]\nport = 22\n"


def state(*more: Line, ports: tuple[int, ...] = (22,), ufw: Ufw | None = None, jail: str = "", **sshd: Any) -> State:
    configured = tuple(map(str, sshd.pop("configured", ports)))
    found = plain({"port": configured}, *more, **{"listening": Known(ports), **sshd})
    if ufw is not None:
        found = replace(found, ufw=ufw)
    on = Value(Known(True), Known(True))
    return replace(found, fail2ban=replace(found.fail2ban, installed=True, enabled=on, own=jail)) if jail else found


def firewall(*rules: Rule) -> Ufw:
    return with_firewall(*rules, on=True).ufw


def plan(found: State, port: Any = 2222, **more: Any) -> Plan:
    return MODULE.plan(found, SecuritySettings.model_validate({"ssh": {"port": port}, **more}), Others())


def does(step: Step) -> str:
    match step:
        case WriteFile():
            own = [text for text in step.content.splitlines() if text and not text.startswith(("# Made", "# ours"))]
            return f"{step.path}: {'; '.join(own)}"
        case RunCommand():
            return " ".join(step.argv)
        case Unit():
            return "; ".join(" ".join(argv) for argv in step.commands())
    raise AssertionError(step)


def halves(made: Plan) -> tuple[list[str], list[str]]:
    """What is done on probation, and what after it; in a plan that is merged with others, too."""
    assert merge([Plan(), made], {}).steps == made.steps, "what comes afterwards stays behind what it needs"
    trial = next(step for step in made.steps if isinstance(step, Probation))
    after = made.steps[made.steps.index(trial) + 1 :]
    return [does(step) for step in trial.steps], [does(step) for step in after]


def over(made: Plan) -> tuple[tuple[int, ...], tuple[int, ...]]:
    (trial,) = made.trials
    assert trial.login is not None
    return trial.login.ports, trial.login.back


RELOAD, RESTART = "systemctl try-reload-or-restart ssh.service", "systemctl try-restart ssh.service"


def test_the_old_port_stays_open_until_the_new_one_was_used() -> None:
    made = plan(state())
    before, after = halves(made)
    assert before == [f"{OWN}: Port 22; Port 2222", "sshd -t", RELOAD]
    assert after == [f"{OWN}: Port 2222", "sshd -t", RESTART]
    assert over(made) == ((2222,), (22,))
    assert any("22 stays open" in notice.text for notice in made.notices)


def test_what_comes_afterwards_goes_with_what_is_on_probation() -> None:
    made = plan(state(ufw=firewall(SSH), jail=JAIL))
    assert len(made.flat) > 9
    for step in ("security.ssh.file", "security.ssh.test", "security.ssh.reload"):
        left = {each.id for each in made.without([step]).flat}
        assert not {each for each in left if "close" in each or "bans" in each}, step
    assert "security.firewall.close-ssh-22" not in {each.id for each in made.without(["security.ssh.close"]).flat}
    alone = made.to_be_confirmed(Confirmation(by="none"))
    assert [step.id for step in Plan.model_validate_json(alone.model_dump_json()).steps][
        -1
    ] == "security.bans.ports-reload"


def test_the_firewall_lets_the_new_port_in_first_and_shuts_the_old_one_last() -> None:
    before, after = halves(plan(state(ufw=firewall(SSH))))
    assert before[:2] == ["ufw allow in proto tcp from any to any port 2222 comment SSH", "ufw reload"]
    assert after[-2:] == ["ufw --force delete allow in proto tcp from any to any port 22", "ufw reload"]
    assert after[0] == f"{OWN}: Port 2222"


@pytest.mark.parametrize(
    ("rules", "more"),
    [
        ((Rule("allow", protocol="tcp", port="22", comment="mine"),), {}),
        ((Rule("allow", application="OpenSSH"),), {}),
        ((SSH,), {"firewall": {"rules": {"ssh": {"action": "allow", "protocol": "tcp", "port": "22"}}}}),
    ],
)
def test_a_rule_that_is_not_ours_stays(rules: tuple[Rule, ...], more: dict[str, Any]) -> None:
    _before, after = halves(plan(state(ufw=firewall(*rules)), **more))
    assert not [each for each in after if "delete" in each]


def test_a_firewall_that_comes_with_it_keeps_the_old_port_open_too_until_then() -> None:
    before, after = halves(plan(state(), firewall={"enabled": True}))
    keep = "ufw allow in proto tcp from any to any port {} comment SSH"
    assert before[:3] == [keep.format(22), keep.format(2222), "ufw --force enable"]
    assert "ufw --force delete allow in proto tcp from any to any port 22" in after


@pytest.mark.parametrize(
    ("found", "port", "before", "after", "login"),
    [
        (state(), [22, 2222], [f"{OWN}: Port 22; Port 2222", "sshd -t", RELOAD], [], ((2222,), (22,))),
        (
            state(line("Port", "22", OWN), line("Port", "2222", OWN, 2), ports=(22, 2222)),
            2222,
            [f"{OWN}: Port 22; Port 2222", "sshd -t", RELOAD],
            [f"{OWN}: Port 2222", "sshd -t", RESTART],
            ((2222,), (22,)),
        ),
        (
            state(line("Port", "2222", OWN), ports=(22,), configured=(2222,), loaded=Known(False)),
            2222,
            [f"{OWN}: Port 22; Port 2222", "sshd -t", RELOAD],
            [f"{OWN}: Port 2222", "sshd -t", RESTART],
            ((2222,), (22,)),
        ),
        (
            state(line("Port", "22", CONFIG, 2), texts={CONFIG: "Include x\nPort 22\nUsePAM yes\n"}),
            2222,
            [f"{OWN}: Port 2222", "sshd -t", RELOAD],
            [f"{CONFIG}: Include x; #Port 22; UsePAM yes", "sshd -t", RESTART],
            ((2222,), (22,)),
        ),
        (
            state(line("X11Forwarding", "no", OWN)),
            2222,
            [f"{OWN}: Port 22; Port 2222; X11Forwarding no", "sshd -t", RELOAD],
            [f"{OWN}: Port 2222; X11Forwarding no", "sshd -t", RESTART],
            ((2222,), (22,)),
        ),
    ],
)
def test_what_is_opened_and_what_is_closed(
    found: State,
    port: Any,
    before: list[str],
    after: list[str],
    login: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    made = plan(found, port)
    assert halves(made) == (before, after)
    assert over(made) == login


def test_where_systemd_listens_its_socket_is_told_too_and_its_addresses_stay() -> None:
    made = plan(state(socket=True, running=True, addresses=("0.0.0.0", "[::]")))
    before, after = halves(made)
    socket = [
        "systemctl daemon-reload",
        "systemctl stop ssh.socket ssh.service",
        "systemctl start ssh.socket ssh.service",
    ]
    head = f"{DROP_IN}: [Socket]; ListenStream="
    old, new = (f"ListenStream=0.0.0.0:{port}; ListenStream=[::]:{port}" for port in (22, 2222))
    assert before == [f"{OWN}: Port 22; Port 2222", f"{head}; {old}; {new}", "sshd -t", *socket]
    assert after == [f"{OWN}: Port 2222", f"{head}; {new}", "sshd -t", *socket]


def test_bans_follow_the_ports() -> None:
    _before, after = halves(plan(state(jail=JAIL)))
    changed = JAIL.replace("port = 22\nmax", "port = 2222\nmax")
    assert after[-2].endswith(f"{fail2ban.OWN}: {'; '.join(changed.splitlines()[1:])}")
    assert after[-1] == "systemctl try-reload-or-restart fail2ban.service"
    assert in_jail(JAIL, (22, 80)) == JAIL.replace("port = 22\nmax", "port = 22,80\nmax") and in_jail("", (22,)) == ""
    made = plan(state(jail=JAIL), bans={"enabled": True})
    files = [step.content for step in made.steps if isinstance(step, WriteFile) and step.path == fail2ban.OWN]
    assert ["port = 22,2222" in text for text in files] == [True, False] and "port = 2222\n" in files[1]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (state(listening=Unknown("only root")), "only root"),
        (state(line("ListenAddress", "10.0.0.1:22", CONFIG, 9)), "sshd_config:9"),
        (state(line("ListenAddress", "[fd00::1]:22", CONFIG, 9)), "sshd_config:9"),
        (state(ports=(2200,), configured=(22,)), "2200"),
        (state(includes=False), "doesn't include"),
        (state(unreadable="no permission"), "no permission"),
        (state(ufw=replace(firewall(SSH), in_kernel=Unknown("no iptables"))), "no iptables"),
    ],
)
def test_a_change_that_would_not_work_is_blocked(found: State, why: str) -> None:
    made = plan(found)
    assert made.empty and why in made.blocked[0].why


def test_other_settings_are_planned_where_the_ports_are_blocked() -> None:
    found = state(line("ListenAddress", "10.0.0.1:22", CONFIG, 9))
    made = MODULE.plan(found, SecuritySettings.model_validate({"ssh": {"port": 2222, "max_auth_tries": 3}}), Others())
    assert [does(step) for step in made.flat[1:]] == [f"{OWN}: MaxAuthTries 3", "sshd -t", RELOAD]
    assert [each.setting for each in made.blocked] == ["security.ssh.port"]
    assert over(made) == ((), ())


def test_an_address_without_a_port_is_no_hindrance() -> None:
    for address in ("10.0.0.1", "fd00::1", "[fd00::1]", "attic"):
        assert not plan(state(line("ListenAddress", address, CONFIG, 9))).empty


def test_a_machine_as_wanted_needs_nothing() -> None:
    for found in (state(), state(ports=(22, 2222)), state(socket=True), state(listening=MISSING)):
        assert MODULE.plan(found, MODULE.present(found), Others()).empty
    assert plan(state(), 22).empty and plan(state(ports=(22, 2222)), [2222, 22]).empty


@pytest.mark.parametrize(
    ("found", "port", "wrong"),
    [
        (state(taken=Known({80: "nginx"})), [22, 80], True),
        (state(taken=Known({80: "nginx"})), [22, 8080], False),
        (state(taken=Unknown("only root")), [22, 80], False),
        (state(ufw=firewall(Rule("reject", protocol="tcp", port="2000:3000"), SSH)), 2222, True),
        (state(ufw=firewall(SSH)), 2222, False),
    ],
)
def test_a_port_that_somebody_has_or_nobody_gets_to_is_a_mistake(found: State, port: Any, wrong: bool) -> None:
    assert bool(MODULE.validate(found, SecuritySettings.model_validate({"ssh": {"port": port}}))) is wrong


@pytest.mark.parametrize("port", [0, 65536, -1, True, "22", "22; id", [], [22, 22], [22.5], list(range(1, 10))])
def test_no_port_is_more_than_a_number(port: Any) -> None:
    with pytest.raises(ValidationError):
        SecuritySettings.model_validate({"ssh": {"port": port}})
