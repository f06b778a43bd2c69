"""A local venue that says the same as fast as the reader reads, or at a steady rate: Binance trades, frames made beforehand.

    python -m benchmarks.flood MESSAGES RATE SENT [CHANNEL]    prints its port, serves one client after the other until it is ended

CHANNEL is trade, or aggTrade, of which some clients know no other. Streams are asked for by a request or in the address, and
whatever is asked for, all come. RATE 0 is as fast as possible; at a rate it writes into the file SENT when each message was
handed to the socket, int64 ns.
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec
import numpy as np
from websockets.asyncio.server import ServerConnection, serve

SYMBOLS = 100
CHUNK = 1 << 18


def frame(payload: bytes) -> bytes:
    """A text frame of the protocol, as a server sends it: not masked."""
    size = len(payload)
    head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126)) + size.to_bytes(2, "big")
    return head + payload


ID_OF = {"trade": b"t", "aggTrade": b"a"}
FORM = b'{"stream":"s%dusdt@%s","data":{"e":"%s","E":%d,"s":"S%dUSDT","%s":%d,"p":"%.2f","q":"%.5f","T":%d,"m":%s,"M":true}}'


def message(number: int, time_ms: int, turn: int, channel: str = "trade") -> bytes:
    """Trade `turn` of its symbol, as the combined stream of Binance words it."""
    symbol, name = number % SYMBOLS, channel.encode()
    price, size = 60_000 + number % 997 / 100, 0.5 + number % 13
    taker = b"true" if number % 2 else b"false"
    return FORM % (symbol, name, name, time_ms, symbol, ID_OF[channel], turn, price, size, time_ms, taker)


def flood_of(messages: int, channel: str) -> list[bytes]:
    """All messages, in chunks of frames."""
    now, chunks, chunk = time.time_ns() // 10**6, [], bytearray()
    for number in range(messages):
        chunk += frame(message(number, now + number // 1000, number // SYMBOLS + 1, channel))
        if len(chunk) >= CHUNK:
            chunks.append(bytes(chunk))
            chunk = bytearray()
    return [*chunks, bytes(chunk)]


async def answered(connection: ServerConnection) -> None:
    """Wait for the subscription, and acknowledge it; streams in the address are no request."""
    if connection.request is not None and "streams=" in connection.request.path:
        return
    request = msgspec.json.decode(await connection.recv())
    await connection.send(msgspec.json.encode({"result": None, "id": request["id"]}).decode())


async def as_fast_as_possible(connection: ServerConnection, chunks: list[bytes]) -> None:
    for chunk in chunks:
        connection.transport.write(chunk)
        while connection.transport.get_write_buffer_size() > CHUNK:
            await asyncio.sleep(0.0005)


async def steadily(connection: ServerConnection, messages: int, rate: int, sent: str) -> None:
    times = np.memmap(sent, np.int64, "r+", shape=(messages,))
    began = time.perf_counter()
    for number in range(messages):
        late = began + number / rate - time.perf_counter()
        if late > 0:
            await asyncio.sleep(late)
        times[number] = time.time_ns()
        connection.transport.write(frame(message(number, time.time_ns() // 10**6, number // SYMBOLS + 1)))


async def main(messages: int, rate: int, sent: str, channel: str = "trade") -> None:
    chunks = [] if rate else flood_of(messages, channel)

    async def handler(connection: ServerConnection) -> None:
        await answered(connection)
        if rate:
            await steadily(connection, messages, rate, sent)
        else:
            await as_fast_as_possible(connection, chunks)
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, compression=None, max_queue=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]))
