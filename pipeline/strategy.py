"""Strategy: typed parameters and one method that turns the tape into alerts."""

import dataclasses
import re
from collections.abc import Mapping
from types import UnionType
from typing import Any, ClassVar, dataclass_transform, get_args, get_type_hints

import numpy as np
from reactivex import Observable

from pipeline.errors import BuildError, ParameterError, UnknownName
from pipeline.flow import Tape

__all__ = ["Strategy"]


@dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Strategy:
    """What deserves an alert. Subclass it, annotate the parameters with defaults, and define `alerts(ticks)`.

    `alerts` returns what `alert_when` gives, several of them as a list, or any observable of `Alert` objects. `name`
    tells two of one class apart. `scope = "market"` says that a symbol's alerts depend on other symbols.

    >>> class Jump(Strategy):
    ...     move: float = 0.01
    >>> Jump(move=1), Jump().name
    (Jump(move=1.0), 'jump')
    >>> Jump(mvoe=2)
    Traceback (most recent call last):
    pipeline.errors.UnknownName: no parameter of Jump named 'mvoe'; did you mean 'move'? There are: move, name
    """

    scope: ClassVar[str] = "symbol"
    name: str = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        unannotated = [name for name, value in vars(cls).items() if isinstance(value, int | float | str) and is_parameter(cls, name)]
        if unannotated:
            raise BuildError(f"{cls.__name__}.{unannotated[0]} has no type: write `{unannotated[0]}: float = ...`, or it is no parameter")
        dataclasses.dataclass(frozen=True, kw_only=True, repr=False)(cls)
        made = cls.__init__

        def start(self: Any, **parameters: Any) -> None:
            for name in parameters:
                if name not in cls.parameters():
                    raise UnknownName(f"parameter of {cls.__name__}", name, cls.parameters())
            made(self, **parameters)

        cls.__init__ = start  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        for name, wanted in self.parameters().items():
            object.__setattr__(self, name, typed(f"{type(self).__name__}.{name}", getattr(self, name), wanted))
        if not self.name:
            object.__setattr__(self, "name", snake_case(type(self).__name__))

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """The parameters and their types."""
        hints = get_type_hints(cls)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    @classmethod
    def from_text(cls, settings: Mapping[str, str]) -> "Strategy":
        """A strategy of parameters written as text, such as `move=0.02`."""
        types = cls.parameters()
        for name in settings:
            if name not in types:
                raise UnknownName(f"parameter of {cls.__name__}", name, types)
        parameters: dict[str, Any] = {name: from_text(f"{cls.__name__}.{name}", text, types[name]) for name, text in settings.items()}
        return cls(**parameters)

    def alerts(self, ticks: Tape) -> Observable[Any] | list[Any]:
        """The alerts of this strategy on a tape."""
        raise BuildError(f"{type(self).__name__} does not say when to alert: define alerts(self, ticks)")

    def __repr__(self) -> str:
        default_name = snake_case(type(self).__name__)
        shown = {name: getattr(self, name) for name in self.parameters()}
        if shown["name"] == default_name:
            del shown["name"]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def is_parameter(cls: type, name: str) -> bool:
    return not name.startswith("_") and name != "scope" and not any(name in vars(base).get("__annotations__", {}) for base in cls.__mro__)


def typed(name: str, value: object, wanted: Any) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    allowed = get_args(wanted) if isinstance(wanted, UnionType) else (wanted,)
    plain = tuple(kind for kind in allowed if isinstance(kind, type))
    if plain and (not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain)):
        raise ParameterError(f"{name} = {value!r} is {type(value).__name__}; expected {' or '.join(kind.__name__ for kind in plain)}")
    return value


def from_text(name: str, text: str, wanted: Any) -> object:
    for kind in get_args(wanted) if isinstance(wanted, UnionType) else (wanted,):
        try:
            if kind is bool:
                return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
            return kind(text)
        except (ValueError, KeyError, TypeError):
            continue
    raise ParameterError(f"{name} = {text!r} is no {getattr(wanted, '__name__', wanted)}")


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
