"""The logins of one connection, one after the other, each answered before the next. Pure."""

from collections.abc import Sequence

from feeds.venues.venue import Notice, Reply, Request

__all__ = ["Logins"]

FOREVER = float("inf")


class Logins:
    """What must be sent and answered before streams may be asked for; nothing for most venues.

    >>> logins = Logins([Request(1, '{"key":"abc"}', login=True)], 0.0, 10.0)
    >>> logins.done, logins.send(), logins.answered(Notice("ready"), 1.0), logins.done
    (False, '{"key":"abc"}', True, True)
    """

    def __init__(self, requests: Sequence[Request], now: float, within: float) -> None:
        self._left, self._within, self._by = list(requests), within, now + within
        self.sent = False

    @property
    def done(self) -> bool:
        """Whether the venue can be asked."""
        return not self._left

    @property
    def by(self) -> float:
        """When the answer is overdue."""
        return FOREVER if self.done else self._by

    def send(self) -> str:
        """The next one, to be sent now."""
        self.sent = True
        return self._left[0].frame

    def answered(self, item: Reply | Notice, now: float) -> bool:
        """Whether this is the answer to the one that was sent; then it is the next one's turn."""
        if self.done or not self.sent or not self._is_answer(item):
            return False
        del self._left[0]
        self.sent, self._by = False, now + self._within
        return True

    def wait_anew(self, now: float) -> None:
        """The answer has as much time again."""
        self._by = now + self._within

    def _is_answer(self, item: Reply | Notice) -> bool:
        if isinstance(item, Notice):
            return item.kind == "ready"
        return item.request == self._left[0].number if item.request is not None else not item.streams
