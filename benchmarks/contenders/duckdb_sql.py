"""DuckDB: SQL windows over the columns where they lie; it uses every core it is given."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.tapes import FIVE_MINUTES_NS, PRICE_WINDOW, BenchTape

# Both ends of RANGE belong to the frame; one nanosecond less makes it (t - 5 min, t].
FIVE_MINUTES = f"(PARTITION BY symbol ORDER BY time RANGE {FIVE_MINUTES_NS - 1} PRECEDING)"
LAST_TEN = f"(PARTITION BY symbol ORDER BY time ROWS {PRICE_WINDOW - 1} PRECEDING)"
NTH_TICK = "row_number() OVER (PARTITION BY symbol ORDER BY time)"

W1 = f"""
WITH rolling AS (
    SELECT row, price, size, {NTH_TICK} AS nth, avg(price) OVER {LAST_TEN} AS average, avg(size) OVER {FIVE_MINUTES} AS usual FROM ticks
)
SELECT row FROM rolling WHERE nth >= {PRICE_WINDOW} AND abs(price / average - 1) > $theta AND size > 2 * usual ORDER BY row
"""

W1_CANDIDATES = f"""
WITH rolling AS (SELECT *, {NTH_TICK} AS nth, avg(price) OVER {LAST_TEN} AS average FROM ticks),
candidate AS (SELECT * FROM rolling WHERE nth >= {PRICE_WINDOW} AND abs(price / average - 1) > $theta)
SELECT candidate.row FROM candidate JOIN ticks AS recent
ON recent.symbol = candidate.symbol AND recent.time > candidate.time - {FIVE_MINUTES_NS} AND recent.time <= candidate.time
GROUP BY candidate.row, candidate.size HAVING candidate.size > 2 * avg(recent.size) ORDER BY candidate.row
"""

W2 = f"""
WITH rolling AS (
    SELECT row, symbol, abs(price * sum(size) OVER five_minutes / sum(price * size) OVER five_minutes - 1) AS deviation
    FROM ticks WINDOW five_minutes AS {FIVE_MINUTES}
),
decided AS (
    SELECT row, symbol, CASE WHEN deviation > $enter THEN 1 WHEN deviation < $leave THEN 0 END AS raised FROM rolling
),
step AS (
    SELECT row, raised, lag(raised, 1, 0) OVER (PARTITION BY symbol ORDER BY row) AS before FROM decided WHERE raised IS NOT NULL
)
SELECT row, raised FROM step WHERE raised <> before ORDER BY row
"""


def w1_duckdb(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: the question as SQL asks it, windows of ROWS and of RANGE, read from the columns without a load."""
    return _answer(tape, W1, theta=theta)[:, 0]


def w1_duckdb_candidates(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair, to DuckDB above all: the five minutes are summed only where the price has moved, which suits rare alerts."""
    return _answer(tape, W1_CANDIDATES, theta=theta)[:, 0]


def w2_duckdb(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: rows between leave and enter change nothing, so they go first, and an event is a row unlike the one before it."""
    return _answer(tape, W2, enter=enter, leave=leave)


def _answer(tape: BenchTape, query: str, **parameters: float) -> NDArray[np.int64]:
    columns = {"row": np.arange(len(tape)), "time": tape.time, "symbol": tape.symbol, "price": tape.price, "size": tape.size}
    with duckdb.connect() as connection:
        connection.register("ticks", pa.table(columns))
        answer = connection.execute(query, parameters).fetchnumpy()
    return np.column_stack([column.astype(np.int64) for column in answer.values()])
