"""The rows of a feed that a journal has already, where the feed begins anew with each run, as a file does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.ticks import Ticks

__all__ = ["KnownRows"]

ADVICE = "the file, or how it is read, has changed; give it a journal of its own"


@dataclass(frozen=True)
class KnownRows:
    """How many rows of `feed` the journal in `folder` has, and the last of them.

    >>> rows = Ticks.of(time=[1, 2, 3], symbol=["SPY"] * 3, price=[10.0, 11.0, 12.0])
    >>> [batch.price.tolist() for batch in KnownRows("a.csv", "j", 2, rows[1:2]).unseen(iter([rows]))]
    [[12.0]]
    """

    feed: str
    folder: str | Path
    count: int = 0
    last: Ticks | None = None

    def unseen(self, batches: Iterator[Ticks]) -> Iterator[Ticks]:
        """The others; InputError where the last one that the journal has is another than the feed's."""
        for batch in batches:
            known = self.count - int(batch.seq[0])
            if 0 < known <= len(batch) and self.last is not None:
                self._refuse_changed(batch[known - 1 : known], self.last)
            if known < len(batch):
                yield batch[known:] if known > 0 else batch

    def _refuse_changed(self, row: Ticks, last: Ticks) -> None:
        for name in ("time", "symbol", *sorted(row.columns.keys() & last.columns.keys() - {"seq", "time", "symbol"})):
            mine, theirs = row.columns[name], last.columns[name]
            if mine.tobytes() != theirs.tobytes():
                shown = [ticks.symbols.name(int(ticks.symbol[0])) if name == "symbol" else ticks.columns[name][0] for ticks in (row, last)]
                found = f"row {self.count - 1:,} of {self.feed} has {name} {shown[0]}, and the journal {self.folder} has {shown[1]}"
                raise InputError(f"{found}: {ADVICE}")

    def check_all_there(self, rows: int) -> None:
        """At the end of the feed: InputError where it has fewer rows than the journal."""
        if rows < self.count:
            raise InputError(f"{self.feed} has {rows:,} rows, and the journal {self.folder} has {self.count:,} of it: {ADVICE}")
