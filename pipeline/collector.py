"""What the strategies say during a batch: completed where a strategy made it by hand, and put in the order of the tape."""

from collections.abc import Callable
from operator import attrgetter, index
from typing import Any

from reactivex import Observable

from pipeline.alerts import Alert, AlertIds, Alerts, Order
from pipeline.errors import BuildError
from pipeline.flow import Tape
from pipeline.graph import Graph
from pipeline.rules import AlertStream
from pipeline.sinks.rows import encodable
from pipeline.ticks import BATCH_ROWS

__all__ = ["Collector"]

WHOLE_BATCHES = "; Rx on a tape sees whole batches of rows; for one tick at a time write ticks.pipe(each_tick(), ...)"
BY_ORDER = attrgetter("order")
BY_HAND_ROWS = 2048
"""Rx takes up to a tenth of a millisecond a row: such a batch is done in 0.2 s, and neither Ctrl-C nor the watchdog waits for seconds."""


class Collector:
    """Listens to alert streams and gives the alerts of a batch in order.

    Each stream has a list of its own, so that alerts of one row stand in the order of the strategies, whatever stages
    they share. The strategies `by_hand` make their alerts themselves: no snapshot holds what Rx operators remember.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.parts: list[list[Alert]] = []
        self.by_hand: set[str] = set()
        self._streams: list[Observable[Any]] = []

    @property
    def batch_rows(self) -> int:
        """How many rows a batch may have: few where Rx operators take them one by one, so that a batch is no hang."""
        return BY_HAND_ROWS if self.by_hand or self.graph.one_by_one else BATCH_ROWS

    def listen(self, strategy: str, stream: Observable[Any]) -> None:
        """Collect the alerts of a strategy's stream: of `alert_when`, or of any observable of alerts or lists of alerts."""
        if any(stream is known for known in self._streams):
            raise BuildError(f"{strategy} returned the same alerts twice; each would be told twice")
        self._streams.append(stream)
        graph, part = self.graph, list[Alert]()
        self.parts.append(part)
        receive: Callable[[Any], None]
        if isinstance(stream, AlertStream):
            if stream.graph is not graph:
                raise BuildError("these alerts belong to another run; build them from the tape given to alerts(ticks)")
            receive = part.extend
        else:
            receive = HandMade(graph, strategy, part)
            self.by_hand.add(strategy)
        with graph.owned_by(strategy):
            stream.subscribe(receive, lambda error: graph.quarantine(strategy, error))
        if isinstance(graph.observed, Tape):
            graph.hints[strategy] = WHOLE_BATCHES

    def take(self) -> list[Alert]:
        """The alerts since the last call, in order of time, then of the tape, then of the strategies."""
        alerts = [alert for part in self.parts for alert in part]
        self.drop()
        alerts.sort(key=BY_ORDER)
        return alerts

    def drop(self) -> None:
        """Forget the alerts of a batch that was not finished."""
        for part in self.parts:
            part.clear()


class HandMade:
    """Completes alerts that a strategy made itself: whose they are, their id, and their place in the order.

    The ordinal of an id counts the alerts of one rule, event, symbol and time; only the newest time is remembered.
    """

    def __init__(self, graph: Graph, strategy: str, out: list[Alert]) -> None:
        self.graph, self.strategy, self.out = graph, strategy, out
        self._ids: dict[str, AlertIds] = {}
        self._last: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._newest = 0

    def __call__(self, item: object) -> None:
        for alert in item if isinstance(item, list | tuple | Alerts) else (item,):
            if not isinstance(alert, Alert):
                raise BuildError(f"{self.strategy} gave {alert!r:.80} as an alert; expected an Alert, or a list of them")
            if not 0 <= index(alert.time) < 1 << 63:
                raise BuildError(f"{self.strategy} gave an alert at {alert.time!r}; expected ns since 1970")
            self.out.append(self._completed(alert))

    def _completed(self, alert: Alert) -> Alert:
        """The alert with all its fields, each of its type and such that it can be written down; one of a rule keeps id and place."""
        time, symbol, rule, event = index(alert.time), encodable(str(alert.symbol)), encodable(str(alert.rule)), encodable(str(alert.event))
        values = {encodable(str(key)): float(value) for key, value in alert.values.items()}
        message, severity = encodable(str(alert.message)), encodable(str(alert.severity))
        name, degraded = encodable(str(alert.id)), bool(alert.degraded)
        if alert.strategy and name and alert.order.time:
            return Alert(symbol, time, message, values, event, severity, self.strategy, rule, name, alert.order, degraded)
        self._newest = max(self._newest, time)
        at, seq = self.graph.position
        order = Order(max(self._newest, at), 2, seq)
        last, count = self._last.get((rule, event, symbol), (time, 0))
        ordinal = count if last == time else 0
        self._last[rule, event, symbol] = time, ordinal + 1
        if rule not in self._ids:
            self._ids[rule] = AlertIds(self.graph.identities[self.strategy], rule)
        name = name or self._ids[rule].id(event, symbol, time, ordinal)
        return Alert(symbol, time, message, values, event, severity, self.strategy, rule, name, order, degraded)
