"""Plug-ins: feeds, venues, servers, sinks and strategies by name, ours and those of any installed package, found by entry points."""

import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from os.path import exists
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, RxtapeError, SinkError, UnknownName, UsageError
from pipeline.sinks import Sink

if TYPE_CHECKING:
    from pipeline.feed import Feed

__all__ = ["KINDS", "Plugin", "load", "names_feed", "open_feed", "open_sink", "plugins", "sink_label"]

KINDS = ("feed", "venue", "server", "sink", "strategy")
SCHEME = re.compile(r"([A-Za-z][\w.+-]+):(.*)", re.DOTALL)
"""Two letters at least: one is a drive."""
GROUPS = {
    "feed": "rxtape.feeds", "venue": "rxtape.venues", "server": "rxtape.servers", "sink": "rxtape.sinks", "strategy": "rxtape.strategies",
}  # fmt: skip


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
    found = [Plugin(kind, point.name, point.value, package_of(point)) for point in offered(GROUPS[kind])]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.package))


def offered(group: str) -> EntryPoints:
    """What installed packages offer now; it is read again, which takes 15 ms, where a folder of packages has changed."""
    return read_once(group, tuple((path, os.stat(path).st_mtime_ns) for path in sys.path if path and exists(path)))


@lru_cache(maxsize=len(GROUPS))
def read_once(group: str, folders: tuple[tuple[str, int], ...]) -> EntryPoints:
    return entry_points(group=group)


def load(kind: str, name: str) -> Any:
    """The thing a plug-in names.

    Raises UnknownName where there is none, UsageError where it cannot be imported or two packages offer that name.

    >>> load("sink", "memory").__name__
    'MemorySink'
    """
    points = [point for point in offered(GROUPS[kind]) if point.name == name]
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
    kind, target = sink_kind(url)
    try:
        sink: Sink = kind(target)
    except RxtapeError:
        raise
    except Exception as error:
        raise SinkError(f"{url} cannot be opened: {type(error).__name__}: {error}") from error
    return sink


def sink_label(url: str) -> str:
    """What the sink of a URL will be called, without opening it: what its `label_of(target)` says, or the URL.

    >>> sink_label("memory:"), sink_label("webhook:https://hooks.example.com/s3cret")
    ('memory:', 'webhook:https://hooks.example.com/#d1e535d3')
    """
    kind, target = sink_kind(url)
    return str(kind.label_of(target)) if hasattr(kind, "label_of") else url


def sink_kind(url: str) -> tuple[Any, str]:
    scheme, colon, target = url.partition(":")
    known = {plugin.name for plugin in plugins("sink")}
    if not colon and scheme not in known:
        raise UsageError(f"{url!r} names no sink; write it with its kind, such as jsonl:{url}. There are: {', '.join(sorted(known))}")
    return load("sink", scheme), target


def names_feed(text: str) -> bool:
    """Whether a text names a feed, as in `myfeed:ARGUMENT`, and no file or glob.

    >>> names_feed("synthetic:"), names_feed("ticks.csv"), names_feed("C:ticks.csv"), names_feed("day:*.csv")
    (True, False, False, False)
    """
    found = SCHEME.fullmatch(text)
    if found is None or exists(text):
        return False
    return not any(sign in text for sign in "*?[") or found[1] in {plugin.name for plugin in plugins("feed")}


def open_feed(url: str) -> "Feed":
    """The feed of a URL: `synthetic:`, or `myfeed:ARGUMENT`, which calls what a plug-in offers with the text behind the colon, if any.

    Raises UsageError for a name that nobody offers and for what gives no feed, InputError where the feed cannot be opened.

    >>> open_feed("demo:").name.endswith("demo.csv.gz")
    True
    """
    from pipeline.feed import Feed  # what lists plug-ins needs no numbers

    scheme, _, argument = url.partition(":")
    known = {plugin.name for plugin in plugins("feed")}
    if scheme not in known:
        raise UsageError(f"there is no file {url}, and {UnknownName('feed', scheme, known)}")
    kind = load("feed", scheme)
    try:
        feed = kind(argument) if argument else kind()
    except RxtapeError:
        raise
    except Exception as error:
        raise InputError(f"{url} cannot be opened: {type(error).__name__}: {error}") from error
    if not isinstance(feed, Feed):
        raise UsageError(f"{url} gives {type(feed).__name__}, which is no feed: that has a name, columns and rows(), as in docs/feeds.md")
    return feed


def package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "?"
