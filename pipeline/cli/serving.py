"""A venue of this machine that replays a tape, told on the screen."""

import asyncio
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from pipeline.cli.tidy import tidy
from pipeline.config import Value
from pipeline.durations import SECOND, nanoseconds
from pipeline.errors import BadRow, InputError
from pipeline.interruption import on_first_signal

__all__ = ["Asked", "LeftOut", "counted", "served", "serving"]

MOST_SYMBOLS = 4
MOST_TOLD = 5
OWN_PACE = "1x"


@dataclass(frozen=True)
class Asked:
    """What the user asked to have served: the exchange, a strategy to try on it, and whether the tape tells sides where it must."""

    exchange: str
    strategy: str
    tells_sides: bool


@dataclass
class LeftOut:
    """Rows that are not served: the first are told one by one, all are counted."""

    say: Callable[[object], None]
    count: int = 0

    def bad(self, row: BadRow) -> None:
        """A row that is no tick, left out by --on-bad skip."""
        self._told(row)

    def late(self, row: Mapping[str, Any]) -> None:
        """A row that came too late, left out by --late drop."""
        self._told(f"{row['source']}:{row['line']} is too late")

    def __str__(self) -> str:
        return f", {self.count:,} left out" if self.count else ""

    def _told(self, what: object) -> None:
        self.count += 1
        if self.count <= MOST_TOLD:
            self.say(f"left out: {what}")


def serving(values: Mapping[str, Value], own: Mapping[str, Any], left_out: LeftOut) -> dict[str, Any]:
    """What the server is told."""
    speed = values["feed.speed"]
    pace = str(speed.value if speed.origin != "default" else OWN_PACE)
    told: dict[str, Any] = {name: own[name] for name in ("port", "loop", "at_once", "drop_after")}
    told |= {"speed": float("inf") if pace == "max" else float(pace.removesuffix("x"))}
    told |= {"refuse_seconds": nanoseconds(own["refuse_for"]) / SECOND, "late": values["run.late"].value}
    told |= {"lateness_ns": nanoseconds(values["run.lateness"].value), "on_drop": left_out.late}
    return told | ({"on_bad": left_out.bad} if values["run.on_bad"].value == "skip" else {})


async def served(venue: Any, asked: Asked, say: Callable[[object], None]) -> int:
    """Serve until the end of the tape or a signal; its number, or 0."""
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with on_first_signal(lambda number: None if stop.done() else stop.set_result(number)):
        async with venue:
            if venue.first is None:
                raise InputError(f"{venue.feed.name} has no ticks to serve")
            for line in introduction(venue, asked):
                say(line)
            click.echo(tidy(command(venue, asked)))
            ended = asyncio.ensure_future(venue.ended())
            await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                ended.result()
                return 0
            ended.cancel()
            return stop.result()


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def introduction(venue: Any, asked: Asked) -> Iterator[str]:
    """What is served, and where what is said differs from the tape."""
    yield f"{venue.feed.name} is served as {asked.exchange} at {venue.url}; the tape begins when a client has subscribed; Ctrl-C ends it"
    respelt = [f"{name} is {spelt}" for spelt, name in venue.market.symbols.items() if spelt != name]
    if respelt:
        more = f", and {len(respelt) - MOST_SYMBOLS:,} more" if len(respelt) > MOST_SYMBOLS else ""
        yield f"symbols as {asked.exchange} spells them: {', '.join(respelt[:MOST_SYMBOLS])}{more}"
    if not asked.tells_sides:
        said = venue.exchange.unknown_side
        yield f"the tape does not tell who took the initiative in a trade, and {asked.exchange} must: all are said to be {said}"
        yield "so a strategy that reads side sees one here, and would be refused by rxtape replay on this tape"


def command(venue: Any, asked: Asked) -> str:
    """What to type in another terminal, with the symbols that have most of the first rows."""
    spelt = {name: spelt for spelt, name in venue.market.symbols.items()}
    parts = ["rxtape", "live", f"{asked.exchange}:{','.join(spelt[name] for name in most_seen(venue.first))}"]
    return shlex.join([*parts, "--url", venue.url, "--strategy", asked.strategy])


def most_seen(ticks: Any) -> Sequence[str]:
    """The symbols with most rows."""
    counts = np.bincount(ticks.symbol, minlength=len(ticks.symbols) + 1)
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")[:MOST_SYMBOLS]
    return [ticks.symbols.name(int(code)) for code in order if counts[code]]
