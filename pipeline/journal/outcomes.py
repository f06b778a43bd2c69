"""What came of alerts: projections that come with the library."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import RAISED, Alert
from pipeline.durations import nanoseconds
from pipeline.errors import ParameterError
from pipeline.journal.projections import Projection
from pipeline.ticks import Kind, Ticks

__all__ = ["AlertsByHour", "Outcomes"]

HOUR = 3_600_000_000_000
LOST = "lost"
"""What nobody can know: rows of the symbol were lost before it was over."""


class AlertsByHour(Projection):
    """How many alerts each strategy told of each symbol in each hour (UTC): strategy, symbol, hour, raised, cleared."""

    def alerts(self, alerts: list[Alert]) -> None:
        """Count them."""
        for alert in alerts:
            hour = np.datetime64(alert.time // HOUR, "h")
            counts = self.state.setdefault(f"{alert.strategy}\t{alert.symbol}\t{hour}", {"raised": 0, "cleared": 0})
            counts[alert.event] = counts.get(alert.event, 0) + 1

    def result(self) -> list[dict[str, Any]]:
        """By strategy, symbol and hour."""
        return [dict(zip(("strategy", "symbol", "hour"), key.split("\t"), strict=True)) | self.state[key] for key in sorted(self.state)]


class Outcomes(Projection):
    """What the price did after each raised alert: how often it went on, and how far, by strategy.

    A move is the price of the last trade at or before the alert's time plus each of `after`, against that of the alert's row, as a
    fraction of its size, in the alert's direction: the sign of its value `along` (up, where it has none of that name). `went_on` is the
    share of moves above 0, `followed` the share of alerts after which some trade within `within` was `follow` away in that direction.
    What the tape does not reach is not counted, and nothing of a span in which rows of the symbol were lost (GAP); a move that was
    seen to follow, was. Of a price of 0 nothing is known.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import run
    >>> from pipeline.checks import tape_of
    >>> from pipeline.journal.projections import project
    >>> from pipeline.journal import Journal
    >>> from pipeline.journal.payloads import alerts_record
    >>> with TemporaryDirectory() as folder:
    ...     ticks = tape_of([0, 1, 59, 400], price=[100.0, 100.0, 102.0, 99.0])
    ...     _ = run(ticks[:2], journal=folder)
    ...     with Journal.open(folder) as journal:
    ...         _ = journal.append(alerts_record([Alert("A", int(ticks.time[1]), strategy="mine", id="a")]))
    ...     _ = run(ticks, journal=folder)
    ...     (row,) = project(Outcomes(after=("1m", "5m")), folder).result()
    >>> row["alerts"], row["1m_mean"], row["1m_went_on"], row["followed"]
    (1, 0.02, 1.0, 1.0)
    """

    def __init__(
        self, after: tuple[str, ...] = ("1m", "5m", "30m"), follow: float = 0.01, within: str = "5m", along: str = "change"
    ) -> None:  # fmt: skip
        if isinstance(follow, bool) or not isinstance(follow, int | float) or not follow > 0:
            raise ParameterError(f"follow: found {follow!r}, expected a share above 0, such as 0.01")
        self.after, self.follow, self.within, self.along = tuple(after), follow, within, along
        self._spans = [nanoseconds(each) for each in self.after]
        self._within = nanoseconds(within)
        if not self._within:
            raise ParameterError("within: found 0, expected a length of time such as 5m")
        self._held: Ticks | None = None
        self._lost = np.empty(0, np.int64)
        self._found: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """Its parameters."""
        return {"after": self.after, "follow": self.follow, "within": self.within, "along": self.along}

    def begin(self) -> Any:
        """Last prices, alerts that wait for what comes, and sums by strategy."""
        return {"last": {}, "waiting": [], "sums": {}}

    def rows(self, ticks: Ticks) -> None:
        """Hold them until their alerts are known."""
        self.settle()
        self._held = ticks
        self._lost = np.flatnonzero(ticks.kind == Kind.GAP)

    def alerts(self, alerts: list[Alert]) -> None:
        """Wait for what becomes of those that were raised."""
        for alert in alerts:
            if alert.event == RAISED:
                way = -1.0 if alert.values.get(self.along, 0.0) < 0 else 1.0
                price = self._price_of(alert)
                if math.isnan(price) or not price:  # of 0 there are no fractions
                    self._sums(self.state["sums"], alert.strategy)["alerts"] += 1
                    continue
                waiting = {"strategy": alert.strategy, "symbol": alert.symbol, "time": alert.time, "price": price, "way": way}
                self.state["waiting"].append({**waiting, "moves": [None] * len(self.after), "best": None, "followed": None, "gap": None})

    def _price_of(self, alert: Alert) -> float:
        """The last price that the alert's row could see: its own; of a deadline or a bar, that before its time."""
        ticks = self._held
        if alert.order.phase != 2 or ticks is None:
            return self._price_at(alert.symbol, alert.time - 1)
        place = int(np.searchsorted(ticks.seq, alert.order.seq, side="right"))
        rows = np.flatnonzero(ticks.trades[:place] & (ticks.symbol[:place] == ticks.symbols.find(alert.symbol)))
        return float(ticks.price[rows[-1]]) if len(rows) else float(self.state["last"].get(alert.symbol, math.nan))

    def _price_at(self, symbol: str, time: int) -> float:
        times, prices = self._trades(symbol)
        place = int(np.searchsorted(times, time, side="right")) - 1
        return float(prices[place]) if place >= 0 else float(self.state["last"].get(symbol, math.nan))

    def _trades(self, symbol: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and prices of a symbol's trades among the rows that are held."""
        ticks = self._held
        if ticks is None or "price" not in ticks.columns:
            return np.empty(0, np.int64), np.empty(0)
        if symbol not in self._found:
            rows = np.flatnonzero(ticks.trades & (ticks.symbol == ticks.symbols.find(symbol)))
            self._found[symbol] = ticks.time[rows], ticks.price[rows]
        return self._found[symbol]

    def settle(self) -> None:
        """Look at the rows that are held, and let go of them."""
        ticks = self._held
        if ticks is None or not len(ticks):
            return
        now = int(ticks.time[-1])
        for each in self.state["waiting"]:
            self._look(each, now)
        rest = []
        for each in self.state["waiting"]:
            done = each["followed"] is not None and None not in each["moves"]
            if done:
                add(self._sums(self.state["sums"], each["strategy"]), each)
            else:
                rest.append(each)
        self.state["waiting"] = rest
        if "price" in ticks.columns:
            rows = np.flatnonzero(ticks.trades)
            newest = np.full(len(ticks.symbols) + 1, -1)
            newest[ticks.symbol[rows]] = rows
            for code in np.flatnonzero(newest >= 0).tolist():
                self.state["last"][ticks.symbols.name(code)] = float(ticks.price[newest[code]])
        self._held = None
        self._found.clear()

    def _look(self, each: dict[str, Any], now: int) -> None:
        """What the rows that are held tell of an alert; `now` is their last time. A span is over when the tape's time is past it."""
        times, prices = self._trades(each["symbol"])
        self._note_gap(each)
        if each["followed"] is None:
            inside = prices[(times > each["time"]) & (times <= each["time"] + self._within)]
            if len(inside):
                best = float(((inside - each["price"]) * each["way"]).max()) / abs(each["price"])
                each["best"] = best if each["best"] is None else max(best, each["best"])
            if each["best"] is not None and each["best"] >= self.follow:
                each["followed"] = True
            elif now > each["time"] + self._within:
                each["followed"] = LOST if gap_within(each, self._within) else False
        for place, span in enumerate(self._spans):
            if each["moves"][place] is None and now > each["time"] + span:
                price = self._price_at(each["symbol"], each["time"] + span)
                each["moves"][place] = LOST if gap_within(each, span) else (price - each["price"]) / abs(each["price"]) * each["way"]

    def _note_gap(self, each: dict[str, Any]) -> None:
        """When rows of the symbol were first lost after the alert."""
        ticks, lost = self._held, self._lost
        if ticks is not None and each["gap"] is None and len(lost):
            times = ticks.time[lost[ticks.symbol[lost] == ticks.symbols.find(each["symbol"])]]
            times = times[times > each["time"]]
            each["gap"] = int(times[0]) if len(times) else None

    def _sums(self, sums: dict[str, Any], strategy: str) -> dict[str, Any]:
        nothing = {"alerts": 0, "known": [0] * len(self.after), "on": [0] * len(self.after), "total": [0.0] * len(self.after)}
        found: dict[str, Any] = sums.setdefault(strategy, {**nothing, "follows": 0, "followed": 0})
        return found

    def result(self) -> list[dict[str, Any]]:
        """By strategy: alerts; for each span how many moves are known, their mean, and the share that went on; the share that followed."""
        import copy

        sums = copy.deepcopy(self.state["sums"])
        for each in self.state["waiting"]:
            add(self._sums(sums, each["strategy"]), each)
        rows = []
        for strategy in sorted(sums):
            known = sums[strategy]
            row: dict[str, Any] = {"strategy": strategy, "alerts": known["alerts"]}
            for place, name in enumerate(self.after):
                row[f"{name}_known"] = known["known"][place]
                row[f"{name}_mean"] = share(known["total"][place], known["known"][place])
                row[f"{name}_went_on"] = share(known["on"][place], known["known"][place])
            rows.append(row | {"follow_known": known["follows"], "followed": share(known["followed"], known["follows"])})
        return rows


def add(sums: dict[str, Any], each: dict[str, Any]) -> None:
    """Count an alert, as far as it is known what became of it."""
    sums["alerts"] += 1
    for place, move in enumerate(each["moves"]):
        if move is not None and move != LOST:
            sums["known"][place] += 1
            sums["on"][place] += move > 0
            sums["total"][place] += move
    if each["followed"] is not None and each["followed"] != LOST:
        sums["follows"] += 1
        sums["followed"] += each["followed"]


def gap_within(each: dict[str, Any], span: int) -> bool:
    return each["gap"] is not None and each["gap"] <= each["time"] + span


def share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
