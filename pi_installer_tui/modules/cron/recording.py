"""What has to be there so that a job's runs are recorded: the program, a folder for the user's records, and where the
address of a ping lies that only the user may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pi_installer_tui.modules.cron.present import secret
from pi_installer_tui.modules.cron.state import PINGS, RECORDS, State
from pi_installer_tui.modules.cron.values import slug
from pi_installer_tui.system.cron.wrapped import PROGRAM, Wrapped, script
from pi_installer_tui.tasks.steps import Directory, RunCommand, SecretFile, Step, WriteFile


def steps(
    state: State,
    recorded: Sequence[tuple[str, Wrapped]],
    setting: str,
    *,
    update: bool = True,
) -> list[Step]:
    """Before the lines that record. recorded: users, and how. update: the program too, where it is an older one."""
    found: list[Step] = []
    if not recorded:
        return found
    there = state.recorder.folders
    if not (state.recorder.newest if update else state.recorder.there):
        step = WriteFile(id="cron.recorder", setting=setting, path=PROGRAM, content=script(), mode=0o755)
        found.append(step.model_copy(update={"owner": "root", "group": "root"}))
    if RECORDS not in there:
        found.append(_folder("cron.records", setting, RECORDS, "root", "0", "0755"))
    for user in dict.fromkeys(user for user, _wrapped in recorded):
        group = str(state.cron.users[user].gid) if user in state.cron.users else "0"
        if f"{RECORDS}/{user}" not in there:
            found.append(_folder(f"cron.records.{slug(user)}", setting, f"{RECORDS}/{user}", user, group, "0700"))
        pings = [wrapped.name for each, wrapped in recorded if each == user and wrapped.ping]
        wanted = [name for name in dict.fromkeys(pings) if f"{user}/{name}" not in state.recorder.pings]
        if wanted and PINGS not in there and not any(step.id == "cron.pings" for step in found):
            found.append(Directory(id="cron.pings", setting=setting, path=PINGS))
        if wanted and f"{PINGS}/{user}" not in there:
            path, name = f"{PINGS}/{user}", f"cron.pings.{slug(user)}"
            found.append(Directory(id=name, setting=setting, path=path, mode=0o500, owner=user, group=group))
        for name in wanted:
            found.append(
                SecretFile(
                    id=f"cron.ping.{slug(user)}.{slug(name)}",
                    setting=setting,
                    path=f"{PINGS}/{user}/{name}.ping",
                    name=secret(user, name),
                    owner=user,
                    group=group,
                )
            )
    return found


def given(state: State, secrets: frozenset[str]) -> State:
    """The state for a plan that comes with addresses: those that are there are replaced."""
    pings = frozenset(ping for ping in state.recorder.pings if secret(*ping.split("/", 1)) not in secrets)
    return replace(state, recorder=replace(state.recorder, pings=pings))


def _folder(step: str, setting: str, path: str, user: str, group: str, mode: str) -> RunCommand:
    """A folder that an undo leaves where something is in it by now: records are data."""
    return RunCommand(
        id=step,
        setting=setting,
        argv=("install", "--directory", f"--mode={mode}", f"--owner={user}", f"--group={group}", path),
        probe="repeatable",
        undo_argv=("rmdir", "--ignore-fail-on-non-empty", path),
    )
