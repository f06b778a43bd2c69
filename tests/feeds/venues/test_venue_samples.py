"""Samples of messages from other clients' tests: what each of them says here, and the reasons for those that say nothing."""

import json
import re
from pathlib import Path

import pytest

from feeds.venues.binance import binance, binance_usdm
from feeds.venues.bybit import bybit_linear
from feeds.venues.coinbase_advanced import coinbase_advanced
from feeds.venues.kraken import kraken
from feeds.venues.okx import okx
from feeds.venues.venue import BadFrame, Gap, Notice, Quote, Refusal, Reply, Stream, Trade, Unknown

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "ws" / "samples"
NAN = float("nan")
MS = 10**6


def sample(path):
    where = SAMPLES / path
    if not where.exists():
        pytest.skip(f"the sample {where} is not here")
    return where.read_text()


def moments(seconds, fraction):
    return seconds * 10**9 + fraction


NAUTILUS = [
    (binance_usdm, "binance/futures/market_data_json/trade_stream.json", [Trade("BTCUSDT", 123456785 * MS, 0.001, 100.0, -1, 5933014)]),
    (binance_usdm, "binance/futures/market_data_json/agg_trade_stream.json", [Trade("BTCUSDT", 123456785 * MS, 0.001, 100.0, -1, 5933014)]),
    (
        binance_usdm,
        "binance/futures/market_data_json/book_ticker_stream.json",
        [Quote("BNBUSDT", 1568014460891 * MS, 25.3519, 31.21, 25.3652, 40.66, number=400900217)],
    ),
    (bybit_linear, "bybit/ws_orderbook_snapshot.json", [Quote("BTCUSDT", 1709891679000 * MS, 27450.0, 0.5, 27451.0, 0.75, True)]),
    (bybit_linear, "bybit/ws_orderbook_delta.json", [Gap("BTCUSDT", "a change of the order book came before its snapshot")]),
    # the topic trade.linear.BTCUSDT was made up: on the wire it is publicTrade.BTCUSDT
    (bybit_linear, "bybit/ws_public_trade.json", [Unknown("trade.linear")]),
    # the id is text that is no number of ours
    (bybit_linear, "bybit/ws_subscription_ack.json", [Reply(None)]),
    (bybit_linear, "bybit/ws_subscription_failure.json", [Refusal(None, (), "stream", "Invalid topic: invalid.topic.BTCUSDT")]),
    (
        coinbase_advanced,
        "coinbase/ws_market_trades.json",
        [
            Trade("BTC-USD", moments(1775572202, 789012000), 68900.5, 0.0015, 0, 995098700),
            Trade("BTC-USD", moments(1775572202, 800000000), 68900.0, 0.05, 0, 995098701),
        ],
    ),
    (coinbase_advanced, "coinbase/ws_ticker.json", [Quote("BTC-USD", moments(1775572203, 0), 68900.0, 1.5, 68901.0, 0.5, True)]),
    (coinbase_advanced, "coinbase/ws_heartbeats.json", [Notice("alive")]),
    (
        coinbase_advanced,
        "coinbase/ws_subscriptions.json",
        [Reply(None, (Stream("trades", "BTC-USD"), Stream("trades", "ETH-USD")))],
    ),
    (
        kraken,
        "kraken/ws_trade_update.json",
        [
            Trade("BTC/USD", moments(1696613755, 440295000), 105944.2, 0.00027625, 1, 10218208),
            Trade("BTC/USD", moments(1696613756, 123456000), 105910.5, 0.0001246, -1, 10218209),
        ],
    ),
    (kraken, "kraken/ws_ticker_snapshot.json", [Quote("BTC/USD", moments(1671960659, 123456000), 105944.2, 2.5, 105944.3, 3.2, True)]),
    (kraken, "kraken/ws_pong.json", [Notice("alive")]),
    (kraken, "kraken/ws_subscribe_response.json", [Reply(1, (Stream("quotes", "BTC/USD"),))]),
    # Kraken's futures are another service
    (kraken, "kraken/ws_futures_trade.json", [Unknown("of no name")]),
    (okx, "okx/ws_trades.json", [Trade("BTC-USD", 1630048897897 * MS, 42219.9, 0.12060306, 1, 130639474)]),
    (okx, "okx/ws_bbo_tbt.json", [Quote("BTC-USDT", 1597026383085 * MS, 8476.97, 256.0, 8476.98, 415.0, number=123456)]),
]


@pytest.mark.parametrize(("venue", "path", "expected"), NAUTILUS, ids=[row[1] for row in NAUTILUS])
def test_samples_of_nautilus(venue, path, expected):
    assert venue().decoder().decode(sample(f"nautilus/{path}")) == expected


def test_a_change_after_its_snapshot_empties_the_side_that_has_gone():
    decoder = bybit_linear().decoder()
    decoder.decode(sample("nautilus/bybit/ws_orderbook_snapshot.json"))
    (quote,) = decoder.decode(sample("nautilus/bybit/ws_orderbook_delta.json"))
    assert repr(quote[2:]) == repr((27450.0, 0.4, NAN, NAN, False, None))


READ = {"trade", "aggTrade", "bookTicker", "market_trades", "ticker", "trades", "bbo-tbt", "orderbook.1"}
OTHERS = [
    (binance_usdm, "nautilus/binance/futures/market_data_json"),
    (binance, "JKorf_Binance.Net"),
    (bybit_linear, "nautilus/bybit"),
    (coinbase_advanced, "nautilus/coinbase"),
    (coinbase_advanced, "JKorf_Coinbase.Net"),
    (kraken, "nautilus/kraken"),
    (kraken, "JKorf_Kraken.Net"),
    (okx, "nautilus/okx"),
    (okx, "JKorf_OKX.Net"),
]


@pytest.mark.parametrize(("venue", "folder"), OTHERS, ids=[row[1] for row in OTHERS])
def test_no_sample_is_refused(venue, folder):
    """Every frame of a venue's own samples is read, or of a kind that is not ours."""
    if not SAMPLES.exists():
        pytest.skip(f"the samples {SAMPLES} are not here")
    # ws_opt_summary holds the rows of a message without the message
    files = [path for path in sorted((SAMPLES / folder).rglob("*")) if path.name != "ws_opt_summary.json"]
    paths = [path for path in files if path.suffix in (".json", ".txt")]
    assert len(paths) >= 5
    for path in paths:
        for frame in received(path.read_text()):
            said = venue().decoder().decode(frame)
            assert not any(isinstance(item, Unknown) and item.kind in READ for item in said)


def received(text):
    """The frames of a sample: all of it or, in JKorf's script, what follows `<` and `=`; `|1|` stands for the id sent."""
    if not text.startswith(">"):
        return [text]
    parts = re.split(r"^[<=>]\d* ?", re.sub(r"\"?\|[\w*]+\|\"?", "1", text), flags=re.MULTILINE)[1:]
    marks = re.findall(r"^([<=>])\d* ?", text, flags=re.MULTILINE)
    return [part for mark, part in zip(marks, parts, strict=True) if mark != ">" and part.strip()]


JKORF = [
    (binance, "JKorf_Binance.Net/Spot/ExchangeData/Trades.txt", Trade("BNBBTC", 1672515782136 * MS, 0.001, 100.0, -1, 12345)),
    (binance, "JKorf_Binance.Net/Spot/ExchangeData/AggregatedTrades.txt", Trade("BNBBTC", 1672515782136 * MS, 0.001, 100.0, -1, 12345)),
    (
        binance,
        "JKorf_Binance.Net/Spot/ExchangeData/BookTicker.txt",
        Quote("BNBUSDT", None, 25.3519, 31.21, 25.3652, 40.66, number=400900217),
    ),
    (
        binance_usdm,
        "JKorf_Binance.Net/UsdFutures/BookTicker.txt",
        Quote("BNBUSDT", 1568014460891 * MS, 25.3519, 31.21, 25.3652, 40.66, number=400900217),
    ),
    (binance_usdm, "JKorf_Binance.Net/UsdFutures/AggTrades.txt", Trade("BTCUSDT", 123456785 * MS, 0.001, 100.0, -1, 5933014)),
    (kraken, "JKorf_Kraken.Net/Spot/Trades.txt", Trade("ETH/USDT", moments(1695628177, 708706000), 0.5117, 40.0, -1, 4665906)),
    (kraken, "JKorf_Kraken.Net/Spot/Ticker.txt", Quote("ETH/USDT", None, 0.10025, 740.0, 0.10035, 740.0)),
    (okx, "JKorf_OKX.Net/Unified/ExchangeData/Trades.txt", Trade("BTC-USDT", 1630048897897 * MS, 42219.9, 0.12060306, 1, 130639474)),
    (
        coinbase_advanced,
        "JKorf_Coinbase.Net/AdvancedTrade/Trades.txt",
        Trade("ETH-USDT", moments(1728026011, 84859000), 2375.56, 0.5, 0, 22381690),
    ),
    (
        coinbase_advanced,
        "JKorf_Coinbase.Net/AdvancedTrade/Ticker.txt",
        Quote("ETH-USDT", moments(1675974637, 167359596), 21931.98, 8000.21, 21933.98, 8038.07770938, True),
    ),
]


@pytest.mark.parametrize(("venue", "path", "expected"), JKORF, ids=[row[1] for row in JKORF])
def test_samples_of_jkorf(venue, path, expected):
    reply, data = received(sample(path))
    decoder = venue().decoder()
    (acknowledged,) = decoder.decode(reply)
    assert isinstance(acknowledged, Reply)
    assert acknowledged.request == (None if venue in (okx, coinbase_advanced) else 1)
    assert decoder.decode(data)[0] == expected


SUBSCRIPTIONS = [
    (binance, "JKorf_Binance.Net/Spot/ExchangeData/Trades.txt", "trades", "BTCUSDT"),
    (binance, "JKorf_Binance.Net/Spot/ExchangeData/BookTicker.txt", "quotes", "BTCUSDT"),
    (kraken, "JKorf_Kraken.Net/Spot/Trades.txt", "trades", "ETH/USDT"),
    (kraken, "JKorf_Kraken.Net/Spot/Ticker.txt", "quotes", "ETH/USDT"),
    (okx, "JKorf_OKX.Net/Unified/ExchangeData/Trades.txt", "trades", "ETH-USDT"),
    (coinbase_advanced, "JKorf_Coinbase.Net/AdvancedTrade/Trades.txt", "trades", "ETH-USDT"),
    (coinbase_advanced, "JKorf_Coinbase.Net/AdvancedTrade/Ticker.txt", "quotes", "ETH-USDT"),
]


@pytest.mark.parametrize(("venue", "path", "channel", "symbol"), SUBSCRIPTIONS, ids=[row[1] for row in SUBSCRIPTIONS])
def test_what_is_asked_for_holds_all_that_another_client_asks_for(venue, path, channel, symbol):
    """Theirs is contained in ours, but the id, and the key that Coinbase no longer wants for market data."""
    theirs = json.loads(re.match(r"> (.*)", sample(path))[1])
    ours = json.loads(venue().subscribe([Stream(channel, symbol)], 1).frame)
    for name in theirs.keys() - {"id", "req_id", "jwt"}:
        whole = theirs[name] if not isinstance(theirs[name], dict) else {**ours[name], **theirs[name]}
        assert ours[name] == whole


@pytest.mark.parametrize("name", ["testTradeEvent", "testBookTickerEvent"])
def test_samples_of_xchange_say_their_trade_without_the_notes_beside_it(name):
    text = sample(f"xchange/binance/{name}.json")
    with pytest.raises(BadFrame, match="expected JSON"):
        binance().decoder().decode(text)
    (item,) = binance().decoder().decode(re.sub(r"//.*", "", text))
    assert item in (
        Trade("BNBBTC", 123456785 * MS, 0.001, 100.0, -1, 12345),
        Quote("BNBUSDT", None, 25.3519, 31.21, 25.3652, 40.66, number=400900217),
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("testDepthEvent", "bare depthUpdate"), ("testKlineEvent", "bare kline"), ("testTickerEvent", "24hrTicker")]
)
def test_samples_of_xchange_of_other_kinds_are_not_ours(name, kind):
    assert binance().decoder().decode(re.sub(r"//.*", "", sample(f"xchange/binance/{name}.json"))) == [Unknown(kind)]


OF_VERSION_1 = ["trades", "ticker", "orderBookMessageSnapshot", *(f"orderBookMessageUpdate0{number}" for number in range(3))]


@pytest.mark.parametrize("name", OF_VERSION_1)
def test_samples_of_xchange_for_kraken_are_of_version_1(name):
    with pytest.raises(BadFrame, match="version 1 of the protocol is not read"):
        kraken().decoder().decode(sample(f"xchange/kraken/{name}.json"))


def test_the_confirmation_of_xchange_for_kraken_is_of_version_1_too_and_confirms_nothing():
    assert kraken().decoder().decode(sample("xchange/kraken/subscriptionConfirmation.json")) == [Unknown("of no name")]


def test_samples_of_gocryptotrader():
    said, refused = [], 0
    for line in sample("gocryptotrader/binance_wsHandleData.json").splitlines():
        said += binance().decoder().decode(line)
    assert [item for item in said if not isinstance(item, Unknown)] == [Trade("BNBBTC", 123456785 * MS, 0.001, 100.0, -1, 12345)]
    assert len(said) >= 5
    for path in ("kraken_wsHandleData", "kraken_wsAllTrades"):
        for line in filter(None, sample(f"gocryptotrader/{path}.json").splitlines()):
            if line.startswith("["):
                refused += 1
                with pytest.raises(BadFrame, match="version 1 of the protocol is not read"):
                    kraken().decoder().decode(line)
    assert refused > 5
