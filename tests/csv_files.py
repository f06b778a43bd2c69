"""CSV files for the tests of the CSV feed."""

from pathlib import Path

from feeds.recorded import csv
from pipeline.errors import RxtapeError

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
    """Every row as a dict, symbols by name, with its line; and the error that ended the feed."""
    found, fault = [], None
    try:
        for raw in feed.rows():
            names = ("", *raw.names)
            for row in range(len(raw)):
                values = {name: column[row].item() for name, column in raw.columns.items()}
                found.append(values | {"symbol": names[values["symbol"]], "line": raw.place(row)[1]})
    except RxtapeError as error:
        fault = error
    return found, fault


def refusal(path: Path, **options) -> RxtapeError:
    """The error of a feed, whether it comes at the header or at a row."""
    try:
        fault = rows_of(csv(path, **options))[1]
    except RxtapeError as error:
        return error
    assert fault is not None
    return fault
