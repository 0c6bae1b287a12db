"""The command line's words. A mistake in them ends with status 3, like any other wrong input."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pi_installer_tui import __version__, modules
from pi_installer_tui.cli.status import Exit
from pi_installer_tui.i18n import _

PROGRAM = "pi-installer-tui"


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.INPUT, f"{self.prog}: {message}\n")


def _console(wish: str) -> str:
    from pi_installer_tui.console.profile import ProfileError, parse_wish

    try:
        parse_wish(wish)
    except ProfileError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return wish


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    root = _Parser(
        prog=PROGRAM,
        description=_("Set up, harden and mend a Raspberry Pi or any Debian server.\nWithout a verb the screens open."),
        epilog=_(
            "exit status: 0 done, 1 failed, 2 changes are pending, 3 the input is wrong,\n"
            "4 needs root, 5 the machine changed since the review (nothing was done),\n"
            "130 cancelled"
        ),
    )
    root.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    root.add_argument("--demo", action="store_true", help=_("work on a recorded Pi; this machine isn't touched"))
    root.add_argument("--demo-root", metavar="DIR", help=argparse.SUPPRESS)
    root.add_argument("--read-only", action="store_true", help=_("open the screens without asking for root"))
    root.add_argument(
        "--console",
        metavar="CONSOLE",
        type=_console,
        help=_("hdmi, ssh or serial (default: found out); more after commas: serial,colours=8,glyphs=dec,baud=9600"),
    )
    root.add_argument("--handed", metavar="NAME=VALUE", action="append", default=[], help=argparse.SUPPRESS)
    verbs = root.add_subparsers(dest="verb", metavar=_("VERB"), title=_("verbs"), parser_class=_Parser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text)

    def module(to: argparse.ArgumentParser) -> None:
        to.add_argument("module", nargs="?", choices=modules.names(), metavar="MODULE", help=", ".join(modules.names()))

    def json(to: argparse.ArgumentParser) -> None:
        to.add_argument("--json", action="store_true", help=_("one JSON document on standard output"))

    def setup(to: argparse.ArgumentParser) -> None:
        to.add_argument(
            "setup",
            nargs="+",
            metavar="SETUP.yaml",
            help=_("setup files, or names of saved ones, merged left to right; - is standard input"),
        )

    def secrets(to: argparse.ArgumentParser) -> None:
        to.add_argument(
            "--secrets",
            metavar="FILE",
            help=_("secrets by the names that the setup file has, as YAML (`name: value`); - is standard input"),
        )

    def job(to: argparse.ArgumentParser) -> None:
        to.add_argument("job", metavar="ID", type=job_id, help=_("a job's id, as `jobs` lists it"))

    def confirmation(to: argparse.ArgumentParser) -> None:
        to.add_argument(
            "--confirm",
            choices=("wait", "auto", "none"),
            help=_(
                "what may cut you off goes back by itself unless: wait (with a terminal): somebody confirms it; auto "
                "(without one): gateway and peers answer for 30 s; none: it isn't put on probation"
            ),
        )
        to.add_argument("--within", metavar=_("SECONDS"), type=seconds, help=_("for so long it waits (120)"))
        to.add_argument(
            "--peer", metavar="HOST", action="append", default=[], type=peer, help=_("for auto: this one answers too")
        )
        to.add_argument(
            "--reboot",
            metavar="WHEN",
            type=reboot_time,
            help=_("a reboot amid the job: ask (with a terminal), now (without one), or HH:MM"),
        )

    status = verb("status", _("what is"))
    module(status)
    json(status)
    audit = verb("audit", _("how safe the machine is: checks with receipts, a score, who reaches what listens"))
    json(audit)
    audit.add_argument(
        "--quick", action="store_true", help=_("files and Lynis as they were found last time; the rest anew")
    )
    json(verb("metrics", _("what the machine does in numbers, now, as Prometheus reads it")))
    plan = verb("plan", _("what would change: exit status 0 nothing, 2 something"))
    setup(plan)
    secrets(plan)
    json(plan)
    apply = verb("apply", _("plan, ask, run, check"))
    setup(apply)
    secrets(apply)
    apply.add_argument("--yes", "-y", action="store_true", help=_("don't ask"))
    json(apply)
    apply.add_argument("--detach", action="store_true", help=_("print the job's id and don't wait for its end"))
    confirmation(apply)
    listed = [(m, action) for m in modules.MODULES for action in m.actions]
    act = verb("act", _("do something that isn't a setting: show, ask, run, check"))
    act.epilog = "\n".join(
        [_("actions:"), *(f"  {m.name} {action.name:12} {_(action.title)}: {_(action.help)}" for m, action in listed)]
    )
    acting = tuple(dict.fromkeys(m.name for m, _action in listed))
    act.add_argument("module", choices=acting, metavar="MODULE", help=", ".join(acting))
    act.add_argument("action", metavar="ACTION", help=_("as it stands below"))
    act.add_argument("told", nargs="*", default=[], type=told, metavar="KEY=VALUE", help=_("what it is about"))
    act.add_argument("--yes", "-y", action="store_true", help=_("don't ask"))
    secrets(act)
    json(act)
    act.add_argument("--detach", action="store_true", help=_("print the job's id and don't wait for its end"))
    confirmation(act)
    export = verb("export", _("the machine's present settings as a setup file"))
    module(export)
    schema = verb("schema", _("the setup file's JSON Schema"))
    module(schema)
    kept = verb("setups", _("setup files that were saved under a name"))
    json(kept)
    kept_verbs = kept.add_subparsers(dest="setups_verb", metavar="show NAME", parser_class=_Parser)
    one = kept_verbs.add_parser("show", help=_("one of them, as it is"), description=_("one saved setup file"))
    one.add_argument("name", metavar="NAME", type=saved_name, help=_("as `setups` lists it"))
    jobs = verb("jobs", _("every job: when, who, how it ended"))
    json(jobs)
    shown = jobs.add_subparsers(dest="jobs_verb", metavar="show ID", parser_class=_Parser)
    show = shown.add_parser("show", help=_("one job: its plan, output, checks"), description=_("one job"))
    job(show)
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("one JSON document"))
    told_of = verb("alerts", _("what fires now; history, ack ID, test CHANNEL"))
    json(told_of)
    told_of_verbs = told_of.add_subparsers(
        dest="alerts_verb", metavar="history, ack ID, test CHANNEL", parser_class=_Parser
    )
    past = told_of_verbs.add_parser("history", help=_("every alert"), description=_("every alert, the newest first"))
    past.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("one JSON document"))
    ack = told_of_verbs.add_parser("ack", help=_("say that it was seen"), description=_("it isn't told again"))
    ack.add_argument("alert", metavar="ID", type=int, help=_("an alert's number, as `alerts` lists it"))
    ack.add_argument("--note", default="", metavar="TEXT", help=_("kept with it"))
    trial = told_of_verbs.add_parser(
        "test", help=_("send a test message"), description=_("sends a test message, and says what the server answered")
    )
    trial.add_argument("channel", metavar="CHANNEL", help=_("a channel's name"))
    _cron(verb("cron", _("what runs by the clock; list, show, history, next")), json)
    _vpn(verb("vpn", _("who connects; add, pause, resume, revoke, rotate, rename, show, expire")), json)
    _backup(
        verb("backup", _("how the jobs stand; run, list, verify, drill, restore, restore-database, unlock, history")),
        json,
    )
    job(verb("attach", _("follow a job from its first line; Ctrl-C leaves it, and it goes on")))
    confirm = verb("confirm", _("say that all is well: a change on probation stays"))
    job(confirm)
    anyway = _("from a connection that will end; at the machine itself: without a new login")
    confirm.add_argument("--anyway", action="store_true", help=anyway)
    reboot = verb("reboot", _("let a job reboot the machine that waits for it"))
    job(reboot)
    reboot.add_argument("--at", metavar="HH:MM", type=clock, help=_("then, instead of now"))
    job(verb("cancel", _("stop a job that runs or waits; what is on probation goes back")))
    job(verb("continue", _("let an interrupted job go on where it was")))
    verb("first-boot", _("apply the boot partition's setup file that says `unattended: true`, once (at boot)"))
    secret = verb("secret", _("show a secret that a job has made, for the only time"))
    secret.add_argument("name", metavar="NAME", type=secret_name, help=_("as the setup file names it"))
    undo = verb("undo", _("put back what a job changed: show, ask, run, check"))
    job(undo)
    undo.add_argument(
        "--delete-data",
        action="store_true",
        help=_("purge the packages that the job installed with the data that was made since (it is shown first)"),
    )
    undo.add_argument("--yes", "-y", action="store_true", help=_("don't ask"))
    confirmation(undo)
    return root


def _backup(to: argparse.ArgumentParser, json: Callable[[argparse.ArgumentParser], None]) -> None:
    """The verb `backup` and those below it."""
    json(to)
    listed = "run, list, verify, drill, restore, restore-database, unlock, history"
    verbs = to.add_subparsers(dest="backup_verb", metavar=listed, parser_class=_Parser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("one JSON document"))
        return added

    def asking(added: argparse.ArgumentParser) -> None:
        added.add_argument("--yes", "-y", action="store_true", help=_("don't ask"))

    def scheduled(added: argparse.ArgumentParser) -> None:
        asking(added)
        added.add_argument(
            "--scheduled",
            action="store_true",
            help=_("as timers call it: nobody is asked, and it waits while packages change or the power is too weak"),
        )

    def name(added: argparse.ArgumentParser, of: str, **options: Any) -> None:
        added.add_argument(of, type=backup_name, **options)

    job, place = _("a job's name"), _("a place's name")
    run = verb("run", _("back up a job now: to all of its places, one after the other"))
    drill = verb("drill", _("prove a job: some of it is really restored, and compared"))
    for each in (run, drill):
        name(each, "job", metavar="JOB", help=job)
        name(each, "--place", metavar="PLACE", help=_("only to, or from, this one"))
        scheduled(each)
    snapshots = verb("list", _("the snapshots, place by place"))
    name(snapshots, "job", nargs="?", metavar="JOB", help=_("of this job only"))
    name(snapshots, "--place", metavar="PLACE", help=_("at this place only"))
    verify = verb("verify", _("look whether what a repository holds is whole"))
    name(verify, "places", nargs="+", metavar="PLACE", help=place)
    share = _("percent of the data that are read again besides (0); 100: all of it")
    verify.add_argument("--share", type=percent, default=0, metavar="N", help=share)
    scheduled(verify)
    restore = verb("restore", _("bring files of a snapshot back: show, ask, run, compare"))
    name(restore, "place", metavar="PLACE", help=place)
    restore.add_argument("snapshot", metavar="SNAPSHOT", help=_("its id, as `backup list` shows it, or latest"))
    restore.add_argument("paths", nargs="+", metavar="PATH", help=_("whole paths in the snapshot; / is all of it"))
    restore.add_argument("--to", default="", metavar="DIR", help=_("a folder below which they are put (in place)"))
    existing = _("what becomes of a file that is there: it is kept, replaced, or put aside (keep)")
    restore.add_argument("--existing", choices=("keep", "replace", "rename"), default="keep", help=existing)
    asking(restore)
    database = verb("restore-database", _("bring a database back from its dump: show, ask, run"))
    name(database, "place", metavar="PLACE", help=place)
    database.add_argument("snapshot", metavar="SNAPSHOT", help=_("the dump's id, as `backup list` shows it"))
    database.add_argument(
        "--into", default="", metavar="NAME", help=_("another database, which is made (the same one, replaced)")
    )
    asking(database)
    unlock = verb("unlock", _("remove locks that nobody holds any more"))
    name(unlock, "place", metavar="PLACE", help=place)
    unlock.add_argument("--lock", default="", metavar="ID", help=_("this one, whoever holds it"))
    asking(unlock)
    verb("history", _("every run, verification, drill and restoration"))


def _cron(to: argparse.ArgumentParser, json: Callable[[argparse.ArgumentParser], None]) -> None:
    """The verb `cron` and those below it."""
    json(to)
    verbs = to.add_subparsers(dest="cron_verb", metavar="list, show, history, next", parser_class=_Parser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("one JSON document"))
        return added

    listed = verb("list", _("crontabs, scripts, timers and at's jobs"))
    listed.add_argument("--next", action="store_true", help=_("in the order in which they come"))
    for each in (
        verb("show", _("one of them: what it runs, when, and what is wrong with it")),
        verb("history", _("how it ended, as far as its record or the journal knows")),
    ):
        each.add_argument("job", metavar="JOB", help=_("as `cron list` lists it, or its name"))
    coming = verb("next", _("when a schedule comes, in words and times"))
    coming.add_argument("schedule", metavar="SCHEDULE", help=_("five fields, or a form such as @daily, in quotes"))
    coming.add_argument("count", nargs="?", type=amount, default=10, metavar="N", help=_("so many times (10)"))


def amount(text: str) -> int:
    """A number of times."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:6]) <= 1000:
        raise argparse.ArgumentTypeError(_("a number from 1 to 1000"))
    return int(text)


def _vpn(to: argparse.ArgumentParser, json: Callable[[argparse.ArgumentParser], None]) -> None:
    """The verb `vpn` and those below it."""
    json(to)
    listed = "list, add, pause, resume, revoke, rotate, rename, show, link, expire, verdict, doctor, map"
    verbs = to.add_subparsers(dest="vpn_verb", metavar=listed, parser_class=_Parser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("one JSON document"))
        return added

    def of_peer(name: str, text: str) -> argparse.ArgumentParser:
        added = verb(name, text)
        added.add_argument("peer", type=peer_name, metavar="NAME", help=_("a peer's name"))
        added.add_argument("--tunnel", default="", metavar="TUNNEL", help=_("needn't be named where there is one only"))
        return added

    verb("list", _("the tunnels, and who connects"))
    add = of_peer("add", _("add a peer: show, ask, run, check"))
    add.add_argument("told", nargs="*", default=[], type=told, metavar="KEY=VALUE", help=_("its settings: reach=lan"))
    changing = [add, of_peer("pause", _("it can't connect until it is resumed"))]
    changing += [of_peer("resume", _("it can connect again")), of_peer("revoke", _("its keys and addresses go"))]
    changing.append(of_peer("rotate", _("it gets new keys; its old ones don't count any more")))
    rename = of_peer("rename", _("it gets another name, and keeps the rest"))
    rename.add_argument("to", type=peer_name, metavar="NEW", help=_("the new name"))
    for each in (*changing, rename):
        each.add_argument("--yes", "-y", action="store_true", help=_("don't ask"))
    show = of_peer("show", _("the configuration that a peer is given; where its key isn't kept, for the only time"))
    show.add_argument("--qr", action="store_true", help=_("as a QR code"))
    of_peer("link", _("hand the configuration out by a link on the local network that works once"))
    verb("expire", _("pause the peers that have expired (a timer does)"))
    _reach(verb)


def _reach(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """The verbs about the way from outside."""
    tunnel = _("needn't be named where there is one only")
    ask = _("a public service that answers with the address it sees; without, only the router is asked")
    seeing = verb("verdict", _("whether this machine can be reached from outside, and what to do"))
    seeing.add_argument("--tunnel", default="", metavar="TUNNEL", help=tunnel)
    for each in (seeing, verb("doctor", _("what could be in the way of the VPN, and what mends it"))):
        each.add_argument("--ask", default="", metavar="URL", help=ask)
    mapping = verb("map", _("ask the router to pass the tunnel's port on"))
    mapping.add_argument("--tunnel", default="", metavar="TUNNEL", help=tunnel)
    mapping.add_argument("--how", default="", choices=("", "auto", "pcp", "nat-pmp", "upnp"), help=_("the way to ask"))
    mapping.add_argument("--renew", action="store_true", help=_("for the tunnels that want it (a timer does)"))
    mapping.add_argument("--back", action="store_true", help=_("give the port back"))


def peer_name(text: str) -> str:
    """A peer's name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", text):
        raise argparse.ArgumentTypeError(_("that isn't a peer's name: small letters, digits, _ and -"))
    return text


def backup_name(text: str) -> str:
    """The name of a job or of a place."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", text):
        raise argparse.ArgumentTypeError(_("that isn't a name of a job or place"))
    return text


def percent(text: str) -> int:
    """A share, from 0 to 100."""
    if not text.isascii() or not text.isdecimal() or int(text[:4]) > 100:
        raise argparse.ArgumentTypeError(_("percent, from 0 to 100"))
    return int(text)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; ends the process with status 3 and a usage line for what isn't one."""
    root = parser()
    args = root.parse_args(argv)
    if args.read_only and (verb := in_full(args)) in CHANGING:
        root.error(_("--read-only and {verb} exclude each other").format(verb=verb))
    return args


def in_full(args: argparse.Namespace) -> str:
    """The verb with the one below it: `vpn add`."""
    if args.verb == "alerts" and args.alerts_verb == "ack":
        return "alerts ack"
    return f"vpn {args.vpn_verb}" if args.verb == "vpn" and args.vpn_verb else str(args.verb)


#: the verbs that start or stop something
CHANGING = (
    "act",
    "alerts ack",
    "apply",
    "backup",
    "cancel",
    "confirm",
    "continue",
    "first-boot",
    "reboot",
    "secret",
    "undo",
    "vpn add",
    "vpn expire",
    "vpn map",
    "vpn pause",
    "vpn rename",
    "vpn resume",
    "vpn revoke",
    "vpn rotate",
    "vpn show",
)


def seconds(text: str) -> int:
    """A time to confirm in, in seconds."""
    from pi_installer_tui.tasks.steps.probation import LEAST, MOST

    if not text.isascii() or not text.isdecimal() or not LEAST <= int(text[:6]) <= MOST:
        raise argparse.ArgumentTypeError(_("seconds, from {least} to {most}").format(least=LEAST, most=MOST))
    return int(text)


def told(text: str) -> tuple[str, str]:
    """What an action is told: a key and its value."""
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", key):
        raise argparse.ArgumentTypeError(_("it looks like KEY=VALUE"))
    return key, value


def peer(text: str) -> str:
    """A host's name or address; never an option of the program that asks it."""
    if not re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9:.%_-]{0,252}", text):
        raise argparse.ArgumentTypeError(_("that isn't a host's name or address"))
    return text


def secret_name(text: str) -> str:
    """A secret's name; nothing else gets near the folder of secrets."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", text):
        raise argparse.ArgumentTypeError(_("that isn't the name of a secret"))
    return text


def saved_name(text: str) -> str:
    """A saved setup's name; nothing else gets near the folder of setups."""
    from pi_installer_tui.setups import NAME

    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(_("that isn't the name of a saved setup"))
    return text


def clock(text: str) -> str:
    """A time of day."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise argparse.ArgumentTypeError(_("a time looks like 03:30"))
    return text


def reboot_time(text: str) -> str:
    """When a job may reboot the machine."""
    return text if text in ("ask", "now") else clock(text)


def job_id(text: str) -> str:
    """A job's id; nothing else gets near the folder of jobs."""
    if not re.fullmatch(r"[0-9]{8}-[0-9]{6}-[a-z0-9]{4}", text):
        raise argparse.ArgumentTypeError(_("a job's id looks like 20250131-174502-x7k2"))
    return text
