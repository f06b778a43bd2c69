"""Scripts for the fault server: what one connection is told, from good behaviour to garbage."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

from fault_server import Script, Visit


async def well_behaved(visit: Visit) -> None:
    """Confirms every request, and says a trade of each of its streams at once and every second."""
    held: list[str] = []
    numbers = visit.server.__dict__.setdefault("numbers", {})

    async def talk() -> None:
        while True:
            for name in held:
                symbol = name.partition("/")[0]
                numbers[symbol] = numbers.get(symbol, 0) + 1
                await visit.trade(symbol, numbers[symbol])
            await asyncio.sleep(1)

    talking = asyncio.create_task(talk())
    try:
        while True:
            held += await visit.asked()
    finally:
        talking.cancel()


def hangs_up(code: int, after: Script | None = None) -> Script:
    """Accepts, and closes with this code; 1006: cuts the line."""

    async def script(visit: Visit) -> None:
        if after is not None:
            await after(visit)
        if code == 1006:
            visit.kill()
        else:
            await visit.socket.close(code, "as the script says")

    return script


async def one_trade(visit: Visit) -> None:
    """Confirms, and says one trade."""
    (name,) = await visit.asked()
    await visit.trade(name, visit.number)


async def one_old_trade(visit: Visit) -> None:
    """Confirms, and repeats a trade of before."""
    (name,) = await visit.asked()
    await visit.trade(name, 1, old=True)


async def only_confirms(visit: Visit) -> None:
    """Confirms and then only pongs."""
    while True:
        await visit.asked()


async def never_confirms(visit: Visit) -> None:
    """Listens, and says nothing."""
    while True:
        await visit.listen()


async def stalls(visit: Visit) -> None:
    """Half open: reads nothing any more and does not even pong."""
    visit.socket.transport.pause_reading()
    await visit.until_gone()


async def heartbeats(visit: Visit) -> None:
    """Confirms, and says that it is alive, but no market data."""
    await visit.asked()
    while True:
        await visit.say(t="alive")
        await asyncio.sleep(1)


def speaks_of(*names: str) -> Script:
    """Confirms all, and says trades of these alone."""

    async def script(visit: Visit) -> None:
        async def talk() -> None:
            for number in range(1_000_000):
                for name in names:
                    await visit.trade(name, number)
                await asyncio.sleep(1)

        talking = asyncio.create_task(talk())
        try:
            while True:
                await visit.asked()
        finally:
            talking.cancel()

    return script


def confirms_but(missing: set[str], times: int = 1) -> Script:
    """Confirms each stream by name, but not these for the first `times` that they are asked for."""
    ignored: dict[str, int] = {}

    async def script(visit: Visit) -> None:
        while True:
            message = await visit.listen()
            named = message["on"]
            left_out = [name for name in named if name in missing and ignored.get(name, 0) < times]
            for name in left_out:
                ignored[name] = ignored.get(name, 0) + 1
            rest = [name for name in named if name not in left_out]
            if rest:
                await visit.say(t="ok", n=message["n"], on=rest)
            for name in rest:
                await visit.trade(name, 1)

    return script


def refuses(bad: set[str], named: bool = True, kind: str = "stream") -> Script:
    """Refuses these streams; unless `named`, every request that holds one of them, without saying which."""

    async def script(visit: Visit) -> None:
        while True:
            message = await visit.listen()
            wrong = [name for name in message["on"] if name in bad]
            right = [name for name in message["on"] if name not in bad]
            if wrong:
                await visit.say(t="no", n=message["n"], kind=kind, why="unknown symbol", **({"on": wrong} if named else {}))
            if not wrong or named:
                await visit.say(t="ok", n=message["n"], on=right)
                for name in right:
                    await visit.trade(name, 1)

    return script


def garbles(seed: int = 0) -> list[tuple[str, Any]]:
    """Frames that are wrong, by name; what is (bytes, True) is sent as text."""
    noise = random.Random(seed).randbytes(50)
    return [
        ("bad UTF-8", (b'{"t":"trade","s":"\xff\xfe"}', True)),
        ("no JSON", "hello"),
        ("truncated JSON", '{"t":"trade","s":"A","i":'),
        ("2 MB", json.dumps({"t": "trade", "s": "A", "i": 1, "x": "y" * 2_000_000})[:-1]),
        ("binary", noise),
        ("wrong types", '{"t":"trade","s":"A","i":1,"p":{}}'),
        ("not an object", "[1, 2]"),
        ("empty", ""),
        ("a fault of the codec", '{"t":"crash"}'),
    ]


def between_trades(frame: Any) -> Script:
    """Confirms, says trade 1, then this frame, then trade 2, and stays."""

    async def script(visit: Visit) -> None:
        (name,) = await visit.asked()
        await visit.trade(name, 1)
        if isinstance(frame, tuple):
            await visit.socket.send(frame[0], text=frame[1])
        else:
            await visit.socket.send(frame)
        await visit.trade(name, 2)
        await visit.until_gone()

    return script


def numbers(ids: list[int | str], then: Script | None = None) -> Script:
    """Confirms, and says trades of these ids: jumps, repeats, reversals, whatever they are."""

    async def script(visit: Visit) -> None:
        (name,) = await visit.asked()
        for number in ids:
            await visit.trade(name, number)
        if then is not None:
            await then(visit)
        else:
            await visit.until_gone()

    return script


def repeats(count: int, ids: Callable[[int], int | str] = int) -> Script:
    """As venues do after a reconnect: confirms, repeats the last `count` trades of before, and goes on where it was; 10 trades a visit."""

    async def script(visit: Visit) -> None:
        (name,) = await visit.asked()
        first = visit.number * 10
        for number in range(max(first - count, 0), first + 10):
            await visit.trade(name, ids(number), old=number < first)
        await visit.socket.close(1001)

    return script


async def takes_back(visit: Visit) -> None:
    """Confirms, says trades 1 to 3, corrects 2 and cancels 3."""
    (name,) = await visit.asked()
    for number in (1, 2, 3):
        await visit.trade(name, number)
    await visit.say(t="corrected", s=name, i=2, p=9.0)
    await visit.say(t="cancelled", s=name, i=3)
    await visit.until_gone()


def flood(count: int, size: int = 0) -> Script:
    """Confirms, and says so many trades as fast as they are taken."""

    async def script(visit: Visit) -> None:
        (name,) = await visit.asked()
        for number in range(count):
            await visit.trade(name, number, **({"x": "y" * size} if size else {}))
        await visit.until_gone()

    return script


def leaves_after(trades: int) -> Script:
    """Behaves, and after so many rounds of trades says that it is about to close; it goes on for 20 s, and closes."""

    async def script(visit: Visit) -> None:
        behaving = asyncio.create_task(well_behaved(visit))
        await asyncio.sleep(trades)
        await visit.say(t="leaving")
        await asyncio.sleep(20)
        behaving.cancel()
        await visit.socket.close(1001)

    return script
