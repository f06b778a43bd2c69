"""Alerts: what a strategy says, and the id that is the same in every run, batch size and shard."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from pipeline.durations import SECOND

if TYPE_CHECKING:
    import pandas

__all__ = ["CLEARED", "RAISED", "Alert", "AlertIds", "Alerts", "Order", "format_time"]

RAISED = "raised"
CLEARED = "cleared"
SHOWN = 20


class Order(NamedTuple):
    """Where an alert stands among those of a run, however the tape was cut: a deadline before the rows of its time."""

    time: int = 0
    phase: int = 2
    seq: int = 0


class Alert(msgspec.Struct, frozen=True, gc=False):
    """One transition of one rule for one symbol.

    `time` is int64 ns UTC: the row's, or the deadline's. `values` holds every named value the rule saw. A strategy of
    plain Rx operators makes alerts by hand; what it leaves out (id, strategy) is filled in. `degraded`: the feed of the
    symbol lost something in a window that the rule looked at.

    >>> Alert(symbol="SPY", time=1_381_219_217_034_000_000, message="hello").clock
    '2013-10-08T08:00:17.034Z'
    """

    symbol: str
    time: int
    message: str = ""
    values: dict[str, float] = {}
    event: str = RAISED
    severity: str = "warning"
    strategy: str = ""
    rule: str = "rule"
    id: str = ""
    order: Order = Order()
    degraded: bool = False

    @property
    def clock(self) -> str:
        """The time as ISO 8601 text in UTC."""
        return format_time(self.time)

    def as_dict(self) -> dict[str, Any]:
        """What sinks write, in the order of reading."""
        return {
            "time": self.clock, "symbol": self.symbol, "strategy": self.strategy, "event": self.event, "severity": self.severity,
            "message": self.message, "values": self.values, "degraded": self.degraded, "rule": self.rule, "time_ns": self.time,
            "id": self.id,
        }  # fmt: skip

    def completed(self, **known: Any) -> "Alert":
        """A copy with some fields filled in."""
        return msgspec.structs.replace(self, **known)


class AlertIds:
    """Ids of one rule's alerts: a hash of the strategy with its parameters, rule, event, symbol, time and ordinal.

    The ordinal counts the symbol's earlier rows of that time (-1: a deadline). No row number, counter or clock goes in,
    so that a shard of the symbols, another batch size or a restart gives the same ids.
    """

    def __init__(self, strategy: str, rule: str) -> None:
        self._start = hashlib.blake2b(f"{strategy}\0{rule}".encode(), digest_size=10)

    def id(self, event: str, symbol: str, time: int, ordinal: int) -> str:
        """The id of one alert: 20 hexadecimal digits."""
        digest = self._start.copy()
        digest.update(f"\0{event}\0{symbol}\0{time}\0{ordinal}".encode())
        return digest.hexdigest()


class Alerts(Sequence[Alert]):
    """The alerts of a run, in order."""

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self._alerts = tuple(alerts)

    def __len__(self) -> int:
        return len(self._alerts)

    def __getitem__(self, index: Any) -> Any:
        return Alerts(self._alerts[index]) if isinstance(index, slice) else self._alerts[index]

    def __repr__(self) -> str:
        return f"Alerts({len(self)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alerts) and self._alerts == other._alerts

    __hash__ = None  # type: ignore[assignment]

    def to_pandas(self) -> "pandas.DataFrame":
        """A frame, a row an alert: time (datetime64[ns, UTC]), nine columns in all, and a column a named value.

        A value that is named like one of the nine has `_value` after its name; what an alert does not name is nan.
        """
        import pandas as pd

        columns = ("symbol", "strategy", "event", "severity", "message", "rule", "id")
        time = pd.DatetimeIndex(np.array([alert.time for alert in self], "M8[ns]")).tz_localize("UTC")
        data: dict[str, Any] = {"time": time} | {name: pd.Series([getattr(each, name) for each in self], dtype="str") for name in columns}
        data["degraded"] = pd.Series([alert.degraded for alert in self], dtype="bool")
        fixed = frozenset(data)
        for name in dict.fromkeys(name for alert in self for name in alert.values):
            data[f"{name}_value" if name in fixed else name] = [alert.values.get(name, np.nan) for alert in self]
        return pd.DataFrame(data)

    def _repr_html_(self) -> str:
        first = self[:SHOWN]
        shown: str = first.to_pandas().to_html(index=False)
        rest = len(self) - len(first)
        return f"<p>{len(self):,} alerts</p>{shown}" + (f"<p>and {rest:,} more</p>" if rest else "")


def format_time(time_ns: int) -> str:
    """ISO 8601 in UTC with as many digits as the time has, in threes.

    >>> format_time(1_381_219_200_000_000_000), format_time(1_381_219_200_000_000_001)
    ('2013-10-08T08:00:00Z', '2013-10-08T08:00:00.000000001Z')
    """
    seconds, fraction = divmod(time_ns, SECOND)
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{digits}Z" if digits else f"{text}Z"
