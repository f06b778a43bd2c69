"""Strategies as they are chosen: `[NAME=]WHICH` and `[NAME.]PARAMETER=VALUE` on the command line, or by a configuration file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.config import Problems, StrategyChoice
from pipeline.errors import UnknownName, UsageError
from pipeline.parameters import checked
from pipeline.strategy import Strategy, snake_case
from pipeline.strategy_files import strategy_class

__all__ = ["Choice", "chosen", "chosen_strategies"]

LABELLED = re.compile(r"([^\W\d]\w*)=(.+)", re.DOTALL)


@dataclass
class Choice:
    """One strategy that was chosen: the name its alerts get, what was written, its class, the parameters given, and where by a file."""

    name: str
    written: str
    kind: type[Strategy]
    given: dict[str, str] = field(default_factory=dict)
    of_file: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """File and line; empty for the command line."""
        return self.places.get("use", "")

    def place_of(self, error: Exception) -> str:
        """File, line and key of the parameter whose value an error quotes, as far as it can be told."""
        said = {name: rf"(?<![\w.]){re.escape(repr(value))}(?![\w.])" for name, value in self.of_file.items() if name not in self.given}
        quoted = [name for name, pattern in said.items() if re.search(pattern, str(error))]
        return f"{self.places[quoted[0]]}: {self.name}.{quoted[0]}" if len(quoted) == 1 else self.place

    def strategy(self) -> Strategy:
        """The strategy itself."""
        types, problems = self.kind.parameters(), Problems()
        values: dict[str, Any] = {} if self.name == snake_case(self.kind.__name__) else {"name": self.name}
        for name, value in self.of_file.items():
            with problems.noted(self.places.get(name, self.place)):
                if name not in types:
                    raise UnknownName(f"parameter of {self.name}", name, types)
                values[name] = checked(f"{self.name}.{name}", value, types[name])
        problems.told()
        try:
            return self.kind.from_text(self.given, self.name, values)
        except UsageError as error:
            if not self.place:
                raise
            raise UsageError(f"{self.place_of(error)}: {error}") from error


def chosen_strategies(names: Sequence[str], settings: Sequence[str]) -> list[Strategy]:
    """The strategies that `--strategy` names, with the parameters of `--set`.

    Raises UnknownName for a strategy or parameter that is not there, ParameterError for a value of the wrong type,
    UsageError for the rest, ConfigError where several things are wrong.

    >>> chosen_strategies(["fast=volume_spike", "slow=volume_spike"], ["fast.average=5", "slow.average=50"])
    ... # doctest: +NORMALIZE_WHITESPACE
    [VolumeSpike(name='fast', move=0.01, average=5, multiple=2.0, over='5m'),
     VolumeSpike(name='slow', move=0.01, average=50, multiple=2.0, over='5m')]
    """
    problems = Problems()
    made = [strategy for _, strategy in chosen(names, settings, (), problems)]
    problems.told()
    return made


def chosen(
    names: Sequence[str], settings: Sequence[str], file: Sequence[StrategyChoice], problems: Problems
) -> list[tuple[Choice, Strategy]]:  # fmt: skip
    """The strategies of the command line, else those of a configuration file; what is wrong is noted."""
    choices = [*named(names, problems)] if names else [*configured(file, problems)]
    refuse_equal_names(choices, problems)
    for setting in settings if choices and not problems.errors else ():
        with problems.noted():
            set_parameter(setting, choices)
    made = []
    for choice in choices:
        with problems.noted():
            made.append((choice, choice.strategy()))
    return made


def named(names: Sequence[str], problems: Problems) -> Iterator[Choice]:
    """Those of the command line; a file that is named twice is read once."""
    kinds: dict[str, type[Strategy]] = {}
    for written in names:
        with problems.noted():
            which = unlabelled(written)
            kinds[which] = kinds.get(which) or strategy_class(which)
            yield Choice(label_of(written) or snake_case(kinds[which].__name__), written, kinds[which])


def configured(choices: Sequence[StrategyChoice], problems: Problems) -> Iterator[Choice]:
    """Those of a file."""
    kinds: dict[str, type[Strategy]] = {}
    for choice in choices:
        with problems.noted(choice.origin):
            kind = kinds[choice.use] = kinds.get(choice.use) or strategy_class(choice.use)
            label = choice.parameters.get("name", "")
            name = label if isinstance(label, str) and label else snake_case(kind.__name__)
            yield Choice(name, choice.use, kind, {}, choice.parameters, choice.places)


def set_parameter(setting: str, chosen: Sequence[Choice]) -> None:
    """What one `--set` asks for."""
    left, equals, value = setting.partition("=")
    if not equals or not left:
        raise UsageError(f"--set {setting}: expected PARAMETER=VALUE or NAME.PARAMETER=VALUE, such as move=0.02")
    choice, parameter = whose(left, value, chosen)
    if parameter in choice.given:
        raise UsageError(f"{choice.name}.{parameter} is set twice: to {choice.given[parameter]!r} and to {value!r}; leave one out")
    if parameter == "name" and label_of(choice.written):
        raise UsageError(f"--set {setting}: the name is given already, by --strategy {choice.written}; leave one out")
    choice.given[parameter] = value


def label_of(written: str) -> str:
    labelled = LABELLED.fullmatch(written)
    return labelled[1] if labelled else ""


def unlabelled(written: str) -> str:
    labelled = LABELLED.fullmatch(written)
    return labelled[2] if labelled else written


def refuse_equal_names(chosen: Sequence[Choice], problems: Problems) -> None:
    known: dict[str, Choice] = {}
    for choice in chosen:
        first = known.setdefault(choice.name, choice)
        if first is not choice:
            with problems.noted(choice.place):
                raise UsageError(f"two strategies are named {choice.name!r}: {first.written} and {choice.written}; {another_name(choice)}")


def another_name(choice: Choice) -> str:
    if choice.place:
        return f'give one another name: name = "{choice.name}2"'
    other = f"{choice.name}2"
    return f"give one another name, --strategy {other}={unlabelled(choice.written)}, and set its parameters by it: --set {other}.…=…"


def whose(left: str, value: str, chosen: Sequence[Choice]) -> tuple[Choice, str]:
    """The strategy and the parameter that the left side of a setting means."""
    owner, dot, parameter = left.rpartition(".")
    if dot:
        by_name = {choice.name: choice for choice in chosen}
        found = by_name.get(owner) or next((choice for choice in chosen if choice.written == owner), None)
        if found is None:
            raise UnknownName("chosen strategy", owner, by_name)
        refuse_unknown(parameter, [found])
        return found, parameter
    refuse_unknown(left, chosen)
    if len(chosen) > 1:
        having = [f"{choice.name}.{left}={value}" for choice in chosen if left in choice.kind.parameters()]
        raise UsageError(f"--set {left}={value}: which strategy? Write {' or '.join(having)}")
    return chosen[0], left


def refuse_unknown(parameter: str, chosen: Sequence[Choice]) -> None:
    known: Mapping[str, None] = {name: None for choice in chosen for name in choice.kind.parameters()}
    if parameter not in known:
        raise UnknownName(f"parameter of {' or '.join(choice.name for choice in chosen)}", parameter, known)
