# ruff: noqa: PTH106, PTH108
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
    Move,
    Places,
    Stopped,
    Tally,
    aside,
    at,
    kind_of,
    read,
    rename,
    set_attributes,
)


def take_back(places: Places) -> Tally:
    """Gives back what was replaced, removes what is new, and leaves what somebody changed since. Raises OSError,
    Stopped."""
    tally = Tally()
    moves = read(places.moves)
    for done, move in enumerate(reversed(moves)):
        if done % EVERY == 0:
            places.said(done, len(moves))
            if places.stop():
                raise Stopped
        if move.what == "inside" or (move.what == "put" and not move.was):
            _remove(places, move, tally)
        elif move.what == "put":
            _give_back(places, move, tally)
    for move in sorted(moves, key=lambda move: -move.path.count("/")):
        if move.what == "attributes":
            with contextlib.suppress(FileNotFoundError):
                set_attributes(at(places.destination, move.path), move.old)
    if not tally.stays:
        shutil.rmtree(places.replaced, ignore_errors=True)
    places.said(len(moves), len(moves))
    return tally


def _remove(places: Places, move: Move, tally: Tally) -> None:
    path = at(places.destination, move.path)
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(found.st_mode) and move.kind == "dir":
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EBUSY):
                raise
            tally.stays.append(move.path)
    elif _untouched(found, move):
        os.unlink(path)
        tally.new += 1
    else:
        tally.stays.append(move.path)


def _give_back(places: Places, move: Move, tally: Tally) -> None:
    path, kept = at(places.destination, move.path), aside(places, move)
    if not os.path.lexists(kept):
        return  # given back before a crash, or never taken
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        rename(kept, path)
    else:
        if os.path.samestat(found, os.lstat(kept)):  # saved, and then nothing more happened
            os.unlink(kept)
            return
        if move.kind == "dir" and stat.S_ISDIR(found.st_mode):
            try:
                os.rmdir(path)
            except OSError:
                tally.stays.append(move.path)
                return
        elif not _untouched(found, move):
            tally.stays.append(move.path)
            return
        if stat.S_ISDIR(os.lstat(kept).st_mode) and not stat.S_ISDIR(found.st_mode):
            os.unlink(path)
        rename(kept, path)
    tally.replaced += move.was == "replaced"
    tally.renamed += move.was == "renamed"


def _untouched(found: os.stat_result, move: Move) -> bool:
    """Whether that is still what was restored."""
    if kind_of(found) != move.kind or found.st_size != move.size:
        return False
    return move.kind != "file" or found.st_mtime_ns == move.mtime
