"""Other people's ways to do the two works of the suite; every one must name the same rows.

W1: alert at a tick when |price / mean(last 10 prices of the symbol, this one included) - 1| > theta and
size > 2 * mean(size of the symbol over (t - 5 min, t]), from the symbol's tenth tick on; one alert for each such row.

W2: vwap = sum(price * size) / sum(size) of the symbol over (t - 5 min, t]; a symbol is raised when
|price / vwap - 1| > enter and, once raised, cleared when it is < leave; one event for each change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Solution = Callable[..., NDArray[np.int64]]


@dataclass(frozen=True)
class Contender:
    """One line of the table: functions `w1_<key>` and perhaps `w2_<key>` of a module imported only when asked for."""

    name: str
    module: str
    key: str
    rows: int = 1_000_000  # of the tape, few enough to be done in seconds

    def solution(self, work: str) -> Solution | None:
        """The function for `w1` or `w2`, None where it has none; raises ImportError without its library."""
        module: Any = import_module(f"{__name__}.{self.module}")
        return getattr(module, f"{work}_{self.key}", None)


CONTENDERS = (
    Contender("rxtape", "rxtape_run", "rxtape"),
    Contender("C loop", "c_loop", "c"),
    Contender("numba, one loop", "numba_loop", "numba"),
    Contender("polars", "polars_columns", "polars"),
    Contender("DuckDB", "duckdb_sql", "duckdb"),
    Contender("DuckDB, candidates first", "duckdb_sql", "duckdb_candidates"),
    Contender("csp", "csp_graph", "csp"),
    Contender("Python loop, deques", "python_loop", "python", 300_000),
    Contender("RxPY tuned, from_iterable", "rxpy_tuned", "rxpy_iterable", 300_000),
    Contender("RxPY tuned, Subject", "rxpy_tuned", "rxpy_tuned", 300_000),
    Contender("RxPY textbook", "rxpy_textbook", "rxpy_textbook", 100_000),
    Contender("RxPY textbook, buffer_with_count", "rxpy_textbook", "rxpy_buffered", 20_000),
)
