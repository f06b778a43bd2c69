"""`rxtape config`: what a run would be told, and who said so."""

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from pipeline.cli.options import setting_options, settle
from pipeline.config import Value

__all__ = ["as_toml", "config"]


@click.group(short_help="Show the settings of a run, and where each comes from.")
def config() -> None:
    """Settings come from the command line, else from RXTAPE_ variables, else from a file (--config), else from the defaults."""


@config.command(short_help="Every setting as TOML.")
@click.option("--origin", is_flag=True, help="Say for each where it comes from.")
@setting_options("feed", "run", "output")
def show(origin: bool, **options: Any) -> None:
    """Every setting as it would be used, as TOML that --config reads.

    \b
    rxtape config show --origin --config rxtape.toml --late clamp
    """
    file, values = settle(options)
    click.echo(as_toml(values, origin))
    for choice in file.strategies:
        comment = f"  # {choice.origin}" if origin else ""
        parameters = "".join(f"{name} = {toml(value)}\n" for name, value in choice.parameters.items())
        click.echo(f"[[strategy]]{comment}\nuse = {toml(choice.use)}\n{parameters}")


def as_toml(values: Mapping[str, Value], origin: bool = False) -> str:
    """Settings by key as the tables of a configuration file; those that have no value are comments."""
    tables: dict[str, list[str]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        shown = toml(value.written or value.value) if value.value is not None else "..."
        line = f"{'# ' if value.value is None else ''}{name} = {shown}"
        tables.setdefault(section, []).append(f"{line:<40}  # {value.origin}" if origin else line)
    return "\n".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in tables.items())


def toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else toml(key)
