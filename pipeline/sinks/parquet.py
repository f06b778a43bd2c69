"""A Parquet file, complete or not there: it is written beside its place, and takes it when it is finished."""

import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from glob import escape, glob
from pathlib import Path
from time import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.alerts import Alert
from pipeline.errors import SinkError
from pipeline.sinks.files import AppendedFile, destination_of, named_file, open_file, refusal, sync_folder
from pipeline.sinks.rows import COLUMNS, row_of

__all__ = ["ROWS_A_GROUP", "ParquetSink"]

ROWS_A_GROUP = 10_000
YOUNG = 60
"""Seconds in which a part is left alone: whoever made it may not have locked it yet."""
TYPES = {
    "time": pa.timestamp("ns", "UTC"), "time_ns": pa.int64(), "values": pa.map_(pa.string(), pa.float64()), "degraded": pa.bool_(),
}  # fmt: skip
SCHEMA = pa.schema([pa.field(name, TYPES.get(name, pa.string()), nullable=False) for name in COLUMNS])


class ParquetSink:
    """Alerts as a Parquet file, `rows_a_group` of them a row group and no more in memory; a run replaces the file.

    The file takes its place at `flush`, whole; until then, and where that fails, an older one stays. A write after a flush
    begins another file with what the first one holds, so each flush costs as much as the file is long. Raises UsageError
    where the URL names no file, SinkError where it cannot be opened or its folder takes no new file.
    """

    anew = True

    def __init__(self, path: str | Path, rows_a_group: int = ROWS_A_GROUP) -> None:
        self.destination = destination_of(named_file(path, "parquet"))
        self.rows_a_group = rows_a_group
        if os.path.lexists(self.destination):
            os.close(open_file(path, regular=True))
        try:
            self._growing: Growing | None = Growing(self.destination)
        except OSError as error:
            raise SinkError(refusal(path, error)) from error
        self._published: Growing | None = None
        self._rows: list[dict[str, Any]] = []

    def write(self, alerts: Sequence[Alert]) -> None:
        """Take alerts; what they make full is written by the next call, so that a full disk refuses before it takes."""
        growing = self._begun()
        growing.drain()
        self._rows += [arrow_row(alert) for alert in alerts]
        while len(self._rows) >= self.rows_a_group:
            growing.add(table_of(self._rows[: self.rows_a_group]))
            del self._rows[: self.rows_a_group]
        growing.taken = True

    def _begun(self) -> "Growing":
        """The file to add to; after a flush a new one, with the full row groups of the one before."""
        if self._growing is not None and self._growing.ended:
            self.flush()
        if self._growing is None:
            growing = Growing(self.destination)
            try:
                growing.copy(self._published)
            except BaseException:
                growing.discard()
                raise
            self._let_go()
            self._growing = growing
        return self._growing

    def flush(self) -> None:
        """Finish the file, put it in its place, and return when it is on the disk."""
        growing = self._growing
        if growing is None:
            return
        growing.end(table_of(self._rows))
        growing.publish(self.destination)
        self._growing, self._published = None, growing

    def close(self) -> None:
        """Finish the file, if anything was taken; what cannot be finished is removed."""
        try:
            if self._growing is not None and self._growing.taken:
                self.flush()
        finally:
            if self._growing is not None:
                self._growing.discard()
            self._let_go()

    def _let_go(self) -> None:
        if self._published is not None:
            self._published.close()
            self._published = None


class Growing:
    """A Parquet file on its way, beside its place: encoded in memory, so that a full disk breaks no encoder, then written.

    The encoder sees a file: `write`, `tell`, `flush`, `closed`.
    """

    closed = False

    def __init__(self, place: str) -> None:
        beside = f"{os.path.dirname(place)}/.{os.path.basename(place)}."
        remove_abandoned(glob(f"{escape(beside)}{'[0-9a-f]' * 8}.part"))
        self.path = f"{beside}{secrets.token_hex(4)}.part"
        self._reader = os.open(self.path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o666)
        locked(self._reader)
        self._file = AppendedFile(self.path)
        self._encoded: list[bytes] = []
        self._length = self.full_groups = 0
        self.taken = self.ended = False
        self._encoder = pq.ParquetWriter(self, SCHEMA)

    def write(self, data: Any) -> int:
        """Take bytes of the encoder."""
        self._encoded.append(bytes(data))
        self._length += len(data)
        return len(data)

    def tell(self) -> int:
        """How many bytes the encoder has given."""
        return self._length

    def flush(self) -> None:
        """Nothing to do: `drain` writes."""

    def add(self, table: pa.Table) -> None:
        """Encode a full row group."""
        self._encoder.write_table(table, len(table))
        self.full_groups += 1

    def copy(self, other: "Growing | None") -> None:
        """Begin with the full row groups of another file."""
        if other is not None and other.full_groups:
            with os.fdopen(os.dup(other._reader), "rb") as file, pq.ParquetFile(file) as source:
                for group in range(other.full_groups):
                    self.add(source.read_row_group(group))
                    self.drain()

    def drain(self) -> None:
        """Write what is encoded; what OSError leaves is written by the next call."""
        if self._encoded:
            text = b"".join(self._encoded)
            self._file.append(text)
            self._encoded.clear()

    def end(self, rest: pa.Table) -> None:
        """Add the last rows and the footer, and return when they are on the disk."""
        if not self.ended:
            self.drain()
            if len(rest):
                self._encoder.write_table(rest, len(rest))
            self._encoder.close()
            self.ended = True
        self.drain()
        self._file.sync()

    def publish(self, place: str) -> None:
        """Take the place, with the permissions of the file that had it."""
        with suppress(FileNotFoundError):
            os.chmod(self.path, stat.S_IMODE(os.stat(place).st_mode))
        os.replace(self.path, place)
        sync_folder(place)

    def discard(self) -> None:
        """Remove it."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self.close()

    def close(self) -> None:
        """Close it."""
        self._file.close()
        os.close(self._reader)


def locked(file: int) -> bool:
    """Lock an open file until it is closed or the process ends, however it does; whether that could be done."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def remove_abandoned(paths: Sequence[str]) -> None:
    """Remove what runs have left that were killed."""
    for path in paths:
        with suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            try:
                if os.fstat(file).st_mtime < time() - YOUNG and locked(file):
                    os.unlink(path)
            finally:
                os.close(file)


def arrow_row(alert: Alert) -> dict[str, Any]:
    row = row_of(alert)
    return row | {"time": alert.time, "values": [(name, float(value)) for name, value in row["values"].items()]}


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], SCHEMA.field(name).type) for name in COLUMNS}, schema=SCHEMA)
