"""Every operator with its slow, obvious twin: one table for the laws, the definitions and the benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import reference as ref
import reference_arrivals as arrivals

from pipeline.flow import where
from pipeline.operators import (
    age,
    age_of,
    bollinger,
    buffer,
    column,
    ema,
    inter_arrival,
    last,
    log_return,
    mid,
    moving_average,
    of,
    order_flow_imbalance,
    price_change,
    rolling_beta,
    rolling_corr,
    rolling_cov,
    rolling_max,
    rolling_median,
    rolling_min,
    rolling_quantile,
    rolling_std,
    rolling_sum,
    rsi,
    session_high,
    session_low,
    spread,
    spread_bps,
    tick_count,
    trade_rate,
    volume,
    volume_baseline,
    vwap,
    vwap_std,
    zscore,
)
from pipeline.windows import session

Rows = list[ref.Row]
ALWAYS = session("22:00-21:30", tz="America/New_York", days="Mon-Sun")


@dataclass(frozen=True)
class Case:
    """An operator (or anything made of a tape), the twin of its values, and whether it looks beyond a symbol."""

    name: str
    build: Callable[[Any], Any]
    twin: Callable[[Rows], list[float]]
    market: bool = False

    def __str__(self) -> str:
        return self.name


def price(rows: Rows) -> Any:
    return ref.inputs_of(rows, "price")


def size(rows: Rows) -> Any:
    return ref.inputs_of(rows, "size")


def sides(rows: Rows) -> Any:
    return ref.inputs_of(rows, "bid", "ask")


def pairs(rows: Rows) -> Any:
    return ref.inputs_of(rows, "price", "size")


def price_with_size(operator: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda ticks: ticks.pipe(column("price"), operator(ticks.pipe(column("size"))))


CASES = [
    Case("column", column("size"), lambda r: ref.column(size(r))),
    Case("last", last(), lambda r: ref.column(price(r))),
    Case("mid", mid(), lambda r: ref.mid(sides(r))),
    Case("spread", spread(), lambda r: ref.spread(sides(r))),
    Case("spread_bps", spread_bps(), lambda r: ref.spread_bps(sides(r))),
    Case("price_change_1s", price_change("1s"), lambda r: ref.price_change(price(r), "1s")),
    Case("price_change_3", price_change(3), lambda r: ref.price_change(price(r), 3)),
    Case("log_return", log_return(), lambda r: ref.log_return(price(r), 1)),
    Case("log_return_2s", log_return("2s"), lambda r: ref.log_return(price(r), "2s")),
    Case("moving_average_4", moving_average(4), lambda r: ref.moving_average(price(r), 4)),
    Case("moving_average_3s", moving_average("3s"), lambda r: ref.moving_average(price(r), "3s")),
    Case("rolling_sum_3", rolling_sum(3), lambda r: ref.rolling_sum(price(r), 3)),
    Case("rolling_sum_1", rolling_sum(1), lambda r: ref.rolling_sum(price(r), 1)),
    Case("volume_2s", volume("2s"), lambda r: ref.volume(size(r), "2s")),
    Case("volume_2", volume(2), lambda r: ref.volume(size(r), 2)),
    Case("volume_baseline", volume_baseline("1s", "4s"), lambda r: ref.volume_baseline(size(r), "1s", "4s")),
    Case("volume_baseline_uneven", volume_baseline("3s", "2s"), lambda r: ref.volume_baseline(size(r), "3s", "2s")),
    Case("tick_count", tick_count("2s"), lambda r: ref.tick_count(price(r), "2s")),
    Case("trade_rate", trade_rate("2s"), lambda r: ref.trade_rate(price(r), "2s")),
    Case("ema_4", ema(4), lambda r: ref.ema(price(r), 4, "average")),
    Case("ema_4_first", ema(4, seed="first"), lambda r: ref.ema(price(r), 4, "first")),
    Case("ema_2s", ema("2s"), lambda r: ref.ema(price(r), "2s", "average")),
    Case("vwap_3s", vwap("3s"), lambda r: ref.vwap(pairs(r), "3s")),
    Case("vwap_3", vwap(3), lambda r: ref.vwap(pairs(r), 3)),
    Case("vwap_session", vwap(ALWAYS), lambda r: ref.vwap(pairs(r), ALWAYS)),
    Case("vwap_std", vwap_std(ALWAYS), lambda r: arrivals.vwap_std(pairs(r), ALWAYS)),
    Case("rolling_std_4", rolling_std(4), lambda r: ref.rolling_std(price(r), 4)),
    Case("rolling_std_3s", rolling_std("3s", ddof=0), lambda r: ref.rolling_std(price(r), "3s", 0)),
    Case("zscore_4", zscore(4), lambda r: ref.zscore(price(r), 4)),
    Case("zscore_3s", zscore("3s"), lambda r: ref.zscore(price(r), "3s")),
    Case("bollinger_upper", lambda t: t.pipe(bollinger(4)).upper, lambda r: ref.bollinger(price(r), 4, 2.0)[2]),
    Case("bollinger_lower", lambda t: t.pipe(bollinger("3s", 1.5)).lower, lambda r: ref.bollinger(price(r), "3s", 1.5)[0]),
    Case("rolling_min_4", rolling_min(4), lambda r: ref.rolling_min(price(r), 4)),
    Case("rolling_max_3s", rolling_max("3s"), lambda r: ref.rolling_max(price(r), "3s")),
    Case("rolling_median_5", rolling_median(5), lambda r: ref.rolling_median(price(r), 5)),
    Case("rolling_quantile_3s", rolling_quantile("3s", 0.3), lambda r: ref.rolling_quantile(price(r), "3s", 0.3)),
    Case("rolling_cov_4", price_with_size(lambda y: rolling_cov(y, 4)), lambda r: ref.rolling_cov(pairs(r), 4)),
    Case("rolling_corr_3s", price_with_size(lambda y: rolling_corr(y, "3s")), lambda r: ref.rolling_corr(pairs(r), "3s")),
    Case("rolling_beta_4", price_with_size(lambda y: rolling_beta(y, 4)), lambda r: ref.rolling_beta(pairs(r), 4)),
    Case("session_high", session_high(ALWAYS), lambda r: ref.session_high(price(r), ALWAYS)),
    Case("session_low", session_low(ALWAYS), lambda r: ref.session_low(price(r), ALWAYS)),
    Case("rsi_3", rsi(3), lambda r: ref.rsi(price(r), 3)),
    Case(
        "order_flow_imbalance",
        order_flow_imbalance("2s"),
        lambda r: ref.order_flow_imbalance(ref.inputs_of(r, "bid", "bid_size", "ask", "ask_size"), "2s"),
    ),
    Case("age", age(), lambda r: ref.age(price(r))),
    Case("inter_arrival", inter_arrival(), lambda r: arrivals.inter_arrival(price(r))),
    Case("age_of", age_of("S1"), lambda r: arrivals.age_of(price(r), "S1"), market=True),
    Case("of", of("S1"), lambda r: ref.of(price(r), "S1"), market=True),
    Case("buffer_3", buffer(3).apply(np.max), lambda r: ref.rolling_max(price(r), 3)),
    Case("buffer_2s", buffer("2s").apply(np.min), lambda r: ref.rolling_min(price(r), "2s")),
    Case("buffer_columnar", buffer(3).apply(lambda w: w.max(axis=1), columnar=True), lambda r: ref.rolling_max(price(r), 3)),
]
"""Operators on a tape."""


def through(
    first: Callable[[Any], list[float]], then: Callable[[Any], list[float]], columns: Callable[[Rows], Any] = price
) -> Callable[[Rows], list[float]]:
    """The twin of an operator on the signal of another."""
    return lambda rows: then(ref.as_inputs(columns(rows), first(columns(rows))))


COMPOSITIONS = [
    Case(
        "ema of log returns",
        lambda t: t.pipe(log_return(), ema(3)),
        through(lambda x: ref.log_return(x, 1), lambda x: ref.ema(x, 3, "average")),
    ),
    Case(
        "std of ema",
        lambda t: t.pipe(ema("2s"), rolling_std("3s")),
        through(lambda x: ref.ema(x, "2s", "average"), lambda x: ref.rolling_std(x, "3s")),
    ),
    Case(
        "median of spread",
        lambda t: t.pipe(spread_bps(), rolling_median("9s")),
        through(ref.spread_bps, lambda x: ref.rolling_median(x, "9s"), sides),
    ),
    Case("mean of mids", lambda t: t.pipe(mid(), moving_average(3)), through(ref.mid, lambda x: ref.moving_average(x, 3), sides)),
    Case("mean of sizes", lambda t: t.pipe(column("size"), moving_average("3s")), lambda r: ref.moving_average(size(r), "3s")),
    Case(
        "macd",
        lambda t: t.pipe(ema(3)) - t.pipe(ema(6)),
        lambda r: [a - b for a, b in zip(ref.ema(price(r), 3, "average"), ref.ema(price(r), 6, "average"), strict=True)],
    ),
    Case("large trades", lambda t: t.pipe(where(lambda s: s.size >= 1.0), tick_count("3s")), lambda r: ref.tick_count(large(r), "3s")),
]
"""Operators on signals, arithmetic between signals, filters."""


def large(rows: Rows) -> Any:
    return [known._replace(fresh=known.fresh and row.size >= 1.0) for known, row in zip(price(rows), rows, strict=True)]
