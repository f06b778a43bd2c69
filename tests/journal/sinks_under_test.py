"""Sinks that follow a journal, for tests: one in memory that may fail, and those that keep files."""

import json
from pathlib import Path

from pipeline.alerts import Alert
from pipeline.journal.cursors import Cursors
from pipeline.journal.follower import Follower
from pipeline.journal.payloads import alerts_record
from pipeline.sinks.csv import CsvSink
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.parquet import ParquetSink
from pipeline.sinks.sqlite import SqliteSink


def alert(number: int) -> Alert:
    return Alert(symbol="A", time=number, id=f"id{number:04}", message="x" * (number % 50))


class Kept:
    """A sink in memory that tells apart what was flushed, and may fail: `faults` are errors by the number of the call to write."""

    def __init__(self, faults=None) -> None:
        self.written, self.faults, self.calls, self.closed = [], dict(faults or {}), 0, 0

    def write(self, alerts):
        self.calls += 1
        if (error := self.faults.get(self.calls)) is not None:
            raise error
        self.written += [each.id for each in alerts]

    def flush(self):
        """All is well."""

    def close(self):
        self.closed += 1


def follow(journal, sink, name="kept", until=0.0, **options):
    """Deliver all there is on this thread; the follower and what it said."""
    faults, pauses = [], []
    options.setdefault("pause", pauses.append)
    follower = Follower(name, sink, journal, Cursors(journal.folder, journal.files), lambda *fault: faults.append(fault), **options)
    follower.cursors.save(follower.cursor)
    follower.end(follower._clock() + until)
    follower.run()
    return follower, faults, pauses


def told(journal, count, first=1):
    """Append frames of one to three alerts each, up to a number."""
    number = first
    while number <= count:
        together = [alert(each) for each in range(number, min(number + number % 3 + 1, count + 1))]
        journal.append(alerts_record(together), urgent=True)
        number += len(together)


OPENED = {"jsonl": JsonlSink, "csv": CsvSink, "sqlite": SqliteSink, "parquet": ParquetSink}


def ids_in(kind: str, path: Path) -> list[str]:
    if kind == "jsonl":
        return [json.loads(line)["id"] for line in path.read_text().splitlines()]
    if kind == "csv":
        return [line.rsplit(",", 1)[1].strip('"') for line in path.read_text().splitlines()[1:]]
    if kind == "sqlite":
        import sqlite3

        return [row[0] for row in sqlite3.connect(path).execute("SELECT id FROM alerts ORDER BY rowid")]
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path)["id"].to_pylist()
