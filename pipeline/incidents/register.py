"""The register: where histories of incidents are kept, found, checked when they are read, and added to."""

import sqlite3
import time as clocks
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, MapperDeserialisationError, PersistenceError, RecordConflictError, StoredEvent
from eventsourcing.utils import get_topic

from pipeline.broker import Broker, topic_of
from pipeline.errors import IncidentRefused, IncidentsDamaged, IncidentsError, UnknownName, UsageError
from pipeline.incidents.current import Current, current_of
from pipeline.incidents.incident import Heard, Incident, check_link
from pipeline.incidents.opening import check_file, plainly
from pipeline.incidents.storms import MINUTE, STORM
from pipeline.incidents.turns import turn

__all__ = ["ATTEMPTS", "Incidents", "News"]

ATTEMPTS = 5
"""How often something is done again because somebody else was quicker."""
SNAPSHOT_EVENTS = 50
SECTION = 1_000
KINDS = [
    Heard, Incident.Raised, Incident.Repeated, Incident.Acknowledged, Incident.Snoozed, Incident.Escalated, Incident.Cleared,
    Incident.Resolved, Incident.Reopened, Incident.Snapshot,
]  # fmt: skip
KNOWN = {get_topic(kind) for kind in KINDS}


@dataclass(frozen=True)
class News:
    """What happened to an incident, as told on the broker: the event (raised, acknowledged, ...), its time, and the incident then."""

    event: str
    time: int
    incident: dict[str, Any]


class OurMapper(Mapper[UUID]):
    """Reads events of ours alone: what a database names is never imported."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event; IncidentsDamaged for what is none."""
        owner, version = str(getattr(stored_event.originator_id, "hex", stored_event.originator_id)), stored_event.originator_version
        if stored_event.topic not in KNOWN:
            raise IncidentsDamaged(owner, version, f"{stored_event.topic!r:.80} is no event of an incident")
        try:
            event = super().to_domain_event(stored_event)
            _ = [getattr(event, field) for field in type(event).__dataclass_fields__]  # type: ignore[attr-defined]
        except (MapperDeserialisationError, AttributeError, TypeError) as error:
            raise IncidentsDamaged(owner, version, "it cannot be read") from error
        return event


class Incidents(Application[UUID]):
    """Incidents in one SQLite file, or, with the `env` of the `eventsourcing` library, wherever it keeps events.

    People's acts take their time from `clock` (int64 ns UTC). What happens is published on `broker`, under `incidents.EVENT.STRATEGY`,
    unless the incident is snoozed and the event is the pipeline's. Raises IncidentsError where the file cannot be used, IncidentsDamaged
    for a history that is not what was written. Of two who write at once the second reads again, and its act is checked anew.

    >>> from pipeline.alerts import Alert
    >>> with Incidents(env={"PERSISTENCE_MODULE": "eventsourcing.popo"}, clock=lambda: 5) as incidents:
    ...     _ = incidents.record([Incident.raise_(Alert("SPY", 0, strategy="volume_breakout", id="a1"))])
    ...     incidents.act("aa52", Incident.acknowledge, by="ada").state
    'acknowledged'
    """

    is_snapshotting_enabled = True

    def __init__(
        self, path: str | Path | None = None, *, env: Mapping[str, str] | None = None, broker: Broker | None = None,
        clock: Callable[[], int] = clocks.time_ns, create: bool = True,
    ) -> None:  # fmt: skip
        self.path, self.broker, self.clock = str(path or "the database"), broker, clock
        self.passed_over = 0
        self._file = path
        making = path is not None and check_file(Path(path), create)
        if path is not None:
            env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": Path(path).absolute().as_uri()}
        try:
            with turn(Path(self.path)) if making else nullcontext():
                super().__init__(dict(env) if env else None)
                self._now = current_of(self.factory)
        except (PersistenceError, sqlite3.Error, OSError) as error:
            raise IncidentsError(f"{self.path} cannot be used for incidents: {error}; name another file") from error

    def construct_mapper(self) -> Mapper[UUID]:
        """Ours, with the library's compressor and cipher, if any."""
        return self.factory.mapper(transcoder=self.construct_transcoder(), mapper_class=OurMapper)

    # Reading.

    def load(self, owner: UUID) -> Incident:
        """An incident, from its newest snapshot that stands for its history; every event is checked.

        Snapshots that do not are passed over, and counted by `passed_over`.
        """
        events: list[Any] = list(self.events.get(owner))
        incident = self._snapshot(owner, events)
        for event in events[incident.version if incident else 0 :]:
            incident = event.mutate(incident)
        if incident is None:
            raise UnknownName("incident", owner.hex, [])
        return incident

    def _snapshot(self, owner: UUID, events: Sequence[Any]) -> Incident | None:
        """The newest snapshot that is what it says; the history up to there is checked by digests alone."""
        for before, event in zip(["", *(event.chain for event in events)], events, strict=False):
            check_link(event, before)
        assert self.snapshots is not None
        for stored in self.snapshots.recorder.select_events(owner, desc=True):
            try:
                snapshot: Any = self.snapshots.mapper.to_domain_event(stored)
                if stored.originator_version <= len(events) and snapshot.stands_for(events[stored.originator_version - 1].chain):
                    found: Incident = snapshot.mutate(None)
                    return found
            except (IncidentsDamaged, AttributeError, TypeError):
                pass
            self.passed_over += 1
        return None

    def recorded(self, after: int = 0) -> Iterator[tuple[int, Any]]:
        """Number and event of everything recorded after a number, in order."""
        while found := self.recorder.select_notifications(after + 1, SECTION):
            for notification in found:
                yield notification.id, self.mapper.to_domain_event(notification)
            after = found[-1].id

    def all(self) -> list[Incident]:
        """Every incident, in the order in which they were raised; a read through all that was recorded."""
        incidents: dict[UUID, Incident] = {}
        for _, event in self.recorded():
            if not isinstance(event, Heard):
                incidents[event.originator_id] = event.mutate(incidents.get(event.originator_id))
        return list(incidents.values())

    def follow(self) -> Current:
        """The read model, brought up to what is recorded."""
        with plainly(self.path, "read"):
            self._follow()
        return self._now

    def _follow(self) -> None:
        while found := list(islice(self.recorded(self._now.place()), SECTION)):
            self._now.take(found)

    def rebuild(self) -> None:
        """Make the read model anew from all that was recorded, every event of it checked."""
        with self.alone():  # so that these are all there are, and nobody sees some of them
            self._now.take(list(self.recorded()), anew=True)

    def current(self, *, resolved: bool = False) -> list[Incident]:
        """Incidents as they are now, of the read model: those that nobody has resolved, or all; in the order in which they were raised."""
        return [self.seen(incident) for incident in self.follow().incidents(resolved=resolved)]

    def seen(self, incident: Incident) -> Incident:
        """The incident as people see it: a storm is over once its strategy was silent for a minute, although no alert has said so yet."""
        if incident.rule != STORM or incident.is_over:
            return incident
        last = self.follow().last_alert(incident.strategy)
        if last is None or self.clock() < last + MINUTE:
            return incident
        seen = copy(incident)
        seen.cleared_at = last + MINUTE
        return seen

    def find(self, name: str) -> UUID:
        """The id that begins with a text; UnknownName where none does, UsageError where several do."""
        current = self.follow()
        found = current.begin_with(name.lower().replace("-", "")) if name else []
        if not found:
            raise UnknownName("incident", name, [owner.hex[:8] for owner in current.begin_with("")])
        if len(found) > 1:
            raise UsageError(
                f"{name!r} is the beginning of {len(found)} incidents: {', '.join(owner.hex[:12] for owner in found[:5])}; write more"
            )
        return found[0]

    def history(self, owner: UUID) -> list[Any]:
        """The events of an incident, in order, checked."""
        self.load(owner)
        return list(self.events.get(owner))

    # Writing.

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else looks and records meanwhile, in any process that has the file: what is decided still holds when it is recorded.

        Of another database than a file, one process may write.
        """
        with nullcontext() if self._file is None else turn(self._file), plainly(self.path, "used"):
            yield

    def close(self) -> None:
        """Let go of the database."""
        self._now.datastore.close()
        super().close()

    def act(self, name: str, act: Callable[..., None], **how: Any) -> Incident:
        """Do what somebody wants, `act(incident, time, **how)`, and record it; the incident afterwards.

        Raises IncidentRefused where it makes no sense, also if it no longer does since somebody was quicker.
        """
        with self.alone():
            return self._act(self.find(name), name, act, **how)

    def _act(self, owner: UUID, name: str, act: Callable[..., None], **how: Any) -> Incident:
        for _ in range(ATTEMPTS):
            incident = self.load(owner)
            if act is Incident.reopen:
                self._refuse_second(incident)
            act(incident, self.clock(), **how)
            try:
                self.record([incident])
            except RecordConflictError:
                continue
            return incident
        raise IncidentsError(f"incident {name} is being changed by others all the time; {ATTEMPTS} attempts were too late: try again")

    def _refuse_second(self, incident: Incident) -> None:
        """One incident of a key is open at a time, and alerts belong to the newest."""
        newest = self.follow().newest(incident.key)
        if newest.id != incident.id:
            what = f"incident {incident.name} cannot be reopened: {newest.name} of the same rule and symbol came after it"
            raise IncidentRefused(f"{what}; see to that one")

    def record(self, incidents: Sequence[Incident], heard: Sequence[Heard] = ()) -> int:
        """Record what is pending, all of it in one transaction or nothing, then tell it; the number of the last event.

        Raises RecordConflictError where somebody else has recorded something of these incidents meanwhile.
        """
        events = [event for incident in incidents for event in incident.pending_events]
        try:
            recordings = self.events.put([*heard, *events])
        except RecordConflictError:
            raise
        except (PersistenceError, sqlite3.Error) as error:
            raise IncidentsError(f"{self.path} cannot be written: {error}; nothing of it was recorded") from error
        for incident in incidents:
            fresh = incident.collect_events()
            if fresh and incident.version // SNAPSHOT_EVENTS > (incident.version - len(fresh)) // SNAPSHOT_EVENTS and self.snapshots:
                self.snapshots.put([Incident.Snapshot.take(incident)])
            self._tell(incident, fresh)
        last = recordings[-1].notification.id if recordings else 0
        if last // SECTION > (last - len(recordings)) // SECTION:  # now and then, that whoever asks does not wait for all of it
            with suppress(PersistenceError, sqlite3.Error):  # it is recorded: whoever asks next follows
                self._follow()
        return last

    def _tell(self, incident: Incident, events: Sequence[Any]) -> None:
        if self.broker is None:
            return
        for event in events:
            if "by" in vars(event) or not incident.is_quiet(event.time):
                kind = type(event).__name__.lower()
                self.broker.publish(topic_of("incidents", kind, incident.strategy), News(kind, event.time, told(incident)))


def told(incident: Incident) -> dict[str, Any]:
    """What there is to say of an incident, for programs."""
    names = ("strategy", "rule", "symbol", "severity", "message", "count", "level", "raised_at", "acknowledged_by", "acknowledged_at")
    facts = {name: getattr(incident, name) for name in (*names, "snoozed_until", "cleared_at", "resolved_at")}
    return {"id": incident.id.hex, "state": incident.state, **facts}
