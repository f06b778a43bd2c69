"""What can be run on: a feed, ticks in memory, or a frame."""

from typing import Any

from pipeline.errors import UsageError
from pipeline.feed import Feed, LiveFeed, recorded
from pipeline.plugins import load
from pipeline.ticks import Ticks

__all__ = ["feed_of"]


def feed_of(source: object) -> Any:
    if isinstance(source, Ticks):
        return recorded(source)
    if isinstance(source, Feed | LiveFeed):
        return source
    if type(source).__name__ == "DataFrame" and type(source).__module__.startswith("pandas"):
        made: Feed = load("feed", "frame")(source)
        return made
    hint = "; feeds.recorded.csv(path) makes one of a file, feeds.frames.from_frame(frame) of a frame"
    raise UsageError(f"{type(source).__name__} is no feed{hint}")
