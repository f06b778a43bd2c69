"""Ingest: raw rows of a feed become the tape: validated, in order of time, numbered.

lateness = 2s     newest - 2s              newest
---------------------|------------------------|
 later than that:     reordered before they
 fail, clamp or drop  reach the tape
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadRow, InputError, LateRow
from pipeline.kernels import Codes, Kinds, Times, Values1D, kernel
from pipeline.row_checks import YEAR_2000, YEAR_2100, bad_rows, contiguous, time_reason
from pipeline.symbols import SymbolTable
from pipeline.ticks import BATCH_ROWS, COLUMN_TYPES, Kind, Ticks, sealed

__all__ = ["Ingest", "Late", "Place", "RawRows"]

Late = Literal["fail", "clamp", "drop"]
Columns = dict[str, NDArray[Any]]
Place = tuple[str, int]
TRADES, QUOTES = (sealed(np.full(BATCH_ROWS, kind, np.int8)) for kind in (Kind.TRADE, Kind.QUOTE))


@dataclass(frozen=True)
class RawRows:
    """Rows as a feed gives them: `columns` with `time` (ns) and `symbol` (1-based place in `names`, 0: none).

    `place_of` tells the source and line of a row. `refused` are rows that the feed could not read: each with the number
    of rows here that come before it. Where the feed sorts, each may belong before any row: all are `unplaced` too.
    """

    columns: Columns
    names: tuple[str, ...]
    source: str = "memory"
    place_of: Callable[[int], Place] | None = None
    refused: Sequence[tuple[int, BadRow]] = ()
    unplaced: Sequence[BadRow] = ()

    def __len__(self) -> int:
        return len(self.columns["time"])

    def place(self, row: int) -> Place:
        """Source and line of a row."""
        return self.place_of(row) if self.place_of is not None else (self.source, row)


@kernel
def first_out_of_order(time: Times, newest: int) -> int:
    for i in range(time.shape[0]):
        if time[i] < newest:
            return i
        newest = time[i]
    return -1


@kernel
def plain_trades(time: Times, symbol: Codes, kind: Kinds, price: Values1D, size: Values1D, newest: int, latest: int, places: int) -> bool:
    """Whether all rows are trades, none of them bad, in order."""
    bad = 0
    for i in range(time.shape[0]):
        in_order = time[i] >= (time[i - 1] if i else newest)
        finite = (price[i] - price[i] == 0.0) & (size[i] - size[i] == 0.0)
        bad += not (in_order & finite & (size[i] >= 0.0) & (symbol[i] > 0) & (symbol[i] <= places) & (kind[i] == 0))
    return bad == 0 and time[-1] < latest


@dataclass
class Ingest:
    """The gate to the tape. `accept` gives batches of up to `batch_rows`, which are BATCH_ROWS or fewer.

    A bad row ends it after the rows before it have been given; with `on_bad` it is told of it, in the order of the rows, instead.
    """

    symbols: SymbolTable
    late: Late = "fail"
    lateness_ns: int = 0
    on_drop: Callable[[dict[str, Any]], None] = lambda row: None
    on_bad: Callable[[BadRow], None] | None = None
    rows: int = 0
    late_rows: int = 0
    batch_rows: int = BATCH_ROWS
    _newest: int = -(1 << 62)
    _aside: list[tuple[int, Callable[[], object]]] = field(default_factory=list)
    _waiting: Columns = field(default_factory=dict)
    _names: tuple[str, ...] | None = None
    _names_codes: NDArray[np.int32] | None = None
    _supply: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _supply_from: int = 0

    def resume(self, rows: int, newest: int) -> None:
        """Go on with a tape that has so many rows, the last of them at a time."""
        self.rows, self._newest = rows, newest

    def accept(self, raw: RawRows) -> Iterator[Ticks]:
        """The batches of the tape that these rows complete; raises BadRow, LateRow or TooManySymbols at their place."""
        rows, typed = len(raw.columns["time"]), True
        for name, column in raw.columns.items():
            if len(column) != rows:
                raise InputError(f"{raw.source}: column {name} has {len(column)} rows, time has {rows}")
            if column.dtype is not COLUMN_TYPES.get(name, column.dtype) or (rows > 1 and not column.flags.c_contiguous):
                typed = False
        if raw.unplaced and self.on_bad is None:
            raise raw.unplaced[0]  # had it been read, it might have changed what comes of every row
        codes, count, fault = (self._names_codes, rows, None) if raw.names is self._names else self._codes(raw)
        if raw.refused:
            count, fault = self._up_to_refused(raw, count, fault)
        for start in range(0, count, self.batch_rows):
            columns, bad = self._checked(raw, codes, start, min(start + self.batch_rows, count), typed)
            if self._aside:
                self._tell(start + self.batch_rows)
            if len(columns["time"]):
                if self.lateness_ns:
                    yield from self._cut(self._reordered(columns))
                else:
                    yield self._batch(columns)
            if bad is not None:
                fault = bad
                break
        if self._aside:
            self._tell(count + 1)
        if fault is not None:
            yield from self.finish()
            raise fault

    def finish(self) -> Iterator[Ticks]:
        """What still waits for its turn, at the end of a feed."""
        waiting, self._waiting = self._waiting, {}
        if waiting:
            yield from self._cut(by_time(waiting))

    def _cut(self, columns: Columns) -> Iterator[Ticks]:
        for start in range(0, len(columns["time"]), self.batch_rows):
            yield self._batch({name: column[start : start + self.batch_rows] for name, column in columns.items()})

    def _up_to_refused(self, raw: RawRows, count: int, fault: Exception | None) -> tuple[int, Exception | None]:
        """How many rows come before the first that the feed refused, and its fault; where bad rows are left out, all are set aside."""
        refused = [each for each in raw.refused if each[0] <= count]
        if refused and self.on_bad is None:
            return refused[0]
        self._aside = [(before, partial(self.on_bad, bad)) for before, bad in refused if self.on_bad is not None]
        return count, fault

    def _tell(self, end: int) -> None:
        """Tell of the rows set aside before a place, in their order."""
        for _, tell in sorted((each for each in self._aside if each[0] < end), key=lambda each: each[0]):
            tell()
        self._aside = [each for each in self._aside if each[0] >= end]

    def _codes(self, raw: RawRows) -> tuple[NDArray[np.int32] | None, int, Exception | None]:
        """The code of each name (None where they are the same), how many rows come before a refused symbol, and its fault."""
        codes = np.zeros(len(raw.names) + 1, np.int32)
        try:
            codes[1:] = self.symbols.codes(raw.names)
        except InputError:
            return self._codes_until_refused(raw, codes)
        self._names = raw.names if isinstance(raw.names, tuple) else None
        self._names_codes = None if np.array_equal(codes, np.arange(len(codes))) else codes
        return self._names_codes, len(raw), None

    def _codes_until_refused(self, raw: RawRows, codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], int, Exception | None]:
        """As `_codes`, up to the first row of a symbol that is refused; a refused name that no row has does no harm."""
        refused: dict[int, Exception] = {}
        for place, name in enumerate(raw.names, 1):
            try:
                codes[place] = self.symbols.code(name)
            except InputError as error:
                refused[place] = error
        rows = np.flatnonzero(np.isin(raw.columns["symbol"], list(refused)))
        return (codes, int(rows[0]), refused[int(raw.columns["symbol"][rows[0]])]) if len(rows) else (codes, len(raw), None)

    def _checked(
        self, raw: RawRows, codes: NDArray[np.int32] | None, start: int, end: int, typed: bool
    ) -> tuple[Columns, Exception | None]:  # fmt: skip
        """Columns of the tape's types with codes, up to the first row that is bad or late, and its fault."""
        columns = {name: column[start:end] for name, column in raw.columns.items()}
        if not typed:
            columns = {name: contiguous(name, column, raw.source) for name, column in columns.items()}
        fault: Exception | None = None
        if codes is not None:
            columns, fault = known_places(columns, raw, start)
            columns["symbol"] = codes[columns["symbol"]]
        if "kind" not in columns:
            columns["kind"] = (TRADES if "price" in columns else QUOTES)[: len(columns["time"])]
        if self._plain(columns, len(raw.names) if codes is None else len(self.symbols)):
            return columns, fault
        if codes is None:
            columns, fault = known_places(columns, raw, start)
        if not len(columns["time"]):
            return columns, fault
        columns, at, bad = self._without_bad(columns, raw, start)
        late = self._in_order(columns, raw, at)
        return (late[0], late[1] or bad or fault) if late is not None else (columns, bad or fault)

    def _without_bad(self, columns: Columns, raw: RawRows, start: int) -> tuple[Columns, NDArray[np.int64], Exception | None]:
        """The rows before the first bad one and its fault, or all that are not bad; and where each stands in the feed's block."""
        at = np.arange(start, start + len(columns["time"]))
        found = list(bad_rows(columns))
        if not found:
            return columns, at, None
        bad = np.logical_or.reduce([rows for rows, _, _ in found])
        keep = ~bad if self.on_bad is not None else np.arange(len(bad)) < np.argmax(bad)
        fault = None
        for row in np.flatnonzero(bad).tolist():
            name, reason = next((name, reason) for rows, name, reason in found if rows[row])
            value = columns[name][row].item()
            fault = BadRow(*raw.place(start + row), name, value, time_reason(value) if name == "time" else reason)
            if self.on_bad is None:
                break
            self._aside.append((start + row, partial(self.on_bad, fault)))
        return {name: values[keep] for name, values in columns.items()}, at[keep], fault if self.on_bad is None else None

    def _plain(self, columns: Columns, places: int) -> bool:
        """Whether all rows are good trades in order: then nothing is left to check."""
        time = columns["time"]
        if not len(time) or "price" not in columns or "size" not in columns:
            return False
        newest = max(self._newest, YEAR_2000)
        if not plain_trades(time, columns["symbol"], columns["kind"], columns["price"], columns["size"], newest, YEAR_2100, places):
            return False
        self._newest = int(time[-1])
        return True

    def _in_order(self, columns: Columns, raw: RawRows, at: NDArray[np.int64]) -> tuple[Columns, Exception | None] | None:
        """None where no row is late; else the columns after the policy, and the fault that ends the feed."""
        time = columns["time"]
        if first_out_of_order(time, self._newest) < 0:
            self._newest = int(time[-1]) if len(time) else self._newest
            return None
        newest_before = np.maximum(np.maximum.accumulate(np.concatenate([[self._newest], time[:-1]])), self._newest)
        allowed = newest_before - self.lateness_ns
        late = time < allowed
        if self.late == "fail" and late.any():
            row = int(np.argmax(late))
            self._aside = [each for each in self._aside if each[0] <= at[row]]
            fault = LateRow(*raw.place(int(at[row])), int(newest_before[row] - time[row]), self.lateness_ns)
            self._newest = int(newest_before[row])
            return {name: values[:row] for name, values in columns.items()}, fault
        self._newest = int(max(newest_before[-1], time[-1]))
        self.late_rows += int(late.sum())
        if self.late == "drop":
            for row in np.flatnonzero(late).tolist():
                dropped = self._described(columns, raw.place(int(at[row])), row, f"{(newest_before[row] - time[row]) / 1e9:.9g} s late")
                self._aside.append((int(at[row]), partial(self.on_drop, dropped)))
            return {name: values[~late] for name, values in columns.items()}, None
        if self.late == "clamp":
            columns = {**columns, "time": np.where(late, allowed, time), "event_time": columns.get("event_time", time)}
        return columns, None

    def _described(self, columns: Columns, place: Place, row: int, reason: str) -> dict[str, Any]:
        values = {name: column[row].item() for name, column in columns.items() if name not in ("symbol", "kind")}
        return {"source": place[0], "line": place[1], "reason": reason, "symbol": self.symbols.name(int(columns["symbol"][row])), **values}

    def _reordered(self, columns: Columns) -> Columns:
        """The rows that no later row can precede any more; the others wait."""
        if self.late == "clamp":
            columns.setdefault("event_time", columns["time"])
        held = {name: np.concatenate([self._waiting[name], column]) for name, column in columns.items()} if self._waiting else columns
        held = by_time(held)
        due = int(np.searchsorted(held["time"], self._newest - self.lateness_ns, side="right"))
        self._waiting = {name: column[due:].copy() for name, column in held.items()}
        return {name: column[:due] for name, column in held.items()}

    def _batch(self, columns: Columns) -> Ticks:
        count = len(columns["time"])
        if self.late == "clamp":
            columns = {"event_time": columns["time"], **columns}
        for column in columns.values():
            column.setflags(write=False)
        columns = {"seq": self._numbers(count), **columns}
        self.rows += count
        return Ticks(columns, self.symbols)

    def _numbers(self, count: int) -> NDArray[np.int64]:
        """The next row numbers, cut from a supply."""
        place = self.rows - self._supply_from
        if not 0 <= place <= len(self._supply) - count:
            self._supply, self._supply_from, place = sealed(np.arange(self.rows, self.rows + 2 * BATCH_ROWS)), self.rows, 0
        return self._supply[place : place + count]


def known_places(columns: Columns, raw: RawRows, start: int) -> tuple[Columns, Exception | None]:
    """The rows before the first whose symbol is none of the names: kernels index by it, unchecked. The feed's mistake, never skipped."""
    places = columns["symbol"].view(np.uint32)
    if not len(places) or places.max() <= len(raw.names):
        return columns, None
    row = int(np.argmax(places > len(raw.names)))
    place, reason = columns["symbol"][row].item(), f"is no place among the {len(raw.names)} names"
    return {name: values[:row] for name, values in columns.items()}, BadRow(*raw.place(start + row), "symbol", place, reason)


def by_time(columns: Columns) -> Columns:
    order = np.argsort(columns["time"], kind="stable")
    return {name: column[order] for name, column in columns.items()}
