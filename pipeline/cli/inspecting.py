"""What `rxtape inspect` says of a feed."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pipeline.alerts import format_time
from pipeline.cli.config import as_toml
from pipeline.cli.tidy import tidy
from pipeline.config import Value
from pipeline.durations import SECOND
from pipeline.errors import UsageError
from pipeline.feed import Feed
from pipeline.inspection import Inspection
from pipeline.plugins import load
from pipeline.runner import Run
from pipeline.settings import BY_KEY

__all__ = ["as_object", "commands", "facts", "head", "oddities", "suited", "write_settings"]

MOST_SYMBOLS = 8
BEGIN_WITH = ("volume_breakout", "new_high_low", "spread_widening", "stale_quote")


def facts(found: Inspection, read: Mapping[str, Any]) -> Iterator[str]:
    """What there is, a line each."""
    kinds = ", ".join(f"{count:,} {kind.lower()}{'s' * (count != 1)}" for kind, count in found.kinds.most_common())
    yield f"{'file':<12} {found.name}"
    yield f"{'rows':<12} {found.rows:,}" + (f": {kinds}" if kinds else "") + (f"; {found.refused:,} refused" if found.refused else "")
    if found.rows:
        most = ", ".join(f"{name} {count:,}" for name, count in found.symbols.most_common(MOST_SYMBOLS))
        more = f", {len(found.symbols) - MOST_SYMBOLS:,} more" if len(found.symbols) > MOST_SYMBOLS else ""
        yield f"{'symbols':<12} {len(found.symbols):,}: {most}{more}"
        yield f"{'span':<12} {format_time(found.first)} to {format_time(found.last)} ({span(found.last - found.first)})"
        late = f"{found.late_rows:,} row{'s' * (found.late_rows != 1)} late, by up to {found.latest_ns / SECOND:.9g} s"
        yield f"{'order':<12} {late if found.late_rows else 'in order of time'}"
    for name, value in read.items():
        yield f"{name:<12} {value if isinstance(value, str) else as_text(value)}"
    if found.damage is not None:
        yield f"{'DAMAGED':<12} {found.damage}"


def as_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def span(length_ns: int) -> str:
    seconds = length_ns / SECOND
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.9g} s"


def oddities(found: Inspection) -> Iterator[str]:
    """What is odd, with the first places."""
    if found.oddities:
        yield ""
    for odd in found.oddities.values():
        yield f"{odd.count:,} {odd.what}"
        for source, line, what in odd.examples:
            yield f"    {source}:{line} {what}"


def head(found: Inspection) -> Iterator[str]:
    """The first rows as a table."""
    if not found.head:
        return
    names = list(found.head[0])
    cells = [names, *([str(row.get(name, "")) for name in names] for row in found.head)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    yield ""
    for line in cells:
        yield "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))


def commands(feed: Feed, values: Mapping[str, Value], found: Inspection) -> Iterator[str]:
    """How to replay it, as it can be copied."""
    strategy = suited(feed)
    if not found.rows or not strategy:
        return
    files = values["feed.files"].value
    given = {
        key: value.value for key, value in values.items() if value.origin != "default" and key.startswith("feed.") and key != "feed.files"
    }
    told = [part for key, value in given.items() for part in spelt(key, value)]
    order = ["--sort"] if found.late_rows and not values["feed.sort"].value else []
    skip = ["--on-bad", "skip"] if found.refused else []
    yield ""
    yield "replay it with"
    yield "    " + shlex.join(["rxtape", "replay", *files, *told, *order, *skip, "--strategy", strategy])


def suited(feed: Feed) -> str:
    """A strategy that the columns of a feed are enough for; empty if there is none."""
    for name in BEGIN_WITH:
        try:
            Run(feed, load("strategy", name)())
        except UsageError:
            continue
        return name
    return ""


def spelt(key: str, value: Any) -> list[str]:
    """A setting as on the command line."""
    setting = BY_KEY[key]
    if setting.kind == "flag":
        return [] if value == setting.default else [f"--no-{setting.name}" if setting.default else setting.option]
    if isinstance(value, Mapping):
        return [setting.option, ",".join(f"{column}={place}" for column, place in value.items())]
    return [setting.option, ",".join(value) if isinstance(value, tuple) else str(value)]


def write_settings(path: Path, values: Mapping[str, Value], read: Mapping[str, Any], strategy: str) -> None:
    """The settings that were given and those that were inferred, as a configuration file; an old one is not replaced."""
    kept = {key: value for key, value in values.items() if value.origin != "default"}
    inferred = {f"feed.{name}": Value(value) for name, value in read.items() if f"feed.{name}" in BY_KEY and f"feed.{name}" not in kept}
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(as_toml(kept | inferred))
    except FileExistsError:
        raise UsageError(f"{path} is there already; remove it, or write to another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    command = shlex.join(["rxtape", "replay", "--config", str(path), "--strategy", strategy or "NAME"])
    click.echo(tidy(f"rxtape: {path} written; replay it with {command}"), err=True)


def as_object(found: Inspection, read: Mapping[str, Any]) -> dict[str, Any]:
    oddities = [asdict(odd) for odd in found.oddities.values()]
    damage = None if found.damage is None else tidy(found.damage)
    return vars(found) | {"oddities": oddities, "damage": damage, "read_as": dict(read)}
