"""Names: of a user's function, the same in every process, its qualified name and a hash of its code; and of things told apart."""

import hashlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Container
from difflib import get_close_matches
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

__all__ = [
    "FILE_MODULE",
    "class_fingerprint",
    "distinct",
    "fingerprint",
    "is_uncalled",
    "name_of",
    "nearest_argument",
    "place_of",
    "signature_of",
]

FILE_MODULE = "rxtape_file_"
"""With what the names of users' files begin in sys.modules; see strategy_files."""

PUBLIC = ("pipeline", "pipeline.operators", "pipeline.windows")
OURS = (Path(__file__).parent, Path(os.__file__).parent)


def fingerprint(function: Callable[..., Any]) -> str:
    """A short text that tells one function from another, and stays the same as long as its code does.

    >>> fingerprint(len), fingerprint(lambda s: s.price > 1) == fingerprint(lambda s: s.price > 1)
    ('len', True)
    >>> fingerprint(lambda s: s.price > 1) == fingerprint(lambda s: s.price > 2)
    False
    """
    name = getattr(function, "__qualname__", type(function).__qualname__).rpartition("<locals>.")[2]
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return name
    return f"{name}:{hashlib.blake2b(code_text(code).encode(), digest_size=4).hexdigest()}"


def class_fingerprint(kind: type) -> str:
    """A digest of the file that a class is in, which may hold what it uses too; of a class that is in none, of its functions."""
    try:
        code = Path(inspect.getfile(kind)).read_bytes()
    except (OSError, TypeError):
        code = b"".join(each.__code__.co_code for each in vars(kind).values() if inspect.isfunction(each))
    return hashlib.blake2b(code, digest_size=4).hexdigest()


def place_of(error: BaseException) -> str:
    """Where in a user's file an error came from, as " (my_rule.py:14)"; nothing if it came from the library alone."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if not any(path.is_relative_to(folder) for folder in OURS) and "site-packages" not in path.parts and path.is_absolute():
            place = f" ({path.name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


def distinct(name: str, taken: Container[str]) -> str:
    """The name, numbered if it is taken.

    >>> distinct("console", ["console"])
    'console #2'
    """
    turn, found = 1, name
    while found in taken:
        turn += 1
        found = f"{name} #{turn}"
    return found


def name_of(function: object) -> str:
    """The name of a function with a blank before it, for messages; nothing where it has none of its own.

    >>> name_of(len), name_of(lambda s: s.price > 1)
    (' len', '')
    """
    name = getattr(function, "__name__", type(function).__name__)
    return "" if name == "<lambda>" else f" {name}"


def nearest_argument(error: BaseException) -> str:
    """What to write in place of an argument that one of our functions does not have, as "; did you mean clear=?"."""
    found = re.search(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if not isinstance(error, TypeError) or found is None or "Did you mean" in str(error):
        return ""
    offered = (getattr(sys.modules.get(module), found[1], None) for module in PUBLIC)
    function = next((each for each in offered if callable(each)), None)
    if function is None:
        return ""
    known = list(inspect.signature(function).parameters)
    near = get_close_matches(found[2], known, n=1)
    return f"; did you mean {near[0]}=?" if near else f"; there are {', '.join(known)}"


def is_uncalled(function: object) -> bool:
    """Whether this is one of our functions that make an operator, instead of the operator."""
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        return False
    return function.__module__.startswith("pipeline.") and "<locals>" not in function.__qualname__


def signature_of(function: Callable[..., Any]) -> str:
    """How a function is called, without its types.

    >>> def rsi(n: int = 14) -> None: ...
    >>> signature_of(rsi)
    'rsi(n=14)'
    """
    parameters = inspect.signature(function).parameters.values()
    return f"{function.__name__}({', '.join(str(each.replace(annotation=each.empty)) for each in parameters)})"


def code_text(code: CodeType) -> str:
    constants = [code_text(value) if isinstance(value, CodeType) else constant_text(value) for value in code.co_consts]
    return f"{code.co_code.hex()}{constants}{code.co_names}"


def constant_text(value: object) -> str:
    """A constant as text; the members of a set in an order that does not depend on the process."""
    return f"frozenset({sorted(map(repr, value))})" if isinstance(value, frozenset) else repr(value)
