"""A look at a feed before it is replayed: how much there is, of what, over which time, and what is odd about it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import format_time
from pipeline.durations import SECOND
from pipeline.errors import InputError
from pipeline.feed import Feed
from pipeline.ingest import RawRows
from pipeline.row_checks import bad_rows, time_reason
from pipeline.ticks import Kind

__all__ = ["Inspection", "Oddity", "inspect"]

EXAMPLES = 3
JUMP = 1.5
QUIET_NS = 3600 * SECOND
Columns = dict[str, NDArray[Any]]


@dataclass
class Oddity:
    """One thing that is odd: what, in how many rows, and the first of them as (source, line, what it says)."""

    what: str
    count: int = 0
    examples: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass
class Inspection:
    """What `inspect` found. Times are ns UTC; `latest_ns` is how far the latest row comes after a newer one."""

    name: str
    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    symbols: Counter[str] = field(default_factory=Counter)
    first: int = 0
    last: int = 0
    late_rows: int = 0
    latest_ns: int = 0
    refused: int = 0
    oddities: dict[str, Oddity] = field(default_factory=dict)
    head: list[dict[str, Any]] = field(default_factory=list)
    damage: InputError | None = None

    def odd(self, what: str, rows: NDArray[np.intp], raw: RawRows, say: Any) -> None:
        """Note rows that are odd; `say(row)` puts one into words."""
        if len(rows):
            found = self.oddities.setdefault(what, Oddity(what))
            found.count += len(rows)
            for row in rows[: EXAMPLES - len(found.examples)].tolist():
                found.examples.append((*raw.place(row), say(row)))


def inspect(feed: Feed, head: int = 5) -> Inspection:
    """Read a whole feed and judge nothing; `head` is how many of its first rows are kept.

    >>> from pipeline import Ticks
    >>> from pipeline.feed import recorded
    >>> start = 1_381_219_200_000_000_000
    >>> ticks = Ticks.of(time=[start, start + 1, start + 2], symbol=["SPY"] * 3, price=[167.0, 16.7, 167.0], size=[1.0, 0.0, 2.0])
    >>> found = inspect(recorded(ticks))
    >>> found.rows, dict(found.symbols), [(odd.what, odd.count) for odd in found.oddities.values()]
    (3, {'SPY': 3}, [('trades of size 0', 1), ('price jumps', 2)])
    """
    found, newest, previous = Inspection(feed.name), 0, dict[str, float]()
    try:
        for raw in feed.rows():
            note_refused(found, raw)
            raw = without_bad(found, raw)
            if len(raw):
                newest = note_rows(found, raw, newest)
                note_numbers(found, raw)
                note_jumps(found, raw, previous)
                found.head += list(first_rows(raw, head - len(found.head)))
    except InputError as error:
        found.damage = error
    return found


def note_refused(found: Inspection, raw: RawRows) -> None:
    for _, bad in raw.refused:
        found.refused += 1
        odd = found.oddities.setdefault("refused", Oddity("refused"))
        odd.count += 1
        if len(odd.examples) < EXAMPLES:
            odd.examples.append((bad.source, bad.line, f"column {bad.column}: {bad.value!r} {bad.reason}"))


def without_bad(found: Inspection, raw: RawRows) -> RawRows:
    """The rows that a replay would take; the others are refused, each once, for the first reason there is."""
    columns, bad = raw.columns | {"kind": kinds_of(raw)}, np.zeros(len(raw), np.bool_)
    for rows, name, reason in bad_rows(columns):
        found.odd("refused", np.flatnonzero(rows & ~bad), raw, partial(refusal, columns, name, reason))
        bad |= rows
    if not bad.any():
        return raw
    found.refused += int(bad.sum())
    at = np.flatnonzero(~bad)
    kept = {name: column[at] for name, column in raw.columns.items()}
    return replace(raw, columns=kept, place_of=lambda row: raw.place(int(at[row])), refused=())


def kinds_of(raw: RawRows) -> NDArray[np.int8]:
    if "kind" in raw.columns:
        return raw.columns["kind"]
    return np.full(len(raw), Kind.TRADE if "price" in raw.columns else Kind.QUOTE, np.int8)


def note_rows(found: Inspection, raw: RawRows, newest: int) -> int:
    """Rows by kind and symbol, their span and order; the newest time so far."""
    time, codes = raw.columns["time"], raw.columns["symbol"]
    found.first = min(found.first, int(time.min())) if found.rows else int(time.min())
    found.last = max(found.last, int(time.max()))
    found.rows += len(raw)
    for kind, count in zip(*np.unique(kinds_of(raw), return_counts=True), strict=True):
        found.kinds[Kind(kind).name if 0 <= kind <= 3 else f"kind {kind}"] += int(count)
    for place, count in enumerate(np.bincount(codes, minlength=len(raw.names) + 1).tolist()):
        if place and count:
            found.symbols[raw.names[place - 1]] += count
    before = np.maximum.accumulate(np.concatenate([[newest or time[0]], time[:-1]]))
    behind = before - time
    late = np.flatnonzero(behind > 0)
    found.late_rows += len(late)
    found.latest_ns = max(found.latest_ns, int(behind.max()))
    found.odd("out of order", late, raw, lambda row: f"{behind[row] / SECOND:.9g} s older than a row before it")
    quiet = np.flatnonzero(-behind > QUIET_NS)
    found.odd("quiet for more than an hour", quiet, raw, lambda row: f"{-behind[row] / SECOND / 3600:.1f} h without a tick before this row")
    return max(newest, int(time.max()))


def note_numbers(found: Inspection, raw: RawRows) -> None:
    columns = raw.columns
    trade = kinds_of(raw) == Kind.TRADE
    if "size" in columns:
        found.odd("trades of size 0", np.flatnonzero(trade & (columns["size"] == 0)), raw, lambda row: f"{symbol(raw, row)} size 0")
    if "price" in columns:
        low, price = np.flatnonzero(trade & (columns["price"] <= 0)), columns["price"]
        found.odd("prices of 0 or below", low, raw, lambda row: f"{symbol(raw, row)} at {price[row]:g}")
    if "bid" in columns and "ask" in columns:
        bid, ask = columns["bid"], columns["ask"]
        crossed = np.flatnonzero(bid > ask)
        found.odd("crossed quotes", crossed, raw, lambda row: f"{symbol(raw, row)} bid {bid[row]:g}, ask {ask[row]:g}")


def refusal(columns: Columns, name: str, reason: str, row: int) -> str:
    value = columns[name][row].item()
    return f"column {name}: {value!r} {reason or time_reason(value)}"


def note_jumps(found: Inspection, raw: RawRows, previous: dict[str, float]) -> None:
    """Prices half as high again as the symbol's price before, or lower by as much, and prints that repeat the one before."""
    if "price" not in raw.columns:
        return
    price, codes = raw.columns["price"], raw.columns["symbol"]
    rows = np.flatnonzero(np.isfinite(price) & (price > 0) & (codes > 0))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    if not len(rows):
        return
    here, own = price[rows], codes[rows]
    before = np.concatenate([[np.nan], here[:-1]])
    starts = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))
    before[starts] = [previous.get(raw.names[code - 1], np.nan) for code in own[starts].tolist()]
    newest = here[np.append(starts[1:], len(here)) - 1].tolist()
    previous.update(zip((raw.names[code - 1] for code in own[starts].tolist()), newest, strict=True))
    ratio = here / before
    jumps = np.flatnonzero((ratio > JUMP) | (ratio < 1 / JUMP))
    was = dict(zip(rows[jumps].tolist(), before[jumps].tolist(), strict=True))
    found.odd("price jumps", np.sort(rows[jumps]), raw, lambda row: f"{symbol(raw, row)} {price[row]:g} after {was[row]:g}")


def symbol(raw: RawRows, row: int) -> str:
    code = int(raw.columns["symbol"][row])
    return raw.names[code - 1] if code else "-"


def first_rows(raw: RawRows, count: int) -> Iterator[dict[str, Any]]:
    for row in range(min(count, len(raw))):
        line = raw.place(row)[1]
        values = {name: column[row].item() for name, column in raw.columns.items() if name not in ("time", "symbol", "kind")}
        yield {"line": line, "time": format_time(int(raw.columns["time"][row])), "symbol": symbol(raw, row), **values}
