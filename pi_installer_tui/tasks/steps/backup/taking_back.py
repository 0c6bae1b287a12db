# (pathlib takes no bytes)
"""Takes a restoration back by what was written down of it (moves.py): what it replaced is given back, what is new goes,
and what somebody changed since stays."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat

from pi_installer_tui.tasks.steps.backup.moves import (
    EVERY,
    Held,
    Move,
    Places,
    Stopped,
    Tally,
    kind_of,
    read,
    rename,
    set_attributes,
)


def take_back(places: Places) -> Tally:
    """Gives back what was replaced, removes what is new, and leaves what somebody changed since. Raises OSError,
    Stopped; Astray where somebody has put a link in the way."""
    tally = Tally()
    moves = read(places.moves)
    with Held(places) as held:
        for done, move in enumerate(reversed(moves)):
            if done % EVERY == 0:
                places.said(done, len(moves))
                if places.stop():
                    raise Stopped
            if move.what == "inside" or (move.what == "put" and not move.was):
                _remove(held, move, tally)
            elif move.what == "put":
                with contextlib.suppress(FileNotFoundError):  # where nothing was put aside
                    _give_back(held, move, tally)
        for move in sorted(moves, key=lambda move: -move.path.count("/")):
            if move.what == "attributes":
                with contextlib.suppress(FileNotFoundError):
                    set_attributes(held.target(move.path), move.old)
    if not tally.stays:
        shutil.rmtree(places.replaced, ignore_errors=True)
    places.said(len(moves), len(moves))
    return tally


def _remove(held: Held, move: Move, tally: Tally) -> None:
    try:
        entry = held.target(move.path)
        found = entry.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(found.st_mode) and move.kind == "dir":
        try:
            os.rmdir(entry.name, dir_fd=entry.folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EBUSY):
                raise
            tally.stays.append(move.path)
    elif _untouched(found, move):
        os.unlink(entry.name, dir_fd=entry.folder)
        tally.new += 1
    else:
        tally.stays.append(move.path)


def _give_back(held: Held, move: Move, tally: Tally) -> None:
    kept = held.aside(move)
    if not kept.there:
        return  # given back before a crash, or never taken
    entry = held.target(move.path)
    if not entry.there:
        rename(kept, entry)
    else:
        found = entry.stat()
        if os.path.samestat(found, kept.stat()):  # saved, and then nothing more happened
            os.unlink(kept.name, dir_fd=kept.folder)
            return
        if move.kind == "dir" and stat.S_ISDIR(found.st_mode):
            try:
                os.rmdir(entry.name, dir_fd=entry.folder)
            except OSError:
                tally.stays.append(move.path)
                return
        elif not _untouched(found, move):
            tally.stays.append(move.path)
            return
        if stat.S_ISDIR(kept.stat().st_mode) and not stat.S_ISDIR(found.st_mode):
            os.unlink(entry.name, dir_fd=entry.folder)
        rename(kept, entry)
    tally.replaced += move.was == "replaced"
    tally.renamed += move.was == "renamed"


def _untouched(found: os.stat_result, move: Move) -> bool:
    """Whether that is still what was restored."""
    if kind_of(found) != move.kind or found.st_size != move.size:
        return False
    return move.kind != "file" or found.st_mtime_ns == move.mtime
