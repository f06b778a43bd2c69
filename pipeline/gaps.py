"""Where the tape lost something, and which values that leaves in doubt.

A GAP row says that rows of its symbol are missing here. A value is marked while what it depends on spans such a place,
or a row that is marked itself; how far back it depends is its reach:

    rows=2, time_ns=1m        x     X     X  (----- X ---- 1m ------ X ]
                                                                     t       two rows before the window, and all in it
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels import Codes, Counts, Flags, Ints, Kinds, Marks, Times, kernel
from pipeline.state import State, full, zeros
from pipeline.ticks import BATCH_ROWS, Ticks

__all__ = [
    "FOREVER",
    "NEVER",
    "Opens",
    "Reach",
    "blank_doubt",
    "derived_doubt",
    "doubtful_rows",
    "either",
    "flags_of",
    "marks_of",
    "with_losses",
]

FOREVER = 1 << 62
NEVER = -FOREVER
NO = np.zeros(BATCH_ROWS, np.bool_)
NO.setflags(write=False)
NOWHERE = np.empty(0, np.int64)
WAITING, NEWEST = 0, 1
"""Places in `open`: how many symbols wait for fresh rows, the newest time at which something was lost or doubtful."""


class Opens(Protocol):
    """Sessions."""

    def opens_at(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each time, the open of its session, -1 outside of all."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a value at time t depends: on the rows in (t - time_ns, t], and on the `rows` fresh ones before those.

    `FOREVER` in either: on everything. With a `session`, on nothing before its open. With a `symbol`, on the rows of that
    symbol instead of the row's own.

    >>> Reach(rows=10), Reach(time_ns=60 * 10**9)
    (Reach(time_ns=0, rows=10, session=None, symbol=''), Reach(time_ns=60000000000, rows=0, session=None, symbol=''))
    """

    time_ns: int = 0
    rows: int = 0
    session: Opens | None = None
    symbol: str = ""


@kernel
def marked(
    time: Times, symbol: Codes, fresh: Flags, dirty: Flags, opened: Times, width: int, rows: int, code: int, lost: Ints, left: Ints,
    open_: Ints, out: Marks,
) -> None:  # fmt: skip
    """lost[k]: when something was lost, or when enough fresh rows had come since; left[k]: how many have yet to come."""
    for i in range(time.shape[0]):
        k = symbol[i]
        if dirty[i] and k > 0:
            open_[WAITING] += rows > 0 and left[k] == 0
            left[k] = rows
            lost[k] = open_[NEWEST] = time[i]
        elif fresh[i] and left[k] > 0:
            left[k] -= 1
            if left[k] == 0:
                open_[WAITING] -= 1
                lost[k] = open_[NEWEST] = time[i]
        of = k if code < 0 else code
        since = opened[i] if opened.shape[0] else NEVER
        out[i] = k > 0 and (left[of] > 0 or lost[of] > time[i] - width) and lost[of] >= since and since != -1


@kernel
def rows_in_doubt(
    time: Times, symbol: Codes, loss: Flags, counted: Flags, brings: Kinds, at: Times, due_at: Times, until: int, shift: int, overlap: int,
    row_time: Times, row_symbol: Codes, latest: Ints, since: Ints, closes: Ints, due: Ints, place: Ints, seen: Ints, stale: Ints,
    out: Marks, told: Counts,
) -> int:  # fmt: skip
    """Which derived rows lost something, and the moments from which one may be missing or wrong; gives how many those are.

    A GAP tells when the loss was noticed. It may have begun as long ago as the newest row that counts: if the derived row
    that holds that one is out, it may lack something, and others may be missing.

    latest[k]: the newest loss; since[k]: what counts for the next row; closes[k]: when the row that holds the newest
    counted one is due; due[k]: from when the newest row is in doubt, place[k]: from which row of the root (-1: any of that
    time); seen[k], stale[k]: which columns that stand have ever come, and which have not come since a loss, as bits.
    """
    count = j = 0
    for m in range(row_time.shape[0] + 1):
        end = row_time[m] if m < row_time.shape[0] else FOREVER
        while j < time.shape[0] and time[j] < end:
            k = symbol[j]
            if counted[j] and due_at[j] >= 0:
                closes[k] = due_at[j]
            if loss[j] and k > 0:
                latest[k] = time[j]
                known = time[j] if at[j] >= 0 else time[j] + shift
                if max(closes[k], known) < due[k]:
                    due[k], place[k] = max(closes[k], known), at[j] if closes[k] <= known else -1
                seen[k] |= brings[j]
                stale[k] = seen[k]
            elif brings[j] and k > 0:
                seen[k] |= brings[j]
                stale[k] &= ~brings[j]
            j += 1
        if m < row_time.shape[0]:
            k = row_symbol[m]
            if due[k] < end:
                told[count, 0], told[count, 1], told[count, 2] = due[k], place[k], k
                count += 1
            out[m] = latest[k] >= since[k] or stale[k] > 0
            since[k], due[k] = end - overlap, FOREVER
    for k in range(due.shape[0]):
        if due[k] <= until:
            told[count, 0], told[count, 1], told[count, 2] = due[k], place[k], k
            count += 1
            due[k] = FOREVER
    return count


def flags_of(ticks: Ticks) -> NDArray[np.bool_]:
    """No flags: a column of false as long as the rows."""
    return NO[: len(ticks)] if len(ticks) <= len(NO) else np.zeros(len(ticks), np.bool_)


def either(*flags: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Where any of these is true; None where there are none.

    >>> either(None, np.array([True, False]), np.array([False, False]))
    array([ True, False])
    """
    known = [each for each in flags if each is not None]
    if not known:
        return None
    return known[0] if len(known) == 1 else np.logical_or.reduce(known)


def blank_doubt(symbols: int) -> State:
    """What a stage remembers of losses: nothing yet."""
    return State(symbols, {"open": np.array([0, NEVER])}, lost=full(symbols, NEVER, "i8"), left=zeros(symbols, "i8"))


def marks_of(doubt: State, reach: Reach, ticks: Ticks, shift: int, fresh: Any, dirty: Any) -> NDArray[np.bool_] | None:
    """Which rows' values are in doubt, None if none; `dirty` are the rows whose input was lost or is in doubt."""
    time, rows = ticks.columns["time"], reach.rows
    if not len(time):
        return None
    if dirty is None and doubt.open[WAITING] == 0 and doubt.open[NEWEST] <= time[0] - reach.time_ns:
        return None
    opened, code = NOWHERE, max(0, ticks.symbols.find(reach.symbol)) if reach.symbol else -1
    if reach.session is not None:
        time = time - shift
        opened = reach.session.opens_at(time)
    out = np.empty(len(time), np.bool_)
    dirty = flags_of(ticks) if dirty is None else dirty
    marked(time, ticks.columns["symbol"], fresh, dirty, opened, reach.time_ns, rows, code, doubt.lost, doubt.left, doubt.open, out)
    out.setflags(write=False)
    return out if out.any() else None


def derived_doubt(symbols: int) -> State:
    """What a derived tape remembers of losses: nothing yet."""
    return State(
        symbols, latest=full(symbols, NEVER, "i8"), since=full(symbols, NEVER + 1, "i8"), closes=full(symbols, NEVER, "i8"),
        due=full(symbols, FOREVER, "i8"), place=zeros(symbols, "i8"), seen=zeros(symbols, "i8"), stale=zeros(symbols, "i8"),
    )  # fmt: skip


def doubtful_rows(
    doubt: State, made: Ticks, events: tuple[NDArray[Any], ...], due_at: NDArray[np.int64], shift: int, overlap: int
) -> None:  # fmt: skip
    """Say of the rows of a derived tape which lost something since their symbol's row before, and from when the newest is in doubt.

    `events` are time, symbol, whether it is a loss, whether it counts, what it brings, and its row of the root (-1: none), in
    order; `due_at` is when the row that holds it is due, -1 if in none. Losses within `overlap` ns before a row's end count
    for the next one too.
    """
    rows, out, until = made.columns, np.empty(len(made), np.bool_), int(made.root.columns["time"][-1])
    told = np.empty((len(made) + doubt.symbols, 3), np.int64)
    count = rows_in_doubt(
        *events, due_at, until, shift, overlap, rows["time"], rows["symbol"], doubt.latest, doubt.since, doubt.closes, doubt.due,
        doubt.place, doubt.seen, doubt.stale, out, told,
    )  # fmt: skip
    out.setflags(write=False)
    made.lost = out if out.any() else None
    told = told[np.lexsort((told[:count, 1], told[:count, 0]))]
    made.missing = (told[:, 0].copy(), told[:, 1].copy(), told[:, 2].astype(np.int32)) if count else None


def with_losses(rows: Ticks, *flags: tuple[NDArray[np.bool_], bool]) -> tuple[NDArray[Any], ...]:
    """Time and symbol of derived rows with the root's GAP rows among them, the row each was (-1: a GAP), and flags filled up."""
    root = rows.root
    at = np.flatnonzero(flags_of(root) if root.lost is None else root.lost)
    time, symbol = root.columns["time"][at], root.columns["symbol"][at]
    place = np.searchsorted(rows.columns["time"], time, side="right")
    joined = [np.insert(rows.columns["time"], place, time), np.insert(rows.columns["symbol"], place, symbol)]
    joined.append(np.insert(np.arange(len(rows)), place, -1))
    return (*joined, *(np.insert(flag, place, filling) for flag, filling in flags))
