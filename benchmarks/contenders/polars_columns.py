"""polars: rolling expressions over groups of one symbol; it uses every core it is given."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.tapes import FIVE_MINUTES_NS, PRICE_WINDOW, BenchTape


def w1_polars(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: columns enter without a copy, symbols are grouped once, and of seven ways to write it this was the fastest."""
    far = (pl.col("price") / pl.col("price").rolling_mean(PRICE_WINDOW) - 1).abs() > theta
    large = pl.col("size") > 2 * five_minute_mean(pl.col("size"))
    alerts = _frame(tape).select(row=(far & large).over("symbol").arg_true())
    return alerts.collect()["row"].cast(pl.Int64).to_numpy()


def w2_polars(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: rows between leave and enter change nothing, so they go first, and an event is a row unlike the one before it."""
    value = pl.col("price") * pl.col("size")
    deviation = (pl.col("price") * five_minute_mean(pl.col("size")) / five_minute_mean(value) - 1).abs()
    decided = pl.when(pl.col("deviation") > enter).then(True).when(pl.col("deviation") < leave).then(False)
    unlike = pl.col("raised") != pl.col("raised").shift(1, fill_value=False).over("symbol")
    events = (
        _frame(tape)
        .select("symbol", deviation=deviation.over("symbol"))
        .with_row_index("row")
        .with_columns(raised=decided)
        .filter(pl.col("raised").is_not_null())
        .filter(unlike)
        .select(pl.col("row", "raised").cast(pl.Int64))
    )
    return events.collect().to_numpy()


def _frame(tape: BenchTape) -> pl.LazyFrame:
    return pl.LazyFrame({"time": tape.time, "symbol": tape.symbol, "price": tape.price, "size": tape.size})


def five_minute_mean(column: pl.Expr) -> pl.Expr:
    return column.rolling_mean_by("time", f"{FIVE_MINUTES_NS}i", closed="right")
