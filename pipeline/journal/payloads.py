"""What frames hold, as bytes and back: rows of the tape, alerts, and what a run was told to do.

Each kind has a version. What an older release wrote is brought up to date version by version, by functions of bytes
alone (`upcasters`); what a newer one wrote is refused where the frame is read.

ticks    length of the head 4 | 0 4 | head (msgpack), filled up to 8 | columns (an Arrow record batch)
alerts   a list of them (msgpack)
config   one of `Configuration` (msgpack; configuration.py)
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import Alert
from pipeline.errors import JournalError
from pipeline.journal.arrow import columns_of, message_of
from pipeline.journal.frames import VERSIONS, Content, Frame, Record
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = [
    "CODECS",
    "Codec",
    "TicksHead",
    "alerts_of",
    "alerts_record",
    "ticks_head",
    "ticks_of",
    "ticks_record",
    "ticks_record_later",
]

Payload = bytes | memoryview
NAMED_ROWS, FEW_ROWS = 16, 32
LENGTHS = struct.Struct("<II")
UNREADABLE = (
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    struct.error,
)
"""What the readers of bytes raise; pyarrow's own errors are of these kinds too."""


@dataclass(frozen=True)
class Codec:
    """The newest version of a kind of content, and for each older one what makes the next of it."""

    version: int
    upcasters: Mapping[int, Callable[[Payload], Payload]] = field(default_factory=dict)

    def current(self, payload: Payload, version: int) -> Payload:
        """The payload as the newest version has it.

        >>> Codec(3, {1: lambda old: old + b"!", 2: lambda old: old + b"?"}).current(b"seen", 1)
        b'seen!?'
        """
        while version < self.version:
            payload, version = self.upcasters[version](payload), version + 1
        return payload


CODECS = {content: Codec(version) for content, version in VERSIONS.items()}


@contextmanager
def current(frame: Frame, content: Content) -> Iterator[Payload]:
    """The payload as the newest version has it; what cannot be made of it becomes a JournalError that says of which frame."""
    what = content.name.lower()
    if frame.content is not content:
        raise JournalError(f"frame {frame.seq:,} holds {frame.content.name.lower()}, not {what}")
    try:
        yield CODECS[content].current(frame.payload, frame.version)
    except UNREADABLE as error:
        raise JournalError(f"frame {frame.seq:,} is whole, but cannot be read as {what}: {error}; was it written by rxtape?") from error


class TicksHead(msgspec.Struct, frozen=True):
    """What there is to know of the rows of a frame without reading them.

    `first` is the number of the first row, `since` and `until` are the times of the first and the last (int64 ns UTC),
    `names` the symbols by the codes that `symbol` has in this frame, `columns` names and numpy types; of a column without
    a type nothing is written, it counts from `first`.
    """

    rows: int
    first: int
    since: int
    until: int
    names: list[str]
    columns: list[tuple[str, str]]


HEADS = msgspec.msgpack.Decoder(TicksHead)


def ticks_record(ticks: Ticks, *, compression: str | None = None, known: int | None = None) -> Record:
    """Rows of the tape as a record: every column bit for bit, symbols by name; `compression` is None, "zstd" or "lz4".

    `known` is how many symbols there were when the rows came (default: all that there are).

    >>> ticks = Ticks.of(time=[1, 2], symbol=["SPY", "IBM"], price=[167.4, 182.0])
    >>> head = ticks_head(ticks_record(ticks).payload)
    >>> head.rows, head.first, head.until, head.names
    (2, 0, 2, ['', 'SPY', 'IBM'])
    """
    rows = len(ticks)
    codes, local = codes_in(ticks.symbol, len(ticks.symbols) if known is None else known)
    columns: dict[str, NDArray[Any]] = ticks.columns | {"symbol": local}
    counted = {"seq"} if counts_up(ticks.seq) else set()
    head = TicksHead(
        rows, *((int(ticks.seq[0]), int(ticks.time[0]), int(ticks.time[-1])) if rows else (0, 0, 0)),
        ticks.symbols.names(codes), [(name, "" if name in counted else column.dtype.str) for name, column in columns.items()],
    )  # fmt: skip
    written = {name: column for name, column in columns.items() if name not in counted}
    text = msgspec.msgpack.encode(head)
    parts = [LENGTHS.pack(len(text), 0), text, bytes(-len(text) % 8), *message_of(written, rows, compression)]
    return Record(Content.TICKS, b"".join(parts), VERSIONS[Content.TICKS])


def ticks_record_later(ticks: Ticks) -> Callable[[], Record]:
    """`ticks_record`, made when it is called if no strategy can write to the columns meanwhile; else it is made now."""
    make = partial(ticks_record, ticks, known=len(ticks.symbols))
    if all(map(lies_still, ticks.columns.values())):
        return make
    made = make()
    return lambda: made


def lies_still(memory: Any) -> bool:
    """Whether a column is part of `bytes`, which nobody changes; what else is read-only somebody may write to by another way."""
    while isinstance(memory, np.ndarray):
        memory = memory.base
    return isinstance(memory, bytes)


def counts_up(seq: NDArray[np.int64]) -> bool:
    """Whether each is the one before it and one."""
    rows = len(seq)
    return rows == 1 or (rows > 1 and int(seq[-1] - seq[0]) == rows - 1 and bool((seq[1:] - seq[:-1] == 1).all()))


def codes_in(codes: NDArray[np.int32], symbols: int) -> tuple[list[int], NDArray[np.int32]]:
    """The codes that occur, 0 first and in order, and for each row the place of its code among them.

    Of few symbols and many rows all are named: their names cost less than to find out which occur.
    """
    if symbols * NAMED_ROWS <= len(codes):
        return list(range(symbols + 1)), codes
    if len(codes) <= FEW_ROWS:
        each = codes.tolist()
        place_of = {code: place for place, code in enumerate(sorted({0, *each}))}
        return list(place_of), np.array([place_of[code] for code in each], np.int32)
    if len(codes) * 4 < symbols:
        found = np.unique(codes)
    else:
        seen = np.zeros(symbols + 1, np.bool_)
        seen[codes] = True
        found = np.flatnonzero(seen).astype(np.int32)
    found = found if len(found) and not found[0] else np.concatenate(([np.int32(0)], found))
    if len(found) * 4 < symbols:
        return found.tolist(), np.searchsorted(found, codes).astype(np.int32)
    places = np.zeros(symbols + 1, np.int32)
    places[found] = np.arange(len(found), dtype=np.int32)
    return found.tolist(), places[codes]


def counting(head: TicksHead) -> NDArray[np.int64]:
    column = np.arange(head.first, head.first + head.rows)
    column.setflags(write=False)
    return column


def ticks_head(payload: Payload) -> TicksHead:
    """What a payload of ticks says of itself."""
    length, _ = LENGTHS.unpack_from(payload)
    return HEADS.decode(memoryview(payload)[LENGTHS.size : LENGTHS.size + length])


def ticks_of(frame: Frame, symbols: SymbolTable) -> Ticks:
    """The rows of a frame, with codes of `symbols`; columns are read-only views of the frame's bytes where they can be."""
    with current(frame, Content.TICKS) as payload:
        return rows_of(payload, symbols)


def rows_of(payload: Payload, symbols: SymbolTable) -> Ticks:
    head, (length, _) = ticks_head(payload), LENGTHS.unpack_from(payload)
    written = [(name, dtype) for name, dtype in head.columns if dtype]
    found = columns_of(memoryview(payload)[LENGTHS.size + length + -length % 8 :], written, head.rows)
    columns = {name: found[name] if dtype else counting(head) for name, dtype in head.columns}

    codes = np.concatenate((np.zeros(1, np.int32), symbols.codes(head.names[1:])))
    if not np.array_equal(codes, np.arange(len(codes))):
        columns["symbol"] = codes[columns["symbol"]]
        columns["symbol"].setflags(write=False)
    return Ticks(columns, symbols)


ALERTS = msgspec.msgpack.Decoder(list[Alert])


def alerts_record(alerts: Sequence[Alert]) -> Record:
    """Alerts as a record."""
    return Record(Content.ALERTS, msgspec.msgpack.encode(list(alerts)), VERSIONS[Content.ALERTS])


def alerts_of(frame: Frame) -> list[Alert]:
    """The alerts of a frame."""
    with current(frame, Content.ALERTS) as payload:
        return ALERTS.decode(payload)
