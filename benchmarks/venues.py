"""What it costs to read a frame of each venue: `python -m benchmarks.venues`, microseconds of one processor, the best of several runs."""

from __future__ import annotations

import json
import time
import timeit
from collections.abc import Callable
from importlib.metadata import entry_points

FRAMES = {
    "binance": {
        "trade": '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",'
        '"q":"0.02000000","T":1723161255342,"m":true,"M":true}}',
        "quote": '{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
        '"a":"61837.64000000","A":"1.54698000"}}',
    },
    "binance-usdm": {
        "trade": '{"stream":"btcusdt@trade","data":{"e":"trade","E":1596240000596,"T":1596240000519,"s":"BTCUSDT","t":173525189,'
        '"p":"11343.67","q":"0.467","X":"MARKET","m":true}}',
    },
    "coinbase": {
        "trade": '{"type":"match","trade_id":216544,"maker_order_id":"4c2aa376-4bda-4947-84ee-4dc5a6337cba","taker_order_id":'
        '"247a6eb2-b5c1-42db-b0ac-cb74b85bcac8","side":"buy","size":"0.97133855","price":"4.97800000","product_id":"ETC-GBP",'
        '"sequence":253395153,"time":"2019-08-01T00:00:03.816000Z"}',
    },
    "coinbase-advanced": {
        "trade": '{"channel":"market_trades","client_id":"","timestamp":"2024-10-04T07:13:31.158696693Z","sequence_num":2,"events":'
        '[{"type":"update","trades":[{"product_id":"ETH-USDT","trade_id":"22381691","price":"2375.56","size":"0.5",'
        '"time":"2024-10-04T07:13:31.088388Z","side":"BUY"}]}]}',
    },
    "kraken": {
        "trade": '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105944.2,"qty":0.00027625,'
        '"ord_type":"limit","trade_id":10218208,"timestamp":"2023-10-06T17:35:55.440295Z"}]}',
    },
    "bybit": {
        "trade": '{"topic":"publicTrade.BTCUSDT","ts":1680688980000,"type":"snapshot","data":[{"i":"2240000000041223438",'
        '"T":1680688979998,"p":"28528.98","v":"0.00433","S":"Buy","s":"BTCUSDT","BT":false}]}',
        "quote": '{"topic":"orderbook.1.BTCUSDT","ts":1680652806504,"type":"snapshot","data":{"s":"BTCUSDT","b":[["28165.07",'
        '"0.175231"]],"a":[["28165.08","0.996816"]],"u":20404754,"seq":4281281856}}',
    },
    "okx": {
        "trade": '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474","px":"42219.9",'
        '"sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3"}]}',
        "quote": '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["8476.98","415","0","13"]],"bids":'
        '[["8476.97","256","0","12"]],"ts":"1597026383085","seqId":123456}]}',
    },
    "alpaca": {
        "trade": '[{"T":"t","i":96921,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@","I"],"z":"C"}]',
        "quote": '[{"T":"q","S":"AMD","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z",'
        '"c":["R"],"z":"C"}]',
    },
    "json": {"trade": '{"symbol":"BTC","price":"61837.5","size":2,"time":1723161255342,"side":"sell","id":12}'},
}
LOOPS, RUNS = 20_000, 15


def microseconds(work: Callable[[], object]) -> float:
    """The least processor time of one call."""
    return min(timeit.repeat(work, timer=time.process_time, number=LOOPS, repeat=RUNS)) / LOOPS * 1e6


def cost(name: str, frame: str | bytes) -> float:
    (point,) = entry_points(group="rxtape.venues", name=name)
    decode = point.load()().decoder().decode
    return microseconds(lambda: decode(frame))


def main() -> None:
    for name, frames in FRAMES.items():
        for kind, frame in frames.items():
            plain = microseconds(lambda frame=frame: json.loads(frame))
            print(f"{name:18} {kind:6} text {cost(name, frame):5.2f}   bytes {cost(name, frame.encode()):5.2f}   json.loads {plain:5.2f}")


if __name__ == "__main__":
    main()
