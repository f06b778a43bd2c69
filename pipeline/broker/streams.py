"""Between topics and Rx: what is published as an observable, and observables that publish."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable

from pipeline.broker.topics import Pattern, checked_topic
from pipeline.guarded import OF_USERS

if TYPE_CHECKING:
    from pipeline.broker.broker import Broker

__all__ = ["Sources", "heard"]

Topic = str | Callable[[Any], str]


def heard(broker: "Broker", pattern: str, **how: Any) -> Observable[Any]:
    """What is published, as an observable: each Rx subscription is one of the broker's, and completes when it is closed."""
    Pattern(pattern)

    def attach(observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        subscription = broker.subscribe(pattern, observer.on_next, on_end=observer.on_completed, **how)

        def detach() -> None:
            broker.unsubscribe(subscription)

        return Disposable(detach)

    return Observable(attach)


class Sources:
    """Observables that publish what they give, until they end or `close`; what they raise is told as a fault."""

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self._all = CompositeDisposable()

    def add(self, source: Observable[Any], topic: Topic, name: str) -> abc.DisposableBase:
        """Publish what the observable gives on a topic, or on the one that `topic(event)` names."""
        name = name or f"the source of {topic if isinstance(topic, str) else getattr(topic, '__qualname__', topic)}"
        fixed = checked_topic(topic) if isinstance(topic, str) else ""
        link = SingleAssignmentDisposable()
        self._all.add(link)

        def forward(event: Any) -> None:
            try:
                if not self._all.is_disposed:
                    self._broker.publish(fixed or topic(event), event)  # type: ignore[operator]
            except OF_USERS as error:
                self._broker.tell_fault(name, fixed, error)

        def failed(error: Exception) -> None:
            self._broker.tell_fault(name, fixed, error)
            remove()

        def remove() -> None:
            self._all.remove(link)

        link.disposable = source.subscribe(forward, failed, remove)
        return Disposable(remove)

    def close(self) -> None:
        """Listen to none of them any more."""
        self._all.dispose()
