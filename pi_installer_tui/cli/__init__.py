"""The command line: opens the screens, and the same verbs without them. Importing it costs no pydantic, no Textual."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pi_installer_tui.cli import arguments
from pi_installer_tui.cli.status import Exit, Stop

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # a name that the terminal's encoding lacks is shown escaped instead of ending the program
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = arguments.parse(given)
        if args.verb is None:
            from pi_installer_tui.cli.opening import open_screens

            status = open_screens(args, given)
        else:
            from pi_installer_tui.cli.verbs import run

            status = run(args)
        sys.stdout.flush()
        return int(status)
    except Stop as stop:
        from pi_installer_tui.cli.printing import clean

        if str(stop):
            print(f"{arguments.PROGRAM}: {clean(str(stop))}", file=sys.stderr)
        return int(stop.status)
    except BrokenPipeError:
        # whoever read our output has gone; nothing more may be written, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.FAILED)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return int(Exit.CANCELLED)
    except Exception as error:
        from pi_installer_tui.cli import crash

        print(f"{arguments.PROGRAM}: {crash.report(error)}", file=sys.stderr)
        return int(Exit.FAILED)
