"""The times of a CSV file: units, zones, and what is no time (FAULTS 31)."""

import pytest
from csv_files import START_NS, START_S, refusal, rows_of, written

from feeds.recorded import csv
from pipeline.errors import BadRow

UNITS = {"s": START_S, "ms": START_S * 10**3, "us": START_S * 10**6, "ns": START_NS}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("given_unit", [False, True])
def test_the_unit_of_integer_times(tmp_path, unit, given_unit):
    path = written(tmp_path, f"{UNITS[unit]},SPY,1,1", f"{UNITS[unit] + 1},SPY,1,1")
    found, fault = rows_of(csv(path, time_unit=unit if given_unit else None))
    assert fault is None
    assert [row["time"] for row in found] == [START_NS, START_NS + {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]]


@pytest.mark.parametrize("other", UNITS)
@pytest.mark.parametrize("unit", UNITS)
def test_fault_31_units_mixed_up_in_one_file(tmp_path, unit, other):
    if unit != other:
        error = refusal(written(tmp_path, f"{UNITS[unit]},SPY,1,1", f"{UNITS[other]},SPY,1,1"))
        assert isinstance(error, BadRow)
        assert (error.line, error.value) == (3, str(UNITS[other]))
        assert f"it would be one in {other}, but this file is in {unit}" in error.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0", "between 2000 and 2100"),
        ("1", "between 2000 and 2100"),
        ("-1381219200", "between 2000 and 2100"),
        ("9999999999999999999", "between 2000 and 2100"),
        ("1381219200.5", "is a float"),
        ("1.3812192e9", "is a float"),
        ("2013-10-08T08:00:00", "has no time zone"),
        ("2013-10-08", "has no time zone"),
        ("2099", "between 2000 and 2100"),
        ("1970-01-01T00:00:00Z", "between 2000 and 2100"),
        ("2013-02-30T00:00:00Z", "is no time"),
        ("2013-10-08T25:00:00Z", "is no time"),
        ("noon", "is no time"),
        ("", "is missing"),
    ],
)
@pytest.mark.parametrize("first", [None, str(START_S), "2013-10-08T08:00:00Z"])
def test_fault_31_a_time_that_is_none(tmp_path, text, reason, first):
    error = refusal(written(tmp_path, *([f"{first},SPY,1,1"] if first else []), f"{text},SPY,1,1"))
    assert isinstance(error, BadRow)
    assert (error.line, error.column, error.value, error.exit_code) == (3 if first else 2, "timestamp", text, 3)
    if not first:
        assert reason in error.reason


@pytest.mark.parametrize("text", ["4070908800", "2099-01-01T00:00:00Z"])
def test_fault_31_one_row_of_2099_does_not_make_the_rest_late(tmp_path, text):
    start = str(START_S) if text.isdigit() else "2013-10-08T08:00:00Z"
    error = refusal(written(tmp_path, f"{start},SPY,1,1", f"{text},SPY,1,1", f"{start},SPY,1,1"))
    assert isinstance(error, BadRow)
    assert (error.line, error.reason) == (3, "is 85 years after the row before it")


def test_fault_31_hexadecimal_is_no_time(tmp_path):
    error = refusal(written(tmp_path, f"{START_NS},SPY,1,1", f"{START_NS:#x},SPY,1,1"))
    assert "is no time" in str(error)


def test_iso_times_to_the_nanosecond_in_any_zone(tmp_path):
    texts = ["2013-10-08T08:00:00Z", "2013-10-08 08:00:00.000000001+00:00", "2013-10-08T04:00:00.5-04:00"]
    texts += ["2013-10-08T10:00:01+0200", "2013-10-08T11:00:02+03"]
    found, fault = rows_of(csv(written(tmp_path, *(f"{text},SPY,1,1" for text in texts))))
    assert fault is None
    assert [row["time"] - START_NS for row in found] == [0, 1, 500_000_000, 10**9, 2 * 10**9]
