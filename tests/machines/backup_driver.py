"""Backs up inside a machine, as the program would, and prints what it tells as JSON:

python -m tests.machines.backup_driver trial|kit|init|back-up|snapshots|restore|check [WORD...] <PLACE.json

PLACE.json: the settings of a place; its secrets lie below /etc/pi-installer-tui/secrets. A backup is ended
after so many seconds (its first WORD), as a person would: restic 0.18 tries again for 15 minutes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from typing import Any

from pydantic import TypeAdapter

from pi_installer_tui.modules.backup.kit import kit
from pi_installer_tui.modules.backup.places import AnyPlace, PlaceSettings
from pi_installer_tui.modules.backup.placing import KNOWN_HOSTS, known_hosts, place_of
from pi_installer_tui.modules.backup.trial import trial
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.steps.backup.working import unlock_dead


async def main(verb: str, settings: PlaceSettings, words: list[str]) -> Any:
    host = LocalHost()
    if verb == "trial":
        create = words == ["create"]
        return [dataclasses.asdict(each) async for each in trial(host, settings, {}, create=create)]
    if verb == "kit":
        return (await kit(host, "far", settings)).text
    if (known := known_hosts("far", settings)) is not None:
        await host.run(["mkdir", "--parents", KNOWN_HOSTS], check=True)
        await host.replace(known[0], known[1].encode(), mode=0o600, uid=0, gid=0)
    patience = 20 if verb == "snapshots" else 60
    restic = Restic(host, place_of("far", settings), patience=patience)
    match verb:
        case "init":
            await restic.init()
        case "back-up":
            async with asyncio.timeout(int(words[0])):
                return dataclasses.asdict(await restic.back_up(words[1:]))
        case "snapshots":
            return [each.id for each in await restic.snapshots()]
        case "restore":
            await restic.run("restore", words[0], "--target", words[1])
        case "check":
            await unlock_dead(restic)  # what a run couldn't take away with the server gone, as every step does
            await restic.run("check", "--read-data")
    return None


if __name__ == "__main__":
    adapter: TypeAdapter[PlaceSettings] = TypeAdapter(AnyPlace)
    try:
        result = asyncio.run(main(sys.argv[1], adapter.validate_json(sys.stdin.read()), sys.argv[2:]))
    except TimeoutError:
        result = {"trouble": "ended"}
    except Trouble as error:
        result = {"trouble": error.reason, "values": error.values, "tail": error.tail}
    print(json.dumps(result))
