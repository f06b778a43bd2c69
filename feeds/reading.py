"""How a file of ticks is read: which of its columns are which, and what their cells mean. The same for every format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import InputError, UsageError

__all__ = ["ALIASES", "Reading"]

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


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the user says of a file; what is left out is inferred from its header and first rows.

    `columns` maps columns of the tape to columns of the file; several are joined with a blank: {"time": "Date+Time"}.
    `time_unit` (s, ms, us, ns) is that of integer times, `time_format` a strptime format of text, `tz` the zone of times
    that name none. Prices are divided by `price_scale`. `symbol` is that of a file without such a column. `delimiter`,
    `decimal`, `header` and `names` are for text: names in place of a header, or for a file that has none.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    time_format: str | None = None
    tz: str | None = None
    price_scale: float = 1.0
    symbol: str | None = None
    delimiter: str = ","
    decimal: str = "."
    header: bool = True
    names: tuple[str, ...] = ()

    def places(self, source: str, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Where each column of the tape stands among the columns of a file: by `columns`, else by the usual names."""
        plain = [name.lower().replace(" ", "_") for name in names]
        places: dict[str, tuple[int, ...]] = {}
        for column, wanted in self.columns.items():
            parts = wanted.split("+") if wanted not in names else [wanted]
            absent = [part for part in parts if part not in names]
            if absent:
                raise UsageError(f"{source}: there is no column {absent[0]!r} for {column}; its columns are {', '.join(names)[:200]}")
            places[column] = tuple(names.index(part) for part in parts)
        taken = {place for some in places.values() for place in some}
        for column, aliases in ALIASES.items():
            alias = next((alias for alias in aliases if alias in plain and plain.index(alias) not in taken), None)
            if column not in places and alias is not None:
                if plain.count(alias) > 1:
                    raise InputError(f"{source}: the header names {alias!r} twice; say which is meant, as in --columns {column}=NAME")
                places[column] = (plain.index(alias),)
        return places
