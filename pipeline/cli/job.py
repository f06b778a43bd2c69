"""What a command line and a configuration file ask for, put together; what is wrong with it is told all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cli.aside import check_aside
from pipeline.cli.choice import Choice, chosen
from pipeline.cli.options import feed_arguments
from pipeline.config import Config, Problems, Value, concealed
from pipeline.durations import nanoseconds
from pipeline.errors import InputError, ParameterError, UnknownName, UsageError
from pipeline.feed import Feed
from pipeline.journal.retention import Keep
from pipeline.journaling import Journaling
from pipeline.plot import check_picture
from pipeline.plugins import load, names_feed, plugins
from pipeline.runner import Run
from pipeline.sinks.files import Destinations, destination_of
from pipeline.strategy import Strategy
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = ["Job", "feed_of", "job_of", "journaling_of"]

RUN = ("late", "lateness", "on_bad", "check_first", "max_symbols", "quarantine")

NO_TICKS = Ticks.of(np.empty(0, np.int64), np.empty(0, np.int32), SymbolTable(), price=np.empty(0), size=np.empty(0))


@dataclass(frozen=True)
class Job:
    """A feed, strategies, where their alerts go, how the run deals with its input, and what is drawn (None: nothing)."""

    feed: Feed
    strategies: Sequence[Strategy]
    outputs: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    plot: Path | None = None
    plot_symbol: str | None = None


def job_of(config: Config, names: Sequence[str], settings: Sequence[str], outputs: Sequence[str]) -> Job:
    """Everything a run needs; `outputs` are used where none is configured.

    Raises ConfigError with all that is wrong, UsageError where it is one thing, InputError where the input alone cannot be
    read; nothing has been started then, no file opened for writing.
    """
    problems, values = Problems(), config.values
    with problems.noted():
        config.checked()
    feed, refused = (None, None) if config.faulty("feed") else feed_or_refusal(values, problems)
    strategies = strategies_of(config, names, settings, feed, problems)
    sinks = values["output.sinks"].value or tuple(outputs)
    refuse_outputs(sinks, values, problems)
    told: dict[str, Any] = {}
    with problems.noted(place_of(values["run.quarantine"])):
        told = run_options(values)
    told["journal"] = journaling_of(config)
    if refused is not None and problems.errors:
        problems.errors.append(UsageError(str(refused)))
    problems.told()
    if feed is None:
        raise refused or AssertionError
    plot = values["output.plot"].value
    return Job(feed, strategies, sinks, told, None if plot is None else Path(plot), values["output.plot_symbol"].value)


def strategies_of(config: Config, names: Sequence[str], settings: Sequence[str], feed: Any, problems: Problems) -> list[Strategy]:
    """The strategies, each of which can be built on the feed; what is wrong is noted."""
    found = chosen(names, settings, config.strategies, problems)
    if not names and not config.strategies and not config.faulty("strategy"):
        with problems.noted():
            raise UsageError("no strategy chosen; write --strategy volume_breakout, or --strategy mine.py (see rxtape strategies list)")
    for choice, strategy in found:
        try_to_build(choice, strategy, feed, problems)
    return [strategy for _, strategy in found]


def feed_or_refusal(values: Mapping[str, Value], problems: Problems) -> tuple[Feed | None, InputError | None]:
    """The feed, or why its input cannot be read; wrong usage is noted."""
    feed = refused = None
    with problems.noted():
        try:
            feed = feed_of(values, "replay ticks.csv --strategy volume_breakout")
        except InputError as error:
            refused = error
    return feed, refused


def try_to_build(choice: Choice, strategy: Strategy, feed: Feed | None, problems: Problems) -> None:
    """Note why a strategy cannot be built on a feed; without a feed, what is wrong with its parameters."""
    try:
        Run(NO_TICKS if feed is None else feed, strategy)
    except UsageError as error:
        if feed is not None or isinstance(error.__cause__, ParameterError):
            with problems.noted(choice.place_of(error)):
                if not (hint := hint_for_quotes(choice, feed)):
                    raise
                raise UsageError(f"{error}{hint}") from error


def hint_for_quotes(choice: Choice, feed: Feed | None) -> str:
    """Which of our strategies read quotes, where one of them that reads trades was chosen for a feed without."""
    quotes_only = feed is not None and "bid" in feed.columns and "price" not in feed.columns
    return "; strategies for quotes are spread_widening and stale_quote" if quotes_only and not choice.written.endswith(".py") else ""


def feed_of(values: Mapping[str, Value], example: str) -> Feed:
    """The feed of the files that are named; `example` is what to write where none is."""
    files = values["feed.files"].value
    if not files:
        raise UsageError(f"no file named; write rxtape {example}")
    if len(missing := [name for name in files if not Path(name).exists() and not names_feed(name) and not set("*?[") & set(name)]) > 1:
        raise UsageError(f"there are no files {', '.join(missing)}")
    for name in {plugin.name for plugin in plugins("strategy")} & set(files):
        if not Path(name).exists():
            raise UsageError(f"{name} is a strategy, and no file; write --strategy {name}")
    feed: Feed = load("feed", "file")(files, **feed_arguments(values))
    known = Destinations()
    for path in getattr(feed, "paths", ()):
        if known.knows(destination_of(path)):
            raise UsageError(f"{path} is named twice, and each of its ticks would count twice; name it once")
        known.occupy(destination_of(path), str(path))
    return feed


def journaling_of(config: Config) -> Journaling | None:
    """How the run keeps a journal, if it does; what the environment filled in is not written down."""
    folder, rows, every, size, length = (
        config.values[f"journal.{name}"].value for name in ("folder", "snapshot_rows", "snapshot_every", "keep_size", "keep_for")
    )
    if folder is None:
        return None
    if not folder:
        raise UsageError("the folder of the journal is an empty text; name one: --journal monday, or journal.folder")
    keep = Keep(size, None if length is None else nanoseconds(length))
    return Journaling(folder, rows, every, keep, conceal=partial(concealed, secrets=config.secrets))


def place_of(value: Value) -> str:
    """File and line of a setting, or its variable; empty for the command line."""
    return "" if value.origin in ("default", "command line") else value.origin


def refuse_outputs(sinks: Sequence[str], values: Mapping[str, Value], problems: Problems) -> None:
    """Note what cannot be written to, or drawn."""
    for url in sinks:
        with problems.noted(place_of(values["output.sinks"])):
            known_sink(url)
    with problems.noted(place_of(values["output.plot"])):
        drawable(values["output.plot"].value, values["output.plot_symbol"].value)


def known_sink(url: str) -> None:
    """Refuse a kind of sink that nobody offers, before anything is opened."""
    scheme, colon, _ = url.partition(":")
    known = {plugin.name for plugin in plugins("sink")}
    if not colon and scheme not in known:
        raise UsageError(f"{url!r} names no sink; write it with its kind, such as jsonl:{url}. There are: {', '.join(sorted(known))}")
    if scheme not in known:
        raise UnknownName("sink", scheme, known)


def drawable(plot: str | None, plot_symbol: str | None) -> None:
    """Refuse a picture that cannot be drawn."""
    if plot is not None:
        check_picture(Path(plot))
    elif plot_symbol is not None:
        raise UsageError("--plot-symbol says what to draw, and nothing is drawn; add --plot out.png")


def run_options(values: Mapping[str, Value]) -> dict[str, Any]:
    """What the run is told of bad and late rows."""
    told = {name: values[f"run.{name}"].value for name in RUN}
    check_aside(told)
    return told
