"""What a line of JSON may hold, line by line: the definition, and the words for a line that breaks it; and values as columns."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa
from msgspec import UNSET, UnsetType

from feeds.table_cells import word_of
from feeds.text_blocks import TOO_LONG, is_too_long

__all__ = ["WHOLE", "Object", "array_of", "object_of", "reason_of", "type_of"]

Nothing = type(None)
LONGEST_INTEGER = 40
NUMBERS = {int, float}
WHOLE = {"trade_id", "received", "event_time"}
PRICES = {"price", "size", "bid", "ask", "bid_size", "ask_size"}


class Object(dict[str, Any]):
    """A JSON object; `twice` are the keys that stand in it more than once."""

    twice: frozenset[str] = frozenset()


def object_of(raw: bytes, wanted: Collection[str]) -> Object | str:
    """The object of a line, or the reason why there is none; a key that nobody wants may stand there twice."""
    if is_too_long(raw):
        return TOO_LONG
    try:
        found = READ.decode(raw.decode().strip())
    except UnicodeDecodeError as error:
        return f"is not UTF-8 text, from byte {error.start + 1}"
    except RecursionError:
        return "is nested too deeply"
    except json.JSONDecodeError as error:
        return (
            f"is no JSON from character {error.pos + 1}: {error.msg}" if error.pos < len(error.doc) else "ends in the middle of an object"
        )
    except ValueError as error:
        return str(error)
    if not isinstance(found, Object):
        hint = "; the elements of an array go on lines of their own, as jq -c '.[]' puts them" if isinstance(found, list) else ""
        return f"is {name_of(found)}; expected one object a line{hint}"
    twice = sorted(found.twice.intersection(wanted))
    return f"has the key {twice[0]!r} twice" if twice else found


def of_pairs(pairs: list[tuple[str, Any]]) -> Object:
    found = Object(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        found.twice = frozenset(name for name in names if names.count(name) > 1) if len(names) < 1000 else frozenset(names)
    return found


def no_number(text: str) -> float:
    raise ValueError(f"has {text}, which JSON does not know; write null")


def integer(text: str) -> int | float:
    """A whole number; one of hundreds of digits as the float it is, which may be infinite."""
    return int(text) if len(text) <= LONGEST_INTEGER else float(text)


READ = json.JSONDecoder(object_pairs_hook=of_pairs, parse_int=integer, parse_constant=no_number)


def name_of(value: object) -> str:
    """What a value is, in the words of JSON."""
    names = {bool: "true or false", str: "text", list: "an array", Nothing: "null", int: "a number", float: "a number"}
    return names.get(type(value), "an object")


def type_of(values: Sequence[Any]) -> Any:
    """The Arrow type of a key, by the values of some lines: numbers of the first one's kind, text where any is; binary is never read.

    A few arrays, or yes and no among numbers, do not decide for the file: their rows will be refused.
    """
    kinds = {type(value) for value in values} - {Nothing}
    known = kinds & (NUMBERS | {str}) or kinds & {bool}
    if not known:
        return pa.binary() if kinds else pa.null()
    if known == {bool}:
        return pa.bool_()
    if str in known:
        return pa.string()
    return pa.int64() if next(type(value) for value in values if type(value) in NUMBERS) is int else pa.float64()


def reason_of(column: str, value: Any) -> str | None:
    """Why a value cannot stand in a column of the tape, as far as its type tells; None where it can."""
    if isinstance(value, dict | list):
        return f"is {name_of(value)}; expected {'text' if column == 'symbol' else 'one value'}"
    if column == "symbol" and not isinstance(value, str | Nothing):
        return f"is {name_of(value)}; expected text in quotes"
    if column in WHOLE and (type(value) is not int or abs(value) >= 1 << 63) and value is not None:
        return "is no whole number of 64 bits"
    if column in PRICES | {"time"} and isinstance(value, bool):
        return "is not a number"
    if isinstance(value, float) and value - value != 0.0:
        return "is not finite"
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        return "is not Unicode text"
    return None


def array_of(column: str, values: list[Any]) -> Any:
    """The values of a column of the tape as Arrow holds them: numbers where all are, else text; a key that is not there is null."""
    kinds = set(map(type, values)) - {Nothing}
    if UnsetType in kinds:
        return array_of(column, [None if value is UNSET else value for value in values])
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {str}:
        return pa.array(values, pa.string())
    if column in ("side", "kind"):
        return pa.array([None if value is None else word_of(value) for value in values], pa.string())
    if kinds == {int} and column in WHOLE | {"time"}:
        try:
            return pa.array(values, pa.int64())
        except OverflowError:
            return pa.array([None if value is None else str(value) for value in values], pa.string())
    if column in ("time", "symbol") or str in kinds:
        return pa.array([value if value is None or isinstance(value, str) else repr(value) for value in values], pa.string())
    return pa.array([None if value is None else float(value) for value in values] if kinds != {float} else values, pa.float64())
