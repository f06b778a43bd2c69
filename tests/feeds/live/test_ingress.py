"""The queue between connections and the graph: nothing twice, nothing lost without a GAP, nothing without bound."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted_venue import START, Queue, quote, trade
from tries import tries

from feeds.live.arrivals import StateChange
from feeds.venues.venue import Cancelled, Corrected, Filler, Gap, Quote, Stream, Trades, Unknown

STREAMS = [Stream("trades", "A"), Stream("quotes", "A"), Stream("trades", "B"), Stream("quotes", "B")]


def test_what_has_arrived_is_one_batch_and_wakes_the_owner_once():
    queue = Queue()
    queue.hear(trade(1), quote(9.5, seconds=1), trade(1, "B"))
    queue.hear(trade(2))
    assert queue.woken == 1
    assert queue.rows() == [
        ("TRADE", "A", 1.0, 10.0, 1), ("QUOTE", "A", 1.0, 9.5, -1), ("TRADE", "B", 1.0, 10.0, 1), ("TRADE", "A", 2.0, 10.0, 2),
    ]  # fmt: skip
    assert queue.rows() == []


@settings(max_examples=tries(200))
@given(st.lists(st.integers(1, 40), max_size=60), st.data())
def test_every_trade_comes_once_and_every_hole_is_told(ids, data):
    """Whatever repeats, leaves out, or swaps neighbours: the set of ids that came, once each; a GAP before each jump."""
    queue = Queue(symbols=("A",))
    for number in ids:
        queue.hear(trade(number))
    told = queue.trades().get("A", [])
    taken = [number for number in told if number is not None]
    assert len(taken) == len(set(taken))
    begun = ids[0] if ids else 0
    assert set(taken) == {number for number in ids if number >= begun}
    highest = 0
    for before, number in zip([0, *told], told, strict=False):
        if number is not None and highest and number > highest + 1:
            assert before is None
        highest = max(highest, number or 0)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40))
def test_names_that_count_nothing_come_once_while_they_are_remembered(ids):
    queue = Queue(symbols=("A",), consecutive=False)
    for name in ids:
        queue.hear(replace_id(trade(1), name))
    assert len(queue.rows()) == len(set(ids))


def replace_id(item, name):
    return item._replace(trade_id=name)


def test_fault_47_a_gap_a_repeat_a_reversal_and_a_reset_concern_that_symbol_only():
    queue = Queue()
    for item in (
        trade(10),
        trade(10, "B"),
        trade(13),
        trade(11, "B"),
        trade(12),
        trade(13),
        trade(1, seconds=20),
        trade(2, seconds=21),
        trade(12, "B"),
    ):
        queue.hear(item)
    assert queue.trades() == {"A": [10, None, 13, 12, None, 1, 2], "B": [10, 11, 12]}
    counts = queue.ingress.counts
    assert (counts.duplicates, counts.missed, counts.gaps) == (1, 2, 2)


@pytest.mark.parametrize("consecutive", [True, False])
def test_fault_48_a_reconnect_that_repeats_the_last_trades_has_no_effect_twice(consecutive):
    queue = Queue(symbols=("A",), consecutive=consecutive)
    name = (lambda number: number) if consecutive else (lambda number: f"id-{number}")
    for number in range(1, 201):
        queue.hear(replace_id(trade(number), name(number)))
    queue.ingress.lost("acme/1", STREAMS, "closed by the venue")
    for number in range(101, 211):
        queue.hear(replace_id(trade(number, old=number <= 205), name(number)), connection="acme/2")
    rows = queue.rows()
    assert [seconds for kind, _, seconds, _, _ in rows if kind == "TRADE"] == [float(number) for number in range(1, 211)]
    assert [kind for kind, *_ in rows].count("GAP") == 1
    assert queue.ingress.counts.duplicates == 100


def test_fault_48_old_trades_fill_a_hole_and_come_late_with_their_own_time():
    queue = Queue(symbols=("A",))
    queue.hear(trade(1), trade(2))
    queue.ingress.lost("acme/1", STREAMS, "closed")
    queue.hear(*(trade(number, old=True) for number in (4, 3, 2)), connection="acme/2")
    queue.hear(trade(5), connection="acme/2")
    assert queue.trades() == {"A": [1, 2, None, 3, 4, 5]}


def test_old_trades_of_before_the_first_subscription_are_not_new():
    queue = Queue(symbols=("A",))
    queue.hear(trade(3, old=True), trade(2, old=True), trade(4))
    assert queue.trades() == {"A": [4]}
    assert queue.ingress.counts.old == 2


def test_fault_49_an_overlap_of_connections_loses_nothing_and_doubles_nothing():
    queue = Queue(symbols=("A",))
    queue.hear(trade(1), quote(1.0))
    queue.hear(quote(2.0), trade(3), quote(3.0), connection="acme/2")
    queue.hear(trade(2), quote(2.0))
    queue.hear(trade(4), quote(4.0), connection="acme/2")
    queue.hear(trade(3))
    queue.ingress.lost("acme/1", STREAMS, "planned")
    queue.hear(trade(5), connection="acme/2")
    rows = queue.rows()
    assert [(kind, number) for kind, _, _, _, number in rows if kind != "QUOTE"] == [("TRADE", number) for number in (1, 2, 3, 4, 5)]
    assert [bid for kind, _, _, bid, _ in rows if kind == "QUOTE"] == [1.0, 2.0, 3.0, 4.0]
    assert queue.ingress.counts.gaps == 0


def test_fault_49_a_symbol_that_is_quiet_during_a_handover_loses_nothing():
    queue = Queue()
    queue.hear(trade(1), trade(1, "B"))
    queue.hear(trade(2), connection="acme/2")
    queue.ingress.handed_over("acme/1", "acme/2", STREAMS)
    queue.ingress.lost("acme/1", STREAMS, "replaced by acme/2")
    queue.hear(trade(2, "B"), trade(3), connection="acme/2")
    assert queue.trades() == {"A": [1, 2, 3], "B": [1, 2]}


def test_a_lost_connection_is_a_gap_for_each_of_its_symbols_that_was_heard():
    queue = Queue(symbols=("A", "B", "C"))
    queue.hear(trade(1), quote(9.0), trade(1, "B"))
    queue.time.pass_seconds(1)
    queue.ingress.lost("acme/1", [*STREAMS, Stream("trades", "C")], "closed")
    rows = queue.rows()
    assert [(kind, symbol, seconds) for kind, symbol, seconds, _, _ in rows if kind == "GAP"] == [("GAP", "A", 2.0), ("GAP", "B", 2.0)]


def test_what_a_venue_says_of_its_own_losses():
    queue = Queue()
    queue.hear(trade(1), trade(1, "B"), Gap("B", "sequence 7 to 9"))
    queue.hear(Filler("A", 2), trade(3))
    queue.hear(Corrected("A", START, 1, 9.0, 1.0), Cancelled("A", START, 3), Unknown("status"))
    assert queue.trades() == {"A": [1, 3, None, None], "B": [1, None]}
    assert queue.ingress.counts.facts()["corrected"] == 2


def test_prints_that_do_not_move_the_price_leave_no_row_and_no_gap():
    queue = Queue(symbols=("A",))
    queue.hear(trade(1), trade(2, odd=True), trade(3))
    assert queue.trades() == {"A": [1, 3]}


@given(st.lists(st.tuples(st.sampled_from("tqQ"), st.sampled_from("AB")), min_size=1, max_size=400), st.integers(1, 8))
def test_quotes_conflate_to_the_newest_and_trades_stay(items, room):
    """After any burst: all trades, in order; per symbol the newest quote comes last; counted to the row."""
    queue = Queue(capacity=room * 16)
    numbers, newest = {"A": 0, "B": 0}, {}
    for place, (kind, symbol) in enumerate(items):
        if kind == "t":
            numbers[symbol] += 1
            queue.hear(trade(numbers[symbol], symbol, seconds=place))
        else:
            newest[symbol] = float(place)
            queue.hear(quote(float(place), symbol, seconds=place))
    counts = queue.ingress.counts
    rows = queue.rows()
    quotes = [(symbol, bid) for kind, symbol, _, bid, _ in rows if kind == "QUOTE"]
    assert dict(quotes) == newest
    assert len(quotes) == counts.quotes - counts.conflated
    assert counts.trades + counts.dropped == sum(numbers.values())
    assert [kind for kind, *_ in rows].count("TRADE") == counts.trades
    assert len(quotes) <= room + 1 + 2


def test_fault_51_a_full_queue_makes_connections_wait_and_then_leaves_out_with_a_gap_and_exact_counts():
    async def flood():
        queue = Queue(capacity=100)
        queue.ingress.patience = 0.0
        for number in range(1, 101):
            queue.hear(trade(number))
        assert queue.ingress.full
        await queue.ingress.room()
        assert not queue.ingress.full
        for number in range(1, 501):
            queue.hear(trade(100 + number, seconds=100), trade(number, "B", seconds=100))
        assert len(queue.ingress) == 100
        told = queue.trades()
        for number in (601, 602):
            queue.hear(trade(number, seconds=101))
        return queue, told, queue.trades()

    queue, before, after = asyncio.run(flood())
    assert before == {"A": list(range(1, 101))}
    assert queue.ingress.counts.dropped == 1000
    assert after == {"A": [None, 601, 602], "B": [None]}


def test_room_comes_back_when_half_of_the_queue_is_free():
    async def wait():
        queue = Queue(capacity=100)
        for number in range(1, 101):
            queue.hear(trade(number))
        waiting = asyncio.create_task(queue.ingress.room())
        await asyncio.sleep(0)
        queue.rows(49)
        await asyncio.sleep(0)
        early = waiting.done()
        queue.rows(1)
        await waiting
        return early, queue.ingress.counts.dropped

    assert asyncio.run(wait()) == (False, 0)


def test_silence_moves_the_time_on_once_a_second():
    queue = Queue()
    queue.ingress.beat()
    queue.hear(trade(1))
    queue.ingress.beat()
    for _ in range(3):
        queue.time.pass_seconds(1)
        queue.ingress.beat()
    assert queue.rows()[1:] == [("HEARTBEAT", "", seconds, pytest.approx(float("nan"), nan_ok=True), -1) for seconds in (2.0, 3.0, 4.0)]


@pytest.mark.parametrize("hours", [-1, 1])
def test_fault_28_a_wall_clock_that_steps_moves_no_heartbeat_and_no_arrival(hours):
    queue = Queue()
    queue.hear(trade(1))
    for second in range(1, 4):
        queue.time.wall = START + hours * (-1) ** second * 3600 * 10**9
        queue.time.steady += 10**9
        queue.beat()
    received = queue.ingress.take(10).columns["received"]
    assert ((received - START) / 1e9).tolist() == [0.0, 1.0, 2.0, 3.0]


def test_an_event_time_far_ahead_is_left_out_and_one_behind_is_kept():
    queue = Queue()
    queue.hear(trade(1, seconds=700), trade(2, seconds=0.5))
    assert [seconds for _, _, seconds, _, _ in queue.rows()] == [0.5]
    assert queue.ingress.counts.ahead == 1


def test_by_arrival_the_event_time_stands_beside():
    queue = Queue(by_event=False)
    queue.hear(trade(1, seconds=-1.27))
    columns = queue.ingress.take(1).columns
    assert (columns["time"][0], columns["received"][0], columns["event_time"][0]) == (START, START, START - 1_270_000_000)


def test_a_quote_without_a_time_has_that_of_its_arrival():
    queue = Queue()
    queue.hear(Quote("A", None, 1.0, 1.0, 2.0, 1.0))
    assert queue.rows()[0][2] == 0.0


def test_symbols_that_were_not_asked_for_are_counted_and_left_out():
    queue = Queue()
    queue.hear(trade(1, "Z"))
    assert (queue.rows(), queue.ingress.counts.unasked) == ([], 1)


def test_states_are_passed_on():
    queue = Queue()
    heard = []
    queue.ingress._on_change = heard.append
    queue.ingress.changed(StateChange("acme/1", "live", "", 1.0))
    assert heard == [StateChange("acme/1", "live", "", 1.0)]


numbered = st.tuples(
    st.sampled_from("AAABZ"), st.sampled_from([0, 1, 1, 1, 1, 2, -1]), st.sampled_from([-1, 0, 1, 2, 2, 700]), st.booleans()
)
happenings = st.one_of(
    st.tuples(st.sampled_from(["acme/1", "acme/1", "acme/2"]), st.lists(numbered, min_size=1, max_size=8)),
    st.sampled_from(["quote", "beat", "gap", "hand over", "a second", "old"]),
    st.integers(1, 20),
)


def together(*trades):
    return "acme/1", [(name[0], 1, int(name[1:]), False) for name in trades]


@settings(max_examples=tries(400))
@given(st.lists(happenings, max_size=20), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([5, 1000]))
@example(["old", together("A0", "A0")], True, True, False, 1000)
@example([together("A0"), together("A700", "A1")], True, True, False, 1000)
@example([together(*["A0"] * 7), 3, together("A0", "A0")], True, True, False, 5)
@example([together("A0"), together("A2", "A1"), ("acme/1", [("A", -2, 1, False)])], True, True, False, 1000)
def test_trades_that_came_together_are_those_that_came_one_by_one(script, consecutive, by_event, quotes, capacity):
    """Their numbers go on by `step`: mostly the next one, sometimes a repeat, a hole, or a name; times may be too far ahead."""
    options = {"consecutive": consecutive, "by_event": by_event, "quotes": quotes, "capacity": capacity}
    alone, at_once = Queue(**options), Queue(**options)
    last = {"A": 10, "B": 10, "Z": 10}
    taken = {id(alone): [], id(at_once): []}
    alone.ingress.away, at_once.ingress.away = {1}, {1}
    for happens in script:
        trades = []
        if isinstance(happens, tuple):
            for symbol, step, seconds, named in happens[1]:
                last[symbol] += step
                number = last[symbol] if consecutive or not named else f"id-{last[symbol]}"
                trades.append(replace_id(trade(0, symbol, seconds=seconds), number))
        for queue in (alone, at_once):
            if happens == "a second":
                queue.time.pass_seconds(1)
            elif happens == "quote" and quotes:
                queue.hear(quote(9.0))
            elif happens == "beat":
                queue.ingress.beat()
            elif happens == "old":
                queue.hear(trade(last["A"], old=True))
            elif happens == "gap":
                queue.hear(Gap("A", "so"))
            elif happens == "hand over":
                queue.ingress.lost("acme/1", STREAMS, "gone")
            elif isinstance(happens, int):
                taken[id(queue)] += drained(queue, happens)
            elif trades and queue is alone:
                for each in trades:
                    queue.hear(each, connection=happens[0])
            elif trades:
                columns = zip(*(each[:6] for each in trades), strict=True)
                queue.ingress.traded(happens[0], queue.now(), Trades(*map(list, columns)))
        assert len(alone.ingress) == len(at_once.ingress)
        assert (alone.ingress.counts, alone.ingress.heard) == (at_once.ingress.counts, at_once.ingress.heard)
        assert alone.ingress.spoke() == at_once.ingress.spoke()
    for queue in (alone, at_once):
        taken[id(queue)] += drained(queue, 1 << 30)
    assert taken[id(alone)] == taken[id(at_once)]


def drained(queue, most):
    """As many of the rows that wait, of all columns."""
    rows = []
    while len(rows) < most and (raw := queue.ingress.take(most - len(rows))) is not None:
        names = list(raw.columns)
        kinds = [raw.columns[name].dtype for name in names]
        rows += [(*names, *kinds, *row) for row in zip(*(map(str, raw.columns[name].tolist()) for name in names), strict=True)]
    return rows
