"""A tape written to files as it is judged: Arrow streams in a folder, one after the other."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.alerts import format_time
from pipeline.errors import SinkError, UsageError
from pipeline.ticks import Ticks

__all__ = ["TapeWriter"]

ROWS = 8192
ROWS_A_FILE = 5_000_000


class TapeWriter:
    """Writes batches to `FOLDER/tape-TIME-N.arrow`; rows are on their way to the disk after `flush`, or when 8,192 are there.

    Every file is an Arrow stream, which can be read up to its last whole batch after a crash. A folder that holds a tape
    already is refused: two tapes are not one.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.checks import tape_of
    >>> with TemporaryDirectory() as folder:
    ...     writer = TapeWriter(Path(folder, "today"))
    ...     writer.write(tape_of(price=[10.0, 11.0]))
    ...     writer.close()
    ...     [path.name for path in Path(folder, "today").iterdir()]
    ['tape-20240102T000000Z-0001.arrow']
    """

    def __init__(self, folder: str | Path, rows_a_file: int = ROWS_A_FILE) -> None:
        self.folder = Path(folder)
        self._rows_a_file, self._waiting, self._rows, self._in_file, self._files = rows_a_file, list[Ticks](), 0, 0, 0
        self._columns: dict[str, np.dtype[Any]] = {}
        self._sink: Any = None
        self._stream: Any = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            known = sorted(self.folder.glob("tape-*.arrow"))
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be made: {error.strerror or error}") from error
        if known:
            raise UsageError(f"{self.folder} holds a tape already ({known[0].name}); name another folder, a tape is one recording")

    def write(self, ticks: Ticks) -> None:
        """Add a batch; one of other columns than those before begins a file of its own."""
        if (columns := {name: column.dtype for name, column in ticks.columns.items()}) != self._columns:
            self.flush()
            self._finish()
            self._columns = columns
        self._waiting.append(ticks)
        self._rows += len(ticks)
        if self._rows >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand what waits to the operating system. Raises SinkError where it cannot be written."""
        if not self._rows:
            return
        table = Ticks.concat(self._waiting).to_arrow()
        try:
            stream = self._stream or self._opened(table)
            stream.write_table(table.cast(self._schema))
            self._sink.flush()
        except OSError as error:
            raise SinkError(f"the tape in {self.folder} cannot be written: {error.strerror or error}") from error
        self._waiting, self._rows = [], 0
        self._in_file += table.num_rows
        if self._in_file >= self._rows_a_file:
            self._finish()

    def close(self) -> None:
        """Write what waits, and the mark that the file is whole."""
        self.flush()
        self._finish()

    def _opened(self, table: Any) -> Any:
        import pyarrow as pa

        self._files += 1
        began = format_time(int(np.asarray(table["time"].cast(pa.int64()))[0]) // 10**9 * 10**9).translate(str.maketrans("", "", "-:"))
        path = self.folder / f"tape-{began}-{self._files:04}.arrow"
        self._schema = pa.schema([(each.name, pa.string() if each.name == "symbol" else each.type) for each in table.schema])
        self._sink = path.open("xb")
        self._stream = pa.ipc.new_stream(self._sink, self._schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))
        return self._stream

    def _finish(self) -> None:
        if self._stream is not None:
            try:
                self._stream.close()
                self._sink.close()
            except OSError as error:
                raise SinkError(f"the tape in {self.folder} cannot be written: {error.strerror or error}") from error
            self._stream = self._sink = None
            self._in_file = 0
