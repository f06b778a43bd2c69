"""What a command line and a configuration file ask for, put together; what is wrong with it is told all at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline.cli.choice import chosen_strategies
from pipeline.cli.options import feed_arguments
from pipeline.config import Config, ConfigError, StrategyChoice, Value
from pipeline.errors import UnknownName, UsageError
from pipeline.feed import Feed
from pipeline.parameters import checked, from_text
from pipeline.plugins import load, plugins
from pipeline.runner import Run
from pipeline.strategy import Strategy, snake_case
from pipeline.strategy_files import strategy_class

__all__ = ["Job", "job_of"]

T = TypeVar("T")
RUN = ("late", "lateness", "on_bad", "check_first", "max_symbols", "quarantine")


@dataclass(frozen=True)
class Job:
    """A feed, strategies, where their alerts go, and how the run deals with its input."""

    feed: Feed
    strategies: Sequence[Strategy]
    outputs: Sequence[str]
    options: Mapping[str, Any]


def job_of(config: Config, values: Mapping[str, Value], names: Sequence[str], settings: Sequence[str], outputs: Sequence[str]) -> Job:
    """Everything a run needs; `outputs` are used where none is configured. Raises ConfigError; nothing has started then."""
    problems: list[str] = []

    def tried(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except UsageError as error:
            problems.extend(error.problems if isinstance(error, ConfigError) else [str(error)])
            return None

    feed = tried(lambda: feed_of(values))
    strategies = tried(lambda: strategies_of(config, names, settings)) or []
    sinks = values["output.sinks"].value or tuple(outputs)
    for url in sinks:
        tried(lambda url=url: known_sink(url))  # type: ignore[misc]
    options = tried(lambda: run_options(values, feed)) or {}
    if feed is not None:
        for strategy in strategies:
            tried(lambda strategy=strategy: Run(feed, strategy))  # type: ignore[misc]
    if problems:
        raise ConfigError(problems)
    assert feed is not None
    return Job(feed, strategies, sinks, options)


def feed_of(values: Mapping[str, Value]) -> Feed:
    files = values["feed.files"].value
    if not files:
        raise UsageError("no file named; write rxtape replay ticks.csv --strategy volume_breakout")
    feed: Feed = load("feed", "file")(files, **feed_arguments(values))
    return feed


def strategies_of(config: Config, names: Sequence[str], settings: Sequence[str]) -> list[Strategy]:
    """Those of the command line, or else those of the file; `--set` changes either."""
    if names:
        return chosen_strategies(names, settings)
    if not config.strategies:
        raise UsageError("no strategy chosen; write --strategy volume_breakout, or --strategy mine.py (rxtape strategies list shows them)")
    return configured(config.strategies, settings)


def configured(choices: Sequence[StrategyChoice], settings: Sequence[str]) -> list[Strategy]:
    """The strategies of a file, some of their parameters set anew; ConfigError with all that is wrong."""
    problems, found = list[str](), list[tuple[str, type[Strategy], dict[str, Any], StrategyChoice]]()
    for choice in choices:
        try:
            kind = strategy_class(choice.use)
        except UsageError as error:
            problems.append(f"{choice.origin}: {error}")
            continue
        label = choice.parameters.get("name", snake_case(kind.__name__))
        found.append((label, kind, dict(choice.parameters), choice))
    for setting in settings:
        try:
            set_anew(setting, {label: (kind, parameters) for label, kind, parameters, _ in found})
        except UsageError as error:
            problems.append(str(error))
    made = []
    for label, kind, parameters, choice in found:
        wrong = list(wrong_parameters(label, kind, parameters))
        problems += [f"{choice.origin}: {problem}" for problem in wrong]
        if not wrong:
            try:
                made.append(kind(**parameters))
            except UsageError as error:
                problems.append(f"{choice.origin}: {error}")
    if problems:
        raise ConfigError(problems)
    return made


def wrong_parameters(label: str, kind: type[Strategy], parameters: Mapping[str, Any]) -> Iterator[str]:
    types = kind.parameters()
    for name, value in parameters.items():
        try:
            if name not in types:
                raise UnknownName(f"parameter of {label}", name, types)
            checked(f"{label}.{name}", value, types[name])
        except UsageError as error:
            yield str(error)


def set_anew(setting: str, found: Mapping[str, tuple[type[Strategy], dict[str, Any]]]) -> None:
    left, equals, value = setting.partition("=")
    owner, dot, name = left.rpartition(".")
    if not equals:
        raise UsageError(f"--set {setting}: expected PARAMETER=VALUE or NAME.PARAMETER=VALUE, such as move=0.02")
    if not dot and len(found) != 1:
        having = [f"{label}.{setting}" for label, (kind, _) in found.items() if name in kind.parameters()]
        raise UsageError(f"--set {setting}: which strategy? Write {' or '.join(having) or 'NAME.' + setting}")
    label = owner or next(iter(found))
    if label not in found:
        raise UnknownName("chosen strategy", label, found)
    kind, parameters = found[label]
    if name not in kind.parameters():
        raise UnknownName(f"parameter of {label}", name, kind.parameters())
    parameters[name] = from_text(f"{label}.{name}", value, kind.parameters()[name])


def known_sink(url: str) -> None:
    """Refuse a kind of sink that nobody offers, before anything is opened."""
    scheme = url.partition(":")[0]
    known = {plugin.name for plugin in plugins("sink")}
    if scheme not in known:
        raise UnknownName("sink", scheme, known)


def run_options(values: Mapping[str, Value], feed: Feed | None) -> dict[str, Any]:
    """What the run is told of bad and late rows; rows that are set aside get a file."""
    told = {name: values[f"run.{name}"].value for name in RUN}
    sets_aside = told["late"] == "drop" or told["on_bad"] == "skip"
    if told["quarantine"] is not None and not sets_aside:
        raise UsageError("--quarantine is for rows that are set aside: write --on-bad skip or --late drop beside it")
    if sets_aside and told["quarantine"] is None and feed is not None:
        told["quarantine"] = f"{Path(feed.name).name}.quarantine.jsonl"
    return told
