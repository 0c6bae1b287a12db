"""The machine that a verb works on, and the jobs that belong to it."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.paths import STATE
from pi_installer_tui.tasks.store import Store


@dataclass(frozen=True, slots=True)
class Machine:
    """A host, and the store of its jobs."""

    host: Host
    store: Store


@contextmanager
def opened(args: Namespace) -> Iterator[Machine]:
    """The real machine, or with --demo a recorded one: in --demo-root, where it is there again next time, or in a
    folder that goes away with this command."""
    if not (args.demo or args.demo_root):
        from pi_installer_tui.system.local import LocalHost

        yield Machine(LocalHost(), Store(STATE))
    elif args.demo_root:
        yield demo(Path(args.demo_root).absolute())
    else:
        if getattr(args, "detach", False):
            raise Stop(Exit.INPUT, _("the demo ends with this command: a job can't go on without it"))
        with tempfile.TemporaryDirectory(prefix="pi-installer-tui-demo-") as folder:
            yield demo(Path(folder))


def demo(folder: Path) -> Machine:
    """The demo machine of a folder, made there the first time."""
    from pi_installer_tui.system.demo import DemoHost

    host = DemoHost(str(folder)) if (folder / "root").is_dir() else DemoHost.furnished(str(folder))
    return Machine(host, Store(host.state))
