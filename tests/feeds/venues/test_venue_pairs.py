"""Pairs of a raw message and what others made of it: ours says the same, or the test says why it does not."""

import json
import math
from datetime import datetime
from pathlib import Path

import pytest

from feeds.venues.binance import binance, binance_usdm
from feeds.venues.bybit import bybit, bybit_linear
from feeds.venues.coinbase import coinbase
from feeds.venues.kraken import kraken
from feeds.venues.venue import BadFrame, Quote, Trade

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "ws"
SIDES = {"buy": 1, "sell": -1}
MILLISECOND = 10**6


def pairs(path):
    where = PUBLISHED / path
    if not where.exists():
        pytest.skip(f"the published pairs {where} are not here")
    return [json.loads(line) for line in where.read_text().splitlines()]


def nanoseconds(text):
    """A published time; none has more than six digits, which Python's datetime holds."""
    time = datetime.fromisoformat(text)
    return int(time.replace(microsecond=0).timestamp()) * 10**9 + time.microsecond * 1000


def number(value):
    return math.nan if value is None else float(value)


# --- tardis: what was said, as trades and book_tickers ---------------------------------------------------------------------

TARDIS = {
    "binance": binance,
    "binance_futures": binance_usdm,
    "bybit": bybit_linear,
    "bybit_spot": bybit,
    "coinbase": coinbase,
    "kraken_v2": kraken,
}
# by line: why ours differs, and how
DIFFERENT = {
    ("binance_futures", 0): "an aggTrade of 2019 without its id `a`: refused, since the documents have it",
    ("binance_futures", 10): "a trade of the insurance fund, left out by others: here it is odd, which leaves it out and keeps its id",
    ("binance_futures", 14): "the time of others is E, when it was sent: ours is T, when it happened, as for trades",
    ("bybit", 4): "version 2 of the protocol",
    ("bybit", 10): "version 2 of the protocol",
    ("bybit", 12): "version 2 of the protocol",
    ("bybit", 14): "version 2 of the protocol",
    ("bybit", 35): "version 2 of the protocol",
    ("bybit_spot", 3): "version 1 of the protocol",
    ("bybit_spot", 4): "version 1 of the protocol",
    ("kraken_v2", 0): "a snapshot of trades, left out by others: here they are old",
}


def row_of(item):
    """Ours, in the words of tardis, but times that the message does not have."""
    if isinstance(item, Trade):
        return ("trade", item.symbol, item.time, item.price, item.size, item.side, str(item.trade_id))
    return ("book_ticker", item.symbol, item.time, item.bid, item.bid_size, item.ask, item.ask_size)


def published_row(item, received):
    time = None if item["timestamp"] == item["localTimestamp"] == received else nanoseconds(item["timestamp"])
    if item["type"] == "trade":
        return ("trade", item["symbol"], time, float(item["price"]), float(item["amount"]), SIDES[item["side"]], item["id"])
    sides = (number(item[key]) for key in ("bidPrice", "bidAmount", "askPrice", "askAmount"))
    return ("book_ticker", item["symbol"], time, *sides)


def tardis(name):
    """Every pair as (line, ours, theirs, refusal); the decoder is that of one connection."""
    decoder = TARDIS[name]().decoder()
    for line, pair in enumerate(pairs(f"pairs_tardis/{name}.jsonl")):
        theirs = [published_row(item, item["localTimestamp"]) for item in pair["normalised"] if item["type"] in ("trade", "book_ticker")]
        try:
            said = decoder.decode(json.dumps(pair["raw"]))
        except BadFrame as error:
            yield line, [], theirs, error.reason
        else:
            yield line, [item for item in said if isinstance(item, Trade | Quote)], theirs, ""


@pytest.mark.parametrize(
    ("name", "agreed"),
    [("binance", 3), ("binance_futures", 2), ("bybit", 7), ("bybit_spot", 7), ("coinbase", 4), ("kraken_v2", 2)],
)
def test_pairs_of_tardis_agree(name, agreed):
    seen = 0
    for line, ours, theirs, refusal in tardis(name):
        if (name, line) not in DIFFERENT:
            assert refusal == ""
            assert repr([row_of(item) for item in ours]) == repr(theirs)
            seen += len(theirs)
    assert seen == agreed


def only(name, line):
    (found,) = [found for found in tardis(name) if found[0] == line]
    return found[1:]


def test_an_aggregate_trade_without_its_id_is_refused_by_name():
    ours, theirs, refusal = only("binance_futures", 0)
    assert (ours, theirs) == ([], [])
    assert "data.a is missing" in refusal


def test_a_trade_of_the_insurance_fund_is_odd():
    ((trade,), theirs, _) = only("binance_futures", 10)
    assert theirs == []
    assert (trade.odd, trade.trade_id) == (True, 73701056)


def test_a_futures_quote_has_the_time_of_the_event_not_of_the_sending():
    ((quote,), (theirs,), _) = only("binance_futures", 14)
    raw = pairs("pairs_tardis/binance_futures.jsonl")[14]["raw"]["data"]
    assert (quote.time, theirs[2]) == (raw["T"] * MILLISECOND, raw["E"] * MILLISECOND)
    assert row_of(quote._replace(time=theirs[2])) == theirs


@pytest.mark.parametrize(("name", "line"), [place for place, why in DIFFERENT.items() if "of the protocol" in why])
def test_older_protocols_say_nothing(name, line):
    ours, theirs, refusal = only(name, line)
    assert (ours, refusal) == ([], "")
    assert len(theirs) == 1


def test_a_snapshot_of_trades_is_old():
    ((trade,), theirs, _) = only("kraken_v2", 0)
    assert theirs == []
    assert (trade.old, trade.trade_id) == (True, 122)


def test_version_1_of_kraken_is_refused():
    for pair in pairs("pairs_tardis/kraken.jsonl"):
        with pytest.raises(BadFrame, match="version 1 of the protocol is not read"):
            kraken().decoder().decode(json.dumps(pair["raw"]))


# --- crypto-msg-parser: sizes in base, quote and contracts; the time of a message is when it was sent ------------------------


BINANCE = [f"trade::{market}" for market in ("spot", "inverse_future", "linear_future", "inverse_swap", "linear_swap")]


@pytest.mark.parametrize("test", BINANCE)
def test_trades_of_binance_agree_with_the_parser(test):
    (pair,) = [pair for pair in pairs("pairs_crypto_msg_parser/binance.jsonl") if pair["test"] == test]
    expected, raw = pair["expected"], json.loads(pair["raw"])["data"]
    ((trade,)) = (binance() if test == "trade::spot" else binance_usdm()).decoder().decode(pair["raw"])
    assert trade.side == SIDES[expected["trade.side"]]
    # spot has no contracts; a linear contract is one unit of the base
    assert trade.size == float(expected["trade.quantity_contract"] or expected["trade.quantity_base"])
    assert trade.price == float(expected.get("trade.price", raw["p"]))
    # theirs is E, when it was sent; ours is T, when it happened
    assert expected["timestamp_ms"] == raw["E"]
    assert trade.time == raw["T"] * MILLISECOND
    assert trade.trade_id == raw["a"]


@pytest.mark.parametrize("market", ["spot", "inverse_future", "linear_future", "inverse_swap", "linear_swap"])
def test_best_prices_of_binance_agree_with_the_parser(market):
    (pair,) = [pair for pair in pairs("pairs_crypto_msg_parser/binance.jsonl") if pair["test"] == f"bbo::{market}"]
    raw = json.loads(pair["raw"])["data"]
    (quote,) = (binance() if market == "spot" else binance_usdm()).decoder().decode(pair["raw"])
    assert quote[2:6] == tuple(float(raw[key]) for key in "bBaA")
    assert pair["expected"].get("timestamp_ms") == raw.get("E")
    assert quote.time == (None if market == "spot" else raw["T"] * MILLISECOND)


def test_all_other_messages_of_binance_are_unknown():
    others = [pair for pair in pairs("pairs_crypto_msg_parser/binance.jsonl") if pair["test"] not in BINANCE and "bbo" not in pair["test"]]
    assert len(others) == 40
    for pair in others:
        said = binance_usdm().decoder().decode(pair["raw"])
        assert not any(isinstance(item, Trade | Quote) for item in said)


def test_the_parser_has_the_makers_side_of_a_coinbase_match():
    """Published: sell, which is the message's own word; the recorded tickers show that it is the maker's, so the taker bought."""
    (pair,) = [pair for pair in pairs("pairs_crypto_msg_parser/coinbase_pro.jsonl") if pair["test"] == "None::trade"]
    (trade,) = coinbase().decoder().decode(pair["raw"])
    assert json.loads(pair["raw"])["side"] == pair["expected"]["trade.side"] == "sell"
    assert trade.side == 1
    assert (trade.size, trade.time // MILLISECOND) == (float(pair["expected"]["trade.quantity_base"]), pair["expected"]["timestamp_ms"])
    assert trade.old


def test_a_ticker_of_coinbase_agrees_with_the_parser():
    (pair,) = [pair for pair in pairs("pairs_crypto_msg_parser/coinbase_pro.jsonl") if pair["test"] == "None::ticker"]
    (quote,) = coinbase().decoder().decode(pair["raw"])
    raw = json.loads(pair["raw"])
    assert (quote.symbol, quote.bid, quote.ask) == ("BTC-USD", float(raw["best_bid"]), float(raw["best_ask"]))
    assert quote.time // MILLISECOND == pair["expected"]["timestamp_ms"]


@pytest.mark.parametrize(("name", "venue", "count"), [("bybit", bybit_linear, 24), ("kraken", kraken, 21)])
def test_other_protocols_of_the_parser_say_nothing(name, venue, count):
    """Bybit's are version 2 and REST; Kraken's version 1, futures, and REST."""
    published = pairs(f"pairs_crypto_msg_parser/{name}.jsonl")
    assert len(published) == count
    for pair in published:
        try:
            said = venue().decoder().decode(pair["raw"])
        except BadFrame:
            said = []
        assert not any(isinstance(item, Trade | Quote) for item in said)


# --- barter: normalised trades alone -----------------------------------------------------------------------------------------


def test_trades_of_barter_come_back_from_the_frames_that_binance_sends_of_them():
    """Its raw frames were not kept, so they are written anew, as the documents have them."""
    where = PUBLISHED / "barter" / "binance_spot_market_data_with_disconnect_events.json"
    if not where.exists():
        pytest.skip(f"the published events {where} are not here")
    events = [event["Item"]["Ok"] for event in json.loads(where.read_text()) if "Item" in event]
    assert len(events) == 21
    for event in events:
        kind = event["kind"]["Trade"]
        time = nanoseconds(event["time_exchange"])
        data = {
            "e": "trade", "E": time // MILLISECOND + 1, "s": "BTCUSDT", "t": int(kind["id"]), "p": f"{kind['price']:.8f}",
            "q": f"{kind['amount']:.8f}", "T": time // MILLISECOND, "m": kind["side"] == "Sell", "M": True,
        }  # fmt: skip
        (trade,) = binance().decoder().decode(json.dumps({"stream": "btcusdt@trade", "data": data}))
        assert trade == Trade("BTCUSDT", time, kind["price"], kind["amount"], SIDES[kind["side"].lower()], int(kind["id"]))
