"""What a plot of a run shows of one symbol: price, signals and alerts, found by reading the feed a second time."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import RAISED, Alert
from pipeline.combine import Combination
from pipeline.errors import SinkError, UnknownName, UsageError
from pipeline.frames import Rows, Time, moment
from pipeline.report import Report
from pipeline.rules import AlertStream
from pipeline.runner import Run
from pipeline.ticks import Ticks
from pipeline.units import SIZE

__all__ = ["Line", "Picture", "check_picture", "drawing", "picture_of", "save_plot", "thinned"]

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
COLUMNS = 2000
"""How many pixels across a plot may have; more points than can be seen are not kept."""
PRICE = "price (quote currency)"


@dataclass(frozen=True)
class Line:
    """A line of a plot: name, unit, times in ns UTC, and values; no nan, and no more points than can be seen."""

    name: str
    unit: str
    time: Times
    value: Floats


@dataclass
class Picture:
    """What is shown of one symbol: the price and the panels below it, each a list of lines; its alerts, and the price at each.

    `unknown` names the signals that have no value in what is shown.
    """

    symbol: str
    report: Report
    alerts: list[Alert]
    prices: Floats = field(default_factory=lambda: np.empty(0))
    panels: dict[str, list[Line]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def picture_of(report: Report, symbol: str | None = None, start: Time | None = None, until: Time | None = None) -> Picture:
    """Read the feed of a run again, as far as the run came, for the ticks, signals and alerts of one symbol.

    Raises UnknownName for a symbol that the tape does not have, UsageError for a feed that does not give the same again
    and where there is nothing to show.
    """
    if report.again is None:
        raise UsageError("this report has no feed to read again; plots are made of what run(feed, ...) returns")
    run: Run = report.again(on_fault=lambda fault: None, on_hang=lambda hang: None)
    chosen = symbol or most_alerts(report) or first_symbol(run)
    span = moment("start", start), moment("until", until)
    run.tape.subscribe(UpTo(report.ticks))
    rows_of = partial(Rows, table=run.graph.symbols, symbols=(chosen,), start=span[0], until=span[1])
    sides = [name for name in ("price", "bid", "ask") if name in run.tape.columns]
    ticks = rows_of(["time", *(sides[:1] if sides[0] == "price" else sides)])
    run.tape.subscribe(ticks.take)
    signals = []
    for combination in combinations(run):
        signals.append((combination, rows_of(["time", *combination.signals])))
        combination.subscribe(signals[-1][1].take)
    alerts = same_again(run, report)
    if chosen not in run.graph.symbols:
        raise UnknownName("symbol of the tape", chosen, run.graph.symbols)
    picture = Picture(chosen, report, [alert for alert in alerts if alert.symbol == chosen and span[0] <= alert.time < span[1]])
    add_price(picture, ticks)
    add_signals(picture, signals)
    return picture


class UpTo:
    """Ends a run before the row with this number, where the run before it was ended."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def __call__(self, ticks: Ticks) -> None:
        if self.left <= 0:
            raise KeyboardInterrupt
        self.left -= len(ticks)


def same_again(run: Run, report: Report) -> list[Alert]:
    """The alerts of the second reading, which must be those of the first."""
    found = run.go()
    if found.ticks < report.ticks and found.interrupted:
        raise KeyboardInterrupt
    if (found.ticks, found.alerts_by) != (report.ticks, report.alerts_by):
        raise UsageError(
            f"a plot reads the feed and runs the strategies a second time, and {run.feed.name} gave {found.ticks:,} ticks and "
            f"{found.alert_count:,} alerts then, {report.ticks:,} and {report.alert_count:,} at the run; "
            "plot a recording of it, such as csv(path) or Ticks"
        ) from found.incomplete
    return list(found.alerts)


def most_alerts(report: Report) -> str | None:
    """The symbol with most alerts, the first of the alphabet where several have as many."""
    counts = Counter[str]()
    for (_, symbol, _), count in report.alerts_by.items():
        counts[symbol] += count
    return min(counts, key=lambda symbol: (-counts[symbol], symbol)) if counts else None


def first_symbol(run: Run) -> str:
    """The symbol of the first row that has one."""
    for raw in run.feed.rows():
        codes = raw.columns["symbol"]
        if (codes > 0).any():
            name: str = raw.names[int(codes[codes > 0][0]) - 1]
            return name
    raise UsageError(f"there is nothing to plot: {run.feed.name} has no ticks")


def combinations(run: Run) -> Iterator[Combination]:
    """What the rules of the strategies see, each once."""
    seen: list[Combination] = []
    for _, stream, _ in run.graph.plan:
        if isinstance(stream, AlertStream) and not any(stream.source is known for known in seen):
            seen.append(stream.source)
            yield stream.source


def add_price(picture: Picture, ticks: Rows) -> None:
    """The traded price, or the middle of the quotes where nothing is traded, and what it was at each alert."""
    name = "price" if "price" in ticks.columns else "mid"
    time = ticks.column("time")
    value = ticks.column("price") if name == "price" else (ticks.column("bid") + ticks.column("ask")) / 2
    line = line_of(name, PRICE, time, value)
    if line is None:
        raise UsageError(f"there is nothing to plot: {picture.symbol} has no {name} between start and until")
    picture.panels[PRICE] = [line]
    time, value = time[np.isfinite(value)], value[np.isfinite(value)]
    place = np.searchsorted(time, [alert.time for alert in picture.alerts], side="right") - 1
    picture.prices = value[np.maximum(place, 0)]


def add_signals(picture: Picture, found: list[tuple[Combination, Rows]]) -> None:
    """Each signal once, in the panel of its unit; those like the price over the price, sizes next."""
    once: dict[int, tuple[str, Combination, Floats, Times]] = {}
    for combination, rows in found:
        time = rows.column("time")
        for name, signal in combination.signals.items():
            once.setdefault(id(signal), (name, combination, rows.column(name), time))
    names = Counter(name for name, *_ in once.values())
    below: dict[str, list[Line]] = {SIZE: []}
    for name, combination, value, time in once.values():
        label, signal = f"{combination.owner}: {name}" if names[name] > 1 else name, combination.signals[name]
        line = line_of(label, signal.unit or label, time, value)  # without a unit a panel of its own
        if line is None:
            picture.unknown.append(label)
        elif not (signal.unit or signal.logical) and like_price(line, picture.panels[PRICE][0]):
            picture.panels[PRICE].append(line)
        else:
            below.setdefault(line.unit, []).append(line)
    picture.panels |= {unit: lines for unit, lines in below.items() if lines}


def line_of(name: str, unit: str, time: Times, value: Floats) -> Line | None:
    """The known values, thinned; None without any."""
    known = np.isfinite(value)
    time, value = time[known], value[known] * (100.0 if unit.endswith("(%)") else 1.0)
    if not len(time):
        return None
    keep = thinned(time, value)
    return Line(name, unit, time[keep], value[keep])


def like_price(line: Line, price: Line) -> bool:
    """Whether a signal moves where the price moves, as averages and bands do: for 99 in 100 values no further off than its range."""
    low, high = float(price.value.min()), float(price.value.max())
    reach = max(high - low, 1e-6 * abs(high))
    return bool(np.mean((line.value >= low - reach) & (line.value <= high + reach)) >= 0.99)


def thinned(time: Times, value: Floats, columns: int = COLUMNS) -> NDArray[np.intp]:
    """The rows to draw: of each of so many stretches of time the first, the last, the lowest and the highest.

    A line through them has the same pixels as a line through all, spikes included.

    >>> thinned(np.arange(9), np.array([5.0, 1.0, 9.0, 5.0, 5.0, 5.0, 5.0, 7.0, 5.0]), columns=1).tolist()
    [0, 1, 2, 8]
    """
    if len(time) <= 4 * columns:
        return np.arange(len(time))
    stretch = ((time - time[0]) / float(time[-1] - time[0] + 1) * columns).astype(np.int64)
    starts = np.flatnonzero(np.diff(stretch, prepend=-1))
    place = np.cumsum(np.diff(stretch, prepend=-1) != 0) - 1
    kept = [starts, np.append(starts[1:], len(time)) - 1]
    for extreme in (np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)):
        rows = np.flatnonzero(value == extreme[place])
        kept.append(rows[np.unique(place[rows], return_index=True)[1]])
    return np.unique(np.concatenate(kept))


def spans(alerts: list[Alert]) -> list[tuple[int, int]]:
    """The times between a raised alert and its clearing, in ns UTC."""
    since: dict[tuple[str, str], int] = {}
    found = []
    for alert in alerts:
        rule = alert.strategy, alert.rule
        if alert.event == RAISED:
            since[rule] = alert.time
        elif rule in since:
            found.append((since.pop(rule), alert.time))
    return found


def drawing() -> ModuleType:
    """The module that draws; UsageError where matplotlib is not installed."""
    try:
        return import_module("pipeline.drawing")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise UsageError("a plot needs matplotlib: pip install 'rxtape[notebooks]'") from error


def check_picture(path: str | Path) -> None:
    """Whether a plot can be saved there, before anything is run: UsageError for an unknown format or a folder that is not there."""
    formats: Any = drawing().formats()
    ending = Path(path).suffix[1:].lower()
    if ending not in formats:
        found = f"no picture is written as {ending!r}" if ending else "the name of a picture ends with its format"
        raise UsageError(f"{path}: {found}; write {Path(path).with_suffix('.png').name}, or another of {', '.join(formats)}")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no folder {Path(path).absolute().parent}")


def save_plot(report: Report, path: str | Path, symbol: str | None = None) -> None:
    """Draw a run into a file, as `report.plot` does; SinkError where it cannot be written."""
    check_picture(path)
    figure = report.plot(symbol)
    try:
        figure.savefig(path)
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror}") from error
