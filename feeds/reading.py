"""How a file of ticks is read: which of its columns are which, and what their cells mean. The same for every format."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from feeds.guesses import symbol_in_name
from pipeline.errors import InputError, UnknownName, UsageError

__all__ = ["ALIASES", "OF_TEXT", "PLAIN", "UNITS", "Reading"]

ALIASES = {
    "time": ("timestamp", "time", "ts", "datetime", "date", "timestamp_ns", "time_ns", "epoch"),
    "symbol": ("symbol", "ticker", "instrument", "sym"),
    "price": ("price", "px", "last", "trade_price"),
    "size": ("size", "qty", "quantity", "volume", "amount"),
    "bid": ("bid", "bid_price", "bid_px"),
    "ask": ("ask", "ask_price", "ask_px"),
    "bid_size": ("bid_size", "bid_qty", "bidsize", "bid_amount"),
    "ask_size": ("ask_size", "ask_qty", "asksize", "ask_amount"),
    "side": ("side", "aggressor"),
    "trade_id": ("trade_id", "tradeid"),
}
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
JOINED = ("time", "symbol")
OF_TEXT = {"delimiter": "--delimiter", "decimal": "--decimal", "header": "--no-header", "names": "--names"}
"""What only CSV can be told, and how the command line spells it."""
TAB = ("\\t", "tab")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the user says of a file; what is left out is inferred from its header and first rows.

    `columns` maps columns of the tape to columns of the file; those of a time or a symbol may be several, joined with a
    blank: {"time": "Date+Time"}. A name that the tape does not know makes a column of numbers of that name.
    `time_unit` (s, ms, us, ns) is that of integer times, `time_format` a strptime format of text, `tz` the zone of times
    that name none. Where times count from midnight, `day` is the day: "2013-10-07", or "{name}", the date in the file's
    name. Prices are divided by `price_scale`. `symbol` is that of a file without such a column, "{FOLDER}" the name of its
    folder in capitals. `sides` says how the aggressor is written beyond buy and sell: {"any": 0}. With `zero_is_absent` a
    bid or ask of 0 is a side that is not there; with `sides_stand` a quote without one leaves that side as it was.

    `delimiter`, `decimal`, `header` and `names` are for text: the delimiter is seen from the first line where none is
    given; `header` is False for a file without one; `names` stand in for a header (a first line with a number in it is
    then none). A name that ends in "?" may be missing at the end of all rows; "-" leaves out.

    Raises UsageError for what cannot be meant.

    >>> Reading(columns={"time": "Date+Time"}, tz="America/New_York").places("x.csv", ["Date", "Time", "Sym", "Px"])
    {'time': (0, 1), 'symbol': (2,), 'price': (3,)}
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    time_format: str | None = None
    tz: str | None = None
    price_scale: float = 1.0
    symbol: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    header: bool = True
    names: tuple[str, ...] = ()
    day: str | None = None
    sides: Mapping[str, int] = field(default_factory=dict)
    zero_is_absent: bool = False
    sides_stand: bool = False

    def __post_init__(self) -> None:
        if self.delimiter in TAB:
            object.__setattr__(self, "delimiter", "\t")
        if self.time_unit is not None and self.time_unit not in UNITS:
            raise UnknownName("unit of time", self.time_unit, UNITS)
        if self.time_unit is not None and self.time_format is not None:
            raise UsageError("time_unit is for whole numbers, time_format for text; give one of them")
        if self.tz is not None:
            known_zone(self.tz)
        if not (isfinite(self.price_scale) and self.price_scale > 0):
            raise UsageError(f"price_scale={self.price_scale!r}: prices are divided by it; expected a number above 0")
        if self.delimiter is not None and not is_delimiter(self.delimiter):
            raise UsageError(f"delimiter={self.delimiter!r}: expected one character that no cell is made of, such as ; or | or \\t")
        if self.decimal not in (".", ","):
            raise UsageError(f"decimal={self.decimal!r}: expected . or ,")
        if self.decimal == self.delimiter:
            raise UsageError("a comma cannot stand between cells and before decimals; give the delimiter, such as --delimiter ';'")
        if wrong := [name for name in self.columns if not name.isidentifier()]:
            raise UsageError(f"columns: {wrong[0]!r} is no name of a column of the tape; write {{'price': 'px'}}, as in --columns price=px")
        if wrong := [text for text, side in self.sides.items() if side not in (-1, 0, 1)]:
            raise UsageError(f"sides: {wrong[0]!r} is {self.sides[wrong[0]]!r}; expected 1 (buy), -1 (sell) or 0 (unknown)")

    def places(self, source: str, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Where each column of the tape stands among the columns of a file: by `columns`, else by the usual names.

        Raises UsageError for a column that is not there, InputError for one that is there twice.
        """
        plain = [name.lower().replace(" ", "_") for name in names]
        places: dict[str, tuple[int, ...]] = {}
        for column, wanted in self.columns.items():
            parts = wanted.split("+") if wanted not in names else [wanted]
            absent = [part for part in parts if part not in names]
            if absent:
                raise UsageError(f"{source}: there is no column {absent[0]!r} for {column}; its columns are {', '.join(names)[:200]}")
            if len(parts) > 1 and column not in JOINED:
                raise UsageError(f"{source}: {column} is read from one column, not from {wanted}; only a time or a symbol is joined")
            if twice := [part for part in parts if names.count(part) > 1]:
                raise InputError(named_twice(source, twice[0], names))
            places[column] = tuple(names.index(part) for part in parts)
        taken = {place for some in places.values() for place in some}
        for column, aliases in ALIASES.items():
            alias = next((alias for alias in aliases if alias in plain and plain.index(alias) not in taken), None)
            if column not in places and alias is not None:
                if plain.count(alias) > 1:
                    raise InputError(named_twice(source, names[plain.index(alias)], names))
                places[column] = (plain.index(alias),)
        return places

    def other_times(self, names: Sequence[str], place: str) -> tuple[str, ...]:
        """The columns that might be the time as well as the one that was taken for it, where nobody said which it is.

        >>> Reading().other_times(["time", "timestamp", "price"], "timestamp")
        ('time',)
        """
        plain = {name: name.lower().replace(" ", "_") for name in names}
        return () if "time" in self.columns else tuple(name for name in names if plain[name] in ALIASES["time"] and name != place)

    def refuse_text(self, source: str) -> None:
        """UsageError where something is told that only CSV can be told, which the source is not."""
        wrong = [option for name, option in OF_TEXT.items() if getattr(self, name) != getattr(PLAIN, name)]
        if wrong:
            says, them = ("says", "it") if len(wrong) == 1 else ("say", "them")
            hint = "; which column is which is said by --columns time=T,price=px" if "--names" in wrong else ""
            raise UsageError(f"{source} is no CSV, and {' and '.join(wrong)} {says} how that is read; leave {them} out{hint}")

    def symbol_of(self, path: Path | None) -> str | None:
        """The symbol of a file that has no such column; None where neither the user nor a file's name tells.

        >>> Reading().symbol_of(Path("BTCUSDT-trades-2024-01-01.zip")), Reading(symbol="{FOLDER}").symbol_of(Path("tick/ibm/1.zip"))
        ('BTCUSDT', 'IBM')
        """
        if self.symbol is None:
            return None if path is None else symbol_in_name(path)
        return self.symbol if path is None else self.symbol.replace("{FOLDER}", path.absolute().parent.name.upper())

    def symbol_beside(self, source: str, path: Path | None, columns: Container[str]) -> str | None:
        """The symbol of every row; None where one of the columns holds it. UsageError where it is given all the same."""
        if "symbol" not in columns:
            return self.symbol_of(path)
        if self.symbol is not None:
            raise UsageError(f"{source}: the file has a column of symbols; symbol={self.symbol!r} is for one without")
        return None

    def day_of(self, path: Path | None) -> date | None:
        """The day whose midnight times count from; None where they do not. UsageError where it cannot be told."""
        if self.day is None:
            return None
        text = (path.name if path is not None else "") if self.day == "{name}" else self.day
        for year, month, day in re.findall(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)", text, re.ASCII):
            try:
                return date(int(year), int(month), int(day))
            except ValueError:
                continue
        raise UsageError(f"{path}: the times count from midnight, and {text!r} names no day; expected one such as 20131007 or 2013-10-07")


PLAIN = Reading()
"""Nothing is told."""


def is_delimiter(text: str) -> bool:
    """Whether a text can stand between cells."""
    return len(text) == 1 and not text.isalnum() and text not in '"\r\n.+-' and ord(text) <= 126


def named_twice(source: str, name: str, names: Sequence[str]) -> str:
    """What to say of a name that two columns have."""
    other = [f"{each}_{names[:place].count(each) + 1}" if each in names[:place] else each for place, each in enumerate(names)]
    return f"{source}: the header names {name!r} twice; give each column a name of its own, as in --names {','.join(other)[:200]}"


def known_zone(name: str) -> ZoneInfo:
    """The time zone of that name; UsageError with the nearest names where there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        near = get_close_matches(name, available_timezones(), n=2, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; expected one such as America/New_York or UTC"
        raise UsageError(f"tz={name!r} is no time zone{hint}") from None
