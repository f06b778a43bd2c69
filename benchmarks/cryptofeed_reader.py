"""cryptofeed reads a local venue: run by the Python of an environment that has cryptofeed 2.4, which rxtape never imports.

    VENV/bin/python benchmarks/cryptofeed_reader.py PORT MESSAGES      messages a second, delivered to a callback

cryptofeed speaks TLS only and asks the exchange for its symbols; both are left out, so that the clock sees what a message costs.
"""

import json
import os
import sys
import time

from cryptofeed import FeedHandler
from cryptofeed.connection import WebsocketEndpoint, WSAsyncConn
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols

SYMBOLS = 100


def without_tls() -> None:
    """Let addresses of this machine be opened as they are."""
    begin = WSAsyncConn.__init__

    def plain(self, address, *others, **further):
        begin(self, "wss://" + address.partition("://")[2], *others, **further)
        self.address = address

    WSAsyncConn.__init__ = plain


def main(port: int, messages: int) -> None:
    """Read as many messages, and stop."""
    without_tls()
    names = [f"S{place}USDT" for place in range(SYMBOLS)]
    pairs = {f"S{place}-USDT": name for place, name in enumerate(names)}
    Symbols.set(Binance.id, pairs, {"tick_size": {}, "instrument_type": dict.fromkeys(pairs, "spot")})
    Binance.websocket_endpoints = [WebsocketEndpoint(f"ws://127.0.0.1:{port}", options={"compression": None})]
    heard, began, at_work = 0, 0.0, 0.0

    async def on_trade(trade, received):
        nonlocal heard, began, at_work
        heard += 1
        if heard == 1:
            began, at_work = time.perf_counter(), time.process_time()
        elif heard == messages:
            seconds, worked = time.perf_counter() - began, time.process_time() - at_work
            print(json.dumps({"rate": messages / seconds, "work": worked / messages * 1e6, "us": {}}), flush=True)
            os._exit(0)

    handler = FeedHandler(config={"log": {"disabled": True}, "uvloop": False})
    handler.add_feed(Binance(symbols=list(pairs), channels=[TRADES], callbacks={TRADES: on_trade}))
    handler.run(install_signal_handlers=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
