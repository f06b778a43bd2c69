"""report.plot: what it shows is what the run saw, thinned to what can be seen."""

from dataclasses import dataclass

import numpy as np
import pytest
from csv_files import START_NS, lines, written
from runs import START, Cut, Ups, ticks_of

from feeds.recorded import csv, demo
from pipeline import Strategy, Ticks, alert_when, combine_latest, run
from pipeline.checks import tape_of
from pipeline.errors import UnknownName, UsageError
from pipeline.flow import where
from pipeline.operators import (
    PerTick,
    age,
    bollinger,
    column,
    ema,
    last,
    log_return,
    moving_average,
    price_change,
    rolling_max,
    rsi,
    spread_bps,
    tick_count,
    trade_rate,
    volume,
    volume_baseline,
    vwap,
    zscore,
)  # fmt: skip
from pipeline.plot import PRICE, picture_of, thinned
from pipeline.report import Report
from pipeline.runner import Run
from pipeline.units import SIZE
from pipeline.windows import bars
from strategies.volume_breakout import VolumeBreakout

START_OF_DEMO = 1_709_562_600_000_000_000


class Showing(Strategy):
    """A rule that shows signals, and alerts on rises above the average."""

    def signals(self, ticks):
        return {"average": ticks.pipe(moving_average(3))}

    def alerts(self, ticks):
        return combine_latest(**self.signals(ticks)).pipe(alert_when(lambda s: s.price > s.average, message="{symbol}"))


def showing(**made):
    """Such a rule with other signals."""

    class Shown(Showing):
        def signals(self, ticks):
            return super().signals(ticks) | {name: make(ticks) for name, make in made.items()}

    return Shown()


@pytest.fixture(scope="module")
def flagship():
    return run(demo(), VolumeBreakout())


# What is shown.


def test_the_panels_are_the_price_with_its_average_the_volume_with_its_baseline_and_the_change(flagship):
    shown = picture_of(flagship, "INDQ")
    assert {unit: [line.name for line in lines] for unit, lines in shown.panels.items()} == {
        PRICE: ["price", "average"],
        SIZE: ["volume", "usual"],
        "change (%)": ["change"],
    }
    change = shown.panels["change (%)"][0].value
    assert 1.0 < np.abs(change).max() < 5.0


def test_the_alerts_are_those_of_the_run_at_the_price_of_their_time(flagship):
    shown = picture_of(flagship, "INDQ")
    assert shown.alerts == [alert for alert in flagship.alerts if alert.symbol == "INDQ"] != []
    assert shown.prices.tolist() == [alert.values["price"] for alert in shown.alerts]


def test_without_a_symbol_it_is_the_one_with_most_alerts_or_the_first_of_the_tape():
    ticks = tape_of(price=[10.0, 1.0, 2.0, 1.0, 3.0], symbol=["B", "A", "A", "A", "A"])
    assert picture_of(run(ticks, Ups())).symbol == "A"
    assert picture_of(run(ticks)).symbol == "B"


def test_a_strategy_of_plain_rx_has_its_alerts_over_the_price():
    shown = picture_of(run(ticks_of(60), Ups()))
    assert list(shown.panels) == [PRICE]
    assert len(shown.alerts) > 5


def test_a_stretch_of_time_is_computed_from_the_start(flagship):
    start, until = START_OF_DEMO + 1_200 * 10**9, START_OF_DEMO + 1_500 * 10**9
    part, whole = picture_of(flagship, "INDQ", start, until), picture_of(flagship, "INDQ")
    for unit, lines_there in part.panels.items():
        for line, other in zip(lines_there, whole.panels[unit], strict=True):
            inside = (other.time >= start) & (other.time < until)
            assert line.time.tolist() == other.time[inside].tolist()
            assert line.value.tolist() == other.value[inside].tolist()


def test_a_signal_that_strategies_share_is_shown_once_and_equal_names_say_whose():
    report = run(demo(), VolumeBreakout(), VolumeBreakout(name="slow", average=50))
    names = [line.name for lines_there in picture_of(report, "ALFA").panels.values() for line in lines_there]
    assert names == ["price", "volume_breakout: average", "slow: average", "volume", "usual", "change"]


def test_a_signal_without_a_value_is_named():
    report = run(ticks_of(30), showing(never=lambda t: t.pipe(moving_average(1000))))
    shown = picture_of(report)
    assert shown.unknown == ["never"]
    assert "not known yet: never" in report.plot().get_suptitle()


def test_quotes_are_drawn_as_their_middle_and_bars_with_the_ticks():
    quotes = Ticks.of(START + np.arange(3) * 10**9, ["A"] * 3, bid=[9.0, 10.0, 11.0], ask=[11.0, 12.0, 13.0])
    assert picture_of(run(quotes)).panels[PRICE][0].value.tolist() == [10.0, 11.0, 12.0]

    class OfBars(Strategy):
        def alerts(self, ticks):
            minutes = ticks.pipe(bars("1m"))
            band = minutes.pipe(bollinger(5))
            return combine_latest(on=minutes, lower=band.lower, upper=band.upper).pipe(alert_when(lambda s: s.price > s.upper))

    shown = picture_of(run(demo(), OfBars()), "ALFA")
    assert [line.name for line in shown.panels[PRICE]] == ["price", "lower", "upper"]
    assert len(shown.panels[PRICE][1].time) < len(shown.panels[PRICE][0].time) / 10


@dataclass(frozen=True)
class Halves(PerTick):
    """An operator of a user's, which says its unit."""

    unit = "halves"


UNITS = {
    "volume": (volume("1m"), SIZE),
    "volume of rows": (volume(5), SIZE),
    "volume_baseline": (volume_baseline("1m", "5m"), SIZE),
    "size": (column("size"), SIZE),
    "mean size": (lambda t: t.pipe(column("size"), moving_average("5m")), SIZE),
    "size of bars": (lambda t: t.pipe(bars("1m"), volume("5m")), SIZE),
    "score of size": (lambda t: t.pipe(column("size"), zscore(5)), "standard deviations"),
    "price_change": (price_change("1m"), "change (%)"),
    "change of volume": (lambda t: t.pipe(volume("1m"), price_change(1)), "change (%)"),
    "log_return": (log_return(), "log return (%)"),
    "rsi": (rsi(14), "RSI (0 to 100)"),
    "age": (age(), "seconds"),
    "tick_count": (tick_count("1m"), "count"),
    "trade_rate": (trade_rate("1m"), "count a second"),
    "spread_bps": (spread_bps(), "spread (basis points)"),
    "mean volume": (lambda t: t.pipe(volume("1m"), moving_average(5)), SIZE),
    "volume of some": (lambda t: t.pipe(where(lambda s: s.size > 1), volume("1m"), where(lambda s: s.value > 0)), SIZE),
    "mean change": (lambda t: t.pipe(price_change("1m"), moving_average(5)), "change (%)"),
    "own": (Halves(), "halves"),
    "difference": (lambda t: t.pipe(volume("1m")) - t.pipe(volume("5m")), "difference"),
    "highest": (rolling_max(5), "highest"),
}


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_of_a_signal_is_that_of_its_operators(name):
    make, unit = UNITS[name]
    columns = {side: np.ones(2) for side in ("price", "size", "bid", "ask")}
    tape = Run(Ticks.of([START, START + 1], ["A", "A"], kind=[0, 1], **columns)).tape
    assert (tape.pipe(make).unit or name) == unit


def test_averages_bands_and_extremes_lie_over_the_price_and_nothing_else_does():
    made = {
        "ema": ema(5), "vwap": vwap("1m"), "highest": rolling_max("1m"), "last": last(), "upper": lambda t: t.pipe(bollinger(5)).upper,
        "rsi": rsi(5), "ratio": lambda t: t.pipe(last()) / t.pipe(moving_average(5)), "trades": tick_count("1m"),
        "above": lambda t: t.pipe(last()) > t.pipe(moving_average(5)),
    }  # fmt: skip
    shown = picture_of(run(ticks_of(300), showing(**made)), "A")
    assert [line.name for line in shown.panels[PRICE]] == ["price", "average", "ema", "vwap", "highest", "last", "upper"]
    assert list(shown.panels)[1:] == ["RSI (0 to 100)", "ratio", "count", "above"]


# Thinning.


@pytest.mark.slow
def test_a_million_ticks_are_thinned_and_no_spike_is_lost():
    random = np.random.default_rng(5)
    time = np.sort(random.integers(0, 23_400 * 10**9, 1_000_000))
    value = random.normal(size=1_000_000).cumsum()
    value[[17, 500_000, 999_998]] = [1e6, -1e6, 2e6]
    keep = thinned(time, value)
    assert len(keep) <= 8_000
    assert {0, 17, 500_000, 999_998, 999_999} <= set(keep.tolist())
    stretch = ((time - time[0]) * 2_000 // (time[-1] - time[0] + 1)).tolist()
    lowest, highest, seen = {}, {}, {}
    for row, place in enumerate(stretch):
        lowest[place], highest[place] = min(lowest.get(place, np.inf), value[row]), max(highest.get(place, -np.inf), value[row])
    for row in keep.tolist():
        seen.setdefault(stretch[row], []).append(value[row])
    differing = [place for place in seen if (min(seen[place]), max(seen[place])) != (lowest[place], highest[place])]
    assert (len(seen), differing) == (2_000, [])


def test_thinning_keeps_everything_where_there_is_little_and_one_moment_is_no_trouble():
    assert thinned(np.arange(10), np.arange(10.0)).tolist() == list(range(10))
    assert thinned(np.zeros(10, np.int64), np.arange(10.0), columns=1).tolist() == [0, 9]


# Where there is nothing to draw, or something else than before.


def test_an_unknown_symbol_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match="no symbol of the tape named 'INDK'; did you mean 'INDQ'"):
        run(demo()).plot("INDK")
    many = Ticks.of(np.arange(500) + START, [f"S{place:03}" for place in range(500)], price=np.ones(500))
    with pytest.raises(UnknownName, match=r"did you mean 'S499'\? There are: S000, S001, .*S059, and 440 more$"):
        run(many).plot("S4999")


class Once(Cut):
    """A feed that gives its rows once."""

    given = False

    def rows(self):
        if not self.given:
            self.given = True
            yield from super().rows()


def test_a_feed_that_can_be_read_once_is_told():
    ticks = ticks_of(60)
    with pytest.raises(UsageError, match="a second time, and cut gave 0 ticks and 0 alerts then, 60 and 0 at the run; plot a recording"):
        run(Once(ticks)).plot("A")


def test_a_strategy_that_says_something_else_the_second_time_is_told():
    class Moody(Strategy):
        def alerts(self, ticks):
            moods.append(len(moods))
            above = 100 + 9 * len(moods)
            return combine_latest(last=ticks.pipe(last())).pipe(alert_when(lambda s: s.price > above))

    moods: list[int] = []
    with pytest.raises(UsageError, match="alerts then"):
        run(tape_of(price=[100.0, 110.0, 100.0]), Moody()).plot("A")


def test_a_report_made_by_hand_and_an_empty_tape_have_nothing_to_draw():
    with pytest.raises(UsageError, match="no feed to read again"):
        Report().plot()
    with pytest.raises(UsageError, match="nothing to plot: memory has no ticks"):
        run(ticks_of(5)[:0]).plot()
    with pytest.raises(UsageError, match="A has no price between start and until"):
        run(tape_of(price=[10.0])).plot("A", until="2000-01-01T00:00Z")


def test_a_run_that_stopped_at_a_bad_row_is_drawn_up_to_there(tmp_path):
    path = written(tmp_path, *lines(5), f"{START_NS + 9},SPY,abc,1", *lines(9, first=20))
    report = run(csv(path))
    shown = picture_of(report)
    assert (len(shown.panels[PRICE][0].time), report.incomplete is None) == (5, False)
    assert "INCOMPLETE" in report.plot().get_suptitle()


def test_rows_that_the_run_left_out_are_left_out_again_and_told_once(tmp_path):
    ticks = Ticks.of(START + np.arange(4), ["A"] * 4, price=[1.0, 2.0, np.inf, 3.0], size=[1.0] * 4)
    report = run(ticks, on_bad="skip", quarantine=tmp_path / "bad.jsonl")
    assert picture_of(report).panels[PRICE][0].value.tolist() == [1.0, 2.0, 3.0]
    assert len((tmp_path / "bad.jsonl").read_text().splitlines()) == 1


def test_a_run_that_was_interrupted_is_drawn_up_to_there():
    class Stops(Cut):
        stopped = False

        def rows(self):
            for number, raw in enumerate(super().rows()):
                if number == 2 and not self.stopped:
                    self.stopped = True
                    raise KeyboardInterrupt
                yield raw

    ticks = ticks_of(60)
    report = run(Stops(ticks, 20, 40), Ups())
    assert (report.interrupted, report.ticks) == (True, 40)
    shown = picture_of(report, "A")
    assert shown.panels[PRICE][0].time[-1] <= ticks.time[39]
    assert shown.alerts == [alert for alert in report.alerts if alert.symbol == "A"]


def test_a_strategy_that_was_cut_off_is_drawn_up_to_there_and_not_reported_again(caplog):
    class Fails(Strategy):
        def alerts(self, ticks):
            return combine_latest(last=ticks.pipe(last()).apply(lambda x: x / (x[0] < 105 or [][0]))).pipe(
                alert_when(lambda s: s.last > 101)
            )

    ticks = tape_of(price=[100.0, 102.0, 106.0, 107.0])
    report = run(Cut(ticks, 2), Fails())
    told = len(caplog.messages)
    assert [len(line.time) for line in picture_of(report).panels[PRICE]] == [4, 2]
    assert (len(report.quarantined), told, len(caplog.messages)) == (1, 1, 1)


def test_plotting_keeps_the_report_as_it_was(flagship):
    before = (flagship.summary(), list(flagship.alerts))
    flagship.plot("INDQ")
    assert (flagship.summary(), list(flagship.alerts)) == before
