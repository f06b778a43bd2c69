"""Which subscribers a topic has: found once, when the topic is first used, and kept up as subscribers come and go."""

import threading
from collections.abc import Sequence
from typing import Protocol

from pipeline.broker.topics import Pattern, checked_topic
from pipeline.broker.waiting import Item
from pipeline.errors import UsageError

__all__ = ["Receiver", "Route", "Routes"]


class Receiver(Protocol):
    """Whatever takes items and lets them wait on its own account: a subscription, or the worker of a sink."""

    def offer(self, items: Sequence[Item]) -> BaseException | None:
        """Take items that were published together, in order; what went wrong, if anything. Raises nothing."""


class Route:
    """A topic, its receivers in the order they came, and the lock that puts its publishers in turn.

    The lock is one that a thread may take twice: a receiver may report a fault, and whoever hears of it may publish.
    """

    __slots__ = ("lock", "receivers", "topic")

    def __init__(self, topic: str, receivers: tuple[Receiver, ...]) -> None:
        self.topic, self.receivers, self.lock = topic, receivers, threading.RLock()


class Routes:
    """The topics in use, at most `limit`, and who wants them.

    >>> class Printer:
    ...     def offer(self, items): print(items)
    >>> routes, printer = Routes(limit=10), Printer()
    >>> routes.add(Pattern("health.*"), printer)
    >>> len(routes.to("health.SPY").receivers), len(routes.to("alerts.spike.rule").receivers)
    (1, 0)
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.known: dict[str, Route] = {}
        self.wanted: tuple[tuple[Pattern, Receiver], ...] = ()
        self._lock = threading.Lock()

    def to(self, topic: str) -> Route:
        """The route of a topic; raises UsageError for what is no topic, and for one too many."""
        return self.known.get(topic) or self._new(topic)

    def _new(self, topic: str) -> Route:
        checked_topic(topic)
        with self._lock:
            if topic not in self.known:
                if len(self.known) >= self._limit:
                    raise UsageError(
                        f"topic {topic!r:.80} is one more than the limit of {self._limit:,} topics; put what varies into the event, "
                        "or raise Broker(max_topics=...)"
                    )
                self.known[topic] = Route(topic, tuple(receiver for pattern, receiver in self.wanted if pattern.matches(topic)))
            return self.known[topic]

    def add(self, pattern: Pattern, receiver: Receiver) -> None:
        """From the next publish on, the receiver gets what the pattern matches, after all that came before it."""
        with self._lock:
            self.wanted = (*self.wanted, (pattern, receiver))
            for topic, route in self.known.items():
                if pattern.matches(topic):
                    route.receivers = (*route.receivers, receiver)

    def remove(self, receiver: Receiver) -> None:
        """From the next publish on, the receiver gets nothing."""
        with self._lock:
            self.wanted = tuple((pattern, known) for pattern, known in self.wanted if known is not receiver)
            for route in self.known.values():
                if receiver in route.receivers:
                    route.receivers = tuple(known for known in route.receivers if known is not receiver)
