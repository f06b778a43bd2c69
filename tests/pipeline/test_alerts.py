"""Alerts: what they say, how they are shown, and ids that are the same in every run."""

import itertools
import os
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import CLEARED, RAISED, Alert, AlertIds, Alerts, Order, format_time

NOON = 1_704_196_800 * 10**9


def alert(**changed: object) -> Alert:
    return Alert(**{"symbol": "SPY", "time": NOON, "message": "up", "values": {"price": 1.5}, **changed})


@given(
    strategy=st.text(max_size=5), rule=st.text(max_size=5), event=st.sampled_from([RAISED, CLEARED]), symbol=st.text(max_size=5),
    time=st.integers(0, 2**62), ordinal=st.integers(-1, 3),
)  # fmt: skip
def test_an_id_is_the_same_for_the_same_and_twenty_digits(strategy, rule, event, symbol, time, ordinal):
    ids = AlertIds(strategy, rule)
    made = ids.id(event, symbol, time, ordinal)
    assert made == ids.id(event, symbol, time, ordinal) == AlertIds(strategy, rule).id(event, symbol, time, ordinal)
    assert len(made) == 20
    int(made, 16)


def test_every_part_of_an_id_counts():
    parts = [("S(x=1)", "S(x=2)"), ("rule", "rule2"), (RAISED, CLEARED), ("A", "B"), (NOON, NOON + 1), (0, 1, -1)]
    made = [AlertIds(strategy, rule).id(*rest) for strategy, rule, *rest in itertools.product(*parts)]
    assert len(set(made)) == len(made) == 96


def test_parts_of_an_id_do_not_run_into_each_other():
    assert AlertIds("a", "b").id("c", "d", 1, 1) != AlertIds("ab", "").id("c", "d", 1, 1)
    assert AlertIds("a", "b").id(RAISED, "A", 1, 12) != AlertIds("a", "b").id(RAISED, "A", 11, 2)


def test_fault_10_an_id_does_not_depend_on_the_process():
    """Golden: a change of this value is a change of every id ever written."""
    made = "from pipeline.alerts import AlertIds; print(AlertIds('Jump(move=0.01)', 'rule').id('raised', 'SPY', 1704196800000000000, 0))"
    found = {
        subprocess.run(
            [sys.executable, "-c", made], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert found == {"a47c6fcf6f03035ae635\n"}


@given(time=st.integers(0, 4_102_444_800 * 10**9))
def test_a_time_is_shown_to_the_nanosecond_and_reads_back(time):
    shown = format_time(time)
    assert pd.Timestamp(shown).as_unit("ns").value == time
    assert datetime.fromisoformat(shown[:19]).replace(tzinfo=UTC).timestamp() == time // 10**9


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (NOON, "2024-01-02T12:00:00Z"),
        (NOON + 34_000_000, "2024-01-02T12:00:00.034Z"),
        (NOON + 120_000, "2024-01-02T12:00:00.000120Z"),
        (NOON + 1, "2024-01-02T12:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_has_digits_in_threes(time, shown):
    assert format_time(time) == alert(time=time).clock == shown


def test_what_sinks_write_is_in_the_order_of_reading():
    written = alert(strategy="jump", id="ab").as_dict()
    assert list(written) == ["time", "symbol", "strategy", "event", "severity", "message", "values", "degraded", "rule", "time_ns", "id"]
    assert (written["time"], written["time_ns"], written["values"], written["event"]) == (
        "2024-01-02T12:00:00Z",
        NOON,
        {"price": 1.5},
        RAISED,
    )


def test_an_alert_is_completed_by_a_copy():
    made = alert()
    assert made.completed(id="x", strategy="jump") == alert(id="x", strategy="jump")
    assert made.id == ""


def test_a_deadline_comes_before_the_derived_rows_and_those_before_the_rows_of_its_time():
    orders = [Order(NOON, 2, 1), Order(NOON - 1, 2, 9), Order(NOON, 0, 0), Order(NOON, 1, 7), Order(NOON, 2, 0)]
    assert sorted(orders) == [orders[1], orders[2], orders[3], orders[4], orders[0]]


def test_alerts_are_a_sequence():
    made = Alerts(alert(time=NOON + second) for second in range(3))
    assert (len(made), made[0].time, made[-1].time, list(made[1:])) == (3, NOON, NOON + 2, [alert(time=NOON + 1), alert(time=NOON + 2)])
    assert isinstance(made[1:], Alerts)
    assert made == Alerts(list(made))
    assert made != Alerts(list(made)[:2])
    assert repr(made) == "Alerts(3)"


def test_a_frame_has_a_row_an_alert_and_a_column_a_value():
    shown = Alerts([alert(), alert(time=NOON + 1, values={"size": 2.0}, event=CLEARED)]).to_pandas()
    assert shown["time"].tolist() == [pd.Timestamp(NOON, tz="UTC"), pd.Timestamp(NOON + 1, tz="UTC")]
    assert shown["event"].tolist() == [RAISED, CLEARED]
    assert (shown["price"][0], shown["size"][1]) == (1.5, 2.0)
    assert shown["size"].isna().tolist() == [True, False]
    none = Alerts().to_pandas()
    assert (len(none), list(none.columns)[:3]) == (0, ["time", "symbol", "strategy"])


def test_fault_65_a_notebook_neutralises_markup():
    shown = Alerts([alert(message="<script>alert(1)</script>")] * 30)._repr_html_()
    assert "<script>" not in shown
    assert "30 alerts" in shown
    assert shown.count("<tr>") == 20


def test_a_frame_of_alerts_has_the_same_types_whatever_is_in_it():
    fixed = {"time": "datetime64[ns, UTC]"} | dict.fromkeys(("symbol", "strategy", "event", "severity", "message", "rule", "id"), "str")
    fixed["degraded"] = "bool"
    assert Alerts().to_pandas().dtypes.astype(str).to_dict() == fixed
    shown = Alerts([alert(values={"price": 1.5}), alert(values={"size": 2.0})]).to_pandas()
    assert shown.dtypes.astype(str).to_dict() == fixed | {"price": "float64", "size": "float64"}


def test_a_value_named_like_a_column_of_the_frame_hides_nothing():
    shown = Alerts([alert(id="ab", values={"id": 1.0, "time": 2.0})]).to_pandas()
    assert (shown["id"][0], shown["id_value"][0], shown["time_value"][0]) == ("ab", 1.0, 2.0)
    assert shown["time"][0] == pd.Timestamp(NOON, tz="UTC")
