"""Opening a file of incidents: what is no such file, or cannot be used, is said before anything is made in it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from eventsourcing.persistence import PersistenceError

from pipeline.errors import IncidentsError, UsageError

__all__ = ["check_file", "plainly"]


OURS = {"stored_events", "stored_snapshots", "tracking", "incidents_now", "alerts_of_late"}
"""The tables of a file that is whole; whoever makes them makes one after the other, and may be killed in between."""


def check_file(path: Path, create: bool) -> bool:
    """Raise what is wrong with a file of incidents before the library makes its tables in it; whether any of them are missing."""
    if not path.exists():
        if not create:
            raise UsageError(f"there is no file {path}; -o incidents:{path} of a run makes it")
        if not path.absolute().parent.is_dir():
            raise IncidentsError(f"{path} cannot be made: there is no folder {path.absolute().parent}; make the folder first")
        return True
    tables = tables_of(path)
    if tables and not tables & OURS:
        raise IncidentsError(f"{path} is a database of something else (tables: {', '.join(sorted(tables))}); name another file")
    return not tables >= OURS


def tables_of(path: Path) -> set[str]:
    with plainly(path, "opened"):
        try:
            with closing(sqlite3.connect(path)) as db:
                return {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.OperationalError:
            raise
        except sqlite3.Error as error:
            raise IncidentsError(f"{path} is no file of incidents: {error}; name another file") from error


@contextmanager
def plainly(path: str | Path, done: str) -> Iterator[None]:
    """What the library and the database raise becomes IncidentsError: the file cannot be opened, read, written, ..."""
    try:
        yield
    except (PersistenceError, sqlite3.Error) as error:
        advice = "try again if others use it, and see that the file and its folder may be written"
        raise IncidentsError(f"{path} cannot be {done}: {error}; {advice}") from error
