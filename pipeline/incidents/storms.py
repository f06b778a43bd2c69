"""Storms: a strategy raises more alerts within a minute than anybody reads, in the time of the alerts."""

from collections import deque
from collections.abc import Iterator

from pipeline.durations import SECOND
from pipeline.errors import UsageError

__all__ = ["EVERYTHING", "MINUTE", "STORM", "Recent"]

STORM, EVERYTHING = "storm", "*"
"""Rule and symbol of an incident that stands for many."""
MINUTE = 60 * SECOND


class Recent:
    """When each strategy raised alerts, in the minute before its last one; `limit` are no storm yet. Times are int64 ns UTC.

    >>> recent = Recent(limit=2)
    >>> for time in (0, 1, 2):
    ...     recent.note("mine", time)
    >>> recent.is_storm("mine"), recent.is_over("mine", 60 * SECOND), recent.is_over("mine", 61 * SECOND)
    (True, False, True)
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise UsageError(f"a storm of more than {limit} alerts a minute is none; the limit is at least 1")
        self.limit = limit
        self._times: dict[str, deque[int]] = {}

    def __iter__(self) -> Iterator[str]:
        """The strategies that have raised any."""
        return iter(self._times)

    def begin(self, strategy: str, time: int) -> None:
        """An alert is about to be raised: what is not of the minute before it is forgotten, and what is after it is of an earlier run."""
        times = self._times.setdefault(strategy, deque())
        while times and times[-1] > time:
            times.pop()
        while times and times[0] <= time - MINUTE:
            times.popleft()

    def note(self, strategy: str, time: int) -> None:
        """An alert is raised."""
        self.begin(strategy, time)
        self._times[strategy].append(time)

    def is_storm(self, strategy: str) -> bool:
        """Whether its last minute has more than the limit."""
        return len(self._times[strategy]) > self.limit

    def is_over(self, strategy: str, time: int) -> bool:
        """Whether the minute before a time has fewer than the limit: one more would make no storm."""
        times = self._times[strategy]
        return len(times) < self.limit or times[-self.limit] <= time - MINUTE
