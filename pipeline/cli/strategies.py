"""`rxtape strategies`: what strategies there are, what one takes, a new one, and whether one is sound."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pipeline.cli.completion import complete_strategy
from pipeline.cli.group import Group
from pipeline.cli.strategies_check import check
from pipeline.cli.strategies_new import new

if TYPE_CHECKING:
    from pipeline.strategy import Strategy

__all__ = ["strategies"]


@click.group(cls=Group, short_help="List, show, begin and check strategies.")
def strategies() -> None:
    """Strategies: list them, show what one takes, begin one of your own, and check it.

    \b
    rxtape strategies new my_rule
    rxtape strategies check my_rule.py
    """


@strategies.command("list")
@click.argument("files", nargs=-1, shell_complete=complete_strategy)
def list_(files: tuple[str, ...]) -> None:
    """List the installed strategies, and those of FILES: name, what it does, where it is from.

    \b
    rxtape strategies list
    rxtape strategies list my_rule.py
    """
    rows = [*installed(), *((f"{file}:{key}", summary(kind), "file") for file in files for key, kind in of_file(file))]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 2)]
    for name, line, origin in rows:
        click.echo(f"{name:<{widths[0]}}  {origin:<{widths[1]}}  {line}")


def installed() -> Iterator[tuple[str, str, str]]:
    """Name, summary and origin of what is installed; what cannot be loaded is a warning."""
    from importlib.metadata import PackageNotFoundError, version

    from pipeline.cli.tidy import tidy
    from pipeline.errors import RxtapeError
    from pipeline.plugins import plugins
    from pipeline.strategy_files import strategy_class

    for plugin in plugins("strategy"):
        try:
            line = summary(strategy_class(plugin.name))
        except RxtapeError as error:
            click.echo(f"rxtape: warning: {tidy(error)}", err=True)
            continue
        try:
            origin = f"{plugin.package} {version(plugin.package)}"
        except PackageNotFoundError:
            origin = plugin.package
        yield plugin.name, line, origin


def of_file(file: str) -> "list[tuple[str, type[Strategy]]]":
    from pipeline.strategy_files import strategies_in

    return list(strategies_in(file).items())


def summary(kind: "type[Strategy]") -> str:
    """The first line of a docstring; one that a dataclass made up is none."""
    from inspect import cleandoc

    text = kind.__doc__ or ""
    return "(no docstring)" if not text or text.startswith(f"{kind.__name__}(") else cleandoc(text).partition("\n")[0]


@strategies.command()
@click.argument("name", shell_complete=complete_strategy)
def show(name: str) -> None:
    """Show what strategy NAME does, its parameters, the columns it reads, and a command to begin with.

    NAME is that of an installed strategy, file.py, file.py:Class or module:Class.

    \b
    rxtape strategies show volume_breakout
    rxtape strategies show my_rule.py
    """
    from pipeline.cli.strategies_show import shown_strategy

    click.echo(shown_strategy(name))


strategies.add_command(new)
strategies.add_command(check)
