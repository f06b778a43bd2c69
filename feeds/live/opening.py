"""`live`: venues and symbols, as a user writes them, become a feed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from feeds.live.connecting import connecting
from feeds.live.feed import LiveTicks, TimeOf
from feeds.live.hours import hours as hours_of
from feeds.live.raw_frames import RecordedVenue
from feeds.live.receive_clock import ReceiveClock
from feeds.live.wrapped import Elsewhere
from feeds.venues.json_fields import JsonFields
from feeds.venues.json_mapping import json_fields
from feeds.venues.venue import Channel, Venue
from pipeline.durations import SECOND, Duration, nanoseconds
from pipeline.errors import UnknownName, UsageError
from pipeline.plugins import load, plugins

__all__ = ["live"]


def live(
    sources: str | Sequence[str],
    *,
    url: str | None = None,
    time: TimeOf | None = None,
    quotes: bool = False,
    raw: str | Path | None = None,
    stale_after: Duration = "30s",
    hours: str = "",
    capacity: int = 65_536,
    patience: Duration = "5s",
    venues: Mapping[str, Any] = {},
    secrets: Sequence[str] = (),
) -> LiveTicks:
    """The trades of symbols of venues, as one feed: `binance:BTCUSDT,ETHUSDT`, several of them in a list.

    `url` connects there instead of to the venue (its path stays ours). `time` is what the tape's time is: the venue's
    ("event": by default where there is one venue) or that of arrival ("received": by default where there are several,
    whose symbols are then called `binance:BTCUSDT`). `quotes` listens to the top of the book too; without it only where a
    strategy asks for a bid or an ask. `raw` is a folder for the frames as they come. `stale_after` is how long no market
    data may come before a connection is doubted, and `hours` when it is to be expected at all, such as "Mon-Fri 09:30-16:00
    America/New_York" (by default always, or as the venue says). `capacity` trades may wait, `patience` is how long connections are made
    to wait for room before trades are left out, each symbol with a GAP row.

    `venues` are venues of JSON messages by name, each a table that says how its fields are called, as [venue.NAME] of a
    configuration; one whose fields have the names of ours needs none: `json:wss://host/path#ONE,TWO`. `secrets` are what such a
    table must not be heard to repeat.

    Raises UnknownName for a venue that nobody offers, UsageError for symbols it cannot have.

    >>> live("binance:btcusdt,ETHUSDT").names
    ('BTCUSDT', 'ETHUSDT')
    """
    wanted = [source_of(source, url, venues, tuple(secrets)) for source in ([sources] if isinstance(sources, str) else sources)]
    if not wanted:
        raise UsageError("no venue named; write one with its symbols, such as binance:BTCUSDT,ETHUSDT")
    if url is not None and len(wanted) > 1:
        raise UsageError(f"{url} is one address, and {len(wanted)} venues are named; leave out all but one, or the address")
    hours_of(hours)
    if not isinstance(capacity, int) or capacity < 1:
        raise UsageError(f"capacity={capacity!r}: expected how many trades may wait, a whole number above 0")
    for name, length in (("stale_after", stale_after), ("patience", patience)):
        if nanoseconds(length) <= 0:
            raise UsageError(f"{name}={length!r}: expected a length of time above 0")
    names = [venue.name for venue, _ in wanted]
    if twice := [name for name in names if names.count(name) > 1]:
        hint = (
            "give each a table [venue.NAME] of the configuration"
            if twice[0] == "json"
            else f"write its symbols together: {twice[0]}:ONE,TWO"
        )
        raise UsageError(f"{twice[0]} is named twice; {hint}")
    clock = ReceiveClock()
    listened = [(venue if raw is None else RecordedVenue(venue, raw, clock.now), symbols) for venue, symbols in wanted]
    channels: frozenset[Channel] = frozenset({"trades", "quotes"} if quotes else {"trades"})
    connect = connecting(nanoseconds(stale_after) / SECOND, hours)
    return LiveTicks(tuple(listened), connect, time, channels, capacity, nanoseconds(patience) / SECOND, clock=clock)


def source_of(source: str, url: str | None, tables: Mapping[str, Any], secrets: tuple[str, ...]) -> tuple[Venue, tuple[str, ...]]:
    """The venue and the symbols of `venue:ONE,TWO`; the venue at `url`, if there is one."""
    name, colon, rest = source.partition(":")
    address, _, listed = rest.partition("#") if name == "json" and name not in tables else ("", "", rest)
    symbols = tuple(dict.fromkeys(part.strip() for part in listed.split(",") if part.strip()))
    if not colon or not symbols:
        example = "json:wss://host/path#ONE,TWO" if address else "binance:BTCUSDT,ETHUSDT"
        raise UsageError(f"{source!r} names no venue with symbols; write it as venue:SYMBOL,SYMBOL, such as {example}")
    if name not in tables and name not in (known := {plugin.name for plugin in plugins("venue")}):
        raise UnknownName("venue", name, known | set(tables))
    venue: Venue = json_fields(name, tables[name]) if name in tables else load("venue", name)()
    if isinstance(venue, JsonFields):
        venue = replace(venue, secrets=secrets)
    if isinstance(venue, JsonFields) and address:
        venue = venue.at(address)
    return Elsewhere(venue, url) if url is not None else venue, symbols
