"""A SQLite database: one table, a row an alert, keyed by its id, so that no alert is ever in it twice."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from pipeline.alerts import Alert
from pipeline.errors import SinkError
from pipeline.sinks.files import destination_of, named_file, open_file
from pipeline.sinks.rows import COLUMNS, json_text, row_of

__all__ = ["APPLICATION", "SCHEMA", "SqliteSink"]

APPLICATION = 0x72787470
"""`PRAGMA application_id` of our files: "rxtp"."""
SCHEMA = 3
"""`PRAGMA user_version`: the version of the tables below."""
PATIENCE = 5.0

CREATE = """
CREATE TABLE alerts (
    time TEXT NOT NULL,
    symbol TEXT NOT NULL,
    strategy TEXT NOT NULL,
    event TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    "values" TEXT NOT NULL,
    degraded INTEGER NOT NULL DEFAULT 0,
    rule TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    id TEXT NOT NULL PRIMARY KEY
)
"""
PLACES = "CREATE TABLE places (journal TEXT NOT NULL PRIMARY KEY, place TEXT NOT NULL)"
KEEP_PLACE = "INSERT INTO places VALUES (?, ?) ON CONFLICT (journal) DO UPDATE SET place = excluded.place"
UPGRADES = {1: "ALTER TABLE alerts ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0", 2: PLACES}
"""What makes a table of the next version of one of this."""
QUOTED = [f'"{name}"' for name in COLUMNS]
INSERT = f"INSERT INTO alerts ({', '.join(QUOTED)}) VALUES ({', '.join('?' * len(QUOTED))}) ON CONFLICT (id) DO NOTHING"


class SqliteSink:
    """Alerts in the table `alerts` of a database; runs add to it, and an alert that is there already changes nothing.

    Each write is one transaction, on the disk when it returns. Raises UsageError where the URL names no file, SinkError where
    the file cannot be opened, is no database, belongs to something else, or was written by a newer rxtape.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(named_file(path, "sqlite")).absolute()
        self.destination = destination_of(self.path)
        os.close(open_file(self.path, regular=True))
        self._inode = inode_of(self.path)
        self._db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise SinkError(f"{path} cannot be used as a database: {error}; name another file") from error
        except SinkError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        """Make the table in a new file; find it in an old one; leave everything else alone."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        with db:
            application, version = number(db, "application_id"), number(db, "user_version")
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            if not (application or version or tables):
                db.execute(CREATE)
                db.execute(PLACES)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {SCHEMA}")
            elif application != APPLICATION:
                raise SinkError(f"{self.path} is a database of something else (tables: {', '.join(tables) or 'none'}); name another file")
            elif version > SCHEMA:
                raise SinkError(f"{self.path} was written by a newer rxtape (schema {version}, this one knows {SCHEMA}); update rxtape")
            for older in range(version, SCHEMA) if application == APPLICATION else ():
                db.execute(UPGRADES[older])
                db.execute(f"PRAGMA user_version = {older + 1}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")

    def write(self, alerts: Sequence[Alert]) -> None:
        """Add those that are not there yet, all of them or none."""
        self.write_at(alerts, "", "")

    def write_at(self, alerts: Sequence[Alert], journal: str, place: str) -> None:
        """The same, and in the same transaction how far the alerts of a journal are in the database."""
        rows = [values_of(alert) for alert in alerts]
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            self._db.executemany(INSERT, rows)
            if journal:
                self._db.execute(KEEP_PLACE, (journal, place))

    def place_of(self, journal: str) -> str | None:
        """How far the alerts of a journal are in the database."""
        found = self._db.execute("SELECT place FROM places WHERE journal = ?", (journal,)).fetchone()
        return None if found is None else str(found[0])

    def flush(self) -> None:
        """A write is on the disk when it returns; SinkError where the file has been moved or removed meanwhile."""
        if inode_of(self.path) != self._inode:
            raise SinkError(f"{self.path} is not the database any more that was opened: it was moved or removed")

    def close(self) -> None:
        """Close the database; its -wal and -shm files go."""
        self._db.close()


def inode_of(path: Path) -> int:
    """By what a file is known while it has this name; 0 where there is none."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def number(db: sqlite3.Connection, pragma: str) -> int:
    value: int = db.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value


def values_of(alert: Alert) -> list[str | int]:
    if not alert.id:
        raise SinkError(f"an alert of {alert.symbol!r} has no id, by which a database tells one from another; give it one: Alert(id=...)")
    row = row_of(alert)
    row["values"], row["degraded"] = json_text(row["values"]), int(row["degraded"])
    return list(row.values())
