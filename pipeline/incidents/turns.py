"""Turns: of several processes that write one file of incidents, one decides and records at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.errors import IncidentsError

__all__ = ["turn"]

PATIENCE = 30.0


@contextmanager
def turn(path: str | Path) -> Iterator[None]:
    """Nobody else has a turn with this file meanwhile: an empty database beside it is locked. IncidentsError where it cannot be."""
    beside = f"{Path(path).absolute()}-turns"
    try:
        lock = sqlite3.connect(beside, timeout=PATIENCE, isolation_level=None)
    except sqlite3.Error as error:
        raise refused(path, beside, error) from error
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise refused(path, beside, error) from error
        yield


def refused(path: str | Path, beside: str, error: sqlite3.Error) -> IncidentsError:
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
        return IncidentsError(f"{path} was in use by others for {PATIENCE:g} s: {error}; try again")
    what = f"{path} cannot be written: {beside}, an empty database by which those who write take turns, cannot be locked: {error}"
    return IncidentsError(f"{what}; make its folder one that may be written, remove what is no database, or name another file")
