"""The command line. Each command is a file of its own, imported when it is used, so that `--help` needs nothing heavy."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import click

from pipeline.cli.group import Group, in_one_line
from pipeline.errors import EngineFault, RxtapeError

__all__ = ["main"]

COMMANDS = {
    "demo": "Replay the bundled tape through the flagship strategy.",
    "inspect": "Look at files of ticks: what they hold, how they are read, what is odd.",
    "replay": "Replay files of recorded ticks through strategies.",
    "live": "Watch venues live, through strategies.",
    "run": "Run what a configuration file says, as a service does.",
    "record": "Record venues live, to replay later.",
    "serve": "Replay files of ticks over a local websocket, as an exchange would send them.",
    "journal": "Look at journals, check them, cut them, take out what they hold.",
    "explain": "Say why an alert fired, or why none did.",
    "whatif": "Try other parameters on the tape of a journal.",
    "sinks": "See how far the sinks of a journal are; deliver what waits.",
    "incidents": "List incidents; acknowledge, snooze, resolve one.",
    "strategies": "List, show, begin and check strategies.",
    "config": "Show the settings of a run, and where each comes from.",
    "doctor": "Look at the installation: versions, compiled kernels, plug-ins, name clashes.",
}


class Commands(Group):
    """The commands, imported by name; an error made on purpose is one line, not a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of reading."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        if ctx is not None and ctx.resilient_parsing:  # TAB was pressed
            from pipeline.cli.completion import stand_in

            if (quick := stand_in(cmd_name)) is not None:
                return quick
        command: click.Command = getattr(import_module(f"pipeline.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the options before the command."""
        with in_one_line():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with told(ctx), in_one_line():
            return super().invoke(ctx)


@contextmanager
def told(ctx: click.Context) -> Iterator[None]:
    """What ends a command is told on standard error, a line for each thing that is wrong, and by the exit code."""
    try:
        yield
    except EngineFault:
        raise
    except KeyboardInterrupt:
        ctx.exit(130)
    except BrokenPipeError:
        discard_output()
        ctx.exit(141)
    except RxtapeError as error:
        from pipeline.cli.tidy import tidy

        for problem in getattr(error, "problems", (error,)):
            click.echo(f"rxtape: {tidy(problem)}", err=True)
        ctx.exit(error.exit_code)


def discard_output() -> None:
    """Nobody reads standard output any more: what Python still holds for it goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


EPILOG = """\b
rxtape demo
rxtape inspect ticks.csv
rxtape replay ticks.csv --strategy volume_breakout --set move=0.003
rxtape serve ticks.csv --as binance --speed 10x
rxtape replay --help

\b
Completion with TAB, in bash (zsh, fish alike):  eval "$(_RXTAPE_COMPLETE=bash_source rxtape)"
"""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=EPILOG)
@click.version_option(package_name="rxtape")
def main() -> None:
    """rxtape: recorded or live ticks in, exact alerts out.

    Alerts go to standard output (or where -o says), everything else to standard error. Exit codes: 0 done, 1 a strategy
    or sink was cut off, or a sink could not be opened, 2 wrong usage, 3 bad input (the run is incomplete) or a damaged
    journal, 130 interrupted (143 by SIGTERM, 129 by SIGHUP), 141 nobody reads the output any more.
    """
