"""What there is to say of a rule and a row: values, the rows behind them, the terms of the condition."""

import html
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from pipeline.alerts import Alert, format_time
from pipeline.terms import Term

__all__ = ["Explanation", "Window"]


@dataclass(frozen=True)
class Window:
    """The rows behind a value: how many, the first and the last (number and time), and the operator that read them.

    `cut`: there may be more, from before the snapshot with which the judging began.
    """

    operator: str
    rows: int
    first: tuple[int, int] | None
    last: tuple[int, int] | None
    wanted: int = 0
    cut: bool = False

    def __str__(self) -> str:
        if self.first is None or self.last is None:
            return "no rows since the snapshot" if self.cut else "no rows yet"
        missing = f" of {self.wanted:,}" if self.rows < self.wanted else ""
        span = f"{format_time(self.first[1])} to {format_time(self.last[1])}"
        more = ", and any before the snapshot" if self.cut else ""
        return f"{self.rows:,}{missing} rows, {self.first[0]:,} to {self.last[0]:,}, {span}{more}"


@dataclass
class Explanation:
    """What a rule made of a row: its values by name, the windows behind them, the terms of its condition, and its state.

    `recorded` is the alert of the journal and `found` the one that its rows give now, None where there is none;
    `differences` names what is not the same in both, to the last bit.
    """

    strategy: str
    rule: str
    symbol: str
    time: int
    row: int
    values: dict[str, float]
    windows: dict[str, list[Window]] = field(default_factory=dict)
    term: Term | None = None
    clear: Term | None = None
    state: str = ""
    recorded: Alert | None = None
    found: Alert | None = None
    judged: str = ""

    @property
    def differences(self) -> list[str]:
        """What was recorded and what is found, where they are not the same."""
        if self.recorded is None:
            return []
        if self.found is None:
            return ["the rows of the journal do not give this alert now"]
        then, now = (msgspec.to_builtins(each) for each in (self.recorded, self.found))
        values = {f"value {name}": value for name, value in then.pop("values").items()}
        others = {f"value {name}": value for name, value in now.pop("values").items()}
        before, after = {**then, **values}, {**now, **others}
        pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
        return [f"{name}: recorded {then!r}, now {now!r}" for name, (then, now) in pairs.items() if repr(then) != repr(now)]

    def lines(self) -> Iterator[str]:
        """All of it as text."""
        place = f"{self.symbol}  {self.strategy} / {self.rule}  at {format_time(self.time)}, row {self.row:,}"
        if self.recorded is not None:
            yield f"{self.recorded.event} {place}  (alert {self.recorded.id})"
            if self.recorded.message:
                yield f"  {self.recorded.message}"
            same = "the same, to the last bit" if not self.differences else "NOT the same:"
            yield f"  judged again from {self.judged}: {same}"
            yield from (f"    {line}" for line in self.differences)
        else:
            yield place
            yield f"  judged again from {self.judged}; {self.state}"
        yield ""
        width = max((len(name) for name in self.values), default=0)
        for name, value in self.values.items():
            yield f"  {name:<{width}}  {value:<14.8g}"
            for window in self.windows.get(name, ()):
                yield f"  {'':<{width}}    {window.operator}: {window}"
        for what, term in (("condition", self.term), ("clear", self.clear)):
            if term is not None:
                yield ""
                yield f"  {what}: {'holds' if term.holds else 'does not hold'}"
                yield from (f"    {line}" for line in lines_of(term))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def lines_of(term: Term) -> Iterator[str]:
    if term.parts and term.how != "all of":
        yield f"{'yes' if term.holds else 'NO '}  {term.how}"
    for part in term.parts:
        yield from (f"{'' if term.how == 'all of' else '     '}{line}" for line in lines_of(part))
    if not term.parts:
        sides = ""
        if not np.isnan(term.left) and not np.isnan(term.right):
            sides = f"   {term.left:.8g} and {term.right:.8g}, {'by' if term.holds else 'short by'} {term.short:.3g}"
        elif np.isnan(term.left) != np.isnan(term.right):
            sides = "   a value is not known"
        yield f"{'yes' if term.holds else 'NO '}  {term.text}{sides}"
