"""The time of the tape as it grows: that of its last row, and what has passed since."""

from dataclasses import dataclass

__all__ = ["TapeTime"]


@dataclass(slots=True)
class TapeTime:
    """The newest time of the tape and when it arrived, both ns UTC; 0 before the first row.

    >>> time = TapeTime()
    >>> time.moved(1_000, received=5_000)
    >>> time.moved(400, received=6_000)
    >>> time.last, time.after(7_000)
    (1000, 3000)
    """

    last: int = 0
    at: int = 0

    def moved(self, time: int, received: int) -> None:
        """A row has come; an older one does not move the tape's time."""
        if time >= self.last:
            self.last, self.at = time, received

    def after(self, received: int) -> int:
        """The time of a row that has none of its own."""
        return self.last + max(received - self.at, 0)
