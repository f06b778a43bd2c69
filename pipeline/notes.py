"""What a report notes when a run is over: what a strategy waited for and what never came, mostly by a slip of the pen."""

from collections.abc import Iterator
from difflib import get_close_matches

from pipeline.graph import Graph
from pipeline.report import Report
from pipeline.rules import AlertStream

__all__ = ["notes_on"]

SHOWN = 8


def notes_on(graph: Graph, report: Report) -> list[tuple[str, str]]:
    """What was never known, and the symbols that were named and never came; nothing for a run that found no tick or was cut short."""
    if not report.ticks or report.incomplete is not None or report.stopped_by:
        return []
    return [*symbols_that_never_came(graph), *signals_that_were_never_known(graph)]


def symbols_that_never_came(graph: Graph) -> Iterator[tuple[str, str]]:
    known = list(graph.symbols)
    for name in sorted(graph.named):
        if name not in graph.symbols:
            near = get_close_matches(name, known, n=1) or get_close_matches(name.upper(), known, n=1)
            there = f"; there were {', '.join(known[:SHOWN])}{' ...' if len(known) > SHOWN else ''}"
            hint = f"; did you mean {near[0]}?" if near else there
            yield "no symbol", f"{name} is named by a strategy and never came{hint}"


def signals_that_were_never_known(graph: Graph) -> Iterator[tuple[str, str]]:
    unknown: dict[str, set[str]] = {}
    for owner, stream, _ in graph.plan:
        if isinstance(stream, AlertStream) and stream.unknown and owner not in graph.faults:
            unknown.setdefault(str(owner), set()).update(stream.unknown)
    for name, signals in unknown.items():
        said = f"{name}: {', '.join(sorted(signals))} had no value in the whole run"
        yield "never known", f"{said}; is a window longer than the input, or a column empty?"
