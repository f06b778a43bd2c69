"""A subscription: what waits for one handler, and the calls of that handler, one at a time.

    publisher ──offer──▶ [ waiting ] ──pump──▶ [ in hand ] ──▶ handler(event)
       may wait for room (block)        all that wait, at once

`published = delivered + dropped + conflated + depth`, at any moment.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Literal, NamedTuple, get_args

from pipeline.broker.waiting import Item, Line, Newest, Waiting
from pipeline.errors import SubscriberStuck, UnknownName, UsageError
from pipeline.guarded import OF_USERS

__all__ = ["Counts", "Policy", "Subscription"]

Policy = Literal["block", "drop_oldest", "conflate"]
Handler = Callable[[Any], object]
HERE = threading.local()  # .running: the subscriptions whose handlers this thread is calling, one inside of another


def nothing() -> None:
    """The end that nobody asks for."""


def running_here() -> tuple["Subscription", ...]:
    """The subscriptions whose handlers this thread is calling now."""
    running: tuple[Subscription, ...] = getattr(HERE, "running", ())
    return running


class Counts(NamedTuple):
    """What became of the events of one subscription; `depth` is not handled yet, the oldest of them `oldest_age` seconds old.

    `failed` are those delivered at which the handler raised.
    """

    published: int
    delivered: int
    failed: int
    dropped: int
    conflated: int
    depth: int
    oldest_age: float


class Subscription:
    """A handler and what waits for it; `Broker.subscribe` makes them.

    `pump` calls the handler with what waits; a worker thread does that, unless the subscription was made to be pumped.
    """

    def __init__(
        self, name: str, handler: Handler, on_fault: Callable[[str, str, BaseException], None], *, policy: Policy = "drop_oldest",
        size: int = 10_000, key: Callable[[Any], object] | None = None, batch: bool = False, patience: float = 1.0,
        clock: Callable[[], float] = monotonic, on_end: Callable[[], object] = nothing,
    ) -> None:  # fmt: skip
        check(policy, size, key, patience, handler)
        self.name, self.handler, self.policy, self.size, self.patience = name, handler, policy, size, patience
        self._on_fault, self._on_end, self._clock, self._batch = on_fault, on_end, clock, batch
        self._waiting: Waiting = Newest(size) if policy == "conflate" else Line(size)
        self._key, self._conflates, self._blocks = key, policy == "conflate", policy == "block"
        self._published = self._delivered = self._failed = self._refused = 0
        self._hand: Sequence[Item] = ()
        self._handled = 0
        self._lock = threading.Lock()
        self._arrived, self._moved = threading.Condition(self._lock), threading.Condition(self._lock)
        self._asleep = False
        self._watchers = 0
        self._runs = False
        self._stuck = False
        self.closed = self._ending = False

    def __repr__(self) -> str:
        return f"Subscription({self.name!r}, policy={self.policy!r}, size={self.size:,}{', closed' if self.closed else ''})"

    @property
    def counts(self) -> Counts:
        """What has become of the events so far."""
        with self._lock:
            waiting, handled = self._waiting, self._handled
            delivered = self._delivered + handled
            dropped = waiting.dropped + self._refused
            depth = self._published - delivered - dropped - waiting.conflated
            since = self._hand[handled][2] if handled < len(self._hand) else waiting.oldest()
            age = 0.0 if since is None or not depth else max(0.0, self._clock() - since)
            return Counts(self._published, delivered, self._failed, dropped, waiting.conflated, depth, age)

    # For publishers.

    def offer(self, items: Sequence[Item]) -> BaseException | None:
        """Let items wait for the handler; the first thing that went wrong, which is not the publisher's business."""
        kept, keys, error = self._with_keys(items) if self._conflates else (items, (), None)
        with self._lock:
            if self.closed:
                return None
            self._published += len(items)
            if error is not None:
                self._refused += len(items) - len(kept)
            if self._blocks and len(self._waiting) + len(items) > self.size:
                error = self._add_patiently(items)
            else:
                self._waiting.add(kept, keys)
            if self._asleep:
                self._asleep = False
                self._arrived.notify()
        return error

    def _with_keys(self, items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[object], BaseException | None]:
        """Those that have a key, their keys, and the first error; found before the lock is held, since the function is the user's."""
        if self._key is None:
            return items, [item[0] for item in items], None
        kept, keys, first = [], [], None
        for item in items:
            try:
                key = self._key(item[1])
                hash(key)
            except OF_USERS as error:
                first = first or error
            else:
                kept.append(item)
                keys.append(key)
        return kept, keys, first

    def _add_patiently(self, items: Sequence[Item]) -> SubscriberStuck | None:
        """Add what there is room for, as room comes; drop what there was none for, and do not wait again until something is taken."""
        left, deadline = items, monotonic() + self.patience
        while True:
            room = self.size - len(self._waiting)
            self._waiting.add(left[:room])
            left = left[room:]
            if not left or self.closed or not self._room_comes(deadline):
                break
        self._refused += len(left)
        if not left or self.closed or self._stuck:
            return None
        self._stuck = True
        return SubscriberStuck(
            f"took nothing for {self.patience:g} s while {self.size:,} events waited; what is published until it does is dropped and "
            "counted; give it a quicker handler, a larger size, more patience, or another policy"
        )

    def _room_comes(self, deadline: float) -> bool:
        """Wait until something has been taken; never on the handler's own thread, which would wait for itself."""
        if self._stuck or self in running_here():
            return False
        if self._asleep:
            self._asleep = False
            self._arrived.notify()
        self._watchers += 1
        self._moved.wait_for(lambda: len(self._waiting) < self.size or self.closed, max(0.0, deadline - monotonic()))
        self._watchers -= 1
        return len(self._waiting) < self.size and not self.closed

    # For the worker.

    def pump(self) -> int:
        """Call the handler with everything that waits now; how many events that was. Nothing, if it is being called already."""
        with self._lock:
            if self._runs or self.closed or not self._waiting:
                return 0
            self._runs = True
            hand = self._hand = self._waiting.take()
            self._stuck = False
            self._tell_watchers()
        outer = running_here()
        HERE.running = (*outer, self)
        try:
            self._handle_together(hand) if self._batch else self._handle_each(hand)
        finally:
            HERE.running = outer
            with self._lock:
                handled = self._handled
                self._delivered += handled
                self._refused += len(hand) - handled
                self._hand, self._handled, self._runs = (), 0, False
                self._tell_watchers()
        return handled

    def _handle_each(self, hand: Sequence[Item]) -> None:
        handler = self.handler
        for topic, event, _ in hand:
            if self.closed:
                return
            try:
                handler(event)
            except BaseException as error:  # noqa: BLE001 - whatever a handler raises is its own fault, and told as such
                self._raised(topic, error, 1)
            finally:
                self._handled += 1

    def _handle_together(self, hand: Sequence[Item]) -> None:
        try:
            self.handler([event for _, event, _ in hand])
        except BaseException as error:  # noqa: BLE001 - as above
            self._raised(hand[0][0], error, len(hand))
        finally:
            self._handled += len(hand)

    def _raised(self, topic: str, error: BaseException, count: int) -> None:
        """A fault of the handler; Ctrl-C on the main thread is none."""
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise error
        self._failed += count
        self._on_fault(self.name, topic, error)

    def _tell_watchers(self) -> None:
        if self._watchers:
            self._moved.notify_all()

    def start(self) -> threading.Thread:
        """A thread that pumps until the subscription ends."""
        thread = threading.Thread(target=self._work, name=f"rxtape-broker-{self.name}", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while self._something_waits():
            self.pump()
        if self._ending:
            self.tell_the_end()

    def tell_the_end(self) -> None:
        """Nothing more comes, since the broker has been closed."""
        try:
            self._on_end()
        except BaseException:  # noqa: BLE001 - the subscriber's code; counted, since by now nobody listens to faults
            self._failed += 1

    def _something_waits(self) -> bool:
        with self._lock:
            while not self._waiting and not self._ending and not self.closed:
                self._asleep = True
                self._arrived.wait()
            return bool(self._waiting) and not self.closed

    # For the broker.

    def wait_until_idle(self, deadline: float) -> bool:
        """Whether nothing waits and no call runs, at the latest at `deadline` of the monotonic clock; never waits for its own handler."""
        with self._lock:
            return self._wait(lambda: self.closed or not self._waiting, deadline)

    def finish(self) -> None:
        """End after what waits; the thread tells the end, where there is one."""
        with self._lock:
            self._ending = True
            self._arrived.notify()

    def discard(self, deadline: float) -> bool:
        """Call the handler no more, drop what waits, and wait for the call that runs; whether it has returned.

        A handler that discards its own subscription does not wait for itself; nor does one wait that has been discarded itself,
        since whoever did that is waiting for it.
        """
        with self._lock:
            self.closed = True
            self._refused += len(self._waiting.take())
            self._arrived.notify()
            self._moved.notify_all()
            return self._wait(lambda: True, deadline)

    def _wait(self, ready: Callable[[], bool], deadline: float) -> bool:
        running = running_here()
        if self in running:
            return True
        if any(other.closed for other in running):
            deadline = monotonic()
        self._watchers += 1
        done = self._moved.wait_for(lambda: ready() and not self._runs, max(0.0, deadline - monotonic()))
        self._watchers -= 1
        return done


def check(policy: str, size: int, key: object, patience: float, handler: object) -> None:
    """Refuse what makes no subscription."""
    if policy not in get_args(Policy):
        raise UnknownName("policy of a subscription", str(policy), get_args(Policy))
    if not isinstance(size, int) or not 0 < size < sys.maxsize:
        raise UsageError(f"size of a subscription: {size!r} is no number of events; expected a whole number from 1")
    if key is not None and policy != "conflate":
        raise UsageError(f"key= says of what the newest event is kept; the policy {policy!r} keeps no newest; write policy='conflate'")
    if not patience >= 0:
        raise UsageError(f"patience of a subscription: {patience!r} is no time; expected seconds, 0 or more")
    if not callable(handler):
        raise UsageError(f"a handler is a function of an event, not {handler!r:.80}")
