"""What may be wanted of accounts: nothing gets into a file or a command as more than one value, and nothing means
anything to a shell."""

from __future__ import annotations

import base64
import json
import random
import shlex
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import planning
from pi_installer_tui.modules.users import keys as key_lines
from pi_installer_tui.modules.users.plan import plan, validate
from pi_installer_tui.modules.users.settings import NEW_NAME, UsersSettings
from pi_installer_tui.modules.users.state import State, read
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system import accounts
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.plan import Others
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import Account, WriteFile
from pi_installer_tui.tasks.store import Store

from .jobs import Run

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPYveCnZuwn36KJsgrkuzDKkWVBeZgF4muKyWgV56EEB"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKTGX9DXz3CGuIyZ9dXFcmvzCnyHYtCkB1yzcv+bZnkg"


def settings(**account: Any) -> UsersSettings:
    return UsersSettings.model_validate({"accounts": {"ada": account}})


def mistakes(account: dict[str, Any], name: str = "ada") -> dict[str, str]:
    try:
        planning.parse(json.dumps({"version": 1, "users": {"accounts": {name: account}}}))
    except SetupError as error:
        return {mistake.place: mistake.message for mistake in error.mistakes}
    return {}


@pytest.mark.parametrize(
    "name",
    ["x; id", "--help", "-x", "a" * 33, "ädä", "", " ", "a b", "$(id)", "`id`", "a:b", "a,b", "../x", "a\n", "1a"],
)
def test_such_a_name_is_refused_in_words(name: str) -> None:
    (message,) = mistakes({}, name).values()
    assert message


@pytest.mark.parametrize("name", ["ada", "_apt2", "a" * 32, "ada-l", "ada_l", "Ada.Lovelace"])
def test_a_name_that_an_account_may_have_is_taken(name: str) -> None:
    assert mistakes({}, name) == {}


@pytest.mark.parametrize(
    "comment", ["a:b", "a\nroot::0:0::/:/bin/sh", "a\0", "a\x1b[31m", "\u202egnp", " x", "a=b", "x" * 101]
)
def test_such_a_comment_is_refused(comment: str) -> None:
    assert set(mistakes({"comment": comment})) == {"users.accounts.ada.comment"}


@pytest.mark.parametrize(
    "key",
    [
        "hello",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),  # another type than in the key itself
        f"{ED25519}\n{OTHER}",
        f"{ED25519} a\x1b[2J",
        f'command="x {ED25519}',  # quotes that never end
        "ssh-dss " + base64.b64encode(b"\0\0\0\x07ssh-dss" + b"x" * 400).decode(),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        ED25519[:-4] + "!!!!",
    ],
)  # fmt: skip
def test_such_a_key_is_refused(key: str) -> None:
    (place,) = mistakes({"keys": [key]})
    assert place.startswith("users.accounts.ada.keys")


@pytest.mark.parametrize(
    "before",
    ["", 'from="10.0.0.0/8",no-pty ', 'command="echo \\"a b\\" # ssh-rsa x" ', 'restrict,environment="A=b c" '],
)
def test_the_options_of_a_key_are_taken_as_they_are(before: str) -> None:
    line = key_lines.line(f"{before}{ED25519} ada@laptop, the new one")
    assert line is not None
    assert (line.options, line.comment) == (before.strip(), "ada@laptop, the new one")
    assert line.fingerprint == "SHA256:0hs8xshl/kOtVAQDmeXODVbbQHic7UN0MAdM63Xt/rE"
    (kept,) = (settings(keys=[f"{before}{ED25519} x"]).accounts or {})["ada"].keys or ()
    assert kept == f"{before}{ED25519} x"


def test_what_contradicts_itself_is_refused() -> None:
    fingerprint = "SHA256:0hs8xshl/kOtVAQDmeXODVbbQHic7UN0MAdM63Xt/rE"
    for account in (
        {"state": "absent", "comment": "x"},
        {"home": "remove"},
        {"locked": True, "expires": "2030-01-01"},
        {"keys": [ED25519], "remove_keys": [fingerprint]},
        {"keys": [ED25519, f"{ED25519} again"]},
        {"groups": ["audio", "audio"]},
        {"expires": "1970-01-01"},
        {"expires": "20300101"},
        {"expires": "tomorrow"},
        {"password": "../x"},
        {"shell": "bash"},
        {"shell": "/bin/../x"},
        {"locked": "yes"},
        {"password_days": 0},
    ):
        assert mistakes(account), account


# keys in a file ---------------------------------------------------------------------------------------------------


def test_every_other_line_of_authorized_keys_stays_to_the_byte() -> None:
    text = f"# mine\r\n\n  {OTHER} old \ngarbage\n\tno-pty {ED25519} gone\nlast without end"
    fingerprint = key_lines.lines(f"{ED25519}\n")[0].fingerprint
    new = key_lines.changed(text, [f"{OTHER} again"], [fingerprint])
    assert new == f"# mine\r\n\n  {OTHER} old \ngarbage\nlast without end"
    assert key_lines.changed("x", [f"{ED25519} a"], []) == f"x\n{ED25519} a\n"
    assert key_lines.changed("", [], []) == ""


# a fuzz -----------------------------------------------------------------------------------------------------------

CASES = 2000
_EVIL = [
    *";&|$`()<>\\'\"*?[]#~=%!{}:,/-\n\0\t \u202eé🙂\ud7ff",
    *("$(id)", "`id`", "--", "..", "\x1b[2J", "x; id", "|| id", "/etc/passwd", "root", "%n", "{name}"),
]


def words(source: random.Random, longest: int) -> str:
    """Plain text, with what means something to a shell, a file or a terminal strewn in."""
    plain = string.ascii_lowercase * 3 + string.ascii_uppercase + string.digits + "_-. "
    parts = [
        source.choice(_EVIL) if source.random() < 0.12 else source.choice(plain)
        for _ in range(source.randint(0, longest))
    ]
    return "".join(parts)


def key(source: random.Random) -> str:
    kind = source.choice([*key_lines.TYPES, "ssh-dss", "ssh-foo", ""])
    blob = len(kind).to_bytes(4, "big") + kind.encode() + b"\0\0\0\x20" + source.randbytes(32)
    data = base64.b64encode(blob).decode()
    if source.random() < 0.2:
        at = source.randrange(len(data))
        data = data[:at] + source.choice(_EVIL) + data[at:]
    options = source.choice(["", "", "no-pty ", f'command="{words(source, 8)}" ', f"{words(source, 5)} "])
    return f"{options}{kind} {data} {words(source, 10)}"


def case(number: int) -> tuple[str, dict[str, Any]]:
    source = random.Random(f"users {number}")
    name = source.choice(["", "a", "ada"]) + words(source, source.choice([3, 12, 40]))
    if source.random() < 0.5:
        name = "".join(c for c in name if c in string.ascii_lowercase + string.digits + "_-") or "ada"
    account: dict[str, Any] = {}
    if source.random() < 0.7:
        account["comment"] = words(source, 30) if source.random() < 0.5 else f"Name {number}"
    if source.random() < 0.6:
        account["keys"] = [key(source) for _ in range(source.randint(1, 2))]
    if source.random() < 0.2:
        account["shell"] = source.choice(["/bin/bash", "/bin/sh", words(source, 12), f"/bin/{words(source, 4)}"])
    if source.random() < 0.2:
        account["groups"] = [source.choice(["audio", "video", words(source, 6)])]
    if source.random() < 0.3:
        account["password"] = source.choice(["users.p", words(source, 6)])
    return name, account


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHost]:
    patch = pytest.MonkeyPatch()
    patch.setenv(PACE, "0")
    yield DemoHost.create(str(tmp_path_factory.mktemp("fuzz") / "demo"))
    patch.undo()


STATES: dict[str, State] = {}


@pytest.mark.long
@pytest.mark.parametrize("number", range(CASES))
async def test_any_text_gives_a_valid_account_or_a_clear_error(number: int, machine: DemoHost, tmp_path: Path) -> None:
    name, account = case(number)
    setup = json.dumps({"version": 1, "users": {"accounts": {name: account}}})
    try:
        parsed = planning.parse(setup)
    except SetupError as error:
        for mistake in error.mistakes:
            assert mistake.message
            assert mistake.message.isprintable(), mistake
        return
    wanted = parsed.settings["users"]
    assert isinstance(wanted, UsersSettings)
    if "state" not in STATES:
        STATES["state"] = await read(machine)
    state = STATES["state"]
    if found := validate(state, wanted):
        assert all(mistake.message.isprintable() for mistake in found)
        return
    made = plan(state, wanted, Others())
    assert not made.blocked
    for step in made.steps:
        if isinstance(step, Account):
            assert NEW_NAME.fullmatch(step.name) or step.name in machine_names(state)
            commands = step._commands(None if step.uid else (await step._now(machine)))
            for argv in commands:
                # what is shown is one word a value for a shell too, and no value is an option
                assert shlex.split(shlex.join(argv)) == list(argv)
                assert argv[-1] == step.name and not argv[-1].startswith("-")
                assert not any("\n" in part or "\0" in part for part in argv)
        if isinstance(step, WriteFile):
            assert step.content.count("\n") == len(account["keys"])
            assert step.path == f"/home/{name}/.ssh/authorized_keys"
    if name in machine_names(state) or number % 20:
        return
    # every twentieth of them is made and taken back
    before = {path: machine.machine.text(path) for path in accounts.FILES}
    store = Store(tmp_path / "state")
    run = Run(store, (await review(made, machine)).plan, machine)
    assert (await run.run()).outcome == "done", list(store.events(run.id))
    line = accounts.own(machine.machine.text(accounts.PASSWD) or "", name)[0][0].split(":")
    assert line[0] == name and line[4] == account.get("comment", "") and line[5] == f"/home/{name}" and len(line) == 7
    from pi_installer_tui.tasks.undo import plan_undo

    back = Run(store, (await review(await plan_undo(store, run.id, machine), machine)).plan, machine)
    assert (await back.run()).outcome == "done"
    assert {path: machine.machine.text(path) for path in accounts.FILES} == before


def machine_names(state: State) -> set[str]:
    return set(state.others) | set(state.people) if isinstance(state.people, dict) else set(state.others)


def test_the_fuzz_has_both_kinds() -> None:
    """Enough of the cases are valid, and enough aren't: else it would prove nothing."""
    valid = 0
    for number in range(CASES):
        name, account = case(number)
        valid += not mistakes(account, name)
    assert 200 < valid < CASES - 200
