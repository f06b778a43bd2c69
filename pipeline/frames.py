"""frame: a tape and its signals as one pandas DataFrame, to explore in a notebook."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from signal import SIGINT
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.combine import Combination, Combined, combine_latest
from pipeline.durations import Duration
from pipeline.errors import BuildError, UnknownName, UsageError
from pipeline.feed import Feed
from pipeline.flow import Signal, Tape
from pipeline.functions import is_uncalled, signature_of
from pipeline.ingest import Late
from pipeline.runner import Run
from pipeline.symbols import SymbolTable
from pipeline.ticks import COLUMN_TYPES, Kind, Ticks
from pipeline.windows.bars import COLUMNS

if TYPE_CHECKING:
    import pandas

__all__ = ["Rows", "Time", "frame"]

Time = str | int | datetime
"""A moment: text or a datetime with a zone, or whole ns UTC, as in `alert.time`."""
TIMES = ("time", "received", "event_time", "seen")
ORDER = [*COLUMN_TYPES, *COLUMNS]
ENDS = -(1 << 63), (1 << 63) - 1
LOG = logging.getLogger("rxtape")


def frame(
    feed: "Feed | Ticks | pandas.DataFrame",
    /,
    *through: Callable[[Any], Any],
    on: Callable[[Any], Any] | None = None,
    symbols: str | Sequence[str] | None = None,
    start: Time | None = None,
    until: Time | None = None,
    late: Late = "fail",
    lateness: Duration = "0s",
    on_bad: Literal["fail", "skip"] = "fail",
    **signals: Callable[[Any], Any],
) -> "pandas.DataFrame":
    """A DataFrame of a tape, a row a tick: time, symbol, kind (where there is more than one), prices; then a column a signal.

    A signal is an operator, or a function of the tape that gives a signal; `bollinger` gives three columns. `through` is
    what the tape goes through first: after `bars("1m")` the rows are the bars, and the operators work on them. `on` only
    says at which rows the signals are read: `on=clock("1s")` reads signals of ticks once a second. Without either the rows
    are those that `combine_latest` chooses: the ticks, unless all signals are of bars. Rows without a symbol are left out.

    The rows come from a feed, from ticks, or from a DataFrame of ticks, as in `run`.

    `symbols`, `start` and `until` (not included) choose rows to keep; everything before `until` is computed, so that
    windows are full. `late`, `lateness` and `on_bad` as in `run`. Time is datetime64[ns, UTC], the symbol a category, a
    signal float64, nan while it is not known. Memory: 8 bytes a number and row that is kept, twice that while the frame
    is made; ten million trades with three signals are half a GB, and one GB at the peak.

    Raises InputError for bad input, whatever came before it; UsageError for what cannot work.

    >>> from pipeline.checks import tape_of
    >>> from pipeline.operators import last, moving_average
    >>> ticks = tape_of(price=[10.0, 12.0, 14.0], size=[1, 5, 2])
    >>> made = frame(ticks, fast=moving_average(2), gap=lambda tape: tape.pipe(last()) - tape.pipe(moving_average(2)))
    >>> list(made.columns), made[["fast", "gap"]].values.tolist()[1:]
    (['time', 'symbol', 'price', 'size', 'fast', 'gap'], [[11.0, 1.0], [13.0, 1.0]])
    """
    options = {"symbols": symbols, "start": start, "until": until, "late": late, "lateness": lateness, "on_bad": on_bad}
    for name, value in options.items():
        if callable(value):
            raise UsageError(f"frame: {name!r} is an option of frame, not a signal; give the signal another name")
    run = Run(feed, late=late, lateness=lateness, on_bad=on_bad)
    shown = view(run.tape, through, on, signals)
    rows = Rows(columns_of(shown), run.graph.symbols, chosen(symbols), moment("start", start), moment("until", until))
    shown.subscribe(rows.take)
    report = run.go()
    if report.interrupted:
        raise KeyboardInterrupt if report.stopped_by == SIGINT else SystemExit(report.exit_code)
    if report.incomplete is not None:
        raise report.incomplete
    if report.bad_rows or report.dropped_rows:
        LOG.warning("the frame is without %d bad rows and %d late rows", report.bad_rows, report.dropped_rows)
    return rows.to_pandas()


def view(
    tape: Tape, through: Iterable[Callable[[Any], Any]], on: Callable[[Any], Any] | None, signals: Mapping[str, Callable[[Any], Any]]
) -> Tape | Combination:  # fmt: skip
    """The rows to show, with the signals beside them."""
    for step in through:
        tape = applied("through", tape, step, Tape)
    rows = applied("on", tape, on, Tape) if on is not None else tape if tape.derived else None
    if not signals:
        return tape if rows is None else rows
    named: dict[str, Signal] = {}
    for name, make in signals.items():
        found = applied(name, tape, make, Signal | tuple)
        parts = found._asdict() if hasattr(found, "_asdict") else {"": found}
        named |= {f"{name}_{part}" if part else name: signal for part, signal in parts.items()}
    made = combine_latest(on=rows, **named)
    for name in sorted(made.tape.columns & named.keys()):
        raise UsageError(f"frame: the rows have a column {name!r} of their own; give the signal another name")
    return made


def applied(name: str, tape: Tape, make: Callable[[Any], Any], expected: Any) -> Any:
    """What an operator or a function makes of the tape."""
    wanted = 'a tape of its own rows, such as bars("1m")' if expected is Tape else "a signal: an operator, or a function of the tape"
    if not callable(make):
        raise BuildError(f"frame: {name} is {make!r:.80}; expected {wanted}")
    if is_uncalled(make):
        raise BuildError(f"frame: {name} is {make.__name__} without calling it; call it, as in {name}={signature_of(make)}")
    found = make(tape)
    if not isinstance(found, expected):
        hint = "; name the signals, as in fast=moving_average(10)" if isinstance(found, Signal) else ""
        hint = '; rows of their own go first: frame(feed, bars("1m"), ...)' if isinstance(found, Tape) else hint
        raise BuildError(f"frame: {name} gives a {type(found).__name__}; expected {wanted}{hint}")
    return found


def columns_of(shown: Tape | Combination) -> list[str]:
    """The names of the columns, in the order of the frame."""
    tape, signals = (shown, ()) if isinstance(shown, Tape) else (shown.tape, tuple(shown.signals))
    return [*sorted(tape.columns, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)), *signals]


def chosen(symbols: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if symbols is None else (symbols,) if isinstance(symbols, str) else tuple(symbols)


def moment(name: str, time: Time | None) -> int:
    """Nanoseconds UTC; the end of time that is meant, where there is none."""
    import pandas as pd

    if time is None:
        return ENDS[name == "until"]
    if isinstance(time, int | np.integer):
        return int(time)
    try:
        stamp = pd.Timestamp(time)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}={time!r} is no time: {error}") from None
    if stamp is pd.NaT or stamp.tz is None:
        raise UsageError(f"{name}={time!r} names no time zone; write it as in '2024-03-04T14:30Z'")
    return int(stamp.as_unit("ns").value)


@dataclass
class Rows:
    """Collects the rows of a tape or combination: those of `symbols` (None: any), with `start` <= time < `until` in ns."""

    columns: Sequence[str]
    table: SymbolTable
    symbols: tuple[str, ...] | None = None
    start: int = ENDS[0]
    until: int = ENDS[1]
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)

    def take(self, item: Ticks | Combined) -> None:
        """The rows of one batch."""
        rows, values = (item.rows, item.values) if isinstance(item, Combined) else (item, {})
        keep = self._chosen(rows)
        if keep.any():
            every = bool(keep.all())
            for name in self.columns:
                column = values[name] if name in values else rows.columns[name]
                self.parts.setdefault(name, []).append(column if every else column[keep])

    def _chosen(self, rows: Ticks) -> NDArray[np.bool_]:
        symbol, time = rows.columns["symbol"], rows.columns["time"]
        if self.symbols is None:
            keep = symbol > 0
        else:
            keep = np.isin(symbol, [code for code in map(self.table.find, self.symbols) if code > 0])
        return keep & (time >= self.start) & (time < self.until)

    def column(self, name: str) -> NDArray[Any]:
        """One column; its parts are let go."""
        parts = self.parts.pop(name, None)
        return np.empty(0, COLUMN_TYPES.get(name, np.float64)) if parts is None else np.concatenate(parts)

    def to_pandas(self) -> "pandas.DataFrame":
        """The rows as a frame; UnknownName for a symbol that the tape does not have. Lets the parts go."""
        import pandas as pd

        for name in self.symbols or ():
            if name not in self.table:
                raise UnknownName("symbol of the tape", name, self.table)
        made: dict[str, Any] = {name: self.column(name) for name in self.columns if name != "seq"}
        for name in TIMES:
            if name in made:
                made[name] = pd.DatetimeIndex(made[name].astype(np.int64, copy=False).view("M8[ns]")).tz_localize("UTC")
        made["symbol"] = categories(made["symbol"], ["", *self.table])
        kinds = made.pop("kind")
        data = pd.DataFrame(made, copy=False)
        if len(kinds) and (kinds != kinds[0]).any():
            data.insert(2, "kind", categories(kinds, [kind.name.lower() for kind in Kind]))
        return data


def categories(codes: NDArray[Any], names: Sequence[str]) -> "pandas.Categorical":
    """Codes as a category of the names that occur, in the order of the alphabet."""
    import pandas as pd

    occurs = np.zeros(len(names), np.bool_)
    occurs[codes] = True
    present = np.array(sorted(np.flatnonzero(occurs).tolist(), key=names.__getitem__), np.int64)
    places = np.zeros(len(names), np.int32)
    places[present] = np.arange(len(present))
    return pd.Categorical.from_codes(places[codes], [names[code] for code in present.tolist()])
