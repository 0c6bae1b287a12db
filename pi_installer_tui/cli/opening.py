"""Opening the screens: is this a terminal, who are we, and a line of text before anything big is imported."""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pi_installer_tui import __version__
from pi_installer_tui.cli import elevation
from pi_installer_tui.cli.arguments import PROGRAM
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _


def open_screens(args: Namespace, given: Sequence[str]) -> int:
    """Opens the screens and returns the exit status. Not root: asks sudo once; without it they are read-only."""
    try:
        elevation.take(args.handed, os.environ)
    except ValueError as error:
        raise Stop(Exit.INPUT, _("--handed: {name} isn't handed over like this").format(name=error)) from None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Stop(Exit.INPUT, _("the screens need a terminal; `pi-installer-tui --help` has what works without one"))
    from pi_installer_tui.console.profile import ENVIRONMENT, SETTINGS, ProfileError, parse_wish

    wish = args.console or ""
    try:
        parse_wish(wish or os.environ.get(ENVIRONMENT, ""))
    except ProfileError as error:
        raise Stop(Exit.INPUT, str(error)) from None
    read_only = bool(args.read_only)
    demo = bool(args.demo or args.demo_root)
    if os.geteuid() != 0 and not demo and not read_only:
        _say(_("Changing the machine takes root; sudo may ask for your password."))
        status = elevation.as_root(given)
        if status is not None:
            return status
        _say(_("Not root: the screens open read-only, to read and to plan."))
        read_only = True
    _say(f"{PROGRAM} {__version__} ...")
    # what is made until the first frame stays: looking through it for garbage takes a twentieth of the start
    gc.disable()
    from pi_installer_tui.console.probe import look, prepare

    try:
        profile = look(os.environ, wish)
    except ProfileError as error:
        raise Stop(Exit.INPUT, f"{SETTINGS}: {error}") from None
    prepare(profile, os.environ)

    folder = ""
    if args.demo_root:
        from pi_installer_tui.cli.machine import demo as made

        folder = made(Path(args.demo_root).absolute()).host.address

    from pi_installer_tui import app

    status = app.run(demo=demo, read_only=read_only, profile=profile, demo_folder=folder)
    return elevation.FAILED_AS_ROOT if args.handed and status == Exit.FAILED else status


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
