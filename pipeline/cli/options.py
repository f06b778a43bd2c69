"""The settings of a run as options of a command: one table, spelt for the command line."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline.cli.completion import complete_sink
from pipeline.cli.tidy import SECRETS
from pipeline.config import Config, Value, load_config, settled
from pipeline.settings import BY_KEY, SETTINGS, Setting

__all__ = ["CHOSEN", "feed_arguments", "said", "setting_options", "settle"]

CHOSEN = "NAME, file.py, file.py:Class or module:Class; NAME=... gives it another name."
ARGUMENTS = ("feed.files", "live.sources")
C = TypeVar("C", bound=Callable[..., Any])


def setting_options(*chosen: str, without: Sequence[str] = ()) -> Callable[[C], C]:
    """Add `--config` and an option for each setting that is chosen by key or section; `said` collects what was given."""

    def add(command: C) -> C:
        for setting in reversed(SETTINGS):
            wanted = setting.key.partition(".")[0] in chosen or setting.key in chosen
            if wanted and setting.key not in (*ARGUMENTS, *without):
                command = option(setting)(command)
        file = click.Path(path_type=Path, dir_okay=False)
        return click.option("--config", "-c", type=file, metavar="FILE", help="Settings and strategies, as TOML.")(command)

    return add


def option(setting: Setting) -> Callable[[C], C]:
    spelt = setting.option
    default = setting.default if setting.default not in (None, (), False, True, {}) else None
    help_text = setting.help + (f"  [default: {default}]" if default is not None else "")
    if setting.key == "output.sinks":
        complete = complete_sink
        return click.option(spelt, "-o", identifier(setting), multiple=True, metavar="URL", help=help_text, shell_complete=complete)
    if setting.kind == "flag":
        negative = setting.default is True
        spelt, help_text = (f"--no-{setting.name}", "The first line names no columns.") if negative else (spelt, help_text)
        return click.option(spelt, identifier(setting), flag_value=not negative, is_flag=True, default=None, help=help_text)
    metavar = f"[{'|'.join(setting.choices)}]" if setting.choices else setting.metavar
    return click.option(spelt, identifier(setting), metavar=metavar, help=help_text)


def identifier(setting: Setting) -> str:
    return setting.key.replace(".", "__")


def said(options: dict[str, Any]) -> dict[str, Any]:
    """Take the settings out of a command's options; by key, without those that were not given."""
    given = {setting.key: options.pop(identifier(setting)) for setting in SETTINGS if identifier(setting) in options}
    return {key: value for key, value in given.items() if value not in (None, ())}


def settle(options: dict[str, Any], arguments: tuple[str, ...] = (), key: str = "feed.files") -> Config:
    """Every setting, and the strategies of the configuration file if one is named; what is wrong with either is in `problems`.

    `arguments` of the command are the setting `key`. From here on no message of this command shows what `${NAME}` stood for.
    """
    path = options.pop("config")
    config = settled(load_config(path) if path is not None else Config(), said(options) | ({key: arguments} if arguments else {}))
    click.get_current_context().meta[SECRETS] = config.secrets
    return config


def feed_arguments(values: Mapping[str, Value]) -> dict[str, Any]:
    """What the feed of files is told: the settings of `feed` that are not as they are by themselves."""
    told = {key: value.value for key, value in values.items() if value.value != BY_KEY[key].default}
    given = {BY_KEY[key].name: value for key, value in told.items() if key.startswith("feed.")}
    given.pop("files", None)
    if "from" in given:
        given["start"] = given.pop("from")
    return given
