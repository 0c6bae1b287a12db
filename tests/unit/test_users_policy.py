"""The rules for passwords: what is, the way to what is wanted, and passwords that are held to them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import planning
from pi_installer_tui.modules.users import policy
from pi_installer_tui.modules.users.probe import short_of
from pi_installer_tui.modules.users.settings import Policy
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.formats import edit, get
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import Known, Source, Unknown
from pi_installer_tui.tasks.secrets import Secrets
from pi_installer_tui.tasks.steps import EditFile, InstallPackages, WriteFile

from .test_account_steps import Jobs

PAM = "password\trequisite\t\t\tpam_pwquality.so retry=3\npassword\t[success=1]\tpam_unix.so use_authtok\n"
DEFS = "# PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t99999\nPASS_MIN_DAYS\t0  \nUMASK\t\t022\nPASS_WARN_AGE 7"


async def rules(tmp_path: Path, **files: str) -> policy.Rules:
    """The rules of a machine with these files: pam, defs, conf, or the name of one in the folder."""
    places = {"pam": policy.PAM, "defs": policy.LOGIN_DEFS, "conf": policy.CONF, "profile": policy.PROFILE}
    for name, text in files.items():
        path = tmp_path / places.get(name, f"{policy.FOLDER}/{name}.conf").lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return await policy.read(LocalHost(str(tmp_path)))


def quality(found: policy.Rules, **wanted: Any) -> Any:
    return policy.quality(found, Policy(**wanted))


async def test_without_pam_pwquality_nothing_is_asked(tmp_path: Path) -> None:
    found = await rules(tmp_path, pam="# pam_pwquality.so\npassword\trequired\tpam_unix.so\n")
    assert found.asked == Known(False, Source(policy.PAM)) and found.least() == 0
    part = quality(found, min_length=12)
    assert [type(step) for step in part.steps] == [WriteFile, InstallPackages]
    assert part.steps[1].packages == policy.PACKAGES
    assert "minlen = 12\n" in part.steps[0].content
    assert part.notices


async def test_the_last_file_that_sets_a_rule_counts_and_is_named(tmp_path: Path) -> None:
    found = await rules(tmp_path, pam=PAM, a="minlen = 9\ndictcheck=0 # none\n", b="  minlen=11\n", profile="")
    assert found.quality["minlen"] == Known(11, Source(f"{policy.FOLDER}/b.conf", 1))
    assert found.quality["dictcheck"] == Known(0, Source(f"{policy.FOLDER}/a.conf", 2))
    assert found.least() == 11
    assert quality(found, min_length=11, dictionary=False).settled
    (step,) = quality(found, min_length=14).steps
    assert step.path == policy.OWN and step.content.endswith("\nminlen = 14\n")


async def test_what_is_read_after_our_file_is_named_and_nothing_is_planned(tmp_path: Path) -> None:
    found = await rules(tmp_path, pam=PAM, conf="# minlen = 8\nminlen = 6\n", profile="")
    (blocked,) = quality(found, min_length=12).blocked
    assert f"{policy.CONF}:2" in blocked.why
    assert quality(found, min_length=6).settled


async def test_our_file_keeps_what_is_not_asked_for(tmp_path: Path) -> None:
    own = Path(policy.OWN).stem
    found = await rules(tmp_path, pam=PAM, **{own: "minlen = 12\nminclass = 3\n"}, profile="")
    (step,) = quality(found, min_length=15).steps
    assert step.content.splitlines()[1:] == ["minclass = 3", "minlen = 15"]


async def test_a_module_that_somebody_told_pam_not_to_ask_stays_so(tmp_path: Path) -> None:
    found = await rules(tmp_path, pam="password required pam_unix.so\n", profile="Name: x\n")
    assert "pam-auth-update --enable pwquality" in quality(found, min_length=12).blocked[0].why


async def test_days_are_written_where_login_defs_has_them_and_every_other_byte_stays(tmp_path: Path) -> None:
    found = await rules(tmp_path, pam=PAM, defs=DEFS)
    assert found.ages["PASS_MAX_DAYS"] == Known(99999, Source(policy.LOGIN_DEFS, 2))
    part = policy.ages(found, Policy(max_days=90, min_days=0, warn_days=14))
    (step,) = part.steps
    assert isinstance(step, EditFile)
    text = DEFS
    for each in step.edits:
        text = edit("logindefs", text, each.key, each.value)
    assert text == DEFS.replace("99999", "90").replace("AGE 7", "AGE 14")
    assert len(part.checks) == 2


async def test_a_file_that_can_not_be_read_makes_rules_unknown() -> None:
    found = policy.Rules(asked=Unknown("no permission"), ages={"PASS_MAX_DAYS": Unknown("no permission")})
    assert quality(found, min_length=12).blocked and policy.ages(found, Policy(max_days=1)).blocked
    assert policy.present(found) == {}


def test_debians_own_login_defs_is_read_and_edited() -> None:
    folder = Path(policy.__file__).parents[2] / "system/demo/debian.txt.gz"
    text = gzip.decompress(folder.read_bytes()).decode("utf-8", "replace").partition("%% /etc/login.defs 644\n")[2]
    text = text.partition("\n%% ")[0]
    entry = get("logindefs", text, ("PASS_MAX_DAYS",))
    assert entry is not None and entry.value == "99999"
    assert edit("logindefs", text, ("PASS_MAX_DAYS",), 99999) == text
    changed = edit("logindefs", text, ("PASS_MAX_DAYS",), 90)
    assert edit("logindefs", changed, ("PASS_MAX_DAYS",), 99999) == text


@pytest.mark.parametrize(
    ("value", "wanted", "good"),
    [
        ("Zx8-kpQv2mWs", {"min_length": 12}, True),
        ("Zx8-kpQv2mW", {"min_length": 12}, False),
        ("abcdefgh1", {"classes": 2}, True),
        ("abcdefgh1", {"classes": 3}, False),
        ("äbC1", {"classes": 3}, True),
    ],
)
def test_a_password_is_held_to_rules_that_the_same_run_brings(value: str, wanted: dict[str, Any], good: bool) -> None:
    assert (short_of(Policy(**wanted), value) == "") is good


@pytest.mark.parametrize("length", [20, 23, 64, 200])
def test_a_password_that_is_made_is_long_enough_and_of_every_kind(length: int, tmp_path: Path) -> None:
    made = Secrets(tmp_path).make("x", length)
    assert len(made) >= length
    assert short_of(Policy(min_length=min(64, length), classes=4), made) == ""


async def test_a_weak_password_is_refused_before_anything_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PACE, "0")
    host = DemoHost.create(str(tmp_path / "demo"))
    setup = planning.parse("version: 1\nusers: {policy: {min_length: 14}, accounts: {ada: {password: users.p}}}")
    planned = await planning.plan(host, setup, secrets={"users.p": "hunter2hunter"})
    (mistake,) = planned.mistakes
    assert mistake.place == "users.accounts.ada.password" and "14" in mistake.message
    assert "hunter2" not in repr(planned)
    good = await planning.plan(host, setup, secrets={"users.p": "Zx8-kpQv2mWs7Ft"})
    assert good.mistakes == ()
    made = next(step for step in good.plan.flat if step.kind == "account")
    assert made.held and made.length == 20


async def test_rules_are_brought_proven_and_taken_back_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PACE, "0")
    jobs = Jobs(tmp_path)
    before = jobs.whole()
    setup = planning.parse(
        "version: 1\nusers: {policy: {min_length: 14, classes: 3, max_days: 90}, accounts: {pi: {password: users.p}}}"
    )
    planned = await planning.plan(jobs.host, setup, secrets={"users.p": ""})
    assert planned.mistakes == () and not planned.plan.blocked
    job = await jobs.run(planned.plan)
    found = await policy.read(jobs.host)
    assert (found.asked.value, found.least()) == (True, 14)  # type: ignore[union-attr]
    again = planning.parse("version: 1\nusers: {policy: {min_length: 14, classes: 3, max_days: 90}}")
    assert not (await planning.plan(jobs.host, again)).plan.flat
    weak = await planning.plan(jobs.host, setup, secrets={"users.p": "Password-2030-"})
    assert "dictionary word" in weak.mistakes[0].message
    await jobs.undo(job)
    assert jobs.whole() == before
