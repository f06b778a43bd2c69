"""What the user, the header and the first rows of a CSV file say of the rest: which column is which, and how times are written."""

import csv
import re
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from feeds.csv_cells import SIDES, Layout, Reader, cells_of
from feeds.csv_time_formats import TimeFormat
from feeds.csv_times import INTEGER, ISO, NUMBER, OUT_OF_RANGE, RefusedError, Times, integer, unit_of
from feeds.guesses import beginning
from feeds.hints import UTF_8, about_date, about_first_line, about_one_cell, about_spelling, about_time_of_day
from feeds.reading import ALIASES, Reading
from feeds.text_blocks import TOO_LONG, is_too_long, lines_with_text
from pipeline.errors import BadRow, InputError, UsageError

__all__ = ["first_line", "layout_of"]

DELIMITERS = (",", ";", "\t", "|")
OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
FIRST_ROWS = 100
SEPARATOR = re.compile(rb'"?sep=(.)"?', re.IGNORECASE)
"""A line for spreadsheets, before the header."""
Line = tuple[int, bytes]


def first_line(path: Path) -> Line:
    """The first line with text, and its number. Raises UsageError for a path that is no file, InputError for what is no text."""
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file; expected a file of ticks")
    lines = lines_with_text(path)
    number, line = next(lines, (0, b""))
    if SEPARATOR.fullmatch(line):
        number, line = next(lines, (0, b""))
    if not line:
        raise InputError(f"{path}: the file is empty; expected a header and rows")
    if is_too_long(line):
        raise InputError(f"{path}:{number} {line[:40].decode(errors='replace')!r} {TOO_LONG}")
    if line.startswith(OTHER_BOMS):
        raise InputError(f"{path}: the text is UTF-16; convert it to UTF-8")
    if b"\r" in line:
        raise InputError(f"{path}: the lines end with CR alone; convert them to LF")
    return number, line


def layout_of(path: Path, reading: Reading) -> Layout:
    """Read as much of a file as is needed to know its layout.

    Raises UsageError for a path that is no file or a reading that does not fit it, InputError for a file without ticks,
    BadRow for first rows that have no time.
    """
    number, line = first_line(path)
    delimiter = reading.delimiter or delimiter_of(line, reading)
    first = header_cells(path, number, line, delimiter)
    has_header = reading.header and not (reading.names and any(NUMBER.fullmatch(cell) for cell in first))
    names = names_of(path, number, first, reading, has_header)
    places = reading.places(str(path), names)
    layout = Layout(
        str(path), names, places, Times(), reading.symbol_beside(str(path), path, places), delimiter, reading.decimal, reading.price_scale,
        SIDES | {text.lower(): side for text, side in reading.sides.items()}, reading.zero_is_absent, number if has_header else number - 1,
        "symbol" not in places and reading.symbol is None,
        reading.other_times(names, names[places["time"][0]]) if "time" in places else (),
    )  # fmt: skip
    refuse_no_ticks(path, number, names, layout, reading)
    return FirstRows(path, layout, reading, first_rows(path, layout.header_line)).layout_with_times()


def first_rows(path: Path, header_line: int) -> list[Line]:
    """Up to `FIRST_ROWS` lines below the header; damage behind some of them is left for the reader to find."""
    found: list[Line] = []
    try:
        found.extend(islice((each for each in lines_with_text(path) if each[0] > header_line), FIRST_ROWS))
    except InputError:
        if not found:
            raise
    if not found:
        raise InputError(f"{path}: the file has a header and no rows")
    return found


def delimiter_of(line: bytes, reading: Reading) -> str:
    """What stands between the cells: what makes as many cells as there are names, else what there is most of."""
    known = [each for each in DELIMITERS if each != reading.decimal]
    fewest = len([name for name in reading.names if not name.endswith("?")])
    if reading.names and (fitting := [each for each in known if fewest <= line.count(each.encode()) + 1 <= len(reading.names)]):
        return fitting[0]
    return max(known, key=lambda each: line.count(each.encode()))


def header_cells(path: Path, number: int, line: bytes, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in cells_of(line.decode(), delimiter)]
    except UnicodeDecodeError:
        raise InputError(f"{path}: the header is not UTF-8 text; {UTF_8}") from None
    except csv.Error as error:
        hint = about_first_line(path, number, line.decode(errors="replace").strip())
        raise InputError(f"{path}: the header cannot be read: {error}{'. ' if hint else ''}{hint}") from None


def names_of(path: Path, number: int, first: list[str], reading: Reading, has_header: bool) -> tuple[str, ...]:
    """The names of the columns: those the user gives, else those of the header."""
    if not reading.names:
        if not has_header:
            raise UsageError(
                f"{path}: without a header the columns need names; its first line is {','.join(first)[:80]}: give --names time,price,..."
            )
        return tuple(first)
    names = list(reading.names)
    while len(names) > len(first) and names[-1].endswith("?"):
        names.pop()
    if len(names) != len(first):
        raise UsageError(f"{path}:{number} has {len(first)} cells, and there are {len(names)} names for them: {','.join(names)[:200]}")
    return tuple(name.removesuffix("?") for name in names)


def refuse_no_ticks(path: Path, number: int, names: tuple[str, ...], layout: Layout, reading: Reading) -> None:
    """Say which column is missing, and how to name it."""
    missing = [] if "time" in layout.places else ["time"]
    if layout.places.keys().isdisjoint(("price", "bid", "ask")):
        missing.append("price (or bid and ask)")
    if not missing and layout.symbol is None and "symbol" not in layout.places:
        began = f"begins with {beginning(path)!r}, which is none" if beginning(path) else "tells none"
        raise InputError(f"{path}: there is no column symbol, and the file's name {began}; give it, as in --symbol SPY")
    if not missing:
        return
    hint = about_first_line(path, number, names[0]) or about_one_cell(names, layout.delimiter) or about_spelling(reading.columns, ALIASES)
    if not hint and any(NUMBER.fullmatch(name) for name in names):
        hint = "If this is the first row of a file without a header, name its columns, as in --no-header --names time,symbol,price,size"
    elif not hint:
        likely = next((name for name in names if name.lower() == "close"), "px")
        hint = f"Say which it is, as in --columns {'time=Date' if missing[0] == 'time' else f'price={likely}'}"
    raise InputError(f"{path}: there is no column {', '.join(missing)}; the columns are {', '.join(names)[:200]}. {hint}")


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a file, which tell how its times are written."""

    path: Path
    layout: Layout
    reading: Reading
    rows: list[Line]

    def layout_with_times(self) -> Layout:
        """The layout with what only rows can tell; BadRow where none of the first has a time, unless it is only out of range."""
        faults: list[BadRow] = []
        for number, raw in self.rows:
            try:
                return self.by_row(number, raw)
            except BadRow as bad:
                faults.append(bad)
        if faults[0].reason == OUT_OF_RANGE:
            return self.by_row(*self.rows[0], check=False)
        raise faults[0]

    def by_row(self, number: int, raw: bytes, check: bool = True) -> Layout:
        layout = self.layout
        reader = Reader(layout, 0)
        cells = reader.cells(raw, number)
        places = layout.places["time"]
        text = " ".join(cells[place] for place in places).strip(" \t")
        try:
            times = self.times_of(text)
            if check:
                times.of(text)
        except RefusedError as error:
            column = "+".join(layout.names[place] for place in places)
            said = f"{error}{about_time_of_day(text, column, layout.names)}"
            raise reader.bad(number, column, text, said) from None
        kept = layout.places
        if "trade_id" in kept and not INTEGER.fullmatch(cells[kept["trade_id"][0]].strip()):
            kept = {name: place for name, place in kept.items() if name != "trade_id"}
        return replace(layout, places=kept, times=times)

    def times_of(self, text: str) -> Times:
        """How times are written, by one of them."""
        reading, day = self.reading, self.reading.day_of(self.path)
        if day is not None:
            return Times(reading.time_unit or "ms", reading.tz, day=day)
        if reading.time_format is not None:
            return Times("format", reading.tz, TimeFormat(reading.time_format))
        if reading.time_unit is not None:
            return Times(reading.time_unit)
        if not NUMBER.fullmatch(text):
            found = ISO.fullmatch(text)
            return Times("iso", reading.tz, with_zone=found is not None and found[4] is not None)
        if not INTEGER.fullmatch(text):
            return Times("ns")
        unit = unit_of(integer(text))
        if unit is None:
            hint = about_date(text) or "; other text needs --time-format, such as %Y%m%d%H%M%S"
            raise RefusedError(f"is no time between 2000 and 2100 in s, ms, us or ns{hint}")
        return Times(unit)
