"""What one connection wants to hear, and how far it has got: asked for, answered, refused, heard, silent. Pure.

WANTED --request--> ASKED --reply, or market data--> HELD
  ^                   |                                |
  |---- no answer ----|--- refused ---> REFUSED        |
  |--------------- silent for too long ----------------|
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from random import Random
from typing import NamedTuple

from feeds.live.limits import full_jitter
from feeds.live.patience import Patience
from feeds.venues.venue import Limits, Refusal, Reply, Stream

__all__ = ["FOREVER", "NEVER", "Asked", "Listening", "Step", "Subscriptions", "names"]

NEVER, FOREVER = float("-inf"), float("inf")


class Step(Enum):
    """How far a stream has got."""

    WANTED = "wanted"
    ASKED = "asked"
    HELD = "held"
    REFUSED = "refused"


@dataclass(slots=True)
class Listening:
    """A stream: `since` is when its step began, `due` when it may be asked for, `spoke` when market data last came.

    `together` is with how many others it may be asked for. `bears` is the silence after which it is asked for again; `renewed`
    when that was last done. `granted`: the venue has agreed to it on this connection.
    """

    stream: Stream
    together: int
    bears: float
    step: Step = Step.WANTED
    since: float = 0.0
    due: float = 0.0
    spoke: float = NEVER
    tries: int = 0
    renewed: float = NEVER
    granted: bool = False


class Asked(NamedTuple):
    """A request under way, and when it was sent."""

    at: float
    streams: tuple[Stream, ...]


@dataclass
class Subscriptions:
    """The streams that one connection shall hear."""

    wanted: Sequence[Stream]
    limits: Limits
    patience: Patience
    random: Random
    requests: dict[int, Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        together, bears = self.limits.streams_per_request, self.patience.stale_after
        self.all = {stream: Listening(stream, together, bears) for stream in self.wanted}
        self.trades = {stream.symbol: each for stream, each in self.all.items() if stream.channel == "trades"}
        self.quotes = {stream.symbol: each for stream, each in self.all.items() if stream.channel == "quotes"}

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Those that are still wanted: all but the refused."""
        return tuple(stream for stream, each in self.all.items() if each.step is not Step.REFUSED)

    @property
    def settled(self) -> bool:
        """Whether every stream that is wanted is held."""
        return all(each.step in (Step.HELD, Step.REFUSED) for each in self.all.values())

    def begin(self, now: float) -> None:
        """A new connection: everything is to be asked for."""
        self.requests.clear()
        for each in self.all.values():
            if each.step is not Step.REFUSED:
                each.step, each.since, each.due, each.spoke, each.tries, each.granted = Step.WANTED, now, now, NEVER, 0, False
                each.together = self.limits.streams_per_request

    def next_portion(self, now: float) -> tuple[Stream, ...]:
        """The streams for the next request: as many as may be asked for together; empty where none is due."""
        due = [each for each in self.all.values() if each.step is Step.WANTED and each.due <= now]
        if not due:
            return ()
        first = due[0]
        channels = {first.stream.channel} if self.limits.one_channel else {"trades", "quotes"}
        alike = [each for each in due if each.stream.channel in channels and each.together >= first.together]
        return tuple(each.stream for each in alike[: first.together])

    def asked(self, now: float, number: int, streams: Sequence[Stream], answered: bool) -> None:
        """A request has been sent; `answered`: no reply is to be expected."""
        for stream in streams:
            self._step(self.all[stream], Step.HELD if answered else Step.ASKED, now)
        if not answered:
            self.requests[number] = Asked(now, tuple(streams))

    def replied(self, now: float, reply: Reply) -> None:
        """The venue has answered: all of the request where no streams are named, else those alone."""
        number = self._number(reply.request, reply.streams)
        named = reply.streams or (self.requests[number].streams if number in self.requests else ())
        for each in self._listening(named):
            if each.step in (Step.ASKED, Step.WANTED):
                self._step(each, Step.HELD, now)
                each.tries, each.granted = 0, True
        self._forget(number)

    def refused(self, now: float, refusal: Refusal) -> tuple[Stream, ...]:
        """The venue will not have some streams, or not now. Those that are refused for good.

        Where it does not say which of several are at fault, halves of the request are asked for apart, until one alone is left.
        """
        number = self._number(refusal.request, refusal.streams)
        if number is None and self.limits.all_or_none:
            number = next((number for number, asked in self.requests.items() if set(refusal.streams) & set(asked.streams)), None)
        asked = self.requests[number].streams if number in self.requests else ()
        meant = self._listening([each for each in refusal.streams if each in asked] or refusal.streams or asked)
        under_way = [each for each in meant if each.step is Step.ASKED]
        gone: list[Listening] = []
        if refusal.kind == "rate":
            self._again(under_way, now)
        elif not refusal.streams and len(asked) > 1:
            for each in under_way:
                each.together, each.step, each.due = max(len(asked) // 2, 1), Step.WANTED, now
        else:
            # what was granted, or speaks, is not refused: some venues complain when they are asked again for what they send already
            gone = [each for each in (meant if refusal.streams else under_way) if each.step is not Step.REFUSED and not self._held(each)]
            for each in gone:
                self._step(each, Step.REFUSED, now)
            for each in [*under_way, *self._listening(asked)]:
                if each.step is Step.ASKED and self._held(each):
                    self._step(each, Step.HELD, now)
                elif each.step is Step.ASKED and self.limits.all_or_none:
                    self._step(each, Step.WANTED, now)
                    each.due = now
        self._forget(number)
        return tuple(each.stream for each in gone)

    def _held(self, each: Listening) -> bool:
        return each.granted or each.spoke > NEVER

    def spoke(self, now: float, each: Listening, old: bool = False) -> None:
        """Market data of a stream has come, which answers the request for it; `old`: what the venue tells whoever asks."""
        if each.step is Step.ASKED:
            self._step(each, Step.HELD, now)
        if each.renewed > NEVER:
            # it spoke as soon as it was asked for again: it had been dropped; otherwise it is a quiet one, and is left in peace
            if not old and now - each.renewed < self.patience.answer_within / 2:
                each.bears = self.patience.stale_after
            each.renewed = NEVER
        if each.bears > self.patience.stale_after:
            each.bears = self.patience.borne(each.bears, self.patience.stale_after, now - max(each.spoke, each.since))
        each.spoke = now

    def overdue(self, now: float) -> tuple[Stream, ...]:
        """Take back what was asked for and not answered in time; it is asked for again, after a while."""
        late = [number for number, asked in self.requests.items() if now - asked.at >= self.patience.answer_within]
        streams = [stream for number in late for stream in self.requests.pop(number).streams]
        missing = [each for each in self._listening(streams) if each.step is Step.ASKED and now - each.since >= self.patience.answer_within]
        self._again(missing, now)
        return tuple(each.stream for each in missing)

    def wait_anew(self, now: float) -> None:
        """Answers have as much time again."""
        self.requests = {number: Asked(now, asked.streams) for number, asked in self.requests.items()}
        for each in self.all.values():
            if each.step is Step.ASKED:
                each.since = now

    def silent(self, now: float, floor: float) -> list[Listening]:
        """The streams that are held and have said nothing for longer than they should; silence before `floor` does not count."""
        return [each for each in self.all.values() if each.step is Step.HELD and now >= self.silent_at(each, floor)]

    def silent_at(self, each: Listening, floor: float) -> float:
        """When it will have been silent for too long."""
        return max(each.since, each.spoke, floor) + each.bears

    def renew(self, now: float, silent: Iterable[Listening]) -> tuple[Stream, ...]:
        """Ask again for what is silent; should it stay so, not soon again."""
        renewed = list(silent)
        for each in renewed:
            each.step, each.since, each.due, each.renewed = Step.WANTED, now, now, now
        self.bear_with(renewed)
        return tuple(each.stream for each in renewed)

    def bear_with(self, silent: Iterable[Listening]) -> None:
        """Doubt what is silent less soon."""
        for each in silent:
            each.bears = min(each.bears * 2, self.patience.longest_silence)

    @property
    def asking_due(self) -> float:
        """When something is to be asked for, or an answer will be overdue."""
        wanted = (each.due for each in self.all.values() if each.step is Step.WANTED)
        answers = (asked.at + self.patience.answer_within for asked in self.requests.values())
        return min(chain(wanted, answers), default=FOREVER)

    def silence_due(self, floor: float) -> float:
        """When a stream will have been silent for too long."""
        held = (self.silent_at(each, floor) for each in self.all.values() if each.step is Step.HELD)
        return min(held, default=FOREVER)

    def _step(self, each: Listening, step: Step, now: float) -> None:
        each.step, each.since = step, now

    def _again(self, some: Iterable[Listening], now: float) -> None:
        least, most = self.patience.least_backoff, self.patience.most_backoff
        for each in some:
            each.step, each.due = Step.WANTED, now + full_jitter(self.random, least, most, each.tries)
            each.tries += 1

    def _listening(self, streams: Iterable[Stream]) -> list[Listening]:
        return [self.all[stream] for stream in streams if stream in self.all]

    def _number(self, request: int | None, streams: Sequence[Stream]) -> int | None:
        """The request that is meant; the first that is not answered where the venue says neither which nor for what."""
        return next(iter(self.requests), None) if request is None and not streams else request

    def _forget(self, number: int | None) -> None:
        """A request of which nothing is under way any more."""
        if number in self.requests and not any(self.all[stream].step is Step.ASKED for stream in self.requests[number].streams):
            del self.requests[number]


def names(streams: Sequence[Stream], most: int = 3) -> str:
    """A few by name, the others by number.

    >>> names([Stream("trades", "A"), Stream("quotes", "A")])
    'A trades, A quotes'
    """
    some = ", ".join(f"{stream.symbol} {stream.channel}" for stream in streams[:most])
    return some + (f" and {len(streams) - most:,} more" if len(streams) > most else "")
