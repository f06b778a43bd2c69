"""The broker: whoever has an event publishes it, whoever wants it subscribes, and neither waits for the other or sees its faults."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from operator import itemgetter
from time import monotonic
from types import TracebackType
from typing import Any, Self

from reactivex import Observable
from reactivex.abc import DisposableBase

from pipeline.broker.faults import FAULTS, BrokerFault
from pipeline.broker.routes import Receiver, Route, Routes
from pipeline.broker.streams import Sources, heard
from pipeline.broker.subscription import Counts, Handler, Policy, Subscription, nothing, running_here
from pipeline.broker.topics import Pattern
from pipeline.broker.waiting import Item
from pipeline.errors import UsageError
from pipeline.functions import distinct

__all__ = ["Broker"]

SIZE = 10_000
PATIENCE = 1.0
DEADLINE = 10.0
MAX_TOPICS = 100_000
BY_TOPIC = itemgetter(0)


class Broker:
    """Topics, and subscriptions to patterns of them, each with a bounded queue and a thread of its own.

    Events of one topic reach every subscriber in one order, whichever threads publish. What a handler raises goes to the
    topic `broker.faults` as a BrokerFault, and the handler gets the next event. Subscribing and unsubscribing take effect
    for the next publish, inside of a handler as anywhere. `clock` tells seconds, for the age of what waits.

    >>> broker, heard = Broker(), []
    >>> subscription = broker.subscribe("alerts.volume_breakout.*", heard.append)
    >>> broker.publish("alerts.volume_breakout.rule", "SPY rises")
    >>> broker.publish("alerts.other.rule", "QQQ falls")
    >>> broker.close()
    {}
    >>> heard, subscription.counts.delivered
    (['SPY rises'], 1)
    """

    def __init__(self, *, patience: float = PATIENCE, max_topics: int = MAX_TOPICS, clock: Callable[[], float] = monotonic) -> None:
        self.patience, self._clock = patience, clock
        self._routes = Routes(max_topics)
        self._known = self._routes.known
        self._of_faults = self._routes.to(FAULTS)
        self._subscriptions: dict[Subscription, threading.Thread | None] = {}
        self._ended: list[threading.Thread] = []
        self._sources = Sources(self)
        self._lock = threading.Lock()
        self._closing = False
        self.faults = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(drain=error is None)

    @property
    def counts(self) -> dict[str, Counts]:
        """What has become of the events of every subscription, by its name."""
        return {subscription.name: subscription.counts for subscription in tuple(self._subscriptions)}

    # Publishing.

    def publish(self, topic: str, event: Any) -> None:
        """Let every subscriber of the topic have the event; raises UsageError for what is no topic, and on a closed broker."""
        if self._closing:
            self._refuse(f"an event of {topic}")
        route = self._known.get(topic) or self._routes.to(topic)
        if route.receivers:
            self._hand_over(route, ((topic, event, self._clock()),))

    def publish_all(self, topic: str | Callable[[Any], str], events: Iterable[Any]) -> None:
        """Publish events one after another, with nothing between them; `topic` may be a function that tells each event's.

        >>> broker, heard = Broker(), []
        >>> _ = broker.subscribe("number.#", heard.append)
        >>> broker.publish_all(lambda number: f"number.{'odd' if number % 2 else 'even'}", range(5))
        >>> _ = broker.close()
        >>> heard
        [0, 1, 2, 3, 4]
        """
        if self._closing:
            self._refuse("events")
        at = self._clock()
        if isinstance(topic, str):
            route, items = self._routes.to(topic), [(topic, event, at) for event in events]
            if items:
                self._hand_over(route, items)
            return
        items = [(topic(event), event, at) for event in events]
        routes = {name: self._routes.to(name) for name in set(map(BY_TOPIC, items))}
        if len(routes) == 1:
            self._hand_over(next(iter(routes.values())), items)
        else:
            self._hand_over_mixed(routes, items)

    @property
    def is_heard(self) -> bool:
        """Whether anybody subscribes to anything now: for events that are costly to make."""
        return bool(self._routes.wanted)

    def _hand_over(self, route: Route, items: Sequence[Item]) -> None:
        troubles: list[BrokerFault] | None = None
        with route.lock:
            for receiver in route.receivers:
                error = receiver.offer(items)
                if error is not None:
                    troubles = [*(troubles or ()), BrokerFault(name_of(receiver), route.topic, error)]
        if troubles is not None:
            for trouble in troubles:
                self._tell(trouble)

    def _hand_over_mixed(self, routes: dict[str, Route], items: Sequence[Item]) -> None:
        """Hold all topics at once, taken in the order of their names, since another thread may want some of them too."""
        shares: dict[int, tuple[Receiver, list[Item]]] = {}
        troubles: list[BrokerFault] = []
        with ExitStack() as held:
            for name in sorted(routes):
                held.enter_context(routes[name].lock)
            receivers = {name: route.receivers for name, route in routes.items()}
            for item in items:
                for receiver in receivers[item[0]]:
                    shares.setdefault(id(receiver), (receiver, []))[1].append(item)
            for receiver, share in shares.values():
                error = receiver.offer(share)
                if error is not None:
                    troubles.append(BrokerFault(name_of(receiver), share[-1][0], error))
        for trouble in troubles:
            self._tell(trouble)

    def _tell(self, fault: BrokerFault) -> None:
        """Publish a fault; one that comes of telling a fault is only counted, or there were no end of them."""
        self.faults += 1
        if fault.topic != FAULTS and self._of_faults.receivers:
            self._hand_over(self._of_faults, ((FAULTS, fault, self._clock()),))

    def tell_fault(self, subscriber: str, topic: str, error: BaseException) -> None:
        """Say on `broker.faults` what somebody raised."""
        self._tell(BrokerFault(subscriber, topic, error))

    def _refuse(self, what: str) -> None:
        """While the broker is closing, its own handlers may still publish; nobody else, and nobody afterwards."""
        if not any(subscription in self._subscriptions for subscription in running_here()):
            raise UsageError(f"this broker has been closed, and {what} came after that; publish before close(), or make another Broker()")

    # Subscribing.

    def subscribe(
        self, pattern: str, handler: Handler, *, policy: Policy = "drop_oldest", size: int = SIZE,
        key: Callable[[Any], object] | None = None, name: str = "", batch: bool = False, pumped: bool = False,
        patience: float | None = None, on_end: Callable[[], object] = nothing,
    ) -> Subscription:  # fmt: skip
        """Call `handler(event)` with every event whose topic the pattern matches, one call at a time, on a thread of its own.

        At most `size` events wait, besides those that the thread has taken to handle. When there is no room, "drop_oldest"
        drops the oldest; "conflate" keeps the newest event of each key (of each topic, without `key`); "block" lets the
        publisher wait for room, `patience` seconds at most, then drops what is new and says so on `broker.faults`, and waits
        no more until the handler takes something. `batch` hands over all that wait as a list. A `pumped` subscription has no
        thread; call its `pump()`. `on_end()` is called at the end, when the broker has been closed.
        """
        wanted = Pattern(pattern)
        with self._lock:
            if self._closing:
                raise UsageError(f"this broker has been closed; {pattern!r} would hear nothing; make another Broker()")
            made = Subscription(
                distinct(name or pattern, {each.name for each in self._subscriptions}), handler, self.tell_fault,
                policy=policy, size=size, key=key, batch=batch,
                patience=self.patience if patience is None else patience, clock=self._clock, on_end=on_end,
            )  # fmt: skip
            self._ended = [thread for thread in self._ended if thread.is_alive()]
            self._subscriptions[made] = None if pumped else made.start()
        self._routes.add(wanted, made)
        return made

    def attach(self, pattern: str, receiver: Receiver) -> None:
        """Let a receiver, which has a queue of its own, take what the pattern matches, until `unsubscribe(receiver)`."""
        self._routes.add(Pattern(pattern), receiver)

    def unsubscribe(self, receiver: Receiver) -> bool:
        """Call the handler no more, drop what waits for it, and wait for a call that runs; whether it has returned in time.

        It waits as long as the subscription's `patience`, and at least a second. A handler that unsubscribes itself does not wait
        for itself, and two that unsubscribe each other do not wait for each other.
        """
        self._routes.remove(receiver)
        if not isinstance(receiver, Subscription):
            return True
        with self._lock:
            thread = self._subscriptions.pop(receiver, None)
            if thread is not None:
                self._ended.append(thread)
        return receiver.discard(monotonic() + max(receiver.patience, PATIENCE))

    # Rx.

    def observable(self, pattern: str, **how: Any) -> Observable[Any]:
        """What is published as an observable; every Rx subscription to it is a subscription here, made as `subscribe(**how)` says.

        >>> from reactivex import operators as ops
        >>> broker, heard = Broker(), []
        >>> _ = broker.observable("health.*").pipe(ops.distinct_until_changed()).subscribe(heard.append)
        >>> broker.publish_all("health.SPY", ["LIVE", "LIVE", "STALE"])
        >>> _ = broker.close()
        >>> heard
        ['LIVE', 'STALE']
        """
        return heard(self, pattern, **how)

    def publish_from(self, source: Observable[Any], topic: str | Callable[[Any], str], *, name: str = "") -> DisposableBase:
        """Publish whatever an observable gives, on a topic or on that which `topic(event)` names, until it ends or is disposed of.

        An error of the observable goes to `broker.faults`, under `name`.

        >>> import reactivex
        >>> broker, heard = Broker(), []
        >>> _ = broker.subscribe("price.SPY", heard.append)
        >>> _ = broker.publish_from(reactivex.of(1.5, 2.5), "price.SPY")
        >>> _ = broker.close()
        >>> heard
        [1.5, 2.5]
        """
        if self._closing:
            raise UsageError("this broker has been closed, nobody would hear the observable; make another Broker()")
        return self._sources.add(source, topic, name)

    # The end.

    def drain(self, deadline: float = DEADLINE) -> bool:
        """Wait until everything published has been handled, `deadline` seconds at most; whether it has. Pumps the pumped ones."""
        until = monotonic() + deadline
        while True:
            subscriptions = dict(self._subscriptions)
            before = sum(subscription.counts.published for subscription in subscriptions)
            idle = [settled(subscription, thread, until) for subscription, thread in subscriptions.items()]
            if all(idle) and sum(subscription.counts.published for subscription in subscriptions) == before:
                return True
            if monotonic() >= until:
                return False

    def close(self, *, drain: bool = True, deadline: float = DEADLINE) -> dict[str, int]:
        """Take no more events, let the subscribers handle what waits, `deadline` seconds at most, and end their threads.

        How many events the subscribers did not get, by name; nobody should be in it. A handler that does not return keeps
        its thread, which ends as soon as it does. Closing again does nothing; a handler may close the broker, too.
        """
        with self._lock:
            if self._closing:
                return {}
            self._closing = True
        self._sources.close()
        until = monotonic() + deadline
        if drain:
            self.drain(deadline)
        subscriptions = dict(self._subscriptions)
        here = running_here()
        owed = {subscription.name: subscription.counts.depth for subscription in subscriptions if subscription not in here}
        for subscription, thread in subscriptions.items():
            subscription.finish()
            if thread is None:
                subscription.tell_the_end()
            if not drain or owed.get(subscription.name):
                subscription.discard(until if not drain else monotonic())
        for ended in (*self._ended, *(thread for thread in subscriptions.values() if thread is not None)):
            if ended is not threading.current_thread():
                ended.join(max(0.0, until - monotonic()))
        for subscription in subscriptions:
            if subscription not in here:
                subscription.discard(monotonic())
        return {name: count for name, count in owed.items() if count}


def settled(subscription: Subscription, thread: threading.Thread | None, until: float) -> bool:
    if thread is None:
        subscription.pump()
    return subscription.wait_until_idle(monotonic() if thread is None else until)


def name_of(receiver: Receiver) -> str:
    return str(getattr(receiver, "name", type(receiver).__name__))
