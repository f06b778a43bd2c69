"""What is lost and what comes twice, where numbering tells nothing, or somebody slept: the tape says so, exactly where it was."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_venue import SECOND, START, Queue, live_feed, quote, trade

from feeds.live.arrivals import StateChange
from feeds.live.line import HELD
from feeds.live.receive_clock import ReceiveClock
from feeds.live.trade_ids import AFRESH, DUPLICATE, NEW, ConsecutiveIds, RecentIds
from feeds.venues.venue import Filler, Stream
from pipeline import Strategy, alert_when, combine_latest
from pipeline.live import Live
from pipeline.operators import moving_average

BOTH = [Stream("trades", "A"), Stream("quotes", "A")]
HOUR = 3600 * SECOND


def named(number, symbol="A", **more):
    """A trade whose id is no number."""
    return trade(number, symbol, **more)._replace(trade_id=f"id-{number}")


def kinds(queue):
    return [(kind, seconds) for kind, _, seconds, _, _ in queue.rows()]


# --- sleep -------------------------------------------------------------------------------------------------------------------


class Held(Strategy):
    """The price is above 9 for a minute."""

    def alerts(self, ticks):
        return combine_latest(usual=ticks.pipe(moving_average(1))).pipe(alert_when(lambda s: s.price > 9.0, hold="1m"))


@pytest.mark.parametrize("event", ["event", "received"])
def test_fault_27_after_an_hour_of_sleep_trades_go_on_and_a_hold_that_spans_it_is_degraded(event):
    """The clock of arrivals goes on in sleep. Nobody knows what happened meanwhile, so no row says that time has passed."""

    async def script(arrivals, streams):
        arrivals.changed(StateChange("acme/1", "live", "", 0.0))
        arrivals.said("acme/1", arrivals._clock(), [trade(1, price=10.0, seconds=0)])
        await asyncio.sleep(0.05)
        looked.clear()
        time.pass_seconds(3600)
        await looked.wait()
        arrivals.changed(StateChange("acme/1", "backoff", "", 0.0))
        arrivals.lost("acme/1", streams, "this process did not run for 3600 s")
        await asyncio.sleep(0.05)
        arrivals.said("acme/1", arrivals._clock(), [trade(2, price=8.0, seconds=3601)])

    feed = live_feed(script, symbols=("A",), time_of=event, beat_seconds=0.01)
    time, looked, look = feed.connect.time, asyncio.Event(), feed.look
    feed.look = lambda: (look(), looked.set())

    async def go():
        live = Live(feed, Held())
        await live.start()
        await live.wait()
        return await live.stop()

    report = asyncio.run(go())
    assert (feed.ingress.counts.trades, feed.ingress.counts.ahead, feed.ingress.counts.heartbeats) == (2, 0, 0)
    # the next row shows that a minute is over; of what was in between nothing is known
    assert [(alert.event, alert.degraded) for alert in report.alerts] == [("raised", True), ("cleared", False)]


def test_a_virtual_machine_that_was_halted_has_only_its_wall_clock():
    queue = Queue()
    queue.hear(trade(1, seconds=0))
    queue.time.wall += HOUR
    queue.beat()
    queue.hear(trade(2, seconds=3600))
    assert kinds(queue) == [("TRADE", 0.0), ("TRADE", 3600.0)]


def test_a_machine_whose_clock_is_wrong_is_told_of_it():
    feed = live_feed(None)
    feed.ingress.said("acme/1", START, [trade(1, seconds=3600)])
    assert ("ahead", "1 rows were more than ten minutes ahead of this machine's clock, and left out: is it right?") in feed.facts()


# --- outages -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quotes", [True, False])
@pytest.mark.parametrize("hear", [trade, named])
def test_an_outage_has_a_gap_at_both_ends_unless_numbers_tell_that_nothing_was_missed(hear, quotes):
    """Windows that begin within the outage are as little whole as those that span its beginning; of quotes no number tells."""
    queue = Queue(symbols=("A",), consecutive=hear is trade, quotes=quotes)
    queue.hear(hear(1), *[quote(5.0, seconds=1)] * quotes)
    queue.ingress.lost("acme/1", BOTH, "the line broke")
    queue.time.pass_seconds(300)
    queue.hear(hear(2, seconds=301), hear(3, seconds=302))
    queue.hear(*[quote(6.0, seconds=304)] * quotes)
    found = [kind for kind, _ in kinds(queue)]
    again = [] if hear is trade and not quotes else ["GAP"]
    assert found == ["TRADE", *["QUOTE"] * quotes, "GAP", *again, "TRADE", "TRADE", *["QUOTE"] * quotes]


@pytest.mark.parametrize("hear", [trade, named])
def test_the_end_of_an_outage_makes_no_row_late(hear):
    """A GAP stands before the row that comes after it, however long that was on its way."""
    queue = Queue(symbols=("A", "B"), consecutive=hear is trade, quotes=False)
    queue.hear(hear(1), hear(1, "B"))
    queue.ingress.lost("acme/1", [Stream("trades", "A"), Stream("trades", "B")], "the line broke")
    queue.time.pass_seconds(300)
    queue.hear(hear(7, seconds=250), hear(9, "B", seconds=251), hear(8, seconds=252))
    times = [seconds for _, seconds in kinds(queue)]
    assert times == sorted(times)
    assert times[-3:] == [250.0, 251.0, 252.0] or times[-4:] == [250.0, 251.0, 251.0, 252.0]


@pytest.mark.parametrize("consecutive", [True, False])
@pytest.mark.parametrize("moves_on", ["another symbol", "a second of silence"])
def test_a_symbol_that_is_quiet_after_an_outage_has_its_end_before_time_moves_on(consecutive, moves_on):
    """A rule that hears time pass, and not the symbol, must not take what is unknown for a quiet market."""
    queue = Queue(symbols=("A", "B"), consecutive=consecutive, quotes=False)
    hear = trade if consecutive else named
    streams = [Stream("trades", "A"), Stream("trades", "B")]
    queue.hear(hear(1), hear(1, "B"))
    queue.ingress.lost("acme/1", streams, "the line broke")
    queue.time.pass_seconds(300)
    queue.ingress.changed(StateChange("acme/1", "live", "", 0.0))
    queue.hear(hear(1, old=True))
    if moves_on == "another symbol":
        queue.hear(hear(2, seconds=301))
    else:
        queue.beat()
    after = [(kind, symbol) for kind, symbol, *_ in queue.rows()][4:]
    assert after == [("GAP", "B"), ("TRADE", "A")][: 2 if moves_on == "another symbol" else 1]
    queue.time.pass_seconds(1)
    queue.beat()
    assert [(kind, symbol) for kind, symbol, *_ in queue.rows()] == [("HEARTBEAT", "")]


def test_what_a_venue_repeats_up_to_what_is_known_leaves_no_second_gap():
    queue = Queue(symbols=("A",), consecutive=False, quotes=False)
    queue.hear(named(1), named(2))
    queue.ingress.lost("acme/1", BOTH, "the line broke")
    queue.hear(*(named(number, old=True) for number in (4, 3, 2)))
    queue.hear(named(5))
    assert [kind for kind, _ in kinds(queue)] == ["TRADE", "TRADE", "GAP", "TRADE", "TRADE", "TRADE"]


def test_trades_of_an_outage_before_the_first_that_was_heard_are_new():
    """The symbol was listened to when they happened; those of before were not."""
    queue = Queue(symbols=("A",))
    queue.ingress.changed(StateChange("acme/1", "subscribing", "", 0.0))
    queue.hear(trade(1, old=True, seconds=-9), trade(2, old=True, seconds=-5))
    queue.time.pass_seconds(10)
    queue.ingress.lost("acme/1", BOTH, "the line broke")
    queue.hear(*(trade(number, old=True, seconds=at) for number, at in ((1, -9), (2, -5), (3, 7), (4, 8))))
    queue.hear(trade(5, seconds=11))
    assert queue.trades() == {"A": [3, 4, 5]}
    assert queue.ingress.counts.old == 2


@pytest.mark.parametrize(("hear", "seconds", "gaps"), [(named, 1, 1), (named, 60, 0), (trade, 1, 0), (trade, 60, 0)])
def test_a_silent_stream_that_speaks_as_soon_as_it_is_asked_for_again_had_been_dropped(hear, seconds, gaps):
    """One that goes on being silent is a quiet market; where trades are counted, numbers tell."""
    queue = Queue(symbols=("A",), consecutive=hear is trade, quotes=False)
    queue.hear(hear(1))
    queue.ingress.doubted("acme/1", BOTH, "no market data; asked again")
    queue.time.pass_seconds(seconds)
    queue.hear(hear(2), hear(3))
    assert [kind for kind, _ in kinds(queue)] == ["TRADE", *["GAP"] * gaps, "TRADE", "TRADE"]


def test_a_frame_that_cannot_be_read_while_a_stream_is_in_doubt_is_a_gap():
    queue = Queue(symbols=("A",), consecutive=False, quotes=False)
    queue.hear(named(1))
    queue.ingress.doubted("acme/1", BOTH, "no market data; asked again")
    queue.ingress.refused("acme/1", '{"s":"A","p":""}', "no price")
    queue.time.pass_seconds(60)
    queue.hear(named(2))
    assert [kind for kind, _ in kinds(queue)] == ["TRADE", "GAP", "TRADE"]


def test_a_quiet_book_that_is_told_because_it_was_asked_for_again_was_not_dropped():
    queue = Queue(symbols=("A",))
    queue.hear(quote(5.0))
    queue.ingress.doubted("acme/1", BOTH, "no market data; asked again")
    queue.hear(quote(5.0, old=True), quote(6.0))
    assert [kind for kind, _ in kinds(queue)] == ["QUOTE"] * 3


# --- frames and rows that cannot be taken -------------------------------------------------------------------------------------


def test_a_frame_that_cannot_be_read_is_a_gap_of_the_symbols_it_names_where_no_number_tells():
    queue = Queue(symbols=("AAA", "BBB"), consecutive=False)
    queue.hear(named(1, "AAA"), named(1, "BBB"))
    for frame in ('{"s":"BBB","p":""}', b'{"s":"BBB","p":""}', "garbage"):
        queue.ingress.refused("acme/1", frame, "no price")
    queue.hear(named(2, "AAA"), named(2, "BBB"))
    queue.ingress.refused("acme/1", "x" * 100_000, "no end")
    assert [(kind, symbol) for kind, symbol, *_ in queue.rows()] == [
        ("TRADE", "AAA"),
        ("TRADE", "BBB"),
        ("GAP", "BBB"),
        ("TRADE", "AAA"),
        ("TRADE", "BBB"),
        ("GAP", "AAA"),
        ("GAP", "BBB"),
    ]
    assert queue.ingress.counts.refused == 4


def test_where_trades_are_counted_a_frame_that_cannot_be_read_is_known_by_the_next_number():
    queue = Queue(symbols=("A",))
    queue.hear(trade(1))
    queue.ingress.refused("acme/1", '{"s":"A","p":""}', "no price")
    queue.hear(trade(3))
    assert queue.trades() == {"A": [1, None, 3]}


def test_a_trade_far_ahead_of_its_time_is_a_gap_as_well():
    queue = Queue(symbols=("A",), consecutive=False)
    queue.hear(named(1), named(2, seconds=700), named(3, seconds=701), named(4))
    assert [kind for kind, _ in kinds(queue)] == ["TRADE", "GAP", "TRADE"]
    assert queue.ingress.counts.ahead == 2


def test_a_loss_before_a_filler_is_told():
    queue = Queue(symbols=("A",))
    queue.hear(trade(1), Filler("A", 4), trade(5))
    assert queue.trades() == {"A": [1, None, 5]}
    assert queue.ingress.counts.missed == 2


@pytest.mark.parametrize("ids", ["D96921", "not-a-number"])
def test_an_id_that_is_no_number_ends_nothing_where_numbers_were_promised(ids):
    queue = Queue(symbols=("A",))
    queue.hear(trade(1), trade(2)._replace(trade_id=ids), trade(2))
    assert queue.trades() == {"A": [1, -1, 2]}


def test_ids_that_count_up_need_no_times():
    """A repeat is one by its number; a numbering that begins anew is known by a number that is much too low."""
    ids = ConsecutiveIds()
    taken = [ids.take(number, 0) for number in (50_000, 50_001, 49_990, 50_001, 50_002, 1, 2)]
    assert taken == [NEW, NEW, DUPLICATE, DUPLICATE, NEW, AFRESH, NEW]


def test_a_venue_that_repeats_more_than_is_remembered_tells_nothing_twice():
    queue = Queue(symbols=("A",), consecutive=False, quotes=False, capacity=1 << 20)
    for number in range(1, 1001):
        queue.hear(named(number, seconds=number / 8))
    queue.ingress.lost("acme/1", BOTH, "the line broke")
    queue.hear(*(named(number, seconds=number / 8, old=True) for number in range(200, 1006)))
    assert [at for kind, at in kinds(queue) if kind == "TRADE"] == [number / 8 for number in range(1, 1006)]


def test_ids_that_are_text_are_known_beside_the_rows_also_those_of_one_moment():
    queue = Queue(symbols=("A", "B"), consecutive=False, quotes=False)
    queue.hear(named(1), named(1)._replace(trade_id="other"), trade(7, "B"), trade(8)._replace(trade_id=None))
    raw = queue.ingress.take(10)
    assert raw.columns["trade_id"].tolist() == [-1, -1, 7, -1]
    assert queue.ingress.intake.waiting.texts == {("A", START, START + SECOND): ("id-1", "other")}
    queue.hear(trade(9, "B"))
    queue.ingress.take(10)
    assert queue.ingress.intake.waiting.texts == {}


def test_an_id_of_another_day_is_another_trades():
    """Some exchanges begin at 1 each day."""
    ids = RecentIds()
    days = [day * 24 * HOUR for day in range(3)]
    assert [ids.take("D1", day + second) for day in days for second in (0, 5 * SECOND)] == [0, -1] * 3


# --- one connection takes over from another -----------------------------------------------------------------------------------


def stream_of(random, length, shape):
    """What a venue says of a symbol: trades with numbers, texts, or no ids; quotes of which many are alike; fillers among numbers."""
    bids = [float(random.randint(1, 3)) for _ in range(length)]
    if shape == "quotes":
        return [quote(bid, seconds=at / 8) for at, bid in enumerate(bids)]
    if shape == "numbered quotes":
        return [quote(bid)._replace(time=None, number=at) for at, bid in enumerate(bids)]
    if shape == "fillers":
        return [Filler("A", at) if random.random() < 0.2 else trade(at, seconds=at / 8) for at in range(1, length + 1)]
    ids = {"numbers": lambda at: at, "texts": lambda at: f"id-{at}", "no ids": lambda at: None}[shape]
    return [trade(at, seconds=at / 8)._replace(trade_id=ids(at)) for at in range(1, length + 1)]


@pytest.mark.parametrize("shape", ["numbers", "texts", "no ids", "fillers", "quotes", "numbered quotes"])
@given(seed=st.integers(0, 10**9), length=st.integers(2, 900), lag=st.integers(-40, 40))
def test_fault_49_an_overlap_of_any_length_loses_nothing_and_tells_nothing_twice(shape, seed, length, lag):
    """The old connection speaks from the beginning, the new one from somewhere on; either may be ahead when the old one goes."""
    random = Random(seed)
    said = stream_of(random, length, shape)
    begins = random.randint(0, length - 1)
    ends = random.randint(begins, length)
    queue = Queue(symbols=("A",), consecutive=shape in ("numbers", "fillers"), capacity=1 << 20)
    old, new = list(said[:ends]), list(said[begins : max(ends + lag, begins)])
    for item in old[:begins]:
        queue.hear(item, connection="acme/1")
        queue.time.pass_seconds(0.001)
    old = old[begins:]
    while old or new:
        source = old if old and (not new or random.random() < 0.5) else new
        queue.hear(source.pop(0), connection="acme/1" if source is old else "acme/2")
        queue.time.pass_seconds(0.001)
    queue.ingress.handed_over("acme/1", "acme/2", BOTH)
    queue.ingress.lost("acme/1", BOTH, "replaced by acme/2")
    for item in said[max(ends + lag, begins) :]:
        queue.hear(item, connection="acme/2")
    rows = queue.rows()
    overlap = min(ends, max(ends + lag, begins)) > begins
    assert queue.ingress.counts.gaps <= (not overlap), "where both have said nothing alike, nobody knows"
    rows = [row for row in rows if row[0] != "GAP"]
    if shape == "numbered quotes":
        assert [bid for _, _, _, bid, _ in rows] == [item.bid for item in said]
    else:
        first = shape != "quotes"
        expected = [(at + first) / 8 for at, item in enumerate(said) if not isinstance(item, Filler)]
        assert [at for _, _, at, _, _ in rows] == expected


def test_what_a_successor_alone_has_said_is_not_lost_though_the_old_one_spoke_later():
    queue = Queue(symbols=("A",))

    def numbered(number):
        return quote(float(number))._replace(time=None, number=number)

    for number in (1, 2, 3, 4, 5):
        queue.hear(numbered(number))
    for number in (6, 7):
        queue.hear(numbered(number), connection="acme/2")
    queue.time.pass_seconds(1)
    queue.ingress.lost("acme/1", BOTH, "the line broke")
    queue.hear(numbered(8), connection="acme/2")
    assert [bid for kind, _, _, bid, _ in queue.rows() if kind == "QUOTE"] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert queue.ingress.counts.gaps == 1


def test_a_numbering_that_begins_anew_at_a_handover_is_not_waited_for():
    queue = Queue(symbols=("A",))
    queue.hear(quote(1.0)._replace(time=None, number=900))
    queue.ingress.handed_over("acme/1", "acme/2", BOTH)
    queue.ingress.lost("acme/1", BOTH, "replaced by acme/2")
    for second in range(8):
        queue.hear(quote(2.0 + second)._replace(time=None, number=1 + second), connection="acme/2")
        queue.time.pass_seconds(1)
    assert [bid for _, _, _, bid, _ in queue.rows()] == [1.0, 7.0, 8.0, 9.0]


def test_more_than_is_held_back_of_a_successor_to_one_that_says_nothing_is_a_gap():
    queue = Queue(symbols=("A",), consecutive=False, quotes=False, capacity=1 << 20)
    queue.hear(named(1, seconds=0.125))
    for number in range(2, 3000):
        queue.hear(named(number, seconds=number / 8), connection="acme/2")
    queue.ingress.handed_over("acme/1", "acme/2", BOTH)
    queue.ingress.lost("acme/1", BOTH, "replaced by acme/2")
    found = kinds(queue)
    assert [kind for kind, _ in found[:3]] == ["TRADE", "GAP", "TRADE"]
    assert len(found) == 2 + HELD


def test_what_is_held_back_of_a_successor_is_bounded():
    queue = Queue(symbols=("A",))
    queue.hear(trade(1))
    for number in range(2, 5000):
        queue.hear(trade(number), connection="acme/2")
    (held,) = queue.ingress.lines["acme"].trades["A"].held.values()
    assert (len(held), held[0][1].trade_id) == (HELD, 5000 - HELD)


# --- the clock of arrivals ------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2 * SECOND), st.integers(-90 * SECOND, 90 * SECOND)), max_size=50))
def test_arrivals_never_go_back_and_follow_a_drift_slowly(steps):
    """Whatever the wall clock does, a second of the monotonic clock is a second, give or take half a millisecond."""
    wall, steady = [START], [0]
    clock = ReceiveClock(lambda: wall[0], lambda: steady[0])
    last = clock.now()
    for passed, off in steps:
        steady[0] += passed
        wall[0] = START + steady[0] + off
        before = clock.now()
        clock.correct()
        assert clock.now() - before in range(500_001)
        assert before - last <= passed
        last = clock.now()


def test_a_drift_is_followed():
    wall, steady = [START], [0]
    clock = ReceiveClock(lambda: wall[0], lambda: steady[0])
    for _ in range(100):
        steady[0] += SECOND
        wall[0] = START + steady[0] + 40_000_000
        clock.correct()
    assert clock.now() == wall[0]
