"""What the header and the first row of a CSV file say of the rest: which column is which, and the unit of time."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from feeds.csv_cells import INTEGER, NUMBER, UNITS, Layout, Reader, RefusedError, time_of, unit_of
from feeds.text_blocks import line_blocks
from pipeline.errors import BadRow, InputError, UnknownName, UsageError

__all__ = ["ALIASES", "layout_of"]

ALIASES = {
    "time": ("timestamp", "time", "ts", "datetime", "date", "timestamp_ns", "time_ns"),
    "symbol": ("symbol", "ticker", "instrument", "sym"),
    "price": ("price", "px", "last", "trade_price"),
    "size": ("size", "qty", "quantity", "volume", "amount"),
    "bid": ("bid", "bid_price", "bid_px"),
    "ask": ("ask", "ask_price", "ask_px"),
    "bid_size": ("bid_size", "bid_qty", "bidsize"),
    "ask_size": ("ask_size", "ask_qty", "asksize"),
    "side": ("side", "aggressor"),
    "trade_id": ("trade_id", "tradeid"),
}
BOM = b"\xef\xbb\xbf"
OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")


def layout_of(path: Path, time_unit: str | None) -> Layout:
    """Read as much of a file as is needed to know its layout.

    Raises UsageError for a path that is no file, InputError for a header that names no ticks, BadRow for a first row
    whose time is none.
    """
    if time_unit is not None and time_unit not in UNITS:
        raise UnknownName("unit of time", time_unit, UNITS)
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file")
    lines = lines_with_text(path)
    number, header = next(lines, (0, b""))
    names = header_names(path, header)
    layout = Layout(str(path), names, places_of(path, names), time_unit or "iso", number)
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}: the file has a header and no rows")
    return with_first_row(layout, *first, guess=time_unit is None)


def lines_with_text(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number."""
    number = 0
    for block in line_blocks(path, 1):
        for raw in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            if raw.removeprefix(BOM if number == 1 else b"").strip():
                yield number, raw.removesuffix(b"\r")


def header_names(path: Path, header: bytes) -> tuple[str, ...]:
    if not header:
        raise InputError(f"{path}: the file is empty; expected a header and rows")
    if header.startswith(OTHER_BOMS):
        raise InputError(f"{path}: the text is UTF-16; convert it to UTF-8")
    if b"\r" in header:
        raise InputError(f"{path}: the lines end with CR alone; convert them to LF")
    try:
        names = next(csv.reader([header.removeprefix(BOM).decode()], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: the header cannot be read: {error}") from None
    return tuple(name.strip() for name in names)


def places_of(path: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Where each column of the tape stands in the file."""
    plain = [name.lower().replace(" ", "_") for name in names]
    places = {}
    for column, aliases in ALIASES.items():
        alias = next((alias for alias in aliases if alias in plain), None)
        if alias is not None:
            if plain.count(alias) > 1:
                raise InputError(f"{path}: the header names {alias!r} twice")
            places[column] = plain.index(alias)
    missing = [column for column in ("time", "symbol") if column not in places]
    if places.keys().isdisjoint(("price", "bid", "ask")):
        missing.append("price (or bid and ask)")
    if missing:
        raise InputError(f"{path}: the header has no column {', '.join(missing)}; its columns are {', '.join(names)[:200]}")
    return places


def with_first_row(layout: Layout, line: int, raw: bytes, guess: bool) -> Layout:
    """The layout with what only a row can tell: the unit of time, and whether trade ids are integers."""
    cells = Reader(layout, 0).cells(raw, line)
    text = cells[layout.places["time"]].strip()
    if "trade_id" in layout.places and not INTEGER.fullmatch(cells[layout.places["trade_id"]].strip()):
        layout = replace(layout, places={name: place for name, place in layout.places.items() if name != "trade_id"})
    if guess and NUMBER.fullmatch(text):
        layout = replace(layout, unit=unit_of(int(text)) or "" if INTEGER.fullmatch(text) else "ns")
    try:
        if not layout.unit:
            raise RefusedError("is no time between 2000 and 2100 in s, ms, us or ns")
        time_of(text, layout.unit)
    except RefusedError as error:
        raise BadRow(layout.source, line, layout.names[layout.places["time"]], text[:80], str(error)) from None
    return layout
