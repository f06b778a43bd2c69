"""Parquet and Arrow files as feeds, a piece at a time, one piece ahead on a thread."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from feeds.blocks import one_ahead
from feeds.packed import STAND
from feeds.reading import PLAIN, Reading
from feeds.standing import with_standing_sides
from feeds.table_rows import Table
from feeds.table_shape import Shape, Shaped, shape_of
from pipeline.errors import InputError, UsageError
from pipeline.feed import Feed
from pipeline.ingest import RawRows

__all__ = ["arrow", "parquet"]

T = TypeVar("T")
ROWS = 1 << 16
BUFFER = 1 << 20
PARQUET, ENCRYPTED, IPC, FEATHER_1 = b"PAR1", b"PARE", b"ARROW1", b"FEA1"
STREAM, END_OF_STREAM = b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\0\0\0\0"
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, NotImplementedError, MemoryError)
"""What pyarrow raises where the bytes of a file are wrong."""


def parquet(path: str | Path, reading: Reading = PLAIN) -> Feed:
    """The ticks of a Parquet file as a feed: only the columns that are needed, 65,536 rows at a time, whatever its size.

    Columns are found by `Reading.places`. Times are timestamps of any unit (without a zone they are UTC unless `tz` says
    otherwise), dates, whole numbers since 1970 (their unit inferred from the first, checked on every row) or text. Prices
    and sizes are floats, whole numbers, decimals or text, each the nearest float64. Symbols are text. A null is a bad row
    where a trade has its time, symbol, price or size; elsewhere it is nan. In a file of trades and quotes a row without a
    price is a quote. Further columns of numbers are kept as float64 (whole numbers beyond 2**53 are rounded), those of
    text are not read. Rows are counted from 1. Checksums of pages are verified where the file has them
    (`write_page_checksum=True` in pyarrow).

    Raises UsageError for a path that is no file, InputError for a file that holds no ticks or is damaged, BadRow for a
    first time that is none; `rows` raises InputError after the rows before the damage.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "ticks.parquet")
    ...     pq.write_table(pa.table({"ts": [1381132800464], "ticker": ["SPY"], "px": [167.41], "funding": [0.1]}), path)
    ...     [(rows.names, rows.columns["time"].tolist(), rows.columns["funding"].tolist()) for rows in parquet(path).rows()]
    [(('SPY',), [1381132800464000000], [0.1])]
    """
    found = Path(path)
    head, tail = ends_of(found)
    if ENCRYPTED in (head[:4], tail):
        raise InputError(f"{found}: the Parquet file is encrypted; write it without encryption")
    if head[:4] != PARQUET:
        raise InputError(f"{found} is no Parquet file: it begins with {head[:4]!r}; expected {PARQUET!r}")
    if tail != PARQUET:
        raise InputError(f"{found}: the Parquet file is truncated: it ends with {tail!r}; expected {PARQUET!r} after its table of contents")
    return opened(found, reading, lambda file: pq.ParquetFile(file).schema_arrow, parquet_pieces)


def arrow(path: str | Path, reading: Reading = PLAIN) -> Feed:
    """The ticks of an Arrow IPC file, an Arrow stream or a Feather file (version 2) as a feed, a record batch at a time.

    What is read is as in `parquet`. A record batch is held whole. The format has no checksums: a byte that changed inside
    a value goes unseen.

    Raises as `parquet` does.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import Ticks
    >>> ticks = Ticks.of(time=[1381132800464000000], symbol=["SPY"], price=[167.41]).to_arrow()
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "ticks.arrow")
    ...     with pa.ipc.new_file(path, ticks.schema) as file:
    ...         file.write_table(ticks)
    ...     [(rows.names, rows.columns["price"].tolist()) for rows in arrow(path).rows()]
    [(('SPY',), [167.41])]
    """
    found = Path(path)
    head, tail = ends_of(found)
    if head.startswith(FEATHER_1):
        raise InputError(f"{found} is a Feather file of version 1; write it again as version 2, with pyarrow.feather.write_feather")
    if head.startswith(STREAM):
        return opened(found, reading, lambda file: pa.ipc.open_stream(file).schema, stream_pieces)
    if not head.startswith(IPC):
        raise InputError(f"{found} is no Arrow file: it begins with {head!r}; expected {IPC!r} (a file) or {STREAM!r} (a stream)")
    if tail != IPC[2:]:
        raise InputError(f"{found}: the Arrow file is truncated: it ends with {tail!r}; expected {IPC[2:]!r} after its table of contents")
    return opened(found, reading, lambda file: pa.ipc.open_file(file).schema, file_pieces)


Pieces = Callable[[Any, list[str]], Iterator[tuple[float, Any]]]
"""The record batches of an open file, with those columns, each with how much of the file has been read, from 0 to 1."""


@dataclass
class ArrowFeed(Shaped):
    """A file of record batches as a feed; `done` is how much of it has been read, from 0 to 1."""

    path: Path
    shape: Shape
    pieces: Pieces
    done: float = field(default=0.0, init=False)

    def rows(self) -> Iterator[RawRows]:
        """The rows of the file a piece at a time; the next piece is read on another thread meanwhile."""
        return one_ahead(self._rows())

    def _rows(self) -> Iterator[RawRows]:
        table = Table(self.shape)
        for share, batch in batches(self.path, self.pieces, self.shape.wanted):
            for start in range(0, batch.num_rows, ROWS):
                piece = batch.slice(start, ROWS)
                yield table.rows({name: piece.column(name) for name in self.shape.wanted}, piece.num_rows)
            self.done = share
        if not table.row:
            raise InputError(f"{self.name}: the file has no rows")


def opened(path: Path, reading: Reading, schema_of: Callable[[Any], Any], pieces: Pieces) -> Feed:
    """The feed of a file, after a look at its schema and first times."""
    with source_of(path) as file:
        types = undamaged(path, lambda: [(each.name, each.type) for each in schema_of(file)])

    def first(name: str) -> tuple[int, object]:
        row = 0
        for _, batch in batches(path, pieces, [name]):
            place, value = first_known(batch.column(name))
            if place >= 0:
                return row + place + 1, value
            row += batch.num_rows
        return 0, None

    return with_standing_sides(ArrowFeed(path, shape_of(str(path), types, first, reading, path), pieces), reading)


def first_known(column: Any) -> tuple[int, object]:
    """The place of the first value that is not null, or -1, and the value."""
    place = column.is_valid().index(True).as_py()
    return place, column[place].as_py() if place >= 0 else None


def batches(path: Path, pieces: Pieces, names: list[str]) -> Iterator[tuple[float, Any]]:
    """The record batches of a file, checked as far as they can be; InputError where it is damaged, after those before it."""
    with source_of(path) as file:
        found = undamaged(path, partial(pieces, file, names))
        while (piece := undamaged(path, partial(next, found, None))) is not None:
            undamaged(path, partial(piece[1].validate, full=True))
            yield piece


def parquet_pieces(file: Any, names: list[str]) -> Iterator[tuple[float, Any]]:
    reader = pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True)
    rows = 0
    for batch in reader.iter_batches(ROWS, columns=names, use_threads=False):
        rows += batch.num_rows
        yield rows / reader.metadata.num_rows, batch


def file_pieces(file: Any, names: list[str]) -> Iterator[tuple[float, Any]]:
    wanted = included(pa.ipc.open_file(file).schema, names)
    file.seek(0)
    reader = pa.ipc.open_file(file, options=wanted)
    for place in range(reader.num_record_batches):
        yield (place + 1) / reader.num_record_batches, reader.get_batch(place)


def stream_pieces(file: Any, names: list[str]) -> Iterator[tuple[float, Any]]:
    """The batches of a stream, which tells by a mark at its end that it is whole."""
    size, wanted = file.size(), included(pa.ipc.open_stream(file).schema, names)
    file.seek(size - len(END_OF_STREAM))
    whole = file.read() == END_OF_STREAM
    file.seek(0)
    for batch in pa.ipc.open_stream(file, options=wanted):
        yield file.tell() / size, batch
    if not whole:
        raise ValueError("the stream ends without its end mark, so it is truncated")


def included(schema: Any, names: list[str]) -> Any:
    return pa.ipc.IpcReadOptions(included_fields=[place for place, name in enumerate(schema.names) if name in names])


def undamaged(path: Path, read: Callable[[], T]) -> T:
    """What `read` gives; InputError where the file does not hold it."""
    try:
        return read()
    except DAMAGE as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: the file is damaged or cannot be read: {what}; {STAND}") from error


def ends_of(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file."""
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(-min(4, len(head)), 2)
            tail = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not head:
        raise InputError(f"{path}: the file is empty")
    return head, tail


def source_of(path: Path) -> Any:
    """The open file; not mapped into memory, where a file that shrinks would end the process."""
    try:
        return pa.OSFile(str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
