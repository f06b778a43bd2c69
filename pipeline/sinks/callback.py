"""A function of yours as a sink."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from pipeline.alerts import Alert
from pipeline.errors import RxtapeError, UsageError

__all__ = ["CallbackSink", "callback"]


class CallbackSink:
    """Calls a function with each alert, on the sink's own thread: the function itself, or its name as "module:function".

    A function that raises is called again with that alert, not with those it has taken. `label` is the sink's name, by which a journal
    knows how far it is; by default that of the function. Raises UsageError where the name leads to no function.

    >>> sink = CallbackSink(lambda alert: print(alert.symbol, alert.message))
    >>> sink.write([Alert("SPY", 0, "hello"), Alert("IBM", 0, "goodbye")])
    SPY hello
    IBM goodbye
    """

    def __init__(self, function: Callable[[Alert], object] | str, label: str = "") -> None:
        self.function = function_named(function) if isinstance(function, str) else function
        if not callable(self.function):
            raise UsageError(f"callback needs a function that takes an alert, not {self.function!r:.80}")
        self.label = label or f"callback:{function if isinstance(function, str) else named(function)}"
        self._taken: list[Alert] = []

    def write(self, alerts: Sequence[Alert]) -> None:
        """Call the function with each that it has not taken."""
        before, self._taken = self._taken, []
        for alert in alerts:
            if before and alert == before[0]:
                del before[0]
            else:
                self.function(alert)
            self._taken.append(alert)
        self._taken = before  # those that come one by one, since another of the same call was refused

    def flush(self) -> None:
        """Nothing to do: whatever the function did is done."""

    def close(self) -> None:
        """Nothing to do."""


callback = CallbackSink


def named(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def function_named(name: str) -> Callable[..., Any]:
    module, colon, wanted = name.rpartition(":")
    if not (colon and module and wanted):
        raise UsageError(f"callback:{name} names no function; write callback:module:function")
    if "" not in sys.path:
        sys.path.append("")  # the working folder, last, so that it shadows nothing
    try:
        found: Callable[..., Any] = getattr(import_module(module), wanted)
    except RxtapeError:
        raise
    except Exception as error:
        raise UsageError(f"callback:{name} cannot be found: {type(error).__name__}: {error}") from error
    return found
