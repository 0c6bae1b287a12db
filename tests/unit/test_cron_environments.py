"""The environment that cron gives a job, and how it differs from a login's: no secret is shown."""

from __future__ import annotations

from pathlib import Path

from pi_installer_tui.modules.cron.environments import difference
from pi_installer_tui.system.accounts import Account
from pi_installer_tui.system.cron.environment import handed, of_cron, pam_env, start
from pi_installer_tui.system.cron.table import Table

from .test_file_steps import Machine

PI = Account("pi", 1000, 1000, "", "/home/pi", "/bin/bash")


def test_differences_come_by_name_with_the_path_first_and_hide_secrets() -> None:
    cron = {"PATH": "/usr/bin:/bin", "LANG": "C", "DB_PASSWORD": "hunter2", "HOME": "/home/pi", "_": "a"}
    login = {"PATH": "/usr/local/bin:/usr/bin", "LANG": "C", "API_TOKEN": "t0p", "HOME": "/home/pi", "_": "b",
             "FEED": "https://me:pw@example.org/x"}  # fmt: skip
    found = difference(cron, login)
    assert found[:3] == ("PATH", "  cron:  /usr/bin:/bin", "  shell: /usr/local/bin:/usr/bin")
    assert found[3::3] == ("API_TOKEN", "DB_PASSWORD", "FEED") and found[4] == "  cron:  not set"
    assert not [word for word in ("hunter2", "t0p", "me:pw") if word in repr(found)]


def test_pam_reads_its_files_as_it_does() -> None:
    text = "# x\nexport A=1\nB=\"b c\" # d\nC='e'\n D = f\nE-=g\nF=\nnothing\nG=h#i\n"
    assert dict(pam_env(text)) == {"A": "1", "B": "b c", "C": "e", "F": "", "G": "h"}


async def test_the_crontab_wins_over_the_machine_and_no_value_is_an_argument(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write("/etc/environment", "PATH=/nowhere\nLANG=de\nA=machine\n")
    machine.write("/etc/default/locale", "LANG=en\n")
    entry = Table(b"A=own\nSHELL=/bin/bash\n* * * * * true\n").entries[0]
    env = await of_cron(machine.host, entry, PI)
    assert env == {
        "PATH": "/usr/bin:/bin", "LANG": "en", "A": "own", "SHELL": "/bin/bash", "HOME": "/home/pi", "LOGNAME": "pi",
    }  # fmt: skip
    began = start(PI, env, ("bash", "-c", "true"), "/home/pi")
    assert began.argv[-4:] == ("/home/pi", "./bash", "-c", "true"), "cron looks into no PATH for its shell"
    assert "own" not in " ".join(began.argv) and handed(began.env) == began.variables == env
    assert not began.env.keys() & env.keys(), "setpriv, which is root's, has none of them"
