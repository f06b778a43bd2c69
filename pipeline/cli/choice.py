"""Strategies as they are chosen on the command line: `[NAME=]WHICH`, and parameters as `[NAME.]PARAMETER=VALUE`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import UnknownName, UsageError
from pipeline.strategy import Strategy, snake_case
from pipeline.strategy_files import strategy_class

__all__ = ["chosen_strategies"]

LABELLED = re.compile(r"([^\W\d]\w*)=(.+)", re.DOTALL)


@dataclass
class Choice:
    """One strategy that was chosen: the name its alerts get, what was written, its class, and the parameters given."""

    name: str
    written: str
    kind: type[Strategy]
    given: dict[str, str] = field(default_factory=dict)

    def strategy(self) -> Strategy:
        """The strategy itself."""
        own_name = {} if self.name == snake_case(self.kind.__name__) else {"name": self.name}
        return self.kind.from_text(own_name | self.given, self.name)


def chosen_strategies(names: Sequence[str], settings: Sequence[str]) -> list[Strategy]:
    """The strategies that `--strategy` names, with the parameters of `--set`.

    Raises UnknownName for a strategy or parameter that is not there, ParameterError for a value of the wrong type,
    UsageError for the rest.

    >>> chosen_strategies(["fast=volume_spike", "slow=volume_spike"], ["fast.average=5", "slow.average=50"])
    ... # doctest: +NORMALIZE_WHITESPACE
    [VolumeSpike(name='fast', move=0.01, average=5, multiple=2.0, over='5m'),
     VolumeSpike(name='slow', move=0.01, average=50, multiple=2.0, over='5m')]
    """
    kinds = {which: strategy_class(which) for which in map(unlabelled, names)}
    chosen = [choice_of(written, kinds[unlabelled(written)]) for written in names]
    refuse_equal_names(chosen)
    for setting in settings:
        left, equals, value = setting.partition("=")
        if not equals or not left:
            raise UsageError(f"--set {setting}: expected PARAMETER=VALUE or NAME.PARAMETER=VALUE, such as move=0.02")
        choice, parameter = whose(left, value, chosen)
        if parameter in choice.given:
            raise UsageError(f"{choice.name}.{parameter} is set twice: to {choice.given[parameter]!r} and to {value!r}; leave one out")
        if parameter == "name" and label_of(choice.written):
            raise UsageError(f"--set {setting}: the name is given already, by --strategy {choice.written}; leave one out")
        choice.given[parameter] = value
    return [choice.strategy() for choice in chosen]


def choice_of(written: str, kind: type[Strategy]) -> Choice:
    return Choice(label_of(written) or snake_case(kind.__name__), written, kind)


def label_of(written: str) -> str:
    labelled = LABELLED.fullmatch(written)
    return labelled[1] if labelled else ""


def unlabelled(written: str) -> str:
    labelled = LABELLED.fullmatch(written)
    return labelled[2] if labelled else written


def refuse_equal_names(chosen: Sequence[Choice]) -> None:
    known: dict[str, Choice] = {}
    for choice in chosen:
        if choice.name in known:
            raise UsageError(
                f"two strategies are named {choice.name!r}: {known[choice.name].written} and {choice.written}; give one another name, "
                f"--strategy {choice.name}2={unlabelled(choice.written)}, and set its parameters by it: --set {choice.name}2.…=…"
            )
        known[choice.name] = choice


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
