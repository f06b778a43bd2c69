"""The desk: where the pipeline's alerts become incidents."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import RecordConflictError

from pipeline.alerts import CLEARED, Alert
from pipeline.durations import SECOND
from pipeline.errors import IncidentsError
from pipeline.incidents.chain import identity
from pipeline.incidents.incident import Heard, Incident
from pipeline.incidents.register import ATTEMPTS, Incidents

__all__ = ["STORM", "IncidentDesk"]

STORM = "storm"
"""The rule of an incident that stands for many."""
MINUTE = 60 * SECOND
EVERYTHING = "*"


class IncidentDesk:
    """Raises and clears incidents as alerts come, once for each alert, however often it is delivered.

    An incident is of one strategy, rule and symbol. Where a strategy raises more than `storm` alerts within a minute, in the
    time of the alerts, what is beyond that is counted in one incident of the rule "storm", until it is calm again. All that
    comes of one `take` is recorded in one transaction, with the ids of its alerts.

    >>> incidents = Incidents(env={"PERSISTENCE_MODULE": "eventsourcing.popo"})
    >>> desk, alert = IncidentDesk(incidents), Alert("SPY", 0, strategy="volume_breakout", id="a1")
    >>> desk.take([alert]), desk.take([alert]), [incident.state for incident in incidents.all()]
    (1, 0, ['open'])
    """

    def __init__(self, incidents: Incidents, storm: int = 20) -> None:
        self.incidents, self.storm = incidents, storm
        self._forget()

    def _forget(self) -> None:
        self._firing: dict[tuple[str, str, str], Incident] = {}
        self._of: dict[UUID, tuple[str, str, str]] = {}
        self._recent: dict[str, deque[int]] = defaultdict(lambda: deque(maxlen=self.storm + 1))
        self._position = 0

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
            found = self._clear(alert) if alert.event == CLEARED else self._raise(alert)
            touched |= {incident.id: incident for incident in found}
            heard.append(Heard.of(alert, found[-1].id.hex if found else ""))
        if heard:
            last = self.incidents.record(list(touched.values()), heard)
            count = len(heard) + self._written(touched)
            if last == self._position + count:
                self._position = last
            else:  # somebody recorded something in between
                self._forget()
        return len(heard)

    def _written(self, touched: dict[UUID, Incident]) -> int:
        return sum(incident.version - self._versions.get(owner, 0) for owner, incident in touched.items())

    def _is_known(self, alert: Alert) -> bool:
        return bool(self.incidents.recorder.select_events(identity("alert", alert.id), limit=1))

    # What an alert does.

    def _raise(self, alert: Alert) -> list[Incident]:
        """The incidents that an alert touches, the one that it belongs to last."""
        ended = self._calm(alert)
        recent = self._note(alert.strategy, alert.time)
        key = (alert.strategy, alert.rule, alert.symbol)
        if len(recent) > self.storm:
            key = (alert.strategy, STORM, EVERYTHING)
            text = f"more than {self.storm} alerts of {alert.strategy} within a minute"
            alert = alert.completed(rule=STORM, symbol=EVERYTHING, message=text)
        known = self._firing.get(key)
        if known is not None and not known.is_over:
            known.repeat(alert)
            return [*ended, known]
        made = Incident.raise_(alert)
        self._hold(made)
        return [*ended, made]

    def _clear(self, alert: Alert) -> list[Incident]:
        known = self._firing.get((alert.strategy, alert.rule, alert.symbol))
        if known is None:
            return []
        known.clear(alert)
        self._let_go(known)
        return [known]

    def _calm(self, alert: Alert) -> list[Incident]:
        """A storm that is over when this alert comes is cleared."""
        known = self._firing.get((alert.strategy, STORM, EVERYTHING))
        if known is None or len(self._within(alert.strategy, alert.time)) >= self.storm:
            return []
        known.clear(alert)
        self._let_go(known)
        return [known]

    def _within(self, strategy: str, time: int) -> deque[int]:
        """The times of the alerts raised in the minute before a time; those after it are of an earlier run."""
        recent = self._recent[strategy]
        kept = [each for each in recent if time - MINUTE < each <= time]
        recent.clear()
        recent.extend(kept)
        return recent

    def _note(self, strategy: str, time: int) -> deque[int]:
        recent = self._within(strategy, time)
        recent.append(time)
        return recent

    # What is known of the register.

    def _catch_up(self) -> None:
        """Let what was recorded since, by whomever, happen here too."""
        for number, event in self.incidents.recorded(self._position):
            self._hear(event)
            self._position = number
        self._versions = {incident.id: incident.version for incident in self._firing.values()}

    def _hear(self, event: Any) -> None:
        if isinstance(event, Heard):
            event.check()
            if event.event != CLEARED:
                self._note(event.strategy, event.time)
            return
        if isinstance(event, Incident.Raised):
            self._hold(event.mutate(None))
            return
        known = self._firing.get(self._of.get(event.originator_id, ("", "", "")))
        if known is not None and event.originator_version > known.version:
            event.mutate(known)
            if known.cleared_at is not None:
                self._let_go(known)

    def _hold(self, incident: Incident) -> None:
        """Its condition holds: what comes of that key belongs to it."""
        before = self._firing.get(incident.key)
        if before is not None:
            self._let_go(before)
        self._firing[incident.key], self._of[incident.id] = incident, incident.key

    def _let_go(self, incident: Incident) -> None:
        del self._firing[incident.key]
        del self._of[incident.id]
