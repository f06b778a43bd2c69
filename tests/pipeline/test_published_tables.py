"""Operators against tables computed by others; each test names the convention that the table follows.

The tables lie beside the repository, in `../shared/data/reference`; their origins and licences are in `../shared/data`.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.checks import observe, tape_of
from pipeline.operators import (
    bollinger,
    column,
    ema,
    log_return,
    moving_average,
    price_change,
    rolling_max,
    rolling_min,
    rolling_quantile,
    rolling_std,
    rsi,
    vwap,
    zscore,
)
from pipeline.ticks import Kind, Ticks
from pipeline.windows import bars

TABLES = Path(__file__).parents[3] / "shared" / "data" / "reference"
LEAN, TA, TALIPP, BARS = TABLES / "lean_testdata", TABLES / "ta_stockcharts", TABLES / "talipp", TABLES / "bars_dukascopy_node"
HALF_OF_THE_LAST_DIGIT = 0.500001
SINGLE = 2.0**-23
"""What a number of single precision may be off by after a step or two: TradeStation, whose tables LEAN has, computes in those."""

pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason=f"the published tables are not at {TABLES}")


def table(path: Path) -> dict[str, list[str]]:
    """The columns of a table as text."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, restval=""))
    return {name: [row[name] for row in rows] for name in rows[0] if name is not None}


def numbers(column: list[str]) -> np.ndarray:
    return np.array([float(text) if text.strip() else np.nan for text in column])


def values(build: Callable[[Any], Any], price: list[str], **columns: Any) -> np.ndarray:
    return observe(build, tape_of(price=numbers(price), **columns)).column("value")


def agrees(found: np.ndarray, published: list[str], least: int, relative: float = 0.0, single: float = 0.0) -> None:
    """Every published number, of which there are at least so many, to half of its last digit or `relative`.

    `single` is the size of the numbers of single precision that the table was worked out from, where it was.
    """
    known = [(row, text) for row, text in enumerate(published) if text.strip().lower() not in ("", "nan")]
    assert len(known) >= least
    for row, text in known:
        room = max(HALF_OF_THE_LAST_DIGIT * last_digit(text), relative * abs(float(text))) + SINGLE * single
        assert abs(found[row] - float(text)) <= room, (row, float(found[row]), text)


def last_digit(text: str) -> float:
    """What the last digit of a number stands for."""
    mantissa, _, exponent = text.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def starts_at(found: np.ndarray, row: int) -> None:
    """The first value is at this row."""
    assert np.flatnonzero(~np.isnan(found))[0] == row


def test_sma_is_the_mean_of_the_last_14_closes_of_lean():
    columns = table(LEAN / "spy_with_indicators.txt")
    found = values(moving_average(14), columns["Close"])
    starts_at(found, 13)
    agrees(found, columns["SMA14"], 480, single=17_000)


def test_ema_by_default_starts_from_the_mean_of_its_span_as_in_lean():
    columns = table(LEAN / "spy_ema.csv")
    found = values(ema(14), columns["close"])
    starts_at(found, 13)
    agrees(found, columns["EMA14"], 340, relative=1e-14)


def test_ema_of_the_index_starts_from_the_mean_of_its_span_as_in_lean():
    columns = table(LEAN / "spy_with_indicators.txt")
    agrees(values(ema(14), columns["Close"]), columns["EMA14"], 480, single=17_000)


def test_ema_with_seed_first_starts_from_the_first_close_as_in_the_macd_of_stockcharts():
    columns = table(TA / "cs-macd.csv")
    price = columns["Close"]
    short, long = values(ema(12, seed="first"), price), values(ema(26, seed="first"), price)
    starts_at(short, 0)
    agrees(short, columns["short_ema"], 120, relative=1e-9)
    agrees(long, columns["long_ema"], 120, relative=1e-9)


def test_macd_is_the_difference_of_two_averages_seeded_with_the_first_close():
    columns = table(TA / "cs-macd.csv")
    found = values(lambda t: t.pipe(ema(12, seed="first")) - t.pipe(ema(26, seed="first")), columns["Close"])
    agrees(found, columns["MACD_line"], 120, relative=1e-7)  # the sheet's averages have ten digits, their difference seven


def test_rsi_is_wilders_and_starts_from_the_mean_of_the_first_14_changes_as_in_lean():
    columns = table(LEAN / "spy_with_indicators.txt")
    found = values(rsi(14), columns["Close"])
    starts_at(found, 14)
    agrees(found, columns["RSI 14 Wilder"], 480)


def test_rsi_is_not_cutlers():
    """The same table has RSI of simple averages as well; ours must not be that."""
    columns = table(LEAN / "spy_with_indicators.txt")
    found, cutler = values(rsi(14), columns["Close"]), numbers(columns["RSI 14"])
    assert np.nanmax(np.abs(found - cutler)) > 5.0


def test_bollinger_bands_are_two_population_deviations_around_the_mean_of_20_as_in_lean():
    columns = table(LEAN / "spy_bollinger_bands.txt")
    for band, name in (("lower", "Bottom"), ("upper", "Top")):
        found = values(lambda t, band=band: getattr(t.pipe(bollinger()), band), columns["Close"])
        agrees(found, columns[f"Bollinger Bands® 20 2 {name}"], 480, single=200)
    agrees(values(lambda t: t.pipe(bollinger()).middle, columns["Close"]), columns["Moving Average 20"], 480, single=200)


def test_bollinger_bands_are_those_of_the_stockcharts_sheet_population():
    columns = table(TA / "cs-bbands.csv")
    for band, name in (("lower", "LowBand"), ("middle", "MiddleBand"), ("upper", "HighBand")):
        agrees(values(lambda t, band=band: getattr(t.pipe(bollinger(20, 2.0)), band), columns["Close"]), columns[name], 20, relative=1e-9)
    agrees(values(rolling_std(20, ddof=0), columns["Close"]), columns["20-day Standard Deviation"], 20, relative=1e-9)


def test_std_with_ddof_0_squared_is_the_population_variance_of_10_closes_of_lean():
    columns = table(LEAN / "spy_var.txt")
    found = values(rolling_std(10, ddof=0), columns["Close"])
    starts_at(found, 9)
    agrees(found**2, columns["Var"], 480, relative=1e-9)  # the table itself is off by 3e-11: it subtracts squares


def test_std_by_default_is_the_samples_which_is_larger_by_the_root_of_10_over_9():
    columns = table(LEAN / "spy_var.txt")
    found = values(rolling_std(10), columns["Close"])
    known = ~np.isnan(numbers(columns["Var"]))
    assert found[known] ** 2 * 0.9 == pytest.approx(numbers(columns["Var"])[known], rel=1e-9)


def test_zscore_and_bands_agree_on_the_share_of_the_band():
    """%B of the LEAN table is (close - lower) / (upper - lower): a population z-score z gives (z + 2) / 4."""
    columns = table(LEAN / "spy_bollinger_bands.txt")
    agrees((values(zscore(20, ddof=0), columns["Close"]) + 2.0) / 4.0, columns["%B"], 480, single=400 / 2)  # 200 less 200, over 2


@pytest.mark.parametrize(("operator", "name"), [(rolling_max, "max"), (rolling_min, "min")])
def test_extremes_are_those_of_the_last_5_closes_of_lean(operator, name):
    columns = table(LEAN / f"spy_{name}.txt")
    found = values(operator(5), columns["Close"])
    starts_at(found, 4)
    assert np.array_equal(found[4:], numbers(columns[f"{name.upper()}_5"])[4:])


@pytest.mark.parametrize(("q", "name"), [(0.0, "MIN_5"), (1.0, "MAX_5")])
def test_the_outermost_quantiles_are_the_extremes_of_lean(q, name):
    columns = table(LEAN / f"spy_{name[:3].lower()}.txt")
    assert np.array_equal(values(rolling_quantile(5, q), columns["Close"])[4:], numbers(columns[name])[4:])


def test_log_return_over_14_is_the_logarithm_of_the_close_over_that_14_earlier_as_in_lean():
    columns = table(LEAN / "spy_logr14.txt")
    found = values(log_return(14), columns["Close"])
    starts_at(found, 14)
    agrees(found, columns["LOGR14"], 480, single=1)


def test_price_change_over_50_is_the_percentage_rate_of_change_of_lean_as_a_fraction():
    columns = table(LEAN / "spy_with_rocp50.txt")
    found = values(price_change(50), columns["Close"])
    starts_at(found, 50)
    agrees(100.0 * found, columns["Rate of Change % 50"], 440, single=100)


def test_price_change_times_the_close_50_earlier_is_the_difference_that_lean_calls_rate_of_change():
    columns = table(LEAN / "spy_with_roc50.txt")
    close = numbers(columns["Close"])
    found = values(price_change(50), columns["Close"])
    agrees(np.concatenate([found[:50], found[50:] * close[:-50]]), columns["Rate of Change 50"], 440, single=200)


def test_price_change_over_12_is_the_rate_of_change_of_stockcharts():
    columns = table(TA / "cs-roc.csv")
    agrees(100.0 * values(price_change(12), columns["Close"]), columns["ROC"], 8, relative=1e-9)


def test_vwap_of_20_rows_of_closes_is_the_vwma_of_lean():
    columns = table(LEAN / "spy_with_vwma.csv")
    found = values(vwap(20), columns["Close"], size=numbers(columns["Volume"]))
    starts_at(found, 19)
    agrees(found, columns["VWMA20"], 480, relative=1e-13)


def test_vwap_of_50_rows_of_the_mean_of_open_high_low_close_is_the_moving_vwap_of_lean():
    columns = table(LEAN / "spy_with_vwap.txt")
    price = np.mean([numbers(columns[name]) for name in ("Open", "High", "Low", "Close")], axis=0)
    found = observe(vwap(50), tape_of(price=price, size=numbers(columns["Volume"]))).column("value")
    agrees(found, columns["Moving VWAP 50"], 440, single=200)


def test_vwap_of_14_rows_of_typical_prices_is_that_of_stockcharts_once_it_is_full():
    """The sheet's window grows until it has 14 rows; ours is not there before."""
    columns = table(TA / "cs-vwap.csv")
    found = values(vwap(14), columns["Typical Price"], size=numbers(columns["Volume"]))
    starts_at(found, 13)
    typical = [*[""] * 13, *columns["vwap"][13:]]
    agrees(found, typical, 15, relative=1e-6)  # its typical prices are printed with seven digits


# talipp: SMA, EMA from the mean of its span, StdDev of the population, RSI after Wilder, VWMA, bands, MACD.

TALIPP_BUILDS: dict[str, tuple[str | None, Callable[[Any], Any]]] = {
    "SMA(20": (None, moving_average(20)),
    "EMA(20": (None, ema(20)),
    "StdDev(20": (None, rolling_std(20, ddof=0)),
    "RSI(20": (None, rsi(20)),
    "ROC(20": (None, lambda t: t.pipe(price_change(20)) * 100.0),
    "VWMA(20": (None, vwap(20)),
    "BB(5, 2": ("lb", lambda t: t.pipe(bollinger(5)).lower),
    "BB(5, 2,": ("ub", lambda t: t.pipe(bollinger(5)).upper),
    "MACD(12, 26": ("macd", lambda t: t.pipe(ema(12)) - t.pipe(ema(26))),
}


@pytest.mark.parametrize("call", TALIPP_BUILDS)
def test_talipp(call):
    """Averages start from the mean of their span, deviations are the population's, RSI is Wilder's, VWMA is a vwap of rows."""
    field, build = TALIPP_BUILDS[call]
    published = json.loads((TALIPP / "talipp_expected.json").read_text())
    (case,) = [case for case in published["cases"] if case["call"].startswith(call) and case["test"] == "test_init"]
    given = published["inputs"][case["input"]]
    columns = {"price": given} if isinstance(given, list) else {"price": given["close"], "size": given["volume"]}
    found = observe(build, tape_of(**columns)).column("value")
    expected = [wanted for wanted in case["expected"] if wanted["field"] == field]
    assert len(expected) >= 3
    for wanted in expected:
        assert abs(found[wanted["index"]] - wanted["value"]) <= HALF_OF_THE_LAST_DIGIT * 10.0 ** -wanted["places"], wanted


# Dukascopy: ticks to bars. A bar is labelled by its start there, by its end here; intervals without ticks are absent in both.


def recorded_quotes() -> Ticks:
    rows = json.loads((BARS / "sample_tick_data.json").read_text())
    time, _, bid, _, bid_size = (np.array(column) for column in zip(*rows, strict=True))
    return Ticks.of(time.astype(np.int64) * 10**6, ["EURUSD"] * len(time), price=bid, size=bid_size)


@pytest.mark.parametrize(("width", "frame"), [("1m", "m1"), ("5m", "m5"), ("15m", "m15"), ("30m", "m30"), ("1h", "h1")])
def test_bars_of_ticks_are_those_of_dukascopy(width, frame):
    """Bars start at multiples of their width, the first tick is the open, the last the close; volume is the sum of sizes."""
    cases = [json.loads(line) for line in (BARS / "tick_to_bars_expected.jsonl").read_text().splitlines()]
    (expected,) = [case["expected"] for case in cases if case["case"] == f"tick_to_{frame}"]
    ticks = recorded_quotes()
    seconds = {"m": 60, "h": 3600}[width[-1]] * int(width[:-1])
    made = observe(bars(width), closed(ticks, seconds), range(1, len(ticks), 100))
    rows = zip(*(made.column(name).tolist() for name in ("time", "open", "high", "low", "price", "size")), strict=True)
    found = {(time - seconds * 10**9) // 10**6: [*prices, round(volume, 2)] for time, *prices, volume in rows}
    wanted = {bar[0]: bar[1:] for bar in expected if bar}
    assert len(wanted) >= 1
    assert {start: found.get(start) for start in wanted} == wanted
    assert sum(bar[-1] for bar in found.values()) == pytest.approx(ticks.size.sum(), rel=1e-12)


def test_bars_of_one_second_are_those_of_dukascopy_for_bitcoin():
    quotes = json.loads((BARS / "btcusd-tick-2023-02-20T12-2023-02-20T13.json").read_text())
    published = json.loads((BARS / "btcusd-s1-bid-2023-02-20T12-2023-02-20T13.json").read_text())
    time = np.array([quote["timestamp"] for quote in quotes]) * 10**6
    bid, ask = (np.array([quote[name] for quote in quotes]) for name in ("bidPrice", "askPrice"))
    ticks = closed(Ticks.of(time, ["BTCUSD"] * len(time), bid=bid, ask=ask), 1)
    made = observe(lambda t: t.pipe(column("bid"), bars("1s")), ticks, range(1, len(ticks), 500))
    rows = zip(*(made.column(name).tolist() for name in ("time", "open", "high", "low", "price")), strict=True)
    found = [{"timestamp": end // 10**6 - 1000, "open": o, "high": h, "low": low, "close": c} for end, o, h, low, c in rows]
    assert len(found) > 2000
    assert found == published


def closed(ticks: Ticks, seconds: int) -> Ticks:
    """The same ticks and a HEARTBEAT a bar later, so that the last bar ends."""
    later = int(ticks.time[-1]) + seconds * 10**9
    columns = {name: np.append(column, np.nan) for name, column in ticks.columns.items() if name in ("price", "size", "bid", "ask")}
    kind = np.append(ticks.kind, Kind.HEARTBEAT)
    return Ticks.of(np.append(ticks.time, later), np.append(ticks.symbol, 0), ticks.symbols, kind=kind, **columns)
