"""How incidents were answered: a read model of all of them, rebuilt whenever it is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from pipeline.incidents.incident import Incident

__all__ = ["Answered", "answered"]


@dataclass(frozen=True)
class Answered:
    """The incidents of one strategy: how many, how many are open, acknowledged and resolved, and the median times to it.

    Times are in seconds from the alert's own time; None where nobody has acknowledged, or resolved, any.
    """

    strategy: str
    incidents: int
    open: int
    acknowledged: int
    resolved: int
    to_acknowledge: float | None
    to_resolve: float | None


def answered(incidents: Iterable[Incident]) -> list[Answered]:
    """By strategy, in the order of their names.

    >>> from pipeline.alerts import Alert
    >>> first, second = (Incident.raise_(Alert(name, 0, strategy="mine", id=name)) for name in ("SPY", "IBM"))
    >>> first.acknowledge(90 * 10**9, by="ada")
    >>> answered([first, second])
    [Answered(strategy='mine', incidents=2, open=1, acknowledged=1, resolved=0, to_acknowledge=90.0, to_resolve=None)]
    """
    of: dict[str, list[Incident]] = {}
    for incident in incidents:
        of.setdefault(incident.strategy, []).append(incident)
    found = []
    for strategy in sorted(of):
        mine = of[strategy]
        heard, done = ([getattr(each, when) for each in mine] for when in ("acknowledged_at", "resolved_at"))
        waiting = sum(each.state == "open" for each in mine)
        answers, ends = (sum(when is not None for when in times) for times in (heard, done))
        found.append(Answered(strategy, len(mine), waiting, answers, ends, seconds(mine, heard), seconds(mine, done)))
    return found


def seconds(incidents: list[Incident], until: list[int | None]) -> float | None:
    known = [(when - incident.raised_at) / 1e9 for incident, when in zip(incidents, until, strict=True) if when is not None]
    return median(known) if known else None
