"""Strategies become streams of a graph; what is wrong with one is told when it is built."""

from reactivex import Observable

from pipeline.collector import Collector
from pipeline.combine import Combination
from pipeline.errors import BuildError, EngineFault, RxtapeError
from pipeline.flow import Signal, Tape
from pipeline.functions import nearest_argument, place_of
from pipeline.plugins import load, plugins
from pipeline.strategy import Strategy

__all__ = ["build"]


def build(strategy: object, tape: Tape, collector: Collector) -> None:
    """Let a strategy make its streams from the tape, and listen to its alerts; BuildError says what it did wrong."""
    graph = tape.graph
    if not isinstance(strategy, Strategy):
        raise BuildError(f"{strategy!r:.80} is no strategy{hint_on(strategy)}")
    name = strategy.name
    if name in graph.identities:
        raise BuildError(f"two strategies are named {name!r}; give one another name: {type(strategy).__name__}(name=...)")
    graph.identities[name] = repr(strategy)
    try:
        with graph.owned_by(name):
            found = strategy.alerts(tape)
        for stream in found if isinstance(found, list | tuple) else [found]:
            if isinstance(stream, Combination | Signal | Tape):
                kind = type(stream).__name__
                raise BuildError(f"alerts(ticks) returned a {kind}, no alerts; follow combine_latest(...) with .pipe(alert_when(...))")
            if not isinstance(stream, Observable):
                raise BuildError(f"alerts(ticks) returned {stream!r:.80}; expected what alert_when gives, or an observable of alerts")
            collector.listen(name, stream)
    except EngineFault:
        raise
    except (Exception, SystemExit) as error:
        cause = "" if isinstance(error, RxtapeError) else f"{type(error).__name__}: "
        raise BuildError(f"strategy {name}: {cause}{error}{nearest_argument(error)}{place_of(error)}") from error


def hint_on(found: object) -> str:
    """What to write in place of something that is no strategy."""
    if isinstance(found, type):
        return f"; make one: {found.__name__}()"
    if isinstance(found, list | tuple):
        return "; give them one by one: run(feed, First(), Second())"
    if isinstance(found, str) and found in {plugin.name for plugin in plugins("strategy")}:
        kind = load("strategy", found)
        return f"; make one: from {kind.__module__} import {kind.__name__}, then {kind.__name__}()"
    return "; a strategy is an object of a class of yours, as in run(feed, MyRule())"
