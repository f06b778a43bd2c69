"""Small strategies, tapes and feeds for the tests of the runner."""

import itertools

import numpy as np
from reactivex import operators as ops

from pipeline import Alert, Strategy, Ticks, alert_when, combine_latest
from pipeline.doors import each_tick
from pipeline.feed import recorded
from pipeline.operators import moving_average
from pipeline.sinks.worker import SinkWorker

SECOND = 1_000_000_000
START = 1_381_219_200 * SECOND


class Above(Strategy):
    """Price above the mean of its last three."""

    margin: float = 0.0

    def alerts(self, ticks):
        return combine_latest(average=ticks.pipe(moving_average(3))).pipe(
            alert_when(lambda s: s.price > s.average + self.margin, message="{symbol} {price:.2f}")
        )


class Ups(Strategy):
    """The same idea in plain Rx: each rise of the price, an alert by hand."""

    def alerts(self, ticks):
        def rise(pair):
            tick = pair[1]
            return Alert(tick.symbol, tick.time, f"{tick.price}", {"price": tick.price})

        return ticks.pipe(each_tick(), ops.pairwise(), ops.filter(lambda pair: pair[1].price > pair[0].price), ops.map(rise))


def ticks_of(rows: int = 60, seed: int = 1, symbols: str = "ABC") -> Ticks:
    random = np.random.default_rng(seed)
    names = random.choice(list(symbols), rows)
    time = START + np.sort(random.integers(0, rows, rows)) * SECOND
    return Ticks.of(time=time, symbol=names, price=100 + random.normal(size=rows).cumsum(), size=random.integers(1, 9, rows))


class Cut:
    """A feed that gives ticks in pieces, and may raise after some of them."""

    name = "cut"

    def __init__(self, ticks: Ticks, *cuts: int, error: BaseException | None = None) -> None:
        self.ticks, self.cuts, self.error = ticks, (0, *cuts, len(ticks)), error
        self.columns = frozenset(ticks.columns)

    def rows(self):
        for first, last in itertools.pairwise(self.cuts):
            yield from recorded(self.ticks[first:last]).rows()
        if self.error is not None:
            raise self.error


def every_cut(rows: int) -> tuple[int, ...]:
    return tuple(range(1, rows))


def without_sleep(*args):
    return SinkWorker(*args, sleep=lambda seconds: None)


def misbehaving(act):
    """A strategy whose condition does something at the row where the price is the largest."""

    class Misbehaves(Strategy):
        def alerts(self, ticks):
            def condition(s):
                met = s.price > s.average
                return act(s, met) if isinstance(met, np.ndarray) and s.seq[-1] >= 30 else met

            return combine_latest(average=ticks.pipe(moving_average(3))).pipe(alert_when(condition))

    return Misbehaves()
