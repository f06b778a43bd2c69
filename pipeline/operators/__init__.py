"""Operators: what can be computed of a tape or a signal, row by row and symbol by symbol."""

from pipeline.operators.age import age
from pipeline.operators.arrivals import age_of, inter_arrival
from pipeline.operators.baseline import volume_baseline
from pipeline.operators.buffer import PerTick, buffer
from pipeline.operators.columns import column, last, mid, spread, spread_bps
from pipeline.operators.comoments import rolling_beta, rolling_corr, rolling_cov
from pipeline.operators.ema import ema, rsi
from pipeline.operators.extremes import rolling_max, rolling_min
from pipeline.operators.imbalance import order_flow_imbalance
from pipeline.operators.lag import log_return, price_change
from pipeline.operators.live_clock import live_clock
from pipeline.operators.moments import Bands, bollinger, rolling_std, zscore
from pipeline.operators.of import of
from pipeline.operators.quantile import rolling_median, rolling_quantile
from pipeline.operators.sessions import session_high, session_low
from pipeline.operators.sums import moving_average, rolling_sum, tick_count, trade_rate, volume
from pipeline.operators.vwap import vwap
from pipeline.operators.vwap_std import vwap_std

__all__ = [
    "Bands",
    "PerTick",
    "age",
    "age_of",
    "bollinger",
    "buffer",
    "column",
    "ema",
    "inter_arrival",
    "last",
    "live_clock",
    "log_return",
    "mid",
    "moving_average",
    "of",
    "order_flow_imbalance",
    "price_change",
    "rolling_beta",
    "rolling_corr",
    "rolling_cov",
    "rolling_max",
    "rolling_median",
    "rolling_min",
    "rolling_quantile",
    "rolling_std",
    "rolling_sum",
    "rsi",
    "session_high",
    "session_low",
    "spread",
    "spread_bps",
    "tick_count",
    "trade_rate",
    "volume",
    "volume_baseline",
    "vwap",
    "vwap_std",
    "zscore",
]
