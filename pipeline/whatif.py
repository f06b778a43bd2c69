"""What if: other parameters on the tape of a journal, against the alerts that were recorded."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pipeline.alerts import Alert
from pipeline.errors import ParameterError, UnknownName, UsageError
from pipeline.journal.configuration import Chosen
from pipeline.journal.outcomes import Outcomes
from pipeline.retelling import JournalTape, alerts_in, retold
from pipeline.strategy import Strategy

__all__ = ["Compared", "compare", "grid", "steps", "whatif"]

Key = tuple[str, str, int, str]
MOST_AT_ONCE = 200
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Compared:
    """A strategy of other parameters against what was recorded: the alerts that only it has, that it lacks, that both have.

    `outcomes` is what became of those that it told, if that was asked for: a row of `Outcomes`.
    """

    strategy: Strategy
    parameters: Mapping[str, str]
    gained: tuple[Alert, ...]
    lost: tuple[Alert, ...]
    kept: tuple[Alert, ...]
    outcomes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alerts(self) -> int:
        """How many it would have told."""
        return len(self.gained) + len(self.kept)


def key_of(alert: Alert) -> Key:
    """What makes two alerts of different parameters the same: rule, symbol, time and event; ids differ as parameters do."""
    return alert.rule, alert.symbol, alert.time, alert.event


def by_key(alerts: Iterable[Alert]) -> dict[tuple[Key, int], Alert]:
    """Alerts by what makes them the same; several of one time in their order."""
    turns, made = Counter[Key](), dict[tuple[Key, int], Alert]()
    for alert in alerts:
        key = key_of(alert)
        made[key, turns[key]] = alert
        turns[key] += 1
    return made


def compare(strategy: Strategy, found: Iterable[Alert], recorded: Iterable[Alert], parameters: Mapping[str, str] | None = None) -> Compared:
    """Alerts that were found against those recorded.

    >>> before, after = [Alert("SPY", 1), Alert("SPY", 2)], [Alert("SPY", 2), Alert("SPY", 3)]
    >>> seen = compare(Strategy(), after, before)
    >>> [[alert.time for alert in part] for part in (seen.gained, seen.lost, seen.kept)]
    [[3], [1], [2]]
    """
    then, now = by_key(recorded), by_key(found)
    gained, lost = (tuple(some[key] for key in some if key not in others) for some, others in ((now, then), (then, now)))
    return Compared(strategy, parameters or {}, gained, lost, tuple(now[key] for key in now if key in then))


def whatif(
    journal: str | Path, strategies: Sequence[Strategy], parameters: Sequence[Mapping[str, str]] = (), against: str = "",
    outcomes: Outcomes | None = None,
) -> list[Compared]:  # fmt: skip
    """Every strategy on the tape of a journal, in one pass, against the alerts that `against` (by name) told then.

    Without a name: the strategy of the journal that is of the same class, or has the same name; UsageError where none is. With `outcomes`,
    a new one, it is also told what the price did after the alerts of each. Of a journal whose first frames are gone, windows begin empty.
    """
    refuse_too_many(len(strategies))
    tape = JournalTape(journal)
    told = list(alerts_in(tape))
    name = same_name(tape, strategies[0], against)
    begin = tape.first_rows()
    recorded = [each.alert for each in told if each.alert.strategy == name and each.frame > begin]
    numbered = [each if len(strategies) == 1 else renamed(each, f"{each.name}_{turn}") for turn, each in enumerate(strategies)]
    run = retold(tape, numbered)
    found: dict[str, list[Alert]] = {each.name: [] for each in numbered}
    for ticks in tape.batches(run.graph.symbols):
        alerts = run.judged_again(ticks)
        if outcomes is not None:
            outcomes.rows(ticks)
            outcomes.alerts(alerts)
        for alert in alerts:
            found[alert.strategy].append(alert)
    if run.graph.faults:
        raise UsageError(str(next(iter(run.graph.faults.values()))))
    if outcomes is not None:
        outcomes.settle()
    became = {row["strategy"]: row for row in outcomes.result()} if outcomes is not None else {}
    settings = parameters or [{}] * len(strategies)
    return [
        replace(compare(strategy, found[each.name], recorded, given), outcomes=became.get(each.name, {}))
        for strategy, each, given in zip(strategies, numbered, settings, strict=True)
    ]


def same_name(tape: JournalTape, strategy: Strategy, against: str) -> str:
    mine, known = Chosen.by(strategy), dict[str, str]()
    for config in tape.configurations():
        known |= {each.name: each.of for each in config.strategies}
    if against and against not in known:
        raise UnknownName("strategy of this journal", against, known)
    if against:
        return against
    if strategy.name in known:
        return strategy.name
    alike = [name for name, of in known.items() if of == mine.of]
    if len(alike) != 1:
        there = ", ".join(f"{name} ({of})" for name, of in known.items()) or "none"
        raise UsageError(f"{strategy.name} is no strategy of this journal; there are {there}: name the one to compare with by --against")
    return alike[0]


def refuse_too_many(combinations: int) -> None:
    if combinations > MOST_AT_ONCE:
        raise UsageError(f"{combinations:,} combinations of parameters, and {MOST_AT_ONCE} are tried at once; take wider steps")


def renamed(strategy: Strategy, name: str) -> Strategy:
    given = {each: getattr(strategy, each) for each in strategy.parameters()}
    return type(strategy)(**given | {"name": name})


def steps(text: str) -> list[str]:
    """The values of a sweep, from:to:step with both ends, or a list.

    >>> steps("0.005:0.02:0.005"), steps("1m,5m")
    (['0.005', '0.010', '0.015', '0.020'], ['1m', '5m'])
    """
    if ":" not in text:
        return [part.strip() for part in text.split(",")]
    try:
        start, end, step = (Decimal(part) for part in text.split(":"))
    except (ValueError, InvalidOperation) as error:
        raise ParameterError(f"{text!r} is no sweep; write from:to:step, such as 0.005:0.02:0.005, or values such as 1m,5m") from error
    if step and (end - start) / step < 0:
        raise ParameterError(f"{text!r} steps away from its end; write from:to:step, such as 0.005:0.02:0.005")
    if not step or (end - start) / step > MOST_STEPS:
        raise ParameterError(f"{text!r} has no end, or more than {MOST_STEPS:,} steps; write from:to:step, such as 0.005:0.02:0.005")
    return [str(start + step * turn) for turn in range(int((end - start) / step) + 1)]


def grid(sweeps: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the values of several sweeps; UsageError where they are too many.

    >>> grid({"move": ["0.01", "0.02"], "over": ["1m"]})
    [{'move': '0.01', 'over': '1m'}, {'move': '0.02', 'over': '1m'}]
    """
    refuse_too_many(math.prod(map(len, sweeps.values())))
    return [dict(zip(sweeps, values, strict=True)) for values in itertools.product(*sweeps.values())]
