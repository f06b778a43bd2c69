"""`rxtape explain`: why an alert fired, or why none did."""

from pathlib import Path
from typing import Any

import click

from pipeline.cli.tidy import tidy
from pipeline.errors import UsageError

__all__ = ["explain"]

WITH_STRATEGY = "Where the one of the journal cannot be made again: NAME, file.py, file.py:Class or module:Class."


@click.command(short_help="Say why an alert fired, or why none did.")
@click.argument("alert_id", required=False)
@click.option("--journal", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="The journal of the run.")
@click.option("--symbol", metavar="NAME", help="Why did nothing fire for this symbol ...")
@click.option("--at", metavar="TIME", help="... at this time (ISO 8601 with a zone)?")
@click.option(
    "--strategy", "-s", default="", metavar="NAME", help="Of a moment: of this strategy only. Or where the strategy is to be had."
)
@click.option("--rule", default="", metavar="NAME", help="Of a moment: of this rule only.")
@click.option("--json", is_flag=True, help="One JSON object a rule.")
def explain(
    alert_id: str | None, journal: Path, symbol: str | None, at: str | None, strategy: str, rule: str, json: bool
) -> None:  # fmt: skip
    """Say why ALERT_ID, or the one that begins so, was told: its values, the rows behind each, and the terms of the condition.

    The journal's rows are judged again, and what comes out is compared with what was recorded, to the last bit. With --symbol and
    --at: what every rule made of the symbol's last row until then, which term failed, and by how much.

    \b
    rxtape explain 1b98652 --journal kept
    rxtape explain --symbol SPY --at 2013-10-08T15:48:40Z --journal kept
    """
    from pipeline.explain import explain as explained
    from pipeline.explain import explain_moment
    from pipeline.frames import moment

    if (not alert_id) == (symbol is None or at is None):
        raise UsageError("name an alert, or a moment: rxtape explain ID, or rxtape explain --symbol SPY --at 2013-10-08T15:48:40Z")
    given = loaded(strategy)
    if alert_id and (symbol or at or rule or (strategy and given is None)):
        raise UsageError("an alert's id says which symbol, strategy and rule it is of; leave the others out, or name a moment in its place")
    if alert_id:
        found = [explained(alert_id, journal, given)]
    else:
        found = list(explain_moment(str(symbol), moment("--at", str(at)), journal, "" if given else strategy, rule, given))
    for place, each in enumerate(found):
        if json:
            click.echo(as_json(each))
        else:
            click.echo("\n".join([*([""] if place else []), *(tidy(line) if line else "" for line in each.lines())]))


def loaded(strategy: str) -> Any:
    """A strategy from a file or a module; a plain name is one of the journal."""
    if not strategy.endswith(".py") and ":" not in strategy:
        return None
    from pipeline.strategy_files import strategy_class

    return strategy_class(strategy)()


def as_json(found: Any) -> str:
    import dataclasses

    import msgspec

    told = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return msgspec.json.encode(told | {"differences": found.differences}).decode()
