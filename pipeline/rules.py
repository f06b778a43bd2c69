"""alert_when: from a condition on combined signals to alerts."""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import rule_machine
from pipeline.alerts import CLEARED, RAISED, Alert, AlertIds, Order, format_time
from pipeline.combine import Combination, Combined, with_truth
from pipeline.durations import Duration, nanoseconds
from pipeline.errors import BuildError, ParameterError, UnknownName
from pipeline.functions import fingerprint
from pipeline.gaps import either, flags_of, with_losses
from pipeline.graph import Stream
from pipeline.probe import Rows, check_condition
from pipeline.rule_machine import BUSY, EVENTS, LAST_ROW, MEMORY_COLUMNS, TOUCHED
from pipeline.stage import Stateful
from pipeline.state import State, zeros
from pipeline.ticks import Kind
from pipeline.values import evaluate

__all__ = ["AlertStream", "alert_when"]

Condition = Callable[[Any], Any]
QUOTE = int(Kind.QUOTE)
SEVERITIES = ("info", "warning", "critical")
NOTHING = np.empty(0, np.bool_)
NO_ROWS = np.empty(0, np.int64)
NO_EVENTS = np.empty((0, 6), np.int64)
ON_GAP = ("mark", "suppress")
NEVER_IN_DOUBT = {"time", "seq", "symbol", "kind", "strategy"}


class Rule(Stateful):
    """A rule at work: which symbols are pending, active or cooling down, and the values of those that wait."""

    def __init__(self, text: str, symbols: int, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._events = np.empty((0, 6), np.int64)
        self._touched = np.empty(0, np.int64)
        super().__init__(text, symbols)

    def blank(self, symbols: int) -> State:
        """Everybody inactive."""
        memory = zeros((symbols, MEMORY_COLUMNS), "i8")
        return State(symbols, {"lists": zeros(8, "i8")}, memory=memory, saved=zeros((symbols, len(self.columns))))

    @property
    def busy(self) -> bool:
        """Whether any symbol is not inactive."""
        return bool(self.state.lists[BUSY])

    def scratch(self, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Room for all events a batch can have: one a row, and one a waiting symbol."""
        most = 2 * rows + self.state.lists.item(BUSY) + 1
        if len(self._events) < most:
            self._events, self._touched = np.empty((most, 6), np.int64), np.empty(most, np.int64)
        return self._events, self._touched

    def put_back(self, events: NDArray[np.int64], place: NDArray[np.int64]) -> None:
        """Say by their places among the rows alone what was found with gaps put among them."""
        codes, of_batch = self._touched[: self.state.lists[TOUCHED]], events[:, 3] >= 0
        events[of_batch, 3] = place[events[of_batch, 3]]
        self.state.memory[codes, LAST_ROW] = place[self.state.memory[codes, LAST_ROW] - 1] + 1

    def save_values(self, columns: list[NDArray[Any]]) -> None:
        """Keep the last values of whoever waits, for a deadline in a later batch."""
        codes = self._touched[: self.state.lists[TOUCHED]]
        rows = self.state.memory[codes, LAST_ROW] - 1
        for place, column in enumerate(columns):
            self.state.saved[codes, place] = column[rows]
        self.state.memory[codes, LAST_ROW] = 0


class AlertStream(Stream[list[Alert]]):
    """The alerts of one rule: a list for each batch that has any."""

    def __init__(
        self, source: Combination, condition: Condition, clear: Condition | None, hold: int, cooldown: int, severity: str, message: str,
        every: bool, name: str, on_gap: str,
    ) -> None:  # fmt: skip
        graph = source.graph
        owner = source.owner or graph.owner
        self.rule = name or graph.next_rule(owner)
        super().__init__(graph, f"{owner}: {self.rule}", owner, self._judge)
        if self.name in graph.stages:
            raise BuildError(
                f"two rules of {owner} are named {self.rule!r}, their alerts would have the same ids; give one another name=..."
            )
        self.source, self.condition, self.clear, self.every = source, condition, clear, every
        self.hold, self.cooldown, self.severity, self.message, self.suppress = hold, cooldown, severity, message, on_gap == "suppress"
        self.logical = {label for label, signal in source.signals.items() if signal.logical}
        used, told = self._check(), self._in_message()
        for column in used | told:
            source.tape.has(column)
        self.used = sorted(used - {"time", "seq", "symbol", "kind", "side"})
        self.unknown = set(self.used)  # what has had no value yet, of any symbol
        self.tells_time = "time" in told
        self.watched = [name for name in source.signals if name in used | told]
        self.sees_rows = not source.tape.derived or bool((used | told) - set(source.signals) - NEVER_IN_DOUBT)
        shown = (*source.signals, *sorted((used | told) - set(source.signals) - {"symbol", "time", "strategy"}))
        identity = graph.identities.get(owner or "", owner or "")
        text = f"{identity}: alert_when({fingerprint(condition)}, {fingerprint(clear) if clear else None}, {hold}, {cooldown}, {every})"
        text += ", on_gap='suppress'" if self.suppress else ""
        self.stage = Rule(text, graph.capacity, shown)
        graph.add_stage(self.name, self.stage, owner)
        self.ids = AlertIds(identity, self.rule)

    def emit(self, item: list[Alert]) -> None:
        """Hand the alerts of a batch to every Rx observer, if there are any."""
        if item:
            super().emit(item)

    def _check(self) -> frozenset[str]:
        tape = self.source.tape
        columns, names = tape.columns | tape.further, set(self.source.signals) - self.logical
        used = check_condition(self.condition, columns, names, self.logical, self.graph.named)
        return used | check_condition(self.clear, columns, names, self.logical, self.graph.named) if self.clear else used

    def _in_message(self) -> set[str]:
        tape = self.source.tape
        known = {*self.source.signals, *tape.columns, *tape.further, "symbol", "time", "strategy"}
        try:
            names = {field for _, field, _, _ in Formatter().parse(self.message) if field is not None}
            for name in sorted(names - known):
                raise UnknownName("signal or column for the message", name, known)
            self.message.format(**dict.fromkeys(names, 1.0) | dict.fromkeys(("symbol", "time", "strategy"), ""))
        except (ValueError, LookupError) as error:
            raise BuildError(f"the message {self.message!r} cannot be filled in: {error}") from None
        return names

    def _judge(self) -> list[Alert]:
        combined, stage = self.source.item, self.stage
        rows, values = combined.rows, combined.values
        count = len(rows.columns["time"])
        stage.next_row += count
        if self.unknown:
            self.unknown = {name for name in self.unknown if np.isnan(self._column(combined, name)).all()}
        seen = with_truth(values, self.logical)
        met = evaluate(self.condition, Rows(rows, seen), count) if count else NOTHING
        if self.every:
            events = self._every(combined, met)
        elif not stage.busy and not np.count_nonzero(met):
            events = self._run(combined, met, met, met)
        else:
            events = self._transitions(combined, met, seen)
        alerts = self._alerts(events, combined) if len(events) else []
        if not self.every and stage.state.lists[TOUCHED]:
            stage.save_values([self._column(combined, name) for name in stage.columns])
        return alerts

    def _transitions(self, combined: Combined, met: NDArray[np.bool_], seen: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        count = len(met)
        known = np.ones(count, np.bool_)
        for name in self.used if count else ():
            known &= ~np.isnan(self._column(combined, name))
        clear = ~met if self.clear is None or not count else evaluate(self.clear, Rows(combined.rows, seen), count)
        return self._run(combined, met, clear, known)

    def _run(self, combined: Combined, met: NDArray[np.bool_], clear: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.int64]:
        rows, stage, marks, place = combined.rows, self.stage, None, None
        time, symbol = rows.columns["time"], rows.columns["symbol"]
        if self.graph.gaps:
            marks = self._marks(combined)
            if rows.root is not rows and rows.root.lost is not None and self.source.tape.derived:
                marks = flags_of(rows) if marks is None else marks
                time, symbol, place, met, clear, known, marks = with_losses(
                    rows, (met, False), (clear, False), (known, False), (marks, True)
                )
        events, touched = stage.scratch(len(time))
        state, until = stage.state, int(rows.root.columns["time"][-1])
        rule_machine.rule_rows(
            time, symbol, met, clear, known, marks is not None, met if marks is None else marks, self.suppress, until, self.hold,
            self.cooldown, state.memory, state.lists, touched, events,
        )  # fmt: skip
        found = events[:told] if (told := state.lists.item(EVENTS)) else NO_EVENTS
        if place is not None:
            stage.put_back(found, place)
        return found

    def _marks(self, combined: Combined) -> NDArray[np.bool_] | None:
        """The rows on which something that the rule tells of is in doubt."""
        own = combined.rows.lost if self.sees_rows else None
        return either(own, *(combined.parts[name].marks for name in self.watched))

    def _every(self, combined: Combined, met: NDArray[np.bool_]) -> NDArray[np.int64]:
        """NaN and freshness are looked at only where the condition holds."""
        rows, stage, hits = combined.rows, self.stage, NO_ROWS
        marks = self._marks(combined) if self.graph.gaps else None
        if np.count_nonzero(met):
            hits = met.nonzero()[0]
            keep = self._fresh_at(hits, combined)
            for name in self.used:
                column = self._column(combined, name)[hits]
                keep &= column == column
            if self.suppress and marks is not None:
                keep &= ~marks[hits]
            hits = hits[keep]
        events, _ = stage.scratch(len(met))
        state = stage.state
        rule_machine.every_row(rows.columns["time"], rows.columns["symbol"], hits, self.cooldown, state.memory, state.lists, events)
        found = events[:told] if (told := state.lists.item(EVENTS)) else NO_EVENTS
        if marks is not None:
            found[:, 5] = marks[found[:, 3]]
        return found

    def _fresh_at(self, hits: NDArray[np.int64], combined: Combined) -> NDArray[np.bool_]:
        """Whether each of these rows brings new input to anything the condition uses."""
        signals = [name for name in self.used if name in combined.parts]
        if len(signals) == len(self.used) and signals:
            fresh = np.zeros(len(hits), np.bool_)
        else:
            fresh = combined.rows.columns["kind"][hits] <= QUOTE
            if fresh.all():
                return fresh
        for name in signals:
            fresh |= combined.fresh(name)[hits]
        return fresh

    def _column(self, combined: Combined, name: str) -> NDArray[Any]:
        found = combined.values.get(name)
        return combined.rows.columns[name] if found is None else found

    def _alerts(self, events: NDArray[np.int64], combined: Combined) -> list[Alert]:
        """Alerts of events; the values of an event of an earlier batch (row -1) are those that were saved."""
        ticks, names, derived, at = combined.rows, self.stage.columns, self.source.tape.derived, events[:, 3]
        seq, table, waited = ticks.columns["seq"], np.empty((len(events), len(names))), at < 0
        for place, name in enumerate(names) if len(seq) else ():
            table[:, place] = self._column(combined, name)[at]
        if waited.any():
            table[waited] = self.stage.state.saved[events[waited, 1]]
        alerts = []
        for (time, code, cleared, row, ordinal, doubt), each in zip(events.tolist(), table.tolist(), strict=True):
            order = Order(time, 0) if ordinal < 0 else Order(time, 1) if derived else Order(time, 2, seq.item(row))
            values, event = dict(zip(names, each, strict=True)), CLEARED if cleared else RAISED
            alerts.append(self._alert(ticks.symbols.name(code), event, time, ordinal, values, order, bool(doubt)))
        return alerts

    def _alert(
        self, symbol: str, event: str, time: int, ordinal: int, values: dict[str, float], order: Order, degraded: bool
    ) -> Alert:  # fmt: skip
        clock = format_time(time) if self.tells_time else ""
        message = self.message.format(strategy=self.owner, time=clock, symbol=symbol, **values) if self.message else ""
        name = self.ids.id(event, symbol, time, ordinal)
        return Alert(symbol, time, message, values, event, self.severity, self.owner or "", self.rule, name, order, degraded)


def alert_when(
    condition: Condition,
    *,
    clear: Condition | None = None,
    hold: Duration | None = None,
    cooldown: Duration | None = None,
    severity: str = "warning",
    message: str = "",
    every: bool = False,
    name: str = "",
    on_gap: str = "mark",
) -> Callable[[Combination], AlertStream]:
    """Alert when a condition becomes true for a symbol: one `raised` on entry, one `cleared` on exit, nothing between.

    The condition sees the named signals and the row's own columns as numpy columns and joins comparisons with `&`, `|`
    and `~`. `clear` is when it is over (default: when the condition is no longer met). `hold` is how long it must last
    before it is raised, `cooldown` the shortest time from one raise of a symbol to the next; both end at their exact
    time, whether or not the symbol trades then. A row on which a value that the rule uses is nan changes nothing.
    `every=True` alerts on each row that meets the condition and brings something new. `message` is a format string of
    values, `{symbol}`, `{strategy}` and `{time}`. Where the feed lost something of a symbol, its alerts are `degraded`
    while a window of a signal that the rule names, or its hold, spans the place; `on_gap="suppress"` tells none of those.

    Raises BuildError for a misused condition, UnknownName for a name that is not there, ParameterError for the rest.

    >>> from pipeline.checks import alerts_of
    >>> from pipeline.combine import combine_latest
    >>> from pipeline.operators import price_change
    >>> def jump(ticks):
    ...     change = ticks.pipe(price_change("1m"))
    ...     return combine_latest(change=change).pipe(alert_when(lambda s: s.change > 0.01, message="{symbol} {change:+.1%}"))
    >>> [(alert.event, alert.message) for alert in alerts_of(jump, price=[100.0, 102.0, 101.0], seconds=[0, 60, 90])]
    [('raised', 'A +2.0%'), ('cleared', 'A +1.0%')]
    """
    for what, given in (("condition", condition), ("clear", clear)):
        if given is not None and not callable(given):
            raise BuildError(f"alert_when: {what} is {given!r:.60}; expected a function of the rows, such as lambda s: s.price > 10")
    if every and (clear is not None or hold is not None):
        raise ParameterError("every=True alerts on each row; clear= and hold= have no meaning with it")
    if severity not in SEVERITIES:
        raise UnknownName("severity", severity, SEVERITIES)
    if on_gap not in ON_GAP:
        raise UnknownName("on_gap", on_gap, ON_GAP)
    hold_ns, cooldown_ns = (0 if length is None else nanoseconds(length) for length in (hold, cooldown))

    def judge(source: Combination) -> AlertStream:
        if not isinstance(source, Combination):
            raise BuildError(f"alert_when follows combine_latest(name=signal, ...), not {type(source).__name__}")
        return AlertStream(source, condition, clear, hold_ns, cooldown_ns, severity, message, every, name, on_gap)

    return judge
