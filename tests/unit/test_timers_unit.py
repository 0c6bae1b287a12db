"""Unit files of a timer and its service: whatever the arguments are, each stays one; read back they are the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.quoting import split
from pi_installer_tui.system.timers.unit import (
    CannotWrite,
    Job,
    command_line,
    read_command,
    read_file,
    read_units,
    span,
    timing,
    units,
)

NIGHTLY = Timing(("*-*-* 03:00:00",), persistent=True, random_delay=600.0)
hostile = st.text(alphabet="ab \"'\\$%{};#\n\r\t=-@:+!|~x0\x07\x7fé☃") | st.text(
    alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])
)
values = st.text(alphabet="ab \"'\\$%{};#\n\t=é☃")


@given(
    st.lists(hostile, max_size=5),
    st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), values, max_size=3),
)
@settings(max_examples=100)
def test_what_is_written_is_read_back_and_stays_one_line_each(words: list[str], environment: dict[str, str]) -> None:
    job = Job("nightly", ("/usr/bin/some thing", *words), NIGHTLY, "100 % of it", "pi", environment)
    service, timer = units(job).values()
    names = [line.partition("=")[0] for line in re.split(r"[\r\n]", service)]
    wanted = ["Type", "User", *["Environment"] * len(environment), "ExecStart", ""]
    assert names == ["[Unit]", "Description", "", "[Service]", *wanted], "nothing of it became a setting"
    assert read_units("nightly", service, timer) == job


def test_the_files_are_as_a_person_would_write_them() -> None:
    job = Job("tidy", ("/usr/bin/find", "/tmp", "-mtime", "+7", "-name", "*.log"), NIGHTLY, "Tidy up")
    assert units(job) == {
        "tidy.service": "[Unit]\nDescription=Tidy up\n\n[Service]\nType=oneshot\n"
        'ExecStart=/usr/bin/find /tmp -mtime +7 -name "*.log"\n',
        "tidy.timer": "[Unit]\nDescription=Tidy up\n\n[Timer]\nOnCalendar=*-*-* 03:00:00\nPersistent=true\n"
        "RandomizedDelaySec=600\n\n[Install]\nWantedBy=timers.target\n",
    }


@pytest.mark.parametrize(
    "job",
    [
        Job("../evil", ("/bin/true",), NIGHTLY),
        Job("a b", ("/bin/true",), NIGHTLY),
        Job("a", (), NIGHTLY),
        Job("a", ("true",), NIGHTLY),
        Job("a", ("/opt/it's",), NIGHTLY),
        Job("a", ("/opt/a\nExecStart=/bin/false",), NIGHTLY),
        Job("a", ("/bin/true", "zero\0byte"), NIGHTLY),
        Job("a", ("/bin/true", "not \udcff text"), NIGHTLY),
        Job("a", ("/bin/true",), NIGHTLY, description="two\nlines"),
        Job("a", ("/bin/true",), NIGHTLY, description="goes on \\"),
        Job("a", ("/bin/true",), NIGHTLY, user="pi\nUser=root"),
        Job("a", ("/bin/true",), NIGHTLY, environment={"A=B": "c"}),
        Job("a", ("/bin/true",), NIGHTLY, environment={"A": "bell\x07"}),
        Job("a", ("/bin/true",), Timing(("daily\nUnit=other.service",))),
        Job("a", ("/bin/true",), Timing(("%H",))),
        Job("a", ("/bin/true",), Timing(on_boot=-1.0)),
        Job("a", ("/bin/true",), Timing()),
        Job("a", ("/bin/true",), Timing(("daily",), others=("OnUnitActiveSec",))),
    ],
)
def test_what_systemd_cannot_have_is_refused(job: Job) -> None:
    with pytest.raises(CannotWrite):
        units(job)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/bin/echo  one 'two three' \"four\"", ("/bin/echo", "one", "two three", "four")),
        ("/bin/echo $$HOME 100%% a$b", ("/bin/echo", "$HOME", "100%", "a$b")),
        (":/bin/echo $HOME $$", ("/bin/echo", "$HOME", "$$")),
        (r"/bin/echo \x41\102\u00e9 \; '\s'", ("/bin/echo", "ABé", ";", " ")),
        ("/bin/echo \"\" ';'", ("/bin/echo", "", ";")),
    ],
)
def test_a_command_is_read_as_systemd_reads_it(line: str, command: tuple[str, ...]) -> None:
    assert read_command(line) == command


@pytest.mark.parametrize(
    "line",
    ["/bin/echo $HOME", "/bin/echo ${A}b", "/bin/a ; /bin/b", "-/bin/a", "!!/bin/a", "/bin/echo %n", "/bin/a 'b", ""],
)
def test_what_is_more_than_one_plain_command_is_not_read_as_one(line: str) -> None:
    with pytest.raises(ValueError, match=r"it has|prefix|variables|closed|no command|specifiers"):
        read_command(line)


@pytest.mark.parametrize(
    ("service", "timer"),
    [
        ("Nice=19\n", ""),
        ("ExecStart=/bin/false\n", ""),
        ("Type=simple\n", ""),
        ("", "AccuracySec=1us\n"),
        ("", "OnUnitActiveSec=1h\n"),
        ("", "Unit=other.service\n"),
        ("", "[X-Mine]\nKey=value\n"),
    ],
)
def test_files_with_more_than_a_job_are_not_read_as_one(service: str, timer: str) -> None:
    job = Job("a", ("/bin/true",), Timing(("daily",)))
    files = ("[Service]\nType=oneshot\nExecStart=/bin/true\n", "[Timer]\nOnCalendar=daily\n")
    assert read_units("a", *files) == read_units("a", *units(job).values()) == job
    with pytest.raises(ValueError, match=r"more settings|something else"):
        read_units("a", files[0] + service, files[1] + timer)


def test_dollars_switch_variables_off() -> None:
    assert command_line(("/bin/echo", "$HOME")) == ':/bin/echo "$HOME"'
    assert command_line(("/opt/a b$", "x")) == '":/opt/a b$" x'


def test_a_file_is_read_as_systemd_reads_it() -> None:
    text = (
        "# a comment\n[Timer]\nOnCalendar=hourly\nOnCalendar=\nOnCalendar = daily\n; another\nOnBootSec=1h 30min\n"
        "[Service]\nExecStart=/bin/echo one \\\n# between\n  two\nExecStart=/bin/x \\\\\nUser=a\r\nUser=b\n"
    )
    file = read_file(text)
    assert file.get("Timer", "OnCalendar") == ("daily",) and file.one("Service", "User") == "b"
    assert [split(line) for line in file.get("Service", "ExecStart")] == [("/bin/echo", "one", "two"), ("/bin/x", "\\")]
    assert timing(file) == Timing(("daily",), on_boot=5400.0)
    assert file.one("Install", "WantedBy") == "" and file.get("Timer", "Unit") == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1h 30min", 5400), ("1h30m", 5400), ("2 weeks", 1209600), ("1month 2d", 2802600), ("500ms", 0.5)],
)
def test_time_spans(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1 fortnight", "h"])
def test_what_is_no_time_span(text: str) -> None:
    with pytest.raises(ValueError, match="no time span"):
        span(text)
