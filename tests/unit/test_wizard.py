"""The wizard without its screens: goals and what they bring, proposals and answers, what stands in the way."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import modules, planning, setup_file, wizard
from pi_installer_tui.modules import goals
from pi_installer_tui.modules.base import Claim, Offer
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.machine import Architecture, Disk, Machine, Memory, Power
from pi_installer_tui.system.reading import Known
from pi_installer_tui.system.sockets import Socket
from pi_installer_tui.tasks.plan import Plan, merge
from pi_installer_tui.tasks.steps import Probation, Reboot, RunCommand, WriteFile
from pi_installer_tui.wizard import Answers, Sketch

GIB = 1024**3


@pytest.fixture(name="states", scope="module")
def what_the_modules_read(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    host = DemoHost.create(str(tmp_path_factory.mktemp("demo")))
    return asyncio.run(planning.read(host, modules.names()))


# goals --------------------------------------------------------------------------------------------------------------


def test_a_goal_is_coming_as_long_as_a_module_that_it_needs_is_not_there() -> None:
    assert not goals.goal("home-server").coming
    assert not goals.goal("vpn-gateway").coming
    assert goals.goal("web-server").coming


def test_a_module_that_comes_joins_the_wizard_by_its_line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    web = modules.Listed(name="web", title="Web", group="Network", summary="", after=("security",))
    monkeypatch.setattr(modules, "MODULES", (*modules.MODULES, web))
    assert not goals.goal("web-server").coming
    assert goals.serving(("web-server",)) == ("system", "users", "security", "monitoring", "backup", "web")
    assert goals.serving(("vpn-gateway",)) == ("system", "users", "security", "monitoring", "backup", "vpn")
    assert "vpn" not in goals.serving(("home-server",))


def test_without_a_goal_only_what_every_machine_needs_is_asked_for() -> None:
    assert goals.serving(()) == ("system", "users")


# proposals ----------------------------------------------------------------------------------------------------------


def _offers(**wanted: Mapping[str, Any]) -> dict[str, Offer]:
    return {name: Offer(wanted=each) for name, each in wanted.items()}


def test_proposals_follow_the_goals_and_what_was_typed_stays() -> None:
    home = _offers(security={"profile": "home", "updates": {"enabled": True, "reboot": False}})
    public = _offers(security={"profile": "internet", "updates": {"enabled": True, "reboot": True}})
    answers = wizard.proposed({}, home, Answers(goals=("home-server",)))
    assert answers.documents["security"]["profile"] == "home"
    typed = {"profile": "home", "updates": {"enabled": False, "reboot": False}, "ssh": {"root_login": "no"}}
    answers = Answers(goals=("home-server",), documents={"security": typed})
    assert wizard.proposed(home, public, answers).documents["security"] == {
        "profile": "internet",
        "updates": {"enabled": False, "reboot": True},
        "ssh": {"root_login": "no"},
    }


def test_a_proposal_that_was_taken_back_does_not_come_again() -> None:
    home = _offers(system={"ntp": True}, security={"profile": "home"})
    answers = Answers(documents={"security": {"profile": "home"}})
    assert wizard.proposed(home, home, answers).documents == {"security": {"profile": "home"}}


def test_every_goal_that_is_there_gives_a_sound_setup(states: Mapping[str, Any]) -> None:
    for goal in goals.GOALS:
        answers = Answers(goals=(goal.name,))
        answers = wizard.proposed({}, wizard.offers(states, answers), answers)
        setup = planning.combine([answers.document()])
        assert setup.goals == (goal.name,) and setup.document == answers.document()


def test_what_the_short_form_asks_for_is_there_to_be_set(states: Mapping[str, Any]) -> None:
    from pi_installer_tui.modules.base import has_setting

    for name in modules.names():
        offer = modules.load(name).offer(states[name], frozenset({"home-server"}))
        assert offer.asked and all(has_setting(modules.load(name).settings, path) for path in offer.asked)


# answers ------------------------------------------------------------------------------------------------------------


def test_answers_are_kept_for_root_alone_and_found_again(tmp_path: Path) -> None:
    answers = Answers("security", ("home-server",), {"system": {"hostname": "attic"}})
    wizard.keep(tmp_path / "state", answers)
    assert wizard.kept(tmp_path / "state") == answers
    assert stat.S_IMODE((tmp_path / "state" / wizard.KEPT).stat().st_mode) == 0o600
    (tmp_path / "state" / wizard.KEPT).unlink()
    assert wizard.kept(tmp_path / "state") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "page": "x", "goals": 3}', "\0"])
def test_answers_that_cannot_be_read_are_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / wizard.KEPT).write_text(text)
    assert wizard.kept(tmp_path) is None


def test_answers_are_a_setup_file_and_back() -> None:
    answers = Answers("", ("home-server",), {"system": {"hostname": "attic"}, "security": {"profile": "home"}})
    text = setup_file.write(answers.document())
    assert Answers.of(planning.parse(text).document) == answers


# the plan so far ----------------------------------------------------------------------------------------------------


def test_every_answer_changes_the_plan(states: Mapping[str, Any]) -> None:
    documents: tuple[dict[str, Any], ...] = (
        {},
        {"hostname": "attic"},
        {"hostname": "attic", "timezone": "Asia/Tokyo"},
    )
    answers = [Answers(documents={"system": each}) for each in documents]
    steps = [[s.id for s in wizard.sketch(states, each).plan.flat] for each in answers]
    assert steps[0] == [] and set(steps[1]) < set(steps[2])


def test_a_mistake_has_its_place_and_leaves_the_other_modules_in_the_plan(states: Mapping[str, Any]) -> None:
    wrong: dict[str, dict[str, Any]] = {"system": {"hostname": "-"}, "security": {"updates": {"enabled": True}}}
    found = wizard.sketch(states, Answers(goals=("home-server",), documents=wrong))
    assert [mistake.place for mistake in found.mistakes] == ["system.hostname"]
    assert found.plan.modules == ("security",)
    (first, *_rest) = wizard.advice(Machine(), (), {}, found)
    assert (first.tone, first.place) == ("bad", "system.hostname")


def _command(name: str, *needs: str, setting: str = "") -> RunCommand:
    return RunCommand(id=name, setting=setting, needs=needs, argv=("true",), probe="repeatable", undo_argv=("true",))


def test_in_one_plan_the_network_is_last_and_a_reboot_ends_it() -> None:
    system = Plan(
        modules=("system",),
        steps=(
            _command("name"),
            Probation(id="trial.network", setting="system", steps=(_command("address"),)),
            _command("after-address", "address"),
            Reboot(id="reboot", setting="system"),
            _command("after-reboot", "reboot"),
        ),
    )
    security = Plan(
        modules=("security",),
        steps=(_command("ufw"), Probation(id="trial.ssh", setting="security", steps=(_command("sshd", "ufw"),))),
    )
    order = [step.id for step in merge((system, security), {}).steps]
    assert order == ["name", "ufw", "trial.ssh", "trial.network", "after-address", "reboot", "after-reboot"]


def test_a_plan_without_a_step_has_nothing_that_needs_it_and_nothing_that_would_prove_it() -> None:
    from pi_installer_tui.tasks.checks import CommandSays

    plan = Plan(
        steps=(
            WriteFile(id="a", setting="one", path="/etc/a", content=""),
            _command("b", "a", setting="one"),
            Probation(
                id="trial", setting="two", steps=(_command("c", "b", setting="two"), _command("d", setting="three"))
            ),
            _command("e", setting="three"),
        ),
        checks=tuple(
            CommandSays(id=f"check.{name}", setting=name, argv=("true",), line="") for name in ("one", "two", "three")
        ),
    )
    left = plan.without(["a"])
    assert [step.id for step in left.flat] == ["trial", "d", "e"]
    assert [check.setting for check in left.checks] == ["three"]
    assert plan.without(["c", "d"]).steps == (plan.steps[0], plan.steps[1], plan.steps[3])


# advice -------------------------------------------------------------------------------------------------------------


def _told(machine: Machine, *claims: tuple[str, Claim], sockets: tuple[Socket, ...] = (), **offers: Offer) -> str:
    found = wizard.advice(machine, sockets, offers, Sketch(claims=claims))
    return "\n".join(f"{each.tone}: {each.text}" for each in found)


def test_two_modules_that_want_one_port_are_a_conflict() -> None:
    web = ("web", Claim("port", "80/tcp", "sites.a", "the site a"))
    other = ("portal", Claim("port", "80/tcp", "port", "the portal"))
    assert _told(Machine(), web, other) == "bad: the site a and the portal both want 80/tcp."
    assert _told(Machine(), web, ("portal", Claim("port", "80/udp", "port", "the portal"))) == ""
    assert _told(Machine(), web, web) == ""


def test_subnets_that_overlap_are_a_conflict_and_two_interfaces_in_one_network_are_none() -> None:
    lan = ("system", Claim("subnet", "10.0.0.0/16", "network.eth0.address", "the network at eth0"))
    wifi = ("system", Claim("subnet", "10.0.0.0/16", "network.wlan0.address", "the network at wlan0"))
    vpn = ("vpn", Claim("subnet", "10.0.3.0/24", "subnet", "the VPN"))
    assert _told(Machine(), lan, wifi) == ""
    assert "the network at eth0 and the VPN both want 10.0.0.0/16" in _told(Machine(), lan, vpn)
    assert _told(Machine(), lan, ("vpn", Claim("subnet", "fd00::/64", "subnet6", "the VPN"))) == ""


def test_a_port_at_which_another_program_listens_is_told_with_its_name() -> None:
    ssh = ("security", Claim("port", "22/tcp", "ssh", "SSH", frozenset({"sshd"})))
    assert _told(Machine(), ssh, sockets=(Socket("tcp", "", 22, (4, 6), "sshd", 7),)) == ""
    said = _told(Machine(), ssh, sockets=(Socket("tcp", "", 22, (4, 6), "dropbear", 7),))
    assert said == "bad: 22/tcp is wanted for SSH, and dropbear listens there."


def test_memory_disk_and_architecture_that_will_not_do_are_told() -> None:
    machine = Machine(
        memory=Known(Memory(GIB, GIB // 4, 0, 0)),
        disks=Known((Disk("/", "/dev/x", "ext4", 8 * GIB, 7 * GIB, GIB),)),
        architecture=Known(Architecture("armhf", "armv7l")),
    )
    said = _told(machine, security=Offer(memory=GIB // 2, disk=2 * GIB, architectures=("amd64", "arm64")))
    assert "takes about" in said and "Security isn't there for armhf." in said
    assert said.count("bad: ") == 2 and said.count("warn: ") == 1
    assert _told(machine, security=Offer(memory=GIB // 8)) == ""


def test_what_is_wrong_with_the_machine_comes_first() -> None:
    sick = Machine(
        power=Known(Power(("under-voltage",), None)),
        disks=Known((Disk("/", "/dev/x", "ext4", GIB, GIB, 0, read_only=True),)),
        memory=Known(Memory(256 * 1024**2, 1, 0, 0)),
        addresses=Known(()),
        architecture=Known(Architecture("armhf", "aarch64")),
    )
    titles = [problem.title for problem in wizard.problems(sick)]
    assert titles == ["power", "disk", "disk", "memory", "network", "architecture"]
    assert wizard.problems(Machine()) == []
