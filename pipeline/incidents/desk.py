"""The desk: where the pipeline's alerts become incidents."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import RecordConflictError

from pipeline.alerts import CLEARED, Alert
from pipeline.errors import IncidentsError
from pipeline.incidents.chain import identity
from pipeline.incidents.incident import Heard, Incident
from pipeline.incidents.register import ATTEMPTS, Incidents
from pipeline.incidents.storms import EVERYTHING, STORM, Recent

__all__ = ["IncidentDesk"]

UNKNOWN = -1
Key = tuple[str, str, str]


class IncidentDesk:
    """Raises and clears incidents as alerts come, once for each alert, however often it is delivered.

    An incident is of one strategy, rule and symbol. Where a strategy raises more than `storm` alerts within a minute, in the
    time of the alerts, what is beyond that is counted in one incident of the rule "storm", until an alert comes, of whichever strategy,
    before which it was calm for a minute. All that comes of one `take` is recorded in one transaction, with the ids of its alerts.

    >>> incidents = Incidents(env={"PERSISTENCE_MODULE": "eventsourcing.popo"})
    >>> desk, alert = IncidentDesk(incidents), Alert("SPY", 0, strategy="volume_breakout", id="a1")
    >>> desk.take([alert]), desk.take([alert]), [incident.state for incident in incidents.all()]
    (1, 0, ['open'])
    """

    def __init__(self, incidents: Incidents, storm: int = 20) -> None:
        self.incidents, self.storm = incidents, storm
        self._forget()

    def _forget(self) -> None:
        self._firing: dict[Key, UUID] = {}
        self._of: dict[UUID, Key] = {}
        self._loaded: dict[UUID, Incident] = {}
        self._recent = Recent(self.storm)
        self._position = UNKNOWN

    def take(self, alerts: Sequence[Alert]) -> int:
        """Record alerts, in order; how many of them were new. Raises IncidentsError where they cannot be recorded."""
        for alert in alerts:
            if not alert.id:
                raise IncidentsError(
                    f"an alert of {alert.symbol!r} has no id, by which a second delivery is known; give it one: Alert(id=...)"
                )
        with self.incidents.alone():
            for _ in range(ATTEMPTS):
                try:
                    return self._take(alerts)
                except RecordConflictError:
                    self._forget()
                except BaseException:
                    self._forget()
                    raise
        raise IncidentsError(f"{self.incidents.path} is being changed by others all the time; {ATTEMPTS} attempts were too late")

    def _take(self, alerts: Sequence[Alert]) -> int:
        self._catch_up()
        fresh = {alert.id: alert for alert in alerts if not self._is_known(alert)}
        touched: dict[UUID, Incident] = {}
        heard = []
        for alert in fresh.values():
            ended = self._calm(alert)
            of = self._clear(alert) if alert.event == CLEARED else self._raise(alert)
            touched |= {incident.id: incident for incident in (*ended, of) if incident is not None}
            heard.append(Heard.of(alert, of.id.hex if of is not None else ""))
        if heard:
            count = len(heard) + sum(len(incident.pending_events) for incident in touched.values())
            last = self.incidents.record(list(touched.values()), heard)
            if last == self._position + count:
                self._position = last
            else:  # somebody recorded something in between
                self._forget()
        return len(heard)

    def _is_known(self, alert: Alert) -> bool:
        return bool(self.incidents.recorder.select_events(identity("alert", alert.id), limit=1))

    # What an alert does.

    def _calm(self, alert: Alert) -> list[Incident]:
        """The storms, of whichever strategy, that are over when this alert comes; they are cleared."""
        if alert.event != CLEARED:
            self._recent.begin(alert.strategy, alert.time)
        ended = []
        for strategy in self._recent:
            known = self._known((strategy, STORM, EVERYTHING))
            if known is not None and self._recent.is_over(strategy, alert.time):
                self._end(known, alert)
                ended.append(known)
        return ended

    def _raise(self, alert: Alert) -> Incident:
        """The incident that an alert belongs to."""
        self._recent.note(alert.strategy, alert.time)
        if self._recent.is_storm(alert.strategy):
            text = f"more than {self.storm} alerts of {alert.strategy} within a minute"
            alert = alert.completed(rule=STORM, symbol=EVERYTHING, message=text)
        known = self._known((alert.strategy, alert.rule, alert.symbol))
        if known is not None and not known.is_over:
            known.repeat(alert)
            return known
        made = Incident.raise_(alert)
        self._hold(made)
        return made

    def _clear(self, alert: Alert) -> Incident | None:
        known = self._known((alert.strategy, alert.rule, alert.symbol))
        if known is not None:
            self._end(known, alert)
        return known

    def _end(self, known: Incident, alert: Alert) -> None:
        known.clear(alert)
        self._let_go(known.id)

    # What is known of the register.

    def _known(self, key: Key) -> Incident | None:
        """What fires, with its history, which is read and checked when it is wanted first."""
        owner = self._firing.get(key)
        if owner is not None and owner not in self._loaded:
            self._loaded[owner] = self.incidents.load(owner)
        return None if owner is None else self._loaded[owner]

    def _catch_up(self) -> None:
        """Let what was recorded since, by whomever, happen here too; at first, begin with the read model."""
        if self._position == UNKNOWN:
            self._position, self._firing, recent = self.incidents.follow().for_a_desk()
            self._of = {owner: key for key, owner in self._firing.items()}
            for strategy, time in recent:
                self._recent.note(strategy, time)
        for number, event in self.incidents.recorded(self._position):
            self._hear(event)
            self._position = number

    def _hear(self, event: Any) -> None:
        if isinstance(event, Heard):
            event.check()
            if event.event != CLEARED:
                self._recent.note(event.strategy, event.time)
        elif isinstance(event, Incident.Raised):
            self._hold(event.mutate(None))
        elif event.originator_id in self._of:
            self._follow(event)

    def _follow(self, event: Any) -> None:
        known = self._loaded.get(event.originator_id)
        if known is not None and event.originator_version > known.version:
            event.mutate(known)
        if isinstance(event, Incident.Cleared):
            self._let_go(event.originator_id)

    def _hold(self, incident: Incident) -> None:
        """Its condition holds: what comes of that key belongs to it."""
        before = self._firing.get(incident.key)
        if before is not None:
            self._let_go(before)
        self._firing[incident.key], self._of[incident.id], self._loaded[incident.id] = incident.id, incident.key, incident

    def _let_go(self, owner: UUID) -> None:
        del self._firing[self._of.pop(owner)]
        self._loaded.pop(owner, None)
