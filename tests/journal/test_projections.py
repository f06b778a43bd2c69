"""Projections: kept up to date or rebuilt they say the same, and outcomes are those of a plain look at the tape."""

import math
from pathlib import Path

import numpy as np
import pytest
from faulty_files import FaultyFiles
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import Above, Cut, ticks_of
from tries import tries

from pipeline import Alert, run
from pipeline.alerts import Order
from pipeline.checks import tape_of
from pipeline.errors import UsageError
from pipeline.journal import Journal
from pipeline.journal.outcomes import AlertsByHour, Outcomes
from pipeline.journal.payloads import alerts_record
from pipeline.journal.projections import Projection, project
from pipeline.journaling import Journaling
from pipeline.ticks import Kind

FOLDER = Path("/journal")
SECOND = 1_000_000_000
CUTS = st.lists(st.integers(1, 199), max_size=5, unique=True).map(sorted)
SPANS = ("3s", "10s", "40s")


class Counted(Projection):
    """What is read, in order."""

    def begin(self):
        return {"rows": 0, "alerts": [], "configured": 0}

    def rows(self, ticks):
        self.state["rows"] += len(ticks)

    def alerts(self, alerts):
        self.state["alerts"] += [alert.id for alert in alerts]

    def configured(self, config):
        self.state["configured"] += 1

    def result(self):
        return [self.state]


def outcomes():
    return Outcomes(after=SPANS, follow=0.005, within="10s", along="nothing")


@settings(max_examples=tries(40), deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.integers(1, 199), max_size=5, unique=True).map(sorted),
    st.sampled_from([Counted, AlertsByHour, outcomes]),
)
def test_kept_up_to_date_it_says_what_it_says_rebuilt(seed, ends, make):
    ticks, files = ticks_of(200, seed), FaultyFiles()
    for rows in (*ends, 200):
        run(Cut(ticks[:rows], *[cut for cut in (50, 90) if cut < rows]), Above(), journal=Journaling(FOLDER, files=files))
        kept = project(make(), FOLDER, keep=True, files=files).result()
        assert kept == project(make(), FOLDER, files=files).result()
        assert kept == project(make(), FOLDER, keep=True, rebuild=True, files=files).result()


@settings(max_examples=tries(30), deadline=None)
@given(st.integers(0, 1000), CUTS)
def test_outcomes_are_those_of_a_plain_look_at_the_tape(seed, cuts):
    ticks, files = ticks_of(200, seed), FaultyFiles()
    report = run(Cut(ticks, *cuts), Above(), journal=Journaling(FOLDER, files=files))
    (row,) = project(outcomes(), FOLDER, files=files).result() or [None]
    moves, followed = plain(ticks, [alert for alert in report.alerts if alert.event == "raised"])
    assert row["alerts"] == len(moves)
    for place, name in enumerate(SPANS):
        known = [move[place] for move in moves if move[place] is not None]
        assert row[f"{name}_known"] == len(known)
        assert row[f"{name}_mean"] == (pytest.approx(sum(known) / len(known), abs=1e-12) if known else None)
        assert row[f"{name}_went_on"] == (sum(move > 0 for move in known) / len(known) if known else None)
    decided = [each for each in followed if each is not None]
    assert row["followed"] == (sum(decided) / len(decided) if decided else None)


def plain(ticks, alerts):
    """Alert by alert, row by row."""
    names = [ticks.symbols.name(code) for code in ticks.symbol.tolist()]
    rows = list(zip(ticks.time.tolist(), names, ticks.price.tolist(), strict=True))
    end, moves, followed = rows[-1][0], [], []
    for alert in alerts:
        mine = [(time, price) for time, symbol, price in rows if symbol == alert.symbol]
        price = [price for time, symbol, price in rows[: alert.order.seq + 1] if symbol == alert.symbol][-1]
        spans = [int(name[:-1]) * SECOND for name in SPANS]
        later = [[each for time, each in mine if time <= alert.time + span][-1] if end > alert.time + span else None for span in spans]
        moves.append([None if each is None else (each - price) / price for each in later])
        best = max([(each - price) / price for time, each in mine if alert.time < time <= alert.time + 10 * SECOND], default=-math.inf)
        followed.append(True if best >= 0.005 else False if end > alert.time + 10 * SECOND else None)
    return moves, followed


def test_of_a_span_in_which_rows_were_lost_nothing_is_known():
    """A GAP 20 s after the alert: 3 s and 10 s are known, 40 s is not; of another symbol it would not matter."""
    kinds = [Kind.TRADE, Kind.TRADE, Kind.TRADE, Kind.GAP, Kind.TRADE, Kind.TRADE]
    price = [100.0, 100.0, 101.0, np.nan, 103.0, 103.0]
    for name, known in (("A", 0), ("B", 1)):
        files, symbols = FaultyFiles(), ["A", "A", "A", name, "A", "A"]
        ticks = tape_of([0, 1, 3, 20, 45, 90], symbol=symbols, price=price, size=[1.0] * 6, kind=np.array(kinds, np.int8))
        how = Journaling(FOLDER, files=files)
        run(ticks[:2], journal=how)
        with Journal.open(FOLDER, files=files) as journal:
            journal.append(alerts_record([Alert("A", int(ticks.time[1]), strategy="mine", id="a", order=Order(int(ticks.time[1]), 2, 1))]))
        run(ticks, journal=how)
        (row,) = project(outcomes(), FOLDER, files=files).result()
        assert (row["3s_known"], row["10s_known"], row["40s_known"], row["followed"]) == (1, 1, known, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "move", "followed"), [(-10.0, -9.9, 0.01, 1.0), (-10.0, -10.5, -0.05, 0.0), (0.0, 1.0, None, None)]
)
def test_outcomes_at_prices_that_are_not_positive(before, after, move, followed):
    """Up is up, also below nothing; of nothing there is no fraction."""
    files = FaultyFiles()
    how = Journaling(FOLDER, files=files)
    ticks = tape_of([0, 1, 3, 90], price=[before, before, after, after], size=[1.0] * 4)
    run(ticks[:2], journal=how)
    with Journal.open(FOLDER, files=files) as journal:
        journal.append(alerts_record([Alert("A", int(ticks.time[1]), strategy="mine", id="a", order=Order(int(ticks.time[1]), 2, 1))]))
    run(ticks, journal=how)
    (row,) = project(outcomes(), FOLDER, files=files).result()
    assert (row["alerts"], row["3s_mean"], row["followed"]) == (1, pytest.approx(move) if move else None, followed)


def test_every_row_alert_and_configuration_is_read_once():
    files = FaultyFiles()
    for rows in (80, 200):
        report = run(ticks_of(200)[:rows], Above(margin=rows / 200), journal=Journaling(FOLDER, files=files))
        found = project(Counted(), FOLDER, keep=True, files=files).state
        assert (found["rows"], found["configured"]) == (rows, 1 if rows == 80 else 2)
    assert found["alerts"][-len(report.alerts) :] == [alert.id for alert in report.alerts]


def test_a_projection_of_other_code_or_of_another_log_begins_anew(monkeypatch):
    files = FaultyFiles()
    run(ticks_of(200), Above(), journal=Journaling(FOLDER, files=files))
    project(Counted(), FOLDER, keep=True, files=files)
    monkeypatch.setattr(Counted, "fingerprint", classmethod(lambda cls: "another"))
    assert project(Counted(), FOLDER, keep=True, files=files).state["rows"] == 200
    other = FaultyFiles()
    run(ticks_of(100), Above(), journal=Journaling(FOLDER, files=other))
    for path, content in files.files.items():
        if path.parent.name == "projections":
            other.files[path] = content
    assert project(Counted(), FOLDER, keep=True, files=other).state["rows"] == 100


def test_a_state_that_json_cannot_hold_is_refused():
    class Odd(Projection):
        def begin(self):
            return {"what": object()}

    files = FaultyFiles()
    run(Cut(ticks_of(50), 20), Above(), journal=Journaling(FOLDER, files=files))
    assert project(Odd(), FOLDER, files=files).result() == []
    with pytest.raises(UsageError, match="the state of Odd cannot be kept"):
        project(Odd(), FOLDER, keep=True, files=files)
