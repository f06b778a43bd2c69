"""Recorded ticks: CSV files of any kind, packed or not."""

import os
from collections import deque
from collections.abc import Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from feeds.csv_cells import FARTHEST_NS, Layout, Reader
from feeds.csv_fast import Parsed, fast_columns
from feeds.csv_layout import layout_of
from feeds.csv_plain import warm_up
from feeds.guesses import symbol_facts, time_facts
from feeds.reading import Reading
from feeds.standing import with_standing_sides
from feeds.text_blocks import BLOCK_BYTES, BOM, line_blocks
from pipeline.errors import BadRow, InputError
from pipeline.feed import Feed
from pipeline.ingest import RawRows
from pipeline.ticks import COLUMN_TYPES

__all__ = ["csv", "demo"]

AT_ONCE = 1 if (os.cpu_count() or 1) < 3 else 2
"""Blocks that are parsed at a time. Judging takes a core of its own: on two, a second parser is in its way."""
INTEGER_COLUMN = np.dtype("i8")


def csv(path: str | Path, **reading: Any) -> Feed:
    """The ticks of a CSV file, plain or packed (gzip, zstd, a zip with one member), as a feed.

    It looks for a time (timestamp, time, ts, datetime, date), a symbol (symbol, ticker, instrument), and a price (price,
    px, last) or a quote (bid, ask); also for size (qty, quantity, volume, amount), bid_size, ask_size, side (buy, sell)
    and trade_id. `reading` says what is otherwise: any of the fields of `feeds.reading.Reading`. Symbols stay text; a file
    without a column of them has one, that of its name. Times are whole numbers of the unit in which the first row lies
    between 2000 and 2100, or ISO 8601 text with a zone. In a file of trades and quotes a row without a price is a quote.
    A trade_id is kept where that of the first row is an integer. Other columns are read where a strategy asks for
    them, as in `column("funding")`, or `columns` names them.
    Blank lines are passed over. Rows that cannot be read come as `refused`, each with its line, column and reason.

    Raises UsageError for a path that is no file, InputError for a file without ticks, BadRow where none of the first rows
    has a time; `rows` raises InputError for damage, after the rows before that place.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "ticks.csv")
    ...     _ = path.write_text("timestamp,symbol,price,size\\n1381132800464,SPY,167.41,100\\n1381132800465,NA,31.5,20\\n")
    ...     [(rows.names, rows.columns["price"].tolist()) for rows in csv(path).rows()]
    [(('SPY', 'NA'), [167.41, 31.5])]
    """
    how = Reading(**reading)
    return with_standing_sides(RecordedCsv(Path(path), layout_of(Path(path), how)), how)


def demo() -> Feed:
    """The tape that comes with rxtape: some hours of a synthetic market with planted events."""
    with as_file(files("feeds") / "data" / "demo.csv.gz") as path:
        return csv(path)


@dataclass
class Progress:
    """How many bytes of a file have been used."""

    used: int = 0

    def more(self, count: int) -> None:
        self.used += count


@dataclass(frozen=True)
class RecordedCsv:
    """A CSV file as a feed."""

    path: Path
    layout: Layout
    block_bytes: int = BLOCK_BYTES
    progress: Progress = field(default_factory=Progress, compare=False)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self.layout.source

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape that this file fills."""
        return frozenset({"seq", "kind", *self.layout.columns})

    @property
    def further(self) -> frozenset[str]:
        """The columns of the file that are read, as numbers, where somebody asks for them."""
        return frozenset(self.layout.unread)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        unread = self.layout.unread
        return replace(self, layout=replace(self.layout, places=self.layout.places | {name: (unread[name],) for name in sorted(names)}))

    @property
    def paths(self) -> list[Path]:
        """The one file."""
        return [self.path]

    @property
    def done(self) -> float:
        """How much has been read, from 0 to 1."""
        size = self.path.stat().st_size if self.path.exists() else 0
        return min(self.progress.used / size, 1.0) if size else 1.0

    @property
    def read_as(self) -> dict[str, Any]:
        """The settings by which it is read, given or seen: columns, delimiter, unit of times; and the others, read on request."""
        layout, unread = self.layout, self.layout.unread
        columns = {column: "+".join(layout.names[place] for place in places) for column, places in layout.places.items()}
        found: dict[str, Any] = {"columns": columns, "delimiter": {"\t": "tab"}.get(layout.delimiter, layout.delimiter)}
        found |= {"time_unit": layout.times.unit} if layout.times.are_integers else {}
        found |= {"symbol": layout.symbol} if layout.symbol is not None else {}
        return found | ({"others": ", ".join(unread)} if unread else {})

    @property
    def guessed(self) -> tuple[str, ...]:
        """The symbol, if the file's name was all that told it."""
        return (str(self.layout.symbol),) if self.layout.guessed else ()

    def facts(self) -> list[tuple[str, str]]:
        """What a report says of it."""
        layout = self.layout
        return symbol_facts(self.guessed) + time_facts(layout.names[layout.places["time"][0]], layout.other_times)

    def rows(self) -> Iterator[RawRows]:
        """The rows of the file a block at a time; the next blocks are read and parsed on other threads meanwhile."""
        warm_up()
        newest, line = 0, self.layout.header_line + 1
        for block, lines, parsed in self._parsed():
            rows = rows_of(block, parsed, self.layout, line, newest)
            line += lines
            if len(rows):
                newest = max(newest, int(rows.columns["time"].max()))
            if len(rows) or rows.refused:
                yield rows

    def _parsed(self) -> Iterator[tuple[bytes, int, Parsed | None]]:
        """The blocks in order, the number of their lines, and what the quick reader made of each."""
        blocks = self._blocks()
        with ThreadPoolExecutor(1, "rxtape-csv-read") as reader, ThreadPoolExecutor(AT_ONCE, "rxtape-csv-parse") as parsers:
            underway: deque[tuple[bytes, Future[tuple[int, Parsed | None]]]] = deque()
            coming, fault, ended = reader.submit(next, blocks, None), None, False
            while underway or not ended:
                while not ended and len(underway) <= AT_ONCE:
                    try:
                        block = coming.result()
                    except InputError as error:
                        block, fault = None, error
                    if block is None:
                        ended = True
                    else:
                        coming = reader.submit(next, blocks, None)
                        underway.append((block, parsers.submit(fast_columns, block, self.layout)))
                if underway:
                    block, parsed = underway.popleft()
                    yield block, *parsed.result()
            if fault is not None:
                raise fault

    def _blocks(self) -> Iterator[bytes]:
        """The blocks below the header."""
        self.progress.used = 0
        header, first = self.layout.header_line, True
        for text in line_blocks(self.path, self.block_bytes, self.progress.more):
            block = text.removeprefix(BOM) if first else text
            first = False
            if header:
                skip = min(header, block.count(b"\n"))
                block, header = block.split(b"\n", skip)[-1], header - skip
            if block:
                yield block


def rows_of(block: bytes, parsed: Parsed | None, layout: Layout, line: int, newest: int) -> RawRows:
    """The rows of a block that begins at `line`, as the quick reader found them, else read one by one."""
    if parsed is not None and not (newest and int(parsed[0]["time"].max()) - newest > FARTHEST_NS):
        return RawRows(*parsed, layout.source, lambda row: (layout.source, line + row))
    codes: dict[str, int] = {}
    lines: list[int] = []
    refused: list[tuple[int, BadRow]] = []
    cells: dict[str, list[Any]] = {name: [] for name in layout.columns}
    for number, values in Reader(layout, newest).rows(block, line):
        if isinstance(values, BadRow):
            refused.append((len(lines), values))
            continue
        lines.append(number)
        values["symbol"] = codes.setdefault(values["symbol"], len(codes) + 1)
        for name, column in cells.items():
            column.append(values[name])
    columns = {name: np.array(column, column_type(name)) for name, column in cells.items()}
    return RawRows(columns, tuple(codes), layout.source, lambda row: (layout.source, lines[row]), refused)


def column_type(name: str) -> np.dtype[Any]:
    return INTEGER_COLUMN if name == "trade_id" else COLUMN_TYPES.get(name, np.dtype("f8"))
