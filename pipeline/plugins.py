"""Plug-ins: feeds, servers, sinks and strategies by name, ours and those of any installed package, found by entry points."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pipeline.errors import RxtapeError, SinkError, UnknownName, UsageError
from pipeline.sinks import Sink

__all__ = ["KINDS", "Plugin", "load", "open_sink", "plugins"]

KINDS = ("feed", "server", "sink", "strategy")
GROUPS = {"feed": "rxtape.feeds", "server": "rxtape.servers", "sink": "rxtape.sinks", "strategy": "rxtape.strategies"}


@dataclass(frozen=True)
class Plugin:
    """A thing an installed package offers: what it is, its name, where it lives, and the package."""

    kind: str
    name: str
    where: str
    package: str

    def problem(self) -> str:
        """Why it cannot be loaded; empty if it can."""
        try:
            load(self.kind, self.name)
        except UsageError as error:
            return str(error)
        return ""


def plugins(kind: str) -> list[Plugin]:
    """Everything of a kind (feed, server, sink, strategy) that is installed, by name; nothing is imported."""
    found = [Plugin(kind, point.name, point.value, package_of(point)) for point in entry_points(group=GROUPS[kind])]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.package))


def load(kind: str, name: str) -> Any:
    """The thing a plug-in names.

    Raises UnknownName where there is none, UsageError where it cannot be imported or two packages offer that name.

    >>> load("sink", "memory").__name__
    'MemorySink'
    """
    points = list(entry_points(group=GROUPS[kind], name=name))
    if not points:
        raise UnknownName(kind, name, {plugin.name for plugin in plugins(kind)})
    if len({point.value for point in points}) > 1:
        packages = " and ".join(sorted(package_of(point) for point in points))
        raise UsageError(f"the {kind} {name!r} is offered by {packages}; uninstall one of them, or name it module:Class")
    point = points[0]
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        where = f"{point.value}, of {package_of(point)}"
        raise UsageError(f"the {kind} {name!r} ({where}) cannot be loaded: {type(error).__name__}: {error}") from error


def open_sink(url: str) -> Sink:
    """The sink of a URL: `jsonl:alerts.jsonl`, `console:`, `memory:`, or that of a plug-in.

    Raises UnknownName for a scheme nobody offers, UsageError for a target that makes no sense, SinkError where the sink
    cannot be opened.

    >>> open_sink("memory:").alerts
    []
    """
    scheme, colon, target = url.partition(":")
    known = {plugin.name for plugin in plugins("sink")}
    if not colon and scheme not in known:
        raise UsageError(f"{url!r} names no sink; write it with its kind, such as jsonl:{url}. There are: {', '.join(sorted(known))}")
    kind = load("sink", scheme)
    try:
        sink: Sink = kind(target)
    except RxtapeError:
        raise
    except Exception as error:
        raise SinkError(f"{url} cannot be opened: {type(error).__name__}: {error}") from error
    return sink


def package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "?"
