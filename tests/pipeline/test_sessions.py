"""Sessions: local hours as instants, through summer time, holidays and midnight; edges to the nanosecond.

09:30                               16:00
[------------ session --------------)          the open is in, the close is out
"""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.checks import observe
from pipeline.errors import ParameterError
from pipeline.operators import session_high, session_low, vwap
from pipeline.ticks import Ticks
from pipeline.windows import bars, session

NEW_YORK = "America/New_York"
HOUR = 3600 * 10**9
STOCKS = session("09:30-16:00", tz=NEW_YORK, holidays=["2024-07-04", "2025-12-25"], early_closes={"2024-07-03": "13:00"})
FUTURES = session("18:00-17:00", tz=NEW_YORK, days="Sun-Thu")
ALWAYS = session("00:00-24:00", days="Mon-Sun")
BERLIN = session("08:00-22:00", tz="Europe/Berlin")


def ns(text: str) -> int:
    """An instant, written in UTC."""
    return round(dt.datetime.fromisoformat(text + "+00:00").timestamp()) * 10**9


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


GOLDEN = [
    # hours, the local day, open and close in UTC
    (STOCKS, "2024-01-02", "2024-01-02T14:30", "2024-01-02T21:00"),  # winter time
    (STOCKS, "2024-07-02", "2024-07-02T13:30", "2024-07-02T20:00"),  # summer time
    (STOCKS, "2024-03-08", "2024-03-08T14:30", "2024-03-08T21:00"),  # the Friday before the clocks change
    (STOCKS, "2024-03-11", "2024-03-11T13:30", "2024-03-11T20:00"),  # and the Monday after
    (STOCKS, "2024-11-01", "2024-11-01T13:30", "2024-11-01T20:00"),
    (STOCKS, "2024-11-04", "2024-11-04T14:30", "2024-11-04T21:00"),
    (STOCKS, "2024-07-03", "2024-07-03T13:30", "2024-07-03T17:00"),  # half a day
    (BERLIN, "2024-03-29", "2024-03-29T07:00", "2024-03-29T21:00"),  # Europe changes three weeks later
    (BERLIN, "2024-04-01", "2024-04-01T06:00", "2024-04-01T20:00"),
    (FUTURES, "2024-01-02", "2024-01-02T23:00", "2024-01-03T22:00"),  # over midnight, over UTC midnight
    (FUTURES, "2024-03-10", "2024-03-10T22:00", "2024-03-11T21:00"),
    (ALWAYS, "2024-02-29", "2024-02-29T00:00", "2024-03-01T00:00"),
    (ALWAYS, "2016-12-31", "2016-12-31T00:00", "2017-01-01T00:00"),  # a leap second at its end: unix time has none
    (session("00:00-24:00", tz=NEW_YORK, days="Sun"), "2024-03-10", "2024-03-10T05:00", "2024-03-11T04:00"),  # a day of 23 hours
    (session("00:00-24:00", tz=NEW_YORK, days="Sun"), "2024-11-03", "2024-11-03T04:00", "2024-11-04T05:00"),  # of 25
    (session("02:30-16:00", tz=NEW_YORK, days="Mon-Sun"), "2024-03-10", "2024-03-10T07:30", "2024-03-10T20:00"),  # 02:30 does not exist
    (
        session("01:30-16:00", tz=NEW_YORK, days="Mon-Sun"),
        "2024-11-03",
        "2024-11-03T05:30",
        "2024-11-03T21:00",
    ),  # 01:30 comes twice: the first
]


@pytest.mark.parametrize(("hours", "on", "opens", "closes"), GOLDEN, ids=lambda value: str(value))
def test_fault_33_open_and_close_in_utc(hours, on, opens, closes):
    assert hours.on(day(on)) == (ns(opens), ns(closes))


@pytest.mark.parametrize(("hours", "on", "opens", "closes"), GOLDEN, ids=lambda value: str(value))
def test_fault_33_the_open_is_in_and_the_close_is_out_to_the_nanosecond(hours, on, opens, closes):
    start, end = ns(opens), ns(closes)
    joined = hours.on(day(on) + dt.timedelta(days=1))
    after = end if joined and joined[0] == end else None
    before = hours.on(day(on) - dt.timedelta(days=1))
    assert hours.open_of(start - 1) == (before[0] if before and before[1] == start else None)
    assert hours.open_of(start) == hours.open_of(start + 1) == hours.open_of(end - 1) == start
    assert hours.open_of(end) == hours.open_of(end + 1) == after
    times = np.array([start - 1, start, start + 1, end - 1, end, end + 1])
    assert hours.opens_at(times)[1:].tolist() == [start] * 3 + [after or -1] * 2
    assert hours.closes_at(times)[1:4].tolist() == [end] * 3


@pytest.mark.parametrize(("hours", "on"), [(STOCKS, "2024-07-04"), (STOCKS, "2024-01-06"), (STOCKS, "2024-01-07"), (FUTURES, "2024-01-05")])
def test_fault_33_there_is_none_on_holidays_and_weekends(hours, on):
    assert hours.on(day(on)) is None
    noon = ns(on + "T17:00") if hours is STOCKS else ns("2024-01-05T23:30")
    assert hours.open_of(noon) is None
    assert hours.opens_at(np.array([noon])).tolist() == hours.closes_at(np.array([noon])).tolist() == [-1]


def test_fault_33_a_day_that_a_place_skipped_has_no_session():
    """Samoa went from Thursday, 2011-12-29, to Saturday, the 31st: midnight was at 10:00 UTC of the 30th."""
    saturday = ns("2011-12-30T20:00")  # 10:00 in Apia
    apia = session("09:30-16:00", tz="Pacific/Apia")
    assert [apia.on(day(f"2011-12-{date}")) is None for date in (28, 29, 30, 31)] == [False, False, True, True]
    assert apia.open_of(saturday) is None
    every_day = session("09:30-16:00", tz="Pacific/Apia", days="Mon-Sun")
    assert every_day.around(ns("2011-12-29T00:00"), ns("2011-12-31T12:00")) == [
        (ns(f"2011-12-{opens}"), ns(f"2011-12-{closes}"))
        for opens, closes in (("28T19:30", "29T02:00"), ("29T19:30", "30T02:00"), ("30T19:30", "31T02:00"))
    ]
    nights = session("18:00-17:00", tz="Pacific/Apia", days="Mon-Sun")
    assert nights.open_of(saturday) == ns("2011-12-30T04:00")  # 18:00 on Thursday


def test_a_session_that_began_before_midnight_goes_on_after_it():
    """The night of Thursday is traded on Friday, which has no session of its own."""
    friday = ns("2024-01-05T12:00")
    assert FUTURES.open_of(friday) == ns("2024-01-04T23:00")
    assert FUTURES.open_of(ns("2024-01-05T22:00")) is None


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("Mon-Fri", {0, 1, 2, 3, 4}),
        ("Mon-Sun", set(range(7))),
        ("Sun-Thu", {6, 0, 1, 2, 3}),
        ("Mon,Wed", {0, 2}),
        ("Sat, Mon-Tue", {5, 0, 1}),
        ("Fri-Mon", {4, 5, 6, 0}),
    ],
)
def test_days_are_ranges_and_lists(days, expected):
    hours = session("10:00-11:00", days=days)
    assert {d.weekday() for d in (day("2024-01-01") + dt.timedelta(days=n) for n in range(7)) if hours.on(d)} == expected


@given(
    hours=st.sampled_from([STOCKS, FUTURES, ALWAYS, BERLIN]),
    times=st.lists(st.integers(ns("2024-02-25T00:00"), ns("2024-04-05T00:00")), min_size=1, max_size=40),
)
@settings(max_examples=tries(60), deadline=None)
def test_a_batch_of_times_is_each_time_by_itself(hours, times):
    ordered = np.array(sorted(times))
    assert hours.opens_at(ordered).tolist() == [-1 if hours.open_of(t) is None else hours.open_of(t) for t in ordered.tolist()]
    for time, close in zip(ordered.tolist(), hours.closes_at(ordered).tolist(), strict=True):
        zone = ZoneInfo(hours.tz)
        local = dt.datetime.fromtimestamp(time // 10**9, zone).date()
        around = [hours.on(local + dt.timedelta(days=n)) for n in (-1, 0)]
        assert close == next((bounds[1] for bounds in around if bounds and bounds[0] <= time < bounds[1]), -1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": "9.30-16:00"}, {"hours": "09:30"}, {"hours": "09:30-25:00"}, {"hours": "09:60-16:00"}, {"hours": "-1:00-16:00"},
        {"tz": "America/Gotham"}, {"tz": "../etc/passwd"}, {"holidays": ["2024-02-30"]}, {"holidays": ["Christmas"]},
        {"early_closes": {"2024-07-03": "1 pm"}}, {"early_closes": {"July 3": "13:00"}}, {"days": "Mon-Fry"}, {"days": ""}, {"days": "mon"},
    ],
    ids=str,
)  # fmt: skip
def test_fault_73_what_is_no_session_is_refused_with_an_example(wrong):
    with pytest.raises(ParameterError, match=r'expected for example session\("09:30-16:00"'):
        session(**{"hours": "09:30-16:00", **wrong})


def test_sessions_of_the_same_hours_are_equal_whatever_they_were_written_as():
    assert session("9:30-16:00", tz=NEW_YORK) == session("09:30-16:00", tz=NEW_YORK)
    assert session("09:30-16:00", days="Mon,Tue,Wed,Thu,Fri") == session("09:30-16:00")
    assert session("09:30-16:00") != session("09:30-16:00", holidays=["2024-07-04"])
    assert session("09:30-16:00", holidays=[dt.date(2024, 7, 4)]) == session("09:30-16:00", holidays=["2024-07-04"])


# What operators and bars make of the edges, across the change to summer time.

EDGES = [ns("2024-03-08T14:30"), ns("2024-03-08T21:00"), ns("2024-03-11T13:30"), ns("2024-03-11T20:00")]
TIMES = np.array([edge + step for edge in EDGES for step in (-1, 0, 1)])


def edge_tape() -> Ticks:
    return Ticks.of(TIMES, ["SPY"] * 12, price=[99.0, 5.0, 7.0, 6.0, 99.0, 99.0, 99.0, 1.0, 2.0, 3.0, 99.0, 99.0], size=[1.0] * 12)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (session_high(STOCKS), [None, 5, 7, 7, None, None, None, 1, 2, 3, None, None]),
        (session_low(STOCKS), [None, 5, 5, 5, None, None, None, 1, 1, 1, None, None]),
        (vwap(STOCKS), [None, 5, 6, 6, None, None, None, 1, 1.5, 2, None, None]),
    ],
    ids=repr,
)
def test_fault_33_operators_begin_anew_at_each_open_and_end_at_the_close(operator, expected):
    for cuts in ((), range(1, 12)):
        found = observe(operator, edge_tape(), cuts).column("value")
        assert [None if np.isnan(value) else value for value in found.tolist()] == expected


def test_fault_33_a_bar_of_a_session_ends_at_its_close_without_the_trades_outside():
    for cuts in ((), range(1, 12)):
        made = observe(bars(STOCKS), edge_tape(), cuts)
        assert made.column("time").tolist() == [EDGES[1], EDGES[3]]
        shown = [made.column(name).tolist() for name in ("open", "high", "low", "price", "count")]
        assert shown == [[5.0, 1.0], [7.0, 3.0], [5.0, 1.0], [6.0, 3.0], [3.0, 3.0]]
