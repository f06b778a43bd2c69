"""Recorded ticks: plain CSV files, gzip or not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

from feeds.csv_cells import Layout, Reader, column_of
from feeds.csv_fast import fast_columns
from feeds.csv_header import layout_of
from feeds.text_blocks import BLOCK_BYTES, line_blocks
from pipeline.errors import BadRow
from pipeline.feed import Feed
from pipeline.ingest import RawRows

__all__ = ["csv", "demo"]

T = TypeVar("T")


def csv(path: str | Path, *, time_unit: str | None = None) -> Feed:
    """The ticks of a CSV file with a header, gzip or not, as a feed; columns it does not know are left out.

    It looks for a time (timestamp, time, ts, datetime, date), a symbol (symbol, ticker, instrument), and a price (price,
    px, last) or a quote (bid, ask); also for size (qty, quantity, volume, amount), bid_size, ask_size, side (buy, sell)
    and trade_id (where it is an integer). Symbols stay text. Times are whole numbers, of `time_unit` (s, ms, us, ns) or
    of the unit in which the first row lies between 2000 and 2100, or ISO 8601 text with a zone. In a file of trades and
    quotes a row without a price is a quote. Blank lines are passed over.

    Raises UsageError for a path that is no file, InputError for a file without ticks, BadRow for a row that is none;
    `rows` raises the latter two after the rows before that place.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "ticks.csv")
    ...     _ = path.write_text("timestamp,symbol,price,size\\n1381132800464,SPY,167.41,100\\n1381132800465,NA,31.5,20\\n")
    ...     [(rows.names, rows.columns["price"].tolist()) for rows in csv(path).rows()]
    [(('SPY', 'NA'), [167.41, 31.5])]
    """
    return RecordedCsv(Path(path), layout_of(Path(path), time_unit))


def demo() -> Feed:
    """The tape that comes with rxtape: some hours of a synthetic market with planted events."""
    with as_file(files("feeds") / "data" / "demo.csv.gz") as path:
        return csv(path)


@dataclass(frozen=True)
class RecordedCsv:
    """A CSV file as a feed."""

    path: Path
    layout: Layout
    block_bytes: int = BLOCK_BYTES

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self.layout.source

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape that this file fills."""
        return frozenset({"seq", "kind", *self.layout.places})

    def rows(self) -> Iterator[RawRows]:
        """The rows of the file a block at a time; the next block is read on another thread meanwhile."""
        return one_ahead(self._blocks())

    def _blocks(self) -> Iterator[RawRows]:
        newest = 0
        for line, block in self._numbered():
            rows, fault = read_block(block, self.layout, line, newest)
            if len(rows):
                newest = max(newest, int(rows.columns["time"].max()))
                yield rows
            if fault is not None:
                raise fault

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        """The blocks below the header, each with the number of its first line."""
        line, header = 1, self.layout.header_line
        for text in line_blocks(self.path, self.block_bytes):
            lines = text.count(b"\n")
            skip = min(max(header - line + 1, 0), lines)
            block = text.split(b"\n", skip)[-1] if skip else text
            if block:
                yield line + skip, block
            line += lines


def read_block(block: bytes, layout: Layout, line: int, newest: int) -> tuple[RawRows, BadRow | None]:
    """The rows of a block that begins at `line`, up to the first that is none."""
    found = fast_columns(block, layout, newest)
    if found is not None:
        columns, names = found
        return RawRows(columns, names, layout.source, lambda row: (layout.source, line + row)), None
    codes: dict[str, int] = {}
    lines: list[int] = []
    cells: dict[str, list[Any]] = {name: [] for name in (*layout.places, *(("kind",) if layout.mixed else ()))}
    fault = None
    try:
        for number, values in Reader(layout, newest).rows(block, line):
            lines.append(number)
            values["symbol"] = codes.setdefault(values["symbol"], len(codes) + 1)
            for name, column in cells.items():
                column.append(values[name])
    except BadRow as error:
        fault = error
    columns = {name: column_of(name, column) for name, column in cells.items()}
    return RawRows(columns, tuple(codes), layout.source, lambda row: (layout.source, lines[row])), fault


def one_ahead(source: Iterator[T]) -> Iterator[T]:
    """The items of an iterator that works on a thread of its own, one item ahead."""
    with ThreadPoolExecutor(1, "rxtape-csv") as worker:
        coming = worker.submit(next, source, None)
        while (item := coming.result()) is not None:
            coming = worker.submit(next, source, None)
            yield item
