"""What happened at the queue, counted."""

from dataclasses import dataclass, field, fields

__all__ = ["Counts", "Heard"]

KINDS = 100


@dataclass(slots=True)
class Counts:
    """Exact counts since the start; `facts` are those that are not zero."""

    frames: int = 0
    trades: int = 0
    quotes: int = 0
    heartbeats: int = 0
    gaps: int = 0
    missed: int = 0
    """Trades that the venue's numbering shows to have been left out."""
    duplicates: int = 0
    old: int = 0
    """Trades of before the subscription."""
    odd: int = 0
    """Prints that must not move the last price."""
    fillers: int = 0
    corrected: int = 0
    conflated: int = 0
    """Quotes that a newer one of the symbol replaced while they waited."""
    dropped: int = 0
    """Trades that found no room; each symbol concerned has a GAP row."""
    ahead: int = 0
    """Rows whose event time was more than ten minutes ahead of their arrival."""
    unasked: int = 0
    refused: int = 0
    unknown: dict[str, int] = field(default_factory=dict)

    def unknown_kind(self, kind: str) -> None:
        """Count a message of a kind that nobody reads; of the first hundred kinds by name."""
        name = kind if kind in self.unknown or len(self.unknown) < KINDS else "other"
        self.unknown[name] = self.unknown.get(name, 0) + 1

    def facts(self) -> dict[str, int]:
        """By name, without zeros."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "unknown"}
        return {name: count for name, count in (found | {"unknown": sum(self.unknown.values())}).items() if count}


@dataclass(slots=True)
class Heard:
    """What came on a connection: how many frames, and how long after its event the newest row arrived (ns; may be below 0)."""

    frames: int = 0
    lag_ns: int | None = None
