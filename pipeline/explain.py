"""Why an alert fired, or did not: judged again from the journal, with the rows behind every value."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.alerts import Alert, format_time
from pipeline.errors import JournalError, UnknownName, UsageError
from pipeline.explanation import Explanation
from pipeline.journal.configuration import Configuration, config_of
from pipeline.journal.frames import Content
from pipeline.journal.payloads import ticks_head, ticks_of
from pipeline.retelling import JournalTape, Told, alerts_in, retold, strategy_of
from pipeline.rules import AlertStream
from pipeline.strategy import Strategy
from pipeline.witness import Witness

__all__ = ["explain", "explain_moment"]

FEW = 3


def explain(alert_id: str, journal: str | Path, strategy: Strategy | None = None) -> Explanation:
    """Why an alert of a journal was told: by the beginning of its id. `strategy` is the one that told it, if it cannot be made again.

    Raises UsageError where no alert has that id, or several have, or where its strategy makes its alerts by hand.
    """
    tape = JournalTape(journal)
    told = the_one(alert_id, alerts_in(tape), journal)
    alert = told.alert
    witness = witness_of(tape, told.config, alert.strategy, alert.rule, alert.symbol, told.frame, strategy)
    found = judged_until(tape, witness, alert, told.frame)
    if not witness.seen:
        raise JournalError(f"{alert.id} has no row of {alert.symbol} behind it in what {journal} still holds: its first frames are gone")
    behind = [each for each in witness.seen if each[0] <= alert.time] or witness.seen
    time, row, _ = behind[-1] if alert.order.phase else next((each for each in reversed(behind) if each[0] < alert.time), behind[-1])
    made = witness.explanation(time, row, dict((found or alert).values), f"{tape.name} up to frame {told.frame:,}")
    made.time, made.recorded, made.found = alert.time, alert, found
    return made


def judged_until(tape: JournalTape, witness: Witness, alert: Alert, until: int) -> Alert | None:
    """Judge the frames before an alert's; of the last one row after row, until the alert comes; None where it does not."""
    run, pending = witness.run, None
    for frame in tape.frames(witness.first):
        if frame.seq >= until:
            break
        if frame.content is Content.TICKS:
            if pending is not None:
                run.judged_again(pending)
            pending = ticks_of(frame, run.graph.symbols)
    for row in range(len(pending) if pending is not None else 0):
        assert pending is not None
        if alert.order.phase == 2 and int(pending.seq[row]) < alert.order.seq and not row:
            row_of = int(np.searchsorted(pending.seq, alert.order.seq))
            run.judged_again(pending[:row_of])
            return same(run.judged_again(pending[row_of : row_of + 1]), alert)
        if (found := same(run.judged_again(pending[row : row + 1]), alert)) is not None:
            return found
    return None


def same(alerts: list[Alert], wanted: Alert) -> Alert | None:
    return next((each for each in alerts if each.id == wanted.id), None)


def explain_moment(
    symbol: str, at: int, journal: str | Path, strategy: str = "", rule: str = "", given: Strategy | None = None
) -> Iterator[Explanation]:
    """What every rule (or that of a `strategy`, or one `rule`) made of a symbol at a time (int64 ns UTC): at its last row until then.

    Raises UnknownName for a symbol that had no row by then, and for a strategy that the journal does not know.
    """
    tape = JournalTape(journal)
    config, last = tape.first_configuration(), 0
    for frame in tape.frames():
        if frame.content is Content.TICKS:
            if ticks_head(frame.payload).since > at:
                break
            last = frame.seq
        elif frame.content is Content.CONFIG:
            config = config_of(frame)
    names = [each.name for each in config.strategies] if given is None else [given.name]
    if strategy and strategy not in names:
        raise UnknownName("strategy of the journal", strategy, names)
    rules = [(name, found) for name in ([strategy] if strategy else names) for found in rules_of(tape, config, name, given)]
    if rule and rule not in [found for _, found in rules]:
        raise UnknownName("rule that can be looked into", rule, {found for _, found in rules})
    for name, found in rules:
        if not rule or found == rule:
            yield moment_of(tape, witness_of(tape, config, name, found, symbol, last, given), symbol, at)


def moment_of(tape: JournalTape, witness: Witness, symbol: str, at: int) -> Explanation:
    run, frames, beyond = witness.run, 0, ""
    for frame in tape.frames(witness.first):
        if frame.content is Content.TICKS:
            ticks = ticks_of(frame, run.graph.symbols)
            count, frames = int(np.searchsorted(ticks.time, at, side="right")), frame.seq
            if count:
                run.judged_again(ticks[:count])
            beyond = f", where it ends at {format_time(int(ticks.time[-1]))}" if int(ticks.time[-1]) < at else ""
            if count < len(ticks):
                break
    if not witness.seen:
        if run.graph.symbols.find(symbol) > 0:
            since = ", of which the first frames are gone" if tape.shortened else ""
            raise UsageError(f"{symbol} has no row by {format_time(at)} in {tape.name}{since}; name a later time")
        raise UnknownName(f"symbol with a row of this rule by {format_time(at)}", symbol, run.graph.symbols)
    time, row, values = witness.seen[-1]
    return witness.explanation(time, row, values, f"{tape.name} up to frame {frames:,}{beyond}")


def the_one(alert_id: str, told: Iterator[Told], journal: str | Path) -> Told:
    if not alert_id:
        raise UsageError("an alert's id is empty; write its first letters, such as 1b98652")
    found: dict[str, Told] = {}
    newest: deque[Alert] = deque(maxlen=FEW)
    count = 0
    for each in told:
        count += 1
        newest.append(each.alert)
        if each.alert.id.startswith(alert_id):
            found[each.alert.id] = each
    if not found:
        shown = "; ".join(f"{alert.id[:8]} {alert.event} {alert.symbol} at {format_time(alert.time)}" for alert in reversed(newest))
        more = f"its newest of {count:,}: {shown}; `rxtape journal export` writes them all" if count else "it has none at all"
        raise UsageError(f"no alert of {journal} has an id that begins with {alert_id!r}; {more}")
    if len(found) > 1:
        raise UsageError(f"{len(found)} alerts of {journal} begin with {alert_id}: {', '.join(list(found)[:4])}; write more of the id")
    return next(iter(found.values()))


def rules_of(tape: JournalTape, config: Configuration, name: str, given: Strategy | None) -> list[str]:
    """The rules of a strategy that can be looked into."""
    run = retold(tape, [given or made_again(config, name)])
    return [stream.rule for _, stream, _ in run.graph.plan if isinstance(stream, AlertStream)]


def witness_of(
    tape: JournalTape, config: Configuration, name: str, rule: str, symbol: str, until: int, given: Strategy | None
) -> Witness:  # fmt: skip
    """Of a rule in a run of its strategy alone; where the log's first frames are gone, of all that share the snapshot to begin with."""
    kept, mine = tape.start(until), given or made_again(config, name)
    others = [] if kept is None else config.strategies
    run = retold(tape, [mine if each.name == name else strategy_of(each) for each in others] or [mine], kept)
    rules = {stream.rule: stream for owner, stream, _ in run.graph.plan if isinstance(stream, AlertStream) and owner == mine.name}
    if rule not in rules:
        raise UsageError(f"{name} makes the alerts of {rule} by hand, with Rx operators; there is no condition to look into")
    return Witness(run, rules[rule], symbol, 0 if kept is None else kept.seq + 1)


def made_again(config: Configuration, name: str) -> Strategy:
    for chosen in config.strategies:
        if chosen.name == name:
            return strategy_of(chosen)
    raise UnknownName("strategy of the journal", name, [chosen.name for chosen in config.strategies])
