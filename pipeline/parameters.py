"""Parameters of a strategy: checked when they are given, read from text, and described in words.

Types: int, float, bool, str, `datetime.timedelta`, `Literal[...]`, `tuple[str, ...]` (also of the others), and `| None`.
"""

import math
from collections.abc import Callable
from datetime import timedelta
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from pipeline.durations import format_duration, nanoseconds
from pipeline.errors import ParameterError

__all__ = ["checked", "expectation", "from_text", "shown", "type_name"]

TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
WORDS: dict[Any, str] = {
    float: "a number such as 0.02", int: "a whole number such as 10", bool: "true or false", str: "text",
    timedelta: "a length of time such as 5m", NoneType: "none",
}  # fmt: skip


def checked(name: str, value: object, wanted: Any) -> object:
    """The value as its type wants it (1 as 1.0); ParameterError says what was expected.

    >>> checked("Jump.move", 1, float)
    1.0
    >>> checked("Jump.move", "0.5", float)
    Traceback (most recent call last):
    pipeline.errors.ParameterError: Jump.move = '0.5' is str; expected float; write 0.5 without quotes
    """
    if isinstance(value, np.generic):
        value = value.item()
    kinds = alternatives(wanted)
    for kind in kinds:
        try:
            return fitted(value, kind)
        except (TypeError, ValueError, ParameterError):
            continue
    if isinstance(value, float) and any(plain(kind) is float for kind in kinds):
        allow = f'Annotated[float, "{value:g}"]'.replace("-", "")
        raise ParameterError(f"{name} = {value!r}; expected a finite number (a parameter that may be {value:g} is annotated {allow})")
    raise ParameterError(f"{name} = {value!r} is {type(value).__name__}; expected {type_name(wanted)}{quotes(value, kinds)}")


def quotes(value: object, kinds: tuple[Any, ...]) -> str:
    """What to write where a value has quotes and should have none, or the other way round."""
    bare = [plain(kind) for kind in kinds]
    if isinstance(value, str):
        for kind in (kind for kind in bare if kind in (int, float, bool)):
            try:
                reader(kind)(value)
            except (ValueError, KeyError):
                continue
            return f"; write {value} without quotes"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if str in bare:
            return f'; write it in quotes, a length of time with its unit: "{value}s"'
        if timedelta in bare:
            return f'; write it with its unit: "{value}s"'
    return ""


def from_text(name: str, text: str, wanted: Any) -> object:
    """The value that a text means; ParameterError names the parameter, the text, and what was expected.

    >>> from_text("jump.over", "5m", timedelta), from_text("jump.symbols", "SPY, IBM", tuple[str, ...])
    (datetime.timedelta(seconds=300), ('SPY', 'IBM'))
    >>> from_text("jump.move", "nan", float | None)
    Traceback (most recent call last):
    pipeline.errors.ParameterError: jump.move = 'nan'; expected a finite number such as 0.02, or none
    """
    for kind in sorted(alternatives(wanted), key=lambda kind: 0 if kind is NoneType else 2 if kind is str else 1):
        try:
            return fitted(reader(kind)(text), kind)
        except (ValueError, KeyError, TypeError, ParameterError):
            continue
    raise ParameterError(f"{name} = {text!r}; expected {expectation(wanted, finite=text)}")


def expectation(wanted: Any, finite: str = "") -> str:
    """In words what a parameter of a type takes; `finite` is a text that was refused.

    >>> expectation(Literal["up", "down"] | None)
    "'up' or 'down', or none"
    """
    words = [words_of(kind) for kind in alternatives(wanted)]
    text = ", or ".join(words)
    return text.replace("a number", "a finite number") if finite.strip("+- ").lower() in ("nan", "inf", "infinity") else text


def shown(value: object) -> str:
    """A value as it is written on the command line.

    >>> shown(timedelta(minutes=5)), shown(("SPY", "IBM")), shown(True), shown(0.02)
    ('5m', 'SPY,IBM', 'true', '0.02')
    """
    if isinstance(value, timedelta):
        return format_duration(nanoseconds(value))
    if isinstance(value, tuple):
        return ",".join(map(shown, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def type_name(wanted: Any) -> str:
    """A type as one says it: "int or None".

    >>> type_name(int | None), type_name(tuple[str, ...])
    ('int or None', 'tuple[str, ...]')
    """
    names = []
    for kind in alternatives(wanted):
        bare = plain(kind)
        names.append("None" if bare is NoneType else bare.__name__ if isinstance(bare, type) and not get_args(bare) else str(bare))
    return " or ".join(names).replace("typing.", "")


def alternatives(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if isinstance(wanted, UnionType) or get_origin(wanted) is Union else (wanted,)


def plain(kind: Any) -> Any:
    """The type without what `Annotated` adds."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def fitted(value: Any, kind: Any) -> object:
    """The value if it is of a type, else TypeError or ValueError."""
    bare, marks = plain(kind), get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    if get_origin(bare) is Literal:
        if not any(value == allowed and type(value) is type(allowed) for allowed in get_args(bare)):
            raise ValueError(value)
    elif get_origin(bare) is tuple:
        if not isinstance(value, tuple | list):
            raise TypeError(value)
        return tuple(fitted(item, get_args(bare)[0]) for item in value)
    elif bare is timedelta and isinstance(value, str):
        return reader(timedelta)(value)
    elif bare is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    elif isinstance(bare, type) and (not isinstance(value, bare) or (isinstance(value, bool) and bare is not bool)):
        raise TypeError(value)
    if isinstance(value, float) and not math.isfinite(value) and f"{abs(value):g}" not in marks:
        raise ValueError(value)
    return value


def reader(kind: Any) -> Callable[[str], object]:
    """What makes a value of text."""
    bare = plain(kind)
    if bare is NoneType:
        return {"none": None}.__getitem__
    if bare is bool:
        return lambda text: TRUTHS[text.lower()]
    if bare is timedelta:
        return lambda text: timedelta(microseconds=whole_microseconds(text))
    if get_origin(bare) is Literal:
        return lambda text: {str(allowed): allowed for allowed in get_args(bare)}[text]
    if get_origin(bare) is tuple:
        each = reader(get_args(bare)[0])
        return lambda text: tuple(each(part.strip()) for part in text.split(",") if part.strip())
    if bare in (int, float, str):
        return bare  # type: ignore[no-any-return]
    raise TypeError(bare)


def whole_microseconds(text: str) -> int:
    length_ns = nanoseconds(text)
    if length_ns % 1000:
        raise ValueError(text)
    return length_ns // 1000


def words_of(kind: Any) -> str:
    bare = plain(kind)
    if get_origin(bare) is Literal:
        return " or ".join(repr(allowed) if isinstance(allowed, str) else shown(allowed) for allowed in get_args(bare))
    if get_origin(bare) is tuple:
        return f"{type_name(get_args(bare)[0])} values separated by commas, such as {'SPY,IBM' if get_args(bare)[0] is str else '1,2'}"
    return WORDS.get(bare, f"{type_name(bare)}, which cannot be written as text")
