"""`rxtape inspect`: a look at a file before it is replayed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.cli.options import setting_options, settle
from pipeline.cli.tidy import tidy
from pipeline.errors import InputError

__all__ = ["inspect"]


@click.command(short_help="Look at files of ticks: what they hold, how they are read, what is odd.")
@click.argument("files", nargs=-1)
@setting_options("feed")
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE", help="Write how it is read as TOML, for --config.")
@click.option("--json", is_flag=True, help="The findings as one JSON object.")
@click.pass_context
def inspect(ctx: click.Context, /, files: tuple[str, ...], write: Path | None, json: bool, **options: Any) -> None:
    """Look at FILE: rows, symbols, span, how its columns and times are read, what is odd, and how to replay it.

    \b
    rxtape inspect ticks.csv
    rxtape inspect ticks.csv --write rxtape.toml
    rxtape inspect own.csv --columns time=Date+Time,price=px --tz America/New_York
    rxtape inspect ticks.csv --json
    """
    from pipeline.cli.inspecting import as_object, commands, facts, head, oddities, suited, write_settings
    from pipeline.cli.job import feed_of
    from pipeline.feed import facts_of
    from pipeline.inspection import inspect as look

    values = settle(options, files).checked().values
    feed = feed_of(values, "inspect ticks.csv")
    found = look(feed)
    read: Mapping[str, Any] = getattr(feed, "read_as", {})
    said = dict(read) | dict(facts_of(feed))
    if json:
        click.echo(msgspec.json.encode(as_object(found, read)).decode())
    else:
        for line in (*facts(found, said), *oddities(found), *head(found), *commands(feed, values, found)):
            click.echo(tidy(line))
    if write is not None:
        write_settings(write, values, read, suited(feed))
    ctx.exit(InputError.exit_code if found.damage is not None or found.refused else 0)
