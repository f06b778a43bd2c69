"""The rule machine: INACTIVE, PENDING while it is held or cools down, ACTIVE, per symbol."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reference_tape import nanoseconds


class RuleRow(NamedTuple):
    """What a rule reads of one row; `clear` None means not `cond`, and a row that is not `known` makes no transition."""

    time: int
    symbol: str | None
    cond: bool
    clear: bool | None = None
    known: bool = True


class Event(NamedTuple):
    """A transition; `ordinal` is the number of earlier rows of that symbol and time, -1 for a deadline."""

    time: int
    symbol: str
    event: str
    ordinal: int


@dataclass
class Life:
    """The state of one symbol."""

    state: str = "INACTIVE"
    held_at: int = 0
    pending_row: int = 0
    cooled_at: float = -math.inf
    raised_nth: int = 0

    @property
    def deadline(self) -> float:
        """When the raise is due: held for long enough, and cooled down."""
        return max(self.held_at, self.cooled_at)

    @property
    def turn(self) -> tuple[float, int, int]:
        """Who goes first: the earlier deadline, then an ending cooldown, then who raised or became pending first."""
        if self.cooled_at > self.held_at:
            return self.cooled_at, 0, self.raised_nth
        return self.held_at, 1, self.pending_row


class Machine:
    """One rule at work on all symbols."""

    def __init__(self, hold_ns: int, cooldown_ns: int) -> None:
        self.hold_ns = hold_ns
        self.cooldown_ns = cooldown_ns
        self.lives: dict[str, Life] = {}
        self.events: list[Event] = []

    def reach(self, now: int) -> None:
        """Meet every deadline up to `now`, one at a time, in order."""
        while due := [symbol for symbol, life in self.lives.items() if life.state == "PENDING" and life.deadline <= now]:
            symbol = min(due, key=lambda symbol: self.lives[symbol].turn)
            self.raise_alert(int(self.lives[symbol].deadline), symbol, ordinal=-1)

    def take(self, nth: int, row: RuleRow, ordinal: int) -> None:
        """Make the transition that row number `nth` of the tape asks for."""
        if row.symbol is None or not row.known:
            return
        life = self.lives.setdefault(row.symbol, Life())
        clear = not row.cond if row.clear is None else row.clear
        if life.state == "ACTIVE":
            if clear:
                life.state = "INACTIVE"
                self.events.append(Event(row.time, row.symbol, "cleared", ordinal))
        elif not row.cond:
            life.state = "INACTIVE"
        elif life.state == "INACTIVE":
            life.state, life.held_at, life.pending_row = "PENDING", row.time + self.hold_ns, nth
            if life.deadline <= row.time:
                self.raise_alert(row.time, row.symbol, ordinal)

    def raise_alert(self, time: int, symbol: str, ordinal: int) -> None:
        """Enter ACTIVE and begin to cool down."""
        life = self.lives[symbol]
        life.state, life.cooled_at, life.raised_nth = "ACTIVE", time + self.cooldown_ns, len(self.events)
        self.events.append(Event(time, symbol, "raised", ordinal))


def rule(
    rows: Sequence[RuleRow],
    until: int | None = None,
    hold: int | str = 0,
    cooldown: int | str = 0,
    every: bool = False,
) -> list[Event]:
    """The events of a rule on the rows of its tape; the root tape's time ends at `until`, with the last row unless given."""
    if every:
        return _every(rows, nanoseconds(cooldown))
    machine = Machine(nanoseconds(hold), nanoseconds(cooldown))
    for nth, row in enumerate(rows):
        machine.reach(row.time)
        machine.take(nth, row, _ordinal(rows, nth))
    if rows:
        machine.reach(rows[-1].time if until is None else until)
    return machine.events


def _every(rows: Sequence[RuleRow], cooldown_ns: int) -> list[Event]:
    events: list[Event] = []
    for nth, row in enumerate(rows):
        if row.symbol is None or not (row.known and row.cond):
            continue
        cooled_at = max((event.time + cooldown_ns for event in events if event.symbol == row.symbol), default=row.time)
        if row.time >= cooled_at:
            events.append(Event(row.time, row.symbol, "raised", _ordinal(rows, nth)))
    return events


def _ordinal(rows: Sequence[RuleRow], nth: int) -> int:
    return sum(row.time == rows[nth].time and row.symbol == rows[nth].symbol for row in rows[:nth])
