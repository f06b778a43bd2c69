"""A market of our own: seeded, with planted events, so that every alert can be told right from wrong."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import nanoseconds
from pipeline.ingest import RawRows

__all__ = ["EVENTS", "HOUR_NS", "NAMES", "OPEN_NS", "Market", "MarketFeed", "Planted", "market", "synthetic"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Trades = tuple[Ints, Ints, Ints, Floats]  # time, code, side, size

NAMES = ("ALFA", "BRVO", "CHRL", "DLTA", "EKHO", "FXTR", "GLFF", "HTEL", "INDQ", "JLYT", "KILO", "LYMA")
EVENTS: Mapping[str, int] = MappingProxyType({"breakout": 7, "volume_only": 2, "move_only": 2})
HOUR_NS = 3_600_000_000_000
OPEN_NS = 1_709_562_600_000_000_000  # 2024-03-04T14:30:00Z

# Inside this module time is whole milliseconds since the start of the tape.
MINUTE = 60_000
APART = 8 * MINUTE  # before the first event, and between two of one symbol: the six minutes a rule looks back, and slack
BURST, RAMP = 30_000, 24_000  # an event trades for BURST; its price has arrived after RAMP
AWAKE = 10  # ordinary trades in the five minutes a rule compares with: no usual volume is left to chance
HUSH_BEFORE, HUSH_AFTER = MINUTE, 2 * MINUTE  # a move without volume is surrounded by single-lot trades
JUMP_EVERY, JUMP = 4 * MINUTE, 0.0016  # at most one ordinary jump of a symbol in JUMP_EVERY, and none larger
MINUTE_SIGMA = 0.0004  # return per square root of a minute, at volatility 1: some 30% a year
CALMEST, WILDEST = 0.4, 2.2
LANES = 16  # independent volatilities, shared out among the symbols
BRANCHING, DELAY = 0.5, 1_500.0  # children per trade, and their mean delay


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted event: what a strategy should, or should not, have seen.

    `time` is that of its first tick, in ns UTC. `kind` is "breakout" (move and volume), "volume_only" or "move_only".
    `change` is the relative move, complete within 24 seconds and kept; 0 where none is planted. `multiple` is the
    volume of the event's 30 seconds over a fifth of the symbol's volume in the 6 minutes before; 0 where none is planted.

    >>> Planted(OPEN_NS, "ALFA", "breakout", change=0.021, multiple=6.5).kind
    'breakout'
    """

    time: int
    symbol: str
    kind: str
    change: float
    multiple: float


class _Event(NamedTuple):
    time: int
    code: int
    kind: str
    change: float
    multiple: float
    ticks: int


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """A finished tape of trades: read-only columns of equal length, and what was planted in it, by time.

    `time` int64, ns UTC, whole milliseconds, non-decreasing; `symbol` int32, index into `symbols`; `price` float64, a
    multiple of 0.01; `size` float64, whole, at least 1; `side` int8, +1 where the buyer was the aggressor, else -1.

    >>> tape = market(ticks=10_000)
    >>> tape.symbols[tape.columns["symbol"][0]] in tape.symbols, len(tape.columns["price"]), len(tape.planted)
    (True, 10000, 11)
    """

    symbols: tuple[str, ...]
    columns: dict[str, NDArray[Any]]
    planted: tuple[Planted, ...]

    def write_csv(self, path: str | Path) -> None:
        """Write `timestamp,symbol,price,size`, gzipped where `path` ends in .gz; equal markets give equal bytes.

        Timestamps are ISO 8601, UTC, in milliseconds; prices have two decimals; sizes are whole.

        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     market(ticks=10_000).write_csv(f"{folder}/tape.csv")
        ...     print(Path(folder, "tape.csv").read_text().splitlines()[0])
        timestamp,symbol,price,size
        """
        with open(path, "wb") as file:
            if str(path).endswith(".gz"):
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    packed.writelines(self._csv())
            else:
                file.writelines(self._csv())

    def _csv(self, rows: int = 65_536) -> Iterator[bytes]:
        yield b"timestamp,symbol,price,size\n"
        for low in range(0, len(self.columns["time"]), rows):
            time, code, price, size = (self.columns[name][low : low + rows] for name in ("time", "symbol", "price", "size"))
            stamps = np.datetime_as_string(time.astype("M8[ns]"), unit="ms", timezone="UTC")
            cells = zip(stamps.tolist(), code.tolist(), price.tolist(), size.tolist(), strict=True)
            yield "".join(f"{t},{self.symbols[c]},{p:.2f},{s:.0f}\n" for t, c, p, s in cells).encode()


def market(
    symbols: int = 12,
    ticks: int = 100_000,
    span: int = HOUR_NS,
    start: int = OPEN_NS,
    seed: int = 7,
    events: Mapping[str, int] = EVENTS,
    u_shape: float = 0.0,
) -> Market:
    """Return exactly `ticks` trades of `symbols` symbols over `span` ns from `start` (ns UTC, cut to milliseconds).

    Volatility clusters (GARCH(1,1) on a grid), trades excite trades (a Hawkes process as clusters, Hawkes and Oakes
    1974), popularity is zipf-like, prices jump. `u_shape` is the extra activity at both ends, in units of the middle's.
    `events` says how many of each kind to plant: on active symbols only, distinct ones while they last, the first after
    8 minutes. Outside "breakout" and "move_only" a minute's move stays below 0.6% (measured; 1% is nine sigma away).
    Equal arguments give equal bits. Raises ValueError on an unknown kind, or where `span` or `ticks` leave no room.

    >>> market(ticks=10_000, events={"breakout": 1}).planted[0].kind
    'breakout'
    """
    if symbols < 1 or ticks < 1 or span < 1_000_000_000 or u_shape < 0:
        raise ValueError(f"expected symbols >= 1, ticks >= 1, span >= 1 s, u_shape >= 0: found {symbols}, {ticks}, {span} ns, {u_shape}")
    rng, length, zero = np.random.default_rng(seed), span // 1_000_000, start // 1_000_000
    names = tuple(NAMES[i] if i < len(NAMES) else f"S{i + 1:04d}" for i in range(symbols))
    popularity = np.arange(1, symbols + 1, dtype="f8") ** -0.8
    popularity /= popularity.sum()
    planned = _plan(rng, events, ticks, length, popularity)
    volatility = _volatility(rng, length)
    rows = _arrivals(rng, ticks - sum(e.ticks for e in planned), length, volatility[:, 0], u_shape, popularity)
    size = _sizes(rng, _look_up(volatility, rows[0], rows[1], length))
    time, code, side, size = _with_bursts(rng, planned, (*rows, size))
    price = _prices(rng, time, code, side, _look_up(volatility, time, code, length), planned)
    columns = {"time": (time + zero) * 1_000_000, "symbol": code.astype("i4"), "price": price, "size": size, "side": side.astype("i1")}
    for column in columns.values():
        column.flags.writeable = False
    marks = (Planted((e.time + zero) * 1_000_000, names[e.code], e.kind, e.change, e.multiple) for e in sorted(planned))
    return Market(names, columns, tuple(marks))


def _plan(rng: np.random.Generator, events: Mapping[str, int], ticks: int, span: int, popularity: Floats) -> list[_Event]:
    if wrong := {kind: count for kind, count in events.items() if kind not in EVENTS or count < 0}:
        raise ValueError(f"events: found {wrong}, expected counts of {', '.join(EVENTS)}")
    kinds = rng.permutation([kind for kind in EVENTS for _ in range(events.get(kind, 0))]).tolist()
    if not kinds:
        return []
    rates = popularity * ticks * MINUTE / span
    codes = rng.permutation(np.flatnonzero(rates >= 4)).tolist()
    active = min(len(kinds), len(codes))
    rounds = -(-len(kinds) // max(active, 1))
    width = (span - APART - HUSH_AFTER) // rounds
    if not active or width < (2 * APART if rounds > 1 else MINUTE):
        raise ValueError(f"{len(kinds)} events do not fit {ticks} ticks in {span / 1000:g} s: expected more of either, or fewer events")
    spots = (np.arange(len(kinds)) % active + rng.random(len(kinds))) / active * (width - APART * (rounds > 1))
    planned = []
    for k, kind in enumerate(kinds):
        code, time = codes[k % active], APART + k // active * width + int(spots[k])
        change = 0.0 if kind == "volume_only" else round(rng.uniform(0.018, 0.032), 4) * (1 if rng.random() < 0.5 else -1)
        multiple = 0.0 if kind == "move_only" else round(rng.uniform(6, 10), 1)
        count = 12 if kind == "move_only" else int(np.clip(1.5 * rates[code], 30, 3_000))
        planned.append(_Event(time, code, kind, change, multiple, count + AWAKE))
    if (needed := 2 * sum(e.ticks for e in planned)) > ticks:
        raise ValueError(f"{len(kinds)} events do not fit {ticks} ticks: expected at least {needed}, or fewer events")
    return planned


def _volatility(rng: np.random.Generator, span: int) -> Floats:
    shocks = rng.standard_normal((max(2, min(4_096, span // 5_000)), LANES)) ** 2
    variance: Floats = np.ones_like(shocks)
    for i in range(1, len(shocks)):
        variance[i] = 0.02 + (0.2 * shocks[i - 1] + 0.78) * variance[i - 1]
    return np.clip(np.sqrt(variance), CALMEST, WILDEST)


def _look_up(volatility: Floats, time: Ints, code: Ints, span: int) -> Floats:
    return volatility[np.minimum(time * len(volatility) // span, len(volatility) - 1), code % LANES]


def _arrivals(rng: np.random.Generator, ticks: int, span: int, pace: Floats, u_shape: float, popularity: Floats) -> tuple[Ints, Ints, Ints]:
    reach = np.append(0.0, np.cumsum(pace * (1 + u_shape * np.linspace(-1, 1, len(pace)) ** 2)))
    choice = np.cumsum(popularity)[:-1]
    parents, left = ticks - int(ticks * BRANCHING), int(ticks * BRANCHING)
    time = np.interp(rng.random(parents) * reach[-1], reach, np.linspace(0, span, len(reach)))
    code, side = np.searchsorted(choice, rng.random(parents), "right"), rng.choice((-1, 1), parents)
    families = [(time, code, side)]
    while left:
        children = min(left, max(1, int(len(time) * BRANCHING)))
        parent = rng.integers(len(time), size=children)
        time = (time[parent] + rng.exponential(DELAY, children)) % span
        code = np.where(rng.random(children) < 0.85, code[parent], np.searchsorted(choice, rng.random(children), "right"))
        side = np.where(rng.random(children) < 0.75, side[parent], -side[parent])
        families.append((time, code, side))
        left -= children
    time, code, side = (np.concatenate(column) for column in zip(*families, strict=True))
    return time.astype("i8"), code, side


def _sizes(rng: np.random.Generator, volatility: Floats) -> Floats:
    lot = np.array((1.0, 10.0, 100.0))[rng.choice(3, len(volatility), p=(0.2, 0.4, 0.4))]
    lots: Floats = 1 + 60 * volatility * rng.lognormal(0, 0.9, len(volatility)) // lot
    return lot * lots


def _with_bursts(rng: np.random.Generator, planned: list[_Event], trades: Trades) -> Trades:
    time, code, _, size = trades
    rows = [trades]
    for event in planned:
        count = event.ticks - AWAKE
        before = 30_000 * np.arange(-12, -12 + AWAKE) + rng.integers(0, 25_000, AWAKE) * (np.arange(AWAKE) > 0)
        during = np.sort(rng.integers(0, BURST, count))
        during[0], during[-1] = 0, BURST
        sides = np.where(rng.random(event.ticks) < 0.5 + 0.35 * np.sign(event.change), 1, -1)
        sizes = np.append(np.full(AWAKE, 100.0), np.ones(count))
        mine, since = code == event.code, time - event.time
        if event.multiple:
            usual = (size[mine & (since > -6 * MINUTE) & (since <= 0)].sum() + 100 * AWAKE) / 5
            shape = rng.lognormal(0, 0.6, count)
            sizes[AWAKE:] = 10 * np.ceil(shape / shape.sum() * event.multiple * usual / 10)
        else:
            size[mine & (since > -HUSH_BEFORE) & (since <= HUSH_AFTER)] = 1
        rows.append((event.time + np.append(before, during), np.full(event.ticks, event.code), sides, sizes))
    time, code, side, size = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(time, kind="stable")
    return time[order], code[order], side[order], size[order]


def _prices(rng: np.random.Generator, time: Ints, code: Ints, side: Ints, volatility: Floats, planned: list[_Event]) -> Floats:
    order = np.argsort(code, kind="stable")
    time, code, ticks = time[order], code[order], len(time)
    first = np.exp(rng.uniform(np.log(80), np.log(800), int(code[-1]) + 1))
    begins = np.append(True, np.diff(code) != 0)
    pause = np.where(begins, 0, np.diff(time, prepend=time[0]))
    step = MINUTE_SIGMA * volatility[order] * np.sqrt(np.minimum(pause, MINUTE) / MINUTE) * rng.standard_normal(ticks)
    slot = (time + rng.integers(JUMP_EVERY, size=len(first))[code]) // JUMP_EVERY
    jumps = ~begins & (np.diff(slot, prepend=slot[0]) != 0) & (rng.random(ticks) < 0.5)
    step[jumps] += (side[order] * volatility[order] / WILDEST)[jumps] * rng.uniform(JUMP / 3, JUMP, np.count_nonzero(jumps))
    walk = np.cumsum(step)
    walk -= walk[np.searchsorted(code, code)]
    for event in planned:
        low, high = np.searchsorted(code, (event.code, event.code + 1))
        walk[low:high] += np.log1p(event.change) * np.clip((time[low:high] - event.time) / RAMP, 0, 1)
    price = np.empty(ticks)
    price[order] = np.rint(100 * first[code] * np.exp(walk) + side[order]) / 100  # the aggressor pays half a spread of two ticks
    return price


def synthetic(symbols: int = 12, ticks: int = 100_000, span: str = "1h", seed: int = 7) -> MarketFeed:
    """The seeded market as a feed of trades; `planted` is the ground truth: bursts, jumps, and breakouts, which are both.

    >>> feed = synthetic(ticks=13_000, span="40m")
    >>> [len(rows) for rows in feed.rows()], sorted(feed.columns)
    ([13000], ['kind', 'price', 'seq', 'side', 'size', 'symbol', 'time'])
    >>> len(feed.planted), feed.planted[0].kind
    (11, 'breakout')
    """
    return MarketFeed(market(symbols, ticks, nanoseconds(span), seed=seed))


@dataclass(frozen=True, slots=True, eq=False)
class MarketFeed:
    """A market as a feed."""

    market: Market
    name: str = "synthetic"

    @property
    def planted(self) -> tuple[Planted, ...]:
        """What a strategy should have seen, and what it should not have, in order of time."""
        return self.market.planted

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the market, and those that every tape has."""
        return frozenset({"seq", "kind", *self.market.columns})

    def rows(self) -> Iterator[RawRows]:
        """All rows at once; `columns["symbol"]` of the market counts from 0."""
        columns = {**self.market.columns, "symbol": self.market.columns["symbol"] + np.int32(1)}
        yield RawRows(columns, self.market.symbols, self.name)
