"""What a gap leaves in doubt, read from the start for every row: marks of windows, of derived rows, of joins, of rules."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from reference_rules import Event, Machine, RuleRow, _ordinal
from reference_tape import Inputs, Row, Session, nanoseconds


class Seen(NamedTuple):
    """What an operator reads of one row: whether it is new, and whether something was lost there or is itself in doubt."""

    time: int
    symbol: str | None
    fresh: bool
    dirty: bool


Marks = list[bool]


def seen(rows: Sequence[Row], inputs: Inputs[object]) -> list[Seen]:
    """The rows of a tape as an operator reads them: a GAP is a loss."""
    return [Seen(row.time, row.symbol, known.fresh, row.kind == "GAP") for row, known in zip(rows, inputs, strict=True)]


def then(before: Sequence[Seen], marks: Marks, fresh: Sequence[bool]) -> list[Seen]:
    """A signal as the next operator reads it: what was lost stays lost, and a new value in doubt is as bad."""
    return [Seen(row.time, row.symbol, new, row.dirty or (row.fresh and mark)) for row, mark, new in zip(before, marks, fresh, strict=True)]


def marks(rows: Sequence[Seen], window: int | str = 0, before: int = 0, session: Session | None = None) -> Marks:
    """Whether anything dirty lies in the window: the last n rows, or (t - width, t] and the `before` fresh rows before it."""
    return [row.symbol is not None and _spans(rows, i, window, before, session) for i, row in enumerate(rows)]


def _spans(rows: Sequence[Seen], i: int, window: int | str, before: int, session: Session | None) -> bool:
    now = rows[i].time
    mine = [j for j in range(i + 1) if rows[j].symbol == rows[i].symbol]
    dirty = [j for j in mine if rows[j].dirty]
    if session is not None:
        opened = session.open_of(now)
        return opened is not None and any(rows[j].time >= opened for j in dirty)
    width, count = (0, window) if isinstance(window, int) else (nanoseconds(window), before)
    fresh = [j for j in mine if rows[j].fresh and (not width or rows[j].time <= now - width)]
    if not count:
        return any(rows[j].time > now - width for j in dirty)
    return bool(dirty) and (len(fresh) < count or dirty[-1] >= fresh[-count])


#   losses        g                 g
#   bars     [---------)[---------)[---------)
#            in doubt     whole     in doubt


def gaps_of(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Time and symbol of every GAP."""
    return [(row.time, row.symbol) for row in rows if row.kind == "GAP" and row.symbol is not None]


def lost_in(losses: Sequence[tuple[int, str]], made: Sequence[tuple[int, str]], overlap: int = 0) -> Marks:
    """Whether something of its symbol was lost between each derived row and the one before it."""
    found = []
    for m, (end, symbol) in enumerate(made):
        begun = max((time for time, of in made[:m] if of == symbol), default=0) - overlap
        found.append(any(begun <= time < end for time, of in losses if of == symbol))
    return found


def stale_in(rows: Sequence[Row], made: Sequence[tuple[int, str]], kinds: Sequence[str]) -> Marks:
    """Whether, since something of its symbol was lost, one of the kinds that it had ever brought has not come again."""
    found = []
    for end, symbol in made:
        mine = [row for row in rows if row.symbol == symbol and row.time < end]
        losses = [i for i, row in enumerate(mine) if row.kind == "GAP"]
        newest = losses[-1] if losses else 0
        found.append(bool(losses) and any(_holds(mine[:newest], kind) and not _holds(mine[newest:], kind) for kind in kinds))
    return found


def _holds(rows: Sequence[Row], kind: str) -> bool:
    return any(row.kind == kind for row in rows)


def as_of(
    rows: Sequence[Row],
    made: Sequence[tuple[int, str]],
    made_marks: Marks,
    counted: Sequence[tuple[int, str]] | None,
    due: Callable[[int], int],
) -> Marks:
    """What each row of the tape sees of a derived signal: the newest value's mark, or that a loss reaches back into it.

    A loss may have begun at the newest row that counted before it: a trade, or one of `counted`, which came at those times.
    """
    from_when: list[tuple[int, int, int, str]] = []
    for i, loss in enumerate(rows):
        if loss.kind == "GAP" and loss.symbol is not None:
            before = [(row.time, row.symbol) for row in rows[:i] if row.kind == "TRADE"] if counted is None else counted
            mine = [time for time, of in before if of == loss.symbol and time <= loss.time]
            from_when.append((i, loss.time, max(loss.time, due(mine[-1]) if mine else 0), loss.symbol))
    found = []
    for i, row in enumerate(rows):
        known = [(time, mark) for (time, of), mark in zip(made, made_marks, strict=True) if of == row.symbol and time <= row.time]
        newest, mark = known[-1] if known else (0, False)
        losses = [start for gap, at, start, of in from_when if gap <= i and of == row.symbol and newest <= at]
        found.append(mark or any(start <= row.time for start in losses))
    return found


class DoubtingMachine(Machine):
    """A rule that knows which of its alerts are degraded."""

    def __init__(self, hold_ns: int, cooldown_ns: int, suppress: bool) -> None:
        super().__init__(hold_ns, cooldown_ns)
        self.suppress = suppress
        self.in_doubt: dict[str, bool] = {}
        self.degraded: list[bool] = []

    def see(self, nth: int, row: RuleRow, ordinal: int, doubt: bool) -> None:
        """A row, or a gap among the rows of a derived tape: one on which nothing is known."""
        if row.symbol is None:
            return
        waited = row.symbol in self.lives and self.lives[row.symbol].state == "PENDING"
        if doubt and self.suppress:
            if waited:
                self.lives[row.symbol].state = "INACTIVE"
            return
        waiting = self.in_doubt.get(row.symbol, False)
        self.in_doubt[row.symbol] = doubt
        self.take(nth, row, ordinal)
        if waited and (self.hold_ns or not row.known):
            self.in_doubt[row.symbol] = waiting or doubt
        self._note(row.symbol)

    def raise_alert(self, time: int, symbol: str, ordinal: int) -> None:
        """With what it has waited for."""
        super().raise_alert(time, symbol, ordinal)
        self._note(symbol)

    def _note(self, symbol: str) -> None:
        while len(self.degraded) < len(self.events):
            self.degraded.append(self.in_doubt[symbol])


def rule(
    rows: Sequence[RuleRow], doubt: Marks, gaps: Sequence[Row], until: int, hold: str, cooldown: str, suppress: bool, every: bool
) -> list[tuple[Event, bool]]:
    """The events of a rule, and whether each is degraded; `gaps` are those that are no rows of the rule's own tape."""
    machine = DoubtingMachine(nanoseconds(hold), nanoseconds(cooldown), suppress)
    own = [(row.time, 0, nth, row, doubt[nth]) for nth, row in enumerate(rows)]
    others = [(gap.time, 1, nth, RuleRow(gap.time, gap.symbol, False, False, False), True) for nth, gap in enumerate(gaps)]
    cooled: dict[str, int] = {}
    for time, other, nth, row, mark in sorted(own + others, key=lambda each: each[:3]):
        ordinal = -1 if other else _ordinal(rows, nth)
        if not every:
            machine.reach(time)
            machine.see(nth, row, ordinal, mark)
        elif row.symbol is not None and row.known and row.cond and not (mark and suppress) and time >= cooled.get(row.symbol, time):
            cooled[row.symbol] = time + nanoseconds(cooldown)
            machine.events.append(Event(time, row.symbol, "raised", ordinal))
            machine.degraded.append(mark)
    machine.reach(until)
    return list(zip(machine.events, machine.degraded, strict=True))
