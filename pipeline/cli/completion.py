"""What the shell offers when TAB is pressed: names of strategies, kinds of sinks; by entry points alone, nothing heavy is imported."""

import os
from importlib.metadata import entry_points
from pathlib import Path

import click
from click import Context, Parameter
from click.shell_completion import CompletionItem, get_completion_class

__all__ = ["complete_sink", "complete_strategy", "stand_in"]

COMPLETE = "_RXTAPE_COMPLETE"
OTHER_MEANING = ("demo",)  # commands whose -o is a file


def complete_strategy(ctx: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of installed strategies and Python files, after `NAME=` too."""
    label, equals, begun = incomplete.rpartition("=")
    names = {point.name for point in entry_points(group="rxtape.strategies")} | {path.name for path in Path().glob("*.py")}
    return [CompletionItem(f"{label}{equals}{name}") for name in sorted(names) if name.startswith(begun)] or files(incomplete)


def complete_sink(ctx: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds of sinks, each with its colon."""
    names = {point.name for point in entry_points(group="rxtape.sinks")}
    return [CompletionItem(f"{name}:") for name in sorted(names) if name.startswith(incomplete)] or files(incomplete)


def files(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def stand_in(name: str) -> click.Command | None:
    """In place of a command, while the value of --strategy or -o is completed: it knows these two, and needs none of the imports."""
    shell = get_completion_class(os.environ.get(COMPLETE, "").partition("_")[0])
    if shell is None or name in OTHER_MEANING:
        return None
    options = [
        click.Option(["-s", "--strategy"], multiple=True, shell_complete=complete_strategy),
        click.Option(["-o", "--output"], multiple=True, shell_complete=complete_sink),
    ]
    words, _ = shell(click.Command(name), {}, name, COMPLETE).get_completion_args()
    if not words or words[-1] not in {flag for option in options for flag in option.opts}:
        return None
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, params=[*options, click.Argument(["rest"], nargs=-1)], context_settings=settings)
