"""A table [venue.NAME] of the configuration into a venue: every key known, every path text, or a word about which is not."""

from collections.abc import Mapping
from typing import Any

from feeds.venues.json_fields import QUOTE, TRADE, WORDS, JsonFields, Rows
from feeds.venues.json_values import UNITS
from pipeline.errors import UnknownName, UsageError

__all__ = ["json_fields"]

TEXTS = {"url", "subscribe", "time_unit", "ping", "pong"}
TABLES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "trade": (frozenset({"symbol", "price", "size"}), frozenset({"time", "side", "id"})),
    "quote": (frozenset({"symbol", "bid", "ask"}), frozenset({"time", "bid_size", "ask_size"})),
    "reply": (frozenset(), frozenset({"number"})),
    "error": (frozenset(), frozenset({"number", "reason"})),
}
ROWS = {"when", "items", "buy", "sell"}
READ = TABLES.keys() | {"time_unit", "pong", "consecutive"}
KEYS = TEXTS | TABLES.keys() | {"channels", "ping_seconds", "consecutive"}


def json_fields(name: str, table: Mapping[str, Any]) -> JsonFields:
    """The venue that a table describes; raises UsageError that names the key which is wrong.

    >>> venue = json_fields("mine", {"url": "wss://mine.example/ws", "trade": {"symbol": "s", "price": "p", "size": "q", "time": "T"}})
    >>> venue.decoder().decode('{"s":"BTC","p":"1.5","q":"2","T":1723161255342}')[0].price
    1.5
    """
    where = f"[venue.{name}]"
    known(where, table, KEYS)
    texts = {key: expect(where, key, table[key], str, "text") for key in TEXTS & table.keys()}
    if texts.get("time_unit", "ms") not in UNITS:
        raise UnknownName(f"time_unit of {where}", texts["time_unit"], UNITS)
    parts = {part: rows(f"[venue.{name}.{part}]", part, table[part]) for part in TABLES if part in table}
    mapped = bool({"trade", "quote"} & parts.keys())
    venue = JsonFields(
        name,
        request=texts.get("subscribe", ""),
        channels=channels(where, table.get("channels", {})),
        time_unit=texts.get("time_unit", "ms"),
        ping=texts.get("ping"),
        ping_seconds=float(expect(where, "ping_seconds", table.get("ping_seconds", 20.0), (int, float), "a number of seconds")),
        pong=texts.get("pong", ""),
        consecutive=expect(where, "consecutive", table.get("consecutive", False), bool, "true or false"),
        reply=parts.get("reply"),
        error=parts.get("error"),
        trade=parts.get("trade") if mapped else TRADE,
        quote=parts.get("quote") if mapped else QUOTE,
        fields={key: table[key] for key in table if key in READ},
    )
    return venue.at(texts["url"]) if "url" in texts else venue


def rows(where: str, part: str, table: Any) -> Rows:
    expect("", where, table, Mapping, "a table")
    needed, optional = TABLES[part]
    known(where, table, needed | optional | ROWS)
    missing = sorted(needed - table.keys())
    if missing:
        raise UsageError(f"{where} lacks {' and '.join(missing)}: the path of each within a message")
    if part in ("reply", "error") and not table.get("when"):
        raise UsageError(f"{where} lacks when: what such a message holds, as in when = {{ event = {part!r} }}")
    when = expect(where, "when", table.get("when", {}), Mapping, "a table")
    return Rows(
        {key: expect(where, key, table[key], str, "the path of a field, as text") for key in (needed | optional) & table.keys()},
        {path: str(word).lower() if isinstance(word, bool) else str(word) for path, word in when.items()},
        expect(where, "items", table.get("items", ""), str, "the path of the rows, as text"),
        words(where, table),
    )


def words(where: str, table: Mapping[str, Any]) -> Mapping[str, int]:
    """The words of the sides; ours, unless the table names its own."""
    found = {}
    for key, sign in (("buy", 1), ("sell", -1)):
        for word in expect(where, key, table.get(key, []), list, "a list of words"):
            found[str(word).lower()] = sign
    return found or WORDS


def channels(where: str, table: Any) -> Any:
    expect(where, "channels", table, Mapping, "a table")
    known(f"{where[:-1]}.channels]", table, {"trades", "quotes"})
    return {"trades": "trades", "quotes": "quotes", **{key: expect(where, key, value, str, "text") for key, value in table.items()}}


def known(where: str, table: Mapping[str, Any], keys: Any) -> None:
    for key in table:
        if key not in keys:
            raise UnknownName(f"key of {where}", key, keys)


def expect(where: str, key: str, value: Any, type_: Any, wanted: str) -> Any:
    if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
        raise UsageError(f"{where} {key} is {value!r}; expected {wanted}".lstrip())
    return value
