"""Groups of commands: a wrong word is answered with the nearest right one, on one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError, NoSuchOption

from pipeline.errors import UnknownName

__all__ = ["Group", "in_one_line"]


class Group(click.Group):
    """Commands of which a wrong one is told with the nearest."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for; UnknownName where there is none."""
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and name not in self.list_commands(ctx):
            raise UnknownName("command", name, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class OneLine(click.ClickException):
    """A wrong command line, in one line."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Say it on standard error."""
        from pipeline.cli.tidy import tidy

        click.echo(f"rxtape: {tidy(self.message)}", err=True)


@contextmanager
def in_one_line() -> Iterator[None]:
    """What click has against a command line, in our form: what, and what next."""
    try:
        yield
    except NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        command = f"{error.ctx.command_path} --help" if error.ctx is not None else "the same with --help"
        if isinstance(error, NoSuchOption):
            near = f"did you mean {error.possibilities[0]}? " if error.possibilities else ""
            raise OneLine(f"there is no option {error.option_name}; {near}{command} lists them") from error
        what = error.format_message().rstrip(".")
        raise OneLine(f"{what[0].lower() + what[1:]}; {command} shows how it is written") from error
