"""Plans of the module System: pure, so a state and settings in, steps out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.modules.system import MODULE
from pi_installer_tui.modules.system.cloud import CloudInit
from pi_installer_tui.modules.system.network.base import Addressing, Interface
from pi_installer_tui.modules.system.network.networkmanager import Profile
from pi_installer_tui.modules.system.plan import hosts_names
from pi_installer_tui.modules.system.settings import SystemSettings
from pi_installer_tui.modules.system.state import Keys, State
from pi_installer_tui.system import formats
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.formats import hosts, ini, keyvalue, lines, yaml
from pi_installer_tui.system.reading import MISSING, Known, Unknown, Value
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import (
    EditFile,
    InstallPackages,
    KeepAddress,
    Link,
    Probation,
    RunCommand,
    Step,
    Unit,
    WriteFile,
)

from .replayed import recordings, replayed

FORMATS: Mapping[str, Any] = {"ini": ini, "keyvalue": keyvalue, "hosts": hosts, "lines": lines, "yaml": yaml}

KEYFILE = """[connection]
id=wired
uuid=6bd0cf31-8d76-3481-a157-64b37bae1191
type=ethernet
interface-name=eth0

[ipv4]
# given by the provider
address1=192.168.1.20/24,192.168.1.1
method=manual
dns=192.168.1.1;

[ipv6]
method=auto
"""
PATH = "/etc/NetworkManager/system-connections/wired.nmconnection"
NOW = Addressing(
    "static", (IPv4Interface("192.168.1.20/24"),), IPv4Address("192.168.1.1"), (IPv4Address("192.168.1.1"),), (), "auto"
)


def same(value: Any, **more: Any) -> Value[Any]:
    return Value(Known(value), Known(value), **more)


def eth0(**changes: Any) -> Interface:
    form = Profile("6bd0cf31-8d76-3481-a157-64b37bae1191", PATH, True, KEYFILE, NOW, True)
    there = Interface("eth0", "ethernet", True, "NetworkManager", Known(NOW), Known(NOW), form=form)
    return replace(there, **changes)


PI = State(
    hostname=same("raspberrypi"),
    hosts_line=Known(("raspberrypi",)),
    hosts_names=frozenset({"localhost", "raspberrypi"}),
    timezone=same("Europe/London"),
    zones=("Europe/Berlin", "Europe/London", "Etc/UTC"),
    ntp=same(True),
    ntp_unit="systemd-timesyncd.service",
    locale=same("en_GB.UTF-8"),
    locales_built=frozenset({"C", "C.utf8", "POSIX", "en_GB.utf8"}),
    locales_known={"de_DE.UTF-8": "UTF-8", "de_DE": "ISO-8859-1", "en_GB.UTF-8": "UTF-8"},
    locale_gen=True,
    keyboard=same(Keys("gb", "", "pc105")),
    setupcon=True,
    keymap_saved=True,
    layouts=("de", "gb", "no", "us"),
    variants={"de": ("nodeadkeys",)},
    models=("pc104", "pc105"),
    running=frozenset({"cron.service"}),
    network={"eth0": eth0()},
    network_service="NetworkManager",
)


def plan(state: State, **wanted: Any) -> Plan:
    return MODULE.plan(state, SystemSettings.model_validate(wanted), Others())


def steps(found: Plan) -> list[Step]:
    """The steps that change something; what puts them on probation is a test of its own."""
    return [step for step in found.flat if not isinstance(step, Probation | KeepAddress)]


def ids(found: Plan) -> list[str]:
    return [step.id.removeprefix("system.") for step in steps(found)]


def edited(found: Plan, step: str, text: str) -> str:
    """The text as one of the plan's EditFile steps leaves it."""
    (edit,) = [s for s in found.flat if s.id == f"system.{step}"]
    assert isinstance(edit, EditFile)
    for one in edit.edits:
        text = FORMATS[edit.format].edit(text, one.key, one.value)
    return text


def static(address: str = "192.168.1.10/24", **more: Any) -> dict[str, Any]:
    return {"eth0": {"method": "static", "address": address, **more}}


# what holds for every plan ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", recordings())
async def test_what_is_present_on_a_real_machine_plans_to_nothing(name: str) -> None:
    state = await MODULE.read(replayed(name))
    found = MODULE.plan(state, MODULE.present(state), Others())
    assert found.empty and not found.blocked and not found.checks and not found.notices


async def test_what_is_present_on_the_demo_machine_plans_to_nothing(tmp_path: Path) -> None:
    state = await MODULE.read(DemoHost.create(str(tmp_path / "demo")))
    present = MODULE.present(state)
    assert set(present.model_dump(exclude_none=True)) == {
        "hostname", "timezone", "ntp", "locale", "keyboard", "network",
    }  # fmt: skip
    assert plan(state, **present.model_dump(exclude_none=True)).empty


def test_what_is_right_already_plans_to_nothing() -> None:
    whole = MODULE.present(PI)
    assert whole.model_dump(mode="json", exclude_none=True) == {
        "hostname": "raspberrypi",
        "timezone": "Europe/London",
        "ntp": True,
        "locale": "en_GB.UTF-8",
        "keyboard": {"layout": "gb", "model": "pc105"},
        "network": {
            "eth0": {
                "method": "static",
                "address": "192.168.1.20/24",
                "gateway": "192.168.1.1",
                "dns": ["192.168.1.1"],
                "ipv6": "auto",
            }
        },
    }
    assert MODULE.plan(PI, whole, Others()) == Plan(
        modules=("system",), settings={"system": whole.model_dump(mode="json", exclude_none=True)}
    )


def test_nothing_wanted_plans_to_nothing() -> None:
    assert plan(PI).empty


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ({"hostname": Value(Unknown("no permission"), Known("raspberrypi"))}, {"hostname": "attic"}),
        ({"hosts_line": Unknown("/etc/hosts: line 3")}, {"hostname": "attic"}),
        ({"cloud": Unknown("no permission for user-data")}, {"hostname": "attic"}),
        ({"timezone": Value(Unknown("a copy"), Known("Europe/London"))}, {"timezone": "Etc/UTC"}),
        ({"timezone_file": Unknown("no permission")}, {"timezone": "Etc/UTC"}),
        ({"ntp": Value(Unknown("no systemd"), Unknown("no systemd"))}, {"ntp": False}),
        ({"locale": Value(Unknown("line 2"), Known("C"))}, {"locale": "de_DE.UTF-8"}),
        ({"locales_built": Unknown("locale: not found")}, {"locale": "de_DE.UTF-8"}),
        ({"keyboard": Value(Unknown("line 2"), MISSING)}, {"keyboard": {"layout": "de"}}),
        ({"network": Unknown("nmcli says: not running")}, {"network": static()}),
        ({"network": {"eth0": eth0(configured=Unknown("line 2"))}}, {"network": static()}),
    ],
)
def test_from_what_is_unknown_nothing_is_planned_and_the_reason_is_told(
    part: dict[str, Any], wanted: dict[str, Any]
) -> None:
    found = plan(replace(PI, **part), **wanted)
    assert found.empty and not found.checks
    (blocked,) = found.blocked
    (reading,) = part.values()
    reading = reading["eth0"] if isinstance(reading, dict) else reading
    unknown = reading if isinstance(reading, Unknown) else reading.configured
    assert blocked.why == unknown.reason


def test_steps_that_only_activate_run_again_after_an_undo() -> None:
    found = plan(PI, hostname="attic", keyboard={"layout": "de"}, network=static())
    for step in steps(found):
        if isinstance(step, RunCommand):
            assert step.again and not step.undo_argv, step.id


def test_the_network_comes_last_and_its_steps_stand_together() -> None:
    found = plan(PI, network=static(), hostname="attic", timezone="Etc/UTC", locale="de_DE.UTF-8")
    of_network = [step.setting.startswith("system.network") for step in found.steps]
    assert of_network == sorted(of_network)
    assert {type(s) for s in steps(found) if s.setting.startswith("system.network")} <= {
        EditFile,
        WriteFile,
        RunCommand,
        Unit,
    }


# hostname -----------------------------------------------------------------------------------------------------------


def test_a_hostname_is_written_set_and_put_into_hosts() -> None:
    found = plan(PI, hostname="attic")
    assert ids(found) == ["hostname.file", "hostname.set", "hostname.hosts"]
    text = "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\t# this one\n\n::1 ip6-localhost\n10.0.0.9 nas\n"
    assert edited(found, "hostname.hosts", text) == text.replace("raspberrypi", "attic")
    assert {c.id for c in found.checks} == {"system.hostname.static", "system.hostname.kernel"}


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        (("raspberrypi",), "attic", ("attic",)),
        (("raspberrypi", "files"), "attic", ("attic", "files")),
        (("raspberrypi.home.arpa", "raspberrypi", "files"), "attic", ("attic.home.arpa", "attic", "files")),
        (("raspberrypi",), "attic.example.org", ("attic.example.org", "attic")),
        (("somebody",), "attic", ("attic", "somebody")),
        ((), "attic", ("attic",)),
        (("attic", "raspberrypi"), "attic", ("attic",)),
    ],
)
def test_the_line_of_the_hosts_file_keeps_domains_and_aliases(
    before: tuple[str, ...], new: str, after: tuple[str, ...]
) -> None:
    assert hosts_names(before, ("raspberrypi",), new) == after


def test_a_hostname_half_done_gives_the_rest_of_the_steps() -> None:
    written = replace(PI, hostname=Value(Known("attic"), Known("raspberrypi")))
    assert ids(plan(written, hostname="attic")) == ["hostname.set", "hostname.hosts"]
    no_hosts = replace(PI, hostname=same("attic"))
    assert ids(plan(no_hosts, hostname="attic")) == ["hostname.hosts"]


def test_avahi_announces_the_new_name() -> None:
    announced = replace(PI, running=frozenset({"avahi-daemon.service"}))
    assert ids(plan(announced, hostname="attic"))[-1] == "hostname.avahi"


def test_a_hostname_that_cloud_init_owns_is_changed_where_cloud_init_reads_it() -> None:
    owner = CloudInit(active=True, user_data="/boot/firmware/user-data", hostname="raspberrypi", fqdn="raspberrypi.lan")
    owned = replace(PI, hostname=same("raspberrypi", pending=Known("raspberrypi"), owner="cloud-init"), cloud=owner)
    found = plan(owned, hostname="attic")
    assert ids(found) == ["hostname.file", "hostname.set", "hostname.hosts", "hostname.cloud", "hostname.keep"]
    text = "#cloud-config\n# by Imager\nhostname: raspberrypi\nfqdn: raspberrypi.lan\nusers:\n- name: pi\n"
    after = edited(found, "hostname.cloud", text)
    assert after.startswith("#cloud-config\n# by Imager\nhostname: attic\nfqdn: attic.lan\nusers:\n- name: pi\n")
    assert yaml.get(after, ("preserve_hostname",)) == formats.Entry(True, 7)
    assert "cloud-init" in found.notices[0].text


def test_a_name_that_cloud_init_will_take_back_gives_a_step_though_all_else_is_right() -> None:
    owner = CloudInit(active=True, user_data="/boot/firmware/user-data", hostname="raspberrypi", sensitive=True)
    reverts = replace(
        PI,
        hostname=same("attic", pending=Known("raspberrypi"), owner="cloud-init"),
        hosts_line=Known(("attic",)),
        cloud=owner,
    )
    found = plan(reverts, hostname="attic")
    assert ids(found) == ["hostname.cloud", "hostname.keep"]
    assert found.steps[0].sensitive
    assert MODULE.present(reverts).hostname is None


def test_a_copy_of_user_data_that_outdoes_the_drop_in_is_changed_too() -> None:
    last = "/var/lib/cloud/instances/pi-1/cloud-config.txt"
    owner = CloudInit(active=True, user_data="/boot/firmware/user-data", hostname="raspberrypi", last=last)
    owned = replace(PI, hostname=same("raspberrypi", pending=Known("raspberrypi"), owner="cloud-init"), cloud=owner)
    found = plan(owned, hostname="attic")
    assert ids(found)[3:] == ["hostname.cloud", "hostname.keep", "hostname.last"]
    assert found.steps[-1].paths() == (last,) and found.steps[-1].sensitive
    assert edited(found, "hostname.last", "#cloud-config\npreserve_hostname: false\n").endswith(": true\n")


def test_without_user_data_cloud_init_is_told_to_leave_the_name_alone() -> None:
    owner = CloudInit(active=True, hostname="raspberrypi")
    owned = replace(PI, hostname=same("raspberrypi", pending=Known("raspberrypi"), owner="cloud-init"), cloud=owner)
    step = plan(owned, hostname="attic").steps[-1]
    assert isinstance(step, WriteFile)
    assert step.path == "/etc/cloud/cloud.cfg.d/99-pi-installer-tui-hostname.cfg"
    assert yaml.get(step.content, ("preserve_hostname",)) == formats.Entry(True, 2)


# time ---------------------------------------------------------------------------------------------------------------


def test_a_timezone_is_a_link_and_cron_learns_of_it() -> None:
    found = plan(PI, timezone="Europe/Berlin")
    assert ids(found) == ["timezone.link", "timezone.timedated", "timezone.cron"]
    assert isinstance(found.steps[0], Link)
    assert (found.steps[0].path, found.steps[0].target) == ("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")


def test_the_file_of_debian_12_is_written_where_it_is() -> None:
    old = replace(PI, timezone_file=Known("Europe/London"))
    assert ids(plan(old, timezone="Europe/Berlin"))[-1] == "timezone.file"
    differs = replace(PI, timezone_file=Known("Etc/UTC"))
    assert ids(plan(differs, timezone="Europe/London")) == ["timezone.file"]


def test_a_zone_the_machine_does_not_know_is_a_mistake() -> None:
    (wrong,) = MODULE.validate(PI, SystemSettings(timezone="Mars/Olympus"))
    assert str(wrong) == "system.timezone: this machine doesn't know that time zone"


@pytest.mark.parametrize(
    ("configured", "effective", "on", "steps"),
    [
        (True, True, True, []),
        (True, True, False, ["ntp.unit"]),
        (False, False, False, []),
        (False, False, True, ["ntp.unit"]),
        (True, False, True, ["ntp.unit"]),
        (False, True, True, ["ntp.unit"]),
        (False, True, False, ["ntp.unit"]),
    ],
)
def test_time_synchronisation_is_enabled_and_running_or_neither(
    configured: bool, effective: bool, on: bool, steps: list[str]
) -> None:
    found = plan(replace(PI, ntp=Value(Known(configured), Known(effective))), ntp=on)
    assert ids(found) == steps
    for step in found.steps:
        assert isinstance(step, Unit)
        assert (step.enabled, step.active) == (on, on)


def test_a_machine_without_any_time_service_gets_one() -> None:
    bare = replace(PI, ntp=Value(MISSING, Known(False)), ntp_unit="")
    found = plan(bare, ntp=True)
    assert ids(found) == ["ntp.package", "ntp.unit"]
    assert found.steps[1].needs == ("system.ntp.package",)
    assert plan(bare, ntp=False).empty


def test_another_time_service_is_used_where_it_is_there() -> None:
    chrony = replace(PI, ntp=Value(Known(False), Known(False)), ntp_unit="chrony.service")
    (step,) = plan(chrony, ntp=True).steps
    assert isinstance(step, Unit) and step.name == "chrony.service"


def test_a_service_that_cannot_start_here_is_not_promised() -> None:
    container = replace(PI, ntp=Value(Known(True), Known(False)), ntp_hindered="a container has its host's clock")
    found = plan(container, ntp=True)
    assert found.empty and found.blocked[0].why == "a container has its host's clock"


# language -----------------------------------------------------------------------------------------------------------


def test_a_locale_is_added_to_the_list_and_no_other_is_dropped() -> None:
    found = plan(PI, locale="de_DE.UTF-8")
    assert ids(found) == ["locale.list", "locale.build", "locale.default"]
    text = "# a comment\n# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n# zu_ZA.UTF-8 UTF-8\n"
    assert edited(found, "locale.list", text) == text.replace("# de_DE", "de_DE")
    assert edited(found, "locale.default", "#  File generated\nLANG=en_GB.UTF-8\nLC_TIME=en_DK.UTF-8\n") == (
        "#  File generated\nLANG=de_DE.UTF-8\nLC_TIME=en_DK.UTF-8\n"
    )
    (build,) = [s for s in found.steps if isinstance(s, RunCommand)]
    assert build.argv == ("locale-gen", "--keep-existing")


def test_a_locale_that_is_named_but_not_built_gives_steps_again() -> None:
    named = replace(PI, locale=Value(Known("de_DE.UTF-8"), Known("C")))
    assert ids(plan(named, locale="de_DE.UTF-8")) == ["locale.list", "locale.build"]
    assert MODULE.present(named).locale is None


def test_a_locale_that_is_built_in_is_not_built() -> None:
    assert ids(plan(PI, locale="C.UTF-8")) == ["locale.default"]


def test_the_package_comes_first_where_nothing_can_build() -> None:
    bare = replace(PI, locale_gen=False, locales_known={}, locale_file="/etc/locale.conf")
    found = plan(bare, locale="de_DE.UTF-8")
    assert ids(found) == ["locale.package", "locale.list", "locale.build", "locale.default"]
    assert isinstance(found.steps[0], InstallPackages)
    assert found.steps[-1].paths() == ("/etc/locale.conf",)


def test_what_would_hide_the_locale_goes() -> None:
    hidden = replace(PI, locale_overrides={"LC_ALL": "C", "LANGUAGE": "en_GB:en"})
    text = 'LANG=en_GB.UTF-8\nLANGUAGE="en_GB:en"\nLC_ALL=C\n'
    assert edited(plan(hidden, locale="de_DE.UTF-8"), "locale.default", text) == "LANG=de_DE.UTF-8\n"
    fits = replace(PI, locale_overrides={"LANGUAGE": "en_GB:en"})
    assert plan(fits, locale="en_GB.UTF-8").empty


def test_a_locale_the_machine_cannot_build_is_a_mistake() -> None:
    (wrong,) = MODULE.validate(PI, SystemSettings(locale="tlh_KX.UTF-8"))
    assert wrong.place == "system.locale"
    assert not MODULE.validate(replace(PI, locales_known={}), SystemSettings(locale="nl_NL.UTF-8"))


# keyboard -----------------------------------------------------------------------------------------------------------


def test_a_layout_is_written_and_made_the_console_s() -> None:
    found = plan(PI, keyboard={"layout": "de", "variant": "nodeadkeys"})
    assert ids(found) == ["keyboard.file", "keyboard.console"]
    text = 'XKBMODEL="pc105"\nXKBLAYOUT="gb"\nXKBVARIANT=""\nXKBOPTIONS="compose:menu"\n\nBACKSPACE="guess"\n'
    assert edited(found, "keyboard.file", text) == text.replace('"gb"', '"de"').replace('T=""', 'T="nodeadkeys"')


def test_a_new_layout_leaves_the_old_ones_variant_behind() -> None:
    dvorak = replace(PI, keyboard=same(Keys("gb", "dvorak", "pc105")))
    assert 'XKBVARIANT=""' in edited(plan(dvorak, keyboard={"layout": "de"}), "keyboard.file", 'XKBVARIANT="dvorak"\n')
    assert plan(dvorak, keyboard={"layout": "gb"}).empty


def test_a_keymap_older_than_its_file_is_made_anew() -> None:
    assert ids(plan(replace(PI, keymap_saved=False), keyboard={"layout": "gb"})) == ["keyboard.console"]


def test_a_server_without_keyboard_packages_gets_them() -> None:
    bare = replace(PI, keyboard=Value(MISSING, MISSING), setupcon=False, layouts=(), variants={}, models=())
    assert ids(plan(bare, keyboard={"layout": "de"})) == ["keyboard.package", "keyboard.file", "keyboard.console"]


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ({"layout": "xx"}, "system.keyboard.layout"),
        ({"layout": "us", "variant": "nodeadkeys"}, "system.keyboard.variant"),
        ({"layout": "de", "variant": "nodeadkeys,nodeadkeys"}, "system.keyboard.variant"),
        ({"layout": "de", "model": "typewriter"}, "system.keyboard.model"),
    ],
)
def test_a_keyboard_that_does_not_exist_is_a_mistake(wanted: dict[str, str], place: str) -> None:
    (wrong,) = MODULE.validate(PI, SystemSettings.model_validate({"keyboard": wanted}))
    assert wrong.place == place


def test_norway_has_a_keyboard() -> None:
    assert not MODULE.validate(PI, SystemSettings.model_validate({"keyboard": {"layout": "no"}}))
