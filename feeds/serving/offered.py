"""The exchanges that can be played, by name: what `rxtape serve --as NAME` starts."""

from typing import Any

from feeds.serving.binance import Binance
from feeds.serving.coinbase import Coinbase
from feeds.serving.local import LocalVenue
from feeds.serving.settings import Serving
from pipeline.feed import Feed

__all__ = ["binance", "coinbase"]


def binance(feed: Feed, **serving: Any) -> LocalVenue:
    """The feed as Binance spot would send it; `serving` are the fields of `Serving`."""
    return LocalVenue(Binance(), feed, Serving(**serving))


def coinbase(feed: Feed, **serving: Any) -> LocalVenue:
    """The feed as Coinbase Exchange would send it; `serving` are the fields of `Serving`."""
    return LocalVenue(Coinbase(), feed, Serving(**serving))
