"""CSV files for the tests of the CSV feed."""

from pathlib import Path

from feeds.recorded import csv
from pipeline.errors import BadRow, RxtapeError

HEADER = "timestamp,symbol,price,size"
START_S = 1_381_219_200
START_NS = START_S * 10**9


def lines(count: int, first: int = 0) -> list[str]:
    return [f"{START_NS + i},SPY,{100 + i / 100},{i + 1}" for i in range(first, first + count)]


def written(folder: Path, *rows: str, header: str = HEADER, name: str = "ticks.csv") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in (header, *rows)))
    return path


def rows_of(feed) -> tuple[list[dict], RxtapeError | None]:
    """Every row as a dict, symbols by name, with its line, up to the first refused one; and the error that ended the feed."""
    found, fault = [], None
    try:
        for raw in feed.rows():
            rows = dicts_of(raw)
            if raw.refused:
                before, bad = raw.refused[0]
                return found + rows[:before], bad
            found += rows
    except RxtapeError as error:
        fault = error
    return found, fault


def all_rows_of(feed) -> tuple[list[dict], list[BadRow]]:
    """Every row that is one, and the refused ones."""
    found, refused = [], []
    for raw in feed.rows():
        found += dicts_of(raw)
        refused += [bad for _, bad in raw.refused]
    return found, refused


def dicts_of(raw) -> list[dict]:
    names, columns = ("", *raw.names), {name: column.tolist() for name, column in raw.columns.items()}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [row | {"symbol": names[row["symbol"]], "line": raw.place(place)[1]} for place, row in enumerate(rows)]


def refusal(path: Path, **options) -> RxtapeError:
    """The error of a feed, whether it comes at the header or at a row."""
    try:
        fault = rows_of(csv(path, **options))[1]
    except RxtapeError as error:
        return error
    assert fault is not None
    return fault
