"""The plan for accounts as a table: state, settings, steps; and who may not be locked out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pi_installer_tui.modules.users.plan import ROLES, plan, step_id, validate
from pi_installer_tui.modules.users.present import present
from pi_installer_tui.modules.users.settings import UsersSettings
from pi_installer_tui.modules.users.state import Key, Person, State, rule_path, rule_text
from pi_installer_tui.system.accounts import LOCKED, Account
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import Account as AccountStep
from pi_installer_tui.tasks.steps import Directory, RemoveFile, SudoersFile, WriteFile

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPYveCnZuwn36KJsgrkuzDKkWVBeZgF4muKyWgV56EEB pi@laptop"
FINGERPRINT = "SHA256:0hs8xshl/kOtVAQDmeXODVbbQHic7UN0MAdM63Xt/rE"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKTGX9DXz3CGuIyZ9dXFcmvzCnyHYtCkB1yzcv+bZnkg x"
RIGHTS = Known(("(ALL : ALL) ALL",))


def person(name: str = "pi", uid: int = 1000, **fields: Any) -> Person:
    hashed = fields.pop("hashed", "set")
    account = Account(name, uid, uid, "", f"/home/{name}", "/bin/bash", password=hashed, max_days=99999)
    names = {*Account.__dataclass_fields__} - {"password"}
    account = replace(account, **{each: fields.pop(each) for each in tuple(fields) if each in names})
    return Person(account, **{"password": Known(account.password), "keys": Known(()), **fields})


def admin(name: str = "pi", uid: int = 1000, **fields: Any) -> Person:
    return person(name, uid, **{"groups": ("sudo",), "sudo": RIGHTS, **fields})


def state(*people: Person, **fields: Any) -> State:
    groups = {"sudo": 27, "adm": 4, "audio": 29, "video": 44, "dialout": 20, "docker": 120}
    groups |= {one.account.name: one.account.gid for one in people}
    found = State(
        people={one.account.name: one for one in people},
        others={"root": 0, "daemon": 1, "nobody": 65534},
        groups=groups,
        shells=("/bin/sh", "/bin/bash"),
        homes={one.account.name: one.account.uid for one in people},
        has_sudo=True,
        today=20_000,
    )
    return replace(found, **fields)


def wanted(**accounts: dict[str, Any]) -> UsersSettings:
    return UsersSettings.model_validate({"accounts": accounts})


def made(found: State, secrets: tuple[str, ...] = (), **accounts: dict[str, Any]) -> Plan:
    settings = wanted(**accounts)
    assert validate(found, settings) == []
    return plan(found, settings, Others(secrets=frozenset(secrets)))


def the_step(found: Plan) -> AccountStep:
    (step,) = found.steps
    assert isinstance(step, AccountStep)
    return step


def test_a_new_account_gets_the_next_number_that_is_free_for_user_and_group() -> None:
    found = state(admin(), groups={"x": 1001, "sudo": 27}, homes={"old": 1003})
    step = the_step(made(found, ada={"comment": "Ada"}))
    assert (step.uid, step.home, step.shell, step.groups) == (1002, "/home/ada", "/bin/bash", None)
    both = made(found, ada={}, bob={})
    assert [s.uid for s in both.steps if isinstance(s, AccountStep)] == [1002, 1004]


def test_an_account_whose_home_was_kept_gets_its_number_again() -> None:
    found = state(admin(), homes={"ada": 1007})
    assert the_step(made(found, ada={})).uid == 1007
    taken = state(admin(), person("bob", 1007), homes={"ada": 1007})
    assert "belongs to number 1007" in made(taken, ada={}).blocked[0].why


def test_a_role_is_a_set_of_groups_that_exist() -> None:
    step = the_step(made(state(admin()), ada={"role": "administrator"}))
    assert step.groups == ("sudo", "adm")
    # another role takes the groups of roles, and leaves others
    pi = admin(groups=("sudo", "netdev", "audio"), rule=MISSING)
    found = state(pi, admin("bob", 1001))
    assert the_step(made(found, pi={"role": "developer"})).groups == ("netdev", "dialout", "video")
    assert the_step(made(found, pi={"role": "user", "groups": ["docker"]})).groups == ("docker", "audio", "video")
    assert set(ROLES) == {"administrator", "developer", "user", "guest"}


def test_a_group_that_makes_root_of_its_members_is_told() -> None:
    notices = made(state(admin()), ada={"groups": ["docker"]}).notices
    assert any("become root" in notice.text for notice in notices)


def test_a_password_is_set_when_one_is_given_or_none_is_there() -> None:
    found = state(admin(), person("ada", 1001), person("bob", 1002, hashed="none"))
    assert made(found, ada={"password": "users.p"}).empty
    given = the_step(made(found, ("users.p",), ada={"password": "users.p"}))
    assert given.password == "users.p" and given.sensitive
    missing = made(found, bob={"password": "users.p"})
    assert the_step(missing).password == "users.p"
    assert any("shows it, once" in notice.text for notice in missing.notices)


def test_locking_and_unlocking_are_planned_until_they_are_whole() -> None:
    locked = person("ada", 1001, expires=LOCKED, hashed="locked")
    half = person("ada", 1001, hashed="locked")
    for one, value, empty in (
        (person("ada", 1001), True, False),
        (person("ada", 1001), False, True),
        (locked, True, True),
        (locked, False, False),
        (half, True, False),
        (half, False, False),
    ):
        assert made(state(admin(), one), ada={"locked": value}).empty is empty


def test_a_key_is_added_once_with_its_folder_and_other_lines_stay() -> None:
    found = state(admin(), person("ada", 1001))
    folder, file = made(found, ada={"keys": [ED25519]}).steps
    assert isinstance(folder, Directory) and (folder.path, folder.mode, folder.owner) == (
        "/home/ada/.ssh",
        0o700,
        "1001",
    )
    assert isinstance(file, WriteFile) and (file.content, file.mode, file.owner) == (f"{ED25519}\n", 0o600, "1001")
    has = person("ada", 1001, keys_text=f"# mine\nno-pty {ED25519}\n", has_ssh=True)
    assert made(state(admin(), has), ada={"keys": [ED25519]}).empty
    (more,) = made(state(admin(), has), ada={"keys": [OTHER], "remove_keys": [FINGERPRINT]}).steps
    assert isinstance(more, WriteFile) and (more.content, more.mode) == (f"# mine\n{OTHER}\n", None)


def test_a_rule_for_sudo_comes_and_goes() -> None:
    (rule,) = made(state(admin(), person("ada", 1001)), ada={"sudo_without_password": True}).steps
    assert isinstance(rule, SudoersFile) and rule.content == "ada ALL=(ALL:ALL) NOPASSWD: ALL\n"
    has = person("ada", 1001, rule=Known(rule_text("ada")))
    assert made(state(admin(), has), ada={"sudo_without_password": True}).empty
    (gone,) = made(state(admin(), has), ada={"sudo_without_password": False}).steps
    assert isinstance(gone, RemoveFile) and gone.path == rule_path("ada")
    # sudoers(5) reads no file with a dot in its name
    assert "." not in rule_path("ada.l").rpartition("/")[2]
    assert len({rule_path("a.l"), rule_path("a_l"), rule_path("a-l")}) == 3


def test_an_account_goes_with_its_rule_and_its_home_as_wanted() -> None:
    ada = person("ada", 1001, rule=Known(rule_text("ada")))
    found = state(admin(), ada, backups=frozenset({"home-ada-1001.tar.gz"}))
    account, rule = made(found, ada={"state": "absent", "home": "archive"}).steps
    assert isinstance(account, AccountStep) and isinstance(rule, RemoveFile)
    assert account.archive == "/var/backups/home-ada-1001-2.tar.gz"
    removed = made(state(admin(), person("ada", 1001)), ada={"state": "absent", "home": "remove"})
    assert the_step(removed).risks == ("irreversible",)
    assert any("for good" in notice.text for notice in removed.notices)
    assert made(found, bob={"state": "absent"}).empty


def test_from_what_is_unknown_nothing_is_planned() -> None:
    hidden = state(admin(), person("ada", 1001, password=Unknown("no permission")))
    found = plan(hidden, wanted(ada={"comment": "x"}), Others())
    assert found.empty and found.blocked[0].why == "no permission"
    nothing = plan(State(people=Unknown("why")), wanted(ada={}), Others())
    assert nothing.empty and nothing.blocked[0].why == "why"


@pytest.mark.parametrize(
    ("name", "account", "word"),
    [
        ("root", {"locked": True}, "system"),
        ("daemon", {}, "system"),
        ("Ada", {}, "small letters"),
        ("audio", {}, "group"),
        ("ada", {"groups": ["nogroup-here"]}, "no group"),
        ("ada", {"shell": "/bin/zsh"}, "shell"),
    ],
)
def test_what_this_machine_refuses_is_said_in_words(name: str, account: dict[str, Any], word: str) -> None:
    (mistake,) = validate(state(admin()), wanted(**{name: account}))
    assert word in mistake.message
    assert mistake.place.startswith(f"users.accounts.{name}")


OUT: list[dict[str, Any]] = [
    {"state": "absent"},
    {"locked": True},
    {"expires": "2001-01-01"},
    {"role": "user"},
    {"groups": []},
    {"shell": "/usr/sbin/nologin"},
]


@pytest.mark.parametrize("account", OUT)
def test_the_last_one_who_may_use_sudo_stays(account: dict[str, Any]) -> None:
    (mistake,) = validate(state(admin(), person("ada", 1001)), wanted(pi=account))
    assert "last one" in mistake.message
    # somebody else may, by key or password; but not one who can't log in
    assert validate(state(admin(), admin("ada", 1001)), wanted(pi=account)) == []
    no_way = admin("ada", 1001, hashed="none")
    assert validate(state(admin(), no_way), wanted(pi=account))
    locked = admin("ada", 1001, expires=LOCKED)
    assert validate(state(admin(), locked), wanted(pi=account))
    # or one who comes with the same setup
    assert validate(state(admin()), wanted(pi=account, ada={"role": "administrator", "keys": [OTHER]})) == []
    assert validate(state(admin()), wanted(pi=account, ada={"role": "administrator"}))


def test_the_last_key_of_the_last_administrator_stays() -> None:
    key = Key(FINGERPRINT, "ED25519", 256, "", "", ED25519)
    only = admin(hashed="none", keys=Known((key,)), keys_text=f"{ED25519}\n", has_ssh=True)
    assert validate(state(only), wanted(pi={"remove_keys": [FINGERPRINT]}))
    assert validate(state(only), wanted(pi={"remove_keys": [FINGERPRINT], "keys": [OTHER]})) == []


@pytest.mark.parametrize("account", OUT[:3])
def test_who_is_at_work_locks_nobody_out_but_others(account: dict[str, Any]) -> None:
    found = state(admin(), admin("ada", 1001), starter="pi")
    (mistake,) = validate(found, wanted(pi=account))
    assert "you are at work as pi" in mistake.message
    assert validate(found, wanted(ada=account)) == []


def test_names_that_differ_in_case_only_have_steps_of_their_own() -> None:
    assert len({step_id(name) for name in ("ada", "Ada", "aDa", "ADA", "ada.l")}) == 5


@pytest.mark.parametrize(
    "one",
    [
        person(),
        admin(comment="a=b:c"),
        admin(expires=LOCKED),
        admin(expires=30_000, hashed="locked"),
        admin(password=Unknown("no permission"), sudo=Unknown("no"), keys=Unknown("no")),
        admin("Odd.Name", 1005, home="/srv/odd"),
        admin(max_days=-1),
    ],
)
def test_what_is_presented_plans_nothing(one: Person) -> None:
    found = state(one)
    settings = present(found)
    assert validate(found, settings) == [] and plan(found, settings, Others()) == Plan(
        modules=("users",), settings={"users": settings.model_dump(mode="json", exclude_none=True)}
    )
