"""What the sinks left in their files, read with the readers that users have, as tuples in the order of the columns."""

import csv
import json
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.alerts import Alert
from pipeline.sinks.csv import original
from pipeline.sinks.rows import COLUMNS

Row = tuple[Any, ...]
NUMBERS = {"time_ns"}


def finite(values: dict[str, float]) -> dict[str, float | None]:
    """The values as JSON keeps them."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def expected(alert: Alert) -> Row:
    """The row of an alert in every file."""
    return tuple((alert.as_dict() | {"values": finite(alert.values)}).values())


def read_jsonl(path: Path) -> list[Row]:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(tuple(row) == COLUMNS for row in found)
    return [tuple(row.values()) for row in found]


def read_csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert tuple(header) == COLUMNS
    cells = {"values": json.loads, "time_ns": int, "degraded": lambda cell: {"0": False, "1": True}[cell]}
    return [tuple(cells.get(name, original)(cell) for name, cell in zip(COLUMNS, line, strict=True)) for line in lines]


def read_parquet(path: Path) -> list[Row]:
    table = pq.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert table["time"].cast("int64").to_pylist() == table["time_ns"].to_pylist()
    rows = table.drop_columns(["time"]).to_pylist(maps_as_pydicts="strict")
    clocks = [Alert("", row["time_ns"]).clock for row in rows]
    return [(clock, *(row | {"values": finite(row["values"])}).values()) for clock, row in zip(clocks, rows, strict=True)]


def read_sqlite(path: Path) -> list[Row]:
    db = sqlite3.connect(path)
    try:
        found = db.execute("SELECT * FROM alerts ORDER BY rowid")
        assert tuple(column[0] for column in found.description) == COLUMNS
        place = COLUMNS.index("values")
        return [(*row[:place], json.loads(row[place]), *row[place + 1 :]) for row in found]
    finally:
        db.close()


READERS: dict[str, Callable[[Path], list[Row]]] = {
    "jsonl": read_jsonl, "csv": read_csv, "parquet": read_parquet, "sqlite": read_sqlite,
}  # fmt: skip
"""How to read what `scheme:path` has written."""
