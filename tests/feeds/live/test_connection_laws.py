"""The life of a connection as a pure machine: laws that hold whatever happens to it, in whatever order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from spoken_venue import spoken, streams
from tries import tries

from feeds.live.actions import Action, HangUp, Lose, Open, Send, Settled, Stop, Tell
from feeds.live.connection import Connection
from feeds.live.limits import Gates, TokenBucket, connect_bucket, request_bucket
from feeds.live.patience import Patience
from feeds.live.refusals import Verdict
from feeds.venues.venue import Notice, Quote, Refusal, Reply, Said, Trade

PATIENCE = Patience(stale_after=10.0, answer_within=5.0)
LIMITS = {"streams_per_request": 2, "requests": 2.0, "burst": 3, "connects": 5, "connects_seconds": 20.0, "session_seconds": 600.0}
NAMES = streams("A", "B", "C", "A/q", "B/q")
RETRY, WAIT, STOP = Verdict("retry", "why"), Verdict("wait", "why", 30.0), Verdict("stop", "why")


def trade(symbol: str, old: bool = False) -> Trade:
    return Trade(symbol, None, 1.0, 1.0, 0, 1, old=old)


@dataclass
class World:
    """One machine, the socket that it believes to have, and all that it has done, with times."""

    keys: tuple[str, ...] = ()
    now: float = 1000.0
    done: list[tuple[float, Action]] = field(default_factory=list)
    socket: str = "none"
    unanswered: list[int] = field(default_factory=list)
    heard: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        venue = spoken(keys=self.keys, ping="ping", ping_seconds=7.0, **LIMITS)
        gates = Gates(connect_bucket(venue.limits), request_bucket(venue.limits), TokenBucket(5.0, 1))
        self.machine = Connection(venue, NAMES, PATIENCE, gates, Random(5))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            self.done.append((self.now, action))
            match action:
                case Open():
                    assert self.socket == "none", "a second socket was opened"
                    self.socket = "opening"
                case HangUp():
                    self.socket = "none"
                case Send(frame):
                    assert self.socket == "open", "something was sent without a socket"
                    if '"n": ' in frame:
                        self.unanswered.append(int(frame.split('"n": ')[1].split(",")[0].rstrip("}")))

    def wait(self, seconds: float) -> None:
        """Time passes, and the machine is looked at whenever it wants to be."""
        end, looks = self.now + seconds, 0
        while self.machine.due <= end:
            self.now, looks = max(self.now, self.machine.due), looks + 1
            self.do(self.machine.tick(self.now))
            assert looks < 40 * (seconds + 10), "the machine wants to be looked at again and again"
        self.now = end

    # what may happen

    def opens(self) -> None:
        if self.socket == "opening":
            self.socket = "open"
            self.do(self.machine.opened(self.now))

    def fails(self, verdict: Verdict) -> None:
        if self.socket == "opening":
            self.socket = "none"
            self.do(self.machine.failed(self.now, verdict))

    def ends(self, verdict: Verdict) -> None:
        if self.socket == "open":
            self.socket = "none"
            self.do(self.machine.ended(self.now, verdict))

    def says(self, *items: Said) -> None:
        if self.socket == "open":
            self.heard += items
            self.do(self.machine.heard(self.now, items))

    def trades(self, *items: Trade) -> None:
        """The same as `says`, of trades that came together."""
        if self.socket == "open":
            self.heard += items
            self.do(self.machine.traded(self.now, {item.symbol for item in items}))

    def answers(self) -> None:
        if self.unanswered:
            self.says(Reply(self.unanswered.pop(0)))

    def sleeps(self) -> None:
        self.do(self.machine.suspended(self.now, 600.0))

    def of_kind(self, kind: type) -> list[tuple[float, Action]]:
        return [(time, action) for time, action in self.done if isinstance(action, kind)]


numbers = st.integers(0, 12)
some = st.lists(st.sampled_from(NAMES), max_size=3).map(tuple)
verdicts = st.sampled_from([RETRY, RETRY, WAIT])
words = st.one_of(
    st.builds(trade, st.sampled_from("ABCX"), st.booleans()),
    st.builds(lambda symbol: Quote(symbol, None, 1.0, 1.0, 2.0, 1.0), st.sampled_from("ABX")),
    st.builds(Reply, st.none() | numbers, some),
    st.builds(Refusal, st.none() | numbers, some, st.sampled_from(["stream", "rate"]), st.just("so")),
    st.builds(Notice, st.sampled_from(["alive", "ready", "leaving"])),
)
happenings: st.SearchStrategy[Callable[[World], None]] = st.one_of(
    st.floats(0.0, 40.0).map(lambda seconds: lambda world: world.wait(seconds)),
    st.just(World.opens),
    st.just(World.opens),
    st.just(World.answers),
    st.just(World.sleeps),
    verdicts.map(lambda verdict: lambda world: world.fails(verdict)),
    verdicts.map(lambda verdict: lambda world: world.ends(verdict)),
    st.lists(words, min_size=1, max_size=3).map(lambda items: lambda world: world.says(*items)),
)
histories = st.lists(happenings, max_size=40)
keys = st.sampled_from([(), ("one",), ("one", "two")])


def lived(history, keys=()) -> World:
    world = World(keys)
    world.do(world.machine.start(world.now))
    for happens in history:
        happens(world)
    return world


def most(times: list[float], width: float) -> int:
    return max((sum(start <= time < start + width for time in times) for start in times), default=0)


@settings(deadline=None)
@given(histories, keys)
def test_no_window_has_more_connects_than_the_venue_allows(history, keys):
    world = lived(history, keys)
    world.wait(100.0)
    assert most([time for time, _ in world.of_kind(Open)], LIMITS["connects_seconds"] - 1e-6) <= LIMITS["connects"]


@settings(deadline=None)
@given(histories, histories, st.lists(st.sampled_from("ABCX"), min_size=1), keys)
@example([World.opens], [], ["X"], ())
def test_trades_that_came_together_are_heard_as_if_each_came_alone(history, later, symbols, keys):
    alone, together = lived(history, keys), lived(history, keys)
    for symbol in symbols:
        alone.says(trade(symbol))
    together.trades(*map(trade, symbols))
    for happens in later:
        happens(alone)
        happens(together)
    assert together.done == alone.done
    assert together.machine.subscriptions.all == alone.machine.subscriptions.all


@settings(deadline=None)
@given(histories, keys)
def test_no_window_has_more_messages_than_the_venue_allows_pings_included(history, keys):
    world = lived(history, keys)
    world.wait(20.0)
    times = [time for time, _ in world.of_kind(Send)]
    for width in (0.5, 1.0, 5.0):
        assert most(times, width) <= LIMITS["burst"] + LIMITS["requests"] * width + 1e-6


@settings(deadline=None)
@given(histories, keys)
def test_after_any_faults_every_stream_is_asked_for_again(history, keys):
    world = lived(history, keys)
    wanted = set(world.machine.subscriptions.streams)
    for _ in range(2000):
        if world.machine.over or (world.socket == "open" and world.machine.subscriptions.settled and not world.unanswered):
            break
        world.opens()
        while world.unanswered:
            world.answers()
        world.wait(0.5)
        world.says(*(trade(symbol) for symbol in "ABC"))
    world.wait(0.0)
    still = set(world.machine.subscriptions.streams)
    assert wanted == still
    if still:
        assert world.machine.subscriptions.settled
        assert world.machine.state == "live"
    else:
        assert world.machine.state == "stopped"


@settings(deadline=None)
@given(histories, histories, st.sampled_from(["closed", "stopped"]))
def test_nothing_is_done_after_the_end(history, later, how):
    world = lived(history)
    if how == "closed":
        world.do(world.machine.close("closed"))
    else:
        world.opens()
        world.ends(STOP)
        world.fails(STOP)
        if not world.machine.over:
            return
    before = len(world.done)
    for happens in later:
        happens(world)
    world.wait(1000.0)
    machine = world.machine
    assert [machine.start(world.now), machine.opened(world.now), machine.failed(world.now, RETRY), machine.close("again")] == [[]] * 4
    assert world.done[before:] == []


@settings(deadline=None)
@given(histories, keys)
def test_every_socket_that_was_open_is_lost_once_and_with_all_its_streams(history, keys):
    world = lived([*history, World.opens], keys)
    world.do(world.machine.close("closed"))
    subscribing = len([1 for _, action in world.of_kind(Tell) if action.state == "subscribing" and action.reason == ""])
    whole = [action for _, action in world.of_kind(Lose) if "asked again" not in action.reason]
    refused_all = [1 for _, action in world.of_kind(Stop)]
    assert subscribing - len(refused_all) <= len(whole) <= subscribing


@settings(deadline=None)
@given(histories)
def test_only_market_data_makes_the_backoff_short_again(history):
    world = World()
    world.do(world.machine.start(world.now))
    for happens in history:
        tries, heard = world.machine.backoff.tries, len(world.heard)
        happens(world)
        fresh = any(isinstance(item, Trade | Quote) and not item.old and item.symbol != "X" for item in world.heard[heard:])
        assert fresh or world.machine.backoff.tries >= tries


@settings(max_examples=tries(30), deadline=None)
@given(st.integers(1, 30))
def test_acknowledgements_pongs_and_repeated_trades_do_not_make_the_backoff_short(times):
    world = World()
    world.do(world.machine.start(world.now))
    for _ in range(times):
        while world.socket != "opening":
            world.wait(1.0)
        world.opens()
        while world.unanswered:
            world.answers()
        world.says(Notice("alive"), trade("A", old=True))
        world.ends(RETRY)
    assert world.machine.backoff.tries == times


def test_an_answered_connection_is_settled_once():
    world = lived([World.opens, World.answers, World.answers, lambda world: world.wait(1.0), World.answers, lambda world: world.wait(1.0)])
    assert len(world.of_kind(Settled)) == 1
    assert world.machine.state == "live"
