"""Recorded connections: every frame is read, and says what a plain reading of it says. The recordings lie beside the repository."""

import gzip
import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest
from recorded_tapes import recorded

from feeds.venues.binance import binance, binance_usdm
from feeds.venues.bybit import bybit_linear
from feeds.venues.coinbase import coinbase
from feeds.venues.kraken import kraken
from feeds.venues.venue import BadFrame, Quote, Reply, Trade, Unknown

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "ws"
MILLISECOND = 10**6
RECEIVED = re.compile(r"^[\d.]+:? (.*)$")


def lines(path):
    """The frames of a recording, as they were received; what was sent is left out."""
    where = RECORDED / path
    if not where.exists():
        pytest.skip(f"the recorded messages {where} are not here")
    with gzip.open(where, "rt") as file:
        return [found[1] for found in map(RECEIVED.match, file.read().splitlines()) if found]


def heard(venue, frames):
    """What one connection hears in all frames, and the frames that it refuses."""
    decoder, said, refused = venue.decoder(), [], []
    for frame in frames:
        try:
            said += decoder.decode(frame)
        except BadFrame as error:
            refused.append(error.reason)
    return said, refused


def of_kind(kind, said):
    return [item for item in said if isinstance(item, kind)]


def plain_binance(frames):
    """The definition: JSON as Python reads it, and the documents' words for each field."""
    for tree in map(json.loads, frames):
        data = tree.get("data", {})
        if data.get("e") in ("trade", "aggTrade"):
            number = data["t"] if data["e"] == "trade" else data["a"]
            yield Trade(data["s"], data["T"] * MILLISECOND, float(data["p"]), float(data["q"]), -1 if data["m"] else 1, number)
        elif "bookTicker" in tree.get("stream", ""):
            time = data["T"] * MILLISECOND if "T" in data else None
            yield Quote(data["s"], time, *(float(data[key]) for key in "bBaA"), number=data["u"])


BINANCE = [
    ("hftbacktest/spot/btcusdt_20240808.gz", binance, 9757, 28040, 3452),
    ("hftbacktest/spot/btcusdt_20240809.gz", binance, 10147, 45134, 3044),
    ("hftbacktest/cm/btcusd_perp_20240808.gz", binance_usdm, 2286, 19136, 26848),
    ("cryptofeed/BINANCE.ws.1.0.gz", binance, 2, 84, 179),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "venue", "trades", "quotes", "others"), BINANCE, ids=[row[0] for row in BINANCE])
def test_recorded_frames_of_binance_say_what_a_plain_reading_says(path, venue, trades, quotes, others):
    frames = lines(path)
    said, refused = heard(venue(), frames)
    assert refused == []
    assert (len(of_kind(Trade, said)), len(of_kind(Quote, said)), len(of_kind(Unknown, said))) == (trades, quotes, others)
    assert [item for item in said if not isinstance(item, Unknown)] == list(plain_binance(frames))


@pytest.mark.parametrize(("path", "venue"), [row[:2] for row in BINANCE[:3]], ids=[row[0] for row in BINANCE[:3]])
def test_trade_ids_of_binance_count_up_by_one(path, venue):
    numbers = [trade.trade_id for trade in of_kind(Trade, heard(venue(), lines(path))[0])]
    assert venue().consecutive
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("day", ["20240808", "20240809"])
def test_recorded_trades_of_binance_equal_the_tape_published_of_them(day):
    tape = recorded(f"btcusdt_{day}")
    trades = of_kind(Trade, heard(binance(), lines(f"hftbacktest/spot/btcusdt_{day}.gz"))[0])
    read = sorted((trade.time, trade.trade_id, trade.price, trade.size, trade.side) for trade in trades)
    columns = [tape.columns[name].tolist() for name in ("time", "trade_id", "price", "size", "side")]
    assert read == sorted(zip(*columns, strict=True))


COINBASE = "cryptofeed/COINBASE.ws.28.0.part1.gz"


def test_recorded_frames_of_coinbase_say_what_a_plain_reading_says():
    said, refused = heard(coinbase(), lines(COINBASE))
    assert refused == []
    assert Counter(type(item).__name__ for item in said) == {"Trade": 44, "Quote": 44, "Unknown": 5668, "Reply": 2}
    trees = [json.loads(frame) for frame in lines(COINBASE)]
    matches = [tree for tree in trees if tree["type"] in ("match", "last_match")]
    for trade, tree in zip(of_kind(Trade, said), matches, strict=True):
        assert (trade.symbol, trade.price, trade.size) == (tree["product_id"], float(tree["price"]), float(tree["size"]))
        assert (trade.trade_id, trade.old) == (tree["trade_id"], tree["type"] == "last_match")
    tickers = [tree for tree in trees if tree["type"] == "ticker"]
    for quote, tree in zip(of_kind(Quote, said), tickers, strict=True):
        assert (quote.symbol, quote.bid, quote.ask) == (tree["product_id"], float(tree["best_bid"]), float(tree["best_ask"]))
        assert math.isnan(quote.bid_size + quote.ask_size)


def test_the_side_of_a_match_is_the_one_that_the_ticker_gives_its_trade():
    """The ticker names the taker's side and the match the maker's: the recording holds both for every trade."""
    takers = {}
    for tree in map(json.loads, lines(COINBASE)):
        if tree["type"] == "ticker":
            takers[tree["product_id"], tree["trade_id"]] = {"buy": 1, "sell": -1}[tree["side"]]
    trades = of_kind(Trade, heard(coinbase(), lines(COINBASE))[0])
    both = [(trade.side, takers[trade.symbol, trade.trade_id]) for trade in trades if (trade.symbol, trade.trade_id) in takers]
    assert len(both) == 44
    assert all(ours == theirs for ours, theirs in both)


def test_the_times_of_matches_are_exact_to_the_microsecond():
    trades = of_kind(Trade, heard(coinbase(), lines(COINBASE))[0])
    texts = re.findall(r'match",.*?"time":"2021-04-17T16:43:(\d\d)\.(\d{6})Z"', "\n".join(lines(COINBASE)))
    minute = 1618677780
    inside = [trade.time for trade in trades if minute <= trade.time // 10**9 < minute + 60]
    assert len(inside) > 30
    assert inside == [(minute + int(second)) * 10**9 + int(micro) * 1000 for second, micro in texts]


def test_trade_ids_of_a_product_of_coinbase_count_up_by_one():
    last = {}
    for trade in of_kind(Trade, heard(coinbase(), lines(COINBASE))[0]):
        assert trade.trade_id == last.get(trade.symbol, trade.trade_id - 1) + 1
        last[trade.symbol] = trade.trade_id
    assert coinbase().consecutive


def test_replies_of_coinbase_name_all_streams_asked_for_so_far():
    replies = of_kind(Reply, heard(coinbase(), lines(COINBASE))[0])
    assert [(reply.request, len(reply.streams)) for reply in replies] == [(None, 10), (None, 20)]
    assert set(replies[0].streams) < set(replies[1].streams)


def test_trade_ids_of_kraken_count_up_by_one():
    where = RECORDED / "samples/nautilus/kraken/http_trades.json.gz"
    if not where.exists():
        pytest.skip(f"the recorded trades {where} are not here")
    numbers = [row[6] for row in json.loads(gzip.decompress(where.read_bytes()))["result"]["XBTUSDT"]]
    assert len(numbers) == 1000
    assert numbers == list(range(numbers[0], numbers[0] + 1000))
    assert kraken().consecutive


def test_version_1_of_kraken_is_refused_by_name_and_never_taken_for_data():
    said, refused = heard(kraken(), lines("cryptofeed/KRAKEN.ws.48.0.gz"))
    assert len(refused) > 5
    assert all("version 1 of the protocol is not read" in reason for reason in refused)
    assert {type(item) for item in said} == {Unknown}


@pytest.mark.parametrize("path", ["cryptofeed/BYBIT.ws.25.0.gz", "cryptofeed/BYBIT.ws.26.0.gz"])
def test_version_2_of_bybit_is_unknown_and_never_taken_for_data(path):
    said, refused = heard(bybit_linear(), lines(path))
    assert refused == []
    assert {type(item) for item in said} == {Unknown, Reply}
    assert {"trade", "orderBookL2_25"} <= {item.kind for item in of_kind(Unknown, said)}
