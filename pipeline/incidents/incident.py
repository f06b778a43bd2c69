"""The incident: what may become of it, and what may not.

state          repeat  acknowledge   snooze  escalate  clear    resolve   reopen
open           open    acknowledged  open    open      cleared  resolved  -
acknowledged   same    -             same    open      cleared  resolved  -
cleared        -       same, once    -       -         -        resolved  -
resolved       -       -             -       -         same*    -         open, or cleared*

repeat and clear are the pipeline's, the rest is people's; - is refused. * a condition may end after somebody has resolved its
incident: that is noted, once, and the incident is `cleared`, not open, if it is reopened after that. A raised alert after clear
or resolve makes a new incident.
"""

from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import Aggregate, CanSnapshotAggregate, DomainEvent
from eventsourcing.utils import get_topic

from pipeline.alerts import Alert, format_time
from pipeline.errors import IncidentRefused, IncidentsDamaged
from pipeline.incidents.chain import digest_of, identity, instant

__all__ = ["Heard", "Incident", "check_link"]


class Heard(DomainEvent):
    """An alert has been taken, and where it went: at its own id, once for ever."""

    alert: str
    strategy: str
    event: str
    incident: str
    time: int
    chain: str

    @classmethod
    def of(cls, alert: Alert, incident: str) -> Self:
        """What is noted of an alert; an `incident` of "" is none."""
        owner, facts = (
            identity("alert", alert.id),
            {"alert": alert.id, "strategy": alert.strategy, "event": alert.event, "time": alert.time},
        )
        facts["incident"] = incident
        chain = digest_of("", owner, 1, cls.__name__, facts)
        return cls(originator_id=owner, originator_version=1, timestamp=instant(alert.time), chain=chain, **facts)  # type: ignore[call-arg]

    def check(self) -> None:
        """Raise IncidentsDamaged unless it is what was written."""
        check_link(self, "")


class Incident(Aggregate):
    """The life of one alert: raised by the pipeline, then in people's hands.

    Each act is checked, then becomes an event. IncidentRefused says why an act makes no sense now. Times are int64 ns UTC.

    >>> incident = Incident.raise_(Alert("SPY", 0, message="SPY +1.2%", strategy="volume_breakout", id="a1"))
    >>> incident.acknowledge(2_000_000_000, by="ada")
    >>> incident.state, incident.acknowledged_by, len(incident.pending_events)
    ('acknowledged', 'ada', 2)
    >>> incident.acknowledge(3_000_000_000, by="bob")
    Traceback (most recent call last):
    pipeline.errors.IncidentRefused: incident aa52b028 cannot be acknowledged: ada did so at 1970-01-01T00:00:02Z; resolve it instead
    """

    class Event(Aggregate.Event):
        """Something that happened to an incident."""

        time: int
        chain: str

        def mutate(self, aggregate: Any) -> Any:
            """Check that it follows what is known, then let it happen."""
            known = 0 if aggregate is None else aggregate.version
            if self.originator_version != known + 1 or (aggregate is None) != isinstance(self, Incident.Raised):
                raise IncidentsDamaged(self.originator_id.hex, self.originator_version, f"it follows event {known}")
            check_link(self, "" if aggregate is None else aggregate.chain)
            return super().mutate(aggregate)

        def apply(self, aggregate: "Incident") -> None:
            """The incident, and what is known of it."""
            aggregate.chain = self.chain
            self.happen(aggregate)

        def happen(self, incident: "Incident") -> None:
            """Change the incident."""

    class Raised(Event, Aggregate.Created):
        """The pipeline raised an alert."""

        alert: str
        strategy: str
        rule: str
        symbol: str
        severity: str
        message: str

    class Repeated(Event):
        """Raised again, while it was open: so many alerts, of which the last is named."""

        alert: str
        alerts: int

        def happen(self, incident: "Incident") -> None:
            """Count them."""
            incident.count += self.alerts

    class Acknowledged(Event):
        """Somebody takes care of it."""

        by: str
        note: str

        def happen(self, incident: "Incident") -> None:
            """Note who."""
            incident.acknowledged_by, incident.acknowledged_at = self.by, self.time

    class Snoozed(Event):
        """Nobody is to hear of it until then."""

        by: str
        until: int

        def happen(self, incident: "Incident") -> None:
            """Note until when."""
            incident.snoozed_until = self.until

    class Escalated(Event):
        """It needs somebody else: open again, and no longer snoozed."""

        by: str
        note: str

        def happen(self, incident: "Incident") -> None:
            """One level up."""
            incident.level += 1
            incident.wake()

    class Cleared(Event):
        """The pipeline says that the condition is over."""

        alert: str

        def happen(self, incident: "Incident") -> None:
            """Note when."""
            incident.cleared_at = self.time

    class Resolved(Event):
        """Somebody says that the matter is done."""

        by: str
        note: str

        def happen(self, incident: "Incident") -> None:
            """Note when."""
            incident.resolved_at = self.time

    class Reopened(Event):
        """Somebody says that it was not."""

        by: str
        note: str

        def happen(self, incident: "Incident") -> None:
            """As before it was resolved, with nobody who takes care of it."""
            incident.resolved_at = None
            incident.wake()

    class Snapshot(CanSnapshotAggregate[UUID], DomainEvent):
        """The state at a version, sealed together with the digest of the history that it stands for."""

        topic: str
        state: dict[str, Any]
        seal: str

        @classmethod
        def take(cls, aggregate: Any) -> Self:
            """The snapshot of an incident without pending events."""
            state = {name: value for name, value in vars(aggregate).items() if name not in ("_id", "_version", "_pending_events")}
            where = (aggregate.id, aggregate.version)
            seal = digest_of(aggregate.chain, *where, cls.__name__, state)
            taken = aggregate.modified_on
            topic = get_topic(Incident)
            return cls(originator_id=where[0], originator_version=where[1], timestamp=taken, topic=topic, state=state, seal=seal)  # type: ignore[call-arg]

        def stands_for(self, chain: str) -> bool:
            """Whether it is unchanged, and of the history with that digest."""
            seal = digest_of(chain, self.originator_id, self.originator_version, type(self).__name__, self.state)
            return self.topic == get_topic(Incident) and self.seal == seal and self.state.get("chain") == chain

    def __init__(self, strategy: str, rule: str, symbol: str, severity: str, message: str, time: int) -> None:
        self.strategy, self.rule, self.symbol, self.severity, self.message, self.raised_at = strategy, rule, symbol, severity, message, time
        self.chain = self.acknowledged_by = ""
        self.count, self.level, self.snoozed_until = 1, 0, 0
        self.acknowledged_at: int | None = None
        self.cleared_at: int | None = None
        self.resolved_at: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Strategy, rule and symbol, of which one incident is open at a time."""
        return self.strategy, self.rule, self.symbol

    @property
    def name(self) -> str:
        """The id as people write it: its beginning."""
        return self.id.hex[:8]

    @property
    def state(self) -> str:
        """Which row of the table: open, acknowledged, cleared or resolved."""
        if self.resolved_at is not None:
            return "resolved"
        if self.cleared_at is not None:
            return "cleared"
        return "acknowledged" if self.acknowledged_by else "open"

    @property
    def is_over(self) -> bool:
        """Cleared or resolved: the next raised alert makes a new one."""
        return self.cleared_at is not None or self.resolved_at is not None

    def is_quiet(self, time: int) -> bool:
        """Whether it is snoozed at a time."""
        return time < self.snoozed_until

    @classmethod
    def raise_(cls, alert: Alert) -> Self:
        """A new incident of an alert."""
        facts = {"time": alert.time, "alert": alert.id, "strategy": alert.strategy, "rule": alert.rule, "symbol": alert.symbol}
        facts |= {"severity": alert.severity, "message": alert.message}
        owner = identity("incident", alert.id)
        chain = digest_of("", owner, 1, cls.Raised.__name__, facts)
        return cls._create(cls.Raised, id=owner, timestamp=instant(alert.time), chain=chain, **facts)

    def repeat(self, alert: Alert, alerts: int = 1) -> None:
        """Count more alerts, of which this is the last."""
        self._refuse(self.is_over, "raised again", f"it is {self.state}", "a new one is made")
        self._record(self.Repeated, alert.time, alert=alert.id, alerts=alerts)

    def clear(self, alert: Alert) -> None:
        """Note that the condition is over."""
        self._refuse(self.cleared_at is not None, "cleared", f"it was cleared at {moment(self.cleared_at)}", "wait for it to be raised")
        self._record(self.Cleared, alert.time, alert=alert.id)

    def acknowledge(self, time: int, by: str, note: str = "") -> None:
        """Somebody takes care of it."""
        self._refuse(self.resolved_at is not None, "acknowledged", f"it was resolved at {moment(self.resolved_at)}", "reopen it first")
        did = f"{self.acknowledged_by} did so at {moment(self.acknowledged_at)}"
        self._refuse(bool(self.acknowledged_by), "acknowledged", did, "resolve it instead")
        self._record(self.Acknowledged, time, by=by, note=note)

    def snooze(self, time: int, by: str, until: int) -> None:
        """Nobody hears of it before `until`."""
        self._refuse(self.is_over, "snoozed", f"it is {self.state}, and nobody hears of it any more", "leave it, or resolve it")
        self._refuse(until <= time, "snoozed", f"{moment(until)} is not after {moment(time)}", "name a time in the future")
        self._record(self.Snoozed, time, by=by, until=until)

    def escalate(self, time: int, by: str, note: str = "") -> None:
        """Somebody else is needed."""
        self._refuse(self.is_over, "escalated", f"it is {self.state}", "reopen it first" if self.resolved_at else "resolve it instead")
        self._record(self.Escalated, time, by=by, note=note)

    def resolve(self, time: int, by: str, note: str = "") -> None:
        """The matter is done."""
        self._refuse(self.resolved_at is not None, "resolved", f"it was resolved at {moment(self.resolved_at)}", "there is nothing to do")
        self._record(self.Resolved, time, by=by, note=note)

    def reopen(self, time: int, by: str, note: str = "") -> None:
        """The matter was not done."""
        self._refuse(self.resolved_at is None, "reopened", f"it is {self.state}", "only what was resolved can be reopened")
        self._record(self.Reopened, time, by=by, note=note)

    def wake(self) -> None:
        """Nobody takes care of it, and it is not snoozed."""
        self.acknowledged_by, self.acknowledged_at, self.snoozed_until = "", None, 0

    def _refuse(self, wrong: bool, act: str, reason: str, instead: str) -> None:
        if wrong:
            raise IncidentRefused(f"incident {self.name} cannot be {act}: {reason}; {instead}")

    def _record(self, kind: type[Event], time: int, **facts: Any) -> None:
        facts["time"] = time
        chain = digest_of(self.chain, self.id, self.version + 1, kind.__name__, facts)
        self.trigger_event(kind, timestamp=instant(time), chain=chain, **facts)


def moment(time: int | None) -> str:
    return "?" if time is None else format_time(time)


def check_link(event: Any, before: str) -> None:
    """Raise IncidentsDamaged unless an event is what was written after what has that digest."""
    facts = vars(event)
    if (topic := facts.get("originator_topic", get_topic(Incident))) != get_topic(Incident):
        raise IncidentsDamaged(event.originator_id.hex, event.originator_version, f"it is of {topic!r:.80}")
    expected = digest_of(before, event.originator_id, event.originator_version, type(event).__name__, facts)
    if facts.get("chain") != expected or event.timestamp != instant(event.time):
        raise IncidentsDamaged(event.originator_id.hex, event.originator_version, "it is not what was written after those before it")
