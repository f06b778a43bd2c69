"""`rxtape whatif`: other parameters on a tape that was recorded."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.alerts import format_time
from pipeline.cli.completion import complete_strategy
from pipeline.cli.tidy import tidy
from pipeline.errors import UsageError

__all__ = ["whatif"]

SHOWN = 20


@click.command(short_help="Try other parameters on the tape of a journal.")
@click.argument("strategy", shell_complete=complete_strategy)
@click.option("--journal", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="The journal of the run.")
@click.option("--set", "settings", multiple=True, metavar="PARAM=VALUE", help="A parameter.")
@click.option("--sweep", "sweeps", multiple=True, metavar="PARAM=FROM:TO:STEP", help="Many values of one, or PARAM=A,B,C.")
@click.option("--against", default="", metavar="NAME", help="The strategy of the journal to compare with.")
@click.option("--follow", type=float, metavar="FRACTION", help="How often did a move of this size follow an alert, in its direction ...")
@click.option("--within", default="5m", metavar="DURATION", show_default=True, help="... within this time?")
@click.option("--json", is_flag=True, help="One JSON object for each combination.")
def whatif(
    strategy: str, journal: Path, settings: tuple[str, ...], sweeps: tuple[str, ...], against: str, follow: float | None, within: str,
    json: bool,
) -> None:  # fmt: skip
    """Judge the tape of a journal by STRATEGY with other parameters, and tell which alerts are gained, lost and kept.

    STRATEGY is one of the journal, whose last parameters hold where --set says nothing, or NAME, file.py, file.py:Class or module:Class.
    Alerts are the same where rule, symbol, time and event are. Several sweeps are tried in every combination.

    \b
    rxtape whatif volume_breakout --set move=0.02 --journal kept
    rxtape whatif volume_breakout --sweep move=0.005:0.02:0.005 --follow 0.01 --within 5m --journal kept
    """
    from pipeline.journal.outcomes import Outcomes
    from pipeline.retelling import JournalTape
    from pipeline.whatif import grid, steps
    from pipeline.whatif import whatif as compared

    if follow is None and within != "5m":
        raise UsageError("--within says how soon a move must follow; write --follow too, such as --follow 0.01")
    fixed, swept = dict(map(pair_of, settings)), {name: steps(text) for name, text in map(pair_of, sweeps)}
    if twice := fixed.keys() & swept.keys():
        raise UsageError(f"{min(twice)} is given by --set and by --sweep; give it once")
    combinations = grid(swept)
    strategies = [made(strategy, journal, fixed | each) for each in combinations]
    outcomes = None if follow is None else Outcomes(follow=follow, within=within)
    found = compared(journal, strategies, combinations, against, outcomes)
    if JournalTape(journal).shortened:
        click.echo(
            tidy(f"rxtape: the first frames of {journal} are gone: alerts in the time that windows take to fill count as lost"), err=True
        )
    if json:
        for each in found:
            click.echo(msgspec.json.encode(as_object(each)).decode())
        return
    for line in table(found) if swept else words(found[0]):
        click.echo(tidy(line))


def pair_of(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise UsageError(f"{text!r} sets nothing; write a parameter and its value, such as move=0.02")
    return name, value


def made(name: str, journal: Path, given: Mapping[str, str]) -> Any:
    """A strategy of the journal with some parameters changed, else one that is chosen as for `replay`."""
    from pipeline.cli.choice import chosen_strategies
    from pipeline.retelling import JournalTape
    from pipeline.strategy_files import strategy_class

    known = {each.name: each for config in JournalTape(journal).configurations() for each in config.strategies}
    if name in known:
        values = {each: ast.literal_eval(text) for each, text in known[name].parameters.items()}
        return strategy_class(known[name].of).from_text(given, name, {each: values[each] for each in values if each not in given})
    (strategy,) = chosen_strategies([name], [f"{each}={value}" for each, value in given.items()])
    return strategy


def table(found: Sequence[Any]) -> Iterator[str]:
    """A line a combination."""
    names = [*found[0].parameters, "alerts", "kept", "gained", "lost"]
    rows = [[*each.parameters.values(), *map(str, (each.alerts, len(each.kept), len(each.gained), len(each.lost)))] for each in found]
    if any(each.outcomes for each in found):
        names.append("followed")
        rows = [[*row, followed(each)] for row, each in zip(rows, found, strict=True)]
    widths = [max(len(row[place]) for row in [names, *rows]) for place in range(len(names))]
    for row in [names, *rows]:
        yield "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))


def followed(found: Any) -> str:
    share, known = found.outcomes.get("followed"), found.outcomes.get("follow_known", 0)
    return "" if share is None else f"{share:.1%} of {known:,}"


def words(found: Any) -> Iterator[str]:
    """What is gained and lost, alert by alert."""
    yield f"{found.strategy!r}: {found.alerts:,} alerts; {len(found.kept):,} kept, {len(found.gained):,} gained, {len(found.lost):,} lost"
    if found.outcomes:
        yield f"the move followed {followed(found) or 'an unknown share of those'} raised"
    for what, alerts in (("gained", found.gained), ("lost", found.lost)):
        for alert in alerts[:SHOWN]:
            yield f"{what:<6}  {format_time(alert.time)}  {alert.symbol}  {alert.event}  {alert.message}"
        if len(alerts) > SHOWN:
            yield f"{what}  and {len(alerts) - SHOWN:,} more; --json has all"


def as_object(found: Any) -> dict[str, Any]:
    parts = {"gained": found.gained, "lost": found.lost, "kept": found.kept}
    told = {"strategy": repr(found.strategy), "parameters": dict(found.parameters), "alerts": found.alerts}
    became = {"outcomes": dict(found.outcomes)} if found.outcomes else {}
    return told | became | {name: [alert.as_dict() for alert in alerts] for name, alerts in parts.items()}
