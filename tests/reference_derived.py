"""Derived tapes: bars of time, bars of n trades, the clock."""

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from reference_exact import NAN, rounded, total
from reference_tape import Row, nanoseconds


class Bar(NamedTuple):
    """A bar; `time` is its end (ns), which it does not contain."""

    time: int
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    count: int  # type: ignore[assignment]  # shadows tuple.count


class ClockRow(NamedTuple):
    """A symbol at a clock time: last price, volume since its previous clock row, time of its last trade."""

    time: int
    symbol: str
    price: float
    size: float
    seen: int


#   time       0    5    10   15
#   bar 0      [---------)          emitted when the tape reaches 10
#   bar 1                [---------)


def bars(rows: Sequence[Row], width: str) -> list[Bar]:
    """Bars of `width`, by end, then by first trade; one whose end the tape never reached is left out."""
    return _time_bars(_trades(rows), nanoseconds(width), _until(rows))


def bars_of_bars(parents: Sequence[Bar], width: str, until: int) -> list[Bar]:
    """Bars of `width` made of bars; `until` is the last time of the root tape."""
    return _time_bars(_instants(parents), nanoseconds(width), until)


def count_bars(rows: Sequence[Row], n: int) -> list[Bar]:
    """Bars of `n` trades of a symbol, ending 1 ns after the last, by that trade."""
    return _count_bars(_trades(rows), n, _until(rows))


def count_bars_of_bars(parents: Sequence[Bar], n: int, until: int) -> list[Bar]:
    """Bars made of `n` bars of a symbol; `until` is the last time of the root tape."""
    return _count_bars(_instants(parents), n, until)


def _until(rows: Sequence[Row]) -> int:
    return rows[-1].time if rows else 0


def _trades(rows: Sequence[Row]) -> list[Bar]:
    """Every trade as a bar of its own, at its instant."""
    trades = [(row.time, row.symbol, row.price, row.size) for row in rows if row.kind == "TRADE"]
    return [Bar(time, symbol, p, p, p, p, size, p, 1) for time, symbol, p, size in trades if symbol is not None]


def _instants(parents: Sequence[Bar]) -> list[Bar]:
    """A derived row belongs to the instant before its time."""
    return [bar._replace(time=bar.time - 1) for bar in parents]


def _time_bars(parts: Sequence[Bar], width_ns: int, until: int) -> list[Bar]:
    groups: dict[tuple[int, str], list[Bar]] = {}
    for part in parts:
        groups.setdefault((part.time // width_ns * width_ns + width_ns, part.symbol), []).append(part)
    finished = [_joined(end, parts) for (end, _), parts in groups.items() if end <= until]
    return sorted(finished, key=lambda bar: bar.time)


def _count_bars(parts: Sequence[Bar], n: int, until: int) -> list[Bar]:
    finished = []
    for i, part in enumerate(parts):
        mine = [other for other in parts[: i + 1] if other.symbol == part.symbol]
        if len(mine) % n == 0 and part.time + 1 <= until:
            finished.append(_joined(part.time + 1, mine[-n:]))
    return finished


def _joined(end: int, parts: Sequence[Bar]) -> Bar:
    size = total(part.volume for part in parts)
    worth = total(Fraction(part.vwap) * Fraction(part.volume) for part in parts if part.volume)
    return Bar(
        time=end,
        symbol=parts[0].symbol,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=rounded(size),
        vwap=rounded(worth / size) if size else NAN,
        count=sum(part.count for part in parts),
    )


def clock(rows: Sequence[Row], every: str, active: str) -> list[ClockRow]:
    """A row for every symbol traded within `active`, at each multiple of `every` after the first row that the tape reached."""
    if not rows:
        return []
    trades = _trades(rows)
    times = [trade.time for trade in trades]
    symbols = list(dict.fromkeys(row.symbol for row in rows if row.symbol is not None))
    every_ns, active_ns = nanoseconds(every), nanoseconds(active)
    told: list[ClockRow] = []
    for now in range(rows[0].time // every_ns * every_ns + every_ns, rows[-1].time + 1, every_ns):
        before = trades[: bisect_left(times, now)]
        if before and now - before[-1].time <= active_ns:
            told += [_clock_row(now, before, told, symbol) for symbol in symbols if _is_active(now, before, symbol, active_ns)]
    return told


def _is_active(now: int, before: Sequence[Bar], symbol: str, active_ns: int) -> bool:
    return any(trade.symbol == symbol and now - trade.time <= active_ns for trade in before)


def _clock_row(now: int, before: Sequence[Bar], told: Sequence[ClockRow], symbol: str) -> ClockRow:
    mine = [trade for trade in before if trade.symbol == symbol]
    reported = max((row.time for row in told if row.symbol == symbol), default=mine[0].time)
    size = rounded(total(trade.volume for trade in mine if reported <= trade.time))
    return ClockRow(now, symbol, mine[-1].close, size, mine[-1].time)
