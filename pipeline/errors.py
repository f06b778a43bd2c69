"""Every error rxtape raises on purpose.

RxtapeError
├── UsageError            a call or an option that cannot work (exit 2)
│   ├── BuildError        a graph that cannot be built: mixed tapes, a misused condition, a missing column
│   ├── ParameterError    a strategy or operator parameter of the wrong type or range
│   └── UnknownName       no strategy, sink, feed, signal or symbol of that name
├── InputError            bad input data (exit 3)
│   ├── BadRow            a row that is no tick: where it stands, its column, its value, and why
│   ├── LateRow           a row older than the tape allows
│   └── TooManySymbols    a symbol past `--max-symbols`
├── SnapshotMismatch      a snapshot of another operator, other parameters or another version
├── SubscriberStuck       a subscriber of the broker that took nothing for as long as a publisher waits
├── JournalError          a journal that cannot be opened, read or written (exit 1)
│   ├── JournalLocked     another process writes to it
│   ├── JournalDamaged    bits flipped, a gap, another journal's segment, or an end before what was acknowledged (exit 3)
│   ├── JournalTooNew     written by a newer release
│   └── JournalBroken     a sync failed: nothing after it can be trusted, and it takes nothing more
├── IncidentsError        a register of incidents that cannot be opened or written (exit 1)
│   ├── IncidentRefused   an act that makes no sense in the state of its incident (exit 2)
│   └── IncidentsDamaged  an event that is not what was written (exit 3)
├── SinkError             a sink that cannot be opened or written
│   ├── ReaderLeft        nobody reads the pipe any more (exit 141)
│   └── Refused           a sink will not take this alert, however often it is tried
└── EngineFault           the engine itself is broken; never caught (exit 1)
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BadRow",
    "BuildError",
    "EngineFault",
    "IncidentRefused",
    "IncidentsDamaged",
    "IncidentsError",
    "InputError",
    "JournalBroken",
    "JournalDamaged",
    "JournalError",
    "JournalLocked",
    "JournalTooNew",
    "LateRow",
    "ParameterError",
    "ReaderLeft",
    "Refused",
    "RxtapeError",
    "SinkError",
    "SnapshotMismatch",
    "SubscriberStuck",
    "TooManySymbols",
    "UnknownName",
    "UsageError",
]

MOST_NAMES = 60
SYNONYMS = {"close": "price", "last": "price", "volume": "size", "qty": "size", "quantity": "size", "amount": "size", "timestamp": "time"}


class RxtapeError(Exception):
    """Whatever rxtape raises on purpose; `exit_code` is what the command line returns for it."""

    exit_code = 1


class UsageError(RxtapeError):
    """A call or an option that cannot work as given."""

    exit_code = 2


class BuildError(UsageError):
    """A graph that cannot be built."""


class ParameterError(UsageError):
    """A parameter of the wrong type or range."""


class UnknownName(UsageError):
    """No thing of that name; the message names the nearest ones.

    >>> print(UnknownName("strategy", "volume_brekout", ["volume_breakout", "volume_spike"]))
    no strategy named 'volume_brekout'; did you mean 'volume_breakout'? There are: volume_breakout, volume_spike
    """

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, sorted(known)
        near = [SYNONYMS[name]] if SYNONYMS.get(name) in self.known else get_close_matches(name, self.known, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        more = f", and {len(self.known) - MOST_NAMES:,} more" if len(self.known) > MOST_NAMES else ""
        super().__init__(f"no {what} named {name!r}{hint} There are: {', '.join(self.known[:MOST_NAMES]) or 'none'}{more}")


class InputError(RxtapeError):
    """Input data that cannot become a tape."""

    exit_code = 3


class BadRow(InputError):
    """A row that is no tick.

    >>> print(BadRow("ticks.csv", 1041, "price", "abc", "is not a number"))
    ticks.csv:1041 column price: 'abc' is not a number
    """

    def __init__(self, source: str, line: int, column: str, value: object, reason: str) -> None:
        self.source, self.line, self.column, self.value, self.reason = source, line, column, value, reason
        super().__init__(f"{source}:{line} column {column}: {value!r} {reason}")


class LateRow(InputError):
    """A row older than the tape allows."""

    def __init__(self, source: str, line: int, late_ns: int, lateness_ns: int) -> None:
        self.source, self.line, self.late_ns, self.lateness_ns = source, line, late_ns, lateness_ns
        super().__init__(
            f"{source}:{line} column time: {length_of(late_ns)} older than the row before it"
            + (f", more than the lateness of {length_of(lateness_ns)} allows" if lateness_ns else "")
            + "; add --sort (read it all, then sort), --lateness 2s (reorder within it), --late clamp (keep it, at a later time) "
            "or --late drop (set it aside); from Python file(path, sort=True), or run(..., late=...)"
        )


def length_of(length_ns: int) -> str:
    """A length of time for people.

    >>> length_of(1_500_000_000), length_of(90_061_000_000_000)
    ('1.5 s', '25 hours (90061 s)')
    """
    seconds = length_ns / 1e9
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit} ({seconds:.9g} s)"
    return f"{seconds:.9g} s"


class TooManySymbols(InputError):
    """A symbol past the limit of the symbol table."""

    def __init__(self, symbol: str, limit: int) -> None:
        self.symbol, self.limit = symbol, limit
        super().__init__(f"symbol {symbol!r} is one more than the limit of {limit:,}; raise it with --max-symbols")


class SnapshotMismatch(RxtapeError):
    """A snapshot that belongs to something else."""


class SubscriberStuck(RxtapeError):
    """A subscriber of the broker that took nothing for as long as a publisher waits."""


class JournalError(RxtapeError):
    """A journal that cannot be opened, read or written."""


class NoJournal(JournalError):
    """A folder that holds no journal, or no folder."""

    exit_code = 2


class JournalLocked(JournalError):
    """Another process writes to the journal."""


class JournalDamaged(JournalError):
    """A journal that is not what was written: where, and up to which frame it is good (-1: no place, no frame)."""

    exit_code = 3

    def __init__(self, path: object, offset: int, seq: int, reason: str, hint: str) -> None:
        self.path, self.offset, self.seq, self.reason = str(path), offset, seq, reason
        place = f" at byte {offset:,}" if offset >= 0 else ""
        super().__init__(f"{path}{place}: {reason}" + (f"; the last good frame is {seq:,}. {hint}" if seq >= 0 else f". {hint}"))


class JournalTooNew(JournalError):
    """A journal written by a newer release."""


class JournalBroken(JournalError):
    """A journal that takes nothing more, since a sync failed and nobody knows what is on the disk."""


class IncidentsError(RxtapeError):
    """A register of incidents that cannot be opened, read or written."""


class IncidentRefused(IncidentsError):
    """An act that makes no sense in the state of its incident."""

    exit_code = 2


class IncidentsDamaged(IncidentsError):
    """An event of an incident that is not what was written."""

    exit_code = 3

    def __init__(self, incident: str, version: int, reason: str) -> None:
        self.incident, self.version, self.reason = incident, version, reason
        super().__init__(
            f"the history of {incident[:8]} is damaged at event {version:,}: {reason}; nothing was changed: put back a copy of the file"
        )


class SinkError(RxtapeError):
    """A sink that cannot be opened or written."""


class ReaderLeft(SinkError):
    """Nobody reads the pipe any more, as after `| head -1`: no fault, and no reason to try again."""

    exit_code = 141


class Refused(SinkError):
    """A sink will not take this alert, however often it is tried: it is set aside, and the next one has its turn."""


class EngineFault(RxtapeError):
    """The engine itself is broken: nothing after this can be trusted."""
