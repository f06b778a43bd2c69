"""Last values, changes, recursive averages, sessions and quotes."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

from reference_exact import DIGITS, NAN, decimal, rounded, total
from reference_tape import Inputs, Numbers, Session, Values, Window, each_row, known, nanoseconds, since_open


def column(inputs: Inputs[float]) -> Values:
    """The last value."""
    return each_row(inputs, lambda past, now: past[-1].x if past else NAN)


def of(inputs: Inputs[float], symbol: str) -> Values:
    """The last value of one given symbol, at every row that has a symbol."""
    values, last = [], NAN
    for row in inputs:
        if row.fresh and row.symbol == symbol:
            last = row.x
        values.append(NAN if row.symbol is None else last)
    return values


def age(inputs: Inputs[float]) -> Values:
    """Seconds since the last counted row."""
    return each_row(inputs, lambda past, now: (now - past[-1].time) / 10**9 if past else NAN)


def mid(quotes: Inputs[Numbers]) -> Values:
    """Half of bid plus ask, of (bid, ask) inputs; NaN where one is missing."""
    return _of_last_quote(quotes, lambda bid, ask: (bid + ask) / 2)


def spread(quotes: Inputs[Numbers]) -> Values:
    """Ask minus bid, of (bid, ask) inputs."""
    return _of_last_quote(quotes, lambda bid, ask: ask - bid)


def spread_bps(quotes: Inputs[Numbers]) -> Values:
    """Ask minus bid in 1/10,000 of mid, of (bid, ask) inputs; NaN where mid is not above 0."""
    return _of_last_quote(quotes, lambda bid, ask: (ask - bid) / ((bid + ask) / 2) * 10_000 if bid + ask > 0 else None)


def _of_last_quote(quotes: Inputs[Numbers], value: Callable[[Fraction, Fraction], Fraction | None]) -> Values:
    def at(past: Inputs[Numbers], now: int) -> float:
        if not past or any(math.isnan(side) for side in past[-1].x):
            return NAN
        bid, ask = past[-1].x
        result = value(Fraction(bid), Fraction(ask))
        return NAN if result is None else rounded(result)

    return each_row(quotes, at)


def price_change(inputs: Inputs[float], over: Window) -> Values:
    """last / reference - 1; the reference is `over` counted rows earlier, or the last value at or before `t - over`."""
    return _against_reference(inputs, over, lambda last, reference: rounded(Fraction(last) / Fraction(reference) - 1))


def log_return(inputs: Inputs[float], over: Window) -> Values:
    """ln(last / reference), with the reference of `price_change`."""

    def logarithm(last: float, reference: float) -> float:
        return rounded(DIGITS.ln(decimal(Fraction(last) / Fraction(reference)))) if last > 0 else NAN

    return _against_reference(inputs, over, logarithm)


def _against_reference(inputs: Inputs[float], over: Window, value: Callable[[float, float], float]) -> Values:
    def at(past: Inputs[float], now: int) -> float:
        if isinstance(over, int):
            earlier = past[: max(len(past) - over, 0)]
        else:
            earlier = [row for row in past if row.time <= now - nanoseconds(over)]
        return value(past[-1].x, earlier[-1].x) if earlier and earlier[-1].x > 0 else NAN

    return each_row(inputs, at)


def ema(inputs: Inputs[float], window: Window, seed: str = "average") -> Values:
    """Exponential average: an int is a span seeded with its mean ("average") or the first value ("first"), a str a half-life."""
    if isinstance(window, str):
        return each_row(inputs, lambda past, now: _half_life_average(past, nanoseconds(window)) if past else NAN)
    seeds = {"average": window, "first": 1}[seed]
    return each_row(inputs, lambda past, now: _span_average([row.x for row in past], window, seeds) if len(past) >= seeds else NAN)


def _half_life_average(past: Inputs[float], half_life_ns: int) -> float:
    weights = [Fraction(2.0 ** -((past[-1].time - row.time) / half_life_ns)) for row in past]
    return rounded(total(weight * Fraction(row.x) for weight, row in zip(weights, past, strict=True)) / total(weights))


def _span_average(xs: Sequence[float], span: int, seeds: int) -> float:
    with localcontext(DIGITS):
        alpha = Decimal(2) / (span + 1)
        level = sum(map(Decimal, xs[:seeds]), Decimal(0)) / seeds
        for x in xs[seeds:]:
            level += alpha * (Decimal(x) - level)
        return rounded(level)


def rsi(inputs: Inputs[float], n: int) -> Values:
    """Wilder's relative strength index; his averages start as the mean of the first `n` changes."""
    return each_row(inputs, lambda past, now: _rsi([row.x for row in past], n) if len(past) > n else NAN)


def _rsi(xs: Sequence[float], n: int) -> float:
    with localcontext(DIGITS):
        changes = [Decimal(x) - Decimal(before) for before, x in pairwise(xs)]
        gain = _wilder_average([max(change, Decimal(0)) for change in changes], n)
        loss = _wilder_average([max(-change, Decimal(0)) for change in changes], n)
        return rounded(100 - 100 / (1 + gain / loss)) if loss else 100.0


def _wilder_average(xs: Sequence[Decimal], n: int) -> Decimal:
    average = sum(xs[:n], Decimal(0)) / n
    for x in xs[n:]:
        average = (average * (n - 1) + x) / n
    return average


def session_high(inputs: Inputs[float], session: Session) -> Values:
    """Highest value since the session's open; NaN outside a session."""
    return each_row(inputs, lambda past, now: max((row.x for row in since_open(past, now, session)), default=NAN))


def session_low(inputs: Inputs[float], session: Session) -> Values:
    """Lowest value since the session's open; NaN outside a session."""
    return each_row(inputs, lambda past, now: min((row.x for row in since_open(past, now, session)), default=NAN))


def order_flow_imbalance(quotes: Inputs[Numbers], over: str) -> Values:
    """Sum in the window of what each quote added to the bid less to the ask (Cont, Kukanov, Stoikov), of (bid, bid_size, ask, ask_size).

    A quote with a NaN in it is passed over.
    """

    def at(past: Inputs[Numbers], now: int) -> float:
        moves = [(quote.time, _flow(before.x, quote.x)) for before, quote in pairwise(past)]
        return rounded(total(flow for time, flow in moves if now - nanoseconds(over) < time))

    return each_row(known(quotes), at)


def _flow(before: Numbers, quote: Numbers) -> Fraction:
    old_bid, old_bid_size, old_ask, old_ask_size = before
    bid, bid_size, ask, ask_size = quote
    return total(
        [
            bid_size if bid >= old_bid else 0.0,
            -old_bid_size if bid <= old_bid else 0.0,
            -ask_size if ask <= old_ask else 0.0,
            old_ask_size if ask >= old_ask else 0.0,
        ]
    )
