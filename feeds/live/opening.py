"""`live`: venues and symbols, as a user writes them, become a feed."""

from collections.abc import Sequence
from pathlib import Path

from feeds.live.connecting import connecting
from feeds.live.feed import LiveTicks, TimeOf
from feeds.live.raw_frames import RecordedVenue
from feeds.live.receive_clock import ReceiveClock
from feeds.live.wrapped import Elsewhere
from feeds.venues.venue import Channel, Venue
from pipeline.durations import SECOND, Duration, nanoseconds
from pipeline.errors import UsageError
from pipeline.plugins import load

__all__ = ["live"]


def live(
    sources: str | Sequence[str],
    *,
    url: str | None = None,
    time: TimeOf | None = None,
    quotes: bool = False,
    raw: str | Path | None = None,
    stale_after: Duration = "30s",
    capacity: int = 65_536,
    patience: Duration = "5s",
) -> LiveTicks:
    """The trades of symbols of venues, as one feed: `binance:BTCUSDT,ETHUSDT`, several of them in a list.

    `url` connects there instead of to the venue (its path stays ours). `time` is what the tape's time is: the venue's
    ("event": by default where there is one venue) or that of arrival ("received": by default where there are several,
    whose symbols are then called `binance:BTCUSDT`). `quotes` listens to the top of the book too; without it only where a
    strategy asks for a bid or an ask. `raw` is a folder for the frames as they come. `stale_after` is how long no market
    data may come before a connection is doubted. `capacity` trades may wait, `patience` is how long connections are made
    to wait for room before trades are left out, each symbol with a GAP row.

    Raises UnknownName for a venue that nobody offers, UsageError for symbols it cannot have.

    >>> live("binance:btcusdt,ETHUSDT").names
    ('BTCUSDT', 'ETHUSDT')
    """
    wanted = [source_of(source, url) for source in ([sources] if isinstance(sources, str) else sources)]
    if not wanted:
        raise UsageError("no venue named; write one with its symbols, such as binance:BTCUSDT,ETHUSDT")
    names = [venue.name for venue, _ in wanted]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"{twice[0]} is named twice; write its symbols together: {twice[0]}:ONE,TWO")
    clock = ReceiveClock()
    venues = [(venue if raw is None else RecordedVenue(venue, raw, clock.now), symbols) for venue, symbols in wanted]
    channels: frozenset[Channel] = frozenset({"trades", "quotes"} if quotes else {"trades"})
    connect = connecting(nanoseconds(stale_after) / SECOND)
    return LiveTicks(tuple(venues), connect, time, channels, capacity, nanoseconds(patience) / SECOND, clock=clock)


def source_of(source: str, url: str | None) -> tuple[Venue, tuple[str, ...]]:
    """The venue and the symbols of `venue:ONE,TWO`; the venue at `url`, if there is one."""
    name, colon, rest = source.partition(":")
    symbols = tuple(part.strip() for part in rest.split(",") if part.strip())
    if not colon or not symbols:
        raise UsageError(f"{source!r} names no venue with symbols; write it as venue:SYMBOL,SYMBOL, such as binance:BTCUSDT,ETHUSDT")
    venue: Venue = load("venue", name)()
    return Elsewhere(venue, url) if url is not None else venue, tuple(dict.fromkeys(symbols))
