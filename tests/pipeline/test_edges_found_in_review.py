"""The smallest cases of mistakes that a review found."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from reactivex import operators as ops

from pipeline import Strategy, alert_when, combine_latest
from pipeline.alerts import Alert
from pipeline.checks import Raises, alerts_of, open_tape, push, rows_of, tape_of, values_of
from pipeline.doors import each_tick
from pipeline.errors import BuildError, ParameterError, ReaderLeft, UsageError
from pipeline.flow import Tape, where
from pipeline.graph import Graph
from pipeline.ingest import RawRows
from pipeline.operators import age, column, ema, last, mid, moving_average, of, session_high, trade_rate, volume
from pipeline.operators.columns import Column
from pipeline.runner import run
from pipeline.sinks.console import ConsoleSink
from pipeline.sinks.memory import MemorySink
from pipeline.stage import Operator
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks
from pipeline.windows import bars, clock, session


class Above(Strategy):
    """The price above its average."""

    def alerts(self, ticks):
        return combine_latest(average=ticks.pipe(moving_average(2))).pipe(alert_when(lambda s: s.price > s.average))


@dataclass(frozen=True)
class TooLong(Operator):
    """Returns more values than there are rows."""

    def step(self, state, batch):
        return np.ones(len(batch.rows) + 1000)


@dataclass(frozen=True)
class RaisingColumn(Column):
    """A subclass of one of our operators that raises."""

    def of(self, batch):
        raise RuntimeError("made to fail")


@dataclass(frozen=True)
class FailsToGrow(Operator):
    """A user's operator whose state cannot be made for many symbols."""

    def state(self, symbols):
        if symbols > 64:
            raise RuntimeError("no room")
        return super().state(symbols)

    def step(self, state, batch):
        return np.ones(len(batch.rows))


class Subscribes(Strategy):
    """Subscribes to the tape in the middle of the run, and raises there."""

    def alerts(self, ticks):
        def boom(batch):
            raise RuntimeError("made to fail")

        ticks.pipe(each_tick()).subscribe(lambda tick: ticks.subscribe(boom) if tick.seq % 1000 == 0 else None)
        return Above.alerts(self, ticks)


def strategy_with(operator):
    class Uses(Strategy):
        def alerts(self, ticks):
            return combine_latest(x=ticks.pipe(operator).pipe(ema(2))).pipe(alert_when(lambda s: s.x > 0))

    return Uses()


def many_symbols():
    names = [f"S{n}" for n in range(200)]
    return tape_of(price=np.linspace(10, 20, 200), symbol=names)


@pytest.mark.parametrize(
    "bad", [strategy_with(TooLong()), strategy_with(RaisingColumn("price")), strategy_with(FailsToGrow()), Subscribes()], ids=repr
)
def test_fault_of_user_code_is_its_owners_alone(bad):
    ticks = tape_of(price=np.linspace(10, 20, 40_000), seconds=np.arange(40_000) / 10)
    for tape in (ticks, many_symbols()):
        report = run(tape, bad, Above())
        assert [alert for alert in report.alerts if alert.strategy == "above"] == list(run(tape, Above()).alerts)
        assert {fault.owner for fault in report.quarantined} <= {bad.name}
    assert report.quarantined or isinstance(bad, Subscribes)


QUOTES = {"bid": [9.0, 9.0, 9.0], "ask": [11.0, 13.0, 11.0]}


def test_bars_of_a_tape_of_quotes_are_refused_with_the_way_out():
    tape, _ = open_tape(**QUOTES)
    with pytest.raises(UsageError, match=r"mid\(\), bars"):
        tape.pipe(bars("1m"))
    assert rows_of(lambda ticks: ticks.pipe(mid(), bars("2s")), **QUOTES)["price"].tolist() == [11.0]


def test_quotes_stand_on_the_clock():
    assert values_of(lambda ticks: ticks.pipe(clock("1s"), mid()), **QUOTES) == [10.0, 11.0]


@pytest.mark.parametrize(
    "make", [lambda: moving_average("1000000d"), lambda: trade_rate(10), lambda: of(""), lambda: alert_when(len, hold="")]
)
def test_parameters_without_meaning_are_refused(make):
    with pytest.raises(ParameterError):
        make()


def test_a_symbol_that_never_comes_is_nan_and_is_not_counted():
    tape, push = open_tape(price=[1.0, 2.0])
    seen = []
    tape.pipe(of("ABSENT")).subscribe(lambda values: seen.extend(values.value.tolist()))
    push()
    assert np.isnan(seen).all()
    assert len(tape.graph.symbols) == 1


def test_signal_cannot_take_a_name_that_messages_know():
    tape, _ = open_tape(price=[1.0])
    with pytest.raises(BuildError, match="symbol"):
        combine_latest(symbol=tape.pipe(ema(2)))


def test_bar_that_ends_with_the_session_belongs_to_it():
    hours = session("00:01-00:03", days="Mon-Sun")
    prices = rows_of(bars("1m"), price=[100.0, 5.0, 6.0, 7.0], seconds=[30, 90, 150, 210])
    highs = values_of(lambda ticks: ticks.pipe(bars("1m"), session_high(hours)), price=[100.0, 5.0, 6.0, 7.0], seconds=[30, 90, 150, 210])
    assert prices["price"].tolist() == [100.0, 5.0, 6.0]
    assert str(highs) == "[nan, 5.0, 6.0]"


def test_filtered_rows_do_not_come_through_the_door_to_rx():
    tape, push = open_tape(price=[1.0, 2.0, 3.0], size=[100.0, 5.0, 200.0])
    seen = []
    tape.pipe(where(lambda s: s.size >= 100), each_tick()).subscribe(lambda tick: seen.append(tick.size))
    push()
    assert seen == [100.0, 200.0]


def test_condition_on_a_symbol_by_its_name():
    def build(ticks):
        return combine_latest(x=ticks.pipe(column("price"))).pipe(alert_when(lambda s: (s.symbol == "IBM") & (s.x > 1)))

    assert [alert.symbol for alert in alerts_of(build, price=[2.0, 2.0], symbol=["SPY", "IBM"])] == ["IBM"]


def test_age_reads_the_clock_and_not_a_column_of_the_users():
    assert values_of(age(), price=[1.0, 1.0], seconds=[0, 5], seen=[7, 7]) == [0.0, 0.0]
    ages = values_of(lambda ticks: ticks.pipe(clock("1s"), age()), price=[1.0, 1.0], seconds=[0.5, 2.5])
    assert ages == [0.5, 1.5]


@pytest.mark.parametrize(
    "use",
    [
        lambda x, ticks: combine_latest(x=x),
        lambda x, ticks: combine_latest(x=x.apply(np.abs)),
        lambda x, ticks: combine_latest(x=x + ticks.pipe(column("price"))),
        lambda x, ticks: combine_latest(x=ticks.pipe(column("price")) - x),
        lambda x, ticks: combine_latest(x=x.pipe(ema(2))),
    ],
    ids=["combined", "applied", "added", "subtracted", "averaged"],
)
def test_signal_of_another_strategy_is_refused(use):
    kept = []

    class Gives(Strategy):
        def alerts(self, ticks):
            kept.append(ticks.pipe(column("price")).apply(lambda x: x))
            return combine_latest(x=kept[0]).pipe(alert_when(lambda s: s.x > 0))

    class Takes(Strategy):
        def alerts(self, ticks):
            return use(kept[0], ticks).pipe(alert_when(lambda s: s.x > 0))

    with pytest.raises(BuildError, match="belongs to the strategy gives"):
        run(tape_of(price=[1.0]), Gives(), Takes())


def test_deadline_alert_keeps_the_values_of_the_last_known_row():
    def build(ticks):
        return combine_latest(x=ticks.pipe(volume("1m"))).pipe(alert_when(lambda s: s.price > 5, hold="2s"))

    rows = {
        "price": [10.0, np.nan, 1.0],
        "size": [1.0, np.nan, 1.0],
        "bid": [np.nan, 9.0, np.nan],
        "ask": [np.nan, 11.0, np.nan],
        "kind": [0, 1, 0],
    }
    (raised, *_) = alerts_of(build, seconds=[0, 1, 9], **rows)
    assert raised.values["price"] == 10.0


def test_restart_keeps_a_strategy_quarantined():
    def graph():
        made = Graph(SymbolTable(["A"]))
        root = Tape(made, "tape", frozenset({"seq", "time", "symbol", "kind", "price", "size"}))
        with made.owned_by("raises"):
            Raises(at=1).alerts(root).subscribe(lambda values: None)
        return made, root

    made, root = graph()
    push(made, root, Ticks(tape_of(price=[1.0]).columns, made.symbols))
    again, _ = graph()
    again.restore(made.snapshot())
    assert "raises" in made.faults
    assert "made to fail" in str(again.faults["raises"])


def test_the_same_alerts_returned_twice_are_refused():
    class Twice(Strategy):
        def alerts(self, ticks):
            found = Above.alerts(self, ticks)
            return [found, found]

    with pytest.raises(BuildError, match="twice"):
        run(tape_of(price=[1.0]), Twice())


def test_reader_of_a_pipe_may_leave():
    tried = []

    class Closed(io.StringIO):
        def write(self, text):
            tried.append(text)
            raise BrokenPipeError

    with pytest.raises(ReaderLeft):
        ConsoleSink(out=Closed()).write([Alert("SPY", 1)])
    assert len(tried) == 1


def test_bad_row_is_counted():
    rows = {"price": np.array([1.0, np.inf]), "size": np.ones(2), "time": np.array([10**18, 10**18 + 1]), "symbol": np.ones(2, np.int32)}
    report = run(recorded_rows(rows), Above())
    assert (report.ticks, report.bad_rows, report.exit_code) == (1, 1, 3)
    assert "bad rows" in report.summary()


def recorded_rows(columns):
    class Rows:
        name = "rows"

        def __init__(self):
            self.columns = frozenset({"seq", "kind", *columns})

        def rows(self):
            yield RawRows(columns, ("SPY",))

    return Rows()


@pytest.mark.parametrize(
    "what", [lambda ticks: combine_latest(x=ticks.pipe(ema(2))), lambda ticks: ticks.pipe(ema(2)), lambda ticks: ticks]
)
def test_strategy_that_forgets_alert_when_is_told_so(what):
    class Forgets(Strategy):
        def alerts(self, ticks):
            return what(ticks)

    with pytest.raises(BuildError, match="alert_when"):
        run(tape_of(price=[1.0]), Forgets())


def test_signals_without_names_are_refused():
    tape, _ = open_tape(price=[1.0])
    with pytest.raises(BuildError, match="name"):
        combine_latest(tape.pipe(ema(2)))


@pytest.mark.parametrize(
    "strided",
    [
        lambda ticks: ticks.pipe(last()).apply(lambda x: np.repeat(x, 2)[::2]),
        lambda ticks: combine_latest(price=ticks.pipe(last())).apply(lambda s: np.repeat(s.price, 2)[::2]),
    ],
    ids=["signal", "combination"],
)
def test_what_a_function_returns_may_be_a_strided_view(strided):
    assert values_of(lambda ticks: strided(ticks).pipe(moving_average(2)), price=[1.0, 2.0, 4.0])[1:] == [1.5, 3.0]


@pytest.mark.parametrize("time", [-1, 1 << 63, 10**30])
def test_an_alert_at_no_time_cuts_off_its_strategy_and_no_sink(time):
    class Wrong(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(each_tick(), ops.map(lambda tick: Alert(symbol="A", time=time)))

    sink = MemorySink()
    report = run(tape_of(price=[1.0, 2.0]), Wrong(), sinks=[sink])
    assert [fault.owner for fault in report.quarantined] == ["wrong"]
    assert "expected ns since 1970" in str(report.quarantined[0].error)
    assert not sink.alerts
