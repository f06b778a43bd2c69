"""Ticks: a batch of rows of the tape, as columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.symbols import SymbolTable

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["BATCH_ROWS", "COLUMN_TYPES", "Kind", "Tick", "Ticks"]

Array = NDArray[Any]


class Kind(IntEnum):
    """What a row is."""

    TRADE = 0
    QUOTE = 1
    GAP = 2
    """The feed of this symbol lost something here."""
    HEARTBEAT = 3
    """No symbol: time has passed."""


GAP = bytes([Kind.GAP])
TRADE, QUOTE = int(Kind.TRADE), int(Kind.QUOTE)  # numpy compares with an int ten times as fast as with an enum

COLUMN_TYPES: dict[str, np.dtype[Any]] = {
    "seq": np.dtype("i8"),
    "time": np.dtype("i8"),
    "symbol": np.dtype("i4"),
    "kind": np.dtype("i1"),
    "price": np.dtype("f8"),
    "size": np.dtype("f8"),
    "side": np.dtype("i1"),
    "bid": np.dtype("f8"),
    "ask": np.dtype("f8"),
    "bid_size": np.dtype("f8"),
    "ask_size": np.dtype("f8"),
    "received": np.dtype("i8"),
    "event_time": np.dtype("i8"),
}
"""The columns with a fixed type. `trade_id` and any further column keep theirs."""

BATCH_ROWS = 1 << 15
"""Rows of a batch in a replay: enough that what each batch costs is small beside them, few enough to stay in a processor's cache."""
NEVER_COUNTED = ("seq", "time", "symbol", "kind")
YES = np.ones(BATCH_ROWS, dtype=np.bool_)
YES.setflags(write=False)


class Tick(NamedTuple):
    """One row, for tick-by-tick code; a column the tape lacks is nan."""

    seq: int
    time: int
    symbol: str
    kind: Kind
    price: float
    size: float
    bid: float
    ask: float


class Ticks:
    """Rows of the tape as read-only numpy columns: `seq, time, symbol, kind`, then price columns.

    `time` is int64 ns UTC, `symbol` an int32 code of `symbols`, `kind` a `Kind`, prices float64 in quote currency,
    sizes float64 in base units; `side` is the aggressor's (+1 buy, -1 sell, 0 unknown). `root` is the batch of the root
    tape that these rows came with (the batch itself, unless a derived tape made them). Once the graph has met a GAP,
    `lost` tells the rows at which something of their symbol was lost (of a derived tape: since its row before), and
    `missing` from when (time, row of the root or -1) a symbol's newest derived row is in doubt.

    >>> ticks = Ticks.of(time=[1, 2, 3], symbol=["SPY", "IBM", "SPY"], price=[167.4, 182.0, 167.5], size=[100, 5, 20])
    >>> len(ticks), ticks.price.tolist(), ticks.symbols.name(int(ticks.symbol[1]))
    (3, [167.4, 182.0, 167.5], 'IBM')
    >>> ticks[1:].size.tolist()
    [5.0, 20.0]
    """

    __slots__ = ("_quotes", "_root", "_trades", "columns", "counted", "lost", "missing", "symbols")

    def __init__(
        self,
        columns: Mapping[str, Array],
        symbols: SymbolTable,
        root: "Ticks | None" = None,
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Trusts its arguments: equally long, read-only, contiguous columns of the right types. See `of`."""
        self.columns = MappingProxyType(columns)
        self.symbols = symbols
        self._root = root
        self.counted = counted
        self.lost: NDArray[np.bool_] | None = None
        self.missing: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]] | None = None
        self._trades: NDArray[np.bool_] | None = None
        self._quotes: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, time: ArrayLike, symbol: ArrayLike | Sequence[str], symbols: SymbolTable | None = None, **columns: ArrayLike) -> "Ticks":
        """Ticks of columns or lists; `symbol` holds names ("" on rows without one) or codes of `symbols`."""
        table = SymbolTable() if symbols is None else symbols
        codes = np.asarray(symbol)
        if codes.dtype.kind in "OUST":
            codes = np.array([table.code(str(name)) if name else 0 for name in codes.tolist()], dtype=np.int32)
        rows = len(codes)
        if rows and not 0 <= codes.min() <= codes.max() <= len(table):
            raise InputError(f"symbols are names, or codes from 0 to {len(table)} of the table; found {codes.min()} to {codes.max()}")
        typed = {"time": time, "symbol": codes, **columns}
        typed.setdefault("seq", np.arange(rows))
        typed.setdefault("kind", np.full(rows, Kind.TRADE if "price" in columns else Kind.QUOTE))
        return cls({name: frozen(name, typed[name], rows) for name in ordered(typed)}, table)

    @classmethod
    def from_pandas(cls, frame: "pandas.DataFrame", symbols: SymbolTable | None = None) -> "Ticks":
        """Ticks of a frame with the columns `time` (or a DatetimeIndex), `symbol`, and price columns."""
        columns = {str(name): frame[name] for name in frame.columns}
        if "time" not in columns and frame.index.dtype.kind == "M":
            columns["time"] = frame.index.to_series()
        missing = [name for name in ("time", "symbol") if name not in columns]
        if missing:
            raise InputError(f"the frame has no column {missing[0]!r}; its columns are {', '.join(columns)}")
        time, names = columns.pop("time"), columns.pop("symbol")
        if time.dtype.kind == "M":
            time = time.astype("datetime64[ns, UTC]" if getattr(time.dtype, "tz", None) else "datetime64[ns]").astype("int64")
        texts = names.astype(object).where(names.notna(), "").astype(str).to_numpy(dtype=object)
        return cls.of(time.to_numpy(), texts, symbols, **{name: column.to_numpy() for name, column in columns.items()})

    @classmethod
    def concat(cls, batches: Sequence["Ticks"]) -> "Ticks":
        """One batch of several of the same tape."""
        first = batches[0]
        if any(batch.symbols is not first.symbols or batch.columns.keys() != first.columns.keys() for batch in batches):
            raise InputError("only batches with the same columns and the same symbol table can be joined")
        return cls({name: read_only(np.concatenate([b.columns[name] for b in batches])) for name in first.columns}, first.symbols)

    def __len__(self) -> int:
        return len(self.columns["time"])

    def __getattr__(self, name: str) -> Array:
        if name in Ticks.__slots__:
            raise AttributeError(name)  # a copy that is not filled yet
        try:
            return self.columns[name]
        except KeyError:
            raise AttributeError(f"these ticks have no column {name!r}; they have {', '.join(self.columns)}") from None

    def __getitem__(self, rows: slice) -> "Ticks":
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise InputError(f"ticks[{rows!r}]: ticks are cut into stretches, ticks[first:last]; single rows come from iterating")
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Ticks(columns, self.symbols, None, None if self.counted is None else self.counted[rows])

    def __iter__(self) -> Iterator[Tick]:
        names, absent = self.symbols, [np.nan] * len(self)
        prices = [self.columns[n].tolist() if n in self.columns else absent for n in ("price", "size", "bid", "ask")]
        for seq, time, code, kind, *rest in zip(
            self.seq.tolist(), self.time.tolist(), self.symbol.tolist(), self.kind.tolist(), *prices, strict=True
        ):
            yield Tick(seq, time, names.name(code), Kind(kind), *rest)

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"lost": self.lost, "missing": self.missing}
        return restored, (dict(self.columns), self.symbols, self._root, self.counted), (None, state)

    def __repr__(self) -> str:
        return f"Ticks({len(self)} rows; {', '.join(self.columns)})"

    def counting(self, met: NDArray[np.bool_]) -> "Ticks":
        """The same rows, of which only those count that did and are `met`; what was lost might have been met."""
        filtered = Ticks(self.columns, self.symbols, self.root, met if self.counted is None else met & self.counted)
        filtered.lost, filtered.missing = self.lost, self.missing
        return filtered

    def find_gaps(self) -> bool:
        """Whether there is any GAP row; notes where."""
        kind = self.columns["kind"]
        if GAP not in kind.tobytes():
            return False
        self.lost = read_only(kind == Kind.GAP)
        return True

    @property
    def root(self) -> "Ticks":
        """The rows of the root of which these were made, often themselves: an attribute would be a cycle, and keep each batch alive."""
        return self if self._root is None else self._root

    @property
    def trades(self) -> NDArray[np.bool_]:
        """Which rows are trades and count (`where` takes rows out of the count)."""
        known = self._trades
        if known is None:
            kinds = self.columns["kind"]
            plain = self.counted is None and len(kinds) <= len(YES) and not np.count_nonzero(kinds)
            known = self._trades = YES[: len(kinds)] if plain else self._counting(kinds == TRADE)
        return known

    @property
    def quotes(self) -> NDArray[np.bool_]:
        """Which rows are quotes and count."""
        if self._quotes is None:
            self._quotes = self._counting(self.columns["kind"] == QUOTE)
        return self._quotes

    def _counting(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self.counted is not None:
            mask &= self.counted
        return read_only(mask)

    def to_arrow(self) -> "pyarrow.Table":
        """An Arrow table: `time` as timestamp[ns, UTC], `symbol` as a dictionary of text."""
        import pyarrow as pa

        arrays: dict[str, Any] = {name: pa.array(column) for name, column in self.columns.items()}
        arrays["time"] = pa.array(self.time, pa.timestamp("ns", "UTC"))
        arrays["symbol"] = pa.DictionaryArray.from_arrays(self.symbol, pa.array(["", *self.symbols]))
        return pa.table(arrays)

    def to_pandas(self) -> "pandas.DataFrame":
        """A frame with `time` as UTC timestamps and `symbol` as text."""
        import pandas as pd

        columns = {name: column for name, column in self.columns.items() if name not in ("time", "symbol")}
        names = np.array(["", *self.symbols], dtype=object)
        return pd.DataFrame({"time": pd.to_datetime(self.time, utc=True, unit="ns"), "symbol": names[self.symbol], **columns})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        shown: str = self[:10].to_pandas().to_html(index=False)
        return f"<p>{len(self):,} ticks of {len(self.symbols):,} symbols</p>{shown}"


def ordered(columns: Mapping[str, object]) -> Iterable[str]:
    known = [name for name in COLUMN_TYPES if name in columns]
    return known + [name for name in columns if name not in COLUMN_TYPES]


def frozen(name: str, column: ArrayLike, rows: int) -> Array:
    wanted, given = COLUMN_TYPES.get(name), np.asarray(column)
    if given.dtype.kind == "M":
        given = given.astype("M8[ns]")
    try:
        with np.errstate(invalid="ignore"):
            array = np.ascontiguousarray(given, dtype=wanted)
    except (TypeError, ValueError) as error:
        raise InputError(f"column {name}: {error}; expected {wanted}") from error
    if given.dtype.kind == "f" and array.dtype.kind == "i" and not np.array_equal(array, given):
        raise InputError(f"column {name} has values that are no whole numbers, such as {given[array != given][0]}")
    if array.shape != (rows,):
        raise InputError(f"column {name} has the shape {array.shape}, the symbols are {rows} rows")
    return sealed(array)


def restored(columns: dict[str, Array], symbols: SymbolTable, root: Ticks | None, counted: NDArray[np.bool_] | None) -> Ticks:
    """A copy, whose columns are as read-only as those of the original."""
    return Ticks({name: read_only(column) for name, column in columns.items()}, symbols, root, counted)


def read_only(array: Array) -> Array:
    array.setflags(write=False)
    return array


def sealed(array: Array) -> Array:
    """A copy that nobody can write to: of numbers one that cannot be made writable either, since `bytes` are beneath it."""
    if not array.size or array.dtype.kind not in "iufb":
        return read_only(array.copy())
    return np.frombuffer(array.tobytes(), array.dtype)
