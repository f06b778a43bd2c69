"""Where the rows that a run sets aside go: the file that is named, else a new one beside those of earlier runs."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.errors import SinkError, UsageError
from pipeline.feed import Feed
from pipeline.sinks.files import refusal

__all__ = ["check_aside", "holds_rows", "quarantine_file"]


def sets_aside(options: Mapping[str, Any]) -> bool:
    """Whether a run of these options may set rows aside."""
    return options.get("late") == "drop" or options.get("on_bad") == "skip"


def check_aside(options: Mapping[str, Any]) -> None:
    """Refuse a file for rows that are set aside where none are; UsageError."""
    if options["quarantine"] is not None and not sets_aside(options):
        raise UsageError("--quarantine is for rows that are set aside: write --on-bad skip or --late drop beside it")


@contextmanager
def quarantine_file(options: Mapping[str, Any], feed: Feed) -> Iterator[str | Path | None]:
    """The file for the rows that a run sets aside: the one that is named, else a new one with the name of the input.

    A new one is made at once, so that no other run takes it, and removed if nothing came into it. Raises SinkError where
    the system refuses.
    """
    if options.get("quarantine") is not None or not sets_aside(options):
        yield options.get("quarantine")
        return
    path = new_file(re.sub(r"[^\w.-]", "_", Path(str(next(iter(getattr(feed, "paths", ())), feed.name))).name))
    try:
        yield path
    finally:
        if not holds_rows(path):
            path.unlink(missing_ok=True)


def holds_rows(path: str | Path) -> bool:
    """Whether there is a file, and something in it."""
    return Path(path).is_file() and Path(path).stat().st_size > 0


def new_file(name: str) -> Path:
    """A file that was not there, numbered where an earlier run has left one."""
    for turn in count(1):
        path = Path(f"{name}.quarantine{'' if turn == 1 else f'.{turn}'}.jsonl")
        try:
            path.open("x").close()
        except FileExistsError:
            continue
        except OSError as error:
            raise SinkError(refusal(path, error)) from error
        return path
    raise AssertionError
