"""The broker as it is said to behave, in lists; and handlers that tests can hold up."""

import threading
from collections.abc import Callable
from typing import Any


def wanted(pattern: list[str], topic: list[str]) -> bool:
    """`*` is one word, `#` any tail: read off the words, from the left."""
    if pattern == ["#"]:
        return True
    if not pattern or not topic:
        return not pattern and not topic
    return pattern[0] in ("*", topic[0]) and wanted(pattern[1:], topic[1:])


class Modelled:
    """One subscription: what waits, and what became of the rest."""

    def __init__(self, pattern: str, policy: str, size: int) -> None:
        self.pattern, self.policy, self.size = pattern, policy, size
        self.waiting: list[tuple[str, Any]] = []
        self.handled: list[Any] = []
        self.published = self.delivered = self.dropped = self.conflated = 0
        self.told_stuck = False

    def offer(self, topic: str, event: Any) -> bool:
        """Take an event; whether the subscription is found stuck by it."""
        self.published += 1
        if self.policy == "conflate":
            earlier = [item for item in self.waiting if item[0] == topic]
            self.conflated += len(earlier)
            self.waiting = [item for item in self.waiting if item[0] != topic]
        if len(self.waiting) < self.size:
            self.waiting.append((topic, event))
            return False
        self.dropped += 1
        if self.policy == "block":
            told, self.told_stuck = self.told_stuck, True
            return not told
        self.waiting = [*self.waiting[1:], (topic, event)]
        return False

    def pump(self) -> list[tuple[str, Any]]:
        taken, self.waiting = self.waiting, []
        self.told_stuck = self.told_stuck and not taken
        self.handled += [event for _, event in taken]
        self.delivered += len(taken)
        return taken

    def end(self) -> None:
        self.dropped += len(self.waiting)
        self.waiting = []


class Gate:
    """A handler that stands still in its first call until it is let go, and keeps what it was given."""

    def __init__(self) -> None:
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.heard: list[Any] = []

    def __call__(self, event: Any) -> None:
        self.entered.set()
        assert self.let_go.wait(60)
        self.heard.append(event)


class Heard(list[Any]):
    """A handler that keeps what it is given, and can wait for as many."""

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.count, self.complete = count, threading.Event()

    def __call__(self, event: Any) -> None:
        self.append(event)
        if len(self) == self.count:
            self.complete.set()


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def broker_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rxtape-broker")]


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
