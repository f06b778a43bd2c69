"""Columns as the message of an Arrow record batch, bit for bit, and back.

message  what it is: rows, types, where each column lies | column, filled up to 8 | column, filled up to 8 | ...
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import JournalError

__all__ = ["columns_of", "message_of"]

ALIGNED = 8
REMEMBERED = 256
"""Beginnings of messages: a replay has batches of two sizes, a live run of many, all small."""
MOST = 1 << 16
"""Rows; more of them are worth the time."""
Types = tuple[tuple[str, str], ...]
Bytes = bytes | memoryview


def message_of(columns: Mapping[str, NDArray[Any]], rows: int, compression: str | None = None) -> Sequence[Bytes]:
    """The parts of a message; JournalError for objects that are no text, and for a column of another length.

    What stands before columns that have one width each depends on their types and the number of rows alone: it is remembered,
    and the columns follow as they lie in memory.

    >>> price = np.array([167.4, 182.0])
    >>> columns_of(b"".join(message_of({"price": price}, 2)), [("price", "<f8")], 2)
    {'price': array([167.4, 182. ])}
    """
    for name, column in columns.items():
        if column.shape != (rows,):
            raise JournalError(f"column {name} has the shape {column.shape}; expected one value for each of {rows:,} rows")
    if 0 < rows <= MOST and compression is None and all(column.itemsize and column.dtype != object for column in columns.values()):
        return [beginning(rows, tuple((name, column.dtype.str) for name, column in columns.items())), *as_they_lie(columns.values())]
    return [memoryview(serialized(columns, compression))]


def as_they_lie(columns: Iterable[NDArray[Any]]) -> Iterator[Bytes]:
    for column in columns:
        yield in_memory(column)
        yield bytes(-column.nbytes % ALIGNED)


def in_memory(column: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(column).view(np.uint8).data


@lru_cache(REMEMBERED)
def beginning(rows: int, types: Types) -> bytes:
    """What a message says before its columns."""
    columns = {name: np.zeros(rows, dtype) for name, dtype in types}
    message = serialized(columns, None)
    return bytes(message[: message.size - sum(len(part) for part in as_they_lie(columns.values()))])


def serialized(columns: Mapping[str, NDArray[Any]], compression: str | None) -> Any:
    """The message as Arrow writes it."""
    import pyarrow as pa

    batch = pa.RecordBatch.from_arrays([as_arrow(name, column) for name, column in columns.items()], list(columns))
    if compression is None:
        return batch.serialize()
    sink = pa.BufferOutputStream()  # `serialize` has no option for that, a stream has
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as stream:
        stream.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()  # the schema, which the reader knows
    return messages.read_next_message().serialize()


def as_arrow(name: str, column: NDArray[Any]) -> Any:
    """A column as it lies in memory; text objects as text, whatever else numpy knows as bytes of its width."""
    import pyarrow as pa

    if column.dtype == object:
        try:
            return pa.array(column.tolist(), pa.large_string())
        except (pa.ArrowException, TypeError) as error:
            raise JournalError(f"column {name} holds objects that are no text: {error}; a journal keeps numbers and text") from error
    raw = pa.py_buffer(in_memory(column) if len(column) else b"")
    return pa.Array.from_buffers(arrow_type(column.dtype.str), len(column), [None, raw])


def arrow_type(dtype: str) -> Any:
    import pyarrow as pa

    known = np.dtype(dtype)
    if known.kind == "O":
        return pa.large_string()
    return pa.from_numpy_dtype(known) if known.kind in "iuf" and known.isnative and known.itemsize <= 8 else pa.binary(known.itemsize)


def columns_of(message: Bytes, types: Sequence[tuple[str, str]], rows: int) -> dict[str, NDArray[Any]]:
    """The columns of a message, read-only views of it where they can be; ValueError and Arrow's own errors where it is none of these."""
    import pyarrow as pa

    schema = pa.schema([(name, arrow_type(dtype)) for name, dtype in types])
    batch = pa.ipc.read_record_batch(pa.ipc.read_message(pa.py_buffer(message)), schema)
    if batch.num_rows != rows:
        raise ValueError(f"it has {batch.num_rows:,} rows and says {rows:,}")
    return {name: from_arrow(batch.column(place), dtype) for place, (name, dtype) in enumerate(types)}


def from_arrow(array: Any, dtype: str) -> NDArray[Any]:
    known = np.dtype(dtype)
    if known.kind == "O":
        array.validate(full=True)
        column: NDArray[Any] = np.empty(len(array), object)
        column[:] = array.to_pylist()
    else:
        column = np.frombuffer(array.buffers()[1] or b"", known, len(array), array.offset * known.itemsize)
    column.setflags(write=False)
    return column
