"""The one registry of what keys do. Footer, help, command palette and docs/keys.md are made from it, so a key can't do
one thing and be said to do another. docs/keys.md: `python -m pi_installer_tui.widgets.actions > docs/keys.md`.

Keys are letters, digits, arrows, Enter, Esc, Tab and punctuation: function keys, Alt and most control keys belong to
the serial programs and terminals in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

from pi_installer_tui.i18n import N_, _


@dataclass(frozen=True, slots=True)
class Action:
    """What keys do in one place. id: `place.name`. keys: Textual's names, the first one is shown. action: what Textual
    calls. label: a word or two for the footer. help: a phrase. show: `footer` is in the footer and the palette while
    it is valid, `palette` in the palette only, `help` in neither."""

    id: str
    keys: str
    action: str
    label: str
    help: str
    show: Literal["footer", "palette", "help"] = "footer"

    @property
    def place(self) -> str:
        """The screen or widget it belongs to."""
        return self.id.partition(".")[0]


#: What the places are called in the help and in docs/keys.md, in that order.
PLACES: dict[str, str] = {
    "app": N_("Everywhere"),
    "list": N_("In a list"),
    "text": N_("In a text (a diff, an output, a help page)"),
    "search": N_("In the field to search with"),
    "form": N_("In a form"),
    "row": N_("On a field of a form"),
    "field": N_("In a field"),
    "choose": N_("A choice"),
    "lines": N_("A list of lines"),
    "several": N_("Several of a list"),
    "item": N_("An entry of a table"),
    "home": N_("Home"),
    "wizard": N_("Wizard"),
    "goals": N_("Wizard: what the machine is for"),
    "setups": N_("Wizard: saved setups"),
    "module": N_("A module"),
    "security": N_("Security"),
    "monitoring": N_("Monitoring"),
    "alerts": N_("Alerts"),
    "channels": N_("Channels"),
    "backup": N_("Backup"),
    "backup_form": N_("Backup: settings"),
    "backup_runs": N_("Backup: runs"),
    "backup_contents": N_("Backup: what is in a job"),
    "backup_keeping": N_("Backup: which snapshots stay"),
    "backup_places": N_("Backup: places"),
    "backup_new": N_("Backup: a new place"),
    "backup_trial": N_("Backup: a place on trial"),
    "backup_kit": N_("Backup: a recovery kit"),
    "backup_locks": N_("Backup: locks"),
    "backup_clone": N_("Backup: copy the card"),
    "vpn": N_("VPN"),
    "vpn_peer": N_("VPN: a peer"),
    "vpn_hand": N_("VPN: handing over"),
    "vpn_wait": N_("VPN: waiting for a handshake"),
    "vpn_doctor": N_("VPN: doctor"),
    "vpn_finding": N_("VPN: a finding"),
    "vpn_verdict": N_("VPN: reachability"),
    "cron": N_("Scheduled jobs"),
    "cron_job": N_("Scheduled jobs: a job"),
    "cron_history": N_("Scheduled jobs: history"),
    "cron_day": N_("Scheduled jobs: the next 24 hours"),
    "cron_findings": N_("Scheduled jobs: findings"),
    "cron_compare": N_("Scheduled jobs: cron and your shell"),
    "cron_make": N_("Scheduled jobs: a job in the making"),
    "cron_editor": N_("Scheduled jobs: the editor"),
    "cron_field": N_("Scheduled jobs: in a field of the schedule"),
    "cron_pick": N_("Scheduled jobs: a schedule in words"),
    "act": N_("An action"),
    "bans": N_("Who is banned"),
    "review": N_("Review"),
    "job": N_("Job"),
    "report": N_("Report"),
    "secret": N_("What is shown once"),
    "history": N_("History"),
    "audit": N_("Audit"),
    "logs": N_("Logs"),
    "entries": N_("Logs: the entries"),
    "log_export": N_("Logs: export"),
    "services": N_("Services"),
    "users": N_("Users"),
    "person": N_("An account"),
    "backup_snapshots": N_("Backup: snapshots"),
    "backup_list": N_("Backup: a long list"),
    "backup_tree": N_("Backup: the files of a snapshot"),
    "backup_compare": N_("Backup: what changed"),
    "backup_find": N_("Backup: a search in all snapshots"),
    "backup_inside": N_("Backup: a search in one snapshot"),
    "backup_restore": N_("Backup: restore"),
    "dashboard": N_("Dashboard"),
    "chart": N_("Dashboard: a chart"),
    "processes": N_("Dashboard: processes"),
    "ask": N_("A question"),
    "line": N_("A line of text"),
    "message": N_("A message"),
    "qr": N_("A QR code"),
}

ACTIONS: tuple[Action, ...] = (
    Action("app.help", "question_mark", "app.help", N_("help"), N_("explain this screen and its keys")),
    Action("app.palette", "colon", "app.palette", N_("commands"), N_("find a module or a command by its name")),
    Action("app.history", "h", "app.history", N_("history"), N_("every job there was: open it, undo it"), "palette"),
    Action("app.next", "tab", "app.focus_next", N_("next part"), N_("go to the next part of the screen"), "help"),
    Action("app.previous", "shift+tab", "app.focus_previous", N_("part before"), N_("go to the part before"), "help"),
    Action("app.back", "q,escape", "app.back", N_("back"), N_("go back; on the first screen `q` ends the program")),
    Action(
        "app.redraw",
        "ctrl+l",
        "app.redraw",
        N_("redraw"),
        N_("redraw and measure again: a serial line can't tell its size"),
        "palette",
    ),
    Action(
        "app.left",
        "less_than_sign",
        "app.scroll(-20,0)",
        N_("left"),
        N_("where 80 columns don't fit: the left part"),
        "help",
    ),
    Action(
        "app.right",
        "greater_than_sign",
        "app.scroll(20,0)",
        N_("right"),
        N_("where they don't fit: the right part"),
        "help",
    ),
    Action(
        "app.above", "left_curly_bracket", "app.scroll(0,-8)", N_("above"), N_("where 24 rows don't fit: above"), "help"
    ),
    Action(
        "app.below", "right_curly_bracket", "app.scroll(0,8)", N_("below"), N_("where they don't fit: below"), "help"
    ),
    Action("app.quit", "ctrl+c", "app.leave", N_("quit"), N_("end the program; a running job goes on"), "palette"),
    Action("list.up", "up,k", "up", N_("up"), N_("the line above"), "help"),
    Action("list.down", "down,j", "down", N_("down"), N_("the line below"), "help"),
    Action("list.page_up", "pageup,b", "page_up", N_("page up"), N_("a page towards the start"), "help"),
    Action("list.page_down", "pagedown,space", "page_down", N_("page down"), N_("a page towards the end"), "help"),
    Action("list.first", "home,g", "first", N_("first"), N_("the first line"), "help"),
    Action("list.last", "end,G", "last", N_("last"), N_("the last line"), "help"),
    Action("list.open", "enter", "open", N_("open"), N_("open the line")),
    Action("text.up", "up,k", "up", N_("up"), N_("a line towards the start"), "help"),
    Action("text.down", "down,j", "down", N_("down"), N_("a line towards the end"), "help"),
    Action("text.left", "left", "left", N_("left"), N_("show what is cut off on the left"), "help"),
    Action("text.right", "right", "right", N_("right"), N_("show what is cut off on the right"), "help"),
    Action("text.page_up", "pageup,b", "page_up", N_("page up"), N_("a page towards the start"), "help"),
    Action("text.page_down", "pagedown,space", "page_down", N_("page down"), N_("a page towards the end"), "help"),
    Action("text.first", "home,g", "first", N_("start"), N_("the first line"), "help"),
    Action("text.last", "end,G", "last", N_("end"), N_("the last line; a running output is followed again"), "help"),
    Action("text.search", "slash", "search", N_("search"), N_("search in the text")),
    Action("text.next", "n", "search_next", N_("next"), N_("the next place that was found"), "help"),
    Action("text.before", "N", "search_before", N_("before"), N_("the place before that was found"), "help"),
    Action("search.leave", "escape", "leave", N_("leave field"), N_("leave the field: letters are keys again")),
    Action("form.up", "up,k", "move(-1)", N_("up"), N_("the field above"), "help"),
    Action("form.down", "down,j", "move(1)", N_("down"), N_("the field below"), "help"),
    Action("form.page_up", "pageup,b", "move(-10)", N_("page up"), N_("some fields towards the start"), "help"),
    Action("form.page_down", "pagedown", "move(10)", N_("page down"), N_("some fields towards the end"), "help"),
    Action("form.first", "home,g", "move(-10000)", N_("first"), N_("the first field"), "help"),
    Action("form.last", "end,G", "move(10000)", N_("last"), N_("the last field"), "help"),
    Action("row.open", "enter", "open", N_("edit"), N_("type the value, choose it, or open the entry")),
    Action("row.next", "space", "next", N_("change"), N_("the next value, where there are few"), "help"),
    Action("row.keep", "u", "keep", N_("take back"), N_("take the change back: what is there is left alone")),
    Action("row.remove", "d,delete", "remove", N_("remove"), N_("take the entry out of its table")),
    Action("field.leave", "escape", "leave", N_("leave field"), N_("keep what was typed; letters are keys again")),
    Action("choose.back", "q,escape", "back", N_("back"), N_("go back, nothing is chosen")),
    Action("lines.remove", "d,delete", "remove", N_("remove"), N_("take the line out of the list")),
    Action("lines.done", "q,escape", "done", N_("done"), N_("go back to the form with these lines")),
    Action("several.done", "q,escape", "done", N_("done"), N_("go back to the form with those that are chosen")),
    Action("item.back", "q,escape", "back", N_("done"), N_("go back to the form; what was typed is kept")),
    Action("module.plan", "p", "plan", N_("plan"), N_("show exactly what would change, to be reviewed")),
    Action("module.facts", "w", "facts", N_("what is"), N_("all that was read: configured, in effect, from where")),
    Action("module.actions", "a", "actions", N_("actions"), N_("what can be done here beside settings")),
    Action("module.refresh", "r", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action("module.back", "q,escape", "back", N_("back"), N_("go back; asks when something was changed")),
    Action("security.bans", "n", "bans", N_("banned"), N_("who is shut out, since when, and until when")),
    Action("monitoring.dashboard", "m", "dashboard", N_("dashboard"), N_("what the machine does now, and did")),
    Action("monitoring.alerts", "n", "alerts", N_("alerts"), N_("what fires, what fired, and who was told")),
    Action("monitoring.services", "v", "services", N_("services"), N_("what runs, what failed, and why")),
    Action("monitoring.logs", "l", "logs", N_("logs"), N_("the journal and the files of /var/log")),
    Action("monitoring.try", "t", "try", N_("try"), N_("when the rules would have fired in the last week")),
    Action("monitoring.channels", "c", "channels", N_("channels"), N_("send a test, and see what the server answers")),
    Action(
        "alerts.acknowledge", "c", "acknowledge", N_("acknowledge"), N_("somebody has seen it: it isn't told again")
    ),
    Action("alerts.logs", "l", "logs", N_("log"), N_("the lines of the log around it")),
    Action("alerts.service", "s", "service", N_("service"), N_("the service that it is about")),
    Action("alerts.refresh", "r", "refresh", N_("read again"), N_("read the alerts again"), "palette"),
    Action("channels.test", "t", "test", N_("test"), N_("send a test by it, and show what the server answers")),
    Action("channels.refresh", "r", "refresh", N_("read again"), N_("read the channels again"), "palette"),
    Action("backup.run", "r", "run", N_("run"), N_("plan that the job runs now, and show it")),
    Action("backup.snapshots", "s", "snapshots", N_("snapshots"), N_("what was kept, and the way to have it back")),
    Action("backup.runs", "u", "runs", N_("runs"), N_("every run there was: when, how long, what came of it")),
    Action("backup.places", "p", "places", N_("places"), N_("where backups are kept; a new place; recovery kits")),
    Action("backup.drill", "d", "drill", N_("drill"), N_("plan that some of it is really restored, and compared")),
    Action("backup.contents", "c", "contents", N_("contents"), N_("what is in the job, and how large it is")),
    Action("backup.keeping", "t", "keeping", N_("retention"), N_("which snapshots stay and which go, tried first")),
    Action("backup.settings", "e", "settings", N_("settings"), N_("all settings of backups: jobs, places, schedules")),
    Action("backup.verify", "v", "verify", N_("verify"), N_("plan that a repository is looked through"), "palette"),
    Action("backup.locks", "l", "locks", N_("locks"), N_("who works on a repository, or left a lock there"), "palette"),
    Action("backup.clone", "o", "clone", N_("copy the card"), N_("the running disk to another one"), "palette"),
    Action("backup.refresh", "i", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action(
        "backup_form.next_runs", "n", "next_runs", N_("next runs"), N_("when the jobs would run, as the form has it")
    ),
    Action("backup_runs.job", "f", "filter_job", N_("job"), N_("only the runs of one job, of the next one, of all")),
    Action("backup_runs.result", "o", "filter_result", N_("result"), N_("only those that went well, that didn't, all")),
    Action("backup_runs.refresh", "i", "refresh", N_("read again"), N_("read the history again"), "palette"),
    Action("backup_contents.leave_out", "x", "leave_out", N_("leave out"), N_("leave it out from now on, in the form")),
    Action("backup_contents.take_in", "a", "take_in", N_("take in"), N_("take it in again, in the form")),
    Action("backup_contents.settings", "e", "settings", N_("settings"), N_("the job, in the form")),
    Action("backup_contents.refresh", "i", "refresh", N_("measure again"), N_("measure again"), "palette"),
    Action("backup_contents.back", "q,escape", "back", N_("back"), N_("go back; while it measures: stop that")),
    Action("backup_keeping.plan", "p", "plan", N_("plan"), N_("plan that these numbers hold from now on")),
    Action("backup_keeping.keep", "x", "keep", N_("tidy up"), N_("plan that what has to go goes now, and show it")),
    Action("backup_keeping.list", "l", "list", N_("list"), N_("to the list of snapshots, and back to the numbers")),
    Action("backup_keeping.back", "q,escape", "back", N_("back"), N_("go back; the numbers are forgotten")),
    Action("backup_places.new", "n", "new", N_("new"), N_("a new place: its kind, what it needs, a trial")),
    Action("backup_places.try", "t", "try", N_("try"), N_("try each permission that it needs, and show the answers")),
    Action("backup_places.tried", "w", "tried", N_("last trial"), N_("what was answered when it was last tried")),
    Action("backup_places.onward", "o", "onward", N_("go on"), N_("what comes next until backups there are proven")),
    Action("backup_places.kit", "c", "kit", N_("recovery kit"), N_("what gives all back on a bare machine")),
    Action("backup_places.locks", "l", "locks", N_("locks"), N_("who works on it, or left a lock there")),
    Action("backup_places.verify", "v", "verify", N_("verify"), N_("plan that it is looked through")),
    Action("backup_places.change", "e", "change", N_("change"), N_("change the place, in the form")),
    Action("backup_places.refresh", "i", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action("backup_new.try", "t", "try", N_("try"), N_("try each permission that the place needs; nothing is kept")),
    Action(
        "backup_new.key", "m", "key", N_("make key"), N_("make an SSH key for this place, and show its public half")
    ),
    Action("backup_new.back", "q,escape", "back", N_("back"), N_("go back; what was typed is forgotten")),
    Action("backup_trial.again", "r", "again", N_("try again"), N_("try it again from the start")),
    Action("backup_trial.accept", "a", "accept", N_("accept key"), N_("it is the server's own key: I compared it")),
    Action("backup_trial.bucket", "m", "bucket", N_("make bucket"), N_("let the provider make the bucket")),
    Action("backup_trial.plan", "p", "plan", N_("plan"), N_("plan that backups can go there from now on")),
    Action("backup_trial.back", "q,escape", "back", N_("back"), N_("go back to the form; while it tries: stop that")),
    Action("backup_clone.copy", "c", "copy", N_("copy"), N_("plan the copy to this disk; its name has to be typed")),
    Action("backup_clone.refresh", "i", "refresh", N_("read again"), N_("look for disks again")),
    Action("backup_kit.next", "n,right", "page(1)", N_("next page"), N_("the next page")),
    Action("backup_kit.before", "p,left", "page(-1)", N_("page before"), N_("the page before"), "help"),
    Action("backup_kit.file", "f", "file", N_("file"), N_("write it to a file that nobody else can read")),
    Action("backup_kit.proof", "r", "proof", N_("read back"), N_("type the password from the kit, which proves it")),
    Action("backup_kit.back", "q,escape", "back", N_("back"), N_("go back; the kit isn't shown any more")),
    Action("backup_locks.unlock", "u", "unlock", N_("unlock"), N_("plan that the lock is removed, and show it")),
    Action("backup_locks.refresh", "i", "refresh", N_("read again"), N_("ask the repository again")),
    Action("vpn.new", "n", "new", N_("new"), N_("a new peer, in the form; without a tunnel: a new tunnel")),
    Action("vpn.hand", "x", "hand", N_("hand over"), N_("give a peer its configuration: code, file, link")),
    Action("vpn.pause", "p", "pause", N_("pause"), N_("plan that it can't connect for now, or can again")),
    Action("vpn.find", "slash", "find", N_("find"), N_("show only peers with what you type: name, state, address")),
    Action("vpn.rotate", "t", "rotate", N_("new keys"), N_("plan that it gets new keys; the old ones open nothing")),
    Action("vpn.revoke", "d", "revoke", N_("revoke"), N_("plan that it is cut off for good, and forgotten")),
    Action("vpn.change", "e", "change", N_("change"), N_("change the peer, in the form")),
    Action(
        "vpn.rename", "i", "rename", N_("rename"), N_("plan that it has another name; it stays connected"), "palette"
    ),
    Action("vpn.adopt", "a", "adopt", N_("adopt"), N_("take over a tunnel that was made by hand, PiVPN or wg-easy")),
    Action("vpn.doctor", "c", "doctor", N_("doctor"), N_("why it doesn't work: each cause, with evidence and fix")),
    Action("vpn.verdict", "v", "verdict", N_("reachable?"), N_("whether this can be reached from outside, and how")),
    Action("vpn.sort", "o", "sort", N_("order"), N_("by name, state, handshake, transfer, expiry")),
    Action("vpn.view", "m", "view", N_("columns"), N_("rates, or where they are and how much went through")),
    Action("vpn.settings", "s", "settings", N_("settings"), N_("all settings of the VPN, in the form")),
    Action("vpn.wait", "w", "wait", N_("wait"), N_("wait for its handshake, and say what is in the way"), "palette"),
    Action("vpn.refresh", "r", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action("vpn_peer.hand", "x", "hand", N_("hand over"), N_("give it its configuration: code, file, link")),
    Action("vpn_peer.wait", "w", "wait", N_("wait"), N_("wait for its handshake, and say what is in the way")),
    Action("vpn_peer.pause", "p", "pause", N_("pause"), N_("plan that it can't connect for now, or can again")),
    Action("vpn_peer.revoke", "d", "revoke", N_("revoke"), N_("plan that it is cut off for good, and forgotten")),
    Action("vpn_peer.rotate", "t", "rotate", N_("new keys"), N_("plan that it gets new keys")),
    Action("vpn_peer.change", "e", "change", N_("change"), N_("change it, in the form")),
    Action("vpn_peer.rename", "i", "rename", N_("rename"), N_("plan that it gets another name; it stays up")),
    Action("vpn_peer.forget", "f", "forget", N_("forget key"), N_("plan that its private key isn't kept any more")),
    Action("vpn_hand.link", "l", "link", N_("link"), N_("a link on the local network that works once")),
    Action("vpn_hand.show_key", "s", "show_key", N_("keys"), N_("show the keys in the text, or hide them")),
    Action("vpn_hand.wait", "w", "wait", N_("wait"), N_("wait for the first handshake, and say what is in the way")),
    Action("vpn_hand.stop", "x", "stop", N_("end it"), N_("end the link before it has been used")),
    Action("vpn_hand.back", "q,escape", "back", N_("back"), N_("go back; what isn't kept is forgotten (asks first)")),
    Action("vpn_wait.again", "r", "again", N_("start over"), N_("count from now on")),
    Action("vpn_doctor.verdict", "v", "verdict", N_("reachable?"), N_("whether this can be reached from outside")),
    Action("vpn_doctor.refresh", "r", "refresh", N_("look again"), N_("examine everything again")),
    Action("vpn_finding.fix", "p", "fix", N_("mend"), N_("plan what mends it, and show it")),
    Action("vpn_finding.back", "q,escape", "back", N_("back"), N_("go back; while it plans: stop that")),
    Action("vpn_verdict.ask", "a", "ask", N_("ask outside"), N_("ask a service on the internet, which you choose")),
    Action("vpn_verdict.map", "m", "map", N_("have it mapped"), N_("plan that the router is asked for the port")),
    Action("vpn_verdict.refresh", "r", "refresh", N_("look again"), N_("look again")),
    Action("vpn_verdict.back", "q,escape", "back", N_("back"), N_("go back; while it plans: stop that")),
    Action("cron_make.plan", "p", "plan", N_("plan"), N_("show exactly what would change, to be reviewed")),
    Action("cron_make.explain", "v", "explain", N_("explain"), N_("all that there is to say of it, to be read")),
    Action("cron_make.back", "q,escape", "back", N_("back"), N_("go back; asks when something was typed")),
    Action("cron_editor.pick", "w", "pick", N_("in words"), N_("choose the schedule in words")),
    Action(
        "cron_editor.turn", "t", "turn", N_("one line"), N_("the schedule as one line, for @daily, or as five fields")
    ),
    Action("cron_editor.fields", "s", "fields", N_("schedule"), N_("to the fields of the schedule")),
    Action("cron_field.leave", "escape", "leave", N_("leave field"), N_("keep what was typed; letters are keys again")),
    Action("cron_pick.take", "p", "take", N_("take"), N_("take this schedule, and go back to the editor")),
    Action("cron_pick.back", "q,escape", "back", N_("back"), N_("go back; the schedule stays as it was")),
    Action("cron.new", "n", "new", N_("new"), N_("a new line of a crontab, a timer, or one from a template")),
    Action("cron.run", "r", "run", N_("run now"), N_("plan that it runs now, exactly as cron would run it")),
    Action("cron.edit", "e", "edit", N_("edit"), N_("change its schedule and its command")),
    Action("cron.switch", "d", "switch", N_("on/off"), N_("plan that it is switched off, or on again")),
    Action("cron.history", "h", "history", N_("history"), N_("how it ran before: result, duration, output")),
    Action("cron.day", "v", "day", N_("24 hours"), N_("what runs when from now on, and what collides with what")),
    Action(
        "cron.find", "slash", "find", N_("find"), N_("show only what has what you type: command, user, file, state")
    ),
    Action(
        "cron.findings", "f", "findings", N_("findings"), N_("all that is wrong with crontabs and scripts, and why")
    ),
    Action("cron.sort", "s", "sort", N_("order"), N_("by next run, user, file, name")),
    Action("cron.copy", "c", "copy", N_("copy"), N_("plan a copy in the same crontab or another one")),
    Action("cron.move", "m", "move", N_("move"), N_("plan that it goes to another user, or to a file of /etc")),
    Action("cron.delete", "x", "delete", N_("delete"), N_("plan that it goes")),
    Action("cron.record", "w", "record", N_("record"), N_("keep result, duration and output of each run, or no more")),
    Action(
        "cron.convert", "t", "convert", N_("to timer"), N_("make a timer of a line, or a line of a timer; shown first")
    ),
    Action(
        "cron.compare",
        "u",
        "compare",
        N_("shell"),
        N_("what its environment lacks beside a login shell's; try it there"),
    ),
    Action(
        "cron.settings",
        "o",
        "settings",
        N_("settings"),
        N_("named jobs and timers as a setup file has them, in the form"),
        "palette",
    ),
    Action("cron.refresh", "i", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action("cron_job.run", "r", "run", N_("run now"), N_("plan that it runs now, exactly as cron would run it")),
    Action("cron_job.edit", "e", "edit", N_("edit"), N_("change its schedule and its command")),
    Action("cron_job.switch", "d", "switch", N_("on/off"), N_("plan that it is switched off, or on again")),
    Action("cron_job.history", "h", "history", N_("history"), N_("how it ran before: result, duration, output")),
    Action("cron_job.copy", "c", "copy", N_("copy"), N_("plan a copy in the same crontab or another one")),
    Action("cron_job.move", "m", "move", N_("move"), N_("plan that it goes to another user, or to a file of /etc")),
    Action("cron_job.delete", "x", "delete", N_("delete"), N_("plan that it goes")),
    Action(
        "cron_job.record", "w", "record", N_("record"), N_("keep result, duration and output of each run, or no more")
    ),
    Action(
        "cron_job.convert",
        "t",
        "convert",
        N_("to timer"),
        N_("make a timer of a line, or a line of a timer; shown first"),
    ),
    Action(
        "cron_job.compare",
        "u",
        "compare",
        N_("shell"),
        N_("what its environment lacks beside a login shell's; try it there"),
    ),
    Action("cron_history.filter", "f", "filter", N_("show"), N_("all runs, those that failed, those that went well")),
    Action("cron_history.more", "m", "more", N_("older"), N_("read older entries of the journal")),
    Action("cron_history.larger", "z", "larger", N_("larger"), N_("give the output the whole screen, and back")),
    Action("cron_day.view", "v", "view", N_("show"), N_("only what collides, or all")),
    Action("cron_findings.edit", "e", "edit", N_("edit"), N_("change the line")),
    Action("cron_findings.view", "v", "view", N_("show"), N_("all findings, or errors only")),
    Action(
        "cron_compare.cron", "r", "run_cron", N_("as cron"), N_("plan that it runs now, exactly as cron would run it")
    ),
    Action("cron_compare.shell", "t", "run_shell", N_("in the shell"), N_("plan that it runs now by the login shell")),
    Action("act.plan", "p", "plan", N_("plan"), N_("show exactly what would be done, to be reviewed")),
    Action("act.back", "q,escape", "back", N_("back"), N_("go back; nothing is done")),
    Action("bans.unban", "u", "unban", N_("lift the ban"), N_("plan that the address is let in again, and show it")),
    Action("bans.refresh", "r", "refresh", N_("read again"), N_("ask fail2ban again")),
    Action("home.confirm", "y", "confirm", N_("confirm"), N_("all is well: the change that waits stays")),
    Action("home.audit", "s", "audit", N_("audit"), N_("how safe it is: checks with receipts, who reaches what")),
    Action("home.services", "v", "services", N_("services"), N_("what runs, what failed, and why"), "palette"),
    Action("home.reach", "a", "reach", N_("address"), N_("how to log in here, as a QR code for a phone"), "palette"),
    Action("home.wizard", "w", "wizard", N_("wizard"), N_("from here to a machine that does what you want, in one go")),
    Action("home.logs", "l", "logs", N_("logs"), N_("the journal and the files under /var/log"), "palette"),
    Action("home.dashboard", "m", "dashboard", N_("dashboard"), N_("what the machine does now, and did")),
    Action("home.refresh", "r", "refresh", N_("read again"), N_("read the machine again")),
    Action("goals.choose", "space,enter", "open", N_("choose"), N_("choose it, or not")),
    Action("wizard.next", "n", "next", N_("next"), N_("go on; after the last question the whole plan is shown")),
    Action("wizard.before", "p", "before", N_("back"), N_("the question before; nothing is lost"), "help"),
    Action("wizard.more", "m", "more", N_("more"), N_("all settings of this module, and the few again")),
    Action("wizard.open", "o", "open", N_("open"), N_("open a setup that was saved, or one on the boot partition")),
    Action("wizard.save", "w", "save", N_("save"), N_("save the answers under a name, as a setup file"), "palette"),
    Action("wizard.over", "x", "over", N_("start over"), N_("forget all answers (asks first)"), "palette"),
    Action("wizard.back", "q,escape", "back", N_("back"), N_("the question before; from the first one to Home")),
    Action("review.agree", "y", "agree", N_("agree and run"), N_("agree to the plan and run it exactly as shown")),
    Action("review.seconds", "t", "seconds", N_("time"), N_("the time to confirm in: 1, 2, 5 or 10 minutes")),
    Action(
        "review.without",
        "w",
        "without",
        N_("without"),
        N_("at the machine itself: without a confirmation to wait for, and with it again"),
    ),
    Action("review.larger", "z", "larger", N_("larger"), N_("give the detail the whole screen, and back")),
    Action("job.confirm", "y", "confirm", N_("confirm"), N_("all is well: the change that waits stays")),
    Action("job.reboot", "a", "reboot", N_("reboot now"), N_("agree that the machine reboots now; the job goes on")),
    Action("job.reboot_at", "t", "reboot_at", N_("reboot at"), N_("let it reboot by itself at a time of the clock")),
    Action("job.cancel", "c", "cancel", N_("cancel"), N_("stop the job (asks first)")),
    Action("job.undo", "u", "undo", N_("undo"), N_("plan the way back and show it")),
    Action("job.resume", "r", "resume", N_("continue"), N_("let an interrupted job go on where it was")),
    Action("job.leave", "l", "leave", N_("leave"), N_("leave an interrupted job as it is; nothing asks again")),
    Action("job.replan", "p", "replan", N_("try again"), N_("plan again from what the machine is now, and show it")),
    Action(
        "job.skip",
        "o",
        "skip",
        N_("leave out"),
        N_("plan again without the step that failed and what depends on it"),
    ),
    Action("job.shell", "x", "shell", N_("shell"), N_("a shell, to look and mend by hand; `exit` comes back here")),
    Action("job.report", "e", "report", N_("report"), N_("what it came to: to be read, kept, and acted on")),
    Action("job.secret", "s", "secret", N_("show secret"), N_("show what the job made (a password, a key), this once")),
    Action("job.larger", "z", "larger", N_("larger"), N_("give the lower part the whole screen, and back")),
    Action("report.file", "f", "file", N_("file"), N_("write the report to a file of yours")),
    Action("secret.file", "f", "file", N_("file"), N_("write it to a file of yours that nobody else can read")),
    Action("secret.back", "q,escape", "back", N_("back"), N_("go back (asks first): it isn't shown again")),
    Action("history.undo", "u", "undo", N_("undo"), N_("plan the way back from this job and show it")),
    Action("audit.look", "s", "look", N_("look at everything"), N_("walk through all files, and run Lynis")),
    Action("audit.exposure", "e", "exposure", N_("exposure"), N_("every listening socket, and who reaches it")),
    Action("audit.refresh", "r", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action("audit.back", "q,escape", "back", N_("back"), N_("go back; while it looks: stop looking")),
    Action("logs.follow", "f", "follow", N_("follow"), N_("show what is logged as it comes, and stop that")),
    Action("logs.search", "slash", "search", N_("search"), N_("search upwards in the whole log: a text, or /regex/")),
    Action("logs.next", "n", "find(-1)", N_("next"), N_("the next place that was found, upwards"), "help"),
    Action("logs.before", "N", "find(1)", N_("before"), N_("the place before that was found, downwards"), "help"),
    Action("logs.log", "l", "log", N_("log"), N_("another log: the journal, or a file under /var/log")),
    Action("logs.export", "x", "export", N_("export"), N_("write what is filtered to a file; shown first")),
    Action("logs.unit", "u", "unit", N_("unit"), N_("only a unit's entries, or the kernel's"), "palette"),
    Action("logs.priority", "p", "priority", N_("priority"), N_("only what is as bad as that, or worse"), "palette"),
    Action("logs.boot", "o", "boot", N_("boot"), N_("only one boot's entries"), "palette"),
    Action("logs.time", "t", "time", N_("time"), N_("only entries since a time, or between two"), "palette"),
    Action("logs.text", "m", "text", N_("match"), N_("only entries that have a text, or fit /regex/"), "palette"),
    Action("logs.clear", "c", "clear", N_("clear"), N_("no filters: the entry among all others"), "palette"),
    Action("logs.back", "q,escape", "back", N_("back"), N_("go back; while something is read or searched: stop that")),
    Action("entries.left", "left", "left", N_("left"), N_("show what is cut off on the left"), "help"),
    Action("entries.right", "right", "right", N_("right"), N_("show what is cut off on the right"), "help"),
    Action("log_export.write", "w", "write", N_("write"), N_("write it to a file of yours that nobody else can read")),
    Action("services.start", "s", "start_unit", N_("start"), N_("plan that the service starts, and show it")),
    Action("services.stop", "t", "stop_unit", N_("stop"), N_("plan that the service stops, and show it")),
    Action("services.restart", "r", "restart_unit", N_("restart"), N_("plan that the service restarts, and show it")),
    Action("services.enable", "e", "enable_unit", N_("enable"), N_("plan that it starts with the machine")),
    Action("services.disable", "d", "disable_unit", N_("disable"), N_("plan that it doesn't start with the machine")),
    Action("services.logs", "l", "logs", N_("log"), N_("read all of its log")),
    Action("services.find", "slash", "find", N_("find"), N_("show only services with what you type: name, state")),
    Action("services.view", "v", "view", N_("show"), N_("show those in use, all, those that failed, those made here")),
    Action("services.larger", "z", "larger", N_("larger"), N_("give the detail the whole screen, and back")),
    Action("services.refresh", "i", "refresh", N_("read again"), N_("ask systemd again"), "palette"),
    Action("users.new", "n", "new", N_("new"), N_("a new account, in the form")),
    Action("users.change", "e", "change", N_("change"), N_("change the account, in the form")),
    Action("users.lock", "l", "lock", N_("lock"), N_("lock the account, so that nobody logs in as it, or unlock it")),
    Action("users.expire", "x", "expire", N_("expire"), N_("set a day from which nobody logs in as it")),
    Action("users.delete", "d", "delete", N_("delete"), N_("remove the account; its home is kept, packed or deleted")),
    Action("users.find", "slash", "find", N_("find"), N_("show only accounts with what you type: name, group, key")),
    Action("users.sort", "o", "sort", N_("order"), N_("in the order of names, of last logins, of numbers")),
    Action("users.settings", "s", "settings", N_("settings"), N_("all settings of users, password rules too")),
    Action("users.refresh", "r", "refresh", N_("read again"), N_("read the machine again"), "palette"),
    Action("person.change", "e", "change", N_("change"), N_("change the account, in the form")),
    Action("person.lock", "l", "lock", N_("lock"), N_("lock the account, so that nobody logs in as it, or unlock it")),
    Action("person.expire", "x", "expire", N_("expire"), N_("set a day from which nobody logs in as it")),
    Action(
        "person.delete", "d", "delete", N_("delete"), N_("remove the account; its home stays, is packed or deleted")
    ),
    Action("person.remove_key", "m", "remove_key", N_("remove key"), N_("take one of its keys away, in the form")),
    Action(
        "backup_snapshots.compare",
        "c",
        "compare",
        N_("changes"),
        N_("what changed since the one before, or the marked"),
    ),
    Action("backup_snapshots.mark", "m", "mark", N_("mark"), N_("mark it, to be compared with another one")),
    Action("backup_snapshots.search", "s", "search", N_("search"), N_("look for a name in all snapshots")),
    Action(
        "backup_snapshots.database",
        "d",
        "restore_database",
        N_("database"),
        N_("restore a database that was dumped then"),
    ),
    Action("backup_snapshots.where", "p", "where", N_("place"), N_("show one place after the other, then all")),
    Action(
        "backup_snapshots.find", "slash", "find", N_("find"), N_("show only runs with what you type: job, place, date")
    ),
    Action(
        "backup_snapshots.larger",
        "z",
        "larger",
        N_("larger"),
        N_("give the detail the whole screen, and back"),
        "palette",
    ),
    Action("backup_snapshots.refresh", "i", "refresh", N_("read again"), N_("ask the places again"), "palette"),
    Action(
        "backup_list.mark", "space", "mark", N_("choose"), N_("choose it, or not any more; it goes on to the next line")
    ),
    Action(
        "backup_tree.restore",
        "r",
        "restore",
        N_("restore"),
        N_("go on with what is chosen: where to, what is overwritten"),
    ),
    Action("backup_tree.up", "left", "up", N_("up"), N_("the folder above")),
    Action("backup_tree.enter", "right", "enter", N_("into"), N_("open the folder"), "help"),
    Action("backup_tree.search", "s", "search", N_("search"), N_("look for a name in the whole snapshot")),
    Action("backup_tree.find", "slash", "find", N_("find"), N_("show only what has what you type in its name, here")),
    Action("backup_tree.save", "w", "save", N_("write"), N_("write the file to your home directory, for you alone")),
    Action("backup_tree.clear", "x", "clear", N_("none"), N_("choose nothing again"), "palette"),
    Action("backup_compare.view", "v", "view", N_("show"), N_("show all, only new, only removed, only changed")),
    Action("backup_compare.find", "slash", "find", N_("find"), N_("show only paths with what you type")),
    Action("backup_find.find", "slash", "find", N_("search"), N_("type another name")),
    Action("backup_inside.find", "slash", "find", N_("search"), N_("type another name")),
    Action("backup_restore.plan", "p", "plan", N_("plan"), N_("show exactly what would be done, to be reviewed")),
    Action("backup_restore.target", "t", "target", N_("where to"), N_("in place, or below another folder")),
    Action("backup_restore.existing", "e", "existing", N_("what is there"), N_("keep it, replace it, or rename it")),
    Action("dashboard.shorter", "left", "range(-1)", N_("shorter"), N_("a shorter range, down to live")),
    Action("dashboard.longer", "right", "range(1)", N_("longer"), N_("a longer range: 1 h, 24 h, 7 d, 30 d")),
    Action("dashboard.processes", "p", "processes", N_("processes"), N_("the processes, by processor time and memory")),
    Action("chart.shorter", "left", "range(-1)", N_("shorter"), N_("a shorter range, down to live")),
    Action("chart.longer", "right", "range(1)", N_("longer"), N_("a longer range: 1 h, 24 h, 7 d, 30 d")),
    Action("chart.before", "up,k", "metric(-1)", N_("the one before"), N_("the chart of the line above"), "help"),
    Action("chart.next", "down,j", "metric(1)", N_("the next one"), N_("the chart of the line below"), "help"),
    Action(
        "processes.find", "slash", "find", N_("find"), N_("show only processes with what you type: name, user, number")
    ),
    Action("processes.cpu", "c", "order('cpu')", N_("by processor"), N_("those first that use the processor most")),
    Action("processes.memory", "m", "order('memory')", N_("by memory"), N_("those first that hold most memory")),
    Action("processes.number", "n", "order('number')", N_("by number"), N_("in the order of their numbers")),
    Action("ask.yes", "y", "yes", N_("yes"), N_("yes, do it")),
    Action("ask.no", "n,q,escape", "no", N_("no"), N_("no, leave it")),
    Action("setups.remove", "d,delete", "remove", N_("remove"), N_("remove the setup file (asks first)")),
    Action("setups.back", "q,escape", "back", N_("back"), N_("go back; nothing is opened")),
    Action("line.leave", "escape", "leave", N_("back"), N_("go back; nothing is done")),
    Action("qr.text", "t", "text", N_("text"), N_("show the text instead of the code, and back")),
    Action("qr.file", "f", "file", N_("file"), N_("write the text to a file")),
    Action("qr.up", "up,k", "scroll(-1)", N_("up"), N_("a line towards the start of the text"), "help"),
    Action("qr.down", "down,j", "scroll(1)", N_("down"), N_("a line towards the end of the text"), "help"),
    Action("message.close", "enter,q,escape", "close", N_("close"), N_("close the message")),
)

_KEY_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "slash": "/",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift-Tab",
    "space": "Space",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "ctrl+c": "Ctrl-C",
    "ctrl+l": "Ctrl-L",
}


def key_name(key: str) -> str:
    """A key as a person reads it."""
    return _KEY_NAMES.get(key, key)


def of(place: str) -> tuple[Action, ...]:
    """The actions of one place."""
    return tuple(action for action in ACTIONS if action.place == place)


def bindings(*places: str) -> list[Binding]:
    """The actions of places as Textual takes them (BINDINGS)."""
    return [
        Binding(
            each.keys,
            each.action,
            _(each.label),
            show=each.show == "footer",
            key_display=key_name(each.keys.split(",")[0]),
            tooltip=_(each.help),
            id=each.id,
        )
        for place in places
        for each in of(place)
    ]


def table() -> str:
    """docs/keys.md."""
    lines = [
        "# Keys",
        "",
        "Made by `python -m pi_installer_tui.widgets.actions > docs/keys.md`; a test fails when it is out of date.",
        "",
        "In a field letters are text. Esc leaves the field, then they are keys again.",
    ]
    for place, title in PLACES.items():
        if not (actions := of(place)):
            continue
        lines += ["", f"## {title}", "", "| key | what it does |", "|---|---|"]
        lines += [
            f"| {', '.join(f'`{key_name(k)}`' for k in each.keys.split(','))} | {each.help} |" for each in actions
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
