"""How a program is played: `player` registers a coroutine under the program's name, `Call` is one run of it.

    @player("timedatectl")
    async def timedatectl(call: Call) -> int:
        options = call.options("--property=", "-p=", "--value")
        if options.words[:1] == ["set-timezone"]:
            with call.machine.locked():
                ...
            return 0
        raise Refused(f"Unknown command verb '{options.words[0]}'.")

Output goes through `call.out` and `call.err`, time passes in `call.pause`, the result is the exit status.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TypeAlias

from pi_installer_tui.system.demo.tree import Machine

#: PI_INSTALLER_TUI_DEMO_PACE: what every pause is multiplied by; 0 in tests
PACE = "PI_INSTALLER_TUI_DEMO_PACE"


class Refused(Exception):
    """Ends a player: the message on standard error, and the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass
class Options:
    """A command line, taken apart. given: the options in their order, with their value; words: all the others."""

    given: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.given)

    def value(self, *names: str, default: str = "") -> str:
        """The last value of an option."""
        return next((value for name, value in reversed(self.given) if name in names), default)

    def values(self, *names: str) -> list[str]:
        return [value for name, value in self.given if name in names]


@dataclass
class Call:
    """One run of a program. fds: the descriptors that were passed on, by their number."""

    machine: Machine
    argv: tuple[str, ...]
    input: bytes
    env: Mapping[str, str]
    fds: Mapping[int, int]
    emit: Callable[[int, bytes], Awaitable[None]]

    @property
    def program(self) -> str:
        return self.argv[0].rpartition("/")[2]

    def options(self, *known: str) -> Options:
        """Takes the arguments apart. known: `--now`, `-n` are switches, `--lines=`, `-n=` have a value, which may be
        an argument of its own or stand behind the option. After `--` all are words. An unknown one is refused."""
        found = Options()
        todo = list(self.argv[1:])
        while todo:
            argument = todo.pop(0)
            if argument == "--":
                found.words += todo
                break
            if not argument.startswith("-") or argument == "-":
                found.words.append(argument)
                continue
            name, equals, value = argument.partition("=")
            if not argument.startswith("--") and f"{argument[:2]}=" in known and len(argument) > 2:
                name, equals, value = argument[:2], "=", argument[2:].removeprefix("=")
            if f"{name}=" in known:
                if not equals:
                    if not todo:
                        raise Refused(f"{self.program}: option '{name}' requires an argument")
                    value = todo.pop(0)
                found.given.append((name, value))
            elif name in known and not equals:
                found.given.append((name, ""))
            elif not argument.startswith("--") and all(f"-{letter}" in known for letter in argument[1:]):
                found.given += [(f"-{letter}", "") for letter in argument[1:]]
            else:
                raise Refused(f"{self.program}: unrecognized option '{argument}'")
        return found

    async def out(self, text: str = "", end: str = "\n") -> None:
        """Standard output."""
        await self.emit(1, (text + end).encode())

    async def err(self, text: str, end: str = "\n") -> None:
        """Standard error."""
        await self.emit(2, (text + end).encode())

    def tell(self, descriptor: int, text: str) -> None:
        """Writes to a descriptor that was passed on (apt's status); nothing where it wasn't."""
        if descriptor in self.fds:
            os.write(self.fds[descriptor], text.encode())

    async def pause(self, seconds: float) -> None:
        """Time that the real program takes."""
        await asyncio.sleep(seconds * float(os.environ.get(PACE, "1")))


Play: TypeAlias = Callable[[Call], Awaitable[int]]


@dataclass(frozen=True)
class Player:
    """A program that can be played. package: it is there only while that package is installed, "": always."""

    play: Play
    path: str
    package: str = ""


PLAYERS: dict[str, Player] = {}


def player(*names: str, package: str = "", folder: str = "/usr/bin") -> Callable[[Play], Play]:
    """Registers the player of one or several programs."""

    def register(play: Play) -> Play:
        for name in names:
            PLAYERS[name] = Player(play, f"{folder}/{name}", package)
        return play

    return register


def played_in(module: str, *names: str, package: str = "", folder: str = "/usr/bin") -> None:
    """Registers programs whose players are in a module that is imported when one of them first runs. They say the same
    of package and folder there."""

    async def play(call: Call) -> int:
        import_module(f"pi_installer_tui.system.demo.{module}")
        return await PLAYERS[call.program].play(call)

    player(*names, package=package, folder=folder)(play)


def table(rows: Sequence[Sequence[str]], gap: int = 2) -> list[str]:
    """Lines with aligned columns, as most tools print them."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [(" " * gap).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
