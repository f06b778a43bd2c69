"""The checkup: it finds what is wrong with a strategy, and finds nothing wrong with a good one."""

import ctypes
import itertools
from functools import cache

import numpy as np
import pytest
from reactivex import operators as ops

from pipeline import Alert, Kind, Strategy, alert_when, combine_latest
from pipeline.checks import LawBroken, isolation_law, no_look_ahead_law, tape_of
from pipeline.checkup import check_strategy, columns_read
from pipeline.doors import each_tick
from pipeline.errors import UsageError
from pipeline.hurtful import hurtful_tape, market_tape
from pipeline.measurement import WarmUp, symbols_asked_for, warm_up_of
from pipeline.operators import column, last, mid, moving_average, of, price_change
from pipeline.windows import bars

CALLS = itertools.count()


def above(signal, **rule):
    return combine_latest(signal=signal).pipe(alert_when(lambda s: s.signal > 0, **rule))


class Good(Strategy):
    """The price above its average."""

    window: int = 5

    def alerts(self, ticks):
        return above(ticks.pipe(last()) / ticks.pipe(moving_average(self.window)) - 1.0005)


class LooksAhead(Strategy):
    """Reads the row that comes next."""

    def alerts(self, ticks):
        return above(ticks.pipe(last()).apply(lambda x: np.append(x[1:], x[-1]) / x - 10.0))


class RemembersInAList(Strategy):
    """Keeps the prices in a list of its own."""

    def alerts(self, ticks):
        prices: list[float] = []

        def beyond_all(x):
            out = np.zeros(len(x))
            for row, price in enumerate(x.tolist()):
                out[row] = bool(prices) and price > max(prices[-50:])
                prices.append(price)
            return out

        return above(ticks.pipe(last()).apply(beyond_all))


class CountsForever(Strategy):
    """A counter of the whole process."""

    def alerts(self, ticks):
        return above(ticks.pipe(last()).apply(lambda x: x * 0 + next(CALLS) % 3 - 1))


class DependsOnBatches(Strategy):
    """The mean of whatever happens to be in the batch."""

    def alerts(self, ticks):
        return above(ticks.pipe(last()).apply(lambda x: x - np.nanmean(x) if len(x) > 1 else x * 0))


class LooksAtOthers(Strategy):
    """The price above another symbol's."""

    def alerts(self, ticks):
        return above(ticks.pipe(last()) - ticks.pipe(of("S1")))


class LooksAtOthersAndSaysSo(LooksAtOthers):
    """The same, with its scope."""

    scope = "market"


class Raises(Strategy):
    """Raises where the price is far off."""

    def alerts(self, ticks):
        def refuse(x):
            if np.nanmax(np.abs(x), initial=0.0) > 1e6:
                raise ValueError("no such price")
            return x

        return above(ticks.pipe(last()).apply(refuse))


class RaisesOnOneRow(Strategy):
    """Takes a second row for granted."""

    def alerts(self, ticks):
        return above(ticks.pipe(last()).apply(lambda x: x - x[1]))


class MindsItsNeighbours(Strategy):
    """Falls silent when another strategy is cut off."""

    def alerts(self, ticks):
        faults = ticks.graph.faults
        return above(ticks.pipe(last()).apply(lambda x: x * (not faults)))


class PlainRx(Strategy):
    """Plain Rx remembers what no snapshot holds."""

    def alerts(self, ticks):
        return ticks.pipe(
            each_tick(),
            ops.filter(lambda tick: tick.kind is Kind.TRADE),
            ops.scan(lambda count, tick: (count[0] + 1, tick), (0, None)),
            ops.filter(lambda found: found[0] % 7 == 0),
            ops.map(lambda found: Alert(found[1].symbol, found[1].time, str(found[0]))),
        )


class Never(Strategy):
    """A threshold out of reach."""

    def alerts(self, ticks):
        return combine_latest(change=ticks.pipe(price_change("1m"))).pipe(alert_when(lambda s: s.change > 1e30))


class NeverKnown(Strategy):
    """A window longer than the tape."""

    def alerts(self, ticks):
        return above(ticks.pipe(bars("1h"), moving_average(500)))


BROKEN = {
    LooksAhead: {"no look-ahead", "split"},
    RemembersInAList: {"restart"},
    CountsForever: {"repeat"},
    DependsOnBatches: {"split"},
    LooksAtOthers: {"symbol"},
    Raises: {"repeat"},
    RaisesOnOneRow: {"repeat"},
    MindsItsNeighbours: {"isolation"},
    PlainRx: {"restart", "symbol"},
}


@cache
def checked(kind):
    return check_strategy(kind())


def laws_broken(checkup) -> set[str]:
    return {finding.law for finding in checkup.findings if not finding.well}


@pytest.mark.parametrize("kind", [Good, LooksAtOthersAndSaysSo, Never], ids=lambda kind: kind.__name__)
def test_a_good_strategy_is_well(kind):
    checkup = checked(kind)
    assert laws_broken(checkup) == set()
    assert checkup.well
    assert checkup.cost.replay_ns > 0
    assert checkup.cost.live_us > 0


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow) if kind in (PlainRx, RemembersInAList) else kind for kind in BROKEN],
    ids=lambda kind: kind.__name__,
)
def test_what_is_wrong_with_a_strategy_is_found(kind):
    checkup = checked(kind)
    assert not checkup.well
    assert BROKEN[kind] <= laws_broken(checkup)


def test_words_say_what_to_do():
    said = {finding.law: finding.said for finding in checked(LooksAhead).findings}
    assert "A function looks at later rows" in said["no look-ahead"]
    assert "a function must not look beyond its row" in said["split"]
    assert "in one batch " in said["split"]
    assert 'scope = "market"' in next(finding.said for finding in checked(LooksAtOthers).findings if finding.law == "symbol")


def test_a_strategy_that_raises_is_told_with_its_line():
    (said,) = {finding.said for finding in checked(Raises).findings}
    assert said.startswith("NO, it raises ValueError on the tape 'calm': no such price (test_checkup.py:")


def test_what_differs_from_run_to_run_is_told_alone():
    (finding,) = checked(CountsForever).findings
    assert (finding.law, finding.well) == ("repeat", False)
    assert "remembered outside of the graph" in finding.said


def test_scope_market_is_not_asked_for_the_symbol_law():
    assert "symbol" not in {finding.law for finding in checked(LooksAtOthersAndSaysSo).findings}


def test_no_alert_at_all_is_said():
    checkup = checked(Never)
    assert checkup.alerts == {"market": 0}
    assert any(text.startswith("NO ALERT AT ALL") for _, text in checkup.facts())
    assert checked(Good).alerts["market"] > 0


def test_the_tapes_have_the_symbols_that_a_strategy_names():
    class Pair(Strategy):
        scope = "market"

        def alerts(self, ticks):
            return above(ticks.pipe(of("SPY")) - ticks.pipe(of("IBM")))

    assert symbols_asked_for(Pair(), market_tape({"price"})[:100]) == ["IBM", "SPY"]
    assert isinstance(checked(Pair).warm_up, WarmUp)


def test_warm_up_is_counted_in_ticks_of_a_symbol_and_time():
    ticks = tape_of(price=[1.0, 2.0, 3.0, 4.0, 5.0], symbol=list("ABABA"), seconds=[0, 1, 2, 3, 10])
    assert warm_up_of(Good(window=2), ticks) == WarmUp(2, 2_000_000_000, "signal")
    assert warm_up_of(Good(window=3), ticks) == WarmUp(3, 10_000_000_000, "signal")
    assert warm_up_of(Good(window=4), ticks) == "signal"
    assert warm_up_of(PlainRx(), ticks) is None
    assert any("NEVER OVER" in text for _, text in checked(NeverKnown).facts())


def test_columns_that_are_read():
    class Quotes(Strategy):
        def alerts(self, ticks):
            return above(ticks.pipe(mid()))

    class Funding(Strategy):
        def alerts(self, ticks):
            return above(ticks.pipe(column("funding")))

    assert columns_read(Good()) == {"price"}
    assert columns_read(Quotes()) == {"bid", "ask"}
    assert columns_read(Funding()) == {"funding"}
    assert checked(Quotes).well
    with pytest.raises(UsageError, match="reads the column 'funding', which made-up tapes have not"):
        checked(Funding)
    assert check_strategy(Funding(), tape_of(price=[1.0, 2.0], funding=[0.1, -0.2])).alerts == {"yours": 1}
    with pytest.raises(UsageError, match="reads the column 'ask', which the given tape has not"):
        check_strategy(Quotes(), tape_of(price=[1.0, 2.0]))


def test_a_strategy_that_cannot_be_built_says_why():
    class Wrong(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(last)

    with pytest.raises(UsageError, match=r"strategy wrong: pipe\(last\) without calling it.*\(test_checkup.py:"):
        checked(Wrong)


def test_a_tape_of_ones_own_is_checked_too():
    ticks = hurtful_tape(9, 500, swing=400.0)
    checkup = check_strategy(Good(), ticks)
    assert checkup.well
    assert checkup.ticks["yours"] == 500
    assert checkup.as_dict()["alerts"]["yours"] == checkup.alerts["yours"] > 0


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_isolation_law_fires_on_short_tapes(rows):
    ticks = tape_of(price=np.arange(1.0, rows + 1))
    isolation_law(Good().alerts, ticks, list(range(1, 40)))
    with pytest.raises(LawBroken, match="isolation"):
        isolation_law(MindsItsNeighbours().alerts, ticks, list(range(1, 40)))


def test_the_isolation_law_sees_a_strategy_that_changes_its_neighbours():
    class Scribbles(Strategy):
        def alerts(self, ticks):
            def scribble(s):
                if isinstance(s.price, np.ndarray):
                    ctypes.memset(s.price.ctypes.data, 0, s.price.nbytes)  # numpy lets nobody write there
                return s.price > 1

            return combine_latest(last=ticks.pipe(last())).pipe(alert_when(lambda s: scribble(s)))

    with pytest.raises(LawBroken, match="isolation"):
        isolation_law(Scribbles().alerts, tape_of(price=[1.0, 2.0, 3.0]), [1])


def test_no_look_ahead_sees_alerts_that_come_only_with_what_is_later():
    class Hindsight(Strategy):
        def alerts(self, ticks):
            return above(ticks.pipe(last()).apply(lambda x: np.append(x[1:] - x[:-1], -1.0)))

    with pytest.raises(LawBroken, match="no look-ahead"):
        no_look_ahead_law(Hindsight().alerts, tape_of(price=[3.0, 2.0, 1.0, 5.0]), [3])
