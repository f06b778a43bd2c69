"""The incidents as they are now: a read model that follows the log of their events, and may be made anew from it at any time.

log --section after section--> incidents now, the last minute of each strategy
                               and, in the same transaction, the number of the last event that is in them
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import InfrastructureFactory, Tracking
from eventsourcing.sqlite import SQLiteCursor, SQLiteFactory, SQLiteTrackingRecorder
from eventsourcing.utils import Environment

from pipeline.alerts import CLEARED
from pipeline.incidents.chain import instant, time_of
from pipeline.incidents.incident import Heard, Incident
from pipeline.incidents.storms import MINUTE

__all__ = ["Current", "current_of"]

NAME = "incidents_now"
FACTS = (
    "strategy", "rule", "symbol", "severity", "message", "raised_at", "count", "level", "acknowledged_by", "acknowledged_at",
    "snoozed_until", "cleared_at", "resolved_at", "chain",
)  # fmt: skip
COLUMNS = ("id", "version", "changed_at", "state", *FACTS)
OTHERS = ", ".join(["firing = firing AND excluded.firing", *(f"{name} = excluded.{name}" for name in COLUMNS)])
TABLES = (
    f"CREATE TABLE IF NOT EXISTS {NAME} (number INTEGER PRIMARY KEY, firing INTEGER NOT NULL, {', '.join(COLUMNS)})",
    f"CREATE UNIQUE INDEX IF NOT EXISTS {NAME}_id ON {NAME} (id)",
    f"CREATE INDEX IF NOT EXISTS {NAME}_key ON {NAME} (strategy, rule, symbol)",
    f"CREATE INDEX IF NOT EXISTS {NAME}_waiting ON {NAME} (number) WHERE resolved_at IS NULL",
    f"CREATE INDEX IF NOT EXISTS {NAME}_firing ON {NAME} (strategy, rule, symbol) WHERE firing",
    "CREATE TABLE IF NOT EXISTS alerts_of_late (number INTEGER PRIMARY KEY, strategy, time)",
    "CREATE INDEX IF NOT EXISTS alerts_of_late_time ON alerts_of_late (strategy, time)",
)
KEEP = f"INSERT INTO {NAME} VALUES (?, ?, {', '.join('?' * len(COLUMNS))}) ON CONFLICT (number) DO UPDATE SET {OTHERS}"
OF_KEY = "strategy = ? AND rule = ? AND symbol = ?"
Key = tuple[str, str, str]


class Current(SQLiteTrackingRecorder):
    """One row an incident, in the order in which they were raised, and the times of the alerts of each strategy's last minute.

    A row is `firing` while what its strategy, rule and symbol raise belongs to it: it is the newest of those, and was not cleared.
    """

    def construct_create_table_statements(self) -> list[str]:
        """Those of the library, and ours."""
        return [*super().construct_create_table_statements(), *TABLES]

    # Following.

    def place(self) -> int:
        """The number of the last event that is in it."""
        return self.max_tracking_id(NAME) or 0

    def take(self, recorded: Sequence[tuple[int, Any]], *, anew: bool = False) -> None:
        """Let events happen here, by number, all of them or none; what others have already taken is passed over.

        With `anew` it begins with them, and they must be all there are.
        """
        with self.datastore.transaction(commit=True) as db:
            db.execute("UPDATE tracking SET notification_id = notification_id WHERE 0")  # from here on nobody else writes
            if anew:
                forget(db)
            place = self._max_tracking_id(NAME, db) or 0
            touched: dict[UUID, tuple[int, Incident]] = {}
            for number, event in recorded:
                if number > place:
                    self._hear(db, number, event, touched)
            for row, incident in touched.values():
                db.execute(KEEP, (row, incident.cleared_at is None, *values_of(incident)))
            newest = {incident.key: row for row, incident in touched.values() if row > place}
            db.executemany(
                f"UPDATE {NAME} SET firing = 0 WHERE {OF_KEY} AND firing AND number < ?", [(*key, newest[key]) for key in newest]
            )
            if recorded and recorded[-1][0] > place:
                self._insert_tracking(db, Tracking(NAME, recorded[-1][0]))

    def _hear(self, db: SQLiteCursor, number: int, event: Any, touched: dict[UUID, tuple[int, Incident]]) -> None:
        if isinstance(event, Heard):
            event.check()
            if event.event != CLEARED:
                note(db, number, event)
            return
        owner = event.originator_id
        known: tuple[int, Incident | None] = (number, None)
        if not isinstance(event, Incident.Raised):
            known = touched.get(owner) or next(rows(db, "WHERE id = ?", owner.hex), known)
        touched[owner] = known[0], event.mutate(known[1])

    # Asking.

    def incidents(self, *, resolved: bool = False) -> Iterator[Incident]:
        """Incidents that nobody has resolved, or all."""
        yield from self._incidents("ORDER BY number" if resolved else "WHERE resolved_at IS NULL ORDER BY number")

    def begin_with(self, text: str) -> list[UUID]:
        """The ids that begin with a text, a few of them if there are many."""
        return [each.id for each in self._incidents("WHERE id >= ? AND id < ? ORDER BY number LIMIT 1000", text, text + "g")]

    def newest(self, key: Key) -> Incident:
        """The last one of a strategy, rule and symbol."""
        return next(self._incidents(f"WHERE {OF_KEY} ORDER BY number DESC LIMIT 1", *key))

    def last_alert(self, strategy: str) -> int | None:
        """When the strategy last raised anything, in the time of its alerts."""
        with self.datastore.transaction(commit=False) as db:
            db.execute("SELECT max(time) AS time FROM alerts_of_late WHERE strategy = ?", (strategy,))
            found: int | None = db.fetchone()["time"]
        return found

    def for_a_desk(self) -> tuple[int, dict[Key, UUID], list[tuple[str, int]]]:
        """The place, what fires by key, and strategy and time of the alerts of late, as of one moment."""
        with self.datastore.transaction(commit=False) as db:
            place = self._max_tracking_id(NAME, db) or 0
            db.execute(f"SELECT id, strategy, rule, symbol FROM {NAME} WHERE firing")
            firing = {(each["strategy"], each["rule"], each["symbol"]): UUID(each["id"]) for each in db.fetchall()}
            db.execute("SELECT strategy, time FROM alerts_of_late ORDER BY number")
            return place, firing, [(each["strategy"], each["time"]) for each in db.fetchall()]

    def _incidents(self, which: str, *values: Any) -> Iterator[Incident]:
        with self.datastore.transaction(commit=False) as db:
            found = list(rows(db, which, *values))
        return (incident for _, incident in found)


def forget(db: SQLiteCursor) -> None:
    for table in (NAME, "alerts_of_late"):
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM tracking WHERE application_name = ?", (NAME,))


def note(db: SQLiteCursor, number: int, heard: Heard) -> None:
    """An alert was raised: those of the minute before it count with it; those after it are of an earlier run."""
    gone = (heard.strategy, heard.time, heard.time - MINUTE)
    db.execute("DELETE FROM alerts_of_late WHERE strategy = ? AND (time > ? OR time <= ?)", gone)
    db.execute("INSERT INTO alerts_of_late VALUES (?, ?, ?)", (number, heard.strategy, heard.time))


def rows(db: SQLiteCursor, which: str, *values: Any) -> Iterator[tuple[int, Incident]]:
    db.execute(f"SELECT * FROM {NAME} {which}", values)
    for row in db.fetchall():
        yield row["number"], incident_of(row)


def values_of(incident: Incident) -> Iterable[Any]:
    return (incident.id.hex, incident.version, time_of(incident.modified_on), incident.state, *(getattr(incident, name) for name in FACTS))


def incident_of(row: Any) -> Incident:
    made = object.__new__(Incident)
    own = {"_id": UUID(row["id"]), "_version": row["version"], "_pending_events": []}
    times = {"_created_on": instant(row["raised_at"]), "_modified_on": instant(row["changed_at"])}
    vars(made).update(own | times | {name: row[name] for name in FACTS})
    return made


def current_of(factory: InfrastructureFactory[Any]) -> Current:
    """The read model beside the events, in their file; of another database than SQLite in memory, made anew by each process."""
    if not isinstance(factory, SQLiteFactory):
        factory = SQLiteFactory(Environment("Current", {"SQLITE_DBNAME": f"file:{uuid4().hex}?mode=memory&cache=shared"}))
    made = factory.tracking_recorder(Current)
    assert isinstance(made, Current)
    return made
