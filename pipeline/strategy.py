"""Strategy: typed parameters and one method that turns the tape into alerts."""

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, dataclass_transform, get_type_hints

from reactivex import Observable

from pipeline.errors import BuildError, ParameterError, UnknownName
from pipeline.flow import Tape
from pipeline.parameters import checked, expectation, from_text

__all__ = ["Strategy", "snake_case"]

SCOPES = ("symbol", "market")
PARAMETERS = "parameters are annotations of the class, such as `move: float = 0.01`; what follows from them is worked out in alerts(ticks)"
STATE = (
    "a strategy is frozen parameters and remembers nothing, since a restart would forget it; what must be remembered is kept by an "
    "operator: a window (moving_average, rolling_max, buffer(n).apply(f)), or a PerTick of your own (docs/own_operator.md)"
)


@dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Strategy:
    """What deserves an alert. Subclass it, annotate the parameters with defaults, and define `alerts(ticks)`.

    `alerts` returns what `alert_when` gives, several of them as a list, or any observable of `Alert` objects. `name`
    tells two of one class apart. `scope = "market"` says that a symbol's alerts depend on other symbols. A parameter is
    an int, float, bool, str, timedelta, Literal, or a tuple of those, or None beside them; nan and inf are refused but
    in `Annotated[float, "inf"]`. BuildError where a class cannot work, ParameterError and UnknownName for parameters.

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
        refuse_what_cannot_work(cls)
        try:
            dataclasses.dataclass(frozen=True, kw_only=True, repr=False)(cls)
        except (TypeError, ValueError) as error:
            raise BuildError(f"{cls.__name__}: {error}; a default is a value that cannot change: a tuple, not a list or dict") from error
        made = cls.__init__

        def start(self: Any, *unnamed: Any, **parameters: Any) -> None:
            if unnamed:
                raise ParameterError(cls._named(unnamed))
            made(self, **cls._completed(parameters))

        cls.__init__ = start  # type: ignore[method-assign]
        cls.__setattr__ = refuse_change  # type: ignore[assignment]

    @classmethod
    def _completed(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters: those given, then the defaults, each of its type."""
        types = cls.parameters()
        for name in given:
            if name not in types:
                raise UnknownName(f"parameter of {cls.__name__}", name, types)
        values = {**cls.defaults(), **given}
        for name, wanted in types.items():
            if name not in values:
                raise ParameterError(
                    f"{cls.__name__}.{name} has no default: write {cls.__name__}({name}=...); expected {expectation(wanted)}"
                )
        made = {name: checked(f"{cls.__name__}.{name}", values[name], wanted) for name, wanted in types.items()}
        return made | {"name": made["name"] or snake_case(cls.__name__)}

    @classmethod
    def _named(cls, unnamed: tuple[object, ...]) -> str:
        """What to say of parameters without their names."""
        kind, names = cls.__name__, [name for name in cls.parameters() if name != "name"]
        example = ", ".join(f"{name}={value!r:.40}" for name, value in zip(names, unnamed, strict=False))
        given = ", ".join(f"{value!r:.40}" for value in unnamed)
        return f"{kind}({given}): parameters are given by name, {kind}({example})" if example else f"{kind}({given}): it has no parameters"

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """The parameters and their types."""
        hints = get_type_hints(cls, include_extras=True)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The defaults of the parameters that have one."""
        found = {field.name: field.default for field in dataclasses.fields(cls) if field.default is not dataclasses.MISSING}
        made = {field.name: field.default_factory for field in dataclasses.fields(cls)}
        return found | {name: make() for name, make in made.items() if make is not dataclasses.MISSING}

    @classmethod
    def from_text(cls, settings: Mapping[str, str], owner: str = "", values: Mapping[str, Any] | None = None) -> Self:
        """A strategy of parameters written as text, such as `move=0.02`; messages call it `owner` (default: its class).

        `values` are parameters that are no text any more.
        """
        types, label = cls.parameters(), owner or cls.__name__
        for name in settings:
            if name not in types:
                raise UnknownName(f"parameter of {label}", name, types)
        for name in types.keys() - settings.keys() - (values or {}).keys() - cls.defaults().keys():
            raise ParameterError(
                f"{label}.{name} has no default: give it with --set {label}.{name}=...; expected {expectation(types[name])}"
            )
        read = {name: from_text(f"{label}.{name}", text, types[name]) for name, text in settings.items()}
        return cls(**dict(values or {}) | read)

    def alerts(self, ticks: Tape) -> Observable[Any] | list[Any]:
        """The alerts of this strategy on a tape."""
        raise BuildError(f"{type(self).__name__} does not say when to alert: define alerts(self, ticks)")

    def __repr__(self) -> str:
        default_name = snake_case(type(self).__name__)
        shown = {name: getattr(self, name) for name in self.parameters()}
        if shown["name"] == default_name:
            del shown["name"]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def refuse_what_cannot_work(cls: type[Strategy]) -> None:
    own, kind, annotated = vars(cls), cls.__name__, inspect.get_annotations(cls)
    inherited = {field.name for base in cls.__mro__[1:] if dataclasses.is_dataclass(base) for field in dataclasses.fields(base)}
    for name, value in own.items():
        plain = isinstance(value, int | float | str) and not name.startswith("_") and name != "scope"
        if name not in annotated and (plain or name in inherited):
            example = f"{type(value).__name__} = {value!r}"
            raise BuildError(
                f"{kind}.{name} has no type, and would be ignored: write `{name}: {example}`, or `_{name}` if it is no parameter"
            )
    for name in ("__init__", "__setattr__"):
        if name in own:
            raise BuildError(f"{kind} defines {name}: {PARAMETERS}")
    if cls.scope not in SCOPES:
        raise UnknownName(f"scope of {kind}", str(cls.scope), SCOPES)
    if callable(own.get("alerts")):
        try:
            inspect.signature(own["alerts"]).bind(cls, None)
        except TypeError:
            raise BuildError(f"{kind}.alerts{inspect.signature(own['alerts'])}: write it as `def alerts(self, ticks):`") from None


def refuse_change(self: Strategy, name: str, value: object) -> None:
    kind = type(self).__name__
    if name in self.parameters():
        raise BuildError(f"{kind}.{name} cannot be changed; make another one: {kind}({name}={value!r:.60})")
    raise BuildError(f"self.{name} = ... in {kind}: {STATE}")


def snake_case(name: str) -> str:
    """The name of a strategy by that of its class.

    >>> snake_case("VolumeBreakout"), snake_case("VWAPCross")
    ('volume_breakout', 'vwap_cross')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
