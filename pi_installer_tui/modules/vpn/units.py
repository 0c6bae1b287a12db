"""Units of ours come and go with what needs them: peers that expire, a port that is asked for. Pure."""

from __future__ import annotations

from pi_installer_tui.modules.vpn import timers
from pi_installer_tui.modules.vpn.planning import NAME, Planning
from pi_installer_tui.tasks.steps import RemoveFile, RunCommand, Unit, WriteFile


def steps(made: Planning) -> None:
    wants = timers.units(made.wanted, made.state.python)
    for file in sorted(made.state.units, key=lambda file: file.endswith(".service")):  # a timer before its service
        if file not in wants:
            _gone(made, file)
    for file, text in wants.items():
        if made.state.units.get(file) != text:
            path = f"{timers.FOLDER}/{file}"
            made.add(WriteFile(id=f"{NAME}.unit.{file}", setting=NAME, path=path, content=text, mode=0o644))
    for file in (each for each in wants if each.endswith(".timer")):
        changed = made.state.units.get(file) != wants[file]
        if changed or not made.state.timers.get(file):
            files = {f"{NAME}.unit.{file}", f"{NAME}.unit.{file.replace('.timer', '.service')}"}
            step = Unit(
                id=f"{NAME}.timer.{file}",
                setting=NAME,
                needs=made.there(*files),
                name=file,
                enabled=True,
                active=True,
                restart=changed and bool(made.state.timers.get(file)),
            )
            made.add(step)


def _gone(made: Planning, file: str) -> None:
    needs: tuple[str, ...] = ()
    if file.endswith(".timer"):
        stop = f"{NAME}.timer.{file}"
        made.add(Unit(id=stop, setting=NAME, name=file, enabled=False, active=False))
        needs = (stop,)
        if file == f"{timers.MAPPING}.timer":  # its way back is the timer, which asks for the port again
            argv = (*timers.verb(made.state.python), "map", "--back")
            back = RunCommand(id=timers.BACK, setting=NAME, needs=needs, argv=argv, probe="repeatable", covered=True)
            made.add(back)
    path = f"{timers.FOLDER}/{file}"
    made.add(RemoveFile(id=f"{NAME}.unit.{file}", setting=NAME, needs=needs, path=path))
