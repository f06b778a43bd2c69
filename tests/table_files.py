"""The same rows written in every format that is read, and what a tape of them holds."""

import csv as text
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from feeds.arrow_files import arrow, parquet
from feeds.frames import from_frame
from feeds.json_lines import json_lines
from feeds.reading import Reading
from feeds.recorded import csv
from pipeline.errors import RxtapeError
from pipeline.feed import Feed
from pipeline.ticks import Kind

Row = dict[str, object]
NAMES = ("time", "symbol", "price", "size", "bid", "ask", "bid_size", "ask_size", "side", "funding")
SIDES = {1: "buy", -1: "sell", 0: ""}
START = 1_381_219_200_000_000_000


def row(place: int = 0, symbol: str = "SPY", price: float | None = 100.0, size: float | None = 5.0, **others: object) -> Row:
    return dict.fromkeys(NAMES) | {"time": START + place, "symbol": symbol, "price": price, "size": size, "side": 1} | others


def cells(rows: list[Row]) -> dict[str, list]:
    return {name: [SIDES[each[name]] if name == "side" else each[name] for each in rows] for name in NAMES}


def table_of(rows: list[Row], **types: pa.DataType) -> pa.Table:
    texts = {"symbol": pa.string(), "side": pa.string(), "time": pa.int64()}
    return pa.table({name: pa.array(column, types.get(name, texts.get(name, pa.float64()))) for name, column in cells(rows).items()})


def as_csv(rows: list[Row], folder: Path) -> Feed:
    with (folder / "ticks.csv").open("w", newline="") as file:
        lines = text.writer(file, lineterminator="\n")
        lines.writerow(NAMES)
        lines.writerows([["" if value is None else value for value in line] for line in zip(*cells(rows).values(), strict=True)])
    return csv(folder / "ticks.csv")


def as_json(rows: list[Row], folder: Path) -> Feed:
    columns = cells(rows)
    lines = [{name: column[place] for name, column in columns.items()} for place in range(len(rows))]
    (folder / "ticks.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines))
    return replace(json_lines(folder / "ticks.jsonl"), block_bytes=300)


def as_json_text(rows: list[Row], folder: Path) -> Feed:
    """As venues write: keys of their own, numbers as text, absent ones left out."""
    columns = cells(rows)
    keys = {"time": "T", "symbol": "s", "price": "p", "size": "q"}
    lines = [{keys.get(n, n): repr(c[i]) if isinstance(c[i], float) else c[i] for n, c in columns.items()} for i in range(len(rows))]
    kept = [{key: value for key, value in line.items() if value is not None or key in ("p", "bid", "funding")} for line in lines]
    (folder / "venue.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
    feed = json_lines(folder / "venue.jsonl", Reading(columns={**keys, "funding": "funding"}))
    return replace(feed, block_bytes=300)


def as_parquet(rows: list[Row], folder: Path) -> Feed:
    table = table_of(rows, time=pa.timestamp("ns"), symbol=pa.dictionary(pa.int32(), pa.string()))
    pq.write_table(table, folder / "ticks.parquet", row_group_size=3, write_page_checksum=True)
    return parquet(folder / "ticks.parquet")


def as_arrow(rows: list[Row], folder: Path) -> Feed:
    table = table_of(rows, time=pa.timestamp("ns", "America/New_York"), symbol=pa.string_view(), side=pa.large_string())
    with pa.ipc.new_file(folder / "ticks.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=3)
    return arrow(folder / "ticks.arrow")


def as_stream(rows: list[Row], folder: Path) -> Feed:
    table = table_of(rows, symbol=pa.dictionary(pa.int8(), pa.string()))
    with pa.ipc.new_stream(folder / "ticks.arrows", table.schema) as file:
        file.write_table(table, max_chunksize=2)
    return arrow(folder / "ticks.arrows")


def as_feather(rows: list[Row], folder: Path) -> Feed:
    pa.feather.write_feather(table_of(rows), folder / "ticks.feather", compression="lz4", chunksize=4)
    return arrow(folder / "ticks.feather")


def as_frame(rows: list[Row], folder: Path) -> Feed:
    frame = table_of(rows).to_pandas()
    return from_frame(frame.set_index(pd.to_datetime(frame.pop("time"), utc=True, unit="ns").rename(None)))


def as_arrow_frame(rows: list[Row], folder: Path) -> Feed:
    return from_frame(table_of(rows).to_pandas(types_mapper=pd.ArrowDtype))


FORMATS: dict[str, Callable[[list[Row], Path], Feed]] = {
    made.__name__.removeprefix("as_"): made
    for made in (as_csv, as_json, as_json_text, as_parquet, as_arrow, as_stream, as_feather, as_frame, as_arrow_frame)
}


def tape_of(feed: Feed) -> tuple[dict[str, list], list[tuple[int, RxtapeError]], RxtapeError | None]:
    """The columns of a feed, symbols by name; the refused rows, each with the count of rows before it; and what ended the feed."""
    columns: dict[str, list] = {name: [] for name in sorted(feed.columns - {"seq"})} | {"row": []}
    refused, fault = [], None
    try:
        for raw in feed.rows():
            names = ("", *raw.names)
            refused += [(len(columns["time"]) + before, bad) for before, bad in raw.refused]
            for name, column in raw.columns.items():
                columns[name] += [names[code] for code in column.tolist()] if name == "symbol" else column.tolist()
            columns["row"] += [raw.place(row)[1] for row in range(len(raw))]
            if "kind" not in raw.columns:
                columns["kind"] += [int(Kind.TRADE)] * len(raw)
    except RxtapeError as error:
        fault = error
    return columns, refused, fault


def expected(rows: list[Row], name: str) -> list:
    """A column of the tape that these rows are."""
    if name == "kind":
        return [int(Kind.QUOTE if each["price"] is None else Kind.TRADE) for each in rows]
    return [math.nan if each[name] is None else each[name] for each in rows]


def same(found: list, wanted: list) -> bool:
    """To the last bit, signs of zero too; nan is nan."""
    if wanted and isinstance(wanted[0], str):
        return found == wanted
    one, other = np.asarray(found), np.asarray(wanted)
    if {one.dtype.kind, other.dtype.kind} == {"i"}:
        return found == wanted
    absent = [np.isnan(each.astype(np.float64)) for each in (one, other)]
    bits = [np.where(gone, 0.5, each.astype(np.float64)).view("i8") for gone, each in zip(absent, (one, other), strict=True)]
    return np.array_equal(*absent) and np.array_equal(*bits)
