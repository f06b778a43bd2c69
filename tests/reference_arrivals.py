"""When rows arrive, and how far trades lie from their VWAP; the rows of a clock that only runs while something is alive."""

from collections.abc import Sequence
from fractions import Fraction

from reference_derived import ClockRow, clock
from reference_exact import NAN, root, rounded, total
from reference_tape import Inputs, Numbers, Row, Session, Values, each_row, nanoseconds, since_open


def inter_arrival(inputs: Inputs[float]) -> Values:
    """Seconds between the last two counted rows."""
    return each_row(inputs, lambda past, now: (past[-1].time - past[-2].time) / 10**9 if len(past) > 1 else NAN)


def age_of(inputs: Inputs[float], symbol: str) -> Values:
    """Seconds since the last counted row of one given symbol, at every row that has a symbol."""
    values, seen = [], None
    for row in inputs:
        if row.fresh and row.symbol == symbol:
            seen = row.time
        values.append(NAN if row.symbol is None or seen is None else (row.time - seen) / 10**9)
    return values


def vwap_std(inputs: Inputs[Numbers], session: Session) -> Values:
    """Root of the mean, weighted with size, of squared distances from VWAP, of (price, size) inputs since the session's open."""

    def at(past: Inputs[Numbers], now: int) -> float:
        rows = [(Fraction(row.x[0]), Fraction(row.x[1])) for row in since_open(past, now, session)]
        size = sum((size for _, size in rows), Fraction(0))
        if not size:
            return NAN
        vwap = total(price * size for price, size in rows) / size
        return rounded(root(total(size * (price - vwap) ** 2 for price, size in rows) / size))

    return each_row(inputs, at)


def live_clock(rows: Sequence[Row], every: str, active: str, alive: str) -> list[ClockRow]:
    """The clock's rows at the times before which a row of any kind came within `alive`."""
    return [row for row in clock(rows, every, active) if _heard(rows, row.time, nanoseconds(alive))]


def _heard(rows: Sequence[Row], now: int, alive: int) -> bool:
    return any(row.time < now <= row.time + alive for row in rows)
