"""An outlet: an observable at the edge of the engine, whose subscribers cannot harm it."""

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from pipeline.guarded import OF_USERS

__all__ = ["Outlet"]

T = TypeVar("T")


class Outlet(Observable[T]):
    """Hot. A subscriber that raises is cut off alone, and `on_fault` is told; `close` completes the others.

    >>> heard, faults = [], []
    >>> outlet = Outlet(faults.append)
    >>> _ = outlet.subscribe(lambda number: 1 / number)
    >>> _ = outlet.subscribe(heard.append)
    >>> for number in (2, 0, 3):
    ...     outlet.emit(number)
    >>> heard, [type(fault).__name__ for fault in faults]
    ([2, 0, 3], ['ZeroDivisionError'])
    """

    def __init__(self, on_fault: Callable[[BaseException], None]) -> None:
        super().__init__(self._attach)
        self._observers: tuple[abc.ObserverBase[T], ...] = ()
        self._on_fault = on_fault

    def _attach(self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> Disposable:
        self._observers = (*self._observers, observer)
        return Disposable(lambda: self._detach(observer))

    def _detach(self, observer: abc.ObserverBase[T]) -> None:
        self._observers = tuple(known for known in self._observers if known is not observer)

    def emit(self, item: T) -> None:
        """Hand an item to every subscriber."""
        for observer in self._observers:
            self._guarded(observer, lambda observer=observer: observer.on_next(item))  # type: ignore[misc]

    def close(self) -> None:
        """Tell every subscriber that nothing more comes."""
        for observer in self._observers:
            self._guarded(observer, observer.on_completed)
        self._observers = ()

    def _guarded(self, observer: abc.ObserverBase[T], tell: Callable[[], None]) -> None:
        try:
            tell()
        except OF_USERS as error:
            self._detach(observer)
            self._on_fault(error)
