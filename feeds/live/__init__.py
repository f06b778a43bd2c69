"""Live feeds: connections that are kept, what arrives on them put in one queue, and how well they are."""

from feeds.live.opening import live

__all__ = ["live"]
