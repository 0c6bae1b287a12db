"""Scheduled jobs in the making: the editor, the choice in words, timers, templates, conversion, recording; from keys to
the reviewed plan, and to what the demo machine has then."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from textual import events

from pi_installer_tui.app import Opened
from pi_installer_tui.modules.cron import state as cron_state
from pi_installer_tui.modules.cron.listing import Row, rows
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.modules.cron.templates_own import EXAMPLE, FOLDER
from pi_installer_tui.modules.cron.templates_usual import USUAL
from pi_installer_tui.screens.cron import explained, making
from pi_installer_tui.screens.cron.convert import ConvertScreen
from pi_installer_tui.screens.cron.editor import EditorScreen
from pi_installer_tui.screens.cron.making import ExplainedScreen, MakingScreen
from pi_installer_tui.screens.cron.picker import PickerScreen
from pi_installer_tui.screens.cron.recording import RecordingScreen
from pi_installer_tui.screens.cron.schedule_input import ScheduleInput
from pi_installer_tui.screens.cron.templates import TemplateScreen, TemplatesScreen
from pi_installer_tui.screens.cron.timer import TimerScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.cron.wrapped import unwrap
from pi_installer_tui.system.demo import scheduled
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.widgets.form.lines import LineField
from pi_installer_tui.widgets.rows import Rows
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_form import go

Start = Callable[..., AbstractAsyncContextManager[Program]]
#: 2026-11-28 04:00 UTC
NOW = 1_795_838_400.0
PI = "/var/spool/cron/crontabs/pi"


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explained, "now", lambda: NOW)
    monkeypatch.setenv(PACE, "0")
    monkeypatch.setattr(making, "REST", 0.02)


class Opening:
    """The program on a machine with scheduled jobs, and what is on that."""

    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.state = state

    def row(self, key: str) -> Row:
        return next(row for row in rows(self.state) if row.key == key)

    def line(self, words: str) -> Row:
        """The line of a crontab that has these words."""
        return next(row for row in rows(self.state) if row.entry is not None and words in row.text)

    async def show(self, screen: MakingScreen | TemplatesScreen) -> None:
        self.program.app.push_screen(screen)
        await self.program.until(lambda: self.program.app.screen is screen)
        await self.program.pilot.pause()

    async def reviewed(self) -> ReviewScreen:
        """The review that the key leads to."""
        await self.program.press("p")
        await self.program.until(lambda: isinstance(self.program.app.screen, ReviewScreen))
        screen = self.program.app.screen
        assert isinstance(screen, ReviewScreen)
        return screen


@pytest.fixture
def opened(start: Start, machine: Opened) -> Callable[[], AbstractAsyncContextManager[Opening]]:
    @asynccontextmanager
    async def begin() -> AsyncIterator[Opening]:
        scheduled.make(machine.host.machine)  # type: ignore[attr-defined]
        async with start() as program:
            await program.until(lambda: program.app.is_open)
            yield Opening(program, await cron_state.read(machine.host))

    return begin


Begin = Callable[[], AbstractAsyncContextManager[Opening]]


async def text_of(machine: Opened, path: str) -> str:
    return (await machine.host.read(path)).decode()


async def paste(program: Program, text: str) -> None:
    """Fills the field with the focus at once."""
    assert program.app.focused is not None
    program.app.focused.post_message(events.Paste(text))
    await program.pilot.pause()


async def fill(program: Program, **fields: str) -> None:
    for name, value in fields.items():
        await go(program.pilot, name)
        await program.press("enter", "ctrl+u")
        await paste(program, value)
        await program.press("enter")


def shows(review: ReviewScreen, *lines: str) -> None:
    """What goes and what comes, by the differences that are reviewed, is exactly this."""
    found = [line for preview in review._previews if preview.kind == "diff" for line in preview.text.splitlines()]
    assert [line for line in found if re.match(r"[+-](?![+-])", line)] == list(lines)


async def agree(program: Program) -> None:
    await program.press("y")
    await program.until("Done")


async def lines(program: Program) -> None:
    """Opens the list of lines of the field with the focus."""
    await program.press("enter")
    await program.until(lambda: isinstance(program.app.focused, LineField))


def unwrapped(program: Program) -> str:
    return " ".join(program.text.split())


# the editor -----------------------------------------------------------------------------------------------------------


async def test_a_new_line_is_explained_while_it_is_typed_and_planned(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(EditorScreen(None, at.state))
        await program.press(*"30", "space", *"2", "space", *"30", "space", *"3", "space", *"*")
        await program.until("on the 30th at 02:30, in March")
        assert "Tue 2027-03-30 02:30" in program.text
        await program.press("escape")
        await fill(program, command="backup.sh --to /mnt/$(date +%F)", name="nightly")
        await program.until("isn't found in PATH=/usr/bin:/bin")
        await golden.check(program.app, "cron-editor-new")
        shows(await at.reviewed(), "+# Name = nightly", r"+30 2 30 3 * backup.sh --to /mnt/$(date +\%F)")
        await program.press("escape")
        await program.until("A new job")
        assert program.app.screen.query_one(ScheduleInput).text == "30 2 30 3 *"
        await program.press("escape")
        await program.until("forget what you typed")
        await program.press("n")
        shows(await at.reviewed(), "+# Name = nightly", r"+30 2 30 3 * backup.sh --to /mnt/$(date +\%F)")


async def test_a_mistake_is_shown_below_its_place_and_nothing_is_planned(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(EditorScreen(at.line("weather/upload.sh"), at.state))
        await program.press("p")
        await program.until("Not planned: nothing was changed here")
        await program.press("v")
        await program.until(lambda: isinstance(program.app.screen, ExplainedScreen))
        await program.until("Next runs")
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, EditorScreen))
        await program.press("s", "tab", "ctrl+u", *"1,24")
        await program.until("24 is no hour: it is a number from 0 to 23")
        typed, place, said = program.text.splitlines()[3:6]
        assert place.index("^") == typed.index("24") and "24 is no hour" in said
        await golden.check(program.app, "cron-editor-mistake")
        await program.press("escape", "p")
        await program.until("Not planned: 24 is no hour")
        await program.press("backspace", "backspace", "backspace", "backspace")
        await program.until("the hour is missing")
        schedule = program.app.screen.query_one(ScheduleInput)
        schedule.put("0 0 31 2 *")
        await program.until("It never runs: day 31 never comes in February")
        schedule.put("0 4 1 * 1")
        await program.until("on the 1st at 04:00, and every Monday")
        await program.until(lambda: "one of them is enough" in unwrapped(program))


async def test_a_change_is_of_one_line_and_leaves_its_recorder(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(EditorScreen(at.line("weather/upload.sh"), at.state))
        await program.press("s", "ctrl+u", *"*/20")
        await program.until("every 20 minutes")
        await program.press("escape")
        upload = "* * * * /home/pi/weather/upload.sh"
        shows(await at.reviewed(), f"-*/15 {upload}", f"+*/20 {upload}")
        await program.press("escape")
        await program.until(lambda: not isinstance(program.app.screen, ReviewScreen))
        row = at.line("rsync -a --delete")
        await at.show(EditorScreen(row, at.state))
        await fill(program, command="rsync -a /home/pi/garden/ /mnt/backup/garden/")
        await fill(program, name="")
        await program.press("p")
        await program.until("Not planned: a name isn't taken away")
        await fill(program, name="photos")
        words = "30 3 * * * /usr/local/bin/cron-record -n photos -l -t 3600 -- 'rsync -a"
        after = "/home/pi/garden/ /mnt/backup/garden/'"
        shows(await at.reviewed(), f"-{words} --delete {after}", f"+{words} {after}")


async def test_a_whole_schedule_is_pasted_or_becomes_one_line(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(EditorScreen(None, at.state))
        screen = program.app.screen
        schedule = screen.query_one(ScheduleInput)
        assert screen.focused is not None
        screen.focused.post_message(events.Paste("15 4\t* * 1-5\n"))
        await program.until("from Monday to Friday at 04:15")
        assert schedule.text == "15 4 * * 1-5" and not schedule.whole
        await program.press("ctrl+u", "@")
        await program.type("daily")
        await program.until("every day at 00:00")
        assert schedule.whole and schedule.text == "@daily"
        await program.press("escape", "t")
        await program.until(lambda: not schedule.whole)
        assert schedule.text == "0 0 * * *"
        schedule.put("@reboot")
        await program.until("once, when the machine has started")
        await program.press("t")
        await program.pilot.pause()
        assert schedule.whole, "no five fields say that"


async def test_it_is_looked_at_when_no_more_keys_come(opened: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    look = EditorScreen.look

    async def counted(self: EditorScreen) -> Sequence[making.Said]:
        looked.append(self.schedule)
        return await look(self)

    monkeypatch.setattr(EditorScreen, "look", counted)
    monkeypatch.setattr(making, "REST", 3600.0)
    async with opened() as at:
        program = at.program
        await at.show(EditorScreen(None, at.state))
        await program.press(*"30", "space", *"2", "space", *"*", "space", *"*", "space")
        assert looked == []
        monkeypatch.setattr(making, "REST", 0.01)
        await program.press("*")
        await program.until("every day at 02:30")
        assert looked == ["30 2 * * *"]


# in words -------------------------------------------------------------------------------------------------------------


async def test_a_schedule_is_chosen_in_words(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(EditorScreen(at.line("weather-report --days 3"), at.state))
        await program.press("w")
        await program.until(lambda: isinstance(program.app.screen, PickerScreen))
        await program.until("0 8 * * 1-5   from Monday to Friday at 08:00")
        await golden.check(program.app, "cron-picker")
        await fill(program, times="06:00, 18:15")
        await program.until(lambda: "one line can't say 06:00, 18:15" in unwrapped(program))
        await program.press("p")
        await program.pilot.pause()
        assert isinstance(program.app.screen, PickerScreen)
        await fill(program, times="06:15, 18:15")
        await program.until("15 6,18 * * 1-5")
        await program.press("p")
        await program.until(lambda: isinstance(program.app.screen, EditorScreen))
        assert program.app.screen.query_one(ScheduleInput).text == "15 6,18 * * 1-5"
        await program.press("w")
        await program.until("15 6,18 * * 1-5")
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, EditorScreen))
        await at.show(EditorScreen(None, at.state))
        program.app.screen.query_one(ScheduleInput).put("7-50/5 * * * *")
        await program.press("escape", "w")
        await program.until("can't be said in these words")
        await go(program.pilot, "how")
        await program.press("enter", *["down"] * 4, "enter")
        await program.until("From hour")
        await fill(program, every="20", first="8", last="17")
        await program.until("*/20 8-17 * * *")
        await program.press("p")
        await program.until("every 20 minutes 08:00-17:40")


# timers ---------------------------------------------------------------------------------------------------------------


async def test_a_timer_is_made_and_changed_and_a_packages_is_not(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(TimerScreen(None, at.state))
        await go(program.pilot, "calendars")
        await lines(program)
        await paste(program, "Mon..Fri 25:00")
        await program.press("escape")
        await program.until("The hour 25 isn't from 0 to 23")
        first, second = program.text.splitlines()[2:4]
        assert second.index("^") == first.index("25")
        await go(program.pilot, "calendars")
        await lines(program)
        await program.press("tab")
        await program.until(lambda: isinstance(program.app.focused, Rows))
        await program.press("d", "shift+tab")
        await program.until(lambda: isinstance(program.app.focused, LineField))
        await paste(program, "Mon..Fri 07:00")
        await program.press("escape")
        await program.until("Monday to Friday, at 07:00")
        await fill(program, name="report", command='echo 100%; echo "$HOME"')
        found = "\n".join(preview.text for preview in (await at.reviewed())._previews)
        assert '+ExecStart=:/bin/sh -c "echo 100%%; echo \\"$HOME\\""\n' in found
        assert "+OnCalendar=Mon..Fri 07:00\n" in found
        await program.press("escape")
        await program.until(lambda: not isinstance(program.app.screen, ReviewScreen))
        await at.show(TimerScreen(at.row("water.timer"), at.state))
        await program.until("Monday to Saturday, at 06:00, 20:00")
        await golden.check(program.app, "cron-timer")
        await fill(program, random_delay="60")
        shows(await at.reviewed(), "-RandomizedDelaySec=5min", "+RandomizedDelaySec=60")
        await at.show(TimerScreen(at.row("fstrim.timer"), at.state))
        await program.until("It can't be changed here")
        await program.press("p")
        await program.until("Not planned: it isn't one of /etc/systemd/system")


# to the other kind ----------------------------------------------------------------------------------------------------


async def test_a_line_becomes_a_timer_and_back_and_what_cannot_is_told(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(ConvertScreen(at.line("weather/upload.sh"), at.state))
        await program.until("becomes upload.timer and upload.service:")
        await golden.check(program.app, "cron-to-timer")
        found = "\n".join(preview.text for preview in (await at.reviewed())._previews)
        assert "+OnCalendar=*-*-* *:00/15:00\n" in found
        assert "-*/15 * * * * /home/pi/weather/upload.sh\n" in found
        await program.press("escape")
        await program.until(lambda: not isinstance(program.app.screen, ReviewScreen))
        await at.show(ConvertScreen(at.row("water.timer"), at.state))
        await program.until("0 6,20 * * 1-6 /usr/bin/python3 /home/pi/garden/water.py --seconds 90")
        await program.until("cron starts it without a random delay.")
        found = "\n".join(preview.text for preview in (await at.reviewed())._previews)
        assert "+0 6,20 * * 1-6 /usr/bin/python3 /home/pi/garden/water.py --seconds 90\n" in found
        await at.show(ConvertScreen(at.row("fstrim.timer"), at.state))
        await program.until("It can't be converted:")
        await program.press("p")
        await program.until("Not planned")


# recorded -------------------------------------------------------------------------------------------------------------


async def test_a_job_is_recorded_with_a_ping_whose_url_is_seen_nowhere(opened: Begin, machine: Opened) -> None:
    url = "https://hc-ping.example/8a4c7f0e-hunter2"
    async with opened() as at:
        program = at.program
        await at.show(RecordingScreen(at.line("weather/upload.sh")))
        await program.until("It needs a name")
        await fill(program, name="upload", timeout="600")
        await program.until("cron-record -n upload -t 600 --")
        await go(program.pilot, "ping")
        await program.press("space")
        await program.press("p")
        await program.until("Not planned: the ping needs its URL.")
        await fill(program, url="hc-ping.example/hunter2")
        await program.press("p")
        await program.until("the URL of the ping isn't one")
        assert "hunter2" not in program.text
        await fill(program, url=url)
        await program.until("-p")
        review = await at.reviewed()
        assert url not in review._plan.model_dump_json() and "hunter2" not in program.text
        await agree(program)
        assert "cron-record -n upload -p -t 600 -- '/home/pi/weather/upload.sh'" in await text_of(machine, PI)
        assert (await text_of(machine, "/etc/cron-record/pi/upload.ping")).strip() == url
        again = "https://hc-ping.example/another-hunter2"
        recorded = next(row for row in rows(await cron_state.read(machine.host)) if row.name == "upload")
        await at.show(RecordingScreen(recorded))
        await fill(program, url=again)
        await at.reviewed()
        await agree(program)
        assert (await text_of(machine, "/etc/cron-record/pi/upload.ping")).strip() == again
        # what was there before is kept for the undo, as every secret file is: root's alone
        kept = [path for path in machine.store.root.rglob("*") if path.is_file() and "before" not in path.parts]
        assert len(kept) > 4 and not [path for path in kept if b"hunter2" in path.read_bytes()]


async def test_a_job_is_recorded_no_more(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(RecordingScreen(at.line("rsync -a --delete")))
        await program.until("now:")
        await golden.check(program.app, "cron-recording")
        await fill(program, timeout="soon")
        await program.until("Mend what is marked with ! first.")
        await program.press("p")
        await program.until("Not planned: mend what is marked")
        await program.press("u")
        await go(program.pilot, "on")
        await program.press("space")
        await program.until("then: rsync -a --delete")
        rsync = "rsync -a --delete /home/pi/garden/ /mnt/backup/garden/"
        told = f"-30 3 * * * /usr/local/bin/cron-record -n photos -l -t 3600 -- '{rsync}'"
        shows(await at.reviewed(), told, f"+30 3 * * * {rsync}")


# from templates -------------------------------------------------------------------------------------------------------


async def test_a_template_makes_a_recorded_job(opened: Begin) -> None:
    async with opened() as at:
        program = at.program
        await at.show(TemplatesScreen(at.state))
        await program.until("Clear old files away")
        await golden.check(program.app, "cron-templates")
        program.app.screen.query_one("#templates").select("usual:clean-up")  # type: ignore[attr-defined]
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, TemplateScreen))
        await fill(program, in_folder="/etc/ssh")
        await program.until("belongs to the system")
        await fill(program, in_folder="/home/pi/it's here", in_days="7")
        await program.until("every day at 03:40")
        await golden.check(program.app, "cron-template")
        review = await at.reviewed()
        found = [line for preview in review._previews for line in preview.text.splitlines() if "-n clean-up" in line]
        assert len(found) == 1 and found[0].startswith(
            "+40 3 * * * /usr/local/bin/cron-record -n clean-up -l -t 3600 -- "
        )
        wrapped = unwrap(found[0].removeprefix("+40 3 * * * "))
        assert wrapped is not None
        assert wrapped.command == """find '/home/pi/it'"'"'s here' -xdev -type f -name '*' -mtime +7 -delete"""


async def test_a_folder_that_a_link_leads_into_the_system_is_refused(opened: Begin, machine: Opened) -> None:
    await machine.host.symlink("/home/pi/old", "/etc")
    async with opened() as at:
        program = at.program
        await at.show(TemplateScreen("clean-up", USUAL["clean-up"], at.state))
        await fill(program, in_folder="/home/pi/old")
        await program.until("leads to /etc, which belongs to the system")
        await program.press("p")
        await program.until("Not planned: leads to /etc")


async def test_own_templates_are_listed_and_wrong_ones_say_why(opened: Begin, machine: Opened) -> None:
    await machine.host.mkdir(FOLDER, mode=0o755, uid=0, gid=0)
    for name, text in [("photos", EXAMPLE), ("wrong", "title: x\nschedule: '@daily'\ncommand: id '{x}'\n")]:
        await machine.host.replace(f"{FOLDER}/{name}.yaml", text.encode(), mode=0o644, uid=0, gid=0)
    async with opened() as at:
        program = at.program
        await at.show(TemplatesScreen(at.state))
        await program.until("Photos to the NAS")
        program.app.screen.query_one("#templates").select("own:wrong")  # type: ignore[attr-defined]
        await program.press("enter")
        await program.until("stands in quotes")
        await program.press("escape")
        program.app.screen.query_one("#templates").select("example")  # type: ignore[attr-defined]
        await program.press("enter")
        await program.until("title: Photos to the NAS")
        await golden.check(program.app, "cron-template-example")
        await program.press("escape")
        program.app.screen.query_one("#templates").select("own:photos")  # type: ignore[attr-defined]
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, TemplateScreen))
        await fill(program, in_target="/mnt/nas")
        await program.until("rsync -a --bwlimit=0")


@pytest.mark.parametrize("name", USUAL)
def test_every_template_has_a_form(name: str) -> None:
    form = TemplateScreen(name, USUAL[name], State())._form
    begun = making.values(form)
    assert {"of_name", "of_where", "of_record"} <= begun.keys()
    needed = {name for name, each in USUAL[name].parameters.items() if not each.default}
    shown = {field.removeprefix("in_") for field in begun if field.startswith("in_")}
    assert shown == USUAL[name].parameters.keys() - needed
    assert {place.removeprefix("in_") for place in form.mistakes} == needed
