"""Random fields and commands, hostile ones among them, through what an action goes through: none becomes a second line,
a setting, or another command than was asked for."""

from __future__ import annotations

import random

import pytest

from pi_installer_tui import planning
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.cron.lines import Entry
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.cron.wrapped import unwrap
from pi_installer_tui.system.timers.unit import read_units
from pi_installer_tui.tasks.steps import Crontab as Step
from pi_installer_tui.tasks.steps import WriteFile
from pi_installer_tui.tasks.steps.crontab import HEADER

from .test_cron_actions import ETC, MODULE, OWN, TABS, state

PIECES = [
    *(
        "*",
        "*/5",
        "0",
        "59",
        "60",
        "1-5",
        "5-1",
        "mon",
        "SUN",
        "feb",
        "@daily",
        "@reboot",
        "@hourly",
        "~",
        "?",
        "L",
        ",",
    ),
    *(
        " ",
        " ",
        " ",
        " ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\x0b",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\u2028",
        "\u202e",
        "\ufeff",
    ),
    *("%", "\\%", "\\", "\\\\", "'", '"', "`", "$(id)", "${IFS}", ";", "|", "&", ">", "#", "#off# ", "# Name = x", "="),
    *("PATH=/tmp", "MAILTO=a@b", "SHELL=/bin/false", "* * * * * root evil", "root", "true", "/bin/sh -c", "é", "𝄞"),
    *("ExecStart=/bin/false", "[Service]", "--", "-n", "%h", "%%", "x" * 500, "\ud800"),
]
SCHEDULES = ["@daily", "*/5 * * * *", "0 3 1-7 * mon", "5,10 0-23/2 * jan-mar *", "@reboot"]


def made_up(chance: random.Random, most: int) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, most)))


def told(chance: random.Random) -> dict[str, object]:
    """What an action is told: half of it is right, so that the other half gets far."""
    where = chance.choice(
        [{"user": "pi"}, {"user": "root"}, {"file": ETC}, {"file": OWN}, {"user": made_up(chance, 3)}]
    )
    found: dict[str, object] = {
        **where,
        "schedule": chance.choice(SCHEDULES) if chance.random() < 0.7 else made_up(chance, 9),
        "command": made_up(chance, 6),
        "raw": chance.random() < 0.4,
        "enabled": chance.random() < 0.8,
    }
    if chance.random() < 0.5:
        found["name"] = chance.choice(["fine", made_up(chance, 2)])
    if chance.random() < 0.4:
        found |= {"record": True, "lock": chance.random() < 0.5, "timeout": chance.choice([0, 60, -1, 10**9])}
    if chance.random() < 0.2:
        found["as_user"] = chance.choice(["pi", "root", made_up(chance, 2)])
    return found


def check_create(said: dict[str, object]) -> bool:
    """Whether it was taken; what it becomes is one line of that schedule and that command."""
    try:
        arguments = planning.arguments("cron", "create", said)
    except SetupError:
        return False
    now = state()
    if MODULE.validate_action(now, "create", arguments):
        return False
    made = MODULE.plan_action(now, "create", arguments)
    (step,) = (each for each in made.steps if isinstance(each, Step))
    step = Step.model_validate_json(step.model_dump_json())
    before = TABS.get(step.path, b"")
    after = bytes(step.table(before))
    kept = before if not before or before.endswith(b"\n") else before + b"\n"
    assert after.removeprefix(HEADER if not before else b"").startswith(kept)
    old, new = Table(before, system=not step.user), Table(after, system=not step.user)
    assert len(new.entries) == len(old.entries) + 1 and len(new.settings) == len(old.settings)
    assert len(new.broken) <= len(old.broken) and not new.unfinished
    entry = new.entries[-1]
    assert isinstance(entry, Entry) and entry.line == len(new.lines)
    assert entry.enabled is bool(said["enabled"]) and entry.schedule.text.split() == str(said["schedule"]).split()
    assert (entry.user is None) is bool(step.user)
    wrapped = unwrap(entry.shell) if said.get("record") else None
    shell = entry.shell if wrapped is None else wrapped.command
    if not said["raw"]:
        assert (shell, entry.stdin) == (str(said["command"]).lstrip(" \t"), None) or wrapped is not None
        assert wrapped is None or shell == said["command"]
    elif wrapped is None:
        assert entry.command == str(said["command"]).lstrip(" \t")
    return True


def check_timer(chance: random.Random) -> bool:
    words = [f"/usr/bin/{made_up(chance, 2)}", *(made_up(chance, 3) for _ in range(chance.randint(0, 3)))]
    command = made_up(chance, 5)
    shell = chance.random() < 0.5
    said: dict[str, object] = {
        "name": chance.choice(["own", made_up(chance, 2)]),
        "calendars": [chance.choice(["daily", "Mon,Tue 10:00", made_up(chance, 3)])],
        "description": chance.choice(["", made_up(chance, 2)]),
        "environment": [f"A={made_up(chance, 2)}"],
        **({"command": command} if shell else {"words": words}),
    }
    try:
        arguments = planning.arguments("cron", "timer", said)
    except SetupError:
        return False
    if MODULE.validate_action(state(), "timer", arguments):
        return False
    made = MODULE.plan_action(state(), "timer", arguments)
    files = {step.path.rpartition(".")[2]: step.content for step in made.steps if isinstance(step, WriteFile)}
    job = read_units(str(said["name"]), files["service"], files["timer"])
    assert job.command == (("/bin/sh", "-c", command) if shell else tuple(words))
    assert job.timing.calendars == tuple(said["calendars"])  # type: ignore[arg-type]
    return True


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_hostile_jobs_and_timers(seed: int) -> None:
    chance = random.Random(f"hostile {seed}")
    taken = sum(check_create(told(chance)) for _ in range(100))
    assert 5 <= taken <= 95, "both ways have to be gone"
    assert any(check_timer(chance) for _ in range(100))
