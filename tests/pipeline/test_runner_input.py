"""Bad and late input: it ends the run, or is set aside, and what was judged before it stands."""

import itertools
import json

import numpy as np
import pytest
from runs import SECOND, START, Above, Cut, Ups, ticks_of
from tries import THOROUGH

from pipeline import Strategy, Ticks, alert_when, combine_latest, run
from pipeline.errors import BadRow, InputError, LateRow, SinkError, TooManySymbols
from pipeline.ingest import RawRows
from pipeline.operators import moving_average
from pipeline.sinks.memory import MemorySink


def test_a_bad_row_ends_the_run_and_what_was_judged_stands():
    ticks = ticks_of()
    price = ticks.price.copy()
    price[40] = np.nan
    bad = Ticks({**ticks.columns, "price": price}, ticks.symbols)
    sink = MemorySink()
    report = run(bad, Above(), sinks=[sink])
    assert isinstance(report.incomplete, BadRow)
    assert (report.incomplete.line, report.ticks, report.exit_code) == (40, 40, 3)
    assert report.alerts == run(ticks[:40], Above()).alerts
    assert sink.alerts == list(report.alerts)
    assert "INCOMPLETE" in report.summary()


def test_too_many_symbols_end_the_run():
    report = run(ticks_of(), Above(), max_symbols=2)
    assert isinstance(report.incomplete, TooManySymbols)
    assert report.symbols == 2


def test_a_feed_that_fails_is_named_and_what_it_gave_stands():
    ticks = ticks_of()
    cable = "the cable is cut"
    for error, text in ((OSError(cable), f"the feed cut failed: OSError: {cable}"), (InputError("no more"), "no more")):
        report = run(Cut(ticks, 10, error=error), Above(), lateness="5s")
        assert str(report.incomplete) == text
        assert report.alerts == run(ticks, Above()).alerts


def test_a_feed_that_does_not_keep_its_promise():
    class Liar(Cut):
        def rows(self):
            for raw in super().rows():
                yield RawRows({name: column for name, column in raw.columns.items() if name != "size"}, raw.names)

    assert "without the column 'size'" in str(run(Liar(ticks_of()), Above()).incomplete)


# FAULTS 29 and 30: late rows.

TICKS = 6 if THOROUGH else 5


def test_fault_29_every_order_of_some_ticks_within_the_lateness_gives_the_alerts_of_the_sorted_tape():
    time = START + np.array([0, 3, 4, 7, 8, 10])[:TICKS] * SECOND
    columns = {"symbol": list("ABABAB")[:TICKS], "price": [10.0, 20.0, 11.0, 19.0, 10.5, 21.0][:TICKS], "size": [1.0] * TICKS}

    class Rises(Strategy):
        def alerts(self, ticks):
            return combine_latest(average=ticks.pipe(moving_average(2))).pipe(alert_when(lambda s: s.price > s.average))

    expected = run(Ticks.of(time=time, **columns), Rises(), Ups()).alerts
    assert len(expected) >= 3
    for order in itertools.permutations(range(TICKS)):
        shuffled = {name: [values[place] for place in order] for name, values in columns.items()}
        report = run(Ticks.of(time=time[list(order)], **shuffled), Rises(), Ups(), lateness="10s")
        assert report.alerts == expected
        assert report.incomplete is None


LATE = Ticks.of(time=START + np.array([0, 5, 10, 2, 11]) * SECOND, symbol=["A"] * 5, price=[10.0, 10.0, 10.0, 99.0, 10.0], size=[1.0] * 5)


def test_fault_30_fail_stops_at_the_late_row():
    report = run(LATE, Above(), lateness="3s")
    assert isinstance(report.incomplete, LateRow)
    assert (report.incomplete.line, report.incomplete.late_ns, report.ticks, report.exit_code) == (3, 8 * SECOND, 3, 3)


def test_fault_30_clamp_keeps_the_row_and_its_time():
    seen, shown = [], ("time", "event_time", "price")

    class Sees(Strategy):
        def alerts(self, ticks):
            assert "event_time" in ticks.columns
            ticks.subscribe(lambda batch: seen.extend(zip(*(batch.columns[name].tolist() for name in shown), strict=True)))
            return Above().alerts(ticks)

    report = run(LATE, Sees(), late="clamp", lateness="3s")
    assert [((time - START) // SECOND, (was - START) // SECOND, price) for time, was, price in seen] == [
        (0, 0, 10.0), (5, 5, 10.0), (7, 2, 99.0), (10, 10, 10.0), (11, 11, 10.0),
    ]  # fmt: skip
    assert (report.late_rows, report.dropped_rows, report.ticks, report.exit_code) == (1, 0, 5, 0)
    assert [alert.time for alert in report.alerts if alert.event == "raised"] == [START + 7 * SECOND]


@pytest.mark.parametrize("lateness", ["0s", "3s"])
def test_fault_30_drop_counts_the_row_and_sets_it_aside(tmp_path, lateness):
    path = tmp_path / "late.jsonl"
    report = run(LATE, Above(), late="drop", lateness=lateness, quarantine=path)
    assert (report.late_rows, report.dropped_rows, report.ticks, report.exit_code) == (1, 1, 4, 0)
    assert "1, 1 of them dropped" in report.summary()
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (row["line"], row["symbol"], row["price"], row["reason"]) == (3, "A", 99.0, "8 s late")
    kept = [0, 1, 2, 4]
    rest = Ticks.of(time=LATE.time[kept], symbol=["A"] * 4, price=LATE.price[kept], size=[1.0] * 4)
    assert report.alerts == run(rest, Above()).alerts


def test_fault_30_a_quarantine_file_that_cannot_be_opened_stops_the_run_before_it_starts(tmp_path):
    with pytest.raises(SinkError, match="cannot be opened"):
        run(LATE, Above(), late="drop", quarantine=tmp_path)
