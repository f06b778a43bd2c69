"""Symbols and books of Bybit, and where the streams of a venue are served."""

import json

import pytest

from feeds.live.supervisor import by_address
from feeds.venues.binance import binance_usdm, binance_usdm_agg
from feeds.venues.bybit import bybit, bybit_linear
from feeds.venues.venue import Stream
from pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("venue", "symbol", "good"),
    [
        (bybit(), "BTC-USDT", False),
        (bybit(), "BTCUSDT", True),
        (bybit_linear(), "BTC-USDT", False),
        (bybit_linear(), "BTC-27JUN25", True),
        (bybit_linear(), "BTCPERP", True),
    ],
)
def test_symbols_of_bybit_have_no_separator_but_before_the_day_they_expire(venue, symbol, good):
    if good:
        assert venue.streams([symbol], ["trades"]) == [Stream("trades", symbol)]
    else:
        with pytest.raises(UsageError, match="cannot be a symbol of bybit"):
            venue.streams([symbol], ["trades"])


def test_the_book_of_bybit_has_the_time_of_the_engine_where_it_is_told():
    book = {
        "topic": "orderbook.1.BTCUSDT",
        "type": "snapshot",
        "ts": 1709891679050,
        "data": {"s": "BTCUSDT", "b": [["1", "2"]], "a": [], "u": 1},
    }
    assert [bybit().decoder().decode(json.dumps(frame))[0].time for frame in (book, {**book, "cts": 1709891679000})] == [
        1709891679050 * 10**6,
        1709891679000 * 10**6,
    ]


def test_connections_are_cut_by_address():
    """Aggregate trades of USD-M futures are served elsewhere than its best prices."""
    venue = binance_usdm_agg()
    streams = venue.streams(["BTCUSDT", "ETHUSDT"], ["trades", "quotes"])
    assert [sorted(each.channel for each in there) for there in by_address(venue, streams)] == [["trades"] * 2, ["quotes"] * 2]
    assert len(by_address(binance_usdm(), streams)) == 1
