"""journalctl's answers, as entries: every form that a field can have, what it says beside them, its tables of boots."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.screens.monitoring.logs_choices import NoRange, parse_range, range_name
from pi_installer_tui.screens.monitoring.logs_view import shown
from pi_installer_tui.system.entries import Entry, LogError, Wanted, pattern, visible
from pi_installer_tui.system.explained import KNOWN, explain
from pi_installer_tui.system.host import CommandNotFound
from pi_installer_tui.system.journal import Journal, boots, parse
from tests.unit.test_journal_window import Said

CURSOR = "s=1;i=2;b=3;m=4;t=5;x=6"


def line(**fields: Any) -> str:
    return json.dumps({"__CURSOR": CURSOR, "__REALTIME_TIMESTAMP": "1764255600123456", **fields})


def entry(**fields: Any) -> Entry:
    found = parse(line(**fields))
    assert found is not None
    return found


def test_an_entry_has_its_time_priority_program_and_unit() -> None:
    found = entry(MESSAGE="hello", PRIORITY="3", SYSLOG_IDENTIFIER="sshd", _PID="702", _SYSTEMD_UNIT="ssh.service")
    assert found == Entry(CURSOR, 1764255600.123456, "hello", 3, "sshd", "ssh.service", 702)


@pytest.mark.parametrize(
    ("message", "text", "note"),
    [
        ("plain", "plain", ""),
        (list(b"\x1b[31mred\x1b[0m"), "\x1b[31mred\x1b[0m", ""),
        (list(b"\xff\xfe\x00"), "��\x00", "binary"),
        (list(b"a\0b"), "a\0b", "binary"),
        (None, "", "left-out"),
        (["one", list(b"two\x07"), None], "one\ntwo\x07\n", "left-out"),
        ([], "", ""),
    ],
)
def test_every_form_of_a_message_is_read(message: Any, text: str, note: str) -> None:
    found = entry(MESSAGE=message)
    assert (found.message, found.note) == (text, note)


def test_an_entry_without_a_message_is_one() -> None:
    found = entry(_COMM="systemd-coredum")
    assert (found.note, found.who, found.priority) == ("no-message", "systemd-coredum", None)
    assert "no message" in shown(found)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "-- No entries --", '{"__CURSOR": 1}', "null"])
def test_what_is_no_entry_is_none(text: str) -> None:
    assert parse(text) is None


@given(st.text(), st.sampled_from([None, "3", "x", "99", "-1", 3]))
def test_nothing_in_a_message_reaches_the_terminal(message: str, priority: Any) -> None:
    for each in (entry(MESSAGE=message, PRIORITY=priority), entry(MESSAGE=list(message.encode("utf-8", "replace")))):
        assert shown(each).isprintable()
        assert all(part.isprintable() or part in "\n\t" for part in visible(each.message))


def test_colours_are_taken_off_and_other_escapes_are_seen() -> None:
    assert shown(entry(MESSAGE=list(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07"))) == "red ?]0;title?"
    assert visible("\x1b]0;x\x07\u202e\x9b") == "\\x1b]0;x\\x07\\u202e\\x9b"
    assert shown(entry(MESSAGE="one\ntwo\nthree")) == "one (+2 lines)"


JSON_BOOTS = json.dumps(
    [
        {"index": -1, "boot_id": "a" * 32, "first_entry": 1764169200000000, "last_entry": 1764172800000000},
        {"index": 0, "boot_id": "b" * 32, "first_entry": 1764255600000000, "last_entry": 1764259200000000},
    ]
)
#: systemd 252, in Debian 12
OLD_BOOTS = f"""\
-1 {"a" * 32} Wed 2025-11-26 15:00:00 UTC—Wed 2025-11-26 16:00:00 UTC
 0 {"b" * 32} Thu 2025-11-27 15:00:00 UTC—Thu 2025-11-27 16:00:00 UTC
"""
#: systemd 257, in Debian 13
NEW_BOOTS = f"""\
IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY
 -1 {"a" * 32} Wed 2025-11-26 15:00:00 UTC Wed 2025-11-26 16:00:00 UTC
  0 {"b" * 32} Thu 2025-11-27 15:00:00 UTC Thu 2025-11-27 16:00:00 UTC
"""


@pytest.mark.parametrize("text", [JSON_BOOTS, OLD_BOOTS, NEW_BOOTS])
def test_boots_are_read_from_every_versions_table(text: str) -> None:
    found = boots(text)
    assert [(boot.number, boot.id) for boot in found] == [(0, "b" * 32), (-1, "a" * 32)]
    assert (found[1].first, found[1].last) == (1764169200.0, 1764172800.0)


def test_no_boots_are_none() -> None:
    assert boots("") == () and boots("[]") == ()


# asking -----------------------------------------------------------------------------------------------------------


async def test_the_filters_are_arguments_of_journalctl() -> None:
    host = Said([line(MESSAGE="x")])
    wanted = Wanted("ssh.service", 3, "c" * 32, 10.0, 20.0, "/Fai[l]/")
    await Journal(host).last(wanted, 5)
    (argv,) = host.asked
    assert {"--reverse", "--lines=7", "--priority=3", "--unit=ssh.service", "--grep=Fai[l]"} < set(argv)
    assert {"--case-sensitive=yes", "--since=@10.000000", "--until=@20.000000", f"_BOOT_ID={'c' * 32}"} < set(argv)
    await Journal(host).last(Wanted("kernel", text="a.b"), 5)
    assert {"_TRANSPORT=kernel", r"--grep=a\.b", "--case-sensitive=no"} < set(host.asked[-1])


async def test_a_unit_with_a_star_is_no_pattern() -> None:
    host = Said([])
    await Journal(host).last(Wanted("*"), 5)
    assert "--unit=_" in host.asked[0]


async def test_where_only_a_part_may_be_read_it_is_said() -> None:
    hint = "Hint: You are currently not seeing messages from other users and the system."
    page = await Journal(Said([hint, line(MESSAGE="mine")])).last(Wanted(), 5)
    assert len(page.entries) == 1 and "root, or the group adm" in page.said
    with pytest.raises(LogError, match="may not be read"):
        await Journal(Said([hint, "No journal files were opened due to insufficient permissions."])).last(Wanted(), 5)


async def test_what_goes_wrong_is_said_in_words() -> None:
    with pytest.raises(LogError, match="no journal on this machine"):
        await Journal(Said(["No journal files were found."])).last(Wanted(), 5)
    with pytest.raises(LogError, match="journalctl says: Failed to"):
        await Journal(Said(["Failed to seek to cursor: Invalid argument"])).before("x", Wanted(), 5)
    with pytest.raises(LogError, match="is no regular expression"):
        await Journal(Said([])).last(Wanted(text="/(/"), 5)
    with pytest.raises(LogError, match="not installed"):
        await Journal(Said([], error=CommandNotFound("journalctl"))).last(Wanted(), 5)


async def test_without_pcre_it_is_looked_for_here() -> None:
    lines = [line(MESSAGE=f"number {n}", __CURSOR=f"i={n}") for n in range(30)]
    host = Said(lines, without_pcre=True)
    page = await Journal(host).last(Wanted(text="/[37]$/"), 4)
    assert [entry.message for entry in page.entries] == ["number 17", "number 13", "number 7", "number 3"]
    assert page.more and not any(word.startswith(("--grep", "--lines")) for word in host.asked[-1])


def test_a_text_is_found_whatever_its_letters_and_an_expression_as_it_is_written() -> None:
    def fits(wanted: str, text: str) -> bool:
        found = pattern(wanted)
        return found is not None and found.compiled.search(text) is not None

    assert fits("Error (5)", "an ERROR (5)!") and not fits("a.c", "abc")
    assert fits("/a.c/", "ABC") and fits("/A.c/", "Abc") and not fits("/A.c/", "abc")
    assert pattern("") is None and fits("/", "a/b") and fits("//", "a//b")


# what is known ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "message", "name"),
    [
        ("kernel", "hwmon hwmon1: Undervoltage detected!", "under-voltage"),
        ("kernel", "Under-voltage detected! (0x00050005)", "under-voltage"),
        ("kernel", "Voltage normalised (0x00000000)", "voltage-normal"),
        ("kernel", "Out of memory: Killed process 812 (node) total-vm:1kB", "oom"),
        ("systemd", "x.service: Failed with result 'oom-kill'.", "unit-oom"),
        ("kernel", "EXT4-fs error (device mmcblk0p2): ext4_lookup:1785: inode #1: comm ls", "file-system"),
        ("kernel", "EXT4-fs (mmcblk0p2): Remounting filesystem read-only", "read-only"),
        ("kernel", "I/O error, dev sda, sector 12 op 0x0:(READ) flags 0x0", "disk"),
        ("rsyslogd", "write error: No space left on device", "no-space"),
        ("sshd-session", "Failed password for root from 203.0.113.7 port 22 ssh2", "ssh-failed"),
        ("sshd", "drop connection #10 from [203.0.113.7]:22 on [10.0.0.1]:22 penalty: failed auth", "ssh-penalty"),
        ("sshd", "Accepted publickey for pi from 10.0.0.9 port 22 ssh2: ED25519 SHA256:x", "ssh-accepted"),
        ("systemd", "x.service: Start request repeated too quickly.", "restart-loop"),
        ("systemd", "x.service: Main process exited, code=exited, status=1/FAILURE", "unit-failed"),
        ("nginx", "bind() to 0.0.0.0:80 failed (98: Address already in use)", "address-in-use"),
        ("", "something: EXT4-fs error in a file without a program", "file-system"),
    ],
)
def test_known_messages_are_explained(who: str, message: str, name: str) -> None:
    found = explain(message, who)
    assert found is not None and found.name == name


@pytest.mark.parametrize(
    ("who", "message"),
    [
        ("kernel", "EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode."),
        ("nginx", "Out of memory: Killed process 1 (as a page says)"),
        ("systemd", "x.service: Main process exited, code=exited, status=0/SUCCESS"),
        ("bash", "hello"),
    ],
)
def test_what_is_usual_is_not(who: str, message: str) -> None:
    assert explain(message, who) is None


def test_every_known_message_has_a_meaning_and_advice() -> None:
    assert len({each.name for each in KNOWN}) == len(KNOWN)
    for each in KNOWN:
        assert each.means.endswith((".", ")")) and each.advice


# ranges of time ---------------------------------------------------------------------------------------------------

NOW = 1764259200.0  # 2025-11-27 16:00 UTC


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("last hour", NOW - 3600, None),
        ("14:30", NOW - 5400, None),
        ("17:00", NOW + 3600 - 86400, None),
        ("2025-11-26", NOW - 40 * 3600, None),
        ("2025-11-26 16:00", NOW - 86400, None),
        ("14:30..15:00", NOW - 5400, NOW - 3600 + 60 - 1e-6),
        ("..2025-11-26", None, NOW - 16 * 3600 - 1e-6),
        ("..", None, None),
    ],
)
def test_times_are_typed_as_people_write_them(text: str, since: float | None, until: float | None) -> None:
    assert parse_range(text, NOW) == (since, until)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2025-13-01", "15:00..14:00", "14:30 or so"])
def test_what_is_no_time_says_what_is(text: str) -> None:
    with pytest.raises(NoRange, match=r"14:30"):
        parse_range(text, NOW)


def test_a_range_has_a_short_name() -> None:
    assert range_name(None, None) == "" and range_name(NOW, None) == "11-27 16:00"
    assert range_name(NOW, NOW + 60) == "11-27 16:00..11-27 16:01"
