"""`rxtape config`: what a run would be told, and who said so."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import click
import msgspec

from pipeline.cli.group import Group
from pipeline.cli.options import setting_options, settle
from pipeline.config import Value, concealed
from pipeline.sinks.console import neutral

__all__ = ["as_toml", "config"]


@click.group(cls=Group, short_help="Show the settings of a run, and where each comes from.")
def config() -> None:
    """Settings come from the command line, else from RXTAPE_ variables, else from a file (--config), else from the defaults.

    \b
    rxtape config show
    rxtape config show --origin --config rxtape.toml
    """


@config.command(short_help="Every setting as TOML.")
@click.option("--origin", is_flag=True, help="Say for each where it comes from.")
@setting_options("feed", "run", "output")
def show(origin: bool, **options: Any) -> None:
    """Every setting as it would be used, as TOML that --config reads; what ${NAME} stands for is not shown.

    \b
    rxtape config show --origin --config rxtape.toml --late clamp
    rxtape config show --tz America/New_York --columns time=Date+Time,price=px > rxtape.toml
    """
    settled = settle(options).checked()
    click.echo(concealed(as_toml(settled.values, origin), {}))
    for choice in settled.strategies:
        written = {"use": choice.use, **choice.parameters, **choice.filled}
        lines = [entry(name, value, choice.places[name] if origin else "") for name, value in written.items()]
        click.echo(concealed("\n".join(["[[strategy]]", *lines, ""]), {}))


def entry(name: str, value: Any, origin: str = "") -> str:
    """A line of TOML; without a value a comment."""
    line = f"# {name} = ..." if value is None else f"{toml_key(name)} = {toml(value)}"
    return f"{line:<40}  # {neutral(origin)}" if origin else line


def as_toml(values: Mapping[str, Value], origin: bool = False) -> str:
    """Settings by key as the tables of a configuration file; those that have no value are comments."""
    tables: dict[str, list[str]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        shown = value.value if value.written is None else value.written
        tables.setdefault(section, []).append(entry(name, shown, value.origin if origin else ""))
    return "\n".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in tables.items())


def toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    text = msgspec.json.encode(value).decode()
    return text if text.isprintable() else "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)


def toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else toml(key)
