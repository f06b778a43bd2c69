"""A checkup of a strategy: does it obey the laws, when does it begin to know something, does it ever alert, what does it cost."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.checks import isolation_law, no_look_ahead_law, restart_law, split_law, symbol_law
from pipeline.errors import UnknownName, UsageError
from pipeline.functions import place_of
from pipeline.hurtful import MARKET_COLUMNS, hurtful_tape, market_tape
from pipeline.measurement import Cost, WarmUp, Watched, cost_of, symbols_asked_for, warm_up_of
from pipeline.observation import Build, LawBroken, agree, observe
from pipeline.runner import Run
from pipeline.strategy import Strategy
from pipeline.symbols import SymbolTable
from pipeline.ticks import COLUMN_TYPES, Ticks

__all__ = ["Checkup", "Finding", "check_strategy", "columns_read"]

Law = Callable[[Build, Ticks, Sequence[int]], None]
ALWAYS = frozenset({"seq", "time", "symbol", "kind"})
SECONDS = 0.15  # the longest that one run over a tape may take; there are some thirty runs
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
OUTSIDE = "something is remembered outside of the graph: a variable, a list, a class attribute, a random number, the clock"


class Words(NamedTuple):
    """Of a law: what it says, what the two runs are that it compares, and what to do where they differ."""

    meaning: str
    one: str
    other: str
    advice: str


WORDS = {
    "repeat": Words("the same tape twice gives the same", "the first time", "the second time", OUTSIDE),
    "split": Words(
        "cutting the tape into other batches changes nothing", "in one batch", "cut into several",
        "a batch has any number of rows, live often one, so a function must not look beyond its row (x.mean(), len(x), np.diff(x), "
        "x[1:], a counter of calls): use an operator for a window",
    ),
    "restart": Words(
        "a restart from a snapshot changes nothing", "without a restart", "with one",
        f"{OUTSIDE}, or in plain Rx operators; a snapshot holds what operators and rules remember (docs/own_operator.md)",
    ),
    "symbol": Words(
        "the rows of other symbols change nothing for a symbol", "with all symbols", "without the others",
        'say scope = "market" in the class if that is meant; else a function looks beyond its row, at the next symbol\'s',
    ),
    "no look-ahead": Words(
        "what comes of the first rows does not depend on later ones", "with the later rows", "without them",
        "a function looks at later rows (x[1:], np.roll(x, -1), x.max() of the batch): use an operator, which knows the past alone",
    ),
    "isolation": Words(
        "another strategy's fault changes nothing, nor does this one change a neighbour", "undisturbed", "beside one that raises",
        "it shares something with the others",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What became of one law: whether it holds, and what was seen."""

    law: str
    well: bool
    said: str


@dataclass(frozen=True)
class Checkup:
    """What `check_strategy` found.

    `alerts` counts those raised, by tape: the synthetic market ("market"), and the user's tape ("yours"). `warm_up` is
    None where there is no signal to watch, and the name of a signal that is never known. `columns` are those it needs.
    """

    strategy: str
    columns: tuple[str, ...]
    findings: tuple[Finding, ...]
    warm_up: WarmUp | str | None
    alerts: dict[str, int]
    ticks: dict[str, int]
    cost: Cost | None

    @property
    def well(self) -> bool:
        """Whether every law holds."""
        return all(finding.well for finding in self.findings)

    def facts(self) -> Iterator[tuple[str, str]]:
        """What was measured, as names and texts."""
        yield "reads", ", ".join(self.columns) or "trades or quotes, whichever there are"
        if isinstance(self.warm_up, WarmUp):
            seconds, last = self.warm_up.length_ns / 1e9, self.warm_up.last
            length = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
            yield "warm-up", f"{self.warm_up.ticks:,} ticks of a symbol, {length}, until every signal is known; {last} is the last"
        elif self.warm_up is not None:
            yield "warm-up", f"NEVER OVER: {self.warm_up} is nan on every row; is its window longer than the tape, its input never there?"
        for tape, count in self.alerts.items():
            of = f"{self.ticks[tape]:,} ticks of {'the synthetic market' if tape == 'market' else 'your tape'}"
            yield "alerts", f"{count:,} raised on {of}" if count else f"NO ALERT AT ALL on {of}; are the thresholds within reach?"
        if self.cost is not None:
            yield "cost", f"{self.cost.replay_ns:,.0f} ns a tick in replay, {self.cost.live_us:,.0f} us a tick live"

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return asdict(self) | {"well": self.well}


def check_strategy(strategy: Strategy, ticks: Ticks | None = None) -> Checkup:
    """Put a strategy to the laws on made-up tapes, and on `ticks` if given; measure its warm-up, its alerts and its cost.

    Raises UsageError where the strategy cannot be built, or reads a column that neither a made-up tape nor `ticks` has.

    >>> from strategies.volume_breakout import VolumeBreakout
    >>> checkup = check_strategy(VolumeBreakout())
    >>> checkup.well, checkup.columns, checkup.alerts["market"] > 0
    (True, ('price', 'size'), True)
    """
    needed = columns_read(strategy)
    whole = whole_tapes(strategy, needed, ticks)
    tapes = {name: shortened(strategy, tape) for name, tape in whole.items()}
    if "market" in whole:
        tapes = small_tapes(list(whole["market"].symbols), needed) | tapes
    around = {name: rows_around_alerts(strategy, tape) for name, tape in tapes.items()}
    findings, sound = list[Finding](), tapes
    for law, check in laws_of(strategy).items():
        finding, sound = finding_of(law, check, strategy, sound, around)
        findings.append(finding)
        if law == "repeat" and not finding.well:
            break
    large = {name: whole[name] for name in sound if name in whole}
    counts = {name: raised(strategy, tape) for name, tape in large.items()}
    measured = large.get("yours", large.get("market"))
    warm_up = None if measured is None else warm_up_of(strategy, measured)
    cost = None if measured is None else cost_of(strategy, shortened(strategy, measured))
    columns = tuple(sorted(needed, key=lambda name: (*COLUMN_TYPES, name).index(name)))
    return Checkup(repr(strategy), columns, tuple(findings), warm_up, counts, {name: len(large[name]) for name in counts}, cost)


def whole_tapes(strategy: Strategy, needed: frozenset[str], ticks: Ticks | None) -> dict[str, Ticks]:
    """The synthetic market, if it has the columns, with symbols of the names that the strategy asks for; and the user's tape."""
    there = MARKET_COLUMNS if ticks is None else frozenset(ticks.columns)
    for name in sorted(needed - there):
        where = "made-up tapes have not: give a tape that has (--on FILE)" if ticks is None else "the given tape has not"
        raise UsageError(f"{strategy.name} reads the column {name!r}, which {where}")
    tapes = {"market": market_tape(needed, symbols_named(strategy, needed))} if needed <= MARKET_COLUMNS else {}
    return tapes if ticks is None else tapes | {"yours": ticks}


def columns_read(strategy: Strategy) -> frozenset[str]:
    """The columns without which a strategy cannot be built, `seq, time, symbol, kind` aside; UsageError where it cannot be built at all.

    >>> from strategies.volume_spike import VolumeSpike
    >>> sorted(columns_read(VolumeSpike()))
    ['price', 'size']
    """
    columns = set(MARKET_COLUMNS)
    while (error := refusal(strategy, columns)) is not None:
        cause = error.__cause__
        if not isinstance(cause, UnknownName) or not cause.what.startswith("column of the tape") or cause.name in columns:
            raise error
        columns.add(cause.name)
    return frozenset(name for name in columns - ALWAYS if refusal(strategy, columns - {name}) is not None)


def refusal(strategy: Strategy, columns: Collection[str]) -> UsageError | None:
    """Why a strategy cannot be built on a tape of these columns."""
    empty: Any = {name: np.empty(0) for name in columns - ALWAYS}  # type: ignore[operator]
    try:
        Run(Ticks.of(np.empty(0, np.int64), np.empty(0, np.int32), SymbolTable(), **empty), strategy)
    except UsageError as error:
        return error
    return None


def symbols_named(strategy: Strategy, needed: Collection[str]) -> list[str]:
    """The symbols that a strategy asks for, as far as it can be told without it raising."""
    try:
        return symbols_asked_for(strategy, market_tape(needed)[:5_000])
    except Exception:  # noqa: BLE001 - what the strategy raises is found, and told, by the laws
        return []


def small_tapes(names: Sequence[str], needed: Collection[str]) -> dict[str, Ticks]:
    """Small tapes that hurt, of the first of some symbols."""
    symbols = names[:4]
    tapes = {
        "one row": hurtful_tape(1, 1, symbols, trades_only=True),
        "three rows": hurtful_tape(2, 3, symbols),
        "calm": hurtful_tape(3, 300, symbols, absurd=0.01),
        "wild": hurtful_tape(4, 400, symbols, swing=400.0),
        "slow": hurtful_tape(5, 400, symbols, swing=150.0, slowness=20),
    }
    return {name: with_sides(tape) for name, tape in tapes.items()} if "side" in needed else tapes


def with_sides(ticks: Ticks) -> Ticks:
    side = np.random.default_rng(7).choice(np.array([-1, 1], np.int8), len(ticks))
    side.setflags(write=False)
    return Ticks(ticks.columns | {"side": side}, ticks.symbols)


def shortened(strategy: Strategy, ticks: Ticks) -> Ticks:
    """As many of the first rows as one run can take in the time there is."""
    few, first = ticks[:1_000], perf_counter()
    for _ in range(2):
        first = perf_counter()
        try:
            observe(strategy.alerts, few)
        except Exception:  # noqa: BLE001 - found, and told, by the laws
            return ticks
    return ticks[: max(1_000, int(1_000 * SECONDS / (perf_counter() - first)))]


def laws_of(strategy: Strategy) -> dict[str, Law]:
    laws: dict[str, Law] = {"repeat": repeat_law, "split": split_law, "restart": restart_law}
    if strategy.scope != "market":
        laws["symbol"] = symbol_law
    return laws | {"no look-ahead": no_look_ahead_law, "isolation": isolation_law}


def repeat_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """The same tape twice gives the same."""
    agree("repeat", observe(build, ticks, cuts), observe(build, ticks, cuts))


def finding_of(
    law: str, check: Law, strategy: Strategy, tapes: Mapping[str, Ticks], around: Mapping[str, Sequence[int]]
) -> tuple[Finding, dict[str, Ticks]]:
    """Whether a law holds on all tapes, and the tapes on which the strategy does not raise."""
    words = WORDS[law]
    sound, found = dict(tapes), ""
    for name, ticks in tapes.items():
        for cuts in cuts_of(law, ticks, around[name]):
            try:
                check(Watched(strategy).streams, ticks, cuts)
            except LawBroken as broken:
                seen = f"{broken.place}: {words.one} {broken.expected}, {words.other} {broken.found}"
                found = found or f"NO, on the tape {name!r}, {seen}. {words.advice[0].upper()}{words.advice[1:]}."
            except Exception as error:  # noqa: BLE001 - a guarded place: user code
                found = found or f"NO, it raises {type(error).__name__} on the tape {name!r}: {error}{place_of(error)}"
                sound.pop(name, None)
    return Finding(law, not found, found or f"ok: {words.meaning}"), sound


def rows_around_alerts(strategy: Strategy, ticks: Ticks) -> list[int]:
    """The first and the next row of the times of some alerts."""
    try:
        times = [alert.time for alert in observe(strategy.alerts, ticks).alerts[:200:20]]
    except Exception:  # noqa: BLE001 - found, and told, by the laws
        return []
    return sorted({int(np.searchsorted(ticks.time, time, side)) for time in times for side in SIDES})


def cuts_of(law: str, ticks: Ticks, around: Sequence[int]) -> Iterator[list[int]]:
    """Where to cut a tape for a law: at some rows, around alerts, and, of a short tape, everywhere."""
    count = len(ticks)
    some = sorted(np.random.default_rng(7).choice(count, min(count, 40), replace=False).tolist())
    if law == "no look-ahead":
        yield sorted({*some[:: max(1, len(some) // 5)], *around[:6]})
    elif law == "restart":
        yield from ([cut] for cut in sorted({count // 3, *around[:3]}) if cut)
    elif law == "isolation":
        yield some[::8]
    else:
        yield sorted({*some, *around})
        if law == "split":
            yield list(range(1, min(count, 500)))


def raised(strategy: Strategy, ticks: Ticks) -> int:
    return sum(alert.event == "raised" for alert in observe(strategy.alerts, ticks).alerts)
