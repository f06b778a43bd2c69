"""Rules whose condition is written in the price: 1 it is met, 0 it is not, -1 it is cleared, nan not known."""

import math

import numpy as np
import reference as ref
from hurtful import hurtful_tape, reference_rows

from pipeline.checks import observe
from pipeline.combine import combine_latest
from pipeline.flow import Tape
from pipeline.operators import last, moving_average, tick_count
from pipeline.rules import AlertStream, alert_when
from pipeline.strategy import Strategy
from pipeline.ticks import Kind, Ticks
from pipeline.windows import bars


class Level(Strategy):
    """Alerts where the level is up: of a signal, of the row itself, of comparisons, or of bars once there are two."""

    of: str = "signal"
    hold: str = "0s"
    cooldown: str = "0s"
    clear: bool = False
    every: bool = False

    def alerts(self, ticks: Tape) -> AlertStream:
        """One rule."""
        rule = {"every": True} if self.every else {"hold": self.hold, "clear": self._is_down if self.clear else None}
        return self._signals(ticks).pipe(alert_when(self._is_up, cooldown=self.cooldown, message="{symbol} at {time}", **rule))

    def _signals(self, ticks: Tape):
        if self.of == "row":
            return combine_latest(trades=ticks.pipe(tick_count("1m")))
        if self.of == "comparison":
            return combine_latest(up=ticks.pipe(last()) > 0.5, down=ticks.pipe(last()) < -0.5)
        tape = ticks.pipe(bars("1s")) if self.of == "bars" else ticks
        return combine_latest(level=tape.pipe(last()), mean=tape.pipe(moving_average(2)))

    def _is_up(self, s):
        if self.of == "row":
            return s.price > 0.5
        if self.of == "comparison":
            return s.up
        return (s.level > 0.5) & (s.mean < 9.0) if self.of == "bars" else s.level > 0.5

    def _is_down(self, s):
        return s.down if self.of == "comparison" else (s.price if self.of == "row" else s.level) < -0.5


def level_tape(seed: int, rows: int = 120, symbols: int = 3, unknown: float = 0.1) -> Ticks:
    """A hurtful tape whose trades have a level as their price."""
    ticks, rng = hurtful_tape(seed, rows, symbols), np.random.default_rng(seed + 1)
    price = rng.choice([1.0, 0.0, -1.0], rows, p=[0.5, 0.25, 0.25])
    price[rng.random(rows) < unknown] = np.nan
    price[ticks.kind != Kind.TRADE] = np.nan
    price.flags.writeable = False
    return Ticks({**ticks.columns, "price": price}, ticks.symbols)


def expected_events(strategy: Level, ticks: Ticks) -> list[ref.Event]:
    """What the slow rule machine makes of the levels."""
    rows = reference_rows(ticks)
    if strategy.of == "bars":
        closes = ref.bars(rows, "1s")
        mean = ref.moving_average(ref.derived_inputs(closes, "close"), 2)
        levels = [(bar.time, bar.symbol, bar.close, not math.isnan(known)) for bar, known in zip(closes, mean, strict=True)]
    else:
        standing = strategy.of != "row"
        values = ref.column(ref.inputs_of(rows, "price")) if standing else [row.price for row in rows]
        levels = [
            (row.time, row.symbol, level, not math.isnan(level) and not (strategy.every and row.kind != "TRADE"))
            for row, level in zip(rows, values, strict=True)
        ]
    judged = [ref.RuleRow(time, symbol, level > 0.5, level < -0.5, known) for time, symbol, level, known in levels]
    judged = judged if strategy.clear else [row._replace(clear=None) for row in judged]
    return ref.rule(judged, int(ticks.time[-1]), strategy.hold, strategy.cooldown, strategy.every)


def told(strategy: Strategy, ticks: Ticks, at: list[int]) -> list[tuple[int, str, str, str]]:
    """Time, symbol, event and id of each alert."""
    return [(alert.time, alert.symbol, alert.event, alert.id) for alert in observe(strategy.alerts, ticks, at).alerts]
